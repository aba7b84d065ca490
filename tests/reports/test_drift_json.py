"""A drift as JSON: the contract, whole, and written as it comes."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import msgspec
import pytest

from auditor.model.drift import ChangedRow, ConnectionDrift, Drift, Totals
from reports.drift import WRITERS, DriftListing
from tests.reports.drifts import (
    CLOSED,
    OPENED,
    make_drift,
    make_listing,
    make_rows,
    make_unchanged,
)
from tests.reports.hostile import STRINGS, make_hostile_listing

write_json = WRITERS["json"]


def whole(drift: Drift, opened: tuple[ChangedRow, ...], closed: tuple[ChangedRow, ...]) -> Drift:
    """Return a drift with these rows, none of them left out."""
    rows = drift.connections
    listed = ConnectionDrift(opened, closed, rows.totals, Totals(0, 0), rows.groups)
    return msgspec.structs.replace(drift, connections=listed)


def test_the_document_is_the_contract() -> None:
    """It is read back as what it was, every kind of change, endpoint and port set in it."""
    drift = make_drift()
    written = b"".join(write_json(make_listing(drift)))
    assert whole(drift, OPENED, CLOSED) == msgspec.json.decode(written, type=Drift)


def test_all_rows_are_listed_and_none_is_omitted() -> None:
    """Also those that report.json leaves out."""
    opened, closed = tuple(make_rows(9000)), tuple(make_rows(5000, "old"))
    listing = make_listing(None, opened, closed)
    assert 8000 == listing.drift.connections.omitted.opened
    written = b"".join(write_json(listing))
    assert whole(listing.drift, opened, closed) == msgspec.json.decode(written, type=Drift)


def test_no_change_is_a_document_too() -> None:
    """Empty lists, not nothing."""
    written = b"".join(write_json(make_listing(make_unchanged(), (), ())))
    assert make_unchanged() == msgspec.json.decode(written, type=Drift)


def test_a_connection_is_a_line() -> None:
    """`grep` finds it whole."""
    lines = b"".join(write_json(make_listing())).splitlines()
    rows = [json.loads(line.rstrip(b",")) for line in lines if line.startswith(b'{"source"')]
    assert 4 == len(rows)
    assert {
        "source": {"namespace": "shop-dev", "kind": "Deployment", "name": "api"},
        "destination": {"namespace": "shop-prod", "kind": "StatefulSet", "name": "db"},
        "ports": [{"protocol": "TCP", "from": 5432, "to": 5432}],
        "causes": [{"cause": "policy-changed", "object": "shop-prod/NetworkPolicy/db-in"}],
    } == rows[0]
    assert "all" == rows[2]["ports"]


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_hostile_strings_are_kept_whole(hostile: str) -> None:
    """JSON cuts nothing; what UTF-8 cannot hold is escaped as in report.json."""
    written = b"".join(write_json(make_hostile_listing(hostile)))
    read = msgspec.json.decode(written, type=Drift)
    kept = hostile.encode("utf-8", "backslashreplace").decode()
    assert kept == read.connections.opened[0].source.name
    assert kept == read.findings.details[kept].message
    assert kept == read.policies.changed[0].fields[0].previous


def test_rows_are_written_as_they_come() -> None:
    """At most a chunk of them is held, however many there are."""
    drawn = 0

    def rows() -> Iterator[ChangedRow]:
        nonlocal drawn
        for row in make_rows(50_000):
            drawn += 1
            yield row

    listing = DriftListing(make_drift(), rows, lambda: (), "title", ())
    written, ahead = 0, 0
    for chunk in write_json(listing):
        ahead = max(ahead, drawn - written)
        written += chunk.count(b'{"source":{')
    assert 50_000 == drawn == written
    assert 0 < ahead < 5000


def test_memory_does_not_grow_with_the_rows() -> None:
    """Six times the rows take no more: only what stands in many of them is remembered."""

    def peak(total: int) -> int:
        listing = DriftListing(make_drift(), lambda: make_rows(total), lambda: (), "title", ())
        tracemalloc.start()
        try:
            for _ in write_json(listing):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(10_000), peak(60_000)
    assert large < small + 500_000
