"""How names, labels, ports and CIDRs are spelled (the API server's validation, Kubernetes 1.36)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from auditor.model.addresses import parse_cidr

_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(
    r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
)
_QUALIFIED = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PORT_NAME = re.compile(r"(?!-)(?!.*--)(?=.*[a-z])[a-z0-9-]{1,15}(?<!-)")
_LEGACY_LENGTH = re.compile(r"0*[0-9]{1,3}")

_LONGEST_LABEL = 63
_LONGEST_SUBDOMAIN = 253


def is_dns_label(text: str) -> bool:
    """Whether it may name a namespace."""
    return len(text) <= _LONGEST_LABEL and _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Whether it may name any other object."""
    return len(text) <= _LONGEST_SUBDOMAIN and _DNS_SUBDOMAIN.fullmatch(text) is not None


# A cluster holds few labels and many objects that carry them; the bound is for hostile input.
@lru_cache(maxsize=65_536)
def is_label_key(text: str) -> bool:
    """Whether it may be the key of a label: `name` or `prefix/name`."""
    prefix, slash, name = text.rpartition("/")
    return (
        (not slash or is_dns_subdomain(prefix))
        and len(name) <= _LONGEST_LABEL
        and _QUALIFIED.fullmatch(name) is not None
    )


@lru_cache(maxsize=65_536)
def is_label_value(text: str) -> bool:
    """Whether it may be the value of a label; the empty one may."""
    return len(text) <= _LONGEST_LABEL and (not text or _QUALIFIED.fullmatch(text) is not None)


def is_port_name(text: str) -> bool:
    """Whether it may name a port: up to 15 of a-z, 0-9 and `-`, at least one a letter."""
    return _PORT_NAME.fullmatch(text) is not None


def is_port(number: int) -> bool:
    """Whether it may number a port."""
    return 1 <= number <= 65_535


def find_cidr_fault(text: str) -> str | None:
    """Why the API server would not take a new object with this CIDR, or None."""
    address_text, slash, length = text.partition("/")
    try:
        address = ip_address(address_text)
    except ValueError:
        zeros = slash and is_legacy_cidr(text)
        return "must not have leading zeros" if zeros else "is not a CIDR"
    if not slash or "%" in address_text or not length.isascii() or not length.isdigit():
        return "is not a CIDR"
    shortest = length.lstrip("0") or "0"
    if len(shortest) > 3 or int(shortest) > address.max_prefixlen:
        return "is not a CIDR"
    if shortest != length:
        return "must not have leading zeros"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return "must not be an IPv4 address in IPv6 form"
    if ip_network(text, strict=False).network_address != address:
        return "must not have bits set beyond the prefix length"
    return None


def is_legacy_cidr(text: str) -> bool:
    """Whether older API servers took it: host bits and leading zeros are allowed."""
    address, _, length = text.partition("/")
    if "%" in address or not _LEGACY_LENGTH.fullmatch(length):
        return False
    try:
        parse_cidr(text)
    except ValueError:
        return False
    return True
