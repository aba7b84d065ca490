"""Pods that bear labels and that no policy selects: on the host's network, or finished.

Semantics 1.1 and 1.2. They are kept by what distinguishes them, so that many alike cost one.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from auditor.model.objects import Pod
from auditor.model.selectors import LabelSelector
from auditor.model.workloads import index_owners, workload_of
from auditor.reachability.view import View
from auditor.reachability.vocabulary import collect_vocabulary

_Labels = tuple[tuple[str, str], ...]


class Bar(Enum):
    """Why no policy selects a pod."""

    HOST_NETWORK = auto()
    FINISHED = auto()


class Unselectable:
    """The pods of a view that no policy selects."""

    def __init__(self, view: View) -> None:
        self._owners = index_owners(view.snapshot.owners)
        self._found: dict[tuple[Bar, str], dict[_Labels, Pod]] = {}
        keys = collect_vocabulary(view.snapshot.policies).label_keys
        for pod in view.snapshot.pods:
            # on the host's network no policy selects a pod before it finishes, either
            if pod.spec.host_network:
                bar = Bar.HOST_NETWORK
            elif not pod.is_endpoint:
                bar = Bar.FINISHED
            else:
                continue
            labels = tuple(sorted(one for one in pod.labels.items() if one[0] in keys))
            self._found.setdefault((bar, pod.namespace), {}).setdefault(labels, pod)

    def find(self, bar: Bar, namespaces: Iterable[str], selector: LabelSelector) -> str | None:
        """The workload of one that bears the labels in these namespaces; None where none does."""
        for namespace in namespaces:
            for labels, pod in self._found.get((bar, namespace), {}).items():
                if selector.matches(dict(labels)):
                    return str(workload_of(pod, self._owners))
        return None
