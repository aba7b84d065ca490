"""Settings of delivery: who is sent what, and over which server."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.model.mail_addresses import is_loopback, refuse_address, refuse_host
from auditor.settings import Audience, DeliverySettings, MailSettings, Settings, digest_settings
from tests.test_layers import load

EVERYTHING = """
delivery:
  period: day
  report_url: https://reports.example/netpol/
  mail:
    host: smtp.example.com
    port: 2525
    security: tls
    ca_file: pki/ca.pem
    user: auditor
    password_file: secrets/password
    sender: auditor@example.com
    reply_to: security@example.com
    timeout_seconds: 5
    max_megabytes: 2.5
  audiences:
    - name: security
      to: [security@example.com]
      everything: true
      webhook_file: /run/secrets/hook
    - name: shop
      to: [shop@example.com, jörg@example.com]
      namespaces: [shop, 'shop-*']
      namespace_selector: team=shop
      names_others: true
"""

MAIL = "  mail: {host: smtp.example.com, sender: a@example.com"
AUDIENCE = "  audiences: [{name: a, everything: true, to: [a@example.com]"


def test_a_file_may_hold_every_setting_of_delivery(tmp_path: Path) -> None:
    """Files are looked for from its folder, and not read: they hold secrets."""
    loaded = load(tmp_path, EVERYTHING)
    assert loaded.delivery == DeliverySettings(
        period="day",
        report_url="https://reports.example/netpol/",
        mail=MailSettings(
            host="smtp.example.com",
            port=2525,
            security="tls",
            ca_file=str(tmp_path / "pki/ca.pem"),
            user="auditor",
            password_file=str(tmp_path / "secrets/password"),
            sender="auditor@example.com",
            reply_to="security@example.com",
            timeout_seconds=5,
            max_megabytes=2.5,
        ),
        audiences=(
            Audience(
                name="security",
                to=("security@example.com",),
                everything=True,
                webhook_file="/run/secrets/hook",
            ),
            Audience(
                name="shop",
                to=("shop@example.com", "jörg@example.com"),
                namespaces=("shop", "shop-*"),
                namespace_selector="team=shop",
                names_others=True,
            ),
        ),
    )
    assert digest_settings(Settings()) == digest_settings(loaded)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (f"{MAIL}, port: 0}}", "line 2: key delivery.mail.port is malformed: expected `int`", ""),
        (f"{MAIL}, port: 65536}}", "key delivery.mail.port is malformed: expected `int`", ""),
        (f"{MAIL}, timeout_seconds: 0}}", "delivery.mail.timeout_seconds is malformed", ""),
        (f"{MAIL}, timeout_seconds: 301}}", "delivery.mail.timeout_seconds is malformed", ""),
        (f"{MAIL}, max_megabytes: 0}}", "delivery.mail.max_megabytes is malformed", ""),
        (f"{MAIL}, password: x}}", "delivery.mail.password is unknown", "password_file"),
        (f"{MAIL}, security: ssl}}", "delivery.mail.security is malformed", "starttls, tls, none"),
        (f"{MAIL}, reply_to: a}}", "delivery.mail.reply_to is malformed: `a` is no", "alone"),
        (f"{MAIL}, password_file: x}}", "there is a password, and no user", "set user"),
        (f"{MAIL}, user: jörg}}", "delivery.mail.user is malformed", ""),
        (f"{MAIL}, user: u, security: none}}", "readable on the way", "`starttls`"),
        ("  mail: {host: 'a b', sender: a@b.c}", "delivery.mail.host is malformed", "port has"),
        ("  mail: {host: 'smtp:25', sender: a@b.c}", "`smtp:25` is no host", "port has"),
        ("  mail: {host: smtp.example.com}", "delivery.mail.sender is missing", ""),
        ("  mail: {host: h, sender: ''}", "delivery.mail.sender is malformed", "alone"),
        ("  mail: x", "key delivery.mail is malformed: expected `object", ""),
        ("  audiences: x", "key delivery.audiences is malformed: expected `array`", ""),
        ("  audiences: [x]", "key delivery.audiences.0 is malformed: expected `object`", ""),
        (f"{AUDIENCE}}}]", "audiences have addresses, and `mail` names no server", ""),
        (
            f"{MAIL}}}\n{AUDIENCE}, webhook_file: 1}}]",
            "line 3: key delivery.audiences.0.webhook_file is malformed: expected `str`",
            "",
        ),
        (
            f"{MAIL}}}\n  audiences:\n  - {{name: a, namespaces: [x], to: [\n  A <a@b.c>]}}",
            "line 5: key delivery.audiences.0.to.0 is malformed: `A <a@b.c>` is no mail address",
            "the address alone",
        ),
        (
            f"{MAIL}}}\n  audiences: [{{name: a, everything: true, to: [A@b.c, a@b.c]}}]",
            "line 3: key delivery.audiences.0.to.1 is malformed: a@b.c is there twice",
            "leave one",
        ),
        (
            f"{MAIL}}}\n  audiences: [{{name: a, namespaces: [''], to: [a@b.c]}}]",
            "delivery.audiences.0.namespaces.0 is malformed: it is empty",
            "a glob",
        ),
        (
            f"{MAIL}}}\n  audiences: [{{name: a, namespace_selector: 'a b', to: [a@b.c]}}]",
            "delivery.audiences.0 is malformed: 'a b' is no requirement",
            "",
        ),
        (
            f'{MAIL}}}\n  audiences: [{{name: "a\\nb", everything: true, to: [a@b.c]}}]',
            "64 printable characters at most",
            "",
        ),
        (f"{MAIL}}}\n{AUDIENCE}, everything: false}}]", "duplicate", ""),
        ("  report_url: javascript:alert(1)", "delivery.report_url is malformed", "https://"),
        ("  report_url: https://me:word@example.com/", "without a password", "https://"),
        ("  report_url: 'https://example.com/\">'", "delivery.report_url is malformed", ""),
    ],
)
def test_what_cannot_be_delivered_is_refused_with_place_and_reason(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    """Long before anything is to be sent."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, f"delivery:\n{text}\n")
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_password_may_go_in_the_clear_to_this_machine(tmp_path: Path, host: str) -> None:
    """Nobody is on the way."""
    text = f"delivery:\n  mail: {{host: '{host}', sender: a@b.c, user: u, security: none}}"
    loaded = load(tmp_path, text).delivery.mail
    assert loaded is not None
    assert (host, 25) == (loaded.host, loaded.server_port)


@pytest.mark.parametrize(
    "address",
    ["a@example.com", "first.last+tag@sub.example.com", "jörg@münchen.example", "a@b", "o'b@x.y"],
)
def test_mail_addresses_are_accepted(address: str) -> None:
    """Those that servers take: with tags, in other scripts, and of a host without a domain."""
    assert refuse_address(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b.c",
        "a@",
        "a@b@c",
        "a b@c.d",
        "a@b.c, d@e.f",
        "a@b.c\r\nBcc: d@e.f",
        "a@b.c\x00",
        "<a@b.c>",
        "A <a@b.c>",
        '"a"@b.c',
        "a@b..c",
        "a@-b.c",
        "a@[127.0.0.1]",
        "(x)a@b.c",
        "a@b.c\u202e",
        f"{'a' * 65}@b.c",
        f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}",
        f"a@{'b' * 64}.c",
        "=?utf-8?q?a?=@b.c",
    ],
)
def test_what_is_more_or_less_than_an_address_is_refused(address: str) -> None:
    """A second address, a name, a comment or a header cannot be smuggled in."""
    assert refuse_address(address) is not None


@given(st.text(max_size=40) | st.from_regex(r"[a-z<>\"@.,;:\\\[\]() =?\r\n]{1,20}", fullmatch=True))
def test_any_text_is_judged(text: str) -> None:
    """No text makes the judgement fail, and none that is accepted could end a header."""
    if refuse_address(text) is None:
        assert 1 == text.count("@")
        assert not set(text) & set('\r\n\0 <>,;()"')
    if refuse_host(text) is None:
        assert text.isprintable()
        assert not set(text) & set(" @/\\")


def test_loopback_is_this_machine_alone() -> None:
    """A name that only begins like it is another machine."""
    assert all(map(is_loopback, ("localhost", "LOCALHOST.", "127.1.2.3", "::1")))
    assert not any(map(is_loopback, ("localhost.example.com", "10.0.0.1", "127.example", "")))
