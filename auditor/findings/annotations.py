"""Annotations that waive a finding of the object that bears them. Honoured where the settings say.

The key is `netpol-auditor.io/waive.RULE`. The subject is the object: a namespace, a policy, or a
workload by the annotations of all its pods, which its pod template sets. The value is either a
mapping, as JSON or as several lines of YAML, or one line:

    no fix before the next release; owner=team-a; approved_by=b.bright; ticket=SEC-1;
    created=2026-01-10; expires=2026-06-30

The keys are those of an item of a waiver file, without rule and subject. The text that stands first
is the reason. Whoever may change an object may so waive what is found of it: hence no rule's
annotations are honoured unless the settings name the rule. A malformed one never waives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from auditor.errors import UsageError
from auditor.findings.scope import Judged
from auditor.findings.waivers import Terms, Waiver, check_terms, make_waiver
from auditor.located_yaml import LocatedYaml, Misfit, MisfitError, fit
from auditor.model.objects import LONGEST_WAIVER, WAIVER_PREFIX, Reference
from auditor.model.waivers import RefusedWaiverRecord
from auditor.reachability.view import View


class Annotated(NamedTuple):
    """The waivers of annotations, and the annotations that are none; both sorted by object."""

    waivers: tuple[Waiver, ...]
    refused: tuple[RefusedWaiverRecord, ...]


def read_annotations(
    view: View, judged: Judged, *, honoured: Collection[str], rule_ids: Collection[str]
) -> Annotated:
    """Read the annotations of all that is judged; ``honoured`` are the rules they may waive."""
    waivers: list[Waiver] = []
    refused: list[RefusedWaiverRecord] = []
    for subject, annotation, text in sorted(_find(view)):
        if not judged.holds(subject):
            continue
        key, rule = str(subject), annotation.removeprefix(WAIVER_PREFIX)
        try:
            _check_rule(rule, honoured, rule_ids)
            terms = _parse(text)
        except _RefusedError as error:
            refused.append(RefusedWaiverRecord(key, annotation, str(error)))
        else:
            waivers.append(make_waiver(terms, rule=rule, subject=key, annotated=key))
    return Annotated(tuple(waivers), tuple(refused))


class _RefusedError(Exception):
    """An annotation waives nothing, and why."""


def _find(view: View) -> Iterator[tuple[Reference, str, str | None]]:
    """Subject, annotation and text; no text where the pods of a workload differ in it."""
    for namespace in view.snapshot.namespaces:
        subject = Reference(namespace.name, "Namespace", namespace.name)
        yield from ((subject, *one) for one in namespace.metadata.annotations.items())
    for policy in view.snapshot.policies:
        yield from ((policy.reference, *one) for one in policy.metadata.annotations.items())
    if not any(one.metadata.annotations for one in view.snapshot.pods):
        return
    pods: dict[Reference, list[Mapping[str, str]]] = {}
    for node in view.workloads:
        borne = pods.setdefault(node.endpoint.workload, [])
        borne += (one.metadata.annotations for one in view.pods_of(node))
    for workload, borne in pods.items():
        for annotation in {key for one in borne for key in one}:
            texts = {one.get(annotation) for one in borne}
            yield workload, annotation, texts.pop() if len(texts) == 1 else None


def _check_rule(rule: str, honoured: Collection[str], rule_ids: Collection[str]) -> None:
    if rule not in rule_ids:
        raise _RefusedError(f"{rule} is no rule")
    if rule not in honoured:
        raise _RefusedError("the settings do not honour annotations for this rule")


def _parse(text: str | None) -> Terms:
    """The terms that an annotation states.

    Raises:
        _RefusedError: it is malformed.
    """
    if text is None:
        raise _RefusedError("not every pod of the workload bears it, or not the same one")
    if len(text) > LONGEST_WAIVER:
        raise _RefusedError(f"it is longer than {LONGEST_WAIVER:,} characters")
    is_mapping = text.lstrip().startswith("{") or "\n" in text.strip()
    value = _parse_yaml(text) if is_mapping else _parse_line(text)
    try:
        terms = fit(value, Terms)
    except MisfitError as error:
        raise _RefusedError(_spell(error.misfit)) from error
    if (misfit := check_terms(terms)) is not None:
        raise _RefusedError(_spell(misfit))
    return terms


def _parse_yaml(text: str) -> Any:
    try:
        return LocatedYaml("it", text).content
    except UsageError as error:
        raise _RefusedError(error.message) from error


def _parse_line(text: str) -> dict[str, str]:
    reason, *others = (one.strip() for one in text.split(";"))
    value: dict[str, str] = {"reason": reason}
    for one in filter(None, others):
        key, equals, said = one.partition("=")
        key = key.strip()
        if not equals:
            raise _RefusedError(f"{one} is no key=value")
        if key in value:
            raise _RefusedError(f"key {key} is given twice")
        value[key] = said.strip()
    return value


def _spell(misfit: Misfit) -> str:
    subject = f"key {'.'.join(map(str, misfit.path))}" if misfit.path else "it"
    return f"{subject} {misfit.reason}" + (f"; {misfit.hint}" if misfit.hint else "")
