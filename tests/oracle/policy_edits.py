"""Random edits of the policies of a small cluster."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from auditor.model.drift import CauseKind
from auditor.model.objects import EgressRule, IngressRule, NetworkPolicy, PolicySpec
from auditor.model.snapshot import Snapshot
from tests.oracle.clusters import policies

replace = msgspec.structs.replace

Blame = set[tuple[CauseKind, str]]
"""The causes that an edit can be."""

Outcome = tuple[Snapshot, Blame]


def add_policy(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
    """One more."""
    added = draw(policies(f"policy-{mark}", len(snapshot.namespaces)))
    key = str(added.reference)
    return _with_policies(snapshot, None, added), {(CauseKind.POLICY_ADDED, key)}


def remove_policy(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    """One less."""
    if not snapshot.policies:
        return snapshot, set()
    gone = draw(st.sampled_from(snapshot.policies))
    return _with_policies(snapshot, gone), {(CauseKind.POLICY_REMOVED, str(gone.reference))}


def change_policy(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    """Another spec, or the same with one part of another."""
    if not snapshot.policies:
        return snapshot, set()
    old = draw(st.sampled_from(snapshot.policies))
    other = draw(policies("", len(snapshot.namespaces))).spec
    spec = draw(
        st.sampled_from(
            [
                other,
                replace(old.spec, pod_selector=other.pod_selector),
                replace(old.spec, policy_types=other.policy_types),
                replace(old.spec, ingress=other.ingress),
                replace(old.spec, egress=other.egress),
                replace(old.spec, ingress=(*old.spec.ingress, *other.ingress)),
            ]
        )
    )
    changed = _with_policies(snapshot, old, replace(old, spec=spec))
    return changed, {(CauseKind.POLICY_CHANGED, str(old.reference))}


def replace_policy_by_its_equal(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
    """Under another name; whole, or a policy for each of its rules."""
    if not snapshot.policies:
        return snapshot, set()
    old = draw(st.sampled_from(snapshot.policies))
    spec = old.spec
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    bare = PolicySpec(pod_selector=spec.pod_selector, policy_types=types)
    whole = [replace(spec, policy_types=types, ingress=spec.ingress[::-1])]
    parts = [
        bare,
        *(replace(bare, ingress=(one,)) for one in spec.ingress),
        *(replace(bare, egress=(one,)) for one in spec.egress),
    ]
    equal = [
        replace(old, metadata=replace(old.metadata, name=f"policy-{mark}-{number}"), spec=one)
        for number, one in enumerate(draw(st.sampled_from([whole, parts])))
    ]
    return _with_policies(snapshot, old, *equal), set()


def rewrite_policy(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    """In other words that mean the same, under the same name."""
    if not snapshot.policies:
        return snapshot, set()
    old = draw(st.sampled_from(snapshot.policies))
    spec = replace(
        old.spec,
        ingress=tuple(
            IngressRule(peers=one.peers[::-1], ports=one.ports[::-1] * 2)
            for one in old.spec.ingress
        ),
        egress=tuple(EgressRule(peers=one.peers * 2, ports=one.ports) for one in old.spec.egress),
    )
    return _with_policies(snapshot, old, replace(old, spec=spec)), set()


def rename_policy(draw: st.DrawFn, snapshot: Snapshot, mark: str) -> Outcome:
    """The same, under another name."""
    if not snapshot.policies:
        return snapshot, set()
    old = draw(st.sampled_from(snapshot.policies))
    metadata = replace(old.metadata, name=f"policy-{mark}")
    return _with_policies(snapshot, old, replace(old, metadata=metadata)), set()


def write_out_policy_types(draw: st.DrawFn, snapshot: Snapshot, _mark: str) -> Outcome:
    """What the API server takes for them."""
    unwritten = [one for one in snapshot.policies if not one.spec.policy_types]
    if not unwritten:
        return snapshot, set()
    old = draw(st.sampled_from(unwritten))
    types = ("Ingress", "Egress") if old.spec.egress else ("Ingress",)
    new = replace(old, spec=replace(old.spec, policy_types=types))
    return _with_policies(snapshot, old, new), set()


def _with_policies(snapshot: Snapshot, old: NetworkPolicy | None, *new: NetworkPolicy) -> Snapshot:
    kept = tuple(one for one in snapshot.policies if one is not old)
    return replace(snapshot, policies=(*kept, *new))
