"""A program that is killed while it delivers: nothing is lost, and one thing may come twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.delivery.email import message_id
from tests.delivery.killing import FIRST, SECOND, Killed, kill_everywhere
from tests.delivery.mailing import ANN, BOB, CLUSTER
from tests.delivery.servers import serving
from tests.history.conftest import OpenStore
from tests.history.programs import start_programs

pytestmark = pytest.mark.slow

FEWEST = 20


def test_delivering_may_be_killed_between_any_two_steps(place: OpenStore, tmp_path: Path) -> None:
    """Everyone has the report of every period, whoever was killed in it, and at whatever point.

    It comes twice in one case only: the server had taken the message, and that was not recorded.
    Both have the same Message-ID then, by which mail programs know them to be one.
    """
    with serving() as (port, inbox), start_programs(1) as program:
        killed = program.submit(kill_everywhere, place.url, port, tmp_path).result()
    assert len(killed) >= FEWEST
    arrived: dict[tuple[str, str], list[str]] = {}
    for taken in inbox.taken:
        ((to,), message) = (taken.recipients, taken.message)
        arrived.setdefault((message["Message-ID"], to), []).append(message["Subject"])
    twice = []
    for one in killed:
        name = message_id("auditor@example.com", CLUSTER, one.period, "security")
        state = dict(one.states)
        got = {to: arrived.pop((name, to)) for to in (ANN, BOB)}
        for to, subjects in got.items():
            if state.get(to) == "sent":
                assert [FIRST] == subjects, one
            elif subjects != [SECOND]:
                assert [FIRST, SECOND] == subjects, one
                twice.append(one)
        assert sum(map(len, got.values())) <= 3, one
    assert {} == arrived
    assert 0 < len(twice) < len(killed) / 2
    assert (("sent", "sent"), ()) == (_states(killed[-1]), _states(killed[0]))


def _states(killed: Killed) -> tuple[str, ...]:
    return tuple(state for _, state in killed.states)
