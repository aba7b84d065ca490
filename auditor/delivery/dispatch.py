"""Reports → everyone who is to have them: each once in a period, and nothing forgotten.

In order: the lock is taken, what is due is written down, and then one message after another is
sent and recorded. Where the program dies, what is not recorded as sent is sent by the next run.
The one thing that can be sent twice is the message that the server took and that was not recorded
any more: it has the same Message-ID then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec

from auditor.delivery.attempts import Attempted, Pace, RefusedError
from auditor.delivery.email import (
    DeliveredCluster,
    Mail,
    build_message,
    encode_mail,
    message_id,
)
from auditor.delivery.inert import inert_line
from auditor.delivery.parcel import Parcel
from auditor.delivery.secrets import read_password
from auditor.delivery.smtp import MailServer
from auditor.delivery.webhook import encode_webhook, post, read_webhook
from auditor.errors import AuditorError, HistoryError
from auditor.model.deliveries import Channel, Delivery, DeliveryState, Target
from auditor.settings import Audience, DeliverySettings, MailSettings

_LOG = logging.getLogger(__name__)
_LINE_LENGTH = 500
_MEGABYTE = 1_000_000
_NO_SENDER = "webhook@localhost"
"""Where webhooks alone are told, which need no Message-ID but for the log."""


class DeliveryLog(Protocol):
    """Where it is kept what was sent: `auditor.history.deliveries.Deliveries`."""

    def held(self) -> AbstractContextManager[Callable[[], None]]:
        """Keep other programs from sending; what it gives sees that this still holds."""

    def plan(
        self, targets: Sequence[Target], *, run: str, period: str, now: str
    ) -> tuple[Delivery, ...]:
        """Write down what is to be sent; what is `sent` already stays so."""

    def record(self, delivery: Delivery) -> None:
        """Write down what became of it."""

    def undelivered(self, period: str) -> tuple[Delivery, ...]:
        """What was to be sent in other periods, and was not."""


class Outcome(NamedTuple):
    """What became of one message."""

    audience: str
    channel: Channel
    recipient: str
    state: Literal["sent", "failed", "already-sent"]
    """`already-sent`: in this period, by an earlier run. Nothing was sent now."""
    period: str
    message_id: str
    attempts: int
    """Now; of what was already sent, then."""
    size: int | None
    """Bytes; None where no message could be made."""
    reason: str = ""
    """Why it failed: one inert line, without secrets."""
    hint: str = ""

    @property
    def line(self) -> str:
        """The outcome in one line, for people."""
        size = "" if self.size is None else f", {self.size:,} bytes"
        tried = f", {self.attempts} attempt{'' if self.attempts == 1 else 's'}"
        state = f"already sent in {self.period}" if self.state == "already-sent" else self.state
        text = (
            f"{self.channel} to {self.recipient} of audience {self.audience}: {state}"
            f"{f': {self.reason}' if self.reason else ''} ({self.message_id}{size}{tried})"
        )
        return inert_line(text, _LINE_LENGTH)


def deliver_report(
    compose: Callable[[Audience], Parcel],
    *,
    settings: DeliverySettings,
    log: DeliveryLog,
    cluster: DeliveredCluster,
    run: str,
    period: str,
    clock: Callable[[], str],
    environ: Mapping[str, str],
    say: Callable[[Outcome], None],
    pace: Pace | None = None,
) -> tuple[Outcome, ...]:
    """Send a report to everyone of each audience who was not sent one in this period.

    ``compose`` makes what an audience is sent; it is asked once somebody is to be sent it.
    ``clock`` tells the time in ISO 8601, UTC. ``say`` is told of each message once it is recorded;
    that one fails stops no other. The outcomes come in the order of audiences and of addresses.

    Raises:
        UsageError: the settings lack what sending needs, such as the password: nothing was sent.
        HistoryError: another program is sending, or it cannot be recorded what was sent. What was
            sent and is not recorded is said, and sent again by the next run.
    """
    audiences = {one.name: one for one in settings.audiences}
    with ExitStack() as stack:
        server: MailServer | None = None
        if settings.mail is not None and any(one.to for one in settings.audiences):
            password = read_password(settings.mail, environ)
            server = MailServer(settings.mail, password, pace or Pace())
        still_held = stack.enter_context(log.held())
        if server is not None:
            stack.enter_context(server)
        sender = _Sender(
            compose, server, cluster=cluster, period=period, pace=pace or Pace(), clock=clock
        )
        planned = log.plan(
            [target for one in settings.audiences for target in sender.targets(one)],
            run=run,
            period=period,
            now=clock(),
        )
        outcomes = []
        for one in planned:
            outcome = _outcome(one, "already-sent")
            if one.state is not DeliveryState.SENT:
                still_held()
                outcome = sender.send(one, audiences[one.audience])
                _record(log, one, outcome, clock(), say)
            say(outcome)
            outcomes.append(outcome)
        return tuple(outcomes)


def find_undelivered(
    log: DeliveryLog, settings: DeliverySettings, period: str
) -> tuple[Delivery, ...]:
    """What earlier periods have left undelivered, to those who are still to be sent reports.

    Raises:
        HistoryError: the store cannot be read.
    """
    wanted = {
        (audience.name, *one) for audience in settings.audiences for one in _recipients(audience)
    }
    return tuple(
        one
        for one in log.undelivered(period)
        if (one.audience, one.channel, one.recipient) in wanted
    )


class _Sender:
    """Sends what is due, over whichever channel it goes."""

    def __init__(
        self,
        compose: Callable[[Audience], Parcel],
        server: MailServer | None,
        *,
        cluster: DeliveredCluster,
        period: str,
        pace: Pace,
        clock: Callable[[], str],
    ) -> None:
        self._compose = compose
        self._server = server
        self._cluster = cluster
        self._period = period
        self._pace = pace
        self._clock = clock
        self._parcel: Parcel | None = None
        self._mail: Mail | None = None

    def targets(self, audience: Audience) -> Iterator[Target]:
        """Everyone of an audience."""
        sender = _NO_SENDER if self._server is None else self._server.settings.sender
        name = message_id(sender, self._cluster, self._period, audience.name)
        for channel, recipient in _recipients(audience):
            yield Target(audience.name, channel, recipient, name)

    def send(self, due: Delivery, audience: Audience) -> Outcome:
        """Send one message. Whatever goes wrong is its outcome, and stops no other message."""
        size: int | None = None
        try:
            parcel = self._composed(audience)
            if due.channel is Channel.MAIL and self._server is not None:
                mail = self._build(parcel, audience, self._server.settings)
                size = len(mail.content)
                attempted = _send_mail(self._server, mail, due.recipient)
            else:
                content = encode_webhook(parcel.webhook)
                size = len(content)
                attempted = post(read_webhook(audience.webhook_file), content, self._pace)
        except AuditorError as error:
            attempted = Attempted(0, RefusedError(error.message, hint=error.hint))
        except Exception as error:
            # A defect must not keep the reports of others from them.
            _LOG.exception("delivery to %s of audience %s", due.recipient, due.audience)
            reason = f"internal failure: {type(error).__name__}"
            attempted = Attempted(0, RefusedError(reason, hint="-v -v shows the traceback"))
        error_ = attempted.error
        outcome = _outcome(due, "sent" if error_ is None else "failed")
        return outcome._replace(
            attempts=attempted.attempts,
            size=size,
            reason="" if error_ is None else inert_line(error_.reason, _LINE_LENGTH),
            hint="" if error_ is None else error_.hint,
        )

    def _composed(self, audience: Audience) -> Parcel:
        """What an audience is sent: made once, though each address is sent it by itself."""
        if self._parcel is None or self._parcel.audience != audience.name:
            self._parcel, self._mail = self._compose(audience), None
        return self._parcel

    def _build(self, parcel: Parcel, audience: Audience, mail: MailSettings) -> Mail:
        """The message of an audience, which names all of its addresses."""
        if self._mail is None:
            message = build_message(
                parcel,
                mail,
                to=audience.to,
                cluster=self._cluster,
                period=self._period,
                now=datetime.fromisoformat(self._clock()),
            )
            self._mail = encode_mail(message)
        return self._mail


def _send_mail(server: MailServer, mail: Mail, recipient: str) -> Attempted:
    if len(mail.content) > server.settings.max_megabytes * _MEGABYTE:
        reason = f"message has {len(mail.content):,} bytes, more than max_megabytes allows"
        return Attempted(0, RefusedError(reason, hint="set delivery.mail.max_megabytes higher"))
    return server.send(mail, recipient)


def _recipients(audience: Audience) -> Iterator[tuple[Channel, str]]:
    for address in audience.to:
        yield Channel.MAIL, address
    if audience.webhook_file:
        yield Channel.WEBHOOK, audience.name


def _record(
    log: DeliveryLog, due: Delivery, outcome: Outcome, now: str, say: Callable[[Outcome], None]
) -> None:
    state = DeliveryState.SENT if outcome.state == "sent" else DeliveryState.FAILED
    try:
        log.record(
            msgspec.structs.replace(
                due,
                state=state,
                at=now,
                attempts=due.attempts + outcome.attempts,
                size=outcome.size,
                error=outcome.reason or None,
            )
        )
    except HistoryError as error:
        reason = f"{outcome.reason or 'taken by the server'}, but not recorded: {error.message}"
        say(outcome._replace(state="failed", reason=reason, hint=error.hint))
        raise


def _outcome(delivery: Delivery, state: Literal["sent", "failed", "already-sent"]) -> Outcome:
    return Outcome(
        audience=delivery.audience,
        channel=delivery.channel,
        recipient=delivery.recipient,
        state=state,
        period=delivery.period,
        message_id=delivery.message_id,
        attempts=delivery.attempts,
        size=delivery.size,
    )
