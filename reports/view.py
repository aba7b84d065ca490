"""An audit as display rows: all wording, sorting and counting of the reports begins here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import Audit, ClusterRecord, GapRecord, Report, RulePage, ScopeRecord
from reports.charts import draw
from reports.conclusion import conclude, count_severities, describe_cni, name_gap, warn
from reports.finding_rows import OPEN, build_sections, pick_worst
from reports.layout import Layout
from reports.rows import (
    Display,
    Excluded,
    Fact,
    GapRow,
    Gaps,
    PageBlock,
    PageRow,
    PageSection,
    RuleRow,
    Tone,
)
from reports.text import count, group_digits, paragraphs, show_name, show_text, show_title, visible

STATUS_LABELS: Mapping[RuleStatus, tuple[str, Tone]] = {
    RuleStatus.ERROR: ("failed to run", Tone.BAD),
    RuleStatus.FAIL: ("fail", Tone.BAD),
    RuleStatus.NOT_EVALUATED: ("not evaluated", Tone.WARN),
    RuleStatus.WAIVED: ("waived", Tone.UNKNOWN),
    RuleStatus.PASS: ("pass", Tone.GOOD),
    RuleStatus.DISABLED: ("disabled", Tone.UNKNOWN),
}

LIMITS = (
    "Connections are worked out from the policies, labels, ports and addresses that were read.",
    "One moment is judged. No traffic was observed, nothing was probed.",
    "A pod may always talk to itself and to its own node, and replies pass: none of it is listed.",
    "A rule that could not see what it needs is not evaluated there. It never counts as passed.",
    "Whether policies take effect depends on the network plugin (CNI) of the cluster.",
)
"""What the method can and cannot see: printed in every report."""

UNNAMED = "unnamed cluster"


def arrange(audit: Audit, layout: Layout) -> Display:
    """Turn an audit into what a format shows, within the limits of its layout."""
    report = audit.report
    titles = {page.id: show_title(page.title) for page in audit.pages}
    cluster = show_name(report.cluster.name or UNNAMED)
    return Display(
        title="Network policy audit",
        cluster=cluster,
        date=describe_time(report.run.finished_at),
        verdict=conclude(report),
        notices=warn(report, titles),
        severities=count_severities(report.findings),
        worst=pick_worst(report.findings, titles),
        sections=build_sections(report.findings, titles, layout),
        scope=tuple(_scope(report.scope)),
        policies=tuple(
            Fact(show_name(kind), group_digits(number))
            for kind, number in sorted(report.scope.policies.items())
        ),
        excluded=_excluded(report.scope, layout),
        gaps=_gaps(report.scope.gaps, layout),
        limits=LIMITS,
        picture=draw(audit.matrix),
        rules=tuple(_rules(report, titles)),
        pages=tuple(_page(page) for page in audit.pages),
        identity=tuple(_identity(report)),
        run=show_name(report.run.id),
        digest=show_name(report.digest),
        tool=show_name(f"{report.tool.name} {report.tool.version}"),
        created=_w3c_date(report.run.finished_at),
        listed=_listed(len(report.findings), layout),
    )


def describe_time(moment: str) -> str:
    """Return `2026-11-21 14:03:07 UTC`; what is no ISO 8601 time is shown as it stands."""
    parsed = _parse(moment)
    return f"{parsed:%Y-%m-%d %H:%M:%S} UTC" if parsed else show_name(moment)


def _parse(moment: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _w3c_date(moment: str) -> str:
    parsed = _parse(moment)
    return f"{parsed:%Y-%m-%dT%H:%M:%SZ}" if parsed else ""


def _identity(report: Report) -> Iterable[Fact]:
    cluster, run = report.cluster, report.run
    yield Fact("Cluster", show_name(cluster.name or UNNAMED))
    yield Fact("Cluster UID", *_known(cluster.uid))
    yield Fact("Kubernetes version", show_name(cluster.version or "not known"))
    yield Fact("Network plugin (CNI)", _cni(cluster))
    yield Fact("Started", describe_time(run.started_at))
    yield Fact("Finished", describe_time(run.finished_at))
    yield Fact("Run", show_name(run.id), exact=True)
    yield Fact("Tool", show_name(f"{report.tool.name} {report.tool.version}"))
    yield Fact("Settings digest", *_known(run.settings_digest))
    yield Fact("Report digest (SHA-256)", *_known(report.digest))


def _known(value: str | None) -> tuple[str, bool]:
    return (show_name(value), True) if value else ("not known", False)


def _cni(cluster: ClusterRecord) -> str:
    evidence = "; ".join(show_text(one) for one in cluster.cni.evidence)
    return f"{describe_cni(cluster)} ({evidence})" if evidence else describe_cni(cluster)


def _scope(scope: ScopeRecord) -> Iterable[Fact]:
    namespaces = scope.namespaces
    yield Fact("Namespaces", group_digits(namespaces.total))
    yield Fact("Namespaces judged", group_digits(namespaces.in_scope))
    yield Fact("Namespaces excluded", group_digits(len(namespaces.excluded)))
    if scope.selector is not None:
        yield Fact("Judged only pods with", show_text(scope.selector))
    yield Fact("Pods", group_digits(scope.pods))
    yield Fact("Policies", group_digits(sum(scope.policies.values())))
    gaps = count(len(scope.gaps), "gap")
    yield Fact("Completeness", f"not complete: {gaps}" if scope.gaps else "complete: no gap")


def _excluded(scope: ScopeRecord, layout: Layout) -> Excluded:
    excluded = scope.namespaces.excluded
    shown = excluded[: layout.excluded_rows]
    return Excluded(
        tuple(Fact(show_name(one.name), show_text(one.reason)) for one in shown),
        len(excluded) - len(shown),
    )


def _gaps(gaps: Sequence[GapRecord], layout: Layout) -> Gaps:
    shown = gaps[: layout.gap_rows]
    rest = len(gaps) - len(shown)
    text = f"{count(rest, 'further gap')}: report.json holds every gap." if rest else ""
    return Gaps(len(gaps), tuple(map(_gap, shown)), text)


def _gap(gap: GapRecord) -> GapRow:
    where = ""
    if gap.source is not None:
        parts = [
            gap.source.file,
            f"document at line {gap.source.document}" if gap.source.document else None,
            gap.source.field,
        ]
        where = ", ".join(show_name(part) for part in parts if part)
    return GapRow(name_gap(gap), where, show_text(gap.reason), show_text(gap.effect))


def _rules(report: Report, titles: Mapping[str, str]) -> Iterable[RuleRow]:
    order = list(RuleStatus)
    opened = [one for one in report.findings if one.status == OPEN]
    counts: dict[str, list[int]] = {}
    for one in opened:
        counts.setdefault(one.rule, [0] * len(Severity))[one.severity.rank] += 1
    none = [0] * len(Severity)

    def worst_first(position: int) -> tuple[int, list[int], int]:
        rule = report.rules[position]
        return order.index(rule.status), [-n for n in counts.get(rule.id, none)], position

    for position in sorted(range(len(report.rules)), key=worst_first):
        rule = report.rules[position]
        label, tone = STATUS_LABELS[rule.status]
        if rule.declared_only and tone is Tone.GOOD:
            tone = Tone.WARN
        found = counts.get(rule.id, none)
        yield RuleRow(
            id=show_name(rule.id),
            title=titles.get(rule.id, show_name(rule.id)),
            status=label,
            tone=tone,
            declared_only=rule.declared_only,
            reason=show_text(rule.reason or ""),
            counts=tuple(found),
            total=sum(found),
        )


def _page(page: RulePage) -> PageRow:
    return PageRow(
        id=show_name(page.id),
        title=show_title(page.title),
        severity=page.severity,
        sections=tuple(
            PageSection(visible(heading), tuple(_blocks(text))) for heading, text in page.sections
        ),
    )


def _blocks(text: str) -> Iterable[PageBlock]:
    for kind, block in paragraphs(text):
        if kind == "code":
            yield PageBlock(kind, ((True, block),))
        else:
            parts = block.replace("``", "`").split("`")
            spans = ((bool(i % 2), part) for i, part in enumerate(parts) if part)
            yield PageBlock(kind, tuple(spans))


def _listed(total: int, layout: Layout) -> str:
    if total <= layout.full_rows:
        return ""
    if total <= layout.finding_rows:
        listed = "the others are listed in a line each"
    else:
        others = group_digits(layout.finding_rows - layout.full_rows)
        listed = f"the next {others} are listed in a line each, and the rest is counted"
    return (
        f"The {group_digits(layout.full_rows)} worst findings are shown with evidence and "
        f"remediation; {listed}. report.html and report.json hold all {group_digits(total)}."
    )
