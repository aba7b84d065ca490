"""Policies by object key: which came, which went, and what changed in the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from auditor.drift.fields import compare_fields
from auditor.model.drift import FieldChange, PolicyChange, PolicyDrift
from auditor.model.objects import ManagedField, NetworkPolicy, Reference
from auditor.model.snapshot import Blind, Gap, Snapshot, UnevaluatedPolicy
from auditor.sources.unevaluated import unevaluated_gaps

_NETWORK_POLICY = "NetworkPolicy"
_DIGITS_SHOWN = 12


def compare_policies(previous: Snapshot, current: Snapshot) -> PolicyDrift:
    """Compare what policies say: their spec, and the annotations that waive findings.

    Of policies of kinds that are not evaluated only that they say something else is known. A policy
    that is missing on one side is not called added or removed where that side could not read it.
    """
    before, now = _policies(previous), _policies(current)
    others = _unevaluated(previous), _unevaluated(current)
    keys = before.keys() | others[0].keys(), now.keys() | others[1].keys()
    changes = (
        *(_compare(before[key], now[key]) for key in before.keys() & now.keys()),
        *_compare_unevaluated(previous, current),
    )
    return PolicyDrift(
        added=tuple(sorted(map(str, _seen(keys[1] - keys[0], previous)))),
        removed=tuple(sorted(map(str, _seen(keys[0] - keys[1], current)))),
        changed=tuple(sorted(filter(None, changes), key=lambda one: one.key)),
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


def _unevaluated(snapshot: Snapshot) -> Mapping[Reference, UnevaluatedPolicy]:
    """The policies of kinds that are not evaluated."""
    return {
        Reference(one.namespace, one.kind, one.name): one for one in snapshot.unevaluated_policies
    }


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


def _compare_unevaluated(previous: Snapshot, current: Snapshot) -> Iterator[PolicyChange]:
    """The policies of kinds that are not evaluated that say something else than they did.

    An API server completes what is written: a file and what is stored are not compared.
    """
    if previous.origin != current.origin:
        return
    uid = current.cluster.uid
    is_one_cluster = uid is not None and previous.cluster.uid == uid
    now = _unevaluated(current)
    for key, before in _unevaluated(previous).items():
        if (after := now.get(key)) is None:
            continue
        said = _say_difference(before, after, is_one_cluster=is_one_cluster)
        if said is not None:
            yield PolicyChange(key=str(key), fields=(FieldChange("spec", *said),), manager=None)


def _say_difference(
    before: UnevaluatedPolicy, after: UnevaluatedPolicy, *, is_one_cluster: bool
) -> tuple[str, str] | None:
    """What tells the two apart, in words; None where they are the same, or nobody knows."""
    if before.digest is not None and after.digest is not None:
        if before.digest == after.digest:
            return None
        return _say_digest(before.digest), _say_digest(after.digest)
    if before.generation is None or after.generation is None:
        return None
    if before.uid == after.uid:
        if before.generation == after.generation:
            return None
        return f"generation {before.generation}", f"generation {after.generation}"
    if is_one_cluster:  # it was deleted and made anew: its generations begin anew
        return f"generation {before.generation}", f"generation {after.generation} of a new object"
    return None


def _say_digest(digest: str) -> str:
    return f"sha256 {digest[:_DIGITS_SHOWN]}…"


def _last_manager(fields: tuple[ManagedField, ...]) -> str | None:
    """Who wrote last; None where several may have: in one second, or at times that are unknown."""
    newest = max((one.time for one in fields), default="")
    managers = {one.manager for one in fields if one.time == newest}
    return managers.pop() or None if len(managers) == 1 else None
