"""An evaluation with external space cut finer, derived from one that is there.

What blocks of a question cut, no policy cut before: both halves of a part are in the same
permissions. So everything stays as it was, but for the numbers of the bits of address parts.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyroaring import FrozenBitMap

from auditor.model.objects import IPBlock
from auditor.model.snapshot import Snapshot
from auditor.reachability.address_parts import AddressParts, block_ranges
from auditor.reachability.compile import CompiledPolicy, Compiler, Grant
from auditor.reachability.endpoints import (
    EndpointClass,
    Endpoints,
    Signature,
    addresses_of_nodes,
    sign,
)
from auditor.reachability.evaluation import Evaluation
from auditor.reachability.index import Index
from auditor.reachability.permissions import Cell, GrantBy, Group, Groups


def cut_finer(
    snapshot: Snapshot,
    evaluation: Evaluation,
    blocks: frozenset[IPBlock],
    *,
    ip_blocks_match_pods: bool | None,
) -> Evaluation | None:
    """The evaluation, with external space cut by further blocks, too.

    None where they tell pods apart that were of one class: that takes an evaluation of its own.
    """
    known = evaluation.vocabulary.blocks
    if not known and ip_blocks_match_pods is not False:
        return None  # without any block, the addresses of pods do not tell them apart as yet
    parts = AddressParts(one for block in known | blocks for one in block_ranges(block))
    old = evaluation.endpoints
    classes = _sign_anew(snapshot, old, parts)
    if classes is None:
        return None
    endpoints = old._replace(
        classes=classes,
        parts=parts,
        external=range(len(classes), len(classes) + len(parts.parts)),
    )
    index = Index(endpoints)
    renumbering = _Renumbering(old, endpoints)
    return Evaluation(
        endpoints,
        index,
        evaluation.ports,
        evaluation.vocabulary._replace(blocks=known | blocks),
        Compiler(endpoints, index, evaluation.ports, ip_blocks_match_pods=ip_blocks_match_pods),
        tuple(map(renumbering.policy, evaluation.policies)),
        {direction: renumbering.groups(one) for direction, one in evaluation.groups.items()},
    )


def _sign_anew(
    snapshot: Snapshot, old: Endpoints, parts: AddressParts
) -> tuple[EndpointClass, ...] | None:
    """The classes by the parts as they are now; None where pods of one are no longer alike."""
    halves = [parts.indexes(one) for one in old.parts.parts]
    signatures: dict[int, Signature] = {}
    doubtful: set[int] = set()
    for number, one in enumerate(old.classes):
        if one.addresses:
            signatures[number] = tuple(halves[part].start for part in one.addresses)
            if any(len(halves[part]) > 1 for part in one.addresses):
                doubtful.add(number)
    nodes = addresses_of_nodes(snapshot)
    seen: set[int] = set()
    for pod, number in zip(snapshot.pods, old.class_of_pod, strict=True) if doubtful else ():
        if number in doubtful:
            signature = sign(pod, nodes, parts)
            if number in seen and signature != signatures[number]:
                return None
            seen.add(number)
            signatures[number] = signature
    return tuple(
        one._replace(addresses=signatures[number]) if number in signatures else one
        for number, one in enumerate(old.classes)
    )


class _Renumbering:
    """Bitmaps of one evaluation → bitmaps of one whose address parts are cut finer."""

    def __init__(self, old: Endpoints, new: Endpoints) -> None:
        self._external = FrozenBitMap(old.external)
        self._halves = {
            old.external.start + number: [
                new.external.start + half for half in new.parts.indexes(part)
            ]
            for number, part in enumerate(old.parts.parts)
        }
        self._renumbered: dict[FrozenBitMap, FrozenBitMap] = {}

    def policy(self, one: CompiledPolicy) -> CompiledPolicy:
        """A policy, with the peers of its rules renumbered."""
        if not any(self._is_affected(each) for each in one.grants.values()):
            return one
        return one._replace(
            grants={
                direction: tuple(grant._replace(peers=self._bits(grant.peers)) for grant in grants)
                for direction, grants in one.grants.items()
            }
        )

    def groups(self, groups: Groups) -> Groups:
        """The isolation groups of a direction: what they allow, renumbered."""
        return groups._replace(groups=tuple(map(self._group, groups.groups)))

    def _group(self, one: Group) -> Group:
        if not self._is_affected(one.cells):
            return one
        # what an unknown may allow are pods and nodes alone
        return one._replace(
            members=self._bits(one.members),
            cells=tuple(Cell(ports, self._bits(peers)) for ports, peers in one.cells),
            grants=tuple(grant._replace(peers=self._bits(grant.peers)) for grant in one.grants),
        )

    def _is_affected(self, allowed: Iterable[Cell | Grant | GrantBy]) -> bool:
        return any(one.peers.intersect(self._external) for one in allowed)

    def _bits(self, bits: FrozenBitMap) -> FrozenBitMap:
        outside = bits & self._external
        if not outside:
            return bits
        found = self._renumbered.get(outside)
        if found is None:
            found = FrozenBitMap(half for one in outside for half in self._halves[one])
            self._renumbered[outside] = found
        return (bits - outside) | found
