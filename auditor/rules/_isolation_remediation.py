"""Remediations of workloads that are open in a direction: isolate them, or take openings out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.closing import Change
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.permissions import GrantBy
from auditor.reachability.view import View
from auditor.rules._dns import Dns
from auditor.rules._kept_dns import cuts_dns, keep_dns
from auditor.rules._openness import is_open_without, narrowing_steps, without_openers
from auditor.rules._remediation import (
    by_manifest,
    by_steps,
    new_policy,
    selected_classes,
    selector_of,
)

_ISOLATING_STEPS = (
    "give the pods a label of their own in the workload's template, if they have none",
    "then isolate them by it, and allow the peers and ports that they need, cluster DNS too",
)

_Key = tuple[Direction, frozenset[tuple[int, int]]]
"""The rules, by policy and place, that open a direction."""


class Open(NamedTuple):
    """A workload with pods whose own side allows everyone on every port."""

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


def take_out(view: View, direction: Direction, openers: Collection[GrantBy]) -> Remediation:
    """Take the rules that allow everything out of their policies, but for cluster DNS.

    Worked out once for all that the same rules open.
    """
    known = view.remembered(_known_remediations)
    key = direction, frozenset((one.policy, one.rule) for one in openers)
    if key not in known:
        change = Change(direction, (), without_openers(view, direction, openers))
        known[key] = (
            _steps_for_dns(view, direction, openers)
            if cuts_dns(view, change)
            else by_manifest(view, change)
        )
    return known[key]


def mend_open(view: View, found: Open) -> Remediation:
    """Isolate the pods that nothing isolates; take out what allows everything again."""
    direction, openers = found.direction, found.openers
    opened = (bit for bit, each in found.classes.items() if each)
    if any(is_open_without(view, direction, bit, openers) for bit in opened):
        return narrowing_steps(view, openers)
    if not found.is_unselected:
        return take_out(view, direction, openers)
    policy = _isolating(view, found)
    if policy is None:
        return by_steps(*_ISOLATING_STEPS)
    replaced = without_openers(view, direction, openers)
    change = Change(direction, (policy,), replaced)
    return by_steps(*_ISOLATING_STEPS) if cuts_dns(view, change) else by_manifest(view, change)


def _known_remediations(_: View) -> dict[_Key, Remediation]:
    return {}


def _steps_for_dns(view: View, direction: Direction, openers: Collection[GrantBy]) -> Remediation:
    policies = view.references(tuple(one.policy for one in openers))
    ports = " and ".join(view.remembered(Dns).words.values())
    return by_steps(
        f"allow {ports} to cluster DNS in the {direction} of the pods that these policies select",
        "then take the rules that allow everything out of them: " + ", ".join(map(str, policies)),
    )


def _isolating(view: View, found: Open) -> NetworkPolicy | None:
    """A policy that isolates the workload's pods; None where no labels tell them apart.

    Without rules it opens nothing to anyone. One for DNS is left out where pods that are isolated
    already bear the labels, too, and would get DNS that they lack.
    """
    workload, direction = found.workload, found.direction
    pods = (pod for node in found.nodes for pod in view.pods_of(node) if not pod.spec.host_network)
    selector = selector_of(pods)
    if selector is None:
        return None
    rules = keep_dns(view, direction, selected_classes(view, workload.namespace, selector))
    name = f"{workload.name}-deny-{direction.value}"
    return new_policy(view, workload.namespace, name, selector, direction, rules=rules)
