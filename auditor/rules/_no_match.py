"""Why a selector matches no pod, in words that a reader can act on."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.objects import Peer
from auditor.model.selector_syntax import spell_selector
from auditor.model.selectors import LabelSelector
from auditor.reachability.view import View
from auditor.rules._near_matches import (
    NearMatch,
    matching_anywhere,
    name_pod,
    nearest_namespace,
    nearest_pod,
    spell_requirement,
)
from auditor.rules._unselectable import Bar, Unselectable

_NAMESPACES_SHOWN = 20


class Cause(Enum):
    """Why a selector matches no pod."""

    NO_NAMESPACE = auto()
    """No namespace matches the namespaceSelector."""
    NO_PODS = auto()
    """There is no pod where the selector looks."""
    HOST_NETWORK = auto()
    """Only pods on the host's network bear the labels."""
    FINISHED = auto()
    """Only pods that have finished bear the labels."""
    ELSEWHERE = auto()
    """Only pods of namespaces where the selector does not look bear the labels."""
    LABELS = auto()
    """No pod bears the labels."""


class NoMatch(NamedTuple):
    """Why nothing matches; ``why`` is a clause of a message, ``evidence`` the facts for it."""

    cause: Cause
    why: str
    evidence: dict[str, Any]


def explain_subjects(view: View, namespace: str, selector: LabelSelector) -> NoMatch:
    """Why a policy's podSelector, which is not empty, selects no pod."""
    found = _explain_pods(view, (namespace,), selector)
    if elsewhere := found.evidence.get("would_match"):
        why = f"{found.why}; {elsewhere} in another namespace would match"
        return NoMatch(Cause.ELSEWHERE, why, found.evidence)
    return found


def explain_peer(view: View, namespace: str, peer: Peer) -> NoMatch:
    """Why a peer of a policy of the namespace, one with selectors, matches no pod."""
    selector = peer.pod_selector or LabelSelector()
    if peer.namespace_selector is None:
        found = _explain_pods(view, (namespace,), selector)
        if elsewhere := found.evidence.get("would_match"):
            why = "podSelector alone looks only in the policy's own namespace; "
            return NoMatch(Cause.ELSEWHERE, f"{why}{elsewhere} would match", found.evidence)
        return found
    numbers = view.evaluation.index.namespaces(peer.namespace_selector)
    names = [one.name for one in view.snapshot.namespaces]
    matched = tuple(names[number] for number in numbers if number < len(names))
    if not matched:
        return _explain_namespaces(view, peer.namespace_selector, selector)
    found = _explain_pods(view, matched, selector)
    evidence = {
        "namespaces_matched": len(matched),
        "namespaces": list(matched[:_NAMESPACES_SHOWN]),
        **found.evidence,
    }
    return NoMatch(found.cause, found.why, evidence)


def _explain_namespaces(view: View, wanted: LabelSelector, pods: LabelSelector) -> NoMatch:
    """Why no namespace matches a namespaceSelector."""
    near = nearest_namespace(view, wanted)
    what = f"none bears a label {_keys(wanted)}" if near is None else str(near)
    why = f"no namespace matches {spell_selector(wanted)}; {what}"
    evidence = {"namespaces_matched": 0, **_name_near(near), **_elsewhere(view, pods)}
    return NoMatch(Cause.NO_NAMESPACE, why, evidence)


def _explain_pods(view: View, namespaces: tuple[str, ...], selector: LabelSelector) -> NoMatch:
    """Why no pod of some namespaces matches a podSelector."""
    barred = view.remembered(Unselectable)
    if finished := barred.find(Bar.FINISHED, namespaces, selector):
        why = f"only finished pods match, such as those of {finished}"
        return NoMatch(Cause.FINISHED, why, {"finished": finished})
    if host := barred.find(Bar.HOST_NETWORK, namespaces, selector):
        why = f"only pods on the host's network match, such as those of {host}"
        return NoMatch(Cause.HOST_NETWORK, why, {"host_network": host})
    evidence = _elsewhere(view, selector)
    one = f"namespace {namespaces[0]}" if len(namespaces) == 1 else ""
    several = f"the {len(namespaces)} namespaces matched"
    pods = FrozenBitMap(bit for each in namespaces for bit in view.run_of(each)) & view.real_classes
    if not pods:
        why = f"{one} holds no pods" if one else f"{several} hold no pods"
        return NoMatch(Cause.NO_PODS, why, evidence)
    near = nearest_pod(view, selector, pods)
    why = f"no pod of {one or several} bears a label {_keys(selector)}"
    return NoMatch(
        Cause.LABELS, why if near is None else str(near), {**_name_near(near), **evidence}
    )


def _elsewhere(view: View, selector: LabelSelector) -> dict[str, Any]:
    """A workload that a podSelector would match where it does not look, if there is one."""
    if not selector.requirements():
        return {}
    bits = matching_anywhere(view, selector)
    return {"would_match": name_pod(view, bits[0])} if bits else {}


def _name_near(near: NearMatch | None) -> dict[str, Any]:
    if near is None:
        return {}
    missed = [spell_requirement(one) for one in near.missed]
    return {"nearest": str(near), "missed": missed}


def _keys(selector: LabelSelector) -> str:
    return " or ".join(dict.fromkeys(one.key for one in selector.requirements()))
