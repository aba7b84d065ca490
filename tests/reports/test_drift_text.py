"""A drift on a terminal."""

from __future__ import annotations

import re

import pytest

from reports.drift import WRITERS, DriftListing
from tests.reports.drifts import make_large, make_listing, make_rows, make_unchanged
from tests.reports.hostile import STRINGS, make_hostile_listing


def lines_of(listing: DriftListing) -> list[str]:
    """The lines of the table."""
    return b"".join(WRITERS["table"](listing)).decode().splitlines()


def test_warnings_come_first_then_totals_and_what_opened_before_what_closed() -> None:
    """A reader who stops early has read what matters most."""
    lines = lines_of(make_listing(notes=("an apply would keep spec.ingress",)))
    assert ["warning: an apply would keep spec.ingress", "Changes in shop-cluster"] == lines[:2]
    heads = [line for line in lines if re.fullmatch(r"[a-z ]+: [\d,]+", line)]
    assert [
        "new namespaces: 2", "by namespace: 4", "opened: 3", "closed: 1", "policies added: 1",
        "policies removed: 1", "policies changed: 2", "new findings: 2", "resolved findings: 1",
        "findings that cannot be compared: 1", "scope: 3",
    ] == heads  # fmt: skip
    assert "3 connections opened, 1 closed" in lines


def test_rows_are_aligned_and_signed() -> None:
    """What opened has a plus, what closed a minus: no colour is needed."""
    lines = lines_of(make_listing())
    at = lines.index("opened: 3")
    head, first = lines[at + 1 : at + 3]
    assert ["SOURCE", "DESTINATION", "PORTS", "CAUSES"] == head.split()
    assert first.startswith("  + shop-dev/Deployment/api  ")
    assert first.endswith("  TCP 5432    policy changed: shop-prod/NetworkPolicy/db-in")
    for word, cell in (("SOURCE", "shop-dev"), ("DESTINATION", "shop-prod"), ("PORTS", "TCP")):
        assert head.index(word) == first.index(cell)
    closed = lines[lines.index("closed: 1") + 2]
    assert closed.startswith("  \N{MINUS SIGN} shop-dev/Deployment/web ")


def test_policies_show_their_fields_and_who_wrote_them() -> None:
    """Added, removed and changed fields in words."""
    lines = lines_of(make_listing())
    at = lines.index("policies changed: 2")
    ingress = '{"from": [{"podSelector": {"matchLabels": {"role": "api"}}}], '
    assert [
        "  shop-prod/NetworkPolicy/db-in (last written by kubectl-client-side)",
        '    spec.ingress[0].from[0].namespaceSelector.matchLabels.environment: removed "prod"',
        '    spec.ingress[0].ports[0].port: 5432 → "postgres"',
        f'    spec.ingress[1]: added {ingress}"ports": [{{"port": 5432}}]}}',
        "  shop-dev/NetworkPolicy/api",
    ] == lines[at + 1 : at + 6]


def test_no_change_is_one_line() -> None:
    """Below the two that say what was compared."""
    lines = lines_of(make_listing(make_unchanged(), (), ()))
    assert "Nothing changed: " == lines[-1][:17]
    assert "10 findings are as before." in lines[-1]
    assert 4 == len(lines)


def test_the_first_thousand_rows_are_listed_and_the_rest_is_counted() -> None:
    """As report.json lists them; of other lists a terminal gets a few screens."""
    rows = tuple(make_rows(100_000))
    lines = lines_of(make_listing(make_large(), rows, rows))
    opened = lines[lines.index("opened: 100,000") :]
    assert 1_000 == sum(line.startswith("  + ") for line in opened[: opened.index("")])
    assert "  99,000 more: -o json lists all." in lines
    assert len(lines) < 2_700


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_hostile_strings_do_not_reach_the_terminal(hostile: str) -> None:
    """No control character, no line of their own, no word that never ends."""
    lines = lines_of(make_hostile_listing(hostile))
    harmless = lines_of(make_hostile_listing("harmless"))
    assert len(harmless) == len(lines)
    for line in lines:
        assert line.isprintable(), line
        assert len(line) < 5000
