"""Label selectors (semantics, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from auditor.model._value import Value

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server sets on every Namespace, with the namespace's own name."""


class Requirement(Value, frozen=True):
    """One entry of ``matchExpressions``."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels meets the requirement.

        ``NotIn`` and ``DoesNotExist`` also match objects without the key.
        """
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return self.key not in labels or labels[self.key] not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Value, frozen=True):
    """A selector: ``matchLabels`` and ``matchExpressions``, ANDed. Empty selects everything."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    def requirements(self) -> tuple[Requirement, ...]:
        """The selector as requirements alone, in canonical order, without repetition.

        Two selectors that say the same thing in another order have equal requirements.
        """
        found = [
            Requirement(key=key, operator="In", values=(value,))
            for key, value in self.match_labels.items()
        ]
        for one in self.match_expressions:
            values = tuple(sorted(set(one.values)))
            found.append(Requirement(key=one.key, operator=one.operator, values=values))
        if len(found) <= 1:
            return tuple(found)  # as of almost every selector
        return tuple(sorted(set(found), key=lambda one: (one.key, one.operator, one.values)))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            one.matches(labels) for one in self.match_expressions
        )
