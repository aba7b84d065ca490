"""Cases of the rules: reads `cases/<id>.yaml`, strictly, so that a misspelt field is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import yaml

from auditor.model.findings import Severity
from auditor.settings import DetectionSettings
from tests.rules.auditing import Audited, Reading, audit_snapshot, read_path

CASES = Path(__file__).parent / "cases"

Kind = Literal["flagged", "clean", "near-miss", "not-evaluated"]


class ExpectedFinding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding, as far as a case states it."""

    subject: str
    """`namespace/kind/name`, or `kind/name` where the subject has no namespace."""
    severity: Severity
    detail: str | None = None
    system: bool = False
    policies: tuple[str, ...]
    remediation: Literal["manifest", "steps"]
    witness: str | msgspec.UnsetType | None = msgspec.UNSET
    """`source → destination TCP 80`, null where none exists; unset: not stated."""
    evidence: dict[str, Any] = {}
    """Entries that the evidence must have; it may have more."""


class CaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of an audit that bear on rules."""

    ip_blocks_match_pods: Reading = "auto"
    detection: DetectionSettings = DetectionSettings()


class WrittenCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case as it stands in the file."""

    name: str
    kind: Kind
    manifests: tuple[dict[str, Any], ...]
    settings: CaseSettings = CaseSettings()
    findings: tuple[ExpectedFinding, ...] = ()
    not_evaluated: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    objects: dict[str, Any]
    """Manifests that cases share, by YAML's aliases."""
    cases: tuple[WrittenCase, ...]


class Case(NamedTuple):
    """A case with the rule that it is about."""

    rule: str
    written: WrittenCase

    def __str__(self) -> str:
        """Give the rule and the name."""
        return f"{self.rule}: {self.written.name}"

    def audit(self, folder: Path) -> Audited:
        """Write the manifests into the folder, and audit them."""
        path = folder / "case.yaml"
        path.write_text(yaml.safe_dump_all(self.written.manifests), encoding="utf-8")
        settings = self.written.settings
        return audit_snapshot(
            read_path(path), reading=settings.ip_blocks_match_pods, detection=settings.detection
        )


def read_cases() -> tuple[Case, ...]:
    """Every case of every rule.

    Raises:
        msgspec.ValidationError: a field is unknown, missing or of the wrong type.

    """
    return tuple(
        Case(path.stem, one)
        for path in sorted(CASES.glob("*.yaml"))
        for one in msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File).cases
    )
