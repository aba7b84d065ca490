"""Past runs as a table, CSV and JSON; what rules said over a period; what was dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from auditor.model.findings import Severity
from auditor.model.history import IntervalRow, IntervalView, RunEntry
from reports.csv import write_rows
from reports.json import format_json
from reports.paint import choose_paint
from reports.summary import align
from reports.text import count, show_name

NONE = "-"

NOTHING_KNOWN = "nothing is known of this period: no run whose content is kept was started in it"

RUN_COLUMNS = (
    "id",
    "cluster",
    "cluster_name",
    "sequence",
    "started_at",
    "score",
    *(one.value for one in Severity),
    "waived",
    "gaps",
    "namespaces",
    "pods",
    "policies",
    "tool_version",
    "signed",
    "pruned",
    "hash",
)
"""The columns of the CSV of runs, in an order that later versions only add to, at the end."""

INTERVAL_COLUMNS = (
    "cluster",
    "since",
    "until",
    "namespace",
    "rule",
    "state",
    "runs",
    "unsatisfied",
    "waived",
    "not_evaluated",
    "first_unsatisfied_at",
    "last_unsatisfied_at",
)
"""The same of the interval view."""

_HOUR, _DAY = 3600, 86400


def list_runs_json(entries: Sequence[RunEntry]) -> bytes:
    """The runs as a list."""
    return format_json(entries)


def list_runs_csv(entries: Sequence[RunEntry]) -> bytes:
    """A row per run; of one that was pruned the numbers are empty."""
    return write_rows(
        RUN_COLUMNS,
        (
            (
                one.id,
                one.cluster,
                one.cluster_name,
                one.sequence,
                one.started_at,
                one.score,
                *_severities(one),
                one.waived,
                one.gaps,
                one.namespaces,
                one.pods,
                one.policies,
                one.tool_version,
                _yes(one.is_signed),
                _yes(one.is_pruned),
                one.hash,
            )
            for one in entries
        ),
    )


def list_runs_table(entries: Sequence[RunEntry]) -> bytes:
    """A line per run, and the count."""
    head = ("STARTED", "RUN", "CLUSTER", "NUMBER", "SCORE", *(one.upper() for one in Severity))
    table = [(*head, "WAIVED", "GAPS", "NAMESPACES", "PODS", "POLICIES", "SIGNED", "CONTENT")]
    table += [
        (
            show_name(one.started_at),
            show_name(one.id),
            show_name(one.cluster_name or one.cluster),
            *map(
                _cell,
                (
                    one.sequence,
                    one.score,
                    *_severities(one),
                    one.waived,
                    one.gaps,
                    one.namespaces,
                    one.pods,
                    one.policies,
                ),
            ),
            _yes(one.is_signed),
            "pruned" if one.is_pruned else "kept",
        )
        for one in entries
    ]
    return _lines((*(_align(table) if entries else ()), count(len(entries), "run")))


def show_interval_json(view: IntervalView) -> bytes:
    """The view as a document."""
    return format_json(view)


def show_interval_csv(view: IntervalView) -> bytes:
    """A row per namespace and rule; without a namespace: the cluster, and between namespaces."""
    return write_rows(
        INTERVAL_COLUMNS,
        (
            (
                view.cluster,
                view.since,
                view.until,
                one.namespace,
                one.rule,
                one.state.value,
                one.runs,
                one.unsatisfied,
                one.waived,
                one.not_evaluated,
                one.first_unsatisfied_at,
                one.last_unsatisfied_at,
            )
            for one in view.rows
        ),
    )


def show_interval_table(view: IntervalView) -> bytes:
    """How densely the period was sampled, then a line per namespace and rule."""
    head = ("STATE", "NAMESPACE", "RULE", "RUNS", "UNSATISFIED", "WAIVED", "NOT EVALUATED")
    table = [(*head, "FIRST UNSATISFIED", "LAST UNSATISFIED"), *map(_interval_row, view.rows)]
    rows = ("", *_align(table)) if view.rows else ()
    return _lines((*_sampling(view), *rows))


def describe_pruned(
    where: str, dropped: Sequence[tuple[str, str, str]], snapshots: int, *, dry_run: bool
) -> bytes:
    """What was dropped, or would be: (cluster, run, when it started), by cluster."""
    lines = []
    for cluster, runs in groupby(dropped, lambda one: one[0]):
        lines.append(f"cluster {show_name(cluster)}:")
        lines += [f"  run {show_name(run)} of {show_name(at)}" for _, run, at in runs]
    verb = "would be dropped" if dry_run else "dropped"
    what = f"{count(len(dropped), 'run')} and {count(snapshots, 'snapshot')}"
    return _lines((*lines, f"{what} {verb} from {show_name(where)}"))


def _sampling(view: IntervalView) -> Iterator[str]:
    yield f"cluster {show_name(view.cluster)}, {view.since} to {view.until}"
    first = f": the first at {view.first_run_at}, the last at {view.last_run_at}"
    yield f"sampled by {count(view.runs, 'run')}{first if view.runs else ''}"
    if not view.runs:
        yield NOTHING_KNOWN
    if view.median_interval_seconds is not None:
        yield f"median time between runs: {_span(view.median_interval_seconds)}"
    if view.runs and view.longest_interval_seconds is not None:
        yield (
            f"longest time without a run: {_span(view.longest_interval_seconds)}; "
            "nothing is known of what was between runs"
        )
    if view.pruned:
        yield f"{count(view.pruned, 'more run')} of the period: pruned, so not counted here"


def _interval_row(one: IntervalRow) -> tuple[str, ...]:
    return (
        one.state.value,
        show_name(one.namespace or "(cluster)"),
        show_name(one.rule),
        *map(_cell, (one.runs, one.unsatisfied, one.waived, one.not_evaluated)),
        one.first_unsatisfied_at or NONE,
        one.last_unsatisfied_at or NONE,
    )


def _severities(entry: RunEntry) -> tuple[int | None, ...]:
    found = entry.by_severity
    return tuple(None if found is None else found.get(one, 0) for one in Severity)


def _span(seconds: float) -> str:
    """A time in its largest unit: `36.5 hours`, `12.0 days`."""
    if seconds < 2 * 60:
        return f"{seconds:,.0f} seconds"
    if seconds < 2 * _HOUR:
        return f"{seconds / 60:,.1f} minutes"
    return f"{seconds / _HOUR:,.1f} hours" if seconds < 2 * _DAY else f"{seconds / _DAY:,.1f} days"


def _cell(number: float | None) -> str:
    return NONE if number is None else f"{number:,}"


def _yes(flag: bool) -> str:  # noqa: FBT001  it is the one thing that is spelled
    return "yes" if flag else "no"


def _align(table: Sequence[tuple[str, ...]]) -> Iterator[str]:
    return align(table, [""] * len(table), choose_paint(colors=False))


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
