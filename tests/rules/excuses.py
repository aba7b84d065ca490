"""Findings that a remediation may bring: what it closes uncovers them, it does not cause them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import Peer
from auditor.model.report import FindingRecord
from auditor.model.selector_syntax import spell_selector
from auditor.reachability.compile import rules_of
from tests.rules.auditing import Audited, name_subject


def is_excused(before: Audited, remediation: Remediation, finding: FindingRecord) -> bool:
    """Whether a finding that was not there before is only uncovered by the remediation."""
    return (
        _was_hidden(before, finding)
        or _was_permitted_anyhow(before, finding)
        or _is_other_half(remediation, finding)
    )


def _was_hidden(before: Audited, finding: FindingRecord) -> bool:
    """Whether the workload was worse off before: unrestricted egress hides public egress.

    Only in a system namespace do both weigh the same, low.
    """
    return (
        finding.rule == "egress-to-whole-internet"
        and finding.system
        and name_subject(finding) in map(name_subject, before.findings_of("egress-is-unrestricted"))
    )


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


def _is_other_half(remediation: Remediation, finding: FindingRecord) -> bool:
    """Whether the finding is what a closed connection leaves of itself at its other end.

    That is a rule which still allows it; to see it reported is what the user needs next.
    """
    closes = remediation.closes
    if finding.rule != "rule-is-one-sided" or closes is None:
        return False
    ends = {end for one in closes.connections for end in (one.source, one.destination)}
    return bool(closes.omitted) or not ends.isdisjoint(finding.evidence["denied_by"])
