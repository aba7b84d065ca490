"""`deliver` and `audit --deliver`: from a run to messages, against a real mail server."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from pypdf import PdfReader

from auditor.history.store import open_store
from auditor.model.deliveries import DeliveryState
from tests.cli.conftest import Run
from tests.conftest import FindCluster
from tests.delivery.hooks import Hook, hooked
from tests.delivery.servers import PASSWORD, USER, Authority, Inbox, serving

SETTINGS = """
cluster_name: production
delivery:
  period: {period}
  mail: {{host: 127.0.0.1, port: {port}, {server}, sender: auditor@example.com, timeout_seconds: 5}}
  audiences:
    - {{name: security, everything: true, to: [security@example.com, ciso@example.com]}}
    - {{name: dev team, namespaces: [shop-dev], to: [dev@example.com]}}
"""
IN_THE_CLEAR = "security: none"
OTHERS = ("shop-prod", "shop-test", "monitoring/", "ingress-nginx")
EVERYONE = ["security@example.com", "ciso@example.com", "dev@example.com"]
UNUSED_PORT = 9
"""The port of `discard`, where nobody listens."""


@pytest.fixture(autouse=True)
def shop(cluster: FindCluster, tmp_path: Path) -> Path:
    """The shop, in the folder that commands run in, to be changed."""
    return Path(shutil.copytree(cluster("shop"), tmp_path / "shop"))


def write_settings(
    folder: Path, port: int, *, period: str = "week", server: str = IN_THE_CLEAR
) -> None:
    """Write the settings file into the folder that commands run in."""
    text = SETTINGS.format(port=port, period=period, server=server)
    (folder / "netpol-auditor.yaml").write_text(text)


@contextmanager
def mailing(folder: Path, **changes: str) -> Iterator[Inbox]:
    """Serve mail, and write the settings that name the server."""
    with serving() as (port, inbox):
        write_settings(folder, port, **changes)
        yield inbox


def recipients(inbox: Inbox) -> list[str]:
    """Whom the messages went to, in order."""
    return [one for taken in inbox.taken for one in taken.recipients]


def everything_in(message: EmailMessage) -> str:
    """All that a message says: headers, both bodies, and the text of its attachments."""
    texts = [f"{name}: {value}" for name, value in message.items()]
    for part in message.walk():
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        if part.get_content_type() == "application/pdf":
            pages = PdfReader(io.BytesIO(content)).pages
            texts += [page.extract_text() for page in pages]
        else:
            texts.append(content.decode())
    return "\n".join(texts)


def test_an_audit_is_mailed_to_each_audience_as_it_may_see_it(run: Run, tmp_path: Path) -> None:
    """Security gets the very report of the folder; a team its own namespaces, and no byte more."""
    with mailing(tmp_path) as inbox:
        ran = run("audit", "-f", "shop", "--deliver")
    assert 0 == ran.code, ran.err
    assert EVERYONE == recipients(inbox)
    whole, _, team = (one.message for one in inbox.taken)
    parts = {str(one.get_filename()): one.get_payload(decode=True) for one in whole.walk()}
    for name in ("report.pdf", "findings.csv"):
        assert (tmp_path / "out" / name).read_bytes() == parts[name]
    findings = json.loads((tmp_path / "out" / "report.json").read_bytes())["findings"]
    assert (
        f"[production] NetworkPolicy audit {period(tmp_path)}: {len(findings)} open"
        == (whole["Subject"])
    )
    said = everything_in(team)
    assert "shop-dev" in said
    assert [] == [one for one in OTHERS if one in said]
    assert 3 == ran.err.count(": sent (<")


def period(folder: Path) -> str:
    """The period of the newest delivery."""
    with open_store(str(folder / "out" / "history.sqlite"), create=False) as store:
        (cluster,) = store.clusters()
        return store.deliveries(cluster.key).entries()[-1].period


@pytest.mark.usefixtures("fast")
def test_nobody_is_mailed_twice_in_a_period(run: Run, tmp_path: Path) -> None:
    """A Job that is tried again, and a `deliver` by hand, say that all was sent."""
    with mailing(tmp_path) as inbox:
        assert 0 == run("audit", "-f", "shop", "--deliver").code
        again = run("audit", "-f", "shop", "--deliver")
        by_hand = run("deliver")
    assert (0, 0) == (again.code, by_hand.code)
    assert EVERYONE == recipients(inbox)
    for one in (again, by_hand):
        assert 3 == one.err.count("already sent in 20")


@pytest.mark.usefixtures("fast")
def test_a_delivery_that_fails_loses_no_report_and_is_told_later(run: Run, tmp_path: Path) -> None:
    """Exit code 5, with the report in its folder; the next run tells who was not sent it."""
    with mailing(tmp_path, period="run") as inbox:
        inbox.refused |= {one: ["550 no such user"] for one in EVERYONE}
        failed = run("audit", "-f", "shop", "--deliver")
        assert 5 == failed.code
        assert (tmp_path / "out" / "report.json").exists()
        assert 3 == failed.err.count(" failed: ")
        inbox.refused["dev@example.com"] = ["550 no such user"]
        second = run("audit", "-f", "shop", "--deliver")
        assert 5 == second.code
        assert EVERYONE[:2] == recipients(inbox)
        assert "mail to dev@example.com of audience dev team: failed" in second.err
        third = run("audit", "-f", "shop", "--deliver")
    assert 0 == third.code
    assert EVERYONE[:2] + EVERYONE == recipients(inbox)
    whole, team = (inbox.taken[position].message for position in (2, 4))
    for message in (whole, team):
        said = " ".join(body(message).split())
        assert "1 earlier report was not delivered" in said
        assert "mail to dev@example.com: mail server" in said
        assert "no such user" in said


def body(message: EmailMessage) -> str:
    """The plain text of a message."""
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.usefixtures("fast")
def test_a_kept_run_is_delivered_later(run: Run, tmp_path: Path) -> None:
    """What `deliver` sends is the run as it was kept, whatever the folder holds by now."""
    assert 0 == run("audit", "-f", "shop", "--cluster-name", "production").code
    kept = json.loads((tmp_path / "out" / "report.json").read_bytes())
    shutil.rmtree(tmp_path / "shop")
    with mailing(tmp_path) as inbox:
        ran = run("deliver", f"run:{kept['run']['id'][:8]}")
    assert 0 == ran.code, ran.err
    assert EVERYONE == recipients(inbox)
    assert kept["digest"] in body(inbox.taken[0].message)


@pytest.mark.usefixtures("fast")
def test_a_message_tells_what_changed_since_the_last_one(
    run: Run, tmp_path: Path, shop: Path
) -> None:
    """Runs that nobody was sent lie in between: what they opened is told all the same."""
    with mailing(tmp_path, period="run") as inbox:
        assert 0 == run("audit", "-f", "shop", "--deliver").code
        (shop / "policies-shop-prod.yaml").unlink()
        assert 0 == run("audit", "-f", "shop").code
        assert 0 == run("audit", "-f", "shop", "--deliver").code
    first, last, team = (inbox.taken[position].message for position in (0, 3, 5))
    assert "first report" in body(first)
    assert "Since the last report" in body(last)
    assert "opened" in body(last)
    assert " new, " in last["Subject"]
    assert " new, " not in team["Subject"]
    drift = json.loads((tmp_path / "out" / "report.json").read_bytes())["drift"]
    assert {"opened": 0, "closed": 0} == drift["connections"]["totals"]


@pytest.mark.usefixtures("fast")
def test_a_dry_run_writes_the_messages_and_sends_nothing(run: Run, tmp_path: Path) -> None:
    """No password is asked for, no server spoken to, and nobody counts as having been sent it."""
    write_settings(tmp_path, UNUSED_PORT, server=f"user: {USER}")
    assert 0 == run("audit", "-f", "shop").code
    ran = run("deliver", "--dry-run")
    assert 0 == ran.code, ran.err
    messages = sorted((tmp_path / "out" / "messages").glob("*.eml"))
    assert 2 == len(messages)
    parsed = [message_from_bytes(one.read_bytes(), policy=policy.default) for one in messages]
    assert ["dev@example.com", "security@example.com, ciso@example.com"] == [
        one["To"] for one in parsed
    ]
    with open_store(str(tmp_path / "out" / "history.sqlite"), create=False) as store:
        (cluster,) = store.clusters()
        assert () == store.deliveries(cluster.key).entries()


@pytest.mark.usefixtures("fast")
def test_a_login_over_tls_takes_the_password_of_the_environment(
    run: Run, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing one is said before anything is read; a webhook gets its JSON beside the mail."""
    hook = Hook()
    with (
        serving(starttls=authority.serving(), login=True) as (port, inbox),
        hooked(hook) as url,
    ):
        server = f"security: starttls, ca_file: {authority.file}, user: {USER}"
        write_settings(tmp_path, port, server=server)
        (tmp_path / "hook").write_text(url)
        file = tmp_path / "netpol-auditor.yaml"
        file.write_text(
            file.read_text().replace("everything: true", "everything: true, webhook_file: hook")
        )
        refused = run("audit", "-f", "shop", "--deliver")
        assert (2, b"") == (refused.code, refused.out)
        assert "password of delivery.mail is missing" in refused.err
        assert not (tmp_path / "out").exists()
        monkeypatch.setenv("NETPOL_AUDITOR_MAIL_PASSWORD", PASSWORD)
        ran = run("audit", "-f", "shop", "--deliver")
    assert 0 == ran.code, ran.err
    assert EVERYONE == recipients(inbox)
    assert all(one.is_encrypted and one.is_logged_in for one in inbox.taken)
    (posted,) = hook.posted
    assert json.loads(posted.content)["text"].startswith("[production] NetworkPolicy audit")
    assert url not in ran.err


@pytest.mark.usefixtures("fast")
def test_an_audience_of_no_namespace_is_told_that_nothing_was_judged(
    run: Run, tmp_path: Path
) -> None:
    """A name that is misspelt must not be a clean bill."""
    with mailing(tmp_path) as inbox:
        file = tmp_path / "netpol-auditor.yaml"
        file.write_text(file.read_text().replace("[shop-dev]", "[shop-def]"))
        assert 0 == run("audit", "-f", "shop", "--deliver").code
    said = body(inbox.taken[-1].message)
    assert "no namespace is named shop-def" in said
    assert "NO VERDICT" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audit", "-f", "shop", "--deliver"), "nobody is named to deliver to"),
        (("deliver",), "nobody is named to deliver to"),
        (("deliver", "--dry-run"), "nobody is named to deliver to"),
    ],
)
def test_who_is_to_be_told_must_be_named(
    run: Run, arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    """It is said at once, and nothing is read or written."""
    ran = run(*arguments)
    assert 2 == ran.code
    assert message in ran.err
    assert not (tmp_path / "out").exists()


def test_without_a_history_nothing_is_sent(run: Run, tmp_path: Path) -> None:
    """Nobody would know who was sent what."""
    write_settings(tmp_path, UNUSED_PORT)
    ran = run("audit", "-f", "shop", "--deliver", "--no-store")
    assert 2 == ran.code
    assert "leave out --no-store" in ran.err


@pytest.mark.usefixtures("fast")
def test_a_run_that_is_not_kept_is_not_sent(run: Run, tmp_path: Path) -> None:
    """The report is in its folder, and why it was not sent is said; exit code 5."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "history.sqlite").write_bytes(b"not a database, whatever its name")
    with mailing(tmp_path) as inbox:
        ran = run("audit", "-f", "shop", "--deliver")
    assert 5 == ran.code
    assert "nothing is sent" in ran.err
    assert (tmp_path / "out" / "report.json").exists()
    assert [] == inbox.taken


@pytest.mark.usefixtures("fast")
def test_a_previous_run_that_was_pruned_is_named_and_not_compared(run: Run, tmp_path: Path) -> None:
    """That nothing is said of changes is not the same as no change."""
    with mailing(tmp_path, period="run") as inbox:
        assert 0 == run("audit", "-f", "shop", "--deliver").code
        assert 0 == run("audit", "-f", "shop").code
        assert 0 == run("history", "prune", "--keep-runs", "1").code
        assert 0 == run("audit", "-f", "shop", "--deliver").code
    said = " ".join(body(inbox.taken[3].message).split())
    assert "Whether anything changed is not known" in said
    with open_store(str(tmp_path / "out" / "history.sqlite"), create=False) as store:
        (cluster,) = store.clusters()
        states = {one.state for one in store.deliveries(cluster.key).entries()}
    assert {DeliveryState.SENT} == states
