"""Parcels and who is to have them: each once in a period, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from auditor.delivery.dispatch import Outcome, deliver_report, find_undelivered
from auditor.delivery.dry_run import write_parcels
from auditor.delivery.parcel import Attachment
from auditor.errors import HistoryError, UsageError
from auditor.history.deliveries import Deliveries
from auditor.history.store import open_store
from auditor.model.deliveries import Channel, DeliveryState
from auditor.settings import Audience, DeliverySettings
from tests.delivery.hooks import PATH, Hook, hooked
from tests.delivery.mailing import (
    ANN,
    BOB,
    CLUSTER,
    NOW,
    PACE,
    PERIOD,
    make_mail_settings,
    make_parcel,
    secured,
)
from tests.delivery.servers import PASSWORD, Authority, Inbox, serving
from tests.history.runs import CLUSTER as KEY
from tests.history.runs import keep_runs
from tests.history.sql import run_sql

EVE = "eve@example.com"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Deliveries]:
    """Keep a run, and open its deliveries."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        keep_runs(store, 1)
        assert KEY == CLUSTER.key
        yield store.deliveries(KEY)


def make_settings(port: int, hook: str = "", **mail: Any) -> DeliverySettings:
    """Security, with or without a webhook, and the team of a namespace."""
    return DeliverySettings(
        mail=make_mail_settings(port, **mail),
        audiences=(
            Audience(name="security", to=(ANN, BOB), webhook_file=hook, everything=True),
            Audience(name="shop", to=(BOB, EVE), namespaces=("shop",)),
        ),
    )


def deliver(
    settings: DeliverySettings,
    log: Deliveries,
    *,
    period: str = PERIOD,
    said: list[Outcome] | None = None,
    environ: dict[str, str] | None = None,
    **changes: Any,
) -> list[Outcome]:
    """Deliver to both audiences; what is said is what is returned."""
    heard: list[Outcome] = [] if said is None else said
    outcomes = deliver_report(
        lambda audience: make_parcel(audience.name, **changes),
        settings=settings,
        log=log,
        cluster=CLUSTER,
        run="run-0001",
        period=period,
        clock=lambda: NOW,
        environ=environ or {},
        say=heard.append,
        pace=PACE,
    )
    assert list(outcomes) == heard
    return heard


def test_everyone_is_sent_their_report_once(log: Deliveries, tmp_path: Path) -> None:
    """A second delivery in the same period sends nothing, the next period's sends all again."""
    file = tmp_path / "hook"
    hook = Hook()
    with serving() as (port, inbox), hooked(hook) as url:
        file.write_text(f"{url}\n")
        settings = make_settings(port, str(file))
        first = deliver(settings, log)
        assert ["sent"] * 5 == [one.state for one in first]
        again = deliver(settings, log)
        assert ["already-sent"] * 5 == [one.state for one in again]
        assert (4, 1) == (len(inbox.taken), len(hook.posted))
        later = deliver(settings, log, period="2026-W48")
        assert ["sent"] * 5 == [one.state for one in later]
    assert (8, 2) == (len(inbox.taken), len(hook.posted))
    assert [(ANN,), (BOB,), (BOB,), (EVE,)] == [one.recipients for one in inbox.taken[:4]]
    assert 1 == inbox.connections - 1  # one for each delivery that had something to send
    messages = [one.message for one in inbox.taken]
    assert f"{ANN}, {BOB}" == messages[0]["To"] == messages[1]["To"]
    assert f"{BOB}, {EVE}" == messages[2]["To"]
    assert 4 == len({one["Message-ID"] for one in messages})
    assert 1 == len({one["References"] for one in messages})
    assert [one["Message-ID"] for one in messages[:2]] == [one.message_id for one in first[:2]]
    assert make_parcel().webhook == json.loads(hook.posted[0].content)
    last = log.last_sent("shop", before="2026-W49")
    assert last is not None
    assert ("run-0001", "2026-W48") == (last.run, last.period)


def test_programs_that_deliver_at_once_send_once(log: Deliveries, tmp_path: Path) -> None:
    """Each waits for the one before, and finds that all was sent."""

    def run(settings: DeliverySettings) -> list[str]:
        with open_store(str(tmp_path / "history.db"), create=False) as store:
            return [one.state for one in deliver(settings, store.deliveries(KEY))]

    with serving() as (port, inbox), ThreadPoolExecutor(3) as programs:
        states = sorted(programs.map(run, [make_settings(port)] * 3))
    assert [["already-sent"] * 4] * 2 + [["sent"] * 4] == states
    assert 4 == len(inbox.taken) == len(log.entries())


def test_a_failure_stops_no_other_message_and_is_made_up_for(
    log: Deliveries, tmp_path: Path
) -> None:
    """One recipient is refused, a webhook has no file: the others have their reports."""
    inbox = Inbox()
    inbox.refused[BOB] = ["550 no such user"]
    with serving(inbox) as (port, _):
        settings = make_settings(port, str(tmp_path / "none"))
        outcomes = deliver(settings, log)
        assert ["sent", "failed", "failed", "sent", "sent"] == [one.state for one in outcomes]
        _, refused, unread, *_ = outcomes
        assert "550 no such user" in refused.reason
        assert (0, Channel.WEBHOOK, "security") == (
            unread.attempts,
            unread.channel,
            unread.recipient,
        )
        assert "none cannot be read" in unread.reason
        assert [(BOB, "security"), ("security", "security")] == [
            (one.recipient, one.audience) for one in find_undelivered(log, settings, "2026-W48")
        ]
        assert () == find_undelivered(log, settings, PERIOD)
        gone = DeliverySettings(mail=settings.mail, audiences=settings.audiences[1:])
        assert () == find_undelivered(log, gone, "2026-W48")
        again = deliver(settings, log)
    assert ["already-sent", "sent", "failed", "already-sent", "already-sent"] == [
        one.state for one in again
    ]
    assert {1} == {len([one for one in inbox.taken if one.recipients == (ANN,)])}
    kept = {(one.audience, one.recipient): one for one in log.entries()}
    assert 2 == kept["security", BOB].attempts
    assert DeliveryState.FAILED is kept["security", "security"].state
    assert "cannot be read" in (kept["security", "security"].error or "")


def test_a_line_says_of_a_message_what_a_reader_needs(log: Deliveries) -> None:
    """Whom it was for, what became of it, and by which name it can be found."""
    inbox = Inbox()
    inbox.refused[EVE] = ["550 no\x1b such user"]
    with serving(inbox) as (port, _):
        first, *_, last = deliver(make_settings(port), log)
        again = deliver(make_settings(port), log)[0]
    size = f"{first.size:,}"
    assert (
        f"mail to {ANN} of audience security: sent ({first.message_id}, {size} bytes, 1 attempt)"
    ) == first.line
    assert f"already sent in {PERIOD} (" in again.line
    assert f"mail to {EVE} of audience shop: failed: mail server 127.0.0.1:" in last.line
    assert last.line.isprintable()
    assert "right" in last.hint


@pytest.mark.parametrize("given", ["file", "variable"])
def test_the_password_comes_from_a_file_or_the_environment(
    log: Deliveries, tmp_path: Path, authority: Authority, given: str
) -> None:
    """The line break that an editor puts at its end is no part of it."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    environ = {"NETPOL_AUDITOR_MAIL_PASSWORD": PASSWORD} if given == "variable" else {}
    with serving(login=True, starttls=authority.serving()) as (port, inbox):
        mail = secured(port, authority.file, password_file=str(file) if given == "file" else "")
        settings = DeliverySettings(mail=mail, audiences=make_settings(port).audiences)
        assert {"sent"} == {one.state for one in deliver(settings, log, environ=environ)}
    assert all(one.is_logged_in and one.is_encrypted for one in inbox.taken)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("", "is missing"),
        ("\n", "is missing"),
        ("two\nlines", "holds more than one line"),
        ("größer", "other characters than ASCII"),
    ],
)
def test_without_a_password_nothing_is_sent(
    log: Deliveries, tmp_path: Path, content: str | None, said: str
) -> None:
    """And nothing is planned: it is a fault of the settings, and the same for all."""
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    with serving() as (port, inbox):
        settings = make_settings(port, user="auditor", security="starttls", password_file=str(file))
        with pytest.raises(UsageError, match=said) as caught:
            deliver(settings, log)
    assert "lines" not in caught.value.message.replace("more than one line", "")
    assert ((), []) == (log.entries(), inbox.taken)


def test_a_password_does_not_go_in_the_clear(log: Deliveries) -> None:
    """Whoever made the settings."""
    settings = make_settings(25, host="mail.example.com", user="auditor")
    with pytest.raises(UsageError, match="readable on the way"):
        deliver(settings, log, environ={"NETPOL_AUDITOR_MAIL_PASSWORD": PASSWORD})


def test_a_message_that_became_too_large_is_not_sent(log: Deliveries) -> None:
    """Who chooses attachments goes by the limit; what passes it is a fault, and said."""
    large = (Attachment("report.pdf", "application/pdf", bytes(1_000_000)),)
    with serving() as (port, inbox):
        outcomes = deliver(make_settings(port, max_megabytes=1), log, attachments=large)
    assert {("failed", 0)} == {(one.state, one.attempts) for one in outcomes}
    assert "more than max_megabytes allows" in outcomes[0].reason
    assert [] == inbox.taken


def test_a_defect_of_one_parcel_keeps_no_report_from_others(log: Deliveries) -> None:
    """It is a failure like others."""
    with serving() as (port, _):
        outcomes = deliver_report(
            lambda one: make_parcel(one.name, **({} if one.name == "shop" else {"subject": None})),
            settings=make_settings(port),
            log=log,
            cluster=CLUSTER,
            run="run-0001",
            period=PERIOD,
            clock=lambda: NOW,
            environ={},
            say=lambda _: None,
            pace=PACE,
        )
    assert ["failed", "failed", "sent", "sent"] == [one.state for one in outcomes]
    assert "internal failure: TypeError" == outcomes[0].reason


def test_what_cannot_be_recorded_is_said_and_ends_the_delivery(
    log: Deliveries, tmp_path: Path
) -> None:
    """It was sent, and will be again; were it gone on, the next ones would be, too."""
    database = str(tmp_path / "history.db")
    run_sql(
        database,
        "CREATE TRIGGER full BEFORE UPDATE ON deliveries WHEN NEW.state = 'sent' "
        "BEGIN SELECT RAISE(ABORT, 'it is full'); END",
    )
    said: list[Outcome] = []
    with serving() as (port, inbox):
        with pytest.raises(HistoryError, match=r"history\.db failed: it is full"):
            deliver(make_settings(port), log, said=said)
        assert [(ANN,)] == [one.recipients for one in inbox.taken]
        (outcome,) = said
        assert "failed" == outcome.state
        assert "taken by the server, but not recorded: history" in outcome.reason
        run_sql(database, "DROP TRIGGER full")
        deliver(make_settings(port), log)
    names = [one.message["Message-ID"] for one in inbox.taken if one.recipients == (ANN,)]
    assert [outcome.message_id] * 2 == names


def test_a_dry_run_writes_what_would_be_sent(tmp_path: Path) -> None:
    """No server, no password, and no webhook's file is needed."""
    settings = make_settings(25, "none", host="mail.example.com", user="u", security="tls")
    settings = DeliverySettings(
        mail=settings.mail,
        audiences=(*settings.audiences, Audience(name="../Ops team", to=(EVE,), everything=True)),
    )
    parcels = [make_parcel(one) for one in ("security", "shop", "../Ops team")]
    paths = write_parcels(
        parcels,
        settings=settings,
        folder=tmp_path / "mail",
        cluster=CLUSTER,
        period=PERIOD,
        now=NOW,
    )
    assert sorted(paths) == sorted((tmp_path / "mail").iterdir())
    names = [one.name for one in paths]
    assert ["security.eml", "security.webhook.json", "shop.eml"] == names[:3]
    assert names[3].startswith("ops-team-")
    message = message_from_bytes(paths[0].read_bytes(), policy=policy.default)
    assert (f"{ANN}, {BOB}", make_parcel().subject) == (message["To"], message["Subject"])
    assert make_parcel().webhook == json.loads(paths[1].read_bytes())
    assert PATH not in paths[1].read_text()
