"""Remediations of workloads that are open in a direction: isolate them, or take openings out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.closing import Change
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.permissions import GrantBy
from auditor.reachability.view import View
from auditor.rules._kept_dns import keep_dns, needs_dns
from auditor.rules._openness import is_open_without, narrowing_steps, without_openers
from auditor.rules._remediation import (
    by_manifest,
    by_steps,
    new_policy,
    selected_classes,
    selector_of,
)


class Open(NamedTuple):
    """A workload with pods whose own side allows every peer on every port."""

    workload: Reference
    nodes: tuple[WorkloadNode, ...]
    direction: Direction
    classes: Mapping[int, tuple[GrantBy, ...]]
    """The classes of those pods, each with the grants that open it; none: nothing isolates it."""

    @property
    def openers(self) -> tuple[GrantBy, ...]:
        """Every grant that opens some of the pods."""
        found = {(one.policy, one.rule): one for each in self.classes.values() for one in each}
        return tuple(found.values())

    @property
    def is_unselected(self) -> bool:
        """Whether nothing isolates some of the pods."""
        return () in self.classes.values()


def mend_open(view: View, found: Open) -> Remediation:
    """Isolate the pods that nothing isolates; take out what allows everything again."""
    added: tuple[NetworkPolicy, ...] = ()
    if found.is_unselected:
        policy = _isolate(view, found)
        if policy is None:
            return by_steps(
                "give the pods a label of their own in the workload's template, if they have none",
                f"then isolate them for {found.direction} by it and allow what they need, "
                "cluster DNS too",
            )
        added = (policy,)
    openers = found.openers
    opened = (bit for bit, each in found.classes.items() if each)
    if any(is_open_without(view, found.direction, bit, openers) for bit in opened):
        return narrowing_steps(view, openers)
    replaced = without_openers(view, found.direction, openers, but_dns=True)
    return by_manifest(view, Change(found.direction, added, replaced))


def _isolate(view: View, found: Open) -> NetworkPolicy | None:
    """A policy that isolates the workload's pods and keeps their cluster DNS.

    None where no labels tell them apart, or where pods that are isolated already bear them, too,
    and would get DNS that they lack. Without rules a policy opens nothing to anyone.
    """
    workload, direction = found.workload, found.direction
    pods = (pod for node in found.nodes for pod in view.pods_of(node) if not pod.spec.host_network)
    selector = selector_of(pods)
    if selector is None:
        return None
    classes = selected_classes(view, workload.namespace, selector)
    rules = keep_dns(view, direction, classes)
    if not rules and needs_dns(view, direction, classes):
        return None
    name = f"{workload.name}-deny-{direction.value}"
    return new_policy(view, workload.namespace, name, selector, direction, rules=rules)
