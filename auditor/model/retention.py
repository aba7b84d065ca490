"""What a source may keep beyond the fixed fields: a value handed from detection to the sources."""

from __future__ import annotations

from auditor.model._value import Value


class AgentFlags(Value, frozen=True):
    """The flags to keep of the agents' containers, by the DaemonSet's name."""

    daemon_set: str
    flags: tuple[str, ...] = ()


class ConfigMapKeys(Value, frozen=True):
    """The keys to keep of one named ConfigMap."""

    namespace: str
    name: str
    keys: tuple[str, ...] = ()


class PolicyKind(Value, frozen=True):
    """A policy kind that is discovered and counted, and not evaluated (semantics, section 5)."""

    group: str
    kind: str
    plural: str
    namespaced: bool


class Retention(Value, frozen=True):
    """What the detection data names: agents' flags, node annotations, ConfigMap keys, kinds."""

    agents: tuple[AgentFlags, ...] = ()
    node_annotations: tuple[str, ...] = ()
    config_maps: tuple[ConfigMapKeys, ...] = ()
    policy_kinds: tuple[PolicyKind, ...] = ()
