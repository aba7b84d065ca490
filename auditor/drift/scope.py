"""What is seen now and was not, or the reverse: namespaces, gaps, the CNI, rules and settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from auditor.drift.compared import Compared
from auditor.model.drift import ScopeChange, ScopeChangeKind
from auditor.model.objects import Namespace
from auditor.model.report import CniRecord, GapRecord
from auditor.model.snapshot import Blind, Snapshot

_CLUSTER = "Cluster/cluster"
_DIGITS_SHOWN = 12


def compare_scope(previous: Compared, current: Compared) -> tuple[ScopeChange, ...]:
    """List the changes: new namespaces, those that went, then the rest in a fixed order.

    A namespace is not called new or gone where the other side could not list namespaces.
    """
    return (
        *_namespaces(ScopeChangeKind.NAMESPACE_ADDED, current, previous),
        *_namespaces(ScopeChangeKind.NAMESPACE_REMOVED, previous, current),
        *_labels(previous.snapshot, current.snapshot),
        *_judged(previous, current),
        *_gaps(previous, current),
        *_cluster(previous, current),
    )


def _namespaces(
    change: ScopeChangeKind, there: Compared, missing: Compared
) -> Iterator[ScopeChange]:
    """The namespaces of one side that the other has not, with what they hold."""
    known = {one.name for one in missing.snapshot.namespaces}
    names = sorted({one.name for one in there.snapshot.namespaces} - known)
    if not names:
        return
    holdings = _Holdings(there)
    is_current = change is ScopeChangeKind.NAMESPACE_ADDED
    unlisted = _unread(missing.snapshot, Blind.NAMESPACE_LABELS)
    for name in names:
        if None not in unlisted and name not in unlisted:
            held = holdings.describe(name)
            yield ScopeChange(
                change,
                _key_of(name),
                previous=None if is_current else held,
                current=held if is_current else None,
            )


class _Holdings:
    """What the namespaces of one side hold, counted."""

    def __init__(self, side: Compared) -> None:
        snapshot = side.snapshot
        self._pods = Counter(one.namespace for one in snapshot.pods if one.is_endpoint)
        self._policies = Counter(one.namespace for one in snapshot.policies)
        self._others = Counter(one.namespace for one in snapshot.unevaluated_policies)
        self._pods_unread = _unread(snapshot, Blind.PODS)
        self._policies_unread = _unread(snapshot, Blind.POLICIES, kind="NetworkPolicy")
        self._excluded = {one.name: one.reason for one in side.scope.namespaces.excluded}

    def describe(self, namespace: str) -> str:
        """`2 policies, 5 pods`; what was not read is not counted as none."""
        unread = {None, namespace} & self._policies_unread
        parts = [_count(self._policies[namespace], "policy", "policies", unread=bool(unread))]
        if others := self._others[namespace]:
            parts.append(f"{others} of a kind not evaluated")
        unread = {None, namespace} & self._pods_unread
        parts.append(_count(self._pods[namespace], "pod", "pods", unread=bool(unread)))
        if (reason := self._excluded.get(namespace)) is not None:
            parts.append(f"not judged: {reason}")
        return ", ".join(parts)


def _unread(snapshot: Snapshot, blind: Blind, *, kind: str | None = None) -> set[str | None]:
    """The namespaces in which some objects are not read, None standing for the cluster.

    Where a ``kind`` is given, gaps of other kinds that blind alike hide nothing of it.
    """
    return {
        one.name if one.kind == "Namespace" and one.name else one.namespace
        for one in snapshot.gaps
        if one.blind is Blind.OBJECTS or (one.blind is blind and kind in {None, one.kind})
    }


def _count(number: int, noun: str, plural: str, *, unread: bool) -> str:
    """`no policy`, `1 policy`, `2 policies`; `2 policies and perhaps more` if some are unread."""
    if unread:
        return f"{number} {noun if number == 1 else plural} and perhaps more"
    return f"{number or 'no'} {noun if number < 2 else plural}"


def _labels(previous: Snapshot, current: Snapshot) -> Iterator[ScopeChange]:
    """The namespaces on both sides whose labels differ, where both sides know them."""
    before = {one.name: one for one in previous.namespaces}
    unknown = _unread(previous, Blind.NAMESPACE_LABELS) | _unread(current, Blind.NAMESPACE_LABELS)
    for one in current.namespaces:
        other = before.get(one.name)
        if other is None or {None, one.name} & unknown or other.labels == one.labels:
            continue
        yield ScopeChange(
            ScopeChangeKind.NAMESPACE_LABELS_CHANGED,
            _key_of(one.name),
            previous=_differing(other, one),
            current=_differing(one, other),
        )


def _differing(namespace: Namespace, other: Namespace) -> str | None:
    """The labels that the other has not, or has otherwise: `env=dev,team=red`."""
    theirs: Mapping[str, str] = other.labels
    found = [f"{key}={one}" for key, one in namespace.labels.items() if theirs.get(key) != one]
    return ",".join(sorted(found)) or None


def _judged(previous: Compared, current: Compared) -> Iterator[ScopeChange]:
    both = {one.name for one in previous.snapshot.namespaces} & {
        one.name for one in current.snapshot.namespaces
    }
    before, now = both.intersection(previous.judged), both.intersection(current.judged)
    for change, names in (
        (ScopeChangeKind.JUDGED_SINCE, now - before),
        (ScopeChangeKind.NOT_JUDGED_ANY_MORE, before - now),
    ):
        for name in sorted(names):
            yield ScopeChange(
                change, _key_of(name), _say_judged(previous, name), _say_judged(current, name)
            )


def _say_judged(side: Compared, namespace: str) -> str:
    if namespace in side.judged:
        return "judged"
    reasons = (one.reason for one in side.scope.namespaces.excluded if one.name == namespace)
    return next(reasons, "not judged")


def _gaps(previous: Compared, current: Compared) -> Iterator[ScopeChange]:
    """Gaps that came or went. That one stands in another line of its file is no change."""
    before, now = (Counter(map(_say_gap, side.scope.gaps)) for side in (previous, current))
    for key, text in sorted((now - before).elements()):
        yield ScopeChange(ScopeChangeKind.GAP_ADDED, key, current=text)
    for key, text in sorted((before - now).elements()):
        yield ScopeChange(ScopeChangeKind.GAP_REMOVED, key, previous=text)


def _say_gap(gap: GapRecord) -> tuple[str, str]:
    """What it is about, and what is said of it."""
    key = "/".join(one for one in (gap.namespace, gap.kind, gap.name) if one)
    file = gap.source.file if gap.source is not None else None
    return key or file or _CLUSTER, f"{gap.reason}: {gap.effect}"


def _cluster(previous: Compared, current: Compared) -> Iterator[ScopeChange]:
    kinds = ScopeChangeKind
    for change, before, now in (
        (kinds.SELECTOR_CHANGED, previous.scope.selector, current.scope.selector),
        (kinds.CNI_CHANGED, _say_cni(previous.cluster.cni), _say_cni(current.cluster.cni)),
        (kinds.IP_BLOCK_READING_CHANGED, _say_reading(previous), _say_reading(current)),
        (kinds.VERSION_CHANGED, previous.cluster.version, current.cluster.version),
        (kinds.RULES_CHANGED, _say_rules(previous), _say_rules(current)),
        (
            kinds.SETTINGS_CHANGED,
            previous.settings_digest[:_DIGITS_SHOWN],
            current.settings_digest[:_DIGITS_SHOWN],
        ),
    ):
        if before != now:
            yield ScopeChange(change, _CLUSTER, before, now)


def _say_cni(cni: CniRecord) -> str:
    words = {
        None: "not known whether it enforces policies",
        True: "enforces policies",
        False: "does not enforce policies",
    }
    return f"{cni.name or 'unknown'}, {words[cni.enforces]}"


def _say_reading(side: Compared) -> str:
    words = {None: "not known", True: "ipBlocks match pods", False: "ipBlocks match no pods"}
    return words[side.ip_blocks_match_pods]


def _say_rules(side: Compared) -> str:
    return f"version {side.tool_version}, rules {side.rules_digest[:_DIGITS_SHOWN]}"


def _key_of(namespace: str) -> str:
    return f"Namespace/{namespace}"
