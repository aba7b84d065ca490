"""The JSON for webhooks: within Slack's limits, and inert."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from reports.mail_view import Occasion, SentReport, Undelivered
from reports.webhook import BLOCK_LENGTH, BLOCKS_AT_MOST, HEADER_LENGTH, render_webhook
from tests.reports.audits import make_many, make_shop
from tests.reports.drifts import make_large
from tests.reports.hostile import STRINGS, make_hostile, make_hostile_drift
from tests.reports.mails import MAILS, WEEK

_ENTITY = re.compile(r"&(?:amp|lt|gt);")


def texts_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the text objects of all blocks."""
    blocks = message["blocks"]
    return [
        *(one["text"] for one in blocks if "text" in one),
        *(text for one in blocks for text in one.get("elements", ())),
    ]


def check_limits(message: dict[str, Any]) -> None:
    """Check Slack's limits: blocks, their lengths, and that none is empty."""
    assert len(message["blocks"]) <= BLOCKS_AT_MOST
    assert message["text"]
    for one in texts_of(message):
        longest = HEADER_LENGTH if one["type"] == "plain_text" else BLOCK_LENGTH
        assert 0 < len(one["text"]) <= longest


@pytest.mark.parametrize("name", sorted(MAILS))
def test_messages_are_within_the_limits(name: str) -> None:
    """Every kind of message has the headline, and fits."""
    message = render_webhook(*MAILS[name])
    check_limits(message)
    assert "NetworkPolicy audit 2026-W47" in message["text"]
    assert json.loads(json.dumps(message)) == message


def test_large_messages_are_within_the_limits() -> None:
    """Thousands of findings and connections fit, too."""
    check_limits(render_webhook(make_many(5000), make_large(), WEEK))


def test_new_findings_and_opened_connections_are_told() -> None:
    """What is news stands in the message, by name."""
    said = "\n".join(one["text"] for one in texts_of(render_webhook(*MAILS["drift"])))
    assert "• new, high: dev reaches prod: 3 workload pairs may connect" in said
    assert "• opened: shop-dev/Deployment/api → shop-prod/StatefulSet/db on TCP 5432" in said


@pytest.mark.parametrize(
    "hostile", [*STRINGS, "<!channel>", "<https://evil.example|x>", "&" * 9000]
)
def test_names_neither_mention_nor_link(hostile: str) -> None:
    """Angle brackets and ampersands are escaped, and nothing else is made of a text."""
    occasion = Occasion(
        period=hostile,
        audience=hostile,
        whole=True,
        previous=SentReport(hostile, hostile),
        undelivered=(Undelivered(hostile, hostile, hostile),),
        left_out=(hostile,),
        report_url=hostile,
    )
    message = render_webhook(make_hostile(hostile), make_hostile_drift(hostile), occasion)
    check_limits(message)
    for one in texts_of(message):
        if one["type"] == "mrkdwn":
            assert one["verbatim"]
            assert not set("<>&") & set(_ENTITY.sub("", one["text"]))
    assert not set("<>&") & set(_ENTITY.sub("", message["text"]))


def test_an_address_cannot_end_its_link() -> None:
    """A bar or a bracket in the address is encoded."""
    url = "https://reports.example/a|b>c?d=1&e=2"
    message = render_webhook(make_shop(), None, replace(WEEK, report_url=url))
    said = "\n".join(one["text"] for one in texts_of(message))
    assert "<https://reports.example/a%7Cb%3Ec?d=1&amp;e=2|Open the whole report>" in said
