"""The evidence of a run: its place in the chain of the cluster's runs, and how to check it."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model.report import Audit
from reports.rows import Fact
from reports.text import group_digits, show_name, show_text

VERIFY_REPORT = "netpol-auditor verify report.json"
VERIFY_SIGNATURE = "netpol-auditor verify report.sig --public-key FILE"


@dataclass(frozen=True, slots=True)
class Check:
    """What can be checked, and the command that does it."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the run stands, what it means in words, and how to check it."""

    text: str
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]


def list_evidence(audit: Audit) -> Evidence:
    """List where the run is kept and what links it to the others; or say why nothing does."""
    evidence, extract = audit.report.run.evidence, audit.extract
    if extract is not None:
        return Evidence(
            text="This is an extract: it holds what concerns the namespaces of its readers, and is "
            "not what the history holds. The whole report of the same run is, and can be checked "
            "by whoever has it.",
            facts=(
                Fact("Extract for", show_name(extract.audience)),
                Fact("Run", show_name(audit.report.run.id), exact=True),
                Fact("Digest of the whole report (SHA-256)", show_name(extract.digest), exact=True),
            ),
            checks=(),
        )
    if evidence is None:
        why = f": {show_text(audit.history)}" if audit.history else ""
        return Evidence(
            text=f"No history holds this run{why}. It can be checked against nothing but itself: "
            "the digest of the report is the SHA-256 of its canonical JSON without run and digest.",
            facts=(),
            checks=(),
        )
    previous = evidence.previous_hash
    return Evidence(
        text=(
            "The run is kept with everything that it found. Its hash covers all of this and the "
            "hash of the run before. What is changed or taken away afterwards breaks the chain, "
            "unless all later hashes are made anew; a signature, or a report that was handed out "
            "before, gives that away too."
        ),
        facts=(
            Fact("History", show_text(audit.history or "not known"), exact=bool(audit.history)),
            Fact("Cluster in the history", show_name(evidence.cluster), exact=True),
            Fact("Number in the chain", group_digits(evidence.sequence)),
            Fact("Hash (SHA-256)", show_name(evidence.hash), exact=True),
            Fact("Hash of the run before", show_name(previous), exact=True)
            if previous
            else Fact("Hash of the run before", "none: this is the first run of the chain"),
        ),
        checks=(
            Check(
                "Whether this report is the one that was kept, and the chain is whole:",
                VERIFY_REPORT,
            ),
            Check(
                "Where runs are signed, a signature is written beside the report. Whether it is "
                "genuine, with the public key of whoever signs:",
                VERIFY_SIGNATURE,
            ),
        ),
    )
