"""An audit as display rows: all wording, sorting and counting of the reports begins here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.model.report import Audit, ClusterRecord, GapRecord, RulePage, ScopeRecord
from reports.charts import draw
from reports.collection import describe_collection
from reports.conclusion import (
    conclude,
    count_severities,
    describe_cni,
    describe_waived,
    name_gap,
    place_gap,
    warn,
)
from reports.controls import list_controls
from reports.display import Display
from reports.drift_view import arrange_changes
from reports.evidence import list_evidence
from reports.exceptions import list_exceptions
from reports.finding_groups import build_sections, describe_listing
from reports.layout import Layout, for_extract
from reports.rows import (
    Excluded,
    Fact,
    FindingSection,
    GapRow,
    Gaps,
    PageBlock,
    PageRow,
    PageSection,
)
from reports.rule_rows import list_rules
from reports.scoring import describe_score
from reports.text import count, group_digits, paragraphs, show_name, show_text, show_title, visible
from reports.times import describe_time, parse_time
from reports.trend import arrange_trend
from reports.worst import pick_worst

LIMITS = (
    "Connections are worked out from the policies, labels, ports and addresses that were read.",
    "One moment is judged. No traffic was observed, nothing was probed.",
    "A pod may always talk to itself and to its own node, and replies pass: none of it is listed.",
    "A rule that could not see what it needs is not evaluated there. It never counts as passed.",
    "Whether policies take effect depends on the network plugin (CNI) of the cluster.",
)
"""What the method can and cannot see: printed in every report."""

TITLE = "Network policy audit"

UNNAMED = "unnamed cluster"

NAMED = 12
"""Namespaces named in a fact; the rest is counted."""


def arrange(audit: Audit, layout: Layout) -> Display:
    """Turn an audit into what a format shows, within the limits of its layout."""
    report = audit.report
    if audit.extract is not None:
        layout = for_extract(layout)
    titles = {page.id: show_title(page.title) for page in audit.pages}
    cluster = show_name(report.cluster.name or UNNAMED)
    sections = build_sections(report, titles, layout)
    return Display(
        title=TITLE if audit.extract is None else f"{TITLE}: extract",
        cluster=cluster,
        date=describe_time(report.run.finished_at),
        verdict=conclude(report),
        notices=warn(report, titles),
        severities=count_severities(report.findings),
        waived=describe_waived(report.summary.waived_by_severity),
        score=describe_score(report.summary.score),
        worst=pick_worst(audit, titles),
        changes=arrange_changes(audit, titles, layout, _listed(sections)),
        trend=arrange_trend(audit, layout.trend_rows),
        sections=sections,
        listed=describe_listing(sections, layout),
        every_in=layout.every_in,
        scope=tuple(_scope(report.scope)),
        policies=tuple(
            Fact(show_name(kind), group_digits(number))
            for kind, number in sorted(report.scope.policies.items())
        ),
        excluded=_excluded(report.scope, layout),
        gaps=_gaps(report.scope.gaps, layout),
        limits=LIMITS,
        picture=draw(audit.matrix),
        exceptions=list_exceptions(report, layout),
        controls=list_controls(report),
        rules=tuple(list_rules(report, titles)),
        pages=tuple(_page(page) for page in audit.pages),
        identity=tuple(_identity(audit)),
        evidence=list_evidence(audit),
        run=show_name(report.run.id),
        digest=show_name(report.digest),
        tool=show_name(f"{report.tool.name} {report.tool.version}"),
        created=_w3c_date(report.run.finished_at),
    )


def _listed(sections: Iterable[FindingSection]) -> frozenset[str]:
    """The ids of the findings that stand somewhere in the document."""
    return frozenset(
        row.id
        for section in sections
        for group in section.groups
        for rows in (group.rows, group.listed)
        for row in rows
    )


def _w3c_date(moment: str) -> str:
    parsed = parse_time(moment)
    return f"{parsed:%Y-%m-%dT%H:%M:%SZ}" if parsed else ""


def _identity(audit: Audit) -> Iterable[Fact]:
    report = audit.report
    cluster, run = report.cluster, report.run
    if audit.extract is not None:
        yield Fact("Extract for", show_name(audit.extract.audience))
    yield Fact("Cluster", show_name(cluster.name or UNNAMED))
    yield Fact("Cluster UID", *_known(cluster.uid))
    yield Fact("Kubernetes version", show_name(cluster.version or "not known"))
    yield Fact("Network plugin (CNI)", _cni(cluster))
    yield Fact("Started", describe_time(run.started_at))
    yield Fact("Finished", describe_time(run.finished_at))
    if run.collection is not None:
        yield from describe_collection(run.collection)
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
    if namespaces.without_policy:
        yield Fact("Without a NetworkPolicy", _names(namespaces.without_policy))
    if namespaces.policies_unread:
        yield Fact("NetworkPolicies not read", _names(namespaces.policies_unread))
    gaps = count(len(scope.gaps), "gap")
    yield Fact("Completeness", f"not complete: {gaps}" if scope.gaps else "complete: no gap")


def _names(names: Sequence[str]) -> str:
    """The number of namespaces, and the first of them."""
    shown = ", ".join(show_name(one) for one in names[:NAMED])
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{count(len(names), 'namespace')}: {shown}{rest}"


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
    text = f"{count(rest, 'further gap')}: {layout.rest_in} every gap." if rest else ""
    return Gaps(len(gaps), tuple(map(_gap, shown)), text)


def _gap(gap: GapRecord) -> GapRow:
    return GapRow(name_gap(gap), place_gap(gap), show_text(gap.reason), show_text(gap.effect))


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
