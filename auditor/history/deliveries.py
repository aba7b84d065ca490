"""What was sent to whom, so that nothing is sent twice and nothing is forgotten.

No hash covers it: it is no evidence. A row is written before its message is sent, and says `sent`
only once the server has taken the message. A program that dies in between leaves `pending`, and
the next one sends the message again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update

from auditor.errors import HistoryError
from auditor.history.delivery_lock import hold
from auditor.history.engine import Database, writing
from auditor.history.failures import reported
from auditor.history.migrate import lock_store
from auditor.history.schema import CLUSTERS, DELIVERIES
from auditor.model.deliveries import Delivery, DeliveryState, Target

_REMEMBERED = timedelta(days=366)
"""Longer than any period: whoever was sent a report must not be sent it again."""

_KEY = ("period", "audience", "channel", "recipient")


class Deliveries:
    """The deliveries of one cluster. Every method raises `HistoryError` where the store fails."""

    def __init__(
        self,
        database: Database,
        cluster: str,
        *,
        reading: Callable[[], AbstractContextManager[Connection]],
        update: Callable[[], None],
    ) -> None:
        self._database = database
        self._cluster = cluster
        self._reading = reading
        self._update = update

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """Keep other programs from sending for this cluster until the end, or until this one dies.

        What it gives sees that this still holds, and is to be called before each message.

        Raises:
            HistoryError: another program is sending, and has not finished in time; or it is no
                longer certain that none is.
        """
        with hold(self._database, self._cluster) as check:
            yield check

    def plan(
        self, targets: Sequence[Target], *, run: str, period: str, now: str
    ) -> tuple[Delivery, ...]:
        """Write down what is to be sent, before any of it is.

        One delivery for each target, in their order. Those that are `sent` were sent in this
        period before, and are left as they are; the others are due. ``now`` is ISO 8601, UTC.
        """
        with self._writing() as connection:
            known = {
                (one.audience, one.channel, one.recipient): one
                for one in _read(connection, self._cluster, DELIVERIES.c.period == period)
            }
            if _is_unknown(connection, self._cluster):
                raise HistoryError(
                    "nothing can be delivered: no run of this cluster is kept",
                    hint="`netpol-auditor audit` keeps one",
                )
            return tuple(
                self._plan_one(connection, known.get(target[:3]), target, (run, period, now))
                for target in targets
            )

    def record(self, delivery: Delivery) -> None:
        """Write down what became of a delivery that was planned."""
        with self._writing() as connection:
            changed = connection.execute(
                update(DELIVERIES).where(*_is(self._cluster, delivery)).values(**_row(delivery))
            )
            if changed.rowcount != 1:
                raise HistoryError(
                    f"delivery to {delivery.recipient} cannot be recorded: it is no longer planned",
                    hint="see that no other program changes the store",
                )

    def entries(self, period: str | None = None) -> tuple[Delivery, ...]:
        """All that are known, of one period or of all: oldest first."""
        wanted = () if period is None else (DELIVERIES.c.period == period,)
        with self._reading() as connection:
            return _read(connection, self._cluster, *wanted)

    def undelivered(self, period: str) -> tuple[Delivery, ...]:
        """What was to be sent in other periods and was not, while nothing was sent since.

        For each recipient the newest, oldest first.
        """
        newest: dict[tuple[str, str, str], Delivery] = {}
        for one in self.entries():
            key = (one.audience, one.channel, one.recipient)
            if one.state is DeliveryState.SENT:
                newest.pop(key, None)
            elif one.period != period:
                newest.pop(key, None)
                newest[key] = one
        return tuple(newest.values())

    def last_sent(self, audience: str, *, before: str) -> Delivery | None:
        """The newest report that someone of an audience was sent, in another period than one."""
        sent = [
            one
            for one in self.entries()
            if one.audience == audience and one.state is DeliveryState.SENT and one.period != before
        ]
        return sent[-1] if sent else None

    def _plan_one(
        self,
        connection: Connection,
        known: Delivery | None,
        target: Target,
        when: tuple[str, str, str],
    ) -> Delivery:
        if known is not None and known.state is DeliveryState.SENT:
            return known
        run, period, now = when
        planned = Delivery(
            period=period,
            audience=target.audience,
            channel=target.channel,
            recipient=target.recipient,
            state=DeliveryState.PENDING,
            run=run,
            message_id=target.message_id,
            at=now,
            attempts=0 if known is None else known.attempts,
        )
        if known is None:
            row = {"cluster": self._cluster, **_row(planned)}
            connection.execute(DELIVERIES.insert(), row)
        else:
            connection.execute(
                update(DELIVERIES).where(*_is(self._cluster, planned)).values(**_row(planned))
            )
        return planned

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with reported(self._database.where):
            self._update()
            with (
                self._database.engine.connect() as connection,
                writing(connection).begin(),
            ):
                lock_store(connection, exclusive=False)
                yield connection


def forget_deliveries(connection: Connection, now: str) -> None:
    """Drop what was sent more than a year before ``now`` (ISO 8601, UTC), or was to be."""
    before = (datetime.fromisoformat(now) - _REMEMBERED).strftime("%Y-%m-%dT%H:%M:%SZ")
    connection.execute(delete(DELIVERIES).where(DELIVERIES.c.at < before))


def _read(connection: Connection, cluster: str, *wanted: Any) -> tuple[Delivery, ...]:
    rows = connection.execute(
        select(DELIVERIES).where(DELIVERIES.c.cluster == cluster, *wanted)
    ).mappings()
    found = (_decode({key: row[key] for key in Delivery.__struct_fields__}) for row in rows)
    return tuple(sorted(found, key=_order))


def _order(delivery: Delivery) -> tuple[Any, ...]:
    """By time. Of the same second, what was sent comes last: it was not left undelivered after."""
    sent = delivery.state is DeliveryState.SENT
    return (delivery.at, sent, *(getattr(delivery, key) for key in _KEY))


def _decode(row: dict[str, Any]) -> Delivery:
    try:
        return msgspec.convert(row, Delivery)
    except msgspec.ValidationError as error:
        raise HistoryError(
            f"delivery to {row['recipient']} is not as it was kept: {error}",
            hint="see who else writes the store, or restore it from a backup",
        ) from error


def _row(delivery: Delivery) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(delivery)
    return row


def _is(cluster: str, delivery: Delivery) -> tuple[Any, ...]:
    row = _row(delivery)
    return DELIVERIES.c.cluster == cluster, *(DELIVERIES.c[key] == row[key] for key in _KEY)


def _is_unknown(connection: Connection, cluster: str) -> bool:
    found = connection.execute(select(CLUSTERS.c.key).where(CLUSTERS.c.key == cluster))
    return found.first() is None
