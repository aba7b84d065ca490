"""The detection data: its schema, and its loader.

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

from auditor.errors import UsageError
from auditor.model.retention import PolicyKind

Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+$")]
Words = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9#]+(-[a-z0-9#]+)*$")]
Flag = Annotated[str, msgspec.Meta(pattern=r"^--[a-z0-9-]+$")]
Labels = Annotated[Mapping[Text, str], msgspec.Meta(min_length=1)]

SchemaT = TypeVar("SchemaT", bound=msgspec.Struct)


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of the schema: a key that it does not know is an error."""


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
        _check_unique("engine", tuple(one.name for one in self.engines))


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
        _check_unique("environment", tuple(one.name for one in self.environments))
        values = tuple(value for one in self.environments for value in one.values)
        _check_unique("value", values + self.ignore)


class SystemData(Data, frozen=True):
    """``system.yaml``."""

    namespaces: Texts


class DnsData(Data, frozen=True):
    """``dns.yaml``: sets of exact labels, any of which marks a pod that answers cluster DNS.

    The first is the one by which policies usually select such pods.
    """

    labels: Annotated[tuple[Labels, ...], msgspec.Meta(min_length=1)]


class FlagSwitch(Data, frozen=True):
    """A flag of an agent's container that turns enforcement on or off."""

    name: Flag
    default: str
    on: tuple[str, ...]
    off: tuple[str, ...]
    container: str = ""
    """Empty: any container."""


class KeySwitch(Data, frozen=True):
    """A key of a ConfigMap that turns enforcement on or off."""

    key: Text
    default: str
    on: tuple[str, ...]
    off: tuple[str, ...]


class KeyReading(Data, frozen=True):
    """A key of a ConfigMap whose listed words leave ipBlocks not matching pods."""

    key: Text
    no: tuple[str, ...]


class ReleaseSwitch(Data, frozen=True):
    """Enforcement that came with an image of some date."""

    image: Text
    date: Annotated[int, msgspec.Meta(ge=20000101, le=99991231)]


class CniConfigMap(Data, frozen=True):
    """What a CNI's ConfigMap says."""

    name: Text
    keys: tuple[KeySwitch, ...]
    ip_blocks: KeyReading | None = None
    shown: tuple[Text, ...] = ()
    """Keys that are evidence and decide nothing."""


class CniAgent(Data, frozen=True):
    """A CNI, by its agent."""

    name: Text
    daemon_sets: Texts
    enforces: bool
    labels: Mapping[Text, str] = {}
    namespaces: tuple[Text, ...] = ()
    ip_blocks_match_pods: bool | None = None
    container: str = ""
    flag: FlagSwitch | None = None
    released: ReleaseSwitch | None = None
    config_map: CniConfigMap | None = None
    secondary: bool = False


class InProcessController(Data, frozen=True):
    """A policy controller that runs inside the node's own process."""

    name: Text
    version: Text
    """What the kubelet's version contains."""
    annotation: Text
    """The node annotation that holds the process's arguments, a JSON list of words."""
    role: Text
    """The first argument of the nodes whose arguments decide."""
    disabled_by: Flag


class ConfigMapData(Data, frozen=True):
    """A ConfigMap that a CNI reads, and the keys to keep of it."""

    namespace: Text
    name: Text
    keys: Texts


class CniData(Data, frozen=True):
    """``cnis.yaml``."""

    config_maps: tuple[ConfigMapData, ...]
    cnis: Annotated[tuple[CniAgent, ...], msgspec.Meta(min_length=1)]
    in_process: tuple[InProcessController, ...]

    def __post_init__(self) -> None:
        """Check that what is read of a ConfigMap is also kept, and that names are unique."""
        _check_unique("cni", tuple(one.name for one in self.cnis))
        _check_unique("daemon set", tuple(name for one in self.cnis for name in one.daemon_sets))
        _check_unique("config map", tuple(one.name for one in self.config_maps))
        kept = {one.name: one.keys for one in self.config_maps}
        for cni in self.cnis:
            if (read := cni.config_map) is None:
                continue
            keys = [*(one.key for one in read.keys), *read.shown]
            if read.ip_blocks is not None:
                keys.append(read.ip_blocks.key)
            for key in keys:
                if key not in kept.get(read.name, ()):
                    raise ValueError(
                        f"cni `{cni.name}` reads key `{key}` of `{read.name}`, "
                        "which config_maps does not keep"
                    )


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
        _check_unique("kind", tuple(f"{one.kind}.{one.group}" for one in self.kinds))


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from error


def _check_unique(what: str, names: tuple[str, ...]) -> None:
    if double := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what} `{double[0]}` occurs twice")


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
            hint="compare the key with the schema in auditor/detection/data.py",
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
