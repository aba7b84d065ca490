"""A parcel → the mail that carries it."""

from __future__ import annotations

import hashlib
import re
from email.headerregistry import (
    Address,
    BaseHeader,
    HeaderRegistry,
    UniqueUnstructuredHeader,
)
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from auditor.delivery.inert import inert_body, inert_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from auditor.delivery.parcel import Parcel
    from auditor.settings import MailSettings

SUBJECT_LENGTH = 200
_FILE_NAME_LENGTH = 100
_LABEL_LENGTH = 40


class DeliveredCluster(NamedTuple):
    """The cluster that reports are about."""

    key: str
    """Under which its runs are kept."""
    name: str
    """For people; may be empty."""


class _WholeHeader(UniqueUnstructuredHeader, BaseHeader):
    """A header of one word, which is not folded: a long one would be encoded, and so another."""

    max_count: ClassVar[Literal[1]] = 1

    def fold(self, *, policy: Policy) -> str:
        """Return the line as it stands."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("message-id", "in-reply-to", "references", "list-id"):
    _HEADERS.map_to_type(_name, _WholeHeader)

_POLICY = SMTP.clone(header_factory=_HEADERS)


class Mail(NamedTuple):
    """A message as it goes over the wire."""

    content: bytes
    needs_utf8: bool
    """An address in it is not ASCII: the server must know SMTPUTF8."""


def encode_mail(message: EmailMessage) -> Mail:
    """The bytes of a message, with line ends of CRLF."""
    return Mail(message.as_bytes(), bool(getattr(message.policy, "utf8", False)))


def build_message(
    parcel: Parcel,
    mail: MailSettings,
    *,
    to: Sequence[str],
    cluster: DeliveredCluster,
    period: str,
    now: datetime,
) -> EmailMessage:
    """The message to an audience, whose addresses ``to`` names; ``now`` is in UTC.

    multipart/mixed holds multipart/alternative, of plain text and HTML, and the attachments.
    Whatever the subject holds becomes one line of printable characters.
    """
    addresses = tuple(map(_address, to))
    ids = _Ids(mail.sender, cluster)
    is_ascii = all(one.isascii() for one in (*to, mail.sender, mail.reply_to))
    message = EmailMessage(policy=_POLICY if is_ascii else _POLICY.clone(utf8=True))
    # A name that is spelt as an encoded word would be decoded, here and by whoever shows it.
    message["Subject"] = inert_line(parcel.subject, SUBJECT_LENGTH).replace("=?", "= ?")
    message["From"] = _address(mail.sender)
    message["To"] = addresses
    if mail.reply_to:
        message["Reply-To"] = _address(mail.reply_to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = ids.of_message(period, parcel.audience)
    message["In-Reply-To"] = message["References"] = ids.of_root()
    message["List-Id"] = ids.of_list()
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    message.set_content(inert_body(parcel.text), charset="utf-8", cte="quoted-printable")
    message.add_alternative(
        inert_body(parcel.html), subtype="html", charset="utf-8", cte="quoted-printable"
    )
    for one in parcel.attachments:
        kind, _, subtype = one.media_type.partition("/")
        message.add_attachment(
            one.content,
            maintype=kind,
            subtype=subtype,
            filename=_file_name(one.name),
            params={"charset": "utf-8"} if kind == "text" else None,
        )
    return message


def message_id(sender: str, cluster: DeliveredCluster, period: str, audience: str) -> str:
    """The Message-ID of what an audience is sent in a period: the same whenever it is built."""
    return _Ids(sender, cluster).of_message(period, audience)


def _file_name(name: str) -> str:
    """A name that needs no encoding, and is no path or hidden file wherever it is saved."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-_FILE_NAME_LENGTH:]
    return plain.lstrip(".-") or "attachment"


def _address(text: str) -> Address:
    """An address of the settings; the standard library would parse none that is not ASCII."""
    name, _, domain = text.rpartition("@")
    return Address(username=name, domain=domain)


class _Ids:
    """Names that stay the same, in the domain of the sender; they give nothing away."""

    def __init__(self, sender: str, cluster: DeliveredCluster) -> None:
        domain = sender.rpartition("@")[2]
        self._domain = domain if domain.isascii() else domain.encode("idna").decode()
        self._cluster = cluster

    def of_message(self, period: str, audience: str) -> str:
        return f"<{_digest(self._cluster.key, period, audience)}@{self._domain}>"

    def of_root(self) -> str:
        """A message that was never sent: those of a cluster are one thread."""
        return f"<{_digest(self._cluster.key)}@{self._domain}>"

    def of_list(self) -> str:
        label = re.sub(r"[^a-z0-9]+", "-", self._cluster.name.lower())[:_LABEL_LENGTH].strip("-")
        words = [*([label] if label else []), _digest(self._cluster.key)[:12]]
        return f"<{'-'.join(words)}.netpol-auditor.{self._domain}>"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
