"""Mail servers, real and unruly: what is sent, what is not, and why."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from auditor.delivery.attempts import DeferredError, RefusedError
from auditor.delivery.parcel import Attachment
from auditor.errors import UsageError
from tests.delivery.mailing import ANN, BOB, PACE, make_mail, make_mail_settings, secured, sending
from tests.delivery.servers import (
    PASSWORD,
    Authority,
    Inbox,
    answering,
    serving,
    silent,
    talking,
)

EHLO = b"250 mail.example.com"
TO_DATA = (b"220 hello", EHLO, b"250 sender", b"250 recipient", b"354 go on")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_sent_encrypted_and_after_login(authority: Authority, security: str) -> None:
    """Byte for byte as it was built, in one transaction for each recipient, over one connection."""
    side: dict[str, Any] = {security: authority.serving()}
    with serving(login=True, **side) as (port, inbox):
        settings = secured(port, authority.file, security)
        mail = make_mail(settings)
        with sending(settings) as server:
            assert [(1, None), (1, None)] == [server.send(mail, one) for one in (ANN, BOB)]
    assert [(ANN,), (BOB,)] == [one.recipients for one in inbox.taken]
    for one in inbox.taken:
        assert mail.content == one.content
        assert "auditor@example.com" == one.sender
        assert one.is_logged_in
        assert one.is_encrypted or security == "tls"
        assert f"SIZE={len(mail.content)}" in one.options
    assert inbox.connections == (2 if security == "starttls" else 1)  # it is greeted again


def test_without_starttls_nothing_is_sent() -> None:
    """Whoever strips it from what the server offers gets no report, and no password."""
    with serving(login=True) as (port, inbox):
        settings = make_mail_settings(port, security="starttls", user="auditor")
        with sending(settings) as server:
            attempted = server.send(make_mail(settings), ANN)
            again = server.send(make_mail(settings), BOB)
    assert isinstance(attempted.error, RefusedError)
    assert "does not offer STARTTLS" in attempted.error.reason
    assert (0, attempted.error) == again
    assert ([], 1) == (inbox.taken, inbox.connections)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["name", "issuer"])
def test_a_certificate_must_be_of_that_host_and_of_a_trusted_issuer(
    authority: Authority, security: str, fault: str
) -> None:
    """It is tried once: certificates do not get better."""
    context = authority.serving("mail.example.com" if fault == "name" else "127.0.0.1")
    side: dict[str, Any] = {security: context}
    with serving(login=True, **side) as (port, inbox):
        settings = secured(port, authority.file, security)
        if fault == "issuer":
            settings = make_mail_settings(port, security=security, user="auditor")
        with sending(settings) as server:
            attempts, error = server.send(make_mail(settings), ANN)
    assert (1, RefusedError) == (attempts, type(error))
    assert error is not None
    said = "mismatch" if fault == "name" else "certificate verify failed|unable to get local issuer"
    assert any(one in error.reason for one in said.split("|")), error.reason
    assert "ca_file" in error.hint
    assert [] == inbox.taken


def test_a_refused_login_is_tried_once_for_all(authority: Authority) -> None:
    """Accounts are locked for less. What the server says is repeated without the password."""
    with serving(login=True, starttls=authority.serving()) as (port, inbox):
        settings = secured(port, authority.file)
        with sending(settings, password="wrong-word") as server:
            first = server.send(make_mail(settings), ANN)
            second = server.send(make_mail(settings), BOB)
    assert isinstance(first.error, RefusedError)
    assert "answered to login: 535" in first.error.reason
    assert "wrong-word" not in first.error.reason
    assert (1, 0) == (first.attempts, second.attempts)
    assert ([], 2) == (inbox.taken, inbox.connections)


def test_one_refused_recipient_does_not_keep_another_from_the_mail() -> None:
    """A 550 is final; the connection goes on."""
    inbox = Inbox()
    inbox.refused[ANN] = ["550 5.1.1 no\x1b[31m such user\u202e"]
    with serving(inbox) as (port, _):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            refused = server.send(make_mail(settings), ANN)
            assert (1, None) == server.send(make_mail(settings), BOB)
    assert isinstance(refused.error, RefusedError)
    assert refused.error.reason.isprintable()
    assert "answered to recipient: 550 5.1.1 no" in refused.error.reason
    assert [(BOB,)] == [one.recipients for one in inbox.taken]
    assert 1 == inbox.connections


def test_what_is_deferred_is_tried_again() -> None:
    """Greylisting says 451 at first, be it to the recipient or after the message."""
    inbox = Inbox()
    inbox.refused[ANN] = ["451 4.7.1 greylisted"]
    inbox.refused["DATA"] = ["452 4.3.1 disk is full"]
    with serving(inbox) as (port, _):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            assert (3, None) == server.send(make_mail(settings), ANN)
    assert 1 == len(inbox.taken)


def test_what_stays_deferred_is_given_up() -> None:
    """After as many attempts as the pace says; the next `deliver` goes on."""
    inbox = Inbox()
    inbox.refused[ANN] = ["451 4.7.1 greylisted"] * 9
    with serving(inbox) as (port, _):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            attempts, error = server.send(make_mail(settings), ANN)
            assert (1, None) == server.send(make_mail(settings), BOB)
    assert (PACE.attempts, DeferredError) == (attempts, type(error))
    assert error is not None
    assert "451 4.7.1 greylisted" in error.reason
    assert "deliver" in error.hint


def test_a_message_that_is_too_large_for_the_server_is_not_sent() -> None:
    """It says so in its greeting; what to set is in the hint."""
    with serving(data_size_limit=5000) as (port, inbox):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            attempts, error = server.send(make_mail(settings), ANN)
    assert (1, RefusedError) == (attempts, type(error))
    assert error is not None
    assert "takes messages of at most 5000 bytes" in error.reason
    assert "max_megabytes" in error.hint
    assert [] == inbox.taken


@pytest.mark.parametrize("knows_utf8", [True, False])
def test_addresses_in_other_scripts_need_a_server_that_knows_them(*, knows_utf8: bool) -> None:
    """Else it is said, and not sent to an address that only looks like it."""
    with serving(enable_SMTPUTF8=knows_utf8) as (port, inbox):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            attempted = server.send(
                make_mail(settings, "jörg@münchen.example"), "jörg@münchen.example"
            )
    if knows_utf8:
        assert attempted.error is None
        (taken,) = inbox.taken
        assert ("jörg@münchen.example",) == taken.recipients
        assert "SMTPUTF8" in taken.options
        assert "jörg@münchen.example" == taken.message["To"]
    else:
        assert isinstance(attempted.error, RefusedError)
        assert "addresses that are not ASCII" in attempted.error.reason


def test_nobody_listens() -> None:
    """It is tried again, and for later messages once: a server that is down is not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = make_mail_settings(port)
    with sending(settings) as server:
        first = server.send(make_mail(settings), ANN)
        second = server.send(make_mail(settings), BOB)
    assert (PACE.attempts, 1) == (first.attempts, second.attempts)
    assert isinstance(first.error, DeferredError)
    assert f"mail server 127.0.0.1:{port}: connecting: connection refused" == first.error.reason


def test_a_server_that_is_up_again_is_tried_as_often_as_before() -> None:
    """One message that got through, or was answered, makes up for those that did not."""
    inbox = Inbox()
    with serving(inbox) as (port, _):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            inbox.refused[ANN] = ["421 4.3.2 come back later"] * PACE.attempts
            assert PACE.attempts == server.send(make_mail(settings), ANN).attempts
            assert (1, None) == server.send(make_mail(settings), BOB)
            inbox.refused[ANN] = ["451 later"]
            assert (2, None) == server.send(make_mail(settings), ANN)


@pytest.mark.parametrize(
    ("answers", "step"),
    [
        ((), "connecting"),
        ((b"220 hello",), "connecting"),
        (TO_DATA[:3], "recipient"),
        (TO_DATA[:4], "message"),
    ],
)
def test_a_silent_server_is_not_waited_for_beyond_the_timeout(
    answers: tuple[bytes, ...], step: str
) -> None:
    """At any step."""
    pace = PACE._replace(attempts=1)
    started = time.monotonic()
    with talking(answering(*answers, then=silent)) as (port, _):
        settings = make_mail_settings(port, timeout_seconds=0.2)
        with sending(settings, pace=pace) as server:
            attempts, error = server.send(make_mail(settings), ANN)
    assert (1, DeferredError) == (attempts, type(error))
    assert error is not None
    assert f"{step}: " in error.reason
    assert "timed out" in error.reason
    assert time.monotonic() - started < 3


def test_a_server_that_drips_is_cut_off() -> None:
    """Each byte comes in time, and the answer never: the whole has an end, too."""

    def drip(connection: socket.socket) -> None:
        for _ in range(200):
            connection.sendall(b"2")
            time.sleep(0.05)

    pace = PACE._replace(attempts=1, attempt_seconds=0.5)
    started = time.monotonic()
    with talking(drip) as (port, _):
        settings = make_mail_settings(port)
        with sending(settings, pace=pace) as server:
            _, error = server.send(make_mail(settings), ANN)
    assert isinstance(error, DeferredError)
    assert "it took longer than 0.5 s in all" in error.reason
    assert time.monotonic() - started < 5


def swallow(connection: socket.socket) -> None:
    """Take the whole message, and hang up instead of an answer."""
    end = b""
    while not end.endswith(b"\r\n.\r\n"):
        end = (end + connection.recv(65536))[-5:]


@pytest.mark.parametrize("dies", ["during", "after"])
def test_a_server_that_dies_in_the_message_has_not_taken_it(dies: str) -> None:
    """It is sent again. Where all of it was sent, it is said that nobody knows."""

    def die(connection: socket.socket) -> None:
        swallow(connection) if dies == "after" else connection.recv(100)

    with talking(answering(*TO_DATA, then=die)) as (port, came):
        settings = make_mail_settings(port)
        large = (Attachment("report.pdf", "application/pdf", bytes(4_000_000)),)
        with sending(settings) as server:
            attempts, error = server.send(make_mail(settings, attachments=large), ANN)
    assert (PACE.attempts, PACE.attempts) == (attempts, len(came))
    assert isinstance(error, DeferredError)
    assert ("whether the server took it is not known" in error.reason) is (dies == "after")
    assert ("with the same Message-ID" in error.hint) is (dies == "after")


def test_a_connection_that_the_server_has_ended_is_made_anew() -> None:
    """Some take one message for each connection."""
    to_end = (*TO_DATA, b"250 taken")

    def once(connection: socket.socket) -> None:
        with connection.makefile("rwb", buffering=0) as lines:
            for number, answer in enumerate(to_end):
                lines.write(answer + b"\r\n")
                if number == len(to_end) - 1:
                    return
                line = lines.readline()
                if number == len(to_end) - 2:
                    while line != b".\r\n":
                        line = lines.readline()

    with talking(once) as (port, came):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            assert (1, None) == server.send(make_mail(settings), ANN)
            assert (1, None) == server.send(make_mail(settings), BOB)
    assert 2 == len(came)


@pytest.mark.parametrize(
    ("greeting", "kind", "words"),
    [
        (b"554 5.7.1 go away", RefusedError, "554 5.7.1 go away"),
        (b"421 4.3.2 too busy", DeferredError, "421 4.3.2 too busy"),
        (b"HTTP/1.1 400 Bad Request", DeferredError, "what is no answer of SMTP"),
        (b"2" * 9000, RefusedError, "500 Line too long"),
    ],
)
def test_a_server_that_does_not_welcome_us_is_quoted(
    greeting: bytes, kind: type[Exception], words: str
) -> None:
    """In one line, which may not be the server's to shape."""
    with talking(answering(greeting)) as (port, _):
        settings = make_mail_settings(port)
        with sending(settings) as server:
            _, error = server.send(make_mail(settings), ANN)
    assert isinstance(error, kind)
    assert words in str(error)
    assert str(error).isprintable()


def test_a_password_that_a_server_repeats_is_not_passed_on() -> None:
    """Not even where it answers a command that never held it."""
    with talking(
        answering(b"220 hello", b"250-mail\r\n250 AUTH PLAIN", b"535 not " + PASSWORD.encode())
    ) as (port, _):
        settings = make_mail_settings(port, user="auditor")
        with sending(settings) as server:
            _, error = server.send(make_mail(settings), ANN)
    assert error is not None
    assert "535 not …" in error.reason


def test_a_login_that_the_server_does_not_offer_is_refused() -> None:
    """Without it nothing is sent."""
    with serving() as (port, inbox):
        settings = make_mail_settings(port, user="auditor")
        with sending(settings) as server:
            _, error = server.send(make_mail(settings), ANN)
    assert isinstance(error, RefusedError)
    assert "does not support what is needed" in error.reason
    assert [] == inbox.taken


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_holds_no_certificate_is_a_fault_of_the_settings(
    tmp_path_factory: pytest.TempPathFactory, content: str | None
) -> None:
    """It is found before anything is sent."""
    file = tmp_path_factory.mktemp("pki") / "ca.pem"
    if content is not None:
        file.write_text(content)
    with (
        pytest.raises(UsageError, match=r"ca\.pem of delivery\.mail cannot be used: "),
        sending(make_mail_settings(1, security="tls", ca_file=str(file))),
    ):
        pytest.fail("it is used")
