"""The slow, obvious oracle of connection drift: pod by pod, and sets of single facts taken apart.

What opened or closed are facts (source, destination, protocol, port), where an end is a variant of
a workload, over the pods of both sides, or a single address of external space. Everything is asked
of the pod-by-pod oracle; ports and addresses are samples, those that matter on either side.

One thing the definition leaves open is settled here: where a pod would stand in for both ends, it
counts as two pods alike, since nothing is said of a pod and itself that policies could change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from auditor.model.objects import Pod, Reference
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from tests.oracle.oracle import Oracle, PortSample, is_finished, selector_matches
from tests.oracle.rows import pod_selectors, sample_addresses, sample_ports, workload_name

PREVIOUS = 0
CURRENT = 1


class Half(NamedTuple):
    """One side of a comparison."""

    snapshot: Snapshot
    ip_blocks_match_pods: bool = False
    questions: tuple[LabelSelector, ...] = ()
    """Selectors that are no policy's, by which pods are told apart all the same."""


class Variant(NamedTuple):
    """The pods of one workload, of both sides, that no selector of either tells apart."""

    workload: Reference
    pods: tuple[frozenset[str], frozenset[str]]
    """By name: those of the previous side, those of the current one."""


End = Variant | str
Fact = tuple[End, End, str, int | None]


class DriftOracle:
    """What opened and closed from one half to the other."""

    def __init__(self, previous: Half, current: Half) -> None:
        self.halves = (previous, current)
        self.oracles = tuple(
            Oracle(one.snapshot, ip_blocks_match_pods=one.ip_blocks_match_pods)
            for one in self.halves
        )
        snapshots = (previous.snapshot, current.snapshot)
        self.ports: list[PortSample] = sorted(
            {one for each in snapshots for one in sample_ports(each)}, key=str
        )
        self.addresses = sorted({one for each in snapshots for one in sample_addresses(each)})
        self.selectors = [
            *(selector for each in snapshots for selector in pod_selectors(each)),
            *(selector for each in self.halves for selector in each.questions),
        ]
        self.variants = dict(self._split())
        """The pods of each variant: on the previous side, and on the current one."""
        self._allowed: dict[tuple[int, End, End], set[PortSample]] = {}

    def opened(self) -> set[Fact]:
        """What is allowed now, and was not."""
        return set(self._facts(CURRENT))

    def closed(self) -> set[Fact]:
        """What was allowed, and is not now."""
        return set(self._facts(PREVIOUS))

    def _facts(self, allowing: int) -> Iterator[Fact]:
        present: list[End] = [one for one in self.variants if one.pods[allowing]]
        for source, destination in product([*present, *self.addresses], repeat=2):
            if source == destination:
                continue
            if isinstance(source, str) and isinstance(destination, str):
                continue
            changed = self.allowed(allowing, source, destination) - self.allowed(
                1 - allowing, source, destination
            )
            for protocol, port in changed:
                yield source, destination, protocol, port

    def allowed(self, side: int, source: End, destination: End) -> set[PortSample]:
        """The ports allowed on a side between those who stand for the ends there."""
        asked = (side, source, destination)
        if asked not in self._allowed:
            found: set[PortSample] = set()
            for one, another in self.pairs(side, source, destination):
                found |= self.oracles[side].policies_allow(one, another, self.ports)
            self._allowed[asked] = found
        return self._allowed[asked]

    def pairs(self, side: int, one: End, another: End) -> list[tuple[Pod | str, Pod | str]]:
        """Who stands for the ends on a side, each with each, traffic with an own node left out."""
        return [
            (near, far)
            for near, far in product(self.standing_in(side, one), self.standing_in(side, another))
            if not self.is_own_node(side, near, far)
        ]

    def is_own_node(self, side: int, near: Pod | str, far: Pod | str) -> bool:
        """Whether one of two pods is the other's node: an address is nobody's in a listing."""
        if isinstance(near, str) or isinstance(far, str):
            return False
        return self.oracles[side].own_node(near, far)

    def standing_in(self, side: int, end: End) -> list[Pod | str]:
        """The pods of a side that stand for an end there: none where its workload has none."""
        if isinstance(end, str):
            return [end]
        if end.pods[side]:
            return list(self.variants[end][side])
        siblings = [one for one in self.variants if one.workload == end.workload and one.pods[side]]
        only_here = [one for one in siblings if not one.pods[1 - side]]
        return [pod for one in only_here or siblings for pod in self.variants[one][side]]

    def has_pods(self, side: int, workload: Reference) -> bool:
        """Whether a workload has pods on a side."""
        return any(one.workload == workload and one.pods[side] for one in self.variants)

    def pods_of(self, side: int) -> Iterator[tuple[Reference, Pod]]:
        """The pods of a side that take part in traffic, each with its workload."""
        snapshot = self.halves[side].snapshot
        for pod in snapshot.pods:
            if not is_finished(pod):
                yield workload_name(pod, snapshot), pod

    def _split(self) -> Iterator[tuple[Variant, tuple[list[Pod], list[Pod]]]]:
        groups: dict[tuple[Reference, tuple[bool, ...]], tuple[list[Pod], list[Pod]]]
        groups = defaultdict(lambda: ([], []))
        for side in (PREVIOUS, CURRENT):
            for workload, pod in self.pods_of(side):
                groups[workload, self._judge(pod)][side].append(pod)
        for (workload, _), sides in groups.items():
            yield Variant(workload, (_names(sides[PREVIOUS]), _names(sides[CURRENT]))), sides

    def _judge(self, pod: Pod) -> tuple[bool, ...]:
        """What every selector of either side says of a pod."""
        return tuple(selector_matches(one, pod.labels) for one in self.selectors)


def _names(pods: Iterable[Pod]) -> frozenset[str]:
    return frozenset(one.name for one in pods)
