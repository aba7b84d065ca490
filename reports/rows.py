"""The display rows: what every format shows, worded, sorted and counted, ready to be laid out.

Strings in rows are inert and visible already (`reports.text`); escaping for a format is the
format's own business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.model.findings import Severity


class Tone(StrEnum):
    """How a statement is to be taken; formats show it by colour and by word."""

    BAD = "bad"
    WARN = "warn"
    UNKNOWN = "unknown"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value. ``exact``: a digest or an id, to be set in a fixed-width font."""

    label: str
    value: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion: a headline of a few words, and a paragraph in plain words."""

    tone: Tone
    headline: str
    paragraph: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that limits or colours every result, to be shown before them."""

    tone: Tone
    title: str
    text: str
    anchor: str = ""
    """The section that tells more, or empty."""


@dataclass(frozen=True, slots=True)
class SeverityCount:
    """Open findings of one severity, and how many of them are in system namespaces."""

    severity: Severity
    label: str
    total: int
    system: int


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A connection that a remediation closes, or opens."""

    source: str
    destination: str
    ports: str


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """What a remediation closes of today's connections, or opens: in words, and the first rows."""

    text: str
    caption: str
    rows: tuple[ChangedRow, ...]


@dataclass(frozen=True, slots=True)
class RemediationRow:
    """How to mend a finding, and what that opens and closes."""

    manifest: str
    steps: tuple[str, ...]
    changed: tuple[ChangedRows, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """Another finding about the same subject; the id is empty where it only counts more."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding."""

    id: str
    rule: str
    title: str
    """The rule's title."""
    severity: Severity
    severity_reason: str
    status: str
    waiver: str
    """Until when, and who answers for it; empty where no waiver was meant for it."""
    waiver_reason: str
    waiver_expired: bool
    """The waiver holds no longer, and the finding is open again."""
    system: bool
    namespace: str
    """Empty for the Cluster and for Environments."""
    kind: str
    name: str
    subject: str
    """The object key."""
    detail: str
    message: str
    hint: str
    witness: str
    """`source → destination on TCP 5432`, or empty."""
    policies: tuple[str, ...]
    evidence: tuple[Fact, ...]
    related: tuple[Related, ...]
    seen: str
    """Since when; empty where no history says so."""
    is_new: bool
    """It was looked for in the run before, and not found."""
    remediation: RemediationRow | None


@dataclass(frozen=True, slots=True)
class WorstRow:
    """The worst finding of a rule at one severity, and how many more of these there are."""

    finding: FindingRow
    more: int


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst findings, a line for each rule and severity, and what else there is in words."""

    rows: tuple[WorstRow, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """A problem: the findings of one rule and severity.

    ``rows`` are shown in full, ``listed`` in a line each, and ``omitted`` counts the rest.
    ``namespace`` is empty but where there are so many findings that they are grouped by it too.
    """

    rule: str
    title: str
    severity: Severity
    system: bool
    namespace: str
    total: int
    extent: str
    """How many findings, in how many namespaces, in words."""
    hint: str
    """The first one's."""
    controls: tuple[Fact, ...]
    """The controls that they touch, by framework."""
    rows: tuple[FindingRow, ...]
    listed: tuple[FindingRow, ...]
    omitted: int
    folded: bool
    """It is to be read by whoever asks for it, and hides nothing worse."""


@dataclass(frozen=True, slots=True)
class FindingSection:
    """A section of findings, problem by problem, the worst first."""

    anchor: str
    title: str
    introduction: str
    total: int
    groups: tuple[FindingGroup, ...]
    omitted: str
    """What is left out and where it stands, in words; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What became of a rule, and its open findings by severity, worst first."""

    id: str
    title: str
    status: str
    tone: Tone
    declared_only: bool
    notes: tuple[Fact, ...]
    """What explains its status and its severity."""
    counts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class GapRow:
    """What was not seen, where, why, and what that means."""

    what: str
    where: str
    reason: str
    effect: str


@dataclass(frozen=True, slots=True)
class Gaps:
    """Gaps: how many, the rows shown, and what the rest is."""

    total: int
    rows: tuple[GapRow, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """Namespaces that were not judged, the first of them as name and reason."""

    rows: tuple[Fact, ...]
    omitted: int


@dataclass(frozen=True, slots=True)
class PageBlock:
    """A block of a rule's page: `paragraph`, `item` or `code`; code spans are marked in it."""

    kind: str
    spans: tuple[tuple[bool, str], ...]
    """Text in order; True marks code."""


@dataclass(frozen=True, slots=True)
class PageSection:
    """A section of a rule's page."""

    heading: str
    blocks: tuple[PageBlock, ...]


@dataclass(frozen=True, slots=True)
class PageRow:
    """A rule's page."""

    id: str
    title: str
    severity: Severity
    sections: tuple[PageSection, ...]


@dataclass(frozen=True, slots=True)
class PictureCell:
    """Traffic from one namespace to another. ``level`` 0 to 5 by share; ``open`` adds a mark."""

    text: str
    """Percent of the pairs, `·` where there is no pair."""
    level: int
    open: bool
    """At least one pair may connect on every port."""
    title: str


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A source namespace and its cells, in the order of the names."""

    name: str
    cells: tuple[PictureCell, ...]


@dataclass(frozen=True, slots=True)
class PairRow:
    """Traffic between two different namespaces, in numbers."""

    source: str
    destination: str
    allowed: int
    unrestricted: int
    total: int
    share: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Who reaches whom. ``pairs`` are the most open pairs of namespaces, in words."""

    names: tuple[str, ...]
    rows: tuple[PictureRow, ...]
    note: str
    pairs: tuple[PairRow, ...]
