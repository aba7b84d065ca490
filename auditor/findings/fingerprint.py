"""The identity of a finding, stable across runs and between files and cluster."""

from __future__ import annotations

import hashlib

from auditor.model.objects import Reference


def fingerprint(rule: str, subject: Reference, detail: str | None) -> str:
    """Hash rule, subject and detail: 16 hexadecimal digits."""
    parts = (rule, subject.namespace, subject.kind, subject.name, detail or "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
