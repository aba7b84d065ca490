"""The view: one evaluated snapshot, and the questions that a rule may ask of it, in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from pyroaring import FrozenBitMap

from auditor.model.addresses import Family
from auditor.model.collector import uncollected
from auditor.model.connections import AddressEndpoint, Endpoint
from auditor.model.findings import Direction
from auditor.model.objects import IPBlock, NetworkPolicy, Peer, Pod, Reference
from auditor.model.recognition import Recognition
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.reachability.address_parts import Cut, block_ranges
from auditor.reachability.endpoints import HOST, WorkloadNode
from auditor.reachability.evaluation import Evaluation, compute
from auditor.reachability.finer import cut_finer
from auditor.reachability.permissions import Group
from auditor.reachability.uncertainty import describe_uncertainty
from auditor.reachability.weights import Weights

_Derived = TypeVar("_Derived")


def evaluate(
    snapshot: Snapshot,
    recognition: Recognition = Recognition(),  # noqa: B008  a frozen value
    *,
    ip_blocks_match_pods: bool | None = None,
    blocks: frozenset[IPBlock] = frozenset(),
) -> View:
    """Work out the permissions of every isolation group, in both directions.

    ``ip_blocks_match_pods`` None: not known (semantics 3.7). ``blocks`` cut external space besides
    those of the policies.
    """
    with uncollected():
        evaluation = compute(
            snapshot, recognition, blocks, ip_blocks_match_pods=ip_blocks_match_pods
        )
    return View(snapshot, recognition, evaluation, ip_blocks_match_pods=ip_blocks_match_pods)


class View:
    """Questions in bulk. Endpoints are bits: classes of pods, of hosts, and address parts."""

    def __init__(
        self,
        snapshot: Snapshot,
        recognition: Recognition,
        evaluation: Evaluation,
        *,
        ip_blocks_match_pods: bool | None,
    ) -> None:
        self.snapshot = snapshot
        self.recognition = recognition
        self.evaluation = evaluation
        self.endpoints = evaluation.endpoints
        self.workloads = evaluation.endpoints.workloads
        """Every workload, variants apart, sorted."""
        self.policies = evaluation.policies
        """The compiled policies, in the order of the snapshot's."""
        self.ip_blocks_match_pods = ip_blocks_match_pods
        self._nodes_in: dict[tuple[int, int], frozenset[str]] = {}
        self._remembered: dict[object, Any] = {}
        self._finer: dict[frozenset[Cut], View] = {}

    @property
    def all_ports(self) -> int:
        """The mask of every port of every protocol."""
        return self.evaluation.ports.all

    def policy(self, position: int) -> NetworkPolicy:
        """The policy at a position, as written."""
        return self.snapshot.policies[position]

    def group(self, direction: Direction, endpoint: int) -> Group:
        """The isolation group of an endpoint in a direction."""
        return self.evaluation.groups[direction].of(endpoint)

    def is_host(self, endpoint: int) -> bool:
        """Whether a bit is a class of host-network pods."""
        return endpoint in self.endpoints.host_classes

    def spell(self, endpoint: int) -> Endpoint:
        """An address part, or the first workload that holds a class."""
        if endpoint in self.endpoints.external:
            part = endpoint - self.endpoints.external.start
            return AddressEndpoint(str(self.endpoints.parts.parts[part]))
        return self.workloads[self.endpoints.holders[endpoint][0]].endpoint

    def pods_of(self, workload: WorkloadNode) -> tuple[Pod, ...]:
        """The pods of a workload."""
        return tuple(self.snapshot.pods[position] for position in workload.pods)

    def nodes_in(self, workload: int, endpoint: int) -> frozenset[str]:
        """The nodes of a workload's pods in a class; an empty name where one is not known."""
        found = self._nodes_in.get((workload, endpoint))
        if found is None:
            class_of_pod = self.endpoints.class_of_pod
            found = self._nodes_in[workload, endpoint] = frozenset(
                self.snapshot.pods[position].spec.node_name
                for position in self.workloads[workload].pods
                if class_of_pod[position] == endpoint
            )
        return found

    @cached_property
    def workload_numbers(self) -> Mapping[Endpoint, int]:
        """The position of each workload, variants apart."""
        return {one.endpoint: number for number, one in enumerate(self.workloads)}

    def on_own_node(self, one: int, bit: int, other: int, other_bit: int) -> bool:
        """Whether two workloads' pods in these classes all stand on one node, hosts among them.

        Such traffic is always allowed and never listed (semantics 1.4). Numbers beyond the
        workloads are addresses: they stand on no node.
        """
        if max(one, other) >= len(self.workloads):
            return False
        if not self.is_host(bit) and not self.is_host(other_bit):
            return False
        nodes = self.nodes_in(one, bit)
        return len(nodes) == 1 and "" not in nodes and nodes == self.nodes_in(other, other_bit)

    @cached_property
    def policies_in(self) -> Mapping[str, tuple[int, ...]]:
        """The positions of each namespace's policies."""
        found: dict[str, list[int]] = {}
        for position, one in enumerate(self.policies):
            found.setdefault(one.reference.namespace, []).append(position)
        return {namespace: tuple(positions) for namespace, positions in found.items()}

    @cached_property
    def pods_in_class(self) -> tuple[int, ...]:
        """How many pods each class holds."""
        counts = [0] * len(self.endpoints.classes)
        for number in self.endpoints.class_of_pod:
            if number >= 0:
                counts[number] += 1
        return tuple(counts)

    @cached_property
    def _pod_weights(self) -> Weights:
        return Weights(self.pods_in_class)

    def count_pods(self, bits: FrozenBitMap) -> int:
        """How many pods a set of bits holds; addresses hold none."""
        return self._pod_weights.sum(bits)

    @cached_property
    def bits_in(self) -> Mapping[str, FrozenBitMap]:
        """The classes of each namespace's pods, those on the host's network among them."""
        found: dict[str, set[int]] = {}
        for one in self.workloads:
            found.setdefault(one.endpoint.workload.namespace, set()).update(one.classes)
        return {namespace: FrozenBitMap(bits) for namespace, bits in found.items()}

    @cached_property
    def pods_per_namespace(self) -> Counter[str]:
        """How many pods of each namespace are endpoints."""
        found: Counter[str] = Counter()
        for one in self.workloads:
            found[one.endpoint.workload.namespace] += len(one.pods)
        return found

    @cached_property
    def pod_positions(self) -> Mapping[tuple[str, str], int]:
        """(namespace, name) → position in the snapshot's pods, of endpoints only."""
        return {
            (pod.namespace, pod.name): position
            for position, pod in enumerate(self.snapshot.pods)
            if pod.is_endpoint
        }

    @cached_property
    def real_classes(self) -> FrozenBitMap:
        """The classes that hold pods: not those that are only imagined."""
        holders = self.endpoints.holders
        return FrozenBitMap(number for number, held in enumerate(holders) if held)

    @cached_property
    def external(self) -> FrozenBitMap:
        """Every address part."""
        return FrozenBitMap(self.endpoints.external)

    @cached_property
    def families(self) -> Mapping[Family, FrozenBitMap]:
        """The address parts of each IP family."""
        start = self.endpoints.external.start
        found: dict[Family, list[int]] = {4: [], 6: []}
        for number, one in enumerate(self.endpoints.parts.parts):
            found[one.family].append(start + number)
        return {family: FrozenBitMap(bits) for family, bits in found.items()}

    @cached_property
    def hosts(self) -> FrozenBitMap:
        """The classes of host-network pods."""
        return FrozenBitMap(self.endpoints.host_classes)

    @cached_property
    def shared_bits(self) -> FrozenBitMap:
        """Hosts, and classes of workloads that have several.

        Rows cannot be counted by class there: two classes may stand for one row, and a row on
        one's own node is none.
        """
        several = {bit for one in self.workloads if len(one.classes) > 1 for bit in one.classes}
        return FrozenBitMap(several) | self.hosts

    def run_of(self, namespace: str) -> range:
        """The pod classes of a namespace."""
        return self.endpoints.namespace_runs[self.endpoints.namespace_index[namespace]]

    def newcomer_in(self, namespace: str) -> int:
        """The class of a new pod without labels in a namespace."""
        return self.endpoints.newcomers[self.endpoints.namespace_index[namespace]]

    @property
    def stranger(self) -> int:
        """The class of a new pod without labels in a new namespace without labels."""
        return self.endpoints.newcomers[-1]

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """What the evaluation could not know, beyond the snapshot's own gaps."""
        return describe_uncertainty(
            self.endpoints,
            self.evaluation.groups,
            self.policies,
            ip_blocks_match_pods=self.ip_blocks_match_pods,
        )

    @property
    def doubt(self) -> str:
        """What makes a permission possible that is not evaluated as given (semantics 3.7)."""
        if self.ip_blocks_match_pods is None:
            return "an ipBlock may match pods: how the CNI reads it is not known"
        return "an ipBlock may match pods or nodes whose addresses are not known"

    def matches_any(self, namespace: str, peer: Peer, endpoints: set[int]) -> bool:
        """Whether a peer of a policy of the namespace matches any of the endpoints."""
        index = self.evaluation.index
        if peer.ip_block is None:
            return any(one in index.peers(namespace, peer) for one in endpoints)
        addresses, pods, _ = index.block(peer.ip_block)
        matched = addresses | pods if self.ip_blocks_match_pods else addresses
        return any(one in matched for one in endpoints)

    def remembered(self, derive: Callable[[View], _Derived]) -> _Derived:
        """What is derived from the view alone, derived once however many rules ask."""
        if derive not in self._remembered:
            self._remembered[derive] = derive(self)
        found: _Derived = self._remembered[derive]
        return found

    def finer(self, blocks: Iterable[IPBlock]) -> View:
        """The same snapshot, with external space cut by these blocks, too.

        For questions about addresses, and for policies with blocks, that no policy mentions: this
        view would answer for the whole part that holds them. It is the view itself where they cut
        nothing, else an evaluation of its own, made once for all blocks that cut alike: derived
        from this one, unless the blocks tell apart pods that were alike.
        """
        known = self.evaluation.vocabulary.blocks
        fresh = frozenset(blocks) - known
        if not fresh:
            return self
        ranges = (one for block in fresh for one in block_ranges(block))
        cuts = self.endpoints.parts.further_cuts(ranges)
        # without any block, the addresses of pods do not tell them apart as yet
        if not cuts and (known or not self.ip_blocks_match_pods):
            return self
        if cuts not in self._finer:
            self._finer[cuts] = self._cut_finer(fresh)
        return self._finer[cuts]

    def _cut_finer(self, blocks: frozenset[IPBlock]) -> View:
        reading = self.ip_blocks_match_pods
        with uncollected():
            evaluation = cut_finer(
                self.snapshot, self.evaluation, blocks, ip_blocks_match_pods=reading
            ) or compute(
                self.snapshot,
                self.recognition,
                blocks | self.evaluation.vocabulary.blocks,
                ip_blocks_match_pods=reading,
            )
        return View(self.snapshot, self.recognition, evaluation, ip_blocks_match_pods=reading)

    def blind_spots(self, namespace: str, *kinds: Blind) -> tuple[Gap, ...]:
        """The snapshot's gaps that hide any of the kinds in a namespace, or everywhere."""
        wanted = {*kinds, Blind.OBJECTS}
        everywhere, here = (self._blinding.get(one, ()) for one in (None, namespace))
        return tuple(one for one in (*everywhere, *here) if one.blind in wanted)

    @cached_property
    def _blinding(self) -> Mapping[str | None, tuple[Gap, ...]]:
        """The gaps that hide something, by namespace."""
        found: dict[str | None, list[Gap]] = {}
        for one in self.snapshot.gaps:
            if one.blind is not None:
                found.setdefault(one.namespace, []).append(one)
        return {namespace: tuple(gaps) for namespace, gaps in found.items()}

    def namespace_of(self, endpoint: int) -> str | None:
        """The namespace of a pod class; None for hosts and addresses."""
        if endpoint >= len(self.endpoints.classes):
            return None
        number = self.endpoints.classes[endpoint].namespace
        return None if number == HOST else self.endpoints.namespaces[number].name

    def references(self, positions: tuple[int, ...]) -> tuple[Reference, ...]:
        """Policies by position → their keys, sorted."""
        return tuple(sorted({self.policies[one].reference for one in positions}))
