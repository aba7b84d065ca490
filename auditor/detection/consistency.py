"""What the schema of detection data cannot say: names are unique, references lead somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from auditor.detection.data import DetectionData
from auditor.located_yaml import Misfit
from auditor.settings import refuse_pattern


def find_fault(added: DetectionData, laid: DetectionData) -> Misfit | None:
    """The first contradiction of a file in itself, or with what it was laid over, if there is one.

    Positions in lists are those of the file: in what is laid, its entries go first.
    """
    fault = next(chain(_within(added), _between(laid)), None)
    return None if fault is None else _place(fault, added)


def _place(fault: Misfit, added: DetectionData) -> Misfit:
    """The fault; of the file as a whole where the entry that it broke is not its own."""
    section, *rest = fault.path
    position = rest[0] if rest else 0
    if isinstance(position, int) and position < len(getattr(added, str(section))):
        return fault
    return fault._replace(path=())


def _within(file: DetectionData) -> Iterator[Misfit]:
    for position, engine in enumerate(file.engines):
        for number, pattern in enumerate(engine.images):
            if reason := refuse_pattern(pattern):
                path = ("engines", position, "images", number)
                yield Misfit(path, f"is malformed: {reason}", "a regular expression on image names")
    yield from _doubles("engines", (one.name.lower() for one in file.engines))
    yield from _doubles("environments", (one.name for one in file.environments))
    yield from _doubles("config_maps", (one.name for one in file.config_maps))
    yield from _doubles("node_kinds", (one.name for one in file.node_kinds))
    yield from _doubles("cnis", (one.name for one in file.cnis))
    yield from _doubles("in_process", (one.name for one in file.in_process))
    yield from _doubles("policy_kinds", map(str, file.policy_kinds))
    words = dict.fromkeys(file.ignore, "ignore")
    for position, environment in enumerate(file.environments):
        for number, word in enumerate(environment.values):
            if word in words:
                reason = f"is malformed: `{word}` stands under {words[word]} already"
                yield Misfit(("environments", position, "values", number), reason)
            words[word] = environment.name


def _doubles(section: str, names: Iterable[str]) -> Iterator[Misfit]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield Misfit((section, position), f"is malformed: `{name}` occurs twice")
        seen.add(name)


def _between(data: DetectionData) -> Iterator[Misfit]:
    """Faults of CNIs. Their hint: what a file replaces, it must replace whole."""
    kept = {one.name: one.keys for one in data.config_maps}
    kinds = {one.name for one in data.node_kinds}
    owners: dict[str, str] = {}
    for position, cni in enumerate(data.cnis):
        path = ("cnis", position)
        config_map = cni.config_map.name if cni.config_map else ""
        for key in cni.keys_read():
            if key not in kept.get(config_map, ()):
                what = f"key `{key}` of ConfigMap `{config_map}`" if config_map else f"key `{key}`"
                yield Misfit(
                    path,
                    f"is malformed: CNI `{cni.name}` reads {what}, which config_maps does not keep",
                    "list the key under the ConfigMap's entry in config_maps",
                )
        for kind in (*cni.serves, *cni.companions):
            if kind not in kinds:
                reason = f"is malformed: CNI `{cni.name}` names the unknown node kind `{kind}`"
                yield Misfit(path, reason, f"known are {', '.join(sorted(kinds))}")
        for name in cni.all_daemon_sets():
            if name in owners:
                yield Misfit(
                    # The later one is the package's, where a file claims what that holds.
                    ("cnis", _position(data, owners[name])),
                    f"is malformed: DaemonSet `{name}` is both {owners[name]}'s and {cni.name}'s",
                    f"to replace {cni.name}, give the entry its name",
                )
            owners[name] = cni.name


def _position(data: DetectionData, name: str) -> int:
    return next(number for number, one in enumerate(data.cnis) if one.name == name)
