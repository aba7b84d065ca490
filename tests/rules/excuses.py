"""Findings that a remediation may bring: what it closes uncovers them, it does not cause them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from auditor.model.findings import Direction
from auditor.model.objects import Peer
from auditor.model.report import FindingRecord
from auditor.model.selector_syntax import spell_selector
from auditor.reachability.compile import rules_of
from tests.rules.auditing import Audited, name_subject

_HIDDEN_BY: Mapping[tuple[str, str | None], tuple[str, str | None]] = {
    ("database-open-to-all-pods", "namespace"): ("database-open-to-all-pods", "cluster"),
    ("dns-lacks-tcp", None): ("dns-is-blocked", None),
    ("egress-to-whole-internet", None): ("egress-is-unrestricted", None),
}
"""Findings (rule, detail) of which a subject has at most one: the lesser, and what hides it."""


def is_excused(
    before: Audited, after: Audited, mended: FindingRecord, finding: FindingRecord
) -> bool:
    """Whether a finding that was not there before is only uncovered by a remediation."""
    return (
        _was_hidden(before, finding)
        or _has_moved(before, after, finding)
        or _comes_into_force(mended, finding)
        or _was_open_by_silence(before, finding)
        or _was_permitted_anyhow(before, finding)
        or _is_other_half(mended, finding)
        or _was_denied_before(before, finding)
    )


def _was_hidden(before: Audited, finding: FindingRecord) -> bool:
    """Whether the subject was worse off before, by a finding that hides this lesser one."""
    hiding = _HIDDEN_BY.get((finding.rule, finding.detail))
    return hiding in {
        (one.rule, one.detail)
        for one in before.findings
        if name_subject(one) == name_subject(finding)
    }


def _has_moved(before: Audited, after: Audited, finding: FindingRecord) -> bool:
    """Whether a place within a policy only bears another number, for a rule before it went."""

    def count(audited: Audited) -> int:
        alike = (name_subject(finding), finding.severity)
        return sum(
            (name_subject(one), one.severity) == alike for one in audited.findings_of(finding.rule)
        )

    return "[" in (finding.detail or "") and count(after) <= count(before)


def _comes_into_force(mended: FindingRecord, finding: FindingRecord) -> bool:
    """Whether a policy is found fault with for rules that were inert before it was mended.

    What they open is stated, and exactly that.
    """
    subjects = {*finding.policies, name_subject(finding)}
    return mended.rule == "policy-types-omit-a-direction" and not subjects.isdisjoint(
        mended.policies
    )


def _was_open_by_silence(before: Audited, finding: FindingRecord) -> bool:
    """Whether an ipBlock only says what was open without a word: where it opens is a fault, too.

    A policy for pods that nothing isolated, or a rule that had no peers, admits the same addresses.
    """
    rule = "ip-block-covers-cluster-addresses"
    known = map(name_subject, before.findings_of(rule))
    return finding.rule == rule and name_subject(finding) not in known


def _was_permitted_anyhow(before: Audited, finding: FindingRecord) -> bool:
    """Whether a pair of peers stood there before, and only wider rules kept it from counting."""
    if finding.rule != "peers-are-ored":
        return False
    pair = {finding.evidence[half]["selector"] for half in ("namespace_selector", "pod_selector")}
    return any(
        pair <= set(_spell_selectors(rule.peers))
        for policy in before.view.snapshot.policies
        if str(policy.reference) == name_subject(finding)
        for direction in Direction
        for rule in rules_of(policy, direction)
    )


def _spell_selectors(peers: Iterable[Peer]) -> Iterator[str]:
    for peer in peers:
        for one in (peer.namespace_selector, peer.pod_selector):
            if one is not None:
                yield spell_selector(one)


def _is_other_half(mended: FindingRecord, finding: FindingRecord) -> bool:
    """Whether the finding is what a closed connection leaves of itself at its other end.

    That is a rule which still allows it; to see it reported is what the user needs next.
    """
    closes = mended.remediation and mended.remediation.closes
    if finding.rule != "rule-is-one-sided" or not closes:
        return False
    ends = {end for one in closes.connections for end in (one.source, one.destination)}
    return bool(closes.omitted) or not ends.isdisjoint(finding.evidence["denied_by"])


def _was_denied_before(before: Audited, finding: FindingRecord) -> bool:
    """Whether a policy of the remediation keeps what was open, to pods that deny it as before."""
    known = {str(one.reference) for one in before.view.snapshot.policies}
    return finding.rule == "rule-is-one-sided" and name_subject(finding) not in known
