"""Pods → endpoint classes: pods that no policy and no question can tell apart.

The bits of every bitmap are numbered here: first the classes of pods, sorted by namespace so that
a namespace is one run of bits; then the classes of host-network pods, which count as addresses of
their nodes; then the address parts of external space.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from auditor.model.addresses import parse_address
from auditor.model.connections import WorkloadEndpoint
from auditor.model.objects import Metadata, Namespace, Pod, Reference
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from auditor.model.workloads import index_owners, workload_of
from auditor.reachability.address_parts import AddressParts
from auditor.reachability.variants import Variants
from auditor.reachability.vocabulary import Vocabulary

STRANGER = "\0new"
"""The name of a new namespace: no object can bear it, so no selector mentions it by value."""

HOST = -1
"""The namespace of a host-network class: it belongs to none as far as policies go."""

Signature = tuple[int, ...] | None
"""The address parts in which an endpoint has addresses; None where they are unknown."""


class EndpointClass(NamedTuple):
    """What tells pods apart. ``labels`` are those that some selector mentions."""

    namespace: int
    labels: tuple[tuple[str, str], ...] = ()
    named_ports: tuple[tuple[str, str, int], ...] = ()
    """(name, protocol, number) of the ports that some policy names."""
    addresses: Signature = ()


class WorkloadNode(NamedTuple):
    """A workload, or a variant of one, with the classes of its pods."""

    endpoint: WorkloadEndpoint
    classes: tuple[int, ...]
    pods: tuple[int, ...]
    """Positions in the snapshot's pods."""


class Endpoints(NamedTuple):
    """The universe of one evaluation."""

    namespaces: tuple[Namespace, ...]
    """The snapshot's, sorted by name, and last the new namespace of the stranger."""
    namespace_index: Mapping[str, int]
    classes: tuple[EndpointClass, ...]
    namespace_runs: tuple[range, ...]
    """The pod classes of each namespace."""
    pod_classes: range
    host_classes: range
    parts: AddressParts
    external: range
    """The bits of the address parts."""
    class_of_pod: tuple[int, ...]
    """By position in the snapshot's pods; -1 where the pod is no endpoint."""
    workloads: tuple[WorkloadNode, ...]
    """Sorted by namespace, kind, name and variant."""
    holders: tuple[tuple[int, ...], ...]
    """The workloads with pods in a class, by class; none for what is only imagined."""
    newcomers: tuple[int, ...]
    """By namespace: the class of a new pod without labels."""

    @property
    def size(self) -> int:
        """The number of bits."""
        return self.external.stop


def group_endpoints(
    snapshot: Snapshot, vocabulary: Vocabulary, parts: AddressParts, *, by_address: bool
) -> Endpoints:
    """Group the snapshot's pods into classes.

    ``by_address``: whether the addresses of pods tell them apart, because some ipBlock may match
    them; those of host-network pods always do.
    """
    return group_jointly((snapshot,), vocabulary, parts, by_address=by_address)[0]


def group_jointly(
    snapshots: Sequence[Snapshot], vocabulary: Vocabulary, parts: AddressParts, *, by_address: bool
) -> tuple[Endpoints, ...]:
    """Group the pods of several snapshots of one cluster into the same classes.

    The bits mean the same in each; what bears them (namespaces with their labels, workloads) is of
    each snapshot by itself. Workloads are split into variants by their pods in all snapshots. A
    namespace that a snapshot does not have bears there, without pods, the labels that it has in
    another.
    """
    namespaces = _namespaces(snapshots)
    namespace_index = {one.name: index for index, one in enumerate(namespaces[0])}
    keys: list[EndpointClass | None] = []
    interned: dict[EndpointClass, EndpointClass] = {}
    for snapshot in snapshots:
        nodes = addresses_of_nodes(snapshot)
        for pod in snapshot.pods:
            if not pod.is_endpoint:
                keys.append(None)
                continue
            if pod.spec.host_network:
                key = EndpointClass(HOST, addresses=sign(pod, nodes, parts))
            else:
                key = EndpointClass(
                    namespace_index[pod.namespace],
                    _mentioned_labels(pod, vocabulary),
                    _mentioned_ports(pod, vocabulary),
                    sign(pod, nodes, parts) if by_address else (),
                )
            keys.append(interned.setdefault(key, key))
    newcomers = [
        EndpointClass(index, addresses=None if by_address else ())
        for index in range(len(namespace_index))
    ]
    found = {key for key in keys if key is not None}
    pods = sorted({*(key for key in found if key.namespace != HOST), *newcomers}, key=_order)
    hosts = sorted((key for key in found if key.namespace == HOST), key=_order)
    classes = (*pods, *hosts)
    number = {key: index for index, key in enumerate(classes)}
    class_of_pod = [-1 if key is None else number[key] for key in keys]
    workloads = _split_workloads(snapshots, vocabulary, class_of_pod, classes)
    runs = _runs(pods, len(namespace_index))
    first = 0
    each: list[Endpoints] = []
    for side, snapshot in enumerate(snapshots):
        following = first + len(snapshot.pods)
        each.append(
            Endpoints(
                namespaces=namespaces[side],
                namespace_index=namespace_index,
                classes=classes,
                namespace_runs=runs,
                pod_classes=range(len(pods)),
                host_classes=range(len(pods), len(classes)),
                parts=parts,
                external=range(len(classes), len(classes) + len(parts.parts)),
                class_of_pod=tuple(class_of_pod[first:following]),
                workloads=workloads[side],
                holders=_holders(workloads[side], len(classes)),
                newcomers=tuple(number[key] for key in newcomers),
            )
        )
        first = following
    return tuple(each)


def addresses_of_nodes(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    """The addresses of each node that was read, by its name."""
    return {one.metadata.name: one.addresses for one in snapshot.nodes}


def host_addresses(pod: Pod, nodes: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The addresses of a host-network pod: its node's where the node was read, else its own."""
    return nodes.get(pod.spec.node_name) or pod.addresses


def _namespaces(snapshots: Sequence[Snapshot]) -> tuple[tuple[Namespace, ...], ...]:
    """The same namespaces, in the same order, for each snapshot, the stranger's last."""
    labels = {NAMESPACE_NAME_LABEL: STRANGER}
    stranger = Namespace(metadata=Metadata(name=STRANGER, labels=labels), declared=False)
    own = [{one.name: one for one in snapshot.namespaces} for snapshot in snapshots]
    everywhere = {name: one for each in own for name, one in each.items()}
    names = sorted(everywhere)
    return tuple((*(each.get(name, everywhere[name]) for name in names), stranger) for each in own)


def _mentioned_labels(pod: Pod, vocabulary: Vocabulary) -> tuple[tuple[str, str], ...]:
    wanted = vocabulary.label_keys
    return tuple(sorted(item for item in pod.labels.items() if item[0] in wanted))


def _mentioned_ports(pod: Pod, vocabulary: Vocabulary) -> tuple[tuple[str, str, int], ...]:
    wanted = vocabulary.named_ports
    if not wanted:
        return ()
    found = {
        (one.name, one.protocol, one.container_port)
        for one in pod.listening
        if (one.name, one.protocol) in wanted
    }
    return tuple(sorted(found))


def sign(pod: Pod, nodes: Mapping[str, tuple[str, ...]], parts: AddressParts) -> Signature:
    """The parts in which an endpoint has addresses, of those of its node where they are its own."""
    found: set[int] = set()
    for text in host_addresses(pod, nodes) if pod.spec.host_network else pod.addresses:
        try:
            found.update(parts.indexes(parse_address(text)))
        except ValueError:
            continue  # not an address: as good as none, so unknown where it is the only one
    return tuple(sorted(found)) or None


def _order(key: EndpointClass) -> tuple[object, ...]:
    return (key.namespace, key.labels, key.named_ports, key.addresses or ())


def _runs(pods: list[EndpointClass], namespaces: int) -> tuple[range, ...]:
    counts = [0] * namespaces
    for key in pods:
        counts[key.namespace] += 1
    runs: list[range] = []
    start = 0
    for count in counts:
        runs.append(range(start, start + count))
        start += count
    return tuple(runs)


def _holders(workloads: tuple[WorkloadNode, ...], classes: int) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = [[] for _ in range(classes)]
    for index, workload in enumerate(workloads):
        for one in workload.classes:
            found[one].append(index)
    return tuple(map(tuple, found))


def _split_workloads(
    snapshots: Sequence[Snapshot],
    vocabulary: Vocabulary,
    class_of_pod: Sequence[int],
    classes: tuple[EndpointClass, ...],
) -> tuple[tuple[WorkloadNode, ...], ...]:
    """The workloads of each snapshot, split by their pods in all of them.

    ``class_of_pod`` goes through the pods of one snapshot after the other.
    """
    everyone: list[Pod] = []
    starts: list[int] = []
    pods: dict[Reference, list[int]] = defaultdict(list)
    for snapshot in snapshots:
        owners = index_owners(snapshot.owners)
        starts.append(len(everyone))
        for position, pod in enumerate(snapshot.pods, start=len(everyone)):
            if class_of_pod[position] >= 0:
                pods[workload_of(pod, owners)].append(position)
        everyone += snapshot.pods
    variants = Variants(vocabulary)
    found: tuple[list[WorkloadNode], ...] = tuple([] for _ in snapshots)
    for reference, positions in pods.items():
        by_labels: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
        for position in positions:
            key = classes[class_of_pod[position]]
            pod = everyone[position]
            labels = _mentioned_labels(pod, vocabulary) if key.namespace == HOST else key.labels
            by_labels[labels].append(position)
        for variant, members in variants.split(by_labels):
            endpoint = WorkloadEndpoint(reference, variant)
            for side, mine in _by_side(members, starts):
                held = tuple(sorted({class_of_pod[position] for position in mine}))
                start = starts[side]
                own = tuple(position - start for position in mine) if start else tuple(mine)
                found[side].append(WorkloadNode(endpoint, held, own))
    return tuple(tuple(sorted(nodes, key=lambda one: one.endpoint)) for nodes in found)


def _by_side(members: list[int], starts: list[int]) -> list[tuple[int, list[int]]]:
    """(snapshot, those of the sorted positions that are its own), where there are some."""
    if len(starts) == 1:
        return [(0, members)]
    cuts = [*(bisect_left(members, start) for start in starts), len(members)]
    return [
        (side, members[cuts[side] : cuts[side + 1]])
        for side in range(len(starts))
        if cuts[side] < cuts[side + 1]
    ]
