"""Settings, parcels and senders to test delivery with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.delivery.attempts import Pace
from auditor.delivery.email import DeliveredCluster, Mail, build_message, encode_mail
from auditor.delivery.parcel import Attachment, Parcel
from auditor.delivery.secrets import Secret
from auditor.delivery.smtp import MailServer
from auditor.settings import MailSettings
from tests.delivery.servers import PASSWORD, USER

NOW = "2026-11-21T07:00:00Z"
PERIOD = "2026-W47"
CLUSTER = DeliveredCluster("uid:3a5c0000-0000-4000-8000-000000000001", "shop")
ANN, BOB = "ann@example.com", "bob@example.com"

PACE = Pace(attempts=3, first_wait_seconds=0.01, longest_wait_seconds=0.05, attempt_seconds=20.0)
"""Quick, for tests."""


def make_mail_settings(port: int, **changes: Any) -> MailSettings:
    """Settings of a server on loopback that takes mail in the clear."""
    fixed = {"host": "127.0.0.1", "port": port, "sender": "auditor@example.com"}
    return MailSettings(**{**fixed, "security": "none", "timeout_seconds": 5.0, **changes})


def secured(port: int, ca_file: Path, security: str = "starttls", **changes: Any) -> MailSettings:
    """Settings of a server on loopback with a certificate, and a login."""
    trusted = {"security": security, "ca_file": str(ca_file), "user": USER}
    return make_mail_settings(port, **{**trusted, **changes})


def make_parcel(audience: str = "security", **changes: Any) -> Parcel:
    """A parcel with a PDF and a CSV."""
    parcel = Parcel(
        audience=audience,
        subject="[shop] NetworkPolicy audit 2026-W47: 3 new, 12 open",
        text="Verdict: 12 findings are open.\n\n.\nGrüße\n",
        html="<!doctype html><p>Verdict: <b>12</b> findings are open. Grüße</p>",
        attachments=(
            Attachment("report.pdf", "application/pdf", bytes(range(256)) * 40),
            Attachment("findings.csv", "text/csv", "id,was\r\n1,ünsafe\r\n".encode()),
        ),
        webhook={"text": "12 findings are open", "blocks": []},
    )
    return parcel._replace(**changes)


def make_mail(settings: MailSettings, *to: str, **changes: Any) -> Mail:
    """The message to an audience."""
    message = build_message(
        make_parcel(**changes),
        settings,
        to=to or (ANN, BOB),
        cluster=CLUSTER,
        period=PERIOD,
        now=datetime(2026, 11, 21, 7, tzinfo=UTC),
    )
    return encode_mail(message)


@contextmanager
def sending(
    settings: MailSettings, *, password: str = PASSWORD, pace: Pace = PACE
) -> Iterator[MailServer]:
    """Send by these settings."""
    secret = Secret(password) if settings.user else None
    with MailServer(settings, secret, pace) as server:
        yield server
