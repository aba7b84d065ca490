"""The layers that settings are merged from: flags, environment, file.

Precedence: flags > ``NETPOL_AUDITOR_*`` > the file of ``--config`` (or ``NETPOL_AUDITOR_CONFIG``)
> ``./netpol-auditor.yaml`` > defaults. A key that is given on a higher layer replaces the lower
one's whole value; lists are never joined. Only one file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from auditor.errors import UsageError
from auditor.located_yaml import (
    LocatedYaml,
    Misfit,
    MisfitError,
    Step,
    fit,
    name_nearest,
    read_text,
    read_yaml,
)
from auditor.model.durations import parse_duration
from auditor.model.findings import Severity
from auditor.model.selector_syntax import parse_selector
from auditor.settings import (
    UNLIMITED_SECONDS,
    DeliverySettings,
    DetectionSettings,
    Settings,
    holds_password,
    refuse_delivery,
    refuse_pattern,
)

VARIABLE_PREFIX = "NETPOL_AUDITOR_"
CONFIG_VARIABLE = f"{VARIABLE_PREFIX}CONFIG"
DEFAULT_FILE = "netpol-auditor.yaml"

_LOG_FORMAT_VARIABLE = f"{VARIABLE_PREFIX}LOG_FORMAT"
"""No setting, because it holds before there are any: the command's (`auditor.cli.lines`)."""

MAIL_PASSWORD_VARIABLE = f"{VARIABLE_PREFIX}MAIL_PASSWORD"
"""A secret, and so no setting: whoever sends mail asks for it."""

_FOREIGN_VARIABLES = frozenset({f"{VARIABLE_PREFIX}CACHE"})
"""Variables of the build script of the tests' control plane: they do not steer a run."""

_NESTED = frozenset({"delivery", "detection", "rules"})
"""Settings that no variable can hold."""

_SLASHES = 2
"""In a workload's key."""

_EXCLUDED_BY_SETTINGS = "excluded by the settings"
"""The reason where none is given."""


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
    variable_fault = _fault_of("environment variable", _spell_variable)
    above = _check_layer(_read_environment(environ), variable_fault, rule_ids)
    above |= _refuse_passwords(_check_layer(flags, flag_fault, rule_ids), flag_fault)
    named = config or environ.get(CONFIG_VARIABLE) or None
    return Settings(**_read_file(named, folder, rule_ids, above) | above)


_FLAGS: Mapping[str, str] = {
    "as_groups": "--as-group",
    "as_user": "--as",
    "exclude_namespaces": "--exclude-namespace",
    "files": "-f",
    "namespaces": "--namespace",
    "request_timeout_seconds": "--request-timeout",
    "signing_key": "--sign-key",
    "timeout_seconds": "--timeout",
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
    named = {CONFIG_VARIABLE, _LOG_FORMAT_VARIABLE, MAIL_PASSWORD_VARIABLE}
    known = {*by_variable, *named, *_FOREIGN_VARIABLES}
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
    named: str | None, folder: Path, rule_ids: Callable[[], Collection[str]], above: Collection[str]
) -> dict[str, Any]:
    """The settings of the file. What the layers ``above`` replace names no file to be read."""
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
    content = dict(file.content)
    detection = content.get("detection")
    if isinstance(detection, Mapping) and (listed := detection.get("data")) is not None:
        read = _read_listed(listed, ("detection", "data"), "detection data", path.parent, file)
        data = [{"path": str(one), "text": text} for one, text in read]
        content["detection"] = {**detection, "data": data}
    if (listed := content.get("waivers")) is not None and "waivers" not in above:
        # read again by who judges: here it is only known which line names a file that is none
        read = _read_listed(listed, ("waivers",), "waiver file", path.parent, file)
        content["waivers"] = [str(one) for one, _ in read]
    content["delivery"] = _from_folder(content.get("delivery"), path.parent)
    return _refuse_passwords(_check_layer(content, file.error, rule_ids), file.error)


def _from_folder(delivery: object, folder: Path) -> object:
    """The delivery of a settings file, its files' paths from the file's folder.

    They are not read yet: they hold secrets, and most verbs send nothing.
    """
    if not isinstance(delivery, Mapping):
        return delivery

    def placed(part: object) -> object:
        if not isinstance(part, Mapping):
            return part
        files = {key: one for key, one in part.items() if key in _FILES_OF_DELIVERY}
        return {
            **part,
            **{
                key: str(folder / one) for key, one in files.items() if one and isinstance(one, str)
            },
        }

    audiences = delivery.get("audiences")
    changed = dict(delivery)
    if "mail" in changed:
        changed["mail"] = placed(changed["mail"])
    if isinstance(audiences, list):
        changed["audiences"] = [placed(one) for one in audiences]
    return changed


_FILES_OF_DELIVERY = frozenset({"ca_file", "password_file", "webhook_file"})


def _read_listed(
    listed: object, key: tuple[Step, ...], kind: str, folder: Path, file: LocatedYaml
) -> list[tuple[Path, str]]:
    """The files of a kind that a settings file lists, from its folder: path and text."""
    try:
        paths = fit(listed, tuple[str, ...], key)
    except MisfitError as error:
        hint = "list the paths of files, from the folder of the settings file"
        raise file.error(error.misfit.path, error.misfit.reason, hint=hint) from error
    read = []
    for position, path in enumerate(paths):
        here = (*key, position)
        if not path:
            raise file.error(here, "is empty", hint="give the path of a file")
        name = f"{file.place(here)}: key {'.'.join(map(str, here))}: {kind} {folder / path}"
        text = read_text(folder / path, name, hint="name a readable YAML file")
        read.append((folder / path, text))
    return read


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
            if key == "rules" and found.path[2:] == ("severity",):
                hint = _FORMS["fail_on"]
            raise fault(found.path, found.reason, hint=found.hint or hint) from error
        except ValueError as error:
            raise fault((key,), f"is malformed: {error}", hint=hint) from error
    if misfit := _misdeclared(checked) or _too_short(checked) or _misdirected(checked):
        raise fault(misfit.path, misfit.reason, hint=misfit.hint)
    for path, rule in _named_rules(checked):
        if rule not in (known := rule_ids()):
            raise fault(path, f"is malformed: {rule} is no rule", hint=name_nearest(rule, known))
    return checked


def _refuse_passwords(checked: dict[str, Any], fault: _Fault) -> dict[str, Any]:
    """The layer, in which secrets have no place: others read command lines and files.

    Raises:
        UsageError: a URL holds a password, which the message does not repeat.
    """
    for key in _WHERE_PASSWORDS_GO:
        if holds_password(checked.get(key, "")):
            raise fault((key,), "holds a password", hint=_WHERE_PASSWORDS_GO[key])
    return checked


_WHERE_PASSWORDS_GO: Mapping[str, str] = {
    "pushgateway": f"put the URL into {VARIABLE_PREFIX}PUSHGATEWAY",
    "store": f"put the URL into {VARIABLE_PREFIX}STORE, or the password into PGPASSWORD or "
    "the file that PGPASSFILE names",
    "snapshots": f"put the URL into {VARIABLE_PREFIX}SNAPSHOTS, or the secret where the object "
    "store's own client looks for it",
}


def _misdeclared(checked: Mapping[str, Any]) -> Misfit | None:
    """The first declaration that says nothing: an empty reason or engine, no pattern."""
    for namespace, reason in checked.get("exclude_namespaces", {}).items():
        if not reason.strip():
            path = ("exclude_namespaces", namespace)
            return Misfit(path, "is malformed: the reason is missing", _FORMS["exclude_namespaces"])
    detection: DetectionSettings = checked.get("detection", DetectionSettings())
    for pattern in detection.databases:
        if refused := refuse_pattern(pattern):
            hint = "the key is a regular expression on the last path segment of an image"
            return Misfit(("detection", "databases", pattern), f"is malformed: {refused}", hint)
    for workload in detection.workloads:
        if workload.count("/") != _SLASHES or "" in workload.split("/"):
            hint = "the key is namespace/kind/name, for instance shop/StatefulSet/db-*"
            reason = f"is malformed: {workload} is no workload"
            return Misfit(("detection", "workloads", workload), reason, hint)
    for section in ("databases", "workloads", "environments"):
        for key, value in getattr(detection, section).items():
            if not value.strip():
                return Misfit(("detection", section, key), "is empty", "give it a name")
    return None


def _too_short(checked: Mapping[str, Any]) -> Misfit | None:
    """The first time for which nothing would be kept."""
    for key in ("keep_days", "keep_runs"):
        if checked.get(key, 1) < 1:
            return Misfit((key,), "is malformed: it is less than 1", _FORMS[key])
    return None


def _misdirected(checked: Mapping[str, Any]) -> Misfit | None:
    """The first address, host or other part of delivery that cannot be."""
    refused = refuse_delivery(checked.get("delivery", DeliverySettings()))
    if refused is None:
        return None
    path, reason, hint = refused
    return Misfit(path, f"is malformed: {reason}", hint)


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
        case "request_timeout_seconds" | "timeout_seconds", str():
            return parse_duration(value)
        case "request_timeout_seconds" | "timeout_seconds", int() | float() if (
            not 0 <= value < UNLIMITED_SECONDS
        ):
            raise ValueError(f"{value} seconds are out of range")
        case "selector", str():
            parse_selector(value)
    return value


_FORM_OF_DURATIONS = "seconds, or for instance 30s or 1m30s; 0 is no limit"

_FORMS: Mapping[str, str] = {
    "delivery": "see delivery in the README: mail, audiences, period, report_url",
    "detection": "names are texts, and so is what they stand for; system_namespaces is a list",
    "exclude_namespaces": "list `name` or `name=reason`, or map names to reasons",
    "fail_on": f"one of {', '.join(Severity)}",
    "ip_blocks_match_pods": "one of auto, yes, no",
    "keep_days": "a number of days, 1 or more",
    "keep_runs": "a number of runs, 1 or more; the newest is never dropped",
    "rules": "give `enabled: false` or a severity, and the reason",
    "request_timeout_seconds": _FORM_OF_DURATIONS,
    "selector": "kubectl's syntax: app=web,tier!=db,env in (dev,test),!legacy",
    "timeout_seconds": _FORM_OF_DURATIONS,
}
"""Hints for values that are not plainly a text, a list or a truth value."""
