"""What the evaluation could not know: ipBlocks that may match pods or nodes (semantics 3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.model.findings import Direction
from auditor.model.snapshot import Gap
from auditor.reachability.compile import CompiledPolicy
from auditor.reachability.endpoints import Endpoints
from auditor.reachability.permissions import Groups


def describe_uncertainty(
    endpoints: Endpoints,
    groups: Mapping[Direction, Groups],
    policies: Sequence[CompiledPolicy],
    *,
    ip_blocks_match_pods: bool | None,
) -> tuple[Gap, ...]:
    """One gap for each policy and direction whose ipBlocks may open more than is evaluated."""
    hosts: set[tuple[int, Direction]] = set()
    pods: set[tuple[int, Direction]] = set()
    for direction, each in groups.items():
        for group in each.groups:
            if not group.possible or not any(endpoints.holders[one] for one in group.members):
                continue
            for grant in group.possible:
                for one in grant.possible:
                    if endpoints.holders[one]:
                        found = pods if one in endpoints.pod_classes else hosts
                        found.add((grant.policy, direction))
    return (
        *_describe(
            pods,
            policies,
            *(
                (
                    "an ipBlock may match pods whose addresses are not known",
                    "evaluated as not matching them; what they may reach may be more",
                )
                if ip_blocks_match_pods
                else (
                    "an ipBlock may also match pods: how the CNI reads it is not known",
                    "evaluated as matching no pod; set ip_blocks_match_pods to say which it is",
                )
            ),
        ),
        *_describe(
            hosts,
            policies,
            "an ipBlock may match nodes whose addresses are not known",
            "evaluated as not matching them; host-network pods may reach more",
        ),
    )


def _describe(
    found: set[tuple[int, Direction]],
    policies: Sequence[CompiledPolicy],
    reason: str,
    effect: str,
) -> tuple[Gap, ...]:
    return tuple(
        Gap(
            kind="NetworkPolicy",
            namespace=policies[position].reference.namespace,
            name=policies[position].reference.name,
            reason=f"{direction.value}: {reason}",
            effect=effect,
        )
        for position, direction in sorted(found)
    )
