"""Mail addresses, and the hosts of mail servers, as they may be written in settings."""

from __future__ import annotations

import ipaddress
import re

_LONGEST_ADDRESS = 254
"""Bytes: RFC 5321 allows a path of 256, with its angle brackets."""

_LONGEST_NAME = 64
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"
_NAME = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def refuse_address(text: str) -> str | None:
    """Why a text is no mail address `name@domain`; None where it is one.

    Nothing but the address may stand there: no name for people, no brackets, no second address.
    Quoted names, which RFC 5321 advises against, are refused.
    """
    refused = f"`{text}` is no mail address"
    if not text.isprintable() or any(one.isspace() for one in text):
        return f"{refused}: it holds spaces or control characters"
    if len(text.encode()) > _LONGEST_ADDRESS:
        return f"{refused}: it is longer than {_LONGEST_ADDRESS} bytes"
    name, _, domain = text.partition("@")
    if not _NAME.fullmatch(name) or "=?" in name:  # the latter would be decoded in headers
        return refused
    if len(name.encode()) > _LONGEST_NAME:
        return f"{refused}: what stands before the @ is longer than {_LONGEST_NAME} bytes"
    return None if _is_domain(domain) else refused


def refuse_host(text: str) -> str | None:
    """Why a text is no host, a name or an IP address; None where it is one."""
    if _is_address(text) or _HOST.fullmatch(text):
        return None
    return f"`{text}` is no host: give its name or address alone, without a port"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, so that what is sent there is sent to nobody else."""
    if _is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host.rstrip(".").lower() == "localhost"


def _is_domain(text: str) -> bool:
    try:
        encoded = text.encode("idna").decode()
    except UnicodeError:
        return False
    labels = encoded.split(".")
    return all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", one) for one in labels)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
