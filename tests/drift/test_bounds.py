"""What the comparison does otherwise for many ends than for few comes to the same."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import given

from auditor.drift import affected, bundle_rows, bundles, namespaces, reasons, responsible, row_ends
from auditor.model.drift import ConnectionDrift
from auditor.reachability import reach
from tests.drift.comparing import Comparison
from tests.drift.pairs import edited, pairs, unrelated

# The tracer of coverage takes most of the time here, and other tests cover the engine's lines.
pytestmark = pytest.mark.no_cover

PAIRS = 120

FOR_FEW: list[tuple[ModuleType, str, int]] = [
    (affected, "_NARROW", 0),
    (bundle_rows, "_PAIRS_AT_A_TIME", 2),
    (bundle_rows, "_NARROW", 0),
    (bundles, "_REMEMBERED", 1),
    (namespaces, "_FEW", 0),
    (namespaces, "_BASES", 2),
    (namespaces, "_ALIKE", 1),
    (reasons, "_REMEMBERED", 1),
    (responsible, "_REMEMBERED", 1),
    (row_ends, "_FEW", 0),
    (row_ends, "_BASES", 2),
    (reach, "_NARROW", 0),
    (reach, "_CHUNK", 2),
    (reach, "_REMEMBERED", 1),
]
"""The bounds of which no small cluster comes near, and what they are set to instead."""


def compare(comparison: Comparison) -> ConnectionDrift:
    """All rows, totals and groups."""
    return comparison.changes().limit(1_000_000)


def check_bounds(comparison: Comparison) -> None:
    """Compare with all bounds as they are, and as low as they go."""
    expected = compare(comparison)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in FOR_FEW:
            patch.setattr(module, name, value)
        assert expected == compare(comparison)


@pairs(PAIRS)
@given(comparison=edited())
def test_bounds_do_not_change_what_edits_open_and_close(comparison: Comparison) -> None:
    """Rows in the same order, for the same causes; groups and totals, too."""
    check_bounds(comparison)


@pairs(PAIRS)
@given(comparison=unrelated())
def test_bounds_do_not_change_what_differs_between_any_two_clusters(
    comparison: Comparison,
) -> None:
    """Likewise, where almost everything differs."""
    check_bounds(comparison)
