"""Which environment a namespace belongs to, by the settings, its labels, or its name.

The first of these keys with a value that names an environment decides, and the name of the
namespace may only agree: a label beats a name that names several, and where the label and a clear
name contradict each other, the environment is ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from auditor.detection.data import DetectionData
from auditor.model.objects import Namespace
from auditor.model.recognition import DECLARED, Environment
from auditor.settings import DetectionSettings

_SEPARATOR = re.compile(r"[-_.]+")
_ANY_PREFIX = "*/"


class _Naming(NamedTuple):
    """The environments that one text names (several: it contradicts itself), and the evidence."""

    names: frozenset[str]
    evidence: tuple[str, ...]


class _Vocabulary:
    """The words of the data, compiled to one expression that takes the longest match first."""

    def __init__(self, data: DetectionData) -> None:
        self._environment_of = {
            value: one.name for one in data.environments for value in one.values
        }
        self.production = frozenset(one.name for one in data.environments if one.production)
        self._inexact = frozenset(one.name for one in data.environments if one.inexact)
        longest_first = sorted((*self._environment_of, *data.ignore), key=len, reverse=True)
        self._group_values = dict(enumerate(longest_first, start=1))
        alternatives = "|".join(f"({_spell(one)})" for one in longest_first)
        self._pattern = re.compile(f"(?:^|(?<=-))(?:{alternatives})(?=-|$)")

    def read(self, text: str) -> dict[str, str]:
        """The words of a text that name an environment, in order, with the environment."""
        found: dict[str, str] = {}
        for match in self._pattern.finditer(_SEPARATOR.sub("-", text.lower())):
            value = self._group_values[match.lastindex or 0]
            if value in self._environment_of:
                found[match[0]] = self._environment_of[value]
        return found

    def settle(self, names: frozenset[str]) -> frozenset[str]:
        """The names, an inexact one replaced by more exact ones that it does not exclude."""
        exact = names - self._inexact
        return names if not exact or exact & self.production else exact


def _spell(value: str) -> str:
    return value.replace("#", r"\d+") if "#" in value else rf"{value}\d*"


def _read_labels(
    labels: Mapping[str, str], keys: Iterable[str], vocabulary: _Vocabulary
) -> _Naming | None:
    """What the first key of the list says that says something."""
    for key in keys:
        present = sorted(one for one in labels if _is_key(one, key))
        names: set[str] = set()
        evidence = []
        for label in present:
            if found := vocabulary.read(labels[label]):
                names.update(found.values())
                evidence.append(f"label {label}={labels[label]}")
        if names:
            return _Naming(vocabulary.settle(frozenset(names)), tuple(evidence))
    return None


def _is_key(label: str, key: str) -> bool:
    if key.startswith(_ANY_PREFIX):
        return label.endswith(key.removeprefix("*")) and len(label) > len(key) - 1
    return label == key


def _read_name(name: str, vocabulary: _Vocabulary) -> _Naming | None:
    found = vocabulary.read(name)
    if not found:
        return None
    words = ", ".join(found)
    names = vocabulary.settle(frozenset(found.values()))
    return _Naming(names, (f"name {name} ({words})",))


def _settle(
    label: _Naming | None, name: _Naming | None, vocabulary: _Vocabulary
) -> Environment | None:
    """Weigh what the label says against what the name says."""
    if label is None or name is None:
        only = label or name
        return None if only is None else _environment(only.names, only.evidence, vocabulary)
    evidence = label.evidence + name.evidence
    if label.names <= name.names:
        return _environment(label.names, evidence, vocabulary)
    return _environment(vocabulary.settle(label.names | name.names), evidence, vocabulary)


def _environment(
    names: frozenset[str], evidence: tuple[str, ...], vocabulary: _Vocabulary
) -> Environment:
    return Environment(
        name=next(iter(names)) if len(names) == 1 else None,
        production=not names.isdisjoint(vocabulary.production),
        evidence=evidence,
    )


def _declare(text: str, vocabulary: _Vocabulary) -> Environment:
    """The environment that the settings give: one that the data knows, or the user's own.

    One's own name is production where a word of it says so: `prod-eu` is.
    """
    words = vocabulary.read(text)
    return Environment(
        name=words.get(_SEPARATOR.sub("-", text.lower()), text),
        production=not vocabulary.production.isdisjoint(words.values()),
        evidence=(DECLARED,),
    )


def recognize_environments(
    namespaces: Iterable[Namespace],
    system_namespaces: frozenset[str],
    data: DetectionData,
    settings: DetectionSettings,
) -> Mapping[str, Environment]:
    """The environments by namespace; a namespace without evidence is absent.

    The name of a system namespace says nothing about its environment. An ambiguous environment
    counts as production where any of its evidence says production.
    """
    vocabulary = _Vocabulary(data)
    found: dict[str, Environment] = {}
    for namespace in namespaces:
        if declared := _find_declared(namespace.name, settings):
            found[namespace.name] = _declare(declared, vocabulary)
            continue
        label = _read_labels(namespace.labels, (*data.keys, *data.weak_keys), vocabulary)
        is_system = namespace.name in system_namespaces
        name = None if is_system else _read_name(namespace.name, vocabulary)
        if environment := _settle(label, name, vocabulary):
            found[namespace.name] = environment
    return found


def _find_declared(namespace: str, settings: DetectionSettings) -> str | None:
    """The environment that the settings give a namespace: by its name, else by the first glob."""
    declared = settings.environments
    by_glob = (value for glob, value in declared.items() if fnmatchcase(namespace, glob))
    return declared.get(namespace) or next(by_glob, None)
