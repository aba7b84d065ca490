"""Which namespaces belong to the platform itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate

from auditor.detection.data import DetectionData
from auditor.settings import DetectionSettings


def recognize_system_namespaces(
    names: Iterable[str], data: DetectionData, settings: DetectionSettings
) -> frozenset[str]:
    """Those of the names that the data, or the settings, call system namespaces."""
    globs = (*data.system_namespaces, *settings.system_namespaces)
    pattern = re.compile("|".join(translate(one) for one in globs))
    return frozenset(name for name in names if pattern.match(name))
