"""How long is waited before an API server is asked again."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.durations import parse_duration, spell_duration
from auditor.sources.patience import Patience, read_retry_after

NOON = formatdate(1_800_000_000, usegmt=True)


@given(st.integers(0, 8), st.text(max_size=40), st.text(max_size=40))
def test_no_pause_is_longer_than_allowed(retry: int, after: str, date: str) -> None:
    """Whatever the server says, also nonsense, and by however little clocks agree."""
    patience = Patience(backoff_seconds=0.5, longest_pause_seconds=10)
    pause = patience.pause(retry, {"Retry-After": after, "Date": date})
    assert min(0.5 * 2**retry, 10) <= pause <= 10.5


@pytest.mark.parametrize(
    ("after", "date", "seconds"),
    [
        ("7", "", 7.0),
        (formatdate(1_800_000_030, usegmt=True), NOON, 30.0),
        (formatdate(1_799_999_000, usegmt=True), NOON, 0.0),
        (formatdate(1_800_000_030, usegmt=True), "", None),
        ("soon", NOON, None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", NOON, None),
        ("-5", NOON, None),
        ("", NOON, None),
    ],
)
def test_retry_after_is_read_by_the_servers_clock(
    after: str, date: str, seconds: float | None
) -> None:
    """Seconds, or a date from which the answer's own is taken; else nothing is said."""
    assert seconds == read_retry_after({"Retry-After": after, "Date": date})


@given(st.integers(0, 10**6))
def test_a_duration_is_read_back(seconds: int) -> None:
    """What messages spell is what the flag takes."""
    assert seconds == parse_duration(spell_duration(seconds))
