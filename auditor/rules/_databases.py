"""Workloads recognised as databases: what they are, what is their own, and how to isolate them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from auditor.model.findings import Direction, Remediation, Severity
from auditor.model.objects import NetworkPolicy, Peer, Pod, Reference
from auditor.model.ports import PortRange
from auditor.model.recognition import Database
from auditor.model.selectors import LabelSelector
from auditor.reachability.closing import Change
from auditor.reachability.compile import rules_of
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.permissions import GrantBy, Group
from auditor.reachability.selection import pods_by_class, select
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._remediation import (
    by_manifest,
    by_steps,
    new_policy,
    selector_of,
    selects_isolated,
    with_peers,
    with_rules,
)

_AMBIGUOUS = "its evidence names different engines"

_INGRESS = Direction.INGRESS


class DataStore(NamedTuple):
    """A workload recognised as a database, with its variants."""

    workload: Reference
    database: Database
    nodes: tuple[WorkloadNode, ...]

    @property
    def bits(self) -> tuple[int, ...]:
        """The classes of its pods, each once."""
        return tuple(dict.fromkeys(bit for node in self.nodes for bit in node.classes))

    @property
    def name(self) -> str:
        """The engine and the workload, as messages name them."""
        return f"{self.database.engine} {self.workload}"

    @property
    def usual_ports(self) -> tuple[tuple[str, int], ...]:
        """The engine's (protocol, port) pairs, the best known first."""
        return tuple(("TCP", port) for port in self.database.ports)

    @property
    def evidence(self) -> dict[str, Any]:
        """Which engine it is, and what says so."""
        return {
            "engine": self.database.engine,
            "recognised_by": list(self.database.evidence),
            **({"ambiguous": _AMBIGUOUS} if self.database.ambiguous else {}),
        }


def find_databases(view: View) -> tuple[DataStore, ...]:
    """Every workload that is recognised as a database, sorted."""
    databases = view.recognition.databases
    return tuple(
        DataStore(workload, databases[workload], tuple(variants))
        for workload, variants in groupby(view.workloads, key=lambda one: one.endpoint.workload)
        if workload in databases
    )


def pods_of(view: View, store: DataStore) -> list[Pod]:
    """The pods of a database."""
    return [pod for node in store.nodes for pod in view.pods_of(node)]


def holder_of(view: View, store: DataStore, bit: int) -> int:
    """The first variant with pods in a class, by position in the view's workloads."""
    node = next(one for one in store.nodes if bit in one.classes)
    return view.workload_numbers[node.endpoint]


def own_ports(view: View, store: DataStore) -> frozenset[PortRange]:
    """The ports that are the database's own, as single ranges."""
    return store.database.own_ports(pods_of(view, store))


def grade_system(view: View, workload: Reference) -> tuple[Severity, str] | None:
    """Low, with the reason, where the workload stands in a system namespace."""
    if workload.namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    return None


def ingress_groups(view: View, store: DataStore) -> Iterator[tuple[int, Group]]:
    """Each class of the database, with what its own side permits for ingress."""
    return ((bit, view.group(_INGRESS, bit)) for bit in store.bits)


def admitting(
    view: View, store: DataStore, responsible: Callable[[GrantBy], bool]
) -> tuple[int, ...]:
    """The policies at the database's side with a grant that is responsible, by position."""
    return tuple(
        sorted(
            {
                grant.policy
                for _, group in ingress_groups(view, store)
                for grant in group.grants
                if responsible(grant)
            }
        )
    )


def without_peers(
    view: View, position: int, shut_out: Callable[[Peer], bool], everyone: tuple[Peer, ...] = ()
) -> NetworkPolicy:
    """A policy without the ingress peers to shut out.

    ``everyone`` takes the place of the peers of a rule that admits everyone; where there is none,
    the rule goes.
    """
    policy = view.policy(position)
    kept: list[Rule] = []
    for rule in rules_of(policy, _INGRESS):
        peers = tuple(one for one in rule.peers if not shut_out(one)) if rule.peers else everyone
        if peers:
            kept.append(with_peers(rule, peers))
    return with_rules(policy, _INGRESS, tuple(kept))


def mend_ingress(
    view: View,
    store: DataStore,
    *,
    aim: str,
    name: str,
    rules: tuple[Rule, ...] = (),
    replaced: tuple[tuple[int, NetworkPolicy], ...] = (),
    alone: bool = False,
) -> Remediation:
    """Isolate what is open, but for the rules, and put other policies in the place of some.

    ``aim`` completes the advice where no manifest can do it: "isolate it for ingress and …".
    ``alone``: no other workload may be isolated with it.
    """
    pods = pods_of(view, store)
    if any(pod.spec.host_network for pod in pods):
        return by_steps(
            "no NetworkPolicy restricts a pod on the host's network: run it on the pod network",
            f"then isolate it for ingress and {aim}",
        )
    added: tuple[NetworkPolicy, ...] = ()
    if any(not group.is_isolated for _, group in ingress_groups(view, store)):
        namespace = store.workload.namespace
        selector = selector_of(pods if not rules else _open_pods(view, store))
        if (
            selector is None
            or (rules and selects_isolated(view, namespace, selector, _INGRESS))
            or (alone and _selects_others(view, store, selector))
        ):
            return by_steps(
                "give the pods a label of their own in the workload's template",
                f"then isolate them for ingress by it and {aim}",
            )
        added = (new_policy(view, namespace, name, selector, _INGRESS, rules=rules),)
    return by_manifest(view, Change(_INGRESS, added, replaced))


def _open_pods(view: View, store: DataStore) -> Iterator[Pod]:
    """The pods that nothing isolates: rules for those that are isolated would open them."""
    for node in store.nodes:
        for position in node.pods:
            bit = view.endpoints.class_of_pod[position]
            if not view.group(_INGRESS, bit).is_isolated:
                yield view.snapshot.pods[position]


def _selects_others(view: View, store: DataStore, selector: LabelSelector) -> bool:
    """Whether a selector takes in a pod of another workload of the namespace."""
    own = {position for node in store.nodes for position in node.pods}
    selection = select(view, store.workload.namespace, selector)
    return not own.issuperset(selection.pods) or any(
        position not in own
        for bit in selection.classes & view.real_classes
        for position in view.remembered(pods_by_class)[bit]
    )
