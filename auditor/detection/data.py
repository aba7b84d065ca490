"""The schema of detection data: of the package's files and of the user's own alike.

What it says of CNIs is in `cni_data`; how files are read and laid over one another in `loading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from auditor.detection.cni_data import CniAgent, ConfigMapData, InProcessController, NodeKind
from auditor.detection.schema import Data, Text, Texts
from auditor.model.retention import PolicyKind

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+$")]
Words = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9#]+(-[a-z0-9#]+)*$")]
Labels = Annotated[Mapping[Text, str], msgspec.Meta(min_length=1)]


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


class EnvironmentValues(Data, frozen=True):
    """An environment and the words that name it."""

    name: Text
    values: Annotated[tuple[Words, ...], msgspec.Meta(min_length=1)]
    production: bool = False
    inexact: bool = False
    """It only says what the environment is not: a more exact word takes its place."""


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

    def __str__(self) -> str:
        """`NetworkPolicy.crd.antrea.io`, as kubectl names a kind."""
        return f"{self.kind}.{self.group}"


class DetectionData(Data, frozen=True):
    """The content of a file of detection data, and of several laid over one another.

    Each key may be left out. In every list, what comes first goes first.
    """

    engines: tuple[Engine, ...] = ()
    exclude: tuple[Word, ...] = ()
    """Words that tell a helper of any engine."""
    transient_kinds: tuple[Text, ...] = ()
    """Kinds of workloads that serve nobody."""
    environments: tuple[EnvironmentValues, ...] = ()
    keys: tuple[Text, ...] = ()
    """Label keys of namespaces, strongest first."""
    weak_keys: tuple[Text, ...] = ()
    ignore: tuple[Words, ...] = ()
    """Words that look like an environment and are none."""
    dns: tuple[Labels, ...] = ()
    """Sets of exact labels, any of which marks a pod that answers cluster DNS."""
    system_namespaces: tuple[Text, ...] = ()
    """Names or globs."""
    config_maps: tuple[ConfigMapData, ...] = ()
    node_kinds: tuple[NodeKind, ...] = ()
    cnis: tuple[CniAgent, ...] = ()
    in_process: tuple[InProcessController, ...] = ()
    policy_kinds: tuple[PolicyKindData, ...] = ()
