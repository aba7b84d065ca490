"""What was sent to whom, as it is kept: one row for each recipient in each period."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from auditor.model.findings import Record


class Channel(StrEnum):
    """How a report reaches its recipient."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class DeliveryState(StrEnum):
    """What became of a message. Whatever is not known to be sent is sent again."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Target(NamedTuple):
    """A message that is to be sent."""

    audience: str
    channel: Channel
    recipient: str
    """A mail address. Of a webhook its audience's name: the URL is a secret."""
    message_id: str


class Delivery(Record, frozen=True):
    """A message to one recipient in one period, and what became of it."""

    period: str
    audience: str
    channel: Channel
    recipient: str
    state: DeliveryState
    run: str
    """The run that the message is, or was to be, about."""
    message_id: str
    at: str
    """When the state was written: ISO 8601, UTC."""
    attempts: int = 0
    """All there were in this period."""
    size: int | None = None
    """Bytes of the message."""
    error: str | None = None
    """Why it was not sent; None also where nobody lived to say so."""

    @property
    def reason(self) -> str:
        """Why it was not sent, in any case."""
        return self.error or "the program ended before it was sent"
