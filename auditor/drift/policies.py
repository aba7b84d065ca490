"""Policies by object key: which came, which went, and what changed in the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from auditor.drift.fields import compare_fields
from auditor.model.drift import PolicyChange, PolicyDrift
from auditor.model.objects import ManagedField, NetworkPolicy, Reference
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.sources.unevaluated import unevaluated_gaps

_NETWORK_POLICY = "NetworkPolicy"


def compare_policies(previous: Snapshot, current: Snapshot) -> PolicyDrift:
    """Compare what policies say: their spec, and the annotations that waive findings.

    Policies of kinds that are not evaluated come and go; what they say is not known. A policy that
    is missing on one side is not called added or removed where that side could not read it.
    """
    before, now = _policies(previous), _policies(current)
    keys = {*_keys(previous), *before}, {*_keys(current), *now}
    return PolicyDrift(
        added=tuple(sorted(map(str, _seen(keys[1] - keys[0], previous)))),
        removed=tuple(sorted(map(str, _seen(keys[0] - keys[1], current)))),
        changed=tuple(
            change
            for key in sorted(before.keys() & now.keys(), key=str)
            if (change := _compare(before[key], now[key])) is not None
        ),
    )


def spell_policy(policy: NetworkPolicy) -> dict[str, Any]:
    """What is compared of a policy, in plain form: as in a manifest, with the protocols spelled.

    What is absent and what the API server takes for it are alike, but for `policyTypes`.
    """
    spec: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(policy.spec))
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction, ()):
            if "ports" in rule:
                rule["ports"] = [{"protocol": "TCP", **port} for port in rule["ports"]]
    return {"spec": spec, "metadata": {"annotations": dict(policy.metadata.annotations)}}


def _policies(snapshot: Snapshot) -> Mapping[Reference, NetworkPolicy]:
    return {one.reference: one for one in snapshot.policies}


def _keys(snapshot: Snapshot) -> Iterator[Reference]:
    """The policies of kinds that are not evaluated."""
    for one in snapshot.unevaluated_policies:
        yield Reference(one.namespace, one.kind, one.name)


def _seen(missing: Iterable[Reference], snapshot: Snapshot) -> Iterator[Reference]:
    """Those that would have been read, if they had been there."""
    counted = set(unevaluated_gaps(snapshot.unevaluated_policies))
    blinding = [one for one in snapshot.gaps if one.blind is not None and one not in counted]
    for one in missing:
        if not any(_hides(gap, one) for gap in blinding):
            yield one


def _hides(gap: Gap, policy: Reference) -> bool:
    """Whether a policy may be there and not in the snapshot, for this gap."""
    if gap.namespace not in {None, policy.namespace}:
        return False
    if gap.blind is Blind.OBJECTS:
        return True
    # of which kinds there are, an API server may keep silent: NetworkPolicy is not among them
    kinds = {policy.kind} if policy.kind == _NETWORK_POLICY else {policy.kind, None}
    return gap.blind is Blind.POLICIES and gap.kind in kinds and gap.name in {None, policy.name}


def _compare(previous: NetworkPolicy, current: NetworkPolicy) -> PolicyChange | None:
    if previous.spec == current.spec and (
        previous.metadata.annotations == current.metadata.annotations
    ):
        return None
    fields = tuple(compare_fields(spell_policy(previous), spell_policy(current)))
    manager = _last_manager(current.metadata.managed_fields)
    return PolicyChange(key=str(current.reference), fields=fields, manager=manager)


def _last_manager(fields: tuple[ManagedField, ...]) -> str | None:
    """Who wrote last; None where several may have: in one second, or at times that are unknown."""
    newest = max((one.time for one in fields), default="")
    managers = {one.manager for one in fields if one.time == newest}
    return managers.pop() or None if len(managers) == 1 else None
