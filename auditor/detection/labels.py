"""Sets of labels with globs for values, matched against many objects."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase


def match_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every wanted label is there, with a value that its glob (of `*` alone) matches."""
    for key, glob in wanted.items():
        value = labels.get(key)
        if value is None or (value != glob and not ("*" in glob and fnmatchcase(value, glob))):
            return False
    return True


def describe_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """The labels that matched, as evidence: `label a=b, c=d`."""
    return "label " + ", ".join(f"{key}={labels[key]}" for key in wanted)
