"""What would be sent, as files: nothing is sent, nothing recorded, and no password needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from auditor.delivery.directory import deliver
from auditor.delivery.email import DeliveredCluster, build_message, encode_mail
from auditor.delivery.parcel import Parcel
from auditor.delivery.webhook import encode_webhook
from auditor.settings import DeliverySettings

_NAME_LENGTH = 64


def write_parcels(
    parcels: Sequence[Parcel],
    *,
    settings: DeliverySettings,
    folder: Path,
    cluster: DeliveredCluster,
    period: str,
    now: str,
) -> tuple[Path, ...]:
    """Write each message as `AUDIENCE.eml`, and a webhook's as `AUDIENCE.webhook.json`.

    ``now`` is ISO 8601, UTC. The paths are returned, in the order of the parcels.

    Raises:
        DeliveryError: the folder cannot be written.
    """
    audiences = {one.name: one for one in settings.audiences}
    files = []
    for parcel in parcels:
        audience, stem = audiences[parcel.audience], _stem(parcel.audience)
        if audience.to and settings.mail is not None:
            message = build_message(
                parcel,
                settings.mail,
                to=audience.to,
                cluster=cluster,
                period=period,
                now=datetime.fromisoformat(now),
            )
            files.append((f"{stem}.eml", encode_mail(message).content))
        if audience.webhook_file:
            files.append((f"{stem}.webhook.json", encode_webhook(parcel.webhook)))
    return deliver(files, folder)


def _stem(audience: str) -> str:
    """A file name of an audience's own, whatever it is called."""
    plain = re.sub(r"[^a-z0-9]+", "-", audience.lower()).strip("-")[:_NAME_LENGTH]
    if plain == audience:
        return plain
    return f"{plain}-{hashlib.sha256(audience.encode()).hexdigest()[:8]}".strip("-")
