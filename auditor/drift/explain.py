"""Bundles → why: the responsible policies, and what else changed where these did not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from pyroaring import BitMap, FrozenBitMap

from auditor.drift.affected import Affected
from auditor.drift.bundles import Bundle, subtract
from auditor.drift.causes import Causes, ExplainedBundle, Part, join_causes, join_parts
from auditor.drift.factors import NAMESPACE, POLICY, READING, Reasons
from auditor.drift.reasons import Question
from auditor.drift.responsible import Responsible
from auditor.drift.side_rows import SideRows
from auditor.model.drift import Cause, CauseKind
from auditor.model.findings import Direction
from auditor.model.objects import Reference
from auditor.reachability.index import EMPTY
from auditor.reachability.permissions import Cell, Group
from auditor.reachability.reach import opposite


class Explainer:
    """Explains the rows that ``allowing`` has and ``denying`` has not."""

    def __init__(
        self, allowing: SideRows, denying: SideRows, responsible: Responsible, *, opened: bool
    ) -> None:
        self._allowing = allowing
        self._denying = denying
        self._responsible = responsible
        self._lone = CauseKind.WORKLOAD_ADDED if opened else CauseKind.WORKLOAD_REMOVED

    def explain(self, affected: Affected, bundles: Iterable[Bundle]) -> Iterator[ExplainedBundle]:
        """The bundles of an end, cut so that all rows of each have the same causes."""
        gained: tuple[list[Cell], list[Cell]] | None = None
        for bundle in bundles:
            lone = bundle.far - self._denying.ends.populated
            rest = bundle.far - lone
            parts: Iterable[Part] = ()
            if affected.near not in self._denying.ends.populated:
                own = frozenset({Cause(self._lone, self._responsible.key(affected.near))})
                parts = (Part(lone, Causes(own, frozenset({self._lone}))), Part(rest, Causes(own)))
            else:
                parts = [Part(lone, Causes(of_far=frozenset({self._lone})))]
                if rest:
                    gained = gained or self._gained(affected)
                    parts += self._explain(affected, bundle._replace(far=rest), *gained)
            for ends, causes in parts:
                if ends:
                    ends.run_optimize()  # kept for long: in as little memory as it takes
                    yield ExplainedBundle(*bundle._replace(far=ends), causes)

    def _gained(self, affected: Affected) -> tuple[list[Cell], list[Cell]]:
        """What the near end permits more than where it is denied, and what the far ends do."""
        allowing, denying = self._allowing, self._denying
        return (
            list(
                subtract(
                    allowing.permitted_by_near(affected),
                    denying.permitted_by_near(affected),
                    affected.far,
                )
            ),
            list(
                subtract(
                    allowing.permitted_by_far(affected),
                    denying.permitted_by_far(affected),
                    affected.far,
                )
            ),
        )

    def _explain(
        self, affected: Affected, bundle: Bundle, by_near: list[Cell], by_far: list[Cell]
    ) -> Iterator[Part]:
        """Each direction by itself, as far as its permission differs on the rows' ports."""
        for near_ports, some in _cut(by_near, bundle.ports, bundle.far):
            for far_ports, ends in _cut(by_far, bundle.ports, some):
                parts = [Part(ends, Causes())]
                if near_ports:
                    parts = join_parts(parts, self._by_near(affected, near_ports, ends))
                if far_ports:
                    parts = join_parts(parts, self._by_far(affected, far_ports, ends))
                if hidden := bundle.ports & ~(near_ports | far_ports):
                    parts = join_parts(parts, self._unlisted(affected, hidden, ends))
                yield from parts

    def _by_near(self, affected: Affected, ports: int, ends: FrozenBitMap) -> Iterator[Part]:
        """What the direction of the near end permits where it is allowed."""
        direction, near, _, known = affected
        side = self._allowing
        groups = side.groups(direction, near)
        if not all(one.is_isolated for one in groups):
            yield Part(ends, Causes(self._responsible.isolation(direction, near)))
        granted: dict[int, FrozenBitMap] = {}
        for group in groups:
            for grant in group.grants:
                if grant.ports & ports:
                    peers = grant.peers if known is None else grant.peers & known
                    held = side.row_ends.holding(peers) & ends
                    granted[grant.policy] = granted.get(grant.policy, EMPTY) | held
        for position, held in granted.items():
            if held:
                policy = side.view.policies[position].reference
                yield from self._of_policy(policy, direction, near, ports, held)

    def _of_policy(
        self, policy: Reference, direction: Direction, near: int, ports: int, ends: FrozenBitMap
    ) -> Iterator[Part]:
        """Why a policy that selects the near end grants to the far ones."""
        change = self._responsible.change_of(policy)
        if change is not None:
            yield Part(ends, Causes(frozenset({Cause(change, str(policy))})))
            return
        same = self._responsible.same
        steady = ends - self._responsible.moved
        one_by_one = ends - steady
        relabelled = steady & self._responsible.relabelled
        for some, is_relabelled in ((steady - relabelled, False), (relabelled, True)):
            reasons = same.granting_any(policy, direction, near, relabelled=is_relabelled)
            if reasons is None:
                one_by_one = one_by_one | some
            elif some:
                yield Part(some, self._of_near(policy, near, reasons))
        found: dict[Causes, BitMap] = {}
        for far in one_by_one:
            namespace = self._responsible.namespace(far)
            reasons = same.granting(Question(policy, direction, near, far, namespace, ports))
            found.setdefault(self._of_near(policy, near, reasons), BitMap()).add(far)
        yield from (Part(FrozenBitMap(each), causes) for causes, each in found.items())

    def _of_near(self, policy: Reference, near: int, reasons: Reasons) -> Causes:
        """Reasons of a policy whose subject is the near end."""
        fixed = self._causes(_kinds(reasons, "subject"), near) | _of_neither(policy, reasons)
        return Causes(fixed, _kinds(reasons, "peer"), NAMESPACE in reasons)

    def _of_far(self, policy: Reference, near: int, reasons: Reasons) -> Causes:
        """Reasons of a policy whose subject is the far end."""
        fixed = self._causes(_kinds(reasons, "peer"), near) | _of_neither(policy, reasons)
        if NAMESPACE in reasons:
            fixed |= {self._responsible.namespace_cause(near)}
        return Causes(fixed, _kinds(reasons, "subject"))

    def _causes(self, kinds: Iterable[CauseKind], end: int) -> frozenset[Cause]:
        return frozenset(Cause(kind, self._responsible.key(end)) for kind in kinds)

    def _by_far(self, affected: Affected, ports: int, ends: FrozenBitMap) -> Iterator[Part]:
        """What the direction of the far ends permits where they are allowed."""
        direction = opposite(affected.direction)
        freed, isolated = self._responsible.by_isolation(direction)
        if some := ends & freed:
            yield Part(some, Causes(far_isolation=direction))
        granting: dict[int, frozenset[Reference]] = {}
        found: dict[Causes, BitMap] = {}
        for far in ends & isolated:
            policies: set[Reference] = set()
            for group in self._allowing.groups(direction, far):
                if id(group) not in granting:
                    granting[id(group)] = self._granting(group, affected.near, ports)
                policies |= granting[id(group)]
            causes = join_causes(
                self._of_subject_far(one, direction, far, affected.near, ports) for one in policies
            )
            found.setdefault(causes, BitMap()).add(far)
        yield from (Part(FrozenBitMap(each), causes) for causes, each in found.items())

    def _granting(self, group: Group, peer: int, ports: int) -> frozenset[Reference]:
        """The policies that grant some of the ports to an end."""
        view = self._allowing.view
        bits = self._allowing.ends.bits[peer]
        return frozenset(
            view.policies[grant.policy].reference
            for grant in group.grants
            if grant.ports & ports and any(bit in grant.peers for bit in bits)
        )

    def _of_subject_far(
        self, policy: Reference, direction: Direction, far: int, near: int, ports: int
    ) -> Causes:
        """Why a policy that selects the far end grants to the near one."""
        change = self._responsible.change_of(policy)
        if change is not None:
            return Causes(frozenset({Cause(change, str(policy))}))
        namespace = self._responsible.namespace(near)
        question = Question(policy, direction, far, near, namespace, ports)
        return self._of_far(policy, near, self._responsible.same.granting(question))

    def _unlisted(self, affected: Affected, ports: int, ends: FrozenBitMap) -> Iterator[Part]:
        """Neither direction differs: a row was not listed, or its pods are combined otherwise."""
        own_node = ends & self._denying.own_nodes.touched(affected.near)
        for far in ends:
            causes = self._of_places(affected.near, far) if far in own_node else Causes()
            if causes == Causes():
                causes = self._of_combinations(affected, far, ports)
            yield Part(FrozenBitMap((far,)), causes)

    def _of_places(self, near: int, far: int) -> Causes:
        """What put two ends on one node, as far as pods on the host's network go."""
        found = [self._of_place(end) for end in (near, far)]
        return Causes(self._causes(found[0], near), found[1])

    def _of_place(self, end: int) -> frozenset[CauseKind]:
        if CauseKind.HOST_NETWORK_CHANGED in self._responsible.same.facets(end):
            return frozenset({CauseKind.HOST_NETWORK_CHANGED})
        nodes = {side.own_nodes.nodes(end) for side in (self._allowing, self._denying)}
        return frozenset({CauseKind.NODES_CHANGED} if len(nodes) > 1 else ())

    def _of_combinations(self, affected: Affected, far: int, ports: int) -> Causes:
        """What changed of all that lets the pods of two ends connect, by whichever of them."""
        near, one = affected.near, FrozenBitMap((far,))
        parts = [*self._by_near(affected, ports, one), *self._by_far(affected, ports, one)]
        found = join_causes(part.causes for part in parts)
        if found != Causes():
            return found
        same = self._responsible.same
        return Causes(self._causes(same.facets(near), near), same.facets(far))


def _kinds(reasons: Reasons, end: Literal["subject", "peer"]) -> frozenset[CauseKind]:
    """What differs between the pods of an end."""
    return frozenset(one.kind for one in reasons if one.of == end)


def _of_neither(policy: Reference, reasons: Reasons) -> frozenset[Cause]:
    """What differs besides the ends."""
    found: set[Cause] = set()
    if POLICY in reasons:
        found.add(Cause(POLICY.kind, str(policy)))
    if READING in reasons:
        found.add(Cause(READING.kind, "Cluster/cluster"))
    return frozenset(found)


def _cut(
    cells: Iterable[Cell], ports: int, ends: FrozenBitMap
) -> Iterator[tuple[int, FrozenBitMap]]:
    """The ends by what the disjoint cells hold of the ports; last, those with none."""
    rest = ends
    for mask, peers in cells:
        if mask & ports and rest.intersect(peers):
            yield mask & ports, rest & peers
            rest = rest - peers
    if rest:
        yield 0, rest
