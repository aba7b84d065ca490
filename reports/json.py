"""report.json: the contract `netpol-auditor/report/v1`, and the digest that seals it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from auditor.model.report import Audit, Report

UNSEALED = ("run", "digest")
"""Fields that the digest leaves out: two runs over the same input have the same digest."""


def encode(report: Report) -> bytes:
    """Return the canonical JSON of a report: keys sorted, no spaces, UTF-8.

    It is what `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`
    gives, so that anyone can check a digest without this program. Fractions are spelled alike
    from 0.0001 up to 1e16, which is why evidence rounds shares to four places: smaller and larger
    ones differ in their exponents (`1e-7` here, `1e-07` there).
    """
    return encode_value(report, "sorted")


def digest(report: Report) -> str:
    """Return the SHA-256 of the canonical JSON without ``run`` and ``digest``, in hex."""
    value: dict[str, Any] = msgspec.to_builtins(report, order="sorted")
    sealed = {key: part for key, part in value.items() if key not in UNSEALED}
    return hashlib.sha256(encode_value(sealed, "sorted")).hexdigest()


def render_json(audit: Audit) -> bytes:
    """Render report.json: the contract's order of fields, indented by two spaces, UTF-8."""
    return msgspec.json.format(encode_value(audit.report, "deterministic"), indent=2) + b"\n"


def encode_value(value: object, order: Any) -> bytes:
    """Return a value as JSON, its keys `sorted`, or its fields in the contract's order."""
    try:
        return msgspec.json.encode(value, order=order)
    except UnicodeEncodeError:
        # A file name that is no UTF-8 reaches Python as lone surrogates, which UTF-8 cannot hold.
        plain = msgspec.to_builtins(value, order=order)
        return msgspec.json.encode(_without_surrogates(plain), order=order)


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(v) for key, v in value.items()}
        case list() | tuple():
            return [_without_surrogates(one) for one in value]
        case _:
            return value
