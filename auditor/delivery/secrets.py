"""Secrets that delivery needs: read when something is to be sent, and shown nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from auditor.errors import UsageError
from auditor.layers import MAIL_PASSWORD_VARIABLE
from auditor.settings import MailSettings, shows_password

_LARGEST = 64 * 1024
_HINT = f"name its file as delivery.mail.password_file, or set {MAIL_PASSWORD_VARIABLE}"


class Secret:
    """A text that no log, error or representation shows."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret()"

    def reveal(self) -> str:
        """The text, for the one place that needs it."""
        return self._text


def read_password(mail: MailSettings, environ: Mapping[str, str]) -> Secret | None:
    """The password of the mail server; None where there is no login.

    Raises:
        UsageError: it is missing, or cannot be used.
    """
    if not mail.user:
        return None
    if shows_password(mail):
        raise UsageError(
            "password of delivery.mail would be readable on the way",
            hint="set delivery.mail.security to `starttls` or `tls`",
        )
    if mail.password_file:
        password = read_secret(mail.password_file, "password of delivery.mail", hint=_HINT)
    else:
        password = Secret(environ.get(MAIL_PASSWORD_VARIABLE, ""))
    if not password.reveal():
        raise UsageError("password of delivery.mail is missing", hint=_HINT)
    if not password.reveal().isascii():
        raise UsageError(
            "password of delivery.mail holds other characters than ASCII, which SMTP's logins "
            "do not agree about",
            hint="give the account a password of ASCII characters",
        )
    return password


def read_secret(file: str, what: str, *, hint: str) -> Secret:
    """The one line of a file, without the line break that editors put at its end.

    Raises:
        UsageError: it cannot be read, or is no line.
    """
    try:
        with Path(file).open("rb") as stream:
            text = stream.read(_LARGEST).decode()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"{what}: file {file} cannot be read: {reason}", hint=hint) from error
    except UnicodeDecodeError:
        # its message would repeat the content
        raise UsageError(f"{what}: file {file} is no UTF-8 text", hint=hint) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if "\n" in text or "\r" in text or "\0" in text:
        raise UsageError(f"{what}: file {file} holds more than one line", hint=hint)
    return Secret(text)
