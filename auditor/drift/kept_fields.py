"""What a `kubectl apply` may leave of a live object that a `kubectl replace` takes away.

An apply only takes away what was applied before, and the snapshot does not know what was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from auditor.drift.stored import CONTROLLER_LABELS, with_policy_types
from auditor.model.objects import Namespace, NetworkPolicy, Pod, Service
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.sources.reading import Mentioned


def find_kept_fields(mentioned: Mentioned, live: Any, replaced: Any) -> Iterator[str]:
    """The fields that differ in the object after a replace, and that its file does not mention.

    They are looked for at the top of a spec, and among the labels of namespaces and pods: there
    they decide about connections.
    """
    match live, replaced:
        case NetworkPolicy(), NetworkPolicy():
            live, replaced = with_policy_types(live), with_policy_types(replaced)
            yield from _spec(mentioned, live.spec, replaced.spec)
        case Service(), Service():
            yield from _spec(mentioned, live.spec, replaced.spec)
        case ((Namespace() | Pod()), (Namespace() | Pod())):
            for key, value in sorted(live.labels.items()):
                is_own = key != NAMESPACE_NAME_LABEL and key not in CONTROLLER_LABELS
                if is_own and key not in mentioned.labels and replaced.labels.get(key) != value:
                    yield f"metadata.labels[{key}]"


def _spec(mentioned: Mentioned, live: msgspec.Struct, replaced: msgspec.Struct) -> Iterator[str]:
    for field in msgspec.structs.fields(live):
        differs = getattr(live, field.name) != getattr(replaced, field.name)
        if differs and field.encode_name not in mentioned.spec:
            yield f"spec.{field.encode_name}"
