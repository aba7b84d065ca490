"""Two snapshots of one cluster, evaluated so that their permissions can be held side by side.

Both views number the same bits (endpoint classes of both snapshots' pods, address parts cut by the
ipBlocks of both) and cut ports alike. So bitmaps and port masks of one mean the same in the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.collector import uncollected
from auditor.model.connections import AddressEndpoint, Endpoint, WorkloadEndpoint
from auditor.model.recognition import Recognition
from auditor.model.snapshot import Snapshot
from auditor.reachability.address_parts import AddressParts, block_ranges
from auditor.reachability.endpoints import group_jointly
from auditor.reachability.evaluation import compute_within, questions_of
from auditor.reachability.port_cuts import list_cuts
from auditor.reachability.port_parts import PortParts
from auditor.reachability.view import View
from auditor.reachability.vocabulary import collect_vocabulary


class Side(NamedTuple):
    """One of the two. ``ip_blocks_match_pods`` None: not known (semantics 3.7)."""

    snapshot: Snapshot
    recognition: Recognition = Recognition()
    ip_blocks_match_pods: bool | None = None


class EndsOfSide(NamedTuple):
    """The row ends of a pair as one of its sides has them."""

    view: View
    existing: FrozenBitMap
    """The ends with pods on this side, and all address parts."""
    populated: FrozenBitMap
    """The ends whose workload has pods on this side, in whichever variant, and address parts."""
    standing: tuple[tuple[int, ...], ...]
    """By end: the positions in the view's workloads that are, or stand for, the end here.

    Another variant of the workload stands for one that has no pods here: a variant that has none
    on the other side, or any, where there is no such. None of an address part.
    """
    bits: tuple[tuple[int, ...], ...]
    """By end: the bits of what stands for it, sorted."""


class Pair(NamedTuple):
    """Both sides, and the row ends of both: variants split by the pods of both, then addresses."""

    previous: EndsOfSide
    current: EndsOfSide
    ends: tuple[Endpoint, ...]
    """Sorted: workloads, then address parts."""
    first_address: int


def evaluate_pair(previous: Side, current: Side) -> Pair:
    """Evaluate two snapshots in one universe.

    A reading of ipBlocks that is not known counts as not matching pods, and what the other reading
    would add is not kept as possible between pods.
    """
    with uncollected():
        return _pair(*_evaluate((previous, current)))


def _evaluate(sides: Sequence[Side]) -> Iterator[View]:
    vocabulary = collect_vocabulary(
        [policy for side in sides for policy in side.snapshot.policies],
        (one for side in sides for one in questions_of(side.recognition)),
    )
    parts = AddressParts(one for block in vocabulary.blocks for one in block_ranges(block))
    by_address = any(side.ip_blocks_match_pods for side in sides) and bool(vocabulary.blocks)
    snapshots = [side.snapshot for side in sides]
    endpoints = group_jointly(snapshots, vocabulary, parts, by_address=by_address)
    ports = PortParts(
        cut
        for side, each in zip(sides, endpoints, strict=True)
        for cut in list_cuts(side.snapshot, side.recognition, vocabulary, each)
    )
    for side, each in zip(sides, endpoints, strict=True):
        reading = side.ip_blocks_match_pods
        evaluation = compute_within(
            side.snapshot, vocabulary, each, ports, ip_blocks_match_pods=reading
        )
        yield View(side.snapshot, side.recognition, evaluation, ip_blocks_match_pods=reading)


def _pair(previous: View, current: View) -> Pair:
    workloads = sorted({one.endpoint for view in (previous, current) for one in view.workloads})
    addresses = (AddressEndpoint(str(part)) for part in previous.endpoints.parts.parts)
    return Pair(
        _ends_of(previous, current, workloads),
        _ends_of(current, previous, workloads),
        ends=(*workloads, *addresses),
        first_address=len(workloads),
    )


def _ends_of(view: View, other: View, workloads: Sequence[WorkloadEndpoint]) -> EndsOfSide:
    numbers, elsewhere = view.workload_numbers, other.workload_numbers
    external = view.endpoints.external
    addresses = range(len(workloads), len(workloads) + len(external))
    existing = [number for number, one in enumerate(workloads) if one in numbers]
    standing: list[tuple[int, ...]] = []
    for _, each in groupby(workloads, key=lambda one: one.workload):
        variants = tuple(each)
        own = [numbers[one] for one in variants if one in numbers]
        lone = [numbers[one] for one in variants if one in numbers and one not in elsewhere]
        others = tuple(lone or own)
        standing += ((numbers[one],) if one in numbers else others for one in variants)
    bits = [
        view.workloads[each[0]].classes
        if len(each) == 1
        else tuple(sorted({bit for one in each for bit in view.workloads[one].classes}))
        for each in standing
    ]
    return EndsOfSide(
        view,
        existing=FrozenBitMap((*existing, *addresses)),
        populated=FrozenBitMap((*(n for n, each in enumerate(standing) if each), *addresses)),
        standing=(*standing, *(() for _ in addresses)),
        bits=(*bits, *((bit,) for bit in external)),
    )
