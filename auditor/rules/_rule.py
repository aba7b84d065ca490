"""What a rule is: a module with a page (its docstring), a SEVERITY and a check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.report import RulePage
from auditor.reachability.view import View

HEADINGS = ("What it means", "Why it matters", "How to fix", "When to waive")
"""The sections of a rule's page, in order."""

Check = Callable[[View], Iterator[Hit | Unevaluated]]


class Rule(NamedTuple):
    """A rule, read from its module."""

    id: str
    severity: Severity
    check: Check
    page: RulePage


def read_rule(module: ModuleType) -> Rule:
    """Read a rule from its module; the id is the file's stem with `_` → `-`.

    Raises:
        ValueError: the docstring lacks one of the sections.

    """
    rule_id = module.__name__.rpartition(".")[2].replace("_", "-")
    severity: Severity = module.SEVERITY
    return Rule(rule_id, severity, module.check, _read_page(rule_id, severity, module))


def _read_page(rule_id: str, severity: Severity, module: ModuleType) -> RulePage:
    title, *paragraphs = inspect.getdoc(module).split("\n\n")  # type: ignore[union-attr]
    sections: list[tuple[str, str]] = []
    for paragraph in paragraphs:
        text = " ".join(paragraph.split())
        heading, colon, rest = text.partition(": ")
        if colon and heading in HEADINGS:
            sections.append((heading, rest))
        elif sections:
            sections[-1] = (sections[-1][0], f"{sections[-1][1]}\n\n{text}")
    if tuple(heading for heading, _ in sections) != HEADINGS:
        raise ValueError(f"{rule_id}: the docstring must hold the sections {', '.join(HEADINGS)}")
    return RulePage(id=rule_id, severity=severity, title=title, sections=tuple(sections))
