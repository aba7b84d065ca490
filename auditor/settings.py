"""One frozen Settings, merged from flags, environment and file, and passed in: never global.

Precedence: flags > ``NETPOL_AUDITOR_*`` > the file of ``--config`` (or ``NETPOL_AUDITOR_CONFIG``)
> ``./netpol-auditor.yaml`` > defaults. A key that is given on a higher layer replaces the lower
one's whole value; lists are never joined. Only one file is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from auditor.errors import UsageError
from auditor.located_yaml import MisfitError, Step, fit, name_nearest, read_yaml
from auditor.model.findings import Severity
from auditor.model.selector_syntax import parse_selector
from auditor.model.selectors import LabelSelector

IpBlocksMatchPods = Literal["auto", "yes", "no"]

VARIABLE_PREFIX = "NETPOL_AUDITOR_"
CONFIG_VARIABLE = f"{VARIABLE_PREFIX}CONFIG"
DEFAULT_FILE = "netpol-auditor.yaml"

_FOREIGN_VARIABLES = frozenset({f"{VARIABLE_PREFIX}CACHE"})
"""Variables of the build script of the tests' control plane: they do not steer a run."""

_NESTED = frozenset({"detection", "rules"})
"""Settings that no variable can hold."""

_UNLIMITED_SECONDS = 365 * 86400.0
"""kubectl's `--request-timeout 0` means no limit; sockets want a number."""

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
_EXCLUDED_BY_SETTINGS = "excluded by the settings"
"""The reason where none is given."""


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


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user changes about a rule, and why: the report says so."""

    enabled: bool = True
    severity: Severity | None = None
    """In place of the rule's own."""
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a change without a reason, and a reason without a change."""
        if self.enabled and self.severity is None:
            raise ValueError("neither `enabled: false` nor a severity is given")
        if not self.enabled and self.severity is not None:
            raise ValueError("a rule that is disabled has no severity")
        if not self.reason.strip():
            raise ValueError("the reason is missing")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that steers a run. Field names are the keys of the settings file, too."""

    files: tuple[str, ...] = ()
    """Manifests or one snapshot archive, `-` for standard input; none: the cluster."""
    kubeconfig: str | None = None
    context: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    request_timeout_seconds: float = 60.0
    namespaces: tuple[str, ...] = ()
    """What is judged and shown; none: all namespaces."""
    exclude_namespaces: Mapping[str, str] = {}
    """Namespace → reason: collected and evaluated, but neither judged nor shown."""
    selector: str = ""
    """A label selector of pods, in kubectl's syntax, that narrows what is judged and shown."""
    ip_blocks_match_pods: IpBlocksMatchPods = "auto"
    """Whether an ipBlock also matches the addresses of pods (semantics 3.7)."""
    output: str = "out"
    """The folder into which `audit` writes."""
    fail_on: Severity | None = None
    """Findings at or above it make exit code 10."""
    strict: bool = False
    """Gaps make exit code 4."""
    detection: DetectionSettings = DetectionSettings()
    rules: Mapping[str, RuleSettings] = {}
    """Rule → what is changed about it."""
    waivers: tuple[str, ...] = ()
    """Waiver files."""
    waiver_annotations: tuple[str, ...] = ()
    """The rules of which annotations in the cluster may waive findings."""

    @property
    def access(self) -> ClusterAccess:
        """How to reach the API server."""
        return ClusterAccess(
            kubeconfig=self.kubeconfig,
            context=self.context,
            as_user=self.as_user,
            as_groups=self.as_groups,
            request_timeout_seconds=self.request_timeout_seconds or _UNLIMITED_SECONDS,
        )

    @property
    def pod_selector(self) -> LabelSelector | None:
        """The label selector, where one is set."""
        return parse_selector(self.selector) if self.selector.strip() else None


def digest_settings(settings: Settings) -> str:
    """SHA-256 (hex) of the settings as canonical JSON, without where the output goes.

    Settings hold no secrets: these come from kubeconfigs and their own files alone.
    """
    kept = {key: one for key, one in msgspec.to_builtins(settings).items() if key != "output"}
    return hashlib.sha256(msgspec.json.encode(kept, order="sorted")).hexdigest()


def load_settings(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    folder: Path,
    rule_ids: Callable[[], Collection[str]],
    config: str | None = None,
) -> Settings:
    """Merge the layers.

    ``flags`` holds what was given on the command line alone, by field name; ``folder`` is where
    `netpol-auditor.yaml` is looked for; ``config`` is the flag's file. ``rule_ids`` names the
    rules that there are, and is asked only where a setting is about a rule.

    Raises:
        UsageError: a layer holds an unknown key or a value of the wrong type, or the file that
            was named cannot be read. The message names the layer, the key and, in a file, its line.
    """
    flag_fault = _fault_of("flag", lambda key: _FLAGS.get(key, _spell_flag(key)))
    layers = (
        _read_file(config or environ.get(CONFIG_VARIABLE) or None, folder, rule_ids),
        _check_layer(
            _read_environment(environ),
            _fault_of("environment variable", _spell_variable),
            rule_ids,
        ),
        _check_layer(flags, flag_fault, rule_ids),
    )
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= layer
    return Settings(**merged)


def parse_duration(text: str) -> float:
    """Seconds of `30`, `30s`, `1m30s` or `2h`, as kubectl reads `--request-timeout`.

    Raises:
        ValueError: the text is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no duration")
    hours, minutes, seconds = (float(one or 0) for one in match.groups())
    return hours * 3600 + minutes * 60 + seconds


_FLAGS: Mapping[str, str] = {
    "as_groups": "--as-group",
    "as_user": "--as",
    "exclude_namespaces": "--exclude-namespace",
    "files": "-f",
    "namespaces": "--namespace",
    "request_timeout_seconds": "--request-timeout",
}
"""Flags whose names are not the fields'."""


def _spell_flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _spell_variable(key: str) -> str:
    return f"{VARIABLE_PREFIX}{key.upper()}"


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """The settings of the environment. A variable that is set but empty says nothing."""
    fields = {one.name: one.type for one in msgspec.structs.fields(Settings)}
    by_variable = {_spell_variable(key): key for key in fields if key not in _NESTED}
    known = {*by_variable, CONFIG_VARIABLE, *_FOREIGN_VARIABLES}
    layer: dict[str, object] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(VARIABLE_PREFIX):
            continue
        if variable not in known:
            raise UsageError(
                f"environment variable {variable} is unknown",
                hint=name_nearest(variable, known - _FOREIGN_VARIABLES),
            )
        if variable in by_variable and text:
            key = by_variable[variable]
            listed = key == "exclude_namespaces" or fields[key] == tuple[str, ...]
            layer[key] = _split(text) if listed else text
    return layer


def _fault_of(kind: str, spell: Callable[[str], str]) -> _Fault:
    """Make errors of a layer without lines: the flag or variable says enough."""

    def fault(path: Sequence[Step], reason: str, *, hint: str = "") -> UsageError:
        return UsageError(f"{kind} {spell(str(path[0]))} {reason}", hint=hint)

    return fault


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _read_file(
    named: str | None, folder: Path, rule_ids: Callable[[], Collection[str]]
) -> dict[str, Any]:
    path = Path(named) if named is not None else folder / DEFAULT_FILE
    if named is None and not path.exists():
        return {}
    file = read_yaml(path, "settings file", hint="name a readable YAML file with --config")
    if file.content is None:
        return {}
    if not isinstance(file.content, Mapping):
        raise UsageError(
            f"{file.name} holds no mapping",
            hint="write keys and values, for instance `strict: true`",
        )
    known = {one.name for one in msgspec.structs.fields(Settings)}
    for key in file.content:
        if key not in known:
            raise file.error((str(key),), "is unknown", hint=name_nearest(str(key), known))
    return _check_layer(file.content, file.error, rule_ids)


_Fault = Callable[..., UsageError]
"""Makes the error of a key: told its path, the reason and a hint."""


def _check_layer(
    layer: Mapping[str, object], fault: _Fault, rule_ids: Callable[[], Collection[str]]
) -> dict[str, Any]:
    """The layer in the settings' types; what is null or not given is left to lower layers.

    Raises:
        UsageError: a value is of the wrong type; ``fault`` makes it, and says where it was given.
    """
    types = {one.name: one.type for one in msgspec.structs.fields(Settings)}
    checked: dict[str, Any] = {}
    for key, value in layer.items():
        if value is None:
            continue
        hint = _FORMS.get(key, "")
        try:
            checked[key] = fit(_normalise(key, value), types[key], (key,), strict=False)
        except MisfitError as error:
            found = error.misfit
            raise fault(found.path, found.reason, hint=found.hint or hint) from error
        except ValueError as error:
            raise fault((key,), f"is malformed: {error}", hint=hint) from error
    for path, rule in _named_rules(checked):
        if rule not in (known := rule_ids()):
            raise fault(path, f"is malformed: {rule} is no rule", hint=name_nearest(rule, known))
    return checked


def _named_rules(checked: Mapping[str, Any]) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Every rule that a layer names, and where."""
    for rule in checked.get("rules", ()):
        yield ("rules", rule), rule
    for position, rule in enumerate(checked.get("waiver_annotations", ())):
        yield ("waiver_annotations", position), rule


def _normalise(key: str, value: object) -> object:
    """The value in one form, where several may be written.

    Raises:
        ValueError: the value is none of them.
    """
    match key, value:
        case "exclude_namespaces", list() | tuple():
            pairs = (str(one).partition("=") for one in value)
            return {
                name.strip(): reason.strip() or _EXCLUDED_BY_SETTINGS for name, _, reason in pairs
            }
        case "request_timeout_seconds", str():
            return parse_duration(value)
        case "request_timeout_seconds", int() | float() if not 0 <= value < _UNLIMITED_SECONDS:
            raise ValueError(f"{value} seconds are out of range")
        case "selector", str():
            parse_selector(value)
    return value


_FORMS: Mapping[str, str] = {
    "exclude_namespaces": "list `name` or `name=reason`, or map names to reasons",
    "fail_on": f"one of {', '.join(Severity)}",
    "ip_blocks_match_pods": "one of auto, yes, no",
    "rules": "give `enabled: false` or a severity, and the reason",
    "request_timeout_seconds": "seconds, or for instance 30s or 1m30s; 0 is no limit",
    "selector": "kubectl's syntax: app=web,tier!=db,env in (dev,test),!legacy",
}
"""Hints for values that are not plainly a text, a list or a truth value."""
