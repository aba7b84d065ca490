"""Detection data as a run uses it: the package's own, and over it what the settings add.

The package's files are read when they are first asked for, once; the settings' were read with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from auditor.detection.consistency import find_fault
from auditor.detection.data import DetectionData, EnvironmentValues
from auditor.located_yaml import LocatedYaml
from auditor.settings import DataFile, DetectionSettings

EntryT = TypeVar("EntryT")

_FILES = ("databases", "environments", "system", "dns", "cnis", "policy_kinds")
_HINT = "the package's own files in auditor/detection/data show the form"


def load_data(settings: DetectionSettings) -> DetectionData:
    """The package's data with that of the settings over it, later files over earlier ones.

    Raises:
        UsageError: a file is not of the schema, or contradicts itself or what it is laid over;
            names the file, the line and the key.
    """
    return _load(settings.data)


@cache
def _load(added: tuple[DataFile, ...]) -> DetectionData:
    if added:
        base = _load(added[:-1])
        return lay_over(base, LocatedYaml(f"detection data {added[-1].path}", added[-1].text))
    data = DetectionData()
    folder = files("auditor.detection").joinpath("data")
    for name in _FILES:
        text = folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        data = lay_over(data, LocatedYaml(f"detection data {name}.yaml", text))
    return data


def lay_over(base: DetectionData, file: LocatedYaml) -> DetectionData:
    """A file over other data: its entries go first, and take the place of those of their names.

    Raises:
        UsageError: the file is not of the schema, or contradicts itself or the other data.
    """
    if file.content is None:
        return base
    added = file.fit(DetectionData, hint=_HINT)
    laid = _merge(added, base)
    fault = find_fault(added, laid)
    if fault is not None:
        raise file.error(fault.path, fault.reason, hint=fault.hint or _HINT)
    return laid


def _merge(added: DetectionData, base: DetectionData) -> DetectionData:
    words = frozenset((*added.ignore, *(word for one in added.environments for word in one.values)))
    return DetectionData(
        engines=_join(added.engines, base.engines, lambda one: one.name.lower()),
        exclude=_join(added.exclude, base.exclude),
        transient_kinds=_join(added.transient_kinds, base.transient_kinds),
        environments=_join(
            added.environments, _without(base.environments, words), lambda one: one.name
        ),
        keys=_join(added.keys, (one for one in base.keys if one not in added.weak_keys)),
        weak_keys=_join(added.weak_keys, (one for one in base.weak_keys if one not in added.keys)),
        ignore=_join(added.ignore, (one for one in base.ignore if one not in words)),
        dns=_join(added.dns, base.dns, lambda one: tuple(sorted(one.items()))),
        system_namespaces=_join(added.system_namespaces, base.system_namespaces),
        config_maps=_join(added.config_maps, base.config_maps, lambda one: one.name),
        node_kinds=_join(added.node_kinds, base.node_kinds, lambda one: one.name),
        cnis=_join(added.cnis, base.cnis, lambda one: one.name),
        in_process=_join(added.in_process, base.in_process, lambda one: one.name),
        policy_kinds=_join(added.policy_kinds, base.policy_kinds, str),
    )


def _join(
    added: Iterable[EntryT],
    base: Iterable[EntryT],
    name: Callable[[EntryT], object] = lambda one: one,
) -> tuple[EntryT, ...]:
    """What is added, and then the rest of other names."""
    first = tuple(added)
    names = {name(one) for one in first}
    return (*first, *(one for one in base if name(one) not in names))


def _without(
    environments: Iterable[EnvironmentValues], words: frozenset[str]
) -> tuple[EnvironmentValues, ...]:
    """The environments without words that a later file gives another meaning."""
    kept = (
        msgspec.structs.replace(one, values=tuple(word for word in one.values if word not in words))
        for one in environments
    )
    return tuple(one for one in kept if one.values)
