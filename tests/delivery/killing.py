"""Killing a program while it delivers, between any two steps of it.

The steps are counted as those of the store are (`tests.history.killing`), from the lock on: after
each statement, before each commit, and before each command to the mail server. All this runs in a
process of its own, which forks for each point; the server runs elsewhere, and lives on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, event

from auditor.delivery.dispatch import deliver_report
from auditor.history.store import open_store
from auditor.settings import Audience, DeliverySettings
from tests.delivery.mailing import ANN, BOB, CLUSTER, NOW, PACE, make_mail_settings, make_parcel
from tests.history.killing import Counter, fork
from tests.history.runs import CLUSTER as KEY
from tests.history.runs import keep_runs

FIRST, SECOND = "sent by the one that is killed", "sent by the next one"
_MOST = 200


class Killed(NamedTuple):
    """What the store said when a program had been killed, and nobody had gone on yet."""

    period: str
    states: tuple[tuple[str, str], ...]
    """Recipient and state."""


def kill_everywhere(url: str, port: int, folder: Path) -> Sequence[Killed]:
    """Deliver, killed at its first point, at its second, until it lives to its end.

    Each time in a period of its own, and each time another program then delivers in that period.
    """
    with open_store(url, create=True) as store:
        keep_runs(store, 1)
    killed = []
    for point in range(1, _MOST):
        period = f"period-{point:03}"

        def do(point: int = point, period: str = period) -> None:
            _deliver(url, port, period, FIRST, Counter(point))

        was_killed = fork(do)
        with open_store(url, create=False) as store:
            kept = store.deliveries(KEY).entries(period)
        killed.append(Killed(period, tuple((one.recipient, str(one.state)) for one in kept)))
        _deliver(url, port, period, SECOND)
        if not was_killed:
            return killed
    raise AssertionError(f"{folder}: delivering does not come to its end")


def _watch(counter: Counter) -> None:
    event.listen(Engine, "after_cursor_execute", counter.pass_by)
    event.listen(Engine, "commit", counter.pass_by)

    def see(name: str, _: tuple[object, ...]) -> None:
        if name in {"smtplib.connect", "smtplib.send"}:
            counter.pass_by()

    sys.addaudithook(see)


def _deliver(
    url: str, port: int, period: str, subject: str, counter: Counter | None = None
) -> None:
    settings = DeliverySettings(
        mail=make_mail_settings(port),
        audiences=(Audience(name="security", to=(ANN, BOB), everything=True),),
    )
    with open_store(url, create=False) as store:
        if counter is not None:
            _watch(counter)
        deliver_report(
            lambda _: make_parcel(subject=subject, attachments=()),
            settings=settings,
            log=store.deliveries(KEY),
            cluster=CLUSTER,
            run="run-0001",
            period=period,
            clock=lambda: NOW,
            environ={},
            say=lambda _: None,
            pace=PACE,
        )
