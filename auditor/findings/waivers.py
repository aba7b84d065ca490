"""Waiver files: who accepts which finding, why and until when. A malformed one is an error.

A file is YAML, with the key `waivers`. Each of its items holds:

- ``rule``: the id of a rule, and ``subject``: an object key (`shop/Deployment/web`) or a glob of
  keys (`shop-*/Deployment/web`); ``detail``, where one finding of several is meant.
- ``reason``, ``owner``, ``approved_by``, ``ticket``: who accepts the risk, who agreed, and where
  that can be looked up; ``compensating_control``, where something else holds the risk down.
- ``created`` and ``expires``: dates, in UTC. It holds on both and between them; not before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from auditor.errors import UsageError
from auditor.located_yaml import LocatedYaml, Misfit, MisfitError, fit, name_nearest, read_yaml
from auditor.model.waivers import WaiverRecord

Text = Annotated[str, msgspec.Meta(min_length=1)]

_HINTS: Mapping[str, str] = {
    "created": "dates are written as 2026-12-31",
    "expires": "dates are written as 2026-12-31",
    "ticket": "put a number in quotes",
}
_HINT_FORM = (
    "each item of `waivers` has rule, subject, reason, owner, approved_by, ticket, created, expires"
)
_HINT_SUBJECT = "write namespace/Kind/name, or Kind/name, or a glob of these"


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a waiver says wherever it stands, in a file or in an annotation."""

    reason: Text
    owner: Text
    approved_by: Text
    ticket: Text
    created: date
    expires: date
    detail: Text | None = None
    compensating_control: Text | None = None


class _Entry(Terms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of `waivers`."""

    rule: Text
    subject: Text


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A waiver file."""

    waivers: tuple[_Entry, ...]


class Waiver(NamedTuple):
    """A waiver that is well-formed, and the first and the last day on which it holds."""

    record: WaiverRecord
    created: date
    expires: date


def load_waivers(paths: Iterable[str], rule_ids: Collection[str]) -> tuple[Waiver, ...]:
    """Read waiver files, in the order given.

    Raises:
        UsageError: a file cannot be read, or a waiver is malformed, names an unknown rule or says
            what another one says already. The message names the file, the line and the key.
    """
    found: list[Waiver] = []
    places: dict[str, str] = {}
    for path in paths:
        file = read_yaml(Path(path), "waiver file", hint="name a readable YAML file of waivers")
        for waiver, place in _read(file, path, rule_ids):
            record = waiver.record
            if record.id in places:
                raise UsageError(
                    f"{place}: waiver of {record.rule} for {record.subject} "
                    f"is a duplicate of the one in {places[record.id]}",
                    hint="keep one of the two",
                )
            places[record.id] = place
            found.append(waiver)
    return tuple(found)


def check_terms(terms: Terms) -> Misfit | None:
    """What the types cannot say of a waiver: no text is blank, and it expires after it began."""
    for name in msgspec.structs.fields(type(terms)):
        value = getattr(terms, name.name)
        if isinstance(value, str) and not value.strip():
            return Misfit((name.name,), "is blank")
    if terms.expires < terms.created:
        return Misfit(
            ("expires",),
            f"is malformed: {terms.expires} is before {terms.created}, when it was created",
        )
    return None


def make_waiver(
    terms: Terms,
    *,
    rule: str,
    subject: str,
    file: str | None = None,
    line: int | None = None,
    annotated: str | None = None,
) -> Waiver:
    """The waiver that the terms make of a rule and a subject."""
    parts = (rule, subject, terms.detail or "", annotated or "")
    return Waiver(
        WaiverRecord(
            id=hashlib.sha256("\0".join(("waiver", *parts)).encode()).hexdigest()[:16],
            rule=rule,
            subject=subject,
            detail=terms.detail,
            reason=terms.reason.strip(),
            compensating_control=terms.compensating_control,
            owner=terms.owner,
            approved_by=terms.approved_by,
            ticket=terms.ticket,
            created=terms.created.isoformat(),
            expires=terms.expires.isoformat(),
            file=file,
            line=line,
            annotated=annotated,
        ),
        terms.created,
        terms.expires,
    )


def _read(file: LocatedYaml, path: str, rule_ids: Collection[str]) -> Iterator[tuple[Waiver, str]]:
    """The waivers of a file, each with its place."""
    try:
        entries = fit(file.content, _File).waivers
    except MisfitError as error:
        raise _fault(file, (), error.misfit) from error
    for position, entry in enumerate(entries):
        item = ("waivers", position)
        if (misfit := check_terms(entry) or _check_target(entry, rule_ids)) is not None:
            raise _fault(file, item, misfit)
        waiver = make_waiver(
            entry, rule=entry.rule, subject=entry.subject, file=path, line=file.line(item)
        )
        yield waiver, file.place(item)


def _check_target(entry: _Entry, rule_ids: Collection[str]) -> Misfit | None:
    if entry.rule not in rule_ids:
        return Misfit(
            ("rule",), f"is malformed: {entry.rule} is no rule", name_nearest(entry.rule, rule_ids)
        )
    if not 1 <= entry.subject.count("/") <= 2:
        return Misfit(
            ("subject",), f"is malformed: {entry.subject} is no object key", _HINT_SUBJECT
        )
    return None


def _fault(file: LocatedYaml, above: tuple[str | int, ...], misfit: Misfit) -> UsageError:
    path = (*above, *misfit.path)
    hint = misfit.hint or _HINTS.get(str(path[-1]) if path else "", _HINT_FORM)
    return file.error(path, misfit.reason, hint=hint)
