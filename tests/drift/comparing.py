"""Two clusters, compared by the engine and by the oracle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from auditor.drift.connections import ConnectionChanges, compare_connections
from auditor.model.selectors import LabelSelector
from auditor.reachability.pair import Side, evaluate_pair
from tests.oracle.drift import CURRENT, PREVIOUS, DriftOracle, End, Fact, Half
from tests.oracle.drift_causes import CauseOracle
from tests.oracle.drift_listing import Reader


class Comparison(NamedTuple):
    """Two sides, as the engine and the oracle take them."""

    previous: Side
    current: Side

    def changes(self) -> ConnectionChanges:
        """What the engine says."""
        return compare_connections(evaluate_pair(self.previous, self.current))

    def oracle(self) -> DriftOracle:
        """What the oracle says."""
        return DriftOracle(*map(_half, self))

    def swapped(self) -> Comparison:
        """The same in the other direction of time."""
        return Comparison(self.current, self.previous)


def _half(side: Side) -> Half:
    asked = tuple(LabelSelector(match_labels=one) for one in side.recognition.dns_pod_labels)
    return Half(side.snapshot, bool(side.ip_blocks_match_pods), asked)


def differences(expected: set[Fact], actual: set[Fact]) -> tuple[list[str], list[str]]:
    """(missing, invented), the first few of each: a whole listing is too long to read."""

    def few(facts: Iterable[Fact]) -> list[str]:
        return sorted(map(str, facts))[:8]

    return few(expected - actual), few(actual - expected)


def check_rows(comparison: Comparison) -> None:
    """Compare what opened and what closed with the oracle, and find fault with the causes."""
    changes, oracle = comparison.changes(), comparison.oracle()
    reader, causes = Reader(oracle), CauseOracle(oracle)
    for side, rows, expected in (
        (CURRENT, list(changes.opened()), oracle.opened()),
        (PREVIOUS, list(changes.closed()), oracle.closed()),
    ):
        assert ([], []) == differences(expected, set(reader.facts(rows)))
        ends = [(row.source, row.destination) for row in rows]
        assert len(set(ends)) == len(ends)
        faults = [
            (row, fault)
            for row in rows
            for fault in causes.faults(
                side,
                _some(reader.ends(row.source)),
                _some(reader.ends(row.destination)),
                reader.ports(row),
                row.causes,
            )
        ]
        assert [] == faults[:2]


def _some(ends: list[End]) -> End:
    """A variant, or any address of a range: all of a range are alike."""
    return ends[0]
