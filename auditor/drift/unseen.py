"""Where connections cannot be compared: what one side read, the other did not.

A policy or a pod that was not read looks like one that is gone. What both sides did not read is no
drift: they are compared by what both saw.
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model.drift import Uncompared
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.sources.unevaluated import unevaluated_gaps

HIDING = frozenset({Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS, Blind.OBJECTS})
"""What, where it was not read, hides connections and findings."""


def find_unseen(previous: Snapshot, current: Snapshot) -> tuple[Uncompared, ...]:
    """The namespaces whose connections are not compared, sorted; None stands for all of them.

    Policies of kinds that are not evaluated (semantics, section 5) hide nothing here: rows state
    what the other policies allow, on both sides.
    """
    found: dict[str | None, str] = {}
    for side, own, other in (("previous", previous, current), ("current", current, previous)):
        for namespace, gap in find_gaps_alone(own, other).items():
            found.setdefault(namespace, f"in the {side} snapshot: {gap.reason}")
    everything = found.get(None)
    if everything is not None:
        return (Uncompared(namespace=None, reason=everything),)
    return tuple(
        Uncompared(namespace=namespace, reason=reason)
        for namespace, reason in sorted(found.items(), key=lambda one: one[0] or "")
    )


def find_gaps_alone(own: Snapshot, other: Snapshot) -> Mapping[str | None, Gap]:
    """The first gap of each namespace that hides there what the other side read; None: in all."""
    theirs = _hidden(other)
    found: dict[str | None, Gap] = {}
    for (namespace, blind), gap in _hidden(own).items():
        if (namespace, blind) not in theirs:
            found.setdefault(namespace, gap)
    return found


def _hidden(snapshot: Snapshot) -> Mapping[tuple[str | None, Blind], Gap]:
    passed_over = set(unevaluated_gaps(snapshot.unevaluated_policies))
    return {
        (namespace_of(one), one.blind): one
        for one in reversed(snapshot.gaps)
        if one.blind is not None and one.blind in HIDING and one not in passed_over
    }


def namespace_of(gap: Gap) -> str | None:
    """The namespace in which a gap hides something; an unread Namespace hides its own alone."""
    return gap.name if gap.kind == "Namespace" and gap.name else gap.namespace
