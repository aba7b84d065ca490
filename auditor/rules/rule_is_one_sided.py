"""A rule allows a connection that the other side's policies deny, so it allows nothing there.

What it means: a rule names pods as its peers, by labels, and the own side of at least one of them
lets none of the policy's pods through on any of the rule's ports. A connection needs the egress of
its source and the ingress of its destination; this one has one of the two. A pod and itself do not
count, nor do peers that are everybody on purpose (`podSelector: {}`, `namespaceSelector: {}`).

Why it matters: somebody meant this connection, and it does not work: either an outage that nobody
has traced to the other namespace yet, or what is left of a connection that was closed at one end.
A half that is forgotten opens by itself on the day when the other side changes.

How to fix: write the missing half into a policy that selects the pods named, on the same ports, or
take the rule out.

When to waive: where the other side belongs to somebody else and has not opened yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Severity, Unevaluated
from auditor.model.objects import Peer
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.index import EMPTY
from auditor.reachability.reach import opposite
from auditor.reachability.view import View
from auditor.rules._certainty import Certainty, certainty, describe_gaps, unread_policies
from auditor.rules._one_sided import find_denying
from auditor.rules._peer_pods import matched_pods, unread_peers
from auditor.rules._places import PlacedRule, placed_rules
from auditor.rules._remediation import by_steps

SEVERITY = Severity.LOW

_NAMED_AT_MOST = 20


class _Denying(NamedTuple):
    """Pods that deny a rule from their own side."""

    workloads: tuple[str, ...]
    policies: tuple[int, ...]
    """Those that isolate the pods there, by position."""
    sure: Certainty
    """What may hide policies that let the rule's pods through."""


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every rule that names pods by labels."""
    yield from unread_policies(view)
    judge = _Judge(view)
    for position, policy in enumerate(view.snapshot.policies):
        for placed in placed_rules(policy):
            peers = [one for one in placed.rule.peers if _names_pods(one)]
            if peers:
                yield from judge.judge(position, placed, peers)


def _names_pods(peer: Peer) -> bool:
    """Whether a peer selects pods by some label: `{}` is whoever comes."""
    selectors = (peer.pod_selector, peer.namespace_selector)
    return any(one is not None and (one.match_labels or one.match_expressions) for one in selectors)


class _Judge:
    """Judges rules; what is said of the same pods is worked out once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._is_blind = any(one.blind is not None for one in view.snapshot.gaps)
        self._far = {one: view.evaluation.groups[opposite(one)] for one in Direction}
        # pods that nothing isolates deny nobody
        self._isolated = {
            one: view.real_classes - groups.groups[0].members for one, groups in self._far.items()
        }
        self._doubtful = {
            one: FrozenBitMap.union(
                EMPTY, *(each.members for each in groups.groups if each.possible)
            )
            for one, groups in self._far.items()
        }
        self._described: dict[tuple[Direction, FrozenBitMap], _Denying] = {}

    def judge(
        self, position: int, placed: PlacedRule, peers: list[Peer]
    ) -> Iterator[Hit | Unevaluated]:
        """State that some of the peers deny the rule, or that this is not known."""
        view = self._view
        reference = view.policies[position].reference
        matched = FrozenBitMap.union(
            *(matched_pods(view, reference.namespace, one) for one in peers), EMPTY
        )
        isolated = matched & self._isolated[placed.direction]
        denying = isolated and find_denying(view, position, placed, isolated)
        if not denying:
            if self._is_blind and (gaps := self._hiding(position, peers, matched)):
                yield Unevaluated(reference, describe_gaps(gaps))
            return
        if denying.intersect(self._doubtful[placed.direction]):
            denying = find_denying(view, position, placed, denying, possible=True)
        if not denying:
            yield Unevaluated(reference, f"{placed.place}: {view.doubt}")
            return
        described = self._describe(placed.direction, denying)
        subjects = self._certainty([reference.namespace], Blind.PODS)
        sure = Certainty(
            (*described.sure.unread, *subjects.unread), (*described.sure.doubts, *subjects.doubts)
        )
        yield from sure.judge(reference, _state(view, position, placed, described))

    def _describe(self, direction: Direction, denying: FrozenBitMap) -> _Denying:
        found = self._described.get((direction, denying))
        if found is None:
            endpoints = self._view.endpoints
            workloads = {number for one in denying for number in endpoints.holders[one]}
            groups = self._far[direction]
            isolating = {
                policy
                for number in {groups.by_class[one] for one in denying}
                for policy in groups.groups[number].policies
            }
            found = self._described[direction, denying] = _Denying(
                tuple(sorted(str(self._view.workloads[one].endpoint) for one in workloads)),
                tuple(sorted(isolating)),
                self._certainty(self._namespaces(denying), Blind.POLICIES),
            )
        return found

    def _certainty(self, namespaces: Iterable[str], *kinds: Blind) -> Certainty:
        return certainty(self._view, namespaces, *kinds) if self._is_blind else Certainty((), ())

    def _hiding(self, position: int, peers: list[Peer], matched: FrozenBitMap) -> tuple[Gap, ...]:
        """What hides pods that the rule names, policies of theirs, or the policy's own pods."""
        view = self._view
        namespace = view.policies[position].reference.namespace
        found = [gap for one in peers for gap in unread_peers(view, namespace, one)]
        for one in self._namespaces(matched):
            found += view.blind_spots(one, Blind.POLICIES)
        if not view.policies[position].subjects.intersect(view.real_classes):
            found += view.blind_spots(namespace, Blind.PODS)
        return tuple(dict.fromkeys(found))

    def _namespaces(self, pods: FrozenBitMap) -> list[str]:
        endpoints = self._view.endpoints
        numbers = sorted({endpoints.classes[one].namespace for one in pods})
        return [endpoints.namespaces[one].name for one in numbers]


def _state(view: View, position: int, placed: PlacedRule, denying: _Denying) -> Hit:
    reference = view.policies[position].reference
    first, *others = denying.workloads
    whom = f"{first} and {len(others)} more" if others else first
    if placed.direction is Direction.EGRESS:
        towards, mirror = "to", "ingress from"
    else:
        towards, mirror = "from", "egress to"
    return Hit(
        subject=reference,
        detail=placed.place,
        message=f"{reference} allows at {placed.place} what the far side denies: {towards} {whom}",
        hint="write the other side into a policy for those pods, or take the rule out",
        evidence={
            "denied_by": list(denying.workloads[:_NAMED_AT_MOST]),
            "denied_by_workloads": len(denying.workloads),
        },
        policies=view.references((position, *denying.policies)),
        remediation=by_steps(
            f"allow {mirror} the policy's pods, on the rule's ports, in a policy for {whom}",
            f"or take {placed.place} out of {reference}, if the connection is not wanted",
        ),
    )
