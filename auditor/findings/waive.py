"""Findings and waivers → what is waived, and what became of each waiver."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import translate
from typing import NamedTuple

import msgspec

from auditor.findings.scope import Judged
from auditor.findings.waivers import Waiver
from auditor.model.findings import RuleStatus
from auditor.model.report import FindingRecord, RuleRecord
from auditor.model.waivers import WaiverState, WaiverUseRecord

OPEN = "open"
WAIVED = "waived"

SOON_DAYS = 30
"""A waiver that expires within as many days is shown apart."""

_GLOB = re.compile(r"[*?\[]")
_ANYWHERE = ""
"""In the place of the first segment of a glob that is itself a glob: of no key is it empty."""


def day_of(moment: str) -> date:
    """The day, in UTC, of an ISO 8601 time; one without an offset is in UTC."""
    parsed = datetime.fromisoformat(moment)
    return (parsed.astimezone(UTC) if parsed.tzinfo else parsed).date()


class Waived(NamedTuple):
    """The findings, each with its waiver, and how many findings each waiver matched, by id."""

    findings: tuple[FindingRecord, ...]
    matched: Mapping[str, int]


class Remaining(NamedTuple):
    """How long a waiver holds from a day on: 0 days on its last one, negative once expired."""

    days: int
    is_expired: bool
    is_soon: bool
    """It holds, and expires within 30 days."""
    begins: date | None
    """The first day on which it holds, where that is still to come."""


def count_days(waiver: Waiver, today: date) -> Remaining:
    """How long a waiver holds."""
    days = (waiver.expires - today).days
    begins = waiver.created if waiver.created > today else None
    return Remaining(days, days < 0, begins is None and 0 <= days <= SOON_DAYS, begins)


def word_beginning(begins: date) -> str:
    """Why a waiver that is yet to begin waives nothing."""
    return f"it begins on {begins.isoformat()}, after the day of this run"


class Book:
    """Waivers, on a day. Exact subjects are looked up at once, globs by their first segment."""

    def __init__(self, waivers: Iterable[Waiver], today: date) -> None:
        self.waivers = tuple(waivers)
        self.today = today
        self._exact: dict[tuple[str, str], list[Waiver]] = {}
        self._globs: dict[tuple[str, str], list[tuple[re.Pattern[str], Waiver]]] = {}
        for one in self.waivers:
            rule, subject = one.record.rule, one.record.subject
            if _GLOB.search(subject):
                head = subject.partition("/")[0]
                place = (rule, _ANYWHERE if _GLOB.search(head) else head)
                pattern = re.compile(translate(subject))
                self._globs.setdefault(place, []).append((pattern, one))
            else:
                self._exact.setdefault((rule, subject), []).append(one)

    def waive(self, findings: Iterable[FindingRecord]) -> Waived:
        """Waive what a waiver accepts. Of several, one that holds goes before one that expired.

        Then the first counts: an exact subject, then a glob in one namespace, then any other, and
        else in the order of the waivers. A finding whose waiver has expired is open again, and
        bears that waiver. One that is yet to begin matches nothing: nobody accepts the risk so far.
        """
        matched: Counter[str] = Counter()
        found: list[FindingRecord] = []
        for one in findings:
            waiver = self._find(one)
            if waiver is None:
                found.append(one)
                continue
            matched[waiver.record.id] += 1
            status = OPEN if self._is_expired(waiver) else WAIVED
            found.append(msgspec.structs.replace(one, status=status, waiver=waiver.record))
        return Waived(tuple(found), matched)

    def _is_expired(self, waiver: Waiver) -> bool:
        return count_days(waiver, self.today).is_expired

    def _find(self, finding: FindingRecord) -> Waiver | None:
        key = str(finding.subject.reference)
        expired = None
        for one in self._candidates(finding.rule, key):
            if count_days(one, self.today).begins is not None:
                continue
            if one.record.detail is None or one.record.detail == finding.detail:
                if not self._is_expired(one):
                    return one
                expired = expired or one
        return expired

    def _candidates(self, rule: str, key: str) -> Iterable[Waiver]:
        yield from self._exact.get((rule, key), ())
        for head in (key.partition("/")[0], _ANYWHERE):
            for pattern, one in self._globs.get((rule, head), ()):
                if pattern.match(key):
                    yield one


NO_WAIVERS = Book((), date.min)


def list_uses(
    book: Book, matched: Mapping[str, int], rules: Sequence[RuleRecord], judged: Judged
) -> tuple[WaiverUseRecord, ...]:
    """What became of each waiver, in the order of the book."""
    by_id = {one.id: one for one in rules}
    uses: list[WaiverUseRecord] = []
    for waiver in book.waivers:
        findings, left = matched.get(waiver.record.id, 0), count_days(waiver, book.today)
        if left.is_expired:
            state = WaiverState.EXPIRED
        elif left.begins is not None:
            state = WaiverState.NOT_YET_VALID
        else:
            state = WaiverState.USED if findings else WaiverState.UNUSED
        uses.append(
            WaiverUseRecord(
                waiver=waiver.record,
                state=state,
                findings=findings,
                expires_in_days=left.days,
                expires_soon=left.is_soon,
                reason=_reason(waiver, left, findings, by_id[waiver.record.rule], judged),
            )
        )
    return tuple(uses)


def _reason(
    waiver: Waiver, left: Remaining, findings: int, rule: RuleRecord, judged: Judged
) -> str | None:
    if left.begins is not None:
        return word_beginning(left.begins)
    return None if findings else _doubt(waiver, rule, judged)


def _doubt(waiver: Waiver, rule: RuleRecord, judged: Judged) -> str | None:
    """Why a waiver may match nothing although what it accepts is still there."""
    if rule.status is RuleStatus.DISABLED:
        return f"rule {rule.id} is disabled"
    if rule.status is RuleStatus.ERROR:
        return f"rule {rule.id} failed to run"
    subject = waiver.record.subject
    namespace = subject.partition("/")[0] if subject.count("/") == 2 else None
    if any(one.name == namespace for one in judged.excluded):
        return f"namespace {namespace} is not judged"
    if rule.reason:
        return f"rule {rule.id} could not judge every subject"
    return None
