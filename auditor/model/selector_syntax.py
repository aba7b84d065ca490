"""Label selectors as people write them on a command line: kubectl's syntax.

Source: the grammar of `k8s.io/apimachinery/pkg/labels.Parse`, without its `<` and `>`, which no
API object can hold.
"""

from __future__ import annotations

import re

from auditor.model.selectors import LabelSelector, Operator, Requirement

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?P<key>(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME})"
_VALUE = re.compile(rf"(?:{_NAME})?")
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUALITY = re.compile(rf"{_KEY}\s*(?P<operator>==?|!=)\s*(?P<value>[^\s=!]*)")
_EXISTENCE = re.compile(rf"(?P<negated>!\s*)?{_KEY}")
_COMMA_OUTSIDE_BRACKETS = re.compile(r",(?![^()]*\))")


def parse_selector(text: str) -> LabelSelector:
    """Read `app=web,tier!=db,env in (dev,test),!legacy`; an empty text selects everything.

    Raises:
        ValueError: the text is no selector; the message names the part that is not.
    """
    if not text.strip():
        return LabelSelector()
    parts = _COMMA_OUTSIDE_BRACKETS.split(text)
    return LabelSelector(match_expressions=tuple(_parse_requirement(one.strip()) for one in parts))


def _parse_requirement(part: str) -> Requirement:
    if match := _SET.fullmatch(part):
        values = tuple(one.strip() for one in match["values"].split(","))
        return _require(part, match["key"], "In" if match["operator"] == "in" else "NotIn", values)
    if match := _EQUALITY.fullmatch(part):
        operator: Operator = "NotIn" if match["operator"] == "!=" else "In"
        return _require(part, match["key"], operator, (match["value"],))
    if match := _EXISTENCE.fullmatch(part):
        return _require(part, match["key"], "DoesNotExist" if match["negated"] else "Exists", ())
    raise ValueError(f"{part!r} is no requirement")


def _require(part: str, key: str, operator: Operator, values: tuple[str, ...]) -> Requirement:
    for value in values:
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{value!r} in {part!r} is no label value")
    return Requirement(key=key, operator=operator, values=values)


def spell_selector(selector: LabelSelector) -> str:
    """Spell a selector in the same syntax: what `parse_selector` reads back as its equal."""
    return ",".join(_spell(one) for one in selector.requirements())


def _spell(one: Requirement) -> str:
    values = ",".join(one.values)
    match one.operator:
        case "In":
            return f"{one.key}={values}" if len(one.values) == 1 else f"{one.key} in ({values})"
        case "NotIn":
            return f"{one.key} notin ({values})"
        case "Exists":
            return one.key
        case "DoesNotExist":
            return f"!{one.key}"
