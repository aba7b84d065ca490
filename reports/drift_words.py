"""Drift in words: causes, changes of scope, fields of policies, and the whole in a line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from auditor.model.connections import EndpointRecord
from auditor.model.drift import (
    Cause,
    CauseKind,
    Drift,
    PolicyDrift,
    ScopeChange,
    ScopeChangeKind,
    SideRecord,
    Uncompared,
)
from auditor.model.report import Audit
from reports.text import clip, count, group_digits, show_name, show_text, visible
from reports.times import describe_distance, describe_time

CAUSES: Mapping[CauseKind, str] = {
    CauseKind.POLICY_ADDED: "policy added",
    CauseKind.POLICY_REMOVED: "policy removed",
    CauseKind.POLICY_CHANGED: "policy changed",
    CauseKind.LABELS_CHANGED: "labels changed",
    CauseKind.WORKLOAD_ADDED: "new workload",
    CauseKind.WORKLOAD_REMOVED: "workload gone",
    CauseKind.PORTS_CHANGED: "named ports changed",
    CauseKind.ADDRESSES_CHANGED: "addresses changed",
    CauseKind.HOST_NETWORK_CHANGED: "host network joined or left",
    CauseKind.NODES_CHANGED: "on other nodes",
    CauseKind.IP_BLOCK_READING_CHANGED: "ipBlocks read differently",
}
"""What a cause is called before the object that it names."""

SCOPE_CHANGES: Mapping[ScopeChangeKind, str] = {
    ScopeChangeKind.NAMESPACE_ADDED: "new namespace",
    ScopeChangeKind.NAMESPACE_REMOVED: "namespace gone",
    ScopeChangeKind.NAMESPACE_LABELS_CHANGED: "labels of the namespace changed",
    ScopeChangeKind.JUDGED_SINCE: "judged now, and not before",
    ScopeChangeKind.NOT_JUDGED_ANY_MORE: "judged before, and not now",
    ScopeChangeKind.GAP_ADDED: "new gap",
    ScopeChangeKind.GAP_REMOVED: "gap no longer",
    ScopeChangeKind.SELECTOR_CHANGED: "judged pods (-l) changed",
    ScopeChangeKind.CNI_CHANGED: "network plugin (CNI) changed",
    ScopeChangeKind.IP_BLOCK_READING_CHANGED: "ipBlocks match pods, or no longer do",
    ScopeChangeKind.VERSION_CHANGED: "Kubernetes version changed",
    ScopeChangeKind.RULES_CHANGED: "rules changed",
    ScopeChangeKind.SETTINGS_CHANGED: "settings changed",
}
"""What a change of scope is called."""

EXTERNAL = "external addresses"

UNEVALUATED = (
    "Of policies of kinds other than NetworkPolicy, the effect on connections is not evaluated."
)

_NETWORK_POLICY = re.compile(r"[^/.]+/NetworkPolicy/[^/]+")
"""The key of one. Other kinds are spelled with their group; no namespace has a dot."""

SAME = (
    "Nothing changed: policies, connections and findings are the same, "
    "and so is what was read and judged."
)


def describe_endpoint(endpoint: EndpointRecord) -> str:
    """Return `ns/kind/name`, with a variant in brackets; or the range of addresses."""
    if endpoint.addresses is not None:
        return show_name(endpoint.addresses)
    if endpoint.kind is None:
        # ends that are not named: `another namespace`, `other namespaces: 12 workloads`
        return show_name(": ".join(filter(None, (endpoint.namespace, endpoint.name))))
    key = "/".join(part or "" for part in (endpoint.namespace, endpoint.kind, endpoint.name))
    variant = f"[{','.join(endpoint.variant)}]" if endpoint.variant else ""
    return show_name(f"{key}{variant}")


@lru_cache(maxsize=4096)  # one policy stands behind thousands of rows
def describe_cause(cause: Cause) -> str:
    """Return `policy changed: shop/NetworkPolicy/api`."""
    return f"{CAUSES[cause.cause]}: {show_name(cause.object)}"


def describe_namespace(name: str | None) -> str:
    """Return a namespace of a group: null stands for external addresses."""
    return EXTERNAL if name is None else show_name(name)


def name_scope_object(change: ScopeChange) -> str:
    """Return what changed; of a namespace its name."""
    return show_name(change.object.removeprefix("Namespace/"))


_ONE_SIDED = frozenset(
    {
        ScopeChangeKind.NAMESPACE_ADDED,
        ScopeChangeKind.NAMESPACE_REMOVED,
        ScopeChangeKind.GAP_ADDED,
        ScopeChangeKind.GAP_REMOVED,
    }
)
"""Changes of what is there on one side alone. Of others a side without words has none."""


def describe_scope_change(change: ScopeChange) -> str:
    """Return `before → now` in words; of what is there on one side alone, that side."""
    sides = (change.previous, change.current)
    if change.change in _ONE_SIDED:
        return " → ".join(show_text(one) for one in sides if one)
    if not any(sides):
        return ""
    return " → ".join(show_text(one) if one else "none" for one in sides)


def describe_value(value: Any, length: int) -> str:
    """Return the value of a policy's field as JSON on one line, of bounded length."""
    plain = msgspec.to_builtins(value, order="sorted")
    return visible(clip(json.dumps(plain, ensure_ascii=False), length))


def name_side(side: SideRecord) -> str:
    """Return the run's id or the path; what was read just now has neither."""
    return show_name(side.id) if side.id else "what was read just now"


def describe_sides(drift: Drift, quote: Callable[[str], str] = str) -> str:
    """Return which two are compared, when they were taken, and how long lies between them.

    ``quote`` makes a name, or a time, inert in the format where it is to stand.
    """
    sides = (drift.previous, drift.current)
    previous, current = (
        f"{quote(name_side(one))}, taken {quote(describe_time(one.taken_at))}" for one in sides
    )
    distance = describe_distance(*(one.taken_at for one in sides))
    return f"From {previous}, to {current}{f', {distance}' if distance else ''}."


def describe_totals(drift: Drift) -> str:
    """Return `12 connections opened, 3 closed`, and where they could not be compared."""
    totals, left_out = drift.connections.totals, drift.connections.not_compared
    if any(one.namespace is None for one in left_out):
        return "connections could not be compared"
    if not totals.opened and not totals.closed:
        said = "no connection opened or closed"
    else:
        said = f"{count(totals.opened, 'connection')} opened, {group_digits(totals.closed)} closed"
    return f"{said}, not compared in {count(len(left_out), 'namespace')}" if left_out else said


def name_uncompared(one: Uncompared) -> str:
    """What is not compared: a namespace, or everything."""
    return "all namespaces" if one.namespace is None else show_name(one.namespace)


def explain_unevaluated(policies: PolicyDrift) -> str:
    """Say that some of the policies are of kinds that are not evaluated; empty where none is."""
    keys = (*policies.added, *policies.removed, *(one.key for one in policies.changed))
    return "" if all(map(_NETWORK_POLICY.fullmatch, keys)) else UNEVALUATED


def is_same(drift: Drift) -> bool:
    """Whether nothing changed at all."""
    policies, findings, totals = drift.policies, drift.findings, drift.connections.totals
    return not (
        policies.added
        or policies.removed
        or policies.changed
        or totals.opened
        or totals.closed
        or drift.connections.not_compared
        or findings.new
        or findings.resolved
        or findings.incomparable
        or drift.scope
    )


def sum_up(drift: Drift) -> Iterator[str]:
    """Yield the drift in short statements: connections, findings, policies, scope."""
    if is_same(drift):
        yield "nothing changed"
        return
    yield describe_totals(drift)
    findings, policies = drift.findings, drift.policies
    yield from _tally(
        "findings",
        (len(findings.new), "new"),
        (len(findings.resolved), "resolved"),
        (len(findings.incomparable), "incomparable"),
    )
    yield from _tally(
        "policies",
        (len(policies.added), "added"),
        (len(policies.removed), "removed"),
        (len(policies.changed), "changed"),
    )
    if any(one.change is ScopeChangeKind.CNI_CHANGED for one in drift.scope):
        yield SCOPE_CHANGES[ScopeChangeKind.CNI_CHANGED]
    added = sum(one.change is ScopeChangeKind.NAMESPACE_ADDED for one in drift.scope)
    if added:
        yield count(added, "new namespace")
    if others := len(drift.scope) - added:
        yield count(others, "change of scope", "changes of scope")


def explain_absence(audit: Audit) -> str:
    """Say why a report is compared with nothing: that is not the same as no change."""
    if audit.extract is not None:
        return (
            f"Not compared: there is no earlier report to {show_name(audit.extract.audience)}, or "
            "it could not be read. Whether anything changed is not known."
        )
    evidence = audit.report.run.evidence
    if evidence is None:
        why = f" ({show_text(audit.history)})" if audit.history else ""
        return f"Not compared with an earlier run: this one has no history{why}."
    if evidence.sequence == 1:
        return "This is the first run of the cluster that is kept: there is none to compare with."
    why = f" ({show_text(audit.history)})" if audit.history else ""
    return (
        "Not compared: there are earlier runs of the cluster, but the last of them could not be "
        f"compared with this one{why}. Whether anything changed is not known."
    )


def _tally(noun: str, *numbers: tuple[int, str]) -> Iterator[str]:
    words = ", ".join(f"{group_digits(number)} {word}" for number, word in numbers if number)
    if words:
        yield f"{noun}: {words}"
