"""The schema of CNIs: which one runs, what it enforces, and on which nodes.

A ``remedy`` is a step in words: what to do where the switch, or the CNI, does not enforce.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from auditor.detection.schema import Data, Text, Texts
from auditor.model.recognition import Feature

FlagName = Annotated[str, msgspec.Meta(pattern=r"^--[a-z0-9-]+$")]
Release = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+\.[0-9]+$")]


class ContainerSwitch(Data, frozen=True):
    """Enforcement by a container that not every agent has; by its name, or its image's."""

    name: Text
    remedy: Text


class FlagSwitch(Data, frozen=True):
    """A flag of an agent's container that turns enforcement on or off."""

    name: FlagName
    default: str
    on: tuple[str, ...]
    off: tuple[str, ...]
    remedy: Text
    container: str = ""
    """Empty: any container."""


class KeySwitch(Data, frozen=True):
    """A key of a ConfigMap that turns something on or off."""

    key: Text
    default: str
    on: tuple[str, ...]
    off: tuple[str, ...]
    remedy: Text


class KeyReading(Data, frozen=True):
    """A key of a ConfigMap whose listed words leave ipBlocks not matching pods."""

    key: Text
    no: tuple[str, ...]


class ReleaseSwitch(Data, frozen=True):
    """Enforcement that came with an image of some date."""

    image: Text
    date: Annotated[int, msgspec.Meta(ge=20000101, le=99991231)]
    remedy: Text


class Support(Data, frozen=True):
    """Whether a feature of policies is enforced: by the CNI as such, its release, or a key."""

    enforced: bool | None = None
    since: Release | None = None
    """The first release (`1.17`) of the container's image that enforces the feature."""
    container: str = ""
    key: KeySwitch | None = None
    """A key of the ConfigMap that the CNI reads."""
    remedy: str = ""

    def __post_init__(self) -> None:
        """Check that one thing decides, and that there is a way to mend what is not enforced."""
        if [self.enforced, self.since, self.key].count(None) != 2:
            raise ValueError("give one of `enforced`, `since` and `key`")
        if (self.since is None) != (not self.container):
            raise ValueError("`since` needs a `container`, and nothing else does")
        if not self.remedy and not self.enforced and self.key is None:
            raise ValueError("`remedy` is missing")


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
    container: ContainerSwitch | None = None
    flag: FlagSwitch | None = None
    released: ReleaseSwitch | None = None
    config_map: CniConfigMap | None = None
    capabilities: Mapping[Feature, Support] = {}
    """What of policies it enforces where it enforces any; a feature that is absent: not known."""
    serves: Mapping[Text, bool] = {}
    """Whether its agent serves the nodes of a kind (``node_kinds``)."""
    companions: Mapping[Text, Texts] = {}
    """By kind of nodes, further DaemonSets of the CNI that serve these."""
    secondary: bool = False
    remedy: str = ""
    """Where it never enforces."""

    def __post_init__(self) -> None:
        """Check that there is a way to mend what never enforces."""
        if not (self.enforces or self.secondary or self.remedy):
            raise ValueError("`remedy` is missing")

    def all_daemon_sets(self) -> Iterator[str]:
        """The names of its agent's DaemonSets, and of those beside it."""
        yield from self.daemon_sets
        for names in self.companions.values():
            yield from names

    def keys_read(self) -> Iterator[str]:
        """The keys that it reads of its ConfigMap."""
        if self.config_map is not None:
            yield from (one.key for one in self.config_map.keys)
            yield from self.config_map.shown
            if self.config_map.ip_blocks is not None:
                yield self.config_map.ip_blocks.key
        yield from (one.key.key for one in self.capabilities.values() if one.key is not None)


class InProcessController(Data, frozen=True):
    """A policy controller that runs inside the node's own process."""

    name: Text
    version: Text
    """What the versions of the kubelet and the API server contain."""
    annotation: Text
    """The node annotation that holds the process's arguments, a JSON list of words."""
    role: Text
    """The first argument of the nodes whose arguments decide."""
    disabled_by: FlagName
    remedy: Text
    capabilities: Mapping[Feature, Support] = {}


class NodeKind(Data, frozen=True):
    """Nodes that the agents of CNIs may not serve, by a label."""

    name: Text
    label: Text
    value: Text
    remedy: Text
    served: bool | None = None
    """Whether agents serve them of which nothing else is said."""


class ConfigMapData(Data, frozen=True):
    """A ConfigMap that a CNI reads, and the keys to keep of it."""

    namespace: Text
    name: Text
    keys: Texts
