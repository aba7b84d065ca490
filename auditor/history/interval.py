"""What a rule said of each namespace over a period, run by run: an auditor's question.

A finding about the cluster, or between environments, has no namespace: it is told in the row
without one, and of that rule no namespace is called satisfied. A run that judged only pods with
certain labels saw only a part of each namespace: what it did not find is not evaluated. Nor
is anything in a namespace that was there, and that the run was told to leave out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from auditor.findings.scope import NOT_ASKED_FOR
from auditor.findings.waive import OPEN
from auditor.history.period import Period, parse_period, read_time, spell_time
from auditor.model.findings import RuleStatus, SubjectRecord
from auditor.model.history import IntervalRow, IntervalState, IntervalView
from auditor.model.report import FindingRecord, RuleRecord

if TYPE_CHECKING:
    from auditor.history.store import Store

_SILENT = frozenset({RuleStatus.ERROR, RuleStatus.DISABLED})


class JudgedRun(NamedTuple):
    """What the interval view asks of a run."""

    started_at: datetime
    judged: Sequence[str]
    """The namespaces that were judged."""
    is_narrowed: bool
    """Only pods with certain labels were judged."""
    rules: Sequence[RuleRecord]
    findings: Iterable[FindingRecord]
    left_out: Sequence[str] = ()
    """The namespaces that were there, and were not judged."""
    is_of_some: bool = False
    """Only namespaces that were asked for by name were judged."""


Place = tuple[str | None, str]
"""A namespace (None: none, or between them) and a rule."""


def view_interval(store: Store, cluster: str, since: str, until: str, *, now: str) -> IntervalView:
    """The view over the runs of a cluster in a period, which ends ``now`` at the latest.

    ``since`` and ``until`` are days, the last one whole, or times (`parse_period`).

    Raises:
        UsageError: they are no period.
        HistoryError: the store cannot be read, or a run was altered.
    """
    period = parse_period(since, until, now=now)
    found = [
        (started_at, entry)
        for entry in store.entries(cluster)
        if period.holds(started_at := read_time(entry.started_at, f"start of run {entry.id}"))
    ]
    found.sort(key=lambda one: one[0])  # clocks are set back
    kept = [one for one in found if not one[1].is_pruned]
    runs = (_judged_run(store, entry.id, started_at) for started_at, entry in kept)
    return tally_interval(cluster, period, runs, pruned=len(found) - len(kept))


def _judged_run(store: Store, run: str, started_at: datetime) -> JudgedRun:
    stored = store.find(run)
    header = stored.header
    excluded = header.scope.namespaces.excluded
    return JudgedRun(
        started_at=started_at,
        judged=header.judged,
        is_narrowed=header.scope.selector is not None,
        rules=stored.rules,
        findings=stored.findings,
        left_out=[one.name for one in excluded],
        is_of_some=any(one.reason == NOT_ASKED_FOR for one in excluded),
    )


def tally_interval(
    cluster: str, period: Period, runs: Iterable[JudgedRun], *, pruned: int
) -> IntervalView:
    """The view over runs, oldest first, that all lie in the period.

    ``pruned`` is the number of the period's runs of which nothing is known any more.
    """
    tally = _Tally()
    times: list[datetime] = []
    for run in runs:
        times.append(run.started_at)
        tally.add(run)
    between = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    around = pairwise((period.since, *times, period.until))
    return IntervalView(
        cluster=cluster,
        since=spell_time(period.since),
        until=spell_time(period.until),
        runs=len(times),
        first_run_at=spell_time(times[0]) if times else None,
        last_run_at=spell_time(times[-1]) if times else None,
        median_interval_seconds=median(between) if between else None,
        longest_interval_seconds=max(
            (later - earlier).total_seconds() for earlier, later in around
        ),
        pruned=pruned,
        rows=tuple(tally.rows()),
    )


class _Seen:
    """What was seen of one rule in one place, besides its being satisfied."""

    __slots__ = ("first", "last", "not_evaluated", "unsatisfied", "waived")

    def __init__(self) -> None:
        self.unsatisfied = 0
        self.waived = 0
        self.not_evaluated = 0
        self.first: datetime | None = None
        self.last: datetime | None = None


class _Tally:
    """Counts run by run; a run's own records are forgotten with it."""

    def __init__(self) -> None:
        self._runs: Counter[str | None] = Counter()
        """Runs by the namespace that they judged, or left out; under None, all."""
        self._known: Counter[tuple[str | None, frozenset[str]]] = Counter()
        """Of these the runs that judged it, by the rules that they knew."""
        self._seen: dict[Place, _Seen] = {}
        self._with_namespace: set[str] = set()
        """Rules with a finding in a namespace."""
        self._without_namespace: set[str] = set()
        """Rules with a finding outside any."""

    def add(self, run: JudgedRun) -> None:
        """Count a run, later than those before."""
        rules = frozenset(one.id for one in run.rules)
        for namespace in (None, *run.judged):
            self._runs[namespace] += 1
            self._known[namespace, rules] += 1
        self._runs.update(set(run.left_out).difference(run.judged))
        judged = frozenset((None, *run.judged))
        open_: dict[Place, bool] = {}
        for finding in run.findings:
            namespace = _namespace_of(finding.subject)
            if namespace not in judged:
                continue
            (self._without_namespace if namespace is None else self._with_namespace).add(
                finding.rule
            )
            place = namespace, finding.rule
            open_[place] = open_.get(place, False) or finding.status == OPEN
        for place, is_open in open_.items():
            seen = self._seen.setdefault(place, _Seen())
            seen.unsatisfied += 1
            seen.waived += not is_open
            seen.first = seen.first or run.started_at
            seen.last = run.started_at
        for place in _not_evaluated(run):
            if place not in open_:
                self._seen.setdefault(place, _Seen()).not_evaluated += 1

    def rows(self) -> Iterator[IntervalRow]:
        """The rows by namespace, the one without first, then by rule."""
        known: Counter[Place] = Counter()
        for (namespace, rules), runs in self._known.items():
            for rule in rules:
                known[namespace, rule] += runs
        every = sorted({rule for _, rule in (*known, *self._seen)})
        for namespace in sorted(self._runs, key=lambda one: (one is not None, one or "")):
            runs = self._runs[namespace]
            for rule in every:
                place = namespace, rule
                seen = self._seen.get(place) or _Seen()
                # what a run did not know, or left out, was not evaluated there
                unknown = runs - known[place]
                missed = min(seen.not_evaluated + unknown, runs - seen.unsatisfied)
                state = _state(seen.unsatisfied, missed)
                if self._is_told(place, state):
                    yield IntervalRow(
                        namespace=namespace,
                        rule=rule,
                        state=state,
                        runs=runs,
                        unsatisfied=seen.unsatisfied,
                        not_evaluated=missed,
                        waived=seen.waived,
                        first_unsatisfied_at=spell_time(seen.first) if seen.first else None,
                        last_unsatisfied_at=spell_time(seen.last) if seen.last else None,
                    )

    def _is_told(self, place: Place, state: IntervalState) -> bool:
        """Whether a row says something that the rule's other rows do not belie."""
        namespace, rule = place
        if namespace is None:
            return rule in self._without_namespace or rule not in self._with_namespace
        return state is not IntervalState.ALWAYS_SATISFIED or rule not in self._without_namespace


def _state(unsatisfied: int, not_evaluated: int) -> IntervalState:
    if unsatisfied:
        return IntervalState.UNSATISFIED
    return IntervalState.NOT_EVALUATED if not_evaluated else IntervalState.ALWAYS_SATISFIED


def _namespace_of(subject: SubjectRecord) -> str | None:
    return subject.namespace or (subject.name if subject.kind == "Namespace" else None)


_EVERYWHERE = ""
_BETWEEN = "→"


def _not_evaluated(run: JudgedRun) -> set[Place]:
    """Where the run's rules said nothing, or not all; findings may lie there all the same."""
    places: set[Place] = set()
    for rule in run.rules:
        covered = {_covered_by(one) for one in rule.not_evaluated}
        # a rule that could not judge, and does not say what, judged nothing
        unsaid = rule.status is RuleStatus.NOT_EVALUATED and not covered
        silent = rule.status in _SILENT or unsaid
        if silent or covered or run.is_narrowed or run.is_of_some:
            places.add((None, rule.id))
        everywhere = silent or run.is_narrowed or _EVERYWHERE in covered
        places.update((one, rule.id) for one in run.judged if everywhere or one in covered)
    return places


def _covered_by(key: str) -> str:
    """The namespace in which a subject lies, by its object key, or which it covers as a whole.

    What is in no namespace covers them all, but for a pair of environments, which lies in none.
    """
    first, slash, rest = key.partition("/")
    match first:
        case "Namespace":
            return rest
        case "Environments":
            return _BETWEEN
        case "Cluster":
            return _EVERYWHERE
        case _:
            return first if slash else _EVERYWHERE
