"""The mail that carries a parcel, parsed back as whoever gets it does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.delivery.email import (
    DeliveredCluster,
    Mail,
    build_message,
    encode_mail,
    message_id,
)
from auditor.delivery.parcel import (
    BODY_BYTES,
    Attachment,
    Parcel,
    choose_attachments,
    encoded_bytes,
)
from auditor.delivery.period import PeriodKind, period_of
from tests.delivery.mailing import (
    ANN,
    BOB,
    CLUSTER,
    PERIOD,
    make_mail,
    make_mail_settings,
    make_parcel,
)

MAIL = make_mail_settings(25, reply_to="security@example.com")
MOMENT = datetime(2026, 11, 21, 7, tzinfo=UTC)

HOSTILE = (
    "shop\r\nBcc: thief@example.com",
    "shop\nContent-Type: text/html\n\n<script>",
    "\x00\x1b[31mshop\x7f\x85",
    "shop\u202egnp.exe\u2066\u200b",
    "=?utf-8?q?shop=0D=0ABcc:_thief=40example.com?=",
    "shop\u2028\u2029\x0b\x0cx",
    "\ud800shop",
    "ä" * 10_000,
    "x" * 10_000,
    "<b>shop</b> =cmd|'/C calc'!A0",
)


def parse(mail: Mail) -> EmailMessage:
    """The message as a mail program reads it."""
    return message_from_bytes(mail.content, policy=policy.default)


def defects(message: EmailMessage) -> list[object]:
    """All that the parser finds wrong, in any part or header."""
    return [
        found
        for part in message.walk()
        for found in (
            *part.defects,
            *(one for value in part.values() for one in getattr(value, "defects", ())),
        )
    ]


def test_every_part_and_header_is_as_its_reader_expects() -> None:
    """Text and HTML are alternatives of each other; PDF and CSV are attached to them."""
    parcel = make_parcel()
    message = parse(make_mail(MAIL))
    assert [] == defects(message)
    assert [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
        "text/csv",
    ] == [one.get_content_type() for one in message.walk()]
    body, pdf, csv = message.iter_parts()
    text, html = cast("EmailMessage", body).iter_parts()
    assert parcel.text == text.get_content().replace("\r\n", "\n")
    assert parcel.html == html.get_content().strip()
    assert [("report.pdf", "attachment"), ("findings.csv", "attachment")] == [
        (one.get_filename(), one.get_content_disposition()) for one in (pdf, csv)
    ]
    assert parcel.attachments[0].content == pdf.get_content()
    assert parcel.attachments[1].content == csv.get_payload(decode=True)
    assert "utf-8" == csv.get_content_charset()
    del message["Content-Type"]
    root = message["References"]
    assert {
        "Subject": parcel.subject,
        "From": "auditor@example.com",
        "To": "ann@example.com, bob@example.com",
        "Reply-To": "security@example.com",
        "Date": "Sat, 21 Nov 2026 07:00:00 +0000",
        "Message-ID": message_id("auditor@example.com", CLUSTER, PERIOD, "security"),
        "In-Reply-To": root,
        "References": root,
        "List-Id": message["List-Id"],
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "MIME-Version": "1.0",
    } == dict(message.items())
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", root)
    assert re.fullmatch(r"<shop-[0-9a-f]{12}\.netpol-auditor\.example\.com>", message["List-Id"])


def test_what_is_told_apart_has_a_name_of_its_own() -> None:
    """The same message has the same Message-ID whenever it is built; a cluster is one thread."""
    other = CLUSTER._replace(key="uid:other")
    sender = MAIL.sender
    names = [
        message_id(sender, CLUSTER, PERIOD, "security"),
        message_id(sender, CLUSTER, "2026-W48", "security"),
        message_id(sender, CLUSTER, PERIOD, "shop"),
        message_id(sender, other, PERIOD, "security"),
    ]
    assert 4 == len(set(names))
    assert names[0] == message_id(sender, CLUSTER._replace(name="renamed"), PERIOD, "security")
    weeks = [build(make_parcel(), period=one) for one in (PERIOD, "2026-W48")]
    assert 1 == len({one["References"] for one in weeks})
    assert 2 == len({one["Message-ID"] for one in weeks})
    assert build(make_parcel(), cluster=other)["References"] != weeks[0]["References"]


def build(
    parcel: Parcel, *, cluster: DeliveredCluster = CLUSTER, period: str = PERIOD
) -> EmailMessage:
    """Build a message and parse it back; on the wire no line is too long, or ends otherwise."""
    message = build_message(parcel, MAIL, to=(ANN, BOB), cluster=cluster, period=period, now=MOMENT)
    mail = encode_mail(message)
    assert mail.content.isascii()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    assert mail.content.count(b"\n") == mail.content.count(b"\r\n") == mail.content.count(b"\r")
    parsed = parse(mail)
    assert [] == defects(parsed)
    return parsed


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_add_no_header_and_no_part(name: str) -> None:
    """Wherever they stand: what they hold is text."""
    usual = build(make_parcel())
    parcel = make_parcel(
        audience=name,
        subject=f"[{name}] NetworkPolicy audit",
        text=f"{name}\n.\r\n{name}\n",
        html=f"<p>{name}</p>",
        attachments=(Attachment(f"{name}.csv", "text/csv", name.encode("utf-8", "replace")),),
    )
    message = build(parcel, cluster=DeliveredCluster(f"name:{name}", name))
    assert usual.keys() == message.keys()
    assert "ann@example.com, bob@example.com" == message["To"]
    assert ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv"] == [
        one.get_content_type() for one in message.walk()
    ]
    for shown in (message["Subject"], *(one.get_filename() for one in message.iter_attachments())):
        assert str(shown).isprintable()
        assert len(str(shown)) <= 210
    assert message["Subject"].startswith("[")
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", body.get_content())


@given(st.text(max_size=300))
def test_any_subject_is_one_header(subject: str) -> None:
    """And is read back as it was meant, where it is printable."""
    message = build(make_parcel(subject=subject, attachments=()))
    assert 13 == len(message.keys())
    shown = str(message["Subject"])
    assert shown.isprintable()
    if subject.isprintable() and subject.isascii() and "=?" not in subject and len(subject) <= 200:
        assert subject.split() == shown.split()


def test_a_long_domain_leaves_the_names_whole() -> None:
    """Folded or encoded, they would be other names."""
    sender = f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
    message = build_message(
        make_parcel(),
        make_mail_settings(25, sender=sender),
        to=(ANN,),
        cluster=DeliveredCluster("uid:1", "A very long name " * 20),
        period=PERIOD,
        now=MOMENT,
    )
    content = encode_mail(message).content
    for header in (b"Message-ID", b"References", b"In-Reply-To", b"List-Id"):
        assert re.search(rb"\r\n%s: <[a-z0-9.@-]+\.example>\r\n" % header, content)


def test_a_sender_in_another_script_has_names_in_ascii() -> None:
    """Programs that compare them know no other."""
    assert message_id("a@münchen.example", CLUSTER, PERIOD, "x").endswith(
        "@xn--mnchen-3ya.example>"
    )


@given(st.lists(st.integers(0, 900_000), max_size=6), st.integers(400_000, 3_000_000))
def test_attachments_are_chosen_by_what_they_take_on_the_wire(sizes: list[int], most: int) -> None:
    """The message is not larger than allowed, and each that is left out would have made it so."""
    all_ = tuple(Attachment(f"{n}.pdf", "application/pdf", bytes(s)) for n, s in enumerate(sizes))
    kept, left_out = choose_attachments(all_, most)
    assert sorted(all_) == sorted(kept + left_out)
    assert list(kept) == [one for one in all_ if one in kept]
    used = BODY_BYTES
    for one in all_:
        fits = used + encoded_bytes(len(one.content)) <= most
        assert fits is (one in kept)
        used += encoded_bytes(len(one.content)) if fits else 0


def test_the_size_of_an_attachment_on_the_wire_is_not_underestimated() -> None:
    """With its headers, whatever its size and the length of its name."""
    bare = len(make_mail(MAIL, attachments=()).content)
    for size in (0, 1, 56, 57, 58, 100_000):
        one = Attachment("ä" * 100, "application/pdf", bytes(size))
        message = len(make_mail(MAIL, attachments=(one,)).content)
        assert message - bare <= encoded_bytes(size) <= message - bare + 1000


@pytest.mark.parametrize(
    ("kind", "now", "period"),
    [
        ("week", "2026-11-21T07:00:00Z", "2026-W47"),
        ("week", "2027-01-03T23:59:59Z", "2026-W53"),
        ("week", "2027-01-04T00:30:00+01:00", "2026-W53"),
        ("week", "2024-12-30T00:00:00Z", "2025-W01"),
        ("day", "2026-11-21T23:30:00-01:00", "2026-11-22"),
        ("month", "2026-11-30T23:30:00-01:00", "2026-12"),
        ("run", "2026-11-21T07:00:00Z", "run-0001"),
    ],
)
def test_a_period_is_one_of_utc(kind: PeriodKind, now: str, period: str) -> None:
    """A week belongs to the year that ISO 8601 gives it."""
    assert period == period_of(kind, now, "run-0001")
