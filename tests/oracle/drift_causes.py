"""What the causes of a row may be, and must be, worked out pod by pod.

They are worked out exactly wherever one pod like the others stands for each end on each side. Where
several that differ do, each that is named must be a cause between some of them; and where own
nodes are in play, each must truly differ, and be able to matter to the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from auditor.model.drift import Cause, CauseKind
from auditor.model.objects import Metadata, Pod
from tests.oracle.drift import CURRENT, PREVIOUS, DriftOracle, End, Variant
from tests.oracle.drift_factors import (
    Explanation,
    Named,
    World,
    explain,
    factors,
    reading_of,
    replace,
    with_addresses,
)
from tests.oracle.oracle import PortSample, named_ports, selector_matches
from tests.oracle.rows import policy_rules

POLICY_KINDS = frozenset(
    {CauseKind.POLICY_ADDED, CauseKind.POLICY_REMOVED, CauseKind.POLICY_CHANGED}
)


class _Direction(NamedTuple):
    """One direction of a row, seen from its subject."""

    name: str
    subject: End
    peer: End


class CauseOracle:
    """Finds fault with the causes of rows."""

    def __init__(self, drift: DriftOracle) -> None:
        self._drift = drift
        self._policies = tuple(
            {str(one.reference): one for one in half.snapshot.policies} for half in drift.halves
        )
        self._keys = {
            key
            for one in drift.selectors
            for key in (*one.match_labels, *(each.key for each in one.match_expressions))
        }
        self._renamed = dict(self._pair_renamed())
        self._nodes = tuple(
            {one.metadata.name: one.addresses for one in half.snapshot.nodes}
            for half in drift.halves
        )

    def faults(
        self,
        allowing: int,
        source: End,
        destination: End,
        ports: set[PortSample],
        causes: Sequence[Cause],
    ) -> list[str]:
        """What is wrong with the causes of a row that only one side allows; each address alone."""
        named = {(one.cause, one.object) for one in causes}
        if not named:
            return ["no cause"]
        ends = (source, destination)
        gone = {
            str(one.workload)
            for one in ends
            if isinstance(one, Variant) and not self._drift.has_pods(1 - allowing, one.workload)
        }
        if gone:
            kind = CauseKind.WORKLOAD_ADDED if allowing == CURRENT else CauseKind.WORKLOAD_REMOVED
            expected = {(kind, key) for key in gone}
            return [] if named == expected else [f"expected {expected}, actual {named}"]
        faults = [
            f"{kind} {key} is not true, or cannot matter"
            for kind, key in sorted(named)
            if not self._may_be(kind, key, allowing, ends)
        ]
        directions = (
            _Direction("Egress", source, destination),
            _Direction("Ingress", destination, source),
        )
        if not self._is_vague(ends):
            faults += self._compare(named, allowing, directions, ports)
        return faults

    # What must be named.

    def _is_vague(self, ends: tuple[End, End]) -> bool:
        """Whether own nodes are in play, or pods of a variant on and off their nodes' network."""
        drift = self._drift
        for side in (PREVIOUS, CURRENT):
            near, far = (drift.standing_in(side, one) for one in ends)
            if any(drift.is_own_node(side, one, other) for one in near for other in far):
                return True
            for pods in (near, far):
                if len({one.spec.host_network for one in pods if isinstance(one, Pod)}) > 1:
                    return True
        return False

    def _compare(
        self,
        named: set[Named],
        allowing: int,
        directions: tuple[_Direction, _Direction],
        ports: set[PortSample],
    ) -> Iterator[str]:
        possible: set[Named] = set()
        for one in directions:
            differing = ports & (
                self._permitted(allowing, one) - self._permitted(1 - allowing, one)
            )
            if not differing:
                continue
            for key in self._responsible(allowing, one, differing):
                found = list(self._explain(key, allowing, one, differing))
                may = {cause for each in found for cause in each.may}
                possible |= may
                if len(found) == 1 and not found[0].must <= named:
                    yield f"for {key}, not named: {sorted(found[0].must - named)}"
                if not may & named:
                    yield f"for {key}, none is named of {sorted(may)}"
        if possible and not named <= possible:
            yield f"no cause: {sorted(named - possible)}"

    def _explain(
        self, key: str, allowing: int, direction: _Direction, ports: set[PortSample]
    ) -> Iterator[Explanation]:
        """Why a responsible policy lets through, between each pods that differ."""
        change = self._changed(key)
        if change in {CauseKind.POLICY_ADDED, CauseKind.POLICY_REMOVED}:
            yield Explanation({(change, key)}, {(change, key)})
            return
        is_isolated = self._is_isolated(allowing, direction)
        worlds = [self._worlds(side, key, direction) for side in (allowing, 1 - allowing)]
        name = direction.name

        def permitted(world: World) -> set[PortSample]:
            oracle = world.oracle(self._drift.halves[CURRENT].snapshot)
            isolating = oracle.isolating(name, world.subject)
            if not is_isolated:
                return set() if isolating else ports
            return {
                port
                for policy in isolating
                for port in oracle.granted(policy, name, world.subject, world.peer, ports)
            }

        keys = tuple(
            str(one.workload) if isinstance(one, Variant) else one
            for one in (direction.subject, direction.peer)
        )
        for mine, theirs in product(*worlds):
            if permitted(mine):
                changes = tuple(factors(mine, theirs, (keys[0], keys[1]), key))
                yield explain(mine, theirs, changes, permitted)

    def _worlds(self, side: int, key: str, direction: _Direction) -> list[World]:
        """A policy with who stands for the ends on a side; those that are alike, once."""
        drift, half = self._drift, self._drift.halves[side]
        policy = self._policies[side].get(key) or self._policies[side][self._renamed[key]]
        known = {one.name: one for one in half.snapshot.namespaces}
        elsewhere = (one for one in drift.halves[1 - side].snapshot.namespaces)
        namespaces = [*known.values(), *(one for one in elsewhere if one.name not in known)]
        found: list[World] = []
        for ends in drift.pairs(side, direction.subject, direction.peer):
            subject, peer = (
                with_addresses(replace(one, metadata=self._judged(one)), self._nodes[side])
                if isinstance(one, Pod)
                else one
                for one in ends
            )
            world = World(policy, subject, peer, namespaces, half.ip_blocks_match_pods)
            if world not in found:
                found.append(world)
        return found

    def _judged(self, pod: Pod) -> Metadata:
        """A pod's name, the same for all, and the labels that selectors look at."""
        labels = {key: value for key, value in pod.labels.items() if key in self._keys}
        return Metadata(name="pod", namespace=pod.namespace, labels=labels)

    def _is_isolated(self, side: int, direction: _Direction) -> bool:
        """Whether policies isolate all who stand for the subject."""
        return all(
            self._drift.oracles[side].isolating(direction.name, subject)
            for subject, _ in self._drift.pairs(side, direction.subject, direction.peer)
        )

    def _permitted(self, side: int, direction: _Direction) -> set[PortSample]:
        oracle = self._drift.oracles[side]
        found: set[PortSample] = set()
        for subject, peer in self._drift.pairs(side, direction.subject, direction.peer):
            isolating = oracle.isolating(direction.name, subject)
            if not isolating:
                return set(self._drift.ports)
            for one in isolating:
                found |= oracle.granted(one, direction.name, subject, peer, self._drift.ports)
        return found

    def _responsible(
        self, allowing: int, direction: _Direction, ports: set[PortSample]
    ) -> set[str]:
        if not self._is_isolated(allowing, direction):
            denying = self._drift.oracles[1 - allowing]
            return {
                str(policy.reference)
                for subject in self._drift.standing_in(1 - allowing, direction.subject)
                for policy in denying.isolating(direction.name, subject)
            }
        oracle = self._drift.oracles[allowing]
        return {
            str(policy.reference)
            for subject, peer in self._drift.pairs(allowing, direction.subject, direction.peer)
            for policy in oracle.isolating(direction.name, subject)
            if oracle.granted(policy, direction.name, subject, peer, ports)
        }

    def _changed(self, key: str) -> CauseKind | None:
        previous, current = (one.get(key) for one in self._policies)
        if key in self._renamed:
            return None
        if previous is None:
            return CauseKind.POLICY_ADDED
        if current is None:
            return CauseKind.POLICY_REMOVED
        return None if reading_of(previous) == reading_of(current) else CauseKind.POLICY_CHANGED

    def _pair_renamed(self) -> Iterator[tuple[str, str]]:
        """Policies that one side alone has, as the other has them under another name."""
        alone = [
            [each[key] for key in sorted(each.keys() - other.keys())]
            for each, other in (self._policies, self._policies[::-1])
        ]
        for one in alone[0]:
            for other in alone[1]:
                if one.namespace == other.namespace and reading_of(one) == reading_of(other):
                    alone[1].remove(other)
                    yield str(one.reference), str(other.reference)
                    yield str(other.reference), str(one.reference)
                    break

    # What may be named.

    def _may_be(self, kind: CauseKind, key: str, allowing: int, ends: tuple[End, End]) -> bool:
        if kind in POLICY_KINDS:
            return self._changed(key) is kind and self._selects(key, ends)
        if kind is CauseKind.IP_BLOCK_READING_CHANGED:
            readings = {one.ip_blocks_match_pods for one in self._drift.halves}
            return key == "Cluster/cluster" and len(readings) == 2
        if kind is CauseKind.LABELS_CHANGED and key.startswith("Namespace/"):
            name = key.removeprefix("Namespace/")
            return self._is_relabelled(name) and name in {
                one.workload.namespace for one in ends if isinstance(one, Variant)
            }
        return any(
            isinstance(one, Variant)
            and str(one.workload) == key
            and self._workload_differs(kind, one, allowing, is_destination=one == ends[1])
            for one in ends
        )

    def _selects(self, key: str, ends: tuple[End, End]) -> bool:
        """Whether a policy isolates who stands for an end, on a side that has it."""
        return any(
            str(policy.reference) == key
            for side in (PREVIOUS, CURRENT)
            for end, direction in zip(ends, ("Egress", "Ingress"), strict=True)
            for pod in self._drift.standing_in(side, end)
            for policy in self._drift.oracles[side].isolating(direction, pod)
        )

    def _is_relabelled(self, name: str) -> bool:
        """Whether some selector of namespaces tells the namespace then from the namespace now."""
        seen = []
        for half in self._drift.halves:
            labels = next(
                (one.labels for one in half.snapshot.namespaces if one.name == name), None
            )
            if labels is None:
                return False
            seen.append({**labels, "kubernetes.io/metadata.name": name})
        selectors = [
            peer.namespace_selector
            for half in self._drift.halves
            for rule in policy_rules(half.snapshot)
            for peer in rule.peers
            if peer.namespace_selector is not None
        ]
        return any(
            selector_matches(one, seen[PREVIOUS]) != selector_matches(one, seen[CURRENT])
            for one in selectors
        )

    def _workload_differs(
        self, kind: CauseKind, end: Variant, allowing: int, *, is_destination: bool
    ) -> bool:
        """Whether those who stand for an end differ from side to side in what the cause says."""
        if kind is CauseKind.LABELS_CHANGED:
            # Those of a variant are alike to every selector: only who stands in may differ.
            return not end.pods[1 - allowing]
        if kind is CauseKind.PORTS_CHANGED and not is_destination:
            return False
        sides = [
            [one for one in self._drift.standing_in(side, end) if isinstance(one, Pod)]
            for side in (PREVIOUS, CURRENT)
        ]
        read = {
            CauseKind.PORTS_CHANGED: self._ports_of,
            CauseKind.ADDRESSES_CHANGED: self._addresses_of,
            CauseKind.NODES_CHANGED: self._nodes_of,
            CauseKind.HOST_NETWORK_CHANGED: self._networks_of,
        }.get(kind)
        return read is not None and read(PREVIOUS, sides[PREVIOUS]) != read(CURRENT, sides[CURRENT])

    def _ports_of(self, _side: int, pods: list[Pod]) -> object:
        return {
            (one.name, one.protocol, number)
            for pod in pods
            for container in (*pod.spec.containers, *pod.spec.init_containers)
            for one in container.ports
            for number in named_ports(pod, one.name, one.protocol)
        }

    def _addresses_of(self, side: int, pods: list[Pod]) -> object:
        nodes = {
            one.metadata.name: one.addresses for one in self._drift.halves[side].snapshot.nodes
        }
        return {
            frozenset((pod.spec.host_network and nodes.get(pod.spec.node_name)) or pod.addresses)
            for pod in pods
        }

    def _nodes_of(self, _side: int, pods: list[Pod]) -> object:
        return {pod.spec.node_name for pod in pods}

    def _networks_of(self, _side: int, pods: list[Pod]) -> object:
        return {pod.spec.host_network for pod in pods}
