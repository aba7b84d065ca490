"""report.json: the contract `netpol-auditor/report/v1`, and the digest that seals it."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from auditor.model.canonical import encode_canonical
from auditor.model.report import UNSEALED, Audit, Report


def encode(report: Report) -> bytes:
    """Return the canonical JSON of a report: keys sorted, no spaces, UTF-8.

    It is what `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`
    gives, so that anyone can check a digest without this program. Fractions are spelled alike
    from 0.0001 up to 1e16, which is why evidence rounds shares to four places: smaller and larger
    ones differ in their exponents (`1e-7` here, `1e-07` there).
    """
    return encode_canonical(report)


def digest(report: Report) -> str:
    """Return the SHA-256 of the canonical JSON without ``run`` and ``digest``, in hex."""
    value: dict[str, Any] = msgspec.to_builtins(report, order="sorted")
    sealed = {key: part for key, part in value.items() if key not in UNSEALED}
    return hashlib.sha256(encode_canonical(sealed)).hexdigest()


def render_json(audit: Audit) -> bytes:
    """Render report.json: the contract's order of fields, indented by two spaces, UTF-8."""
    return format_json(audit.report, order="deterministic")


def format_json(value: object, *, order: Literal["deterministic"] | None = None) -> bytes:
    """A document for people, too: indented by two spaces, with a line's end; fields as declared.

    ``order`` is msgspec's: with `deterministic`, sets and mappings are sorted.
    """
    return msgspec.json.format(encode_canonical(value, order=order), indent=2) + b"\n"
