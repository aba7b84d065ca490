"""The detection data: its loader, and its schema (that of CNIs is in `cni_data`).

The data lives in ``data/*.yaml`` inside the package. A file is read when it is first asked for,
once, and is valid or an error that names the file and the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, TypeVar

import msgspec

from auditor.detection.cni_data import CniData
from auditor.detection.schema import Data, Text, Texts, check_unique
from auditor.errors import UsageError
from auditor.model.retention import PolicyKind

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+$")]
Words = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9#]+(-[a-z0-9#]+)*$")]
Labels = Annotated[Mapping[Text, str], msgspec.Meta(min_length=1)]

SchemaT = TypeVar("SchemaT", bound=msgspec.Struct)


class LabelEvidence(Data, frozen=True):
    """Labels that mark a data store; values are globs, and all must match."""

    match: Labels
    marks: Literal["data", "product"]
    """``data``: the pods that hold the data alone; ``product``: its helpers, too."""


class Engine(Data, frozen=True):
    """A database engine and how it is told."""

    name: Text
    images: Texts
    ports: Annotated[tuple[Port, ...], msgspec.Meta(min_length=1)]
    labels: tuple[LabelEvidence, ...] = ()
    exclude: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        """Check that the images are regular expressions."""
        for pattern in self.images:
            _check_pattern(pattern)


class DatabaseData(Data, frozen=True):
    """``databases.yaml``."""

    exclude: tuple[Word, ...]
    transient_kinds: tuple[Text, ...]
    engines: Annotated[tuple[Engine, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Check that no engine occurs twice."""
        check_unique("engine", tuple(one.name for one in self.engines))


class EnvironmentValues(Data, frozen=True):
    """An environment and the words that name it."""

    name: Text
    values: Annotated[tuple[Words, ...], msgspec.Meta(min_length=1)]
    production: bool = False
    inexact: bool = False
    """It only says what the environment is not: a more exact word takes its place."""


class EnvironmentData(Data, frozen=True):
    """``environments.yaml``."""

    keys: Texts
    weak_keys: tuple[Text, ...]
    environments: Annotated[tuple[EnvironmentValues, ...], msgspec.Meta(min_length=1)]
    ignore: tuple[Words, ...]

    def __post_init__(self) -> None:
        """Check that no environment and no value occurs twice."""
        check_unique("environment", tuple(one.name for one in self.environments))
        values = tuple(value for one in self.environments for value in one.values)
        check_unique("value", values + self.ignore)


class SystemData(Data, frozen=True):
    """``system.yaml``."""

    namespaces: Texts


class DnsData(Data, frozen=True):
    """``dns.yaml``: sets of exact labels, any of which marks a pod that answers cluster DNS.

    The first is the one by which policies usually select such pods.
    """

    labels: Annotated[tuple[Labels, ...], msgspec.Meta(min_length=1)]


class PolicyKindData(Data, frozen=True):
    """An entry of ``policy_kinds.yaml``."""

    group: Text
    kind: Text
    plural: Text
    namespaced: bool

    @property
    def policy_kind(self) -> PolicyKind:
        """The value that the sources are given."""
        return PolicyKind(
            group=self.group, kind=self.kind, plural=self.plural, namespaced=self.namespaced
        )


class PolicyKindsData(Data, frozen=True):
    """``policy_kinds.yaml``."""

    kinds: tuple[PolicyKindData, ...]

    def __post_init__(self) -> None:
        """Check that no kind occurs twice."""
        check_unique("kind", tuple(f"{one.kind}.{one.group}" for one in self.kinds))


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from error


def parse_data(text: str, file: str, schema: type[SchemaT]) -> SchemaT:
    """Read one file of detection data. ``file`` is its name for messages.

    Raises:
        UsageError: the text is no YAML, or not of the schema; names the file and the key.

    """
    import ryaml

    try:
        content = ryaml.loads(text)
        return msgspec.convert(content, schema)
    except ryaml.InvalidYamlError as error:
        raise UsageError(
            f"detection data {file} is not YAML: {error}",
            hint="mend the YAML at the position named",
        ) from error
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        where = path.strip("`").lstrip(".") or "the document"
        raise UsageError(
            f"detection data {file}, {where}: {reason[:1].lower()}{reason[1:]}",
            hint="compare the key with the schema in auditor/detection",
        ) from error


def _load(file: str, schema: type[SchemaT]) -> SchemaT:
    text = files("auditor.detection").joinpath("data", file).read_text(encoding="utf-8")
    return parse_data(text, file, schema)


@cache
def load_databases() -> DatabaseData:
    """Read ``databases.yaml``."""
    return _load("databases.yaml", DatabaseData)


@cache
def load_environments() -> EnvironmentData:
    """Read ``environments.yaml``."""
    return _load("environments.yaml", EnvironmentData)


@cache
def load_system() -> SystemData:
    """Read ``system.yaml``."""
    return _load("system.yaml", SystemData)


@cache
def load_dns() -> DnsData:
    """Read ``dns.yaml``."""
    return _load("dns.yaml", DnsData)


@cache
def load_cnis() -> CniData:
    """Read ``cnis.yaml``."""
    return _load("cnis.yaml", CniData)


@cache
def load_policy_kinds() -> PolicyKindsData:
    """Read ``policy_kinds.yaml``."""
    return _load("policy_kinds.yaml", PolicyKindsData)
