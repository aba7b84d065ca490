"""The pods that a peer of a policy matches, and what was not read that it could match besides.

A pod that was not read counts where the peer matches its namespace. Of a namespace whose labels
were not read only the name is known: there, a selector that asks for more is not decided.
"""

from __future__ import annotations

from pyroaring import FrozenBitMap

from auditor.model.objects import Peer
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.view import View

_PODS = frozenset({Blind.PODS, Blind.OBJECTS})
_ENDS = _PODS | {Blind.NAMESPACE_LABELS}


def matched_pods(view: View, namespace: str, peer: Peer) -> FrozenBitMap:
    """The classes of today's pods that a peer with selectors, of a policy there, surely matches."""
    matched = view.evaluation.index.peers(namespace, peer) & view.real_classes
    unlabelled = view.remembered(_of_unread_labels)
    if unlabelled and _asks_labels(peer.namespace_selector):
        return matched - unlabelled
    return matched


def unread_pods(view: View) -> tuple[Gap, ...]:
    """The gaps that hide pods, wherever they are."""
    return tuple(one for one in view.remembered(_hiding_ends) if one.blind in _PODS)


def unread_peers(view: View, namespace: str, peer: Peer) -> tuple[Gap, ...]:
    """The gaps that may hide a pod which a peer with selectors, of a policy there, matches."""
    gaps = view.remembered(_hiding_ends)
    if not gaps:
        return ()
    if peer.namespace_selector is None:
        return view.blind_spots(namespace, Blind.PODS)
    selector = peer.namespace_selector
    matched = {one.name for one in view.snapshot.namespaces if selector.matches(one.labels)}
    return tuple(one for one in gaps if _concerns(view, one, peer, matched))


def _hiding_ends(view: View) -> tuple[Gap, ...]:
    """The gaps that hide pods or the labels of namespaces."""
    return tuple(one for one in view.snapshot.gaps if one.blind in _ENDS)


def _of_unread_labels(view: View) -> FrozenBitMap:
    """The pod classes of the namespaces whose labels were not read."""
    known = view.endpoints.namespace_index
    names = {
        _namespace_of(one)
        for one in view.remembered(_hiding_ends)
        if one.blind is Blind.NAMESPACE_LABELS
    }
    return FrozenBitMap(bit for one in names if one in known for bit in view.run_of(one))


def _namespace_of(gap: Gap) -> str:
    """The namespace that a gap is about; empty where it may be any."""
    return (gap.name if gap.kind == "Namespace" else gap.namespace) or ""


def _asks_labels(selector: LabelSelector | None) -> bool:
    """Whether a namespaceSelector asks for more than the name."""
    return selector is not None and any(
        one.key != NAMESPACE_NAME_LABEL for one in selector.requirements()
    )


def _concerns(view: View, gap: Gap, peer: Peer, matched: set[str]) -> bool:
    """Whether what a gap hides could be a pod that a peer with a namespaceSelector matches."""
    namespace = _namespace_of(gap)
    if gap.blind is Blind.NAMESPACE_LABELS:
        return _asks_labels(peer.namespace_selector) and (
            not namespace or _may_match(view, namespace, peer)
        )
    if gap.blind is Blind.PODS:
        return namespace in matched if namespace else bool(matched) or _lacks_namespaces(view)
    return True


def _lacks_namespaces(view: View) -> bool:
    """Whether there may be namespaces that the snapshot does not hold."""
    return any(
        one.blind is Blind.NAMESPACE_LABELS and not _namespace_of(one)
        for one in view.remembered(_hiding_ends)
    )


def _may_match(view: View, namespace: str, peer: Peer) -> bool:
    """Whether a namespace of unread labels may match, and hold a pod that the peer matches."""
    written = peer.namespace_selector or LabelSelector()
    asked = (one for one in written.requirements() if one.key == NAMESPACE_NAME_LABEL)
    if not all(one.matches({NAMESPACE_NAME_LABEL: namespace}) for one in asked):
        return False
    if view.blind_spots(namespace, Blind.PODS):
        return True
    if namespace not in view.endpoints.namespace_index:
        return False
    there = view.evaluation.index.subjects(namespace, peer.pod_selector or LabelSelector())
    return there.intersect(view.real_classes)
