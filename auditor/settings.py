"""One frozen Settings, merged from flags, environment and file, and passed in: never global."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

IpBlocksMatchPods = Literal["auto", "yes", "no"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that steers a run. Field names are the keys of the settings file, too."""


class ClusterAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the API server, in kubectl's terms."""

    kubeconfig: str | None = None
    context: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    request_timeout_seconds: float = 60.0


class DetectionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Additions to the detection data: what a user declares about their own cluster."""

    databases: Mapping[str, str] = {}
    """Image pattern (a regular expression on the last path segment) → engine name."""
    environments: Mapping[str, str] = {}
    """Namespace name → environment (`dev`, `test`, `staging`, `prod` or a name of one's own)."""
    system_namespaces: tuple[str, ...] = ()
    """Further system namespaces, as names or globs."""
