"""Webhooks: what is posted, how often, and that nobody is told where."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from auditor.delivery.attempts import Attempted, DeferredError, RefusedError
from auditor.delivery.secrets import Secret
from auditor.delivery.webhook import Webhook, encode_webhook, post, read_webhook
from auditor.errors import UsageError
from tests.delivery.hooks import PATH, Hook, hooked
from tests.delivery.mailing import PACE
from tests.delivery.servers import Authority, silent, talking

CONTENT = encode_webhook({"text": "12 findings are open: größer", "blocks": []})
SECRET = "not-a-secret"


def post_to(url: str, timeout_seconds: float = 5.0) -> Attempted:
    """Post, and see that nothing that is said names the place."""
    attempted = post(Webhook(Secret(url), timeout_seconds), CONTENT, PACE)
    error = attempted.error
    seen: set[BaseException] = set()
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.add(cause)
        assert SECRET not in f"{cause!r}{cause}"
        assert PATH not in f"{cause!r}{cause}"
        cause = None if cause.__suppress_context__ else cause.__cause__ or cause.__context__
    return attempted


def test_the_json_is_posted(caplog: pytest.LogCaptureFixture) -> None:
    """With its type, and by a program that says its name; the place is in no log of any library."""
    hook = Hook()
    with caplog.at_level(logging.DEBUG), hooked(hook) as url:
        assert (1, None) == post_to(url)
    (posted,) = hook.posted
    assert PATH == posted.path
    assert {"text": "12 findings are open: größer", "blocks": []} == json.loads(posted.content)
    assert "application/json; charset=utf-8" == posted.headers["Content-Type"]
    assert posted.headers["User-Agent"].startswith("netpol-auditor/")
    assert SECRET not in caplog.text


def test_certificates_are_verified(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """By issuer and by name; SSL_CERT_FILE names other issuers to trust."""
    hook = Hook()
    with hooked(hook, authority.serving()) as url:
        untrusted = post_to(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert (1, None) == post_to(url)
    with hooked(hook, authority.serving("hooks.example.com")) as url:
        misnamed = post_to(url)
    for attempts, error in (untrusted, misnamed):
        assert (1, RefusedError) == (attempts, type(error))
        assert error is not None
        assert "its certificate is not accepted" in error.reason
        assert "SSL_CERT_FILE" in error.hint
    assert 1 == len(hook.posted)


@pytest.mark.parametrize(
    "answer", [(503, {}), (429, {}), (429, {"Retry-After": "0"}), (500, {"Retry-After": "soon"})]
)
def test_what_may_pass_is_tried_again(answer: tuple[int, dict[str, str]]) -> None:
    """Where the server is busy or has failed."""
    hook = Hook(answer, answer)
    with hooked(hook) as url:
        assert (3, None) == post_to(url)
    assert 1 == len(hook.posted)


def test_a_server_that_asks_for_patience_is_given_it() -> None:
    """Up to the longest wait; whoever asks for more is left alone until the next run."""
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for answer in ({"Retry-After": "3600"}, {"Retry-After": later}):
        hook = Hook((429, answer), (429, answer))
        with hooked(hook) as url:
            attempts, error = post_to(url)
        assert (1, DeferredError) == (attempts, type(error))
    hook = Hook((429, {"Retry-After": "1"}))
    pace = PACE._replace(longest_wait_seconds=2.0)
    with hooked(hook) as url:
        started = time.monotonic()
        assert (2, None) == post(Webhook(Secret(url)), CONTENT, pace)
        assert time.monotonic() - started >= 1


@pytest.mark.parametrize("code", [301, 400, 403, 404, 410])
def test_what_will_not_pass_is_tried_once(code: int) -> None:
    """A redirect is not followed: it may lead anywhere. Answers are not repeated."""
    hook = Hook((code, {"Location": "https://elsewhere.example/"}))
    with hooked(hook) as url:
        attempts, error = post_to(url)
    assert (1, RefusedError) == (attempts, type(error))
    assert f"webhook answered {code}" == str(error)


def test_a_server_that_hangs_up_may_have_taken_it() -> None:
    """Nobody knows: it is posted again, and said."""
    hook = Hook((0, {}))
    with hooked(hook) as url:
        assert (2, None) == post_to(url)
    hook = Hook(*[(0, dict[str, str]())] * 9)
    with hooked(hook) as url:
        attempts, error = post_to(url)
    assert (PACE.attempts, DeferredError) == (attempts, type(error))
    assert "whether it took the message is not known" in str(error)


def test_a_silent_server_is_not_waited_for() -> None:
    """Beyond the timeout, however often it is tried."""
    started = time.monotonic()
    with talking(silent) as (port, _):
        attempts, error = post_to(f"http://127.0.0.1:{port}{PATH}", timeout_seconds=0.2)
    assert (PACE.attempts, DeferredError) == (attempts, type(error))
    assert "it did not answer in time" in str(error)
    with talking(lambda connection: connection.close()) as (port, _):
        pass
    attempts, error = post_to(f"http://127.0.0.1:{port}{PATH}")
    assert (PACE.attempts, "webhook: it could not be reached") == (attempts, str(error))
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no URL"),
        (b"hooks.example.com/not-a-secret", "holds no URL"),
        (b"https://hooks.example.com:99999/not-a-secret", "holds no URL"),
        (b"https:///not-a-secret", "holds no URL"),
        (b"https://hooks.example.com/not a-secret", "holds no URL"),
        (b"http://hooks.example.com/not-a-secret", "is not https"),
        (b"ftp://127.0.0.1/not-a-secret", "is not https"),
        (b"https://a.example/not-a-secret\nhttps://b.example/", "holds more than one line"),
        (b"https://a.example/\xffnot-a-secret", "is no UTF-8 text"),
    ],
)
def test_a_file_that_holds_no_safe_url_is_refused(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """It is named, and what it holds is not."""
    file = tmp_path / "hook"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        read_webhook(str(file))
    assert str(file) in caught.value.message
    assert SECRET not in caught.value.message


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_line_break_of_an_editor_is_no_part_of_the_url(tmp_path: Path, end: str) -> None:
    """And what stands for a secret does not show it."""
    file = tmp_path / "hook"
    file.write_bytes(f"https://hooks.example.com{PATH}{end}".encode())
    webhook = read_webhook(str(file))
    assert f"https://hooks.example.com{PATH}" == webhook.url.reveal()
    assert SECRET not in repr(webhook)
