"""Databases that people declare: in the settings, or by a label of the pods.

The settings are the auditor's, and may say that a workload is no database. A label is anyone's who
may write a pod: it can only add one, or nobody would see what a tenant hides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from auditor.detection.data import Engine
from auditor.model.objects import Reference

DATABASE_LABEL = "netpol-auditor.io/database"
"""Its value is an engine."""

_NO_DATABASE = "none"
_UNNAMED = "database"
"""The engine of a label without a value."""


class Declaration(NamedTuple):
    """What the settings say of a workload. ``engine`` None: it is no database."""

    engine: str | None
    evidence: str


class Engines:
    """The engines of the data by name, however a declaration spells it."""

    def __init__(self, engines: Iterable[Engine]) -> None:
        """Index them."""
        self._by_name = {_spell(one.name): one for one in engines}

    def find(self, name: str) -> tuple[str, tuple[int, ...]]:
        """The engine's own name and its usual ports; one of the user's own has no known ports."""
        engine = self._by_name.get(_spell(name))
        return (engine.name, engine.ports) if engine else (name, ())

    def find_label(self, labels: Mapping[str, str]) -> tuple[str, tuple[int, ...]] | None:
        """The engine that a pod's label declares. That it is none cannot be declared here."""
        value = labels.get(DATABASE_LABEL)
        if value is None or value.lower() == _NO_DATABASE:
            return None
        return self.find(value or _UNNAMED)


class DeclaredWorkloads:
    """The workloads that the settings declare, by key or glob."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        """Keep what the settings say: `namespace/kind/name` → engine or `none`."""
        self._declared = declared
        self._globs = tuple((key, key.split("/")) for key in declared)
        self._found: dict[Reference, Declaration | None] = {}

    def find(self, workload: Reference) -> Declaration | None:
        """What they say of a workload: by its own key, else by the first glob that matches it."""
        if not self._globs:
            return None
        if workload not in self._found:
            self._found[workload] = self._match(workload)
        return self._found[workload]

    def _match(self, workload: Reference) -> Declaration | None:
        key: str | None = str(workload)
        if key not in self._declared:
            parts = (workload.namespace, workload.kind, workload.name)
            matching = (key for key, globs in self._globs if all(map(fnmatchcase, parts, globs)))
            key = next(matching, None)
        if key is None:
            return None
        engine = self._declared[key]
        none = engine.lower() == _NO_DATABASE
        return Declaration(None if none else engine, f"settings: workloads {key}")


def _spell(name: str) -> str:
    """A name as a label's value can spell it: `SQL Server` as `sql-server`."""
    return "-".join(name.lower().replace("_", "-").split())
