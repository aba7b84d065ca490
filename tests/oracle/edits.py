"""Random edits of a small cluster, each with the causes that it can be of what opens or closes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from auditor.model.drift import CauseKind
from auditor.model.objects import (
    OwnerReference,
    Pod,
    PodIP,
    PodStatus,
)
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from tests.oracle.clusters import ALL_NODES, CONTAINERS, LABELS, NODES, pods
from tests.oracle.oracle import is_finished
from tests.oracle.policy_edits import (
    Blame,
    Outcome,
    add_policy,
    change_policy,
    remove_policy,
    rename_policy,
    replace_policy_by_its_equal,
    rewrite_policy,
    write_out_policy_types,
)
from tests.oracle.rows import workload_name

replace = msgspec.structs.replace

TEMPLATE_HASH = "pod-template-hash"
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.1.9", "fd00::1", "fd00::3", "2001:db8::1")

OF_PODS = (
    CauseKind.LABELS_CHANGED,
    CauseKind.PORTS_CHANGED,
    CauseKind.ADDRESSES_CHANGED,
    CauseKind.NODES_CHANGED,
    CauseKind.HOST_NETWORK_CHANGED,
)


class Edited(NamedTuple):
    """A cluster after edits, and how ipBlocks are read in it."""

    snapshot: Snapshot
    ip_blocks_match_pods: bool
    name: str = "nothing"
    """Of the last edit."""
    blame: frozenset[tuple[CauseKind, str]] = frozenset()
    """The causes that the last edit can be; none where it can neither open nor close anything."""


@st.composite
def edit(draw: st.DrawFn, before: Edited, number: int = 0) -> Edited:
    """One edit. Where there is nothing that it could change, the cluster stays as it is."""
    name = draw(st.sampled_from(sorted(_EDITS)))
    snapshot, blame = _EDITS[name](draw, before.snapshot, f"e{number}")
    return Edited(_sorted(snapshot), before.ip_blocks_match_pods, name, frozenset(blame))


@st.composite
def edits(draw: st.DrawFn, snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> Edited:
    """One to four edits, one after the other; now and then ipBlocks are read otherwise, too."""
    edited = Edited(snapshot, ip_blocks_match_pods)
    for number in range(draw(st.integers(1, 4))):
        edited = draw(edit(edited, number))
    switched = draw(st.sampled_from([False] * 9 + [True]))
    return edited._replace(ip_blocks_match_pods=ip_blocks_match_pods is not switched)


def _sorted(snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        pods=tuple(sorted(snapshot.pods, key=lambda one: (one.namespace, one.name))),
        policies=tuple(
            sorted(snapshot.policies, key=lambda one: (one.namespace, one.metadata.name))
        ),
    )


# Namespaces and nodes.


def _relabel_namespace(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    old = draw(st.sampled_from(snapshot.namespaces))
    labels = {**draw(st.sampled_from(LABELS)), NAMESPACE_NAME_LABEL: old.name}
    new = replace(old, metadata=replace(old.metadata, labels=labels), declared=True)
    namespaces = tuple(new if one is old else one for one in snapshot.namespaces)
    changed = replace(snapshot, namespaces=namespaces)
    return changed, {(CauseKind.LABELS_CHANGED, f"Namespace/{old.name}")}


def _change_nodes(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    """Nodes that were read, and no longer are, or the reverse: their addresses matter."""
    nodes = draw(st.sampled_from([(), ALL_NODES, ALL_NODES[1:], ALL_NODES[:2]]))
    on_host = {name for name, each in _workloads(snapshot).items() if any(map(_is_on_host, each))}
    return replace(snapshot, nodes=nodes), {(CauseKind.ADDRESSES_CHANGED, one) for one in on_host}


# Pods.


def _edit_pods(
    change: Callable[[st.DrawFn, Pod, str], Pod], *kinds: CauseKind
) -> Callable[[st.DrawFn, Snapshot, str], Outcome]:
    """An edit of one pod, or of all pods of a workload."""

    def edit_pods(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
        if not snapshot.pods:
            return snapshot, set()
        name, chosen = _choose_workload(draw, snapshot)
        if draw(st.booleans()):
            chosen = [draw(st.sampled_from(chosen))]
        changed = _with_pods(snapshot, chosen, [change(draw, one, mark) for one in chosen])
        return changed, {(kind, name) for kind in kinds}

    return edit_pods


def _relabel(draw: st.DrawFn, pod: Pod, _mark: str) -> Pod:
    kept = {key: value for key, value in pod.labels.items() if key == TEMPLATE_HASH}
    labels = {**draw(st.sampled_from(LABELS)), **kept}
    return replace(pod, metadata=replace(pod.metadata, labels=labels))


def _move(draw: st.DrawFn, pod: Pod, _mark: str) -> Pod:
    return replace(pod, spec=replace(pod.spec, node_name=draw(st.sampled_from(["", *NODES]))))


def _renumber(draw: st.DrawFn, pod: Pod, _mark: str) -> Pod:
    ips = draw(st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True))
    status = PodStatus(phase=pod.status.phase, pod_ips=tuple(PodIP(ip=one) for one in ips))
    return replace(pod, status=status)


def _flip_host_network(_draw: st.DrawFn, pod: Pod, _mark: str) -> Pod:
    return replace(pod, spec=replace(pod.spec, host_network=not pod.spec.host_network))


def _change_ports(draw: st.DrawFn, pod: Pod, _mark: str) -> Pod:
    containers = draw(st.sampled_from(CONTAINERS))
    return replace(pod, spec=replace(pod.spec, containers=containers))


def _finish(_draw: st.DrawFn, pod: Pod, _mark: str) -> Pod:
    return replace(pod, status=replace(pod.status, phase="Succeeded"))


def _roll_out(_draw: st.DrawFn, pod: Pod, mark: str) -> Pod:
    """The pod that comes after it, alike in all but what a new ReplicaSet, or Job, changes."""
    if pod.metadata.controller is None or pod.metadata.controller.kind == "Node":
        return replace(pod, metadata=replace(pod.metadata, uid=mark))  # its name is its identity
    metadata = replace(pod.metadata, name=f"{pod.name}-{mark}", uid=mark)
    owner = pod.metadata.controller
    template = pod.labels.get(TEMPLATE_HASH)
    if template is not None and owner.name.endswith(template):
        new = f"{owner.name.removesuffix(template)}{mark}"
        metadata = replace(
            metadata,
            labels={**pod.labels, TEMPLATE_HASH: mark},
            owner_references=(OwnerReference(kind=owner.kind, name=new, controller=True),),
        )
    return replace(pod, metadata=metadata)


def _roll_out_anew(draw: st.DrawFn, pod: Pod, mark: str) -> Pod:
    """The pod that comes after it, with the new template's labels and ports, and somewhere else."""
    new = _change_ports(draw, _relabel(draw, pod, mark), mark)
    return _roll_out(draw, _renumber(draw, _move(draw, new, mark), mark), mark)


def _scale_up(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
    """One more pod that is like another."""
    if not snapshot.pods:
        return snapshot, set()
    old = draw(st.sampled_from(snapshot.pods))
    if _roll_out(draw, old, mark).name == old.name:
        return snapshot, set()
    new = replace(old, metadata=replace(old.metadata, name=f"{old.name}-{mark}"))
    return replace(snapshot, pods=(*snapshot.pods, new)), set()


# Workloads.


def _add_workload(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
    owner = (OwnerReference(kind="StatefulSet", name=f"new-{mark}", controller=True),)
    drawn = [draw(pods(20 + index, len(snapshot.namespaces))) for index in range(2)]
    new = [
        replace(
            one,
            metadata=replace(
                one.metadata,
                name=f"{one.name}-{mark}",
                namespace=drawn[0].namespace,
                owner_references=owner,
            ),
        )
        for one in drawn
    ]
    key = f"{drawn[0].namespace}/StatefulSet/new-{mark}"
    return replace(snapshot, pods=(*snapshot.pods, *new)), {(CauseKind.WORKLOAD_ADDED, key)}


def _remove_workload(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    if not snapshot.pods:
        return snapshot, set()
    name, gone = _choose_workload(draw, snapshot)
    return _with_pods(snapshot, gone, []), {(CauseKind.WORKLOAD_REMOVED, name)}


def _rename_workload(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
    if not snapshot.pods:
        return snapshot, set()
    name, old = _choose_workload(draw, snapshot)
    owner = (OwnerReference(kind="StatefulSet", name=f"renamed-{mark}", controller=True),)
    new = [replace(one, metadata=replace(one.metadata, owner_references=owner)) for one in old]
    key = f"{old[0].namespace}/StatefulSet/renamed-{mark}"
    blame = {(CauseKind.WORKLOAD_REMOVED, name), (CauseKind.WORKLOAD_ADDED, key)}
    return _with_pods(snapshot, old, new), blame


def _workloads(snapshot: Snapshot) -> Mapping[str, list[Pod]]:
    """All pods by workload, finished ones among them."""
    found: dict[str, list[Pod]] = defaultdict(list)
    for pod in snapshot.pods:
        found[str(workload_name(pod, snapshot))].append(pod)
    return found


def _is_on_host(pod: Pod) -> bool:
    return pod.spec.host_network and not is_finished(pod)


def _with_pods(snapshot: Snapshot, old: Iterable[Pod], new: Iterable[Pod]) -> Snapshot:
    gone = {(one.namespace, one.name) for one in old}
    kept = (one for one in snapshot.pods if (one.namespace, one.name) not in gone)
    return replace(snapshot, pods=(*kept, *new))


def _choose_workload(draw: st.DrawFn, snapshot: Snapshot) -> tuple[str, list[Pod]]:
    found = _workloads(snapshot)
    name = draw(st.sampled_from(sorted(found)))
    return name, found[name]


_Edit = Callable[[st.DrawFn, Snapshot, str], Outcome]


def _at_once(*each: _Edit) -> _Edit:
    """One edit after the other: what either opens or closes may be of both."""

    def edit_at_once(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
        blame: Blame = set()
        for one in each:
            snapshot, more = one(draw, snapshot, mark)
            blame |= more
        return snapshot, blame

    return edit_at_once


_relabel_pods = _edit_pods(_relabel, CauseKind.LABELS_CHANGED)
_change_port_names = _edit_pods(_change_ports, CauseKind.PORTS_CHANGED)
_change_addresses = _edit_pods(_renumber, CauseKind.ADDRESSES_CHANGED)
_flip_host_networks = _edit_pods(_flip_host_network, CauseKind.HOST_NETWORK_CHANGED)

_EDITS: dict[str, _Edit] = {
    "add a policy": add_policy,
    "remove a policy": remove_policy,
    "change a policy": change_policy,
    "replace a policy by its equal": replace_policy_by_its_equal,
    "rewrite a policy": rewrite_policy,
    "relabel a namespace": _relabel_namespace,
    "change nodes": _change_nodes,
    "relabel pods": _relabel_pods,
    # a pod on the network of its node has the addresses of that node
    "move pods": _edit_pods(_move, CauseKind.NODES_CHANGED, CauseKind.ADDRESSES_CHANGED),
    "change addresses": _change_addresses,
    "flip host network": _flip_host_networks,
    "change ports": _change_port_names,
    "finish pods": _edit_pods(_finish, CauseKind.WORKLOAD_REMOVED, *OF_PODS),
    "roll out": _edit_pods(_roll_out),
    "roll out another template": _edit_pods(_roll_out_anew, *OF_PODS),
    "scale up": _scale_up,
    "add a workload": _add_workload,
    "remove a workload": _remove_workload,
    "rename a workload": _rename_workload,
    "rename a policy": rename_policy,
    "write out policy types": write_out_policy_types,
    "change a policy, and relabel pods": _at_once(change_policy, _relabel_pods),
    "change a policy, and relabel pods twice": _at_once(
        change_policy, _relabel_pods, _relabel_pods
    ),
    "change a policy, and relabel a namespace": _at_once(change_policy, _relabel_namespace),
    "change a policy, and ports": _at_once(change_policy, _change_port_names),
    "change a policy, and addresses": _at_once(change_policy, _change_addresses),
    "change a policy, and flip host network": _at_once(change_policy, _flip_host_networks),
    "rename a policy, and relabel pods": _at_once(rename_policy, _relabel_pods),
    "write out policy types, and relabel pods": _at_once(write_out_policy_types, _relabel_pods),
    "relabel a namespace, and pods": _at_once(_relabel_namespace, _relabel_pods),
}
