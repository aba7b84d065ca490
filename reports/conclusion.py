"""The conclusion: what the audit says in a headline, a paragraph, and notices before the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from auditor.findings.run import ENFORCEMENT_RULE
from auditor.findings.score import is_incomplete
from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import ClusterRecord, FindingRecord, GapRecord, Report, RuleRecord
from auditor.model.snapshot import Gap
from reports.exceptions import warn_of_waivers
from reports.finding_rows import OPEN
from reports.rows import Notice, SeverityCount, Tone, Verdict
from reports.text import count, join_words, show_name, show_text, show_title

SEVERITY_LABELS: Mapping[Severity, str] = {one: one.value.capitalize() for one in Severity}

NAMED = 3
"""Rules or gaps named in a notice; the rest is counted."""


def count_severities(findings: Iterable[FindingRecord]) -> tuple[SeverityCount, ...]:
    """Count the open findings of each severity, worst first, zeros included."""
    total: Counter[Severity] = Counter()
    system: Counter[Severity] = Counter()
    for one in findings:
        if one.status == OPEN:
            total[one.severity] += 1
            system[one.severity] += one.system
    return tuple(
        SeverityCount(one, SEVERITY_LABELS[one], total[one], system[one]) for one in Severity
    )


def conclude(report: Report) -> Verdict:
    """State the result in plain words: counts first, then what limits them.

    No finding is called good only where every rule that is not disabled was evaluated everywhere
    and nothing is missing from the input: what was not seen is never clean.
    """
    severities = count_severities(report.findings)
    opened = sum(one.total for one in severities)
    system = sum(one.system for one in severities)
    evaluated = any(
        rule.status in (RuleStatus.FAIL, RuleStatus.WAIVED, RuleStatus.PASS)
        for rule in report.rules
    )
    sentences = [
        *_on_enforcement(report),
        *_on_findings(opened, system),
        *_on_waived(report.summary.waived_by_severity),
        *_on_rules(report.rules),
        *_on_gaps(report.scope.gaps),
    ]
    return Verdict(
        tone=_tone(report, severities, evaluated=evaluated),
        headline=_headline(severities, opened, evaluated=evaluated, whole=_is_whole(report)),
        paragraph=" ".join(sentences),
    )


def _headline(
    severities: Sequence[SeverityCount], opened: int, *, evaluated: bool, whole: bool
) -> str:
    if opened:
        words = join_words(f"{one.total:,} {one.severity}" for one in severities if one.total)
        return f"{count(opened, 'open finding')}: {words}"
    if not evaluated:
        return "No verdict: no rule could be evaluated"
    return "No open findings" if whole else "No open findings in what was seen"


def _is_whole(report: Report) -> bool:
    return not report.scope.gaps and not any(is_incomplete(rule) for rule in report.rules)


def _tone(report: Report, severities: Sequence[SeverityCount], *, evaluated: bool) -> Tone:
    bad = any(
        one.total > one.system
        for one in severities
        if one.severity in (Severity.CRITICAL, Severity.HIGH)
    )
    failed = any(rule.status is RuleStatus.ERROR for rule in report.rules)
    if bad or failed or report.cluster.cni.enforces is False:
        return Tone.BAD
    if any(one.total > one.system for one in severities):
        return Tone.WARN
    if not evaluated:
        return Tone.UNKNOWN
    return Tone.GOOD if _is_whole(report) else Tone.WARN


def _on_enforcement(report: Report) -> Iterable[str]:
    if report.cluster.cni.enforces is False:
        yield (
            "The network plugin of this cluster does not enforce network policies: "
            "whatever they declare, every connection is open."
        )
    elif _on_parts(report):
        yield (
            "The network plugin of this cluster enforces its network policies only in part: "
            "what they declare does not hold everywhere."
        )


def _on_parts(report: Report) -> tuple[FindingRecord, ...]:
    """What states that policies are not enforced, or not in full."""
    return tuple(
        one for one in report.findings if one.rule == ENFORCEMENT_RULE and one.status == OPEN
    )


def _on_findings(opened: int, system: int) -> Iterable[str]:
    if opened and system == opened:
        yield "All open findings are in system namespaces."
    elif system:
        verb = "is" if system == 1 else "are"
        yield f"{system:,} of the open findings {verb} in system namespaces."


def _on_waived(waived: Mapping[str, int]) -> Iterable[str]:
    if total := sum(waived.values()):
        noun = "finding is" if total == 1 else "findings are"
        yield f"{total:,} further {noun} waived: accepted, not mended."


def describe_waived(waived: Mapping[str, int]) -> str:
    """Return `3 waived: 2 high and 1 low`, or nothing where nothing is."""
    if not (total := sum(waived.values())):
        return ""
    words = join_words(f"{waived[one]:,} {one}" for one in Severity if waived[one])
    return f"{total:,} waived: {words}"


def _on_rules(rules: Sequence[RuleRecord]) -> Iterable[str]:
    statuses = Counter(rule.status for rule in rules)
    partly = sum(
        1 for rule in rules if rule.reason and rule.status in (RuleStatus.FAIL, RuleStatus.WAIVED)
    )
    parts = [
        (statuses[RuleStatus.ERROR], "failed to run"),
        (statuses[RuleStatus.FAIL], "found problems"),
        (statuses[RuleStatus.NOT_EVALUATED], "could not be evaluated"),
        (statuses[RuleStatus.WAIVED], "waived"),
        (statuses[RuleStatus.PASS], "passed"),
        (statuses[RuleStatus.DISABLED], "disabled"),
    ]
    words = join_words(f"{number:,} {what}" for number, what in parts if number)
    if words:
        yield f"Of {count(len(rules), 'rule')}, {words}."
    else:
        yield "No rule was run."
    if partly:
        yield (
            f"{count(partly, 'rule')} could not see everything "
            f"{'it needs' if partly == 1 else 'they need'}."
        )


def _on_gaps(gaps: Sequence[GapRecord]) -> Iterable[str]:
    if gaps:
        yield (
            f"{count(len(gaps), 'gap')}: not everything was seen, "
            "and what was not seen may hold further problems."
        )
    else:
        yield "Nothing that was asked for was missing from the input."


def warn(report: Report, titles: Mapping[str, str]) -> tuple[Notice, ...]:
    """State what limits or colours every result: it stands before them."""
    return (
        *_notice_of_failed_rules(report.rules),
        *_notice_of_enforcement(report),
        *warn_of_waivers(report),
        *_notice_of_gaps(report.scope.gaps),
        *_notice_of_unevaluated_rules(report.rules, titles),
    )


def _notice_of_failed_rules(rules: Sequence[RuleRecord]) -> Iterable[Notice]:
    failed = [rule for rule in rules if rule.status is RuleStatus.ERROR]
    if failed:
        reasons = "; ".join(
            f"{show_name(rule.id)}: {show_text(rule.reason or 'no reason given')}"
            for rule in failed[:NAMED]
        )
        yield Notice(
            Tone.BAD,
            f"{count(len(failed), 'rule')} failed to run",
            f"Nothing is known of what {'it' if len(failed) == 1 else 'they'} would have found. "
            f"{reasons}{_rest(failed)}",
            "rules",
        )


def _notice_of_enforcement(report: Report) -> Iterable[Notice]:
    cluster = report.cluster
    if cluster.cni.enforces is True:
        if parts := _on_parts(report):
            named = "; ".join(show_text(one.message) for one in parts[:NAMED])
            yield Notice(
                Tone.BAD,
                "Policies are enforced only in part",
                f"{named}{_rest(parts)}. The connections of this report are what the policies "
                "declare. Every pass is marked “declared only”.",
                "about",
            )
        return
    if cluster.cni.enforces is False:
        yield Notice(
            Tone.BAD,
            "Policies are declared, but not enforced",
            f"{describe_cni(cluster)}. The connections of this report are what the policies "
            "declare; in the cluster nothing holds them. Every pass is marked “declared only”.",
            "about",
        )
        return
    yield Notice(
        Tone.UNKNOWN,
        "Whether policies are enforced is not known",
        f"{describe_cni(cluster)}. The results state what the policies declare.",
        "about",
    )


def describe_cni(cluster: ClusterRecord) -> str:
    """Return the CNI in words: `Flannel does not enforce network policies`."""
    if cluster.cni.name is None:
        return "No network plugin was recognised"
    name = show_name(cluster.cni.name)
    match cluster.cni.enforces:
        case True:
            return f"{name} enforces network policies"
        case False:
            return f"{name} does not enforce network policies"
        case None:
            return f"It is not known whether {name} enforces network policies"


def _notice_of_gaps(gaps: Sequence[GapRecord]) -> Iterable[Notice]:
    if gaps:
        named = "; ".join(describe_gap(gap) for gap in gaps[:NAMED])
        yield Notice(
            Tone.WARN,
            f"{count(len(gaps), 'gap')}: not everything was seen",
            f"{named}{_rest(gaps)}",
            "gaps",
        )


def describe_gap(gap: GapRecord) -> str:
    """Return a gap in a line: what, and why."""
    named = name_gap(gap)
    if gap.source and gap.source.file and not (gap.namespace or gap.name):
        named = f"{named} in {show_name(gap.source.file)}"
    return f"{named}: {show_text(gap.reason)}"


def place_gap(gap: Gap | GapRecord) -> str:
    """Return where a gap arose, as file, document and field; empty where that is not known."""
    source = gap.source
    parts = () if source is None else (source.file, source.document, source.field)
    return ", ".join(show_name(part) for part in parts if part)


def name_gap(gap: Gap | GapRecord) -> str:
    """Return what was not seen: `NetworkPolicy shop/web`, `pods in shop`, `pods`."""
    what = show_name(gap.kind or "object")
    if gap.name:
        place = "/".join(show_name(part) for part in (gap.namespace, gap.name) if part)
        return f"{what} {place}"
    return f"{what} in {show_name(gap.namespace)}" if gap.namespace else what


def _notice_of_unevaluated_rules(
    rules: Sequence[RuleRecord], titles: Mapping[str, str]
) -> Iterable[Notice]:
    missing = [
        rule for rule in rules if is_incomplete(rule) and rule.status is not RuleStatus.ERROR
    ]
    if missing:
        wholly = sum(1 for rule in missing if rule.status is RuleStatus.NOT_EVALUATED)
        partly = len(missing) - wholly
        parts = [
            f"{count(wholly, 'rule')} not evaluated" if wholly else "",
            f"{count(partly, 'rule')} evaluated in part" if partly else "",
        ]
        named = "; ".join(show_title(titles.get(rule.id, rule.id)) for rule in missing[:NAMED])
        yield Notice(
            Tone.WARN, join_words(filter(None, parts)), f"{named}{_rest(missing)}.", "rules"
        )


def _rest(listed: Sequence[object]) -> str:
    return f"; and {len(listed) - NAMED:,} more" if len(listed) > NAMED else ""
