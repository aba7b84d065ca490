"""Which of the things that differ open a connection: each is undone, or done, by itself.

Asked of each is what the policy would grant on the side that allows, were just that as it is on
the other side. Where nothing alone takes a port away, because several things each let it through,
asked is which of them does so alone on the side that denies. Where none does either, several are
needed together, or stand in for one another: all are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from auditor.drift.undone import Circumstances
from auditor.model.drift import CauseKind


class Factor(NamedTuple):
    """One thing that can differ."""

    of: Literal["policy", "subject", "peer", "namespace", "reading"]
    """The subject: the policy's own pods; the peer: those it allows; the peer's namespace."""
    kind: CauseKind


Reasons = frozenset[Factor]

POLICY = Factor("policy", CauseKind.POLICY_CHANGED)
NAMESPACE = Factor("namespace", CauseKind.LABELS_CHANGED)
READING = Factor("reading", CauseKind.IP_BLOCK_READING_CHANGED)

_FIELDS: Mapping[Factor, tuple[str, ...]] = {
    POLICY: ("policy",),
    Factor("subject", CauseKind.LABELS_CHANGED): ("selected",),
    Factor("subject", CauseKind.HOST_NETWORK_CHANGED): ("selected", "own_ports"),
    Factor("subject", CauseKind.PORTS_CHANGED): ("own_ports",),
    Factor("peer", CauseKind.LABELS_CHANGED): ("labels",),
    Factor("peer", CauseKind.HOST_NETWORK_CHANGED): ("labels", "addresses", "ports"),
    Factor("peer", CauseKind.PORTS_CHANGED): ("ports",),
    Factor("peer", CauseKind.ADDRESSES_CHANGED): ("addresses",),
    NAMESPACE: ("namespaces",),
    READING: ("blocks_match_pods",),
}
"""The circumstances that go with what differs."""


def weigh(
    differing: Reasons,
    ports: int,
    permit: Callable[[Circumstances], int],
    mine: Iterable[Circumstances],
    theirs: Sequence[Circumstances],
) -> Reasons:
    """Which of what differs lets the ports through; none where nothing permits them.

    ``mine``: the circumstances of what stands for the ends where it is allowed, each combination by
    itself; ``theirs``: likewise, where it is denied.
    """
    found: Reasons = frozenset()
    for one in mine:
        if permitted := permit(one) & ports:
            ports &= ~permitted
            found |= _weigh(differing, permitted, permit, one, theirs)
    return found


def _weigh(
    differing: Reasons,
    permitted: int,
    permit: Callable[[Circumstances], int],
    mine: Circumstances,
    theirs: Sequence[Circumstances],
) -> Reasons:
    found: set[Factor] = set()
    rest = permitted
    for factor in differing:
        for other in _unlike(factor, mine, theirs):
            if lost := permitted & ~permit(_taking(mine, factor, other)):
                found.add(factor)
                rest &= ~lost
    if not rest:
        return frozenset(found)
    unexplained = rest
    for factor in differing:
        for other in theirs:
            if _is_comparable(factor, mine, other):
                gained = unexplained & permit(_taking(other, factor, mine))
                if gained:
                    found.add(factor)
                    rest &= ~gained
    return differing if rest else frozenset(found)


def _unlike(
    factor: Factor, mine: Circumstances, theirs: Iterable[Circumstances]
) -> Iterable[Circumstances]:
    """Of circumstances that are alike in what the factor takes of them, one."""
    found: dict[int | None, Circumstances] = {}
    for other in theirs:
        if _is_comparable(factor, mine, other):
            ends = {"subject": other.selected, "peer": other.labels}
            found.setdefault(ends.get(factor.of), other)
    return found.values()


def _is_comparable(factor: Factor, mine: Circumstances, other: Circumstances) -> bool:
    """Whether it may be taken of the other by itself: of another network, all or nothing."""
    if factor.of not in {"subject", "peer"}:
        return True
    is_host = mine.namespaces.is_host
    if factor.of == "subject":
        differ = is_host(mine.selected) != is_host(other.selected)
    else:
        differ = is_host(mine.labels) != is_host(other.labels)
    return differ == (factor.kind is CauseKind.HOST_NETWORK_CHANGED)


def _taking(given: Circumstances, factor: Factor, other: Circumstances) -> Circumstances:
    """The same, but for one factor, which is as it is in the others."""
    return given._replace(**{one: getattr(other, one) for one in _FIELDS.get(factor, ())})
