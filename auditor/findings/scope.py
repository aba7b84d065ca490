"""What is judged and shown. Everything is collected and evaluated all the same."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from pyroaring import BitMap

from auditor.model.objects import Reference
from auditor.model.report import ExcludedNamespace
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Blind
from auditor.reachability.view import View

NOT_ASKED_FOR = "not among the namespaces asked for"
"""Why a namespace is not judged where others were asked for (`-n`)."""


class Scope(NamedTuple):
    """Namespaces asked for (none: all), namespaces left out with the reason, and a pod selector."""

    namespaces: tuple[str, ...] = ()
    exclude: Mapping[str, str] = {}
    """Namespace, or glob of namespaces → reason."""
    selector: LabelSelector | None = None
    only: frozenset[str] | None = None
    """The namespaces of an audience: nothing of others is judged, and none at all if it is empty.

    None: there is no such limit.
    """
    between: bool = True
    """Whether what lies between namespaces (environments that can talk) is judged."""

    def reason_to_exclude(self, namespace: str) -> str | None:
        """Why a namespace is not judged; None where it is."""
        for pattern, reason in self.exclude.items():
            if fnmatchcase(namespace, pattern):
                return reason
        if self.namespaces and namespace not in self.namespaces:
            return NOT_ASKED_FOR
        if self.only is not None and namespace not in self.only:
            return NOT_ASKED_FOR
        return None


class Judged:
    """Which subjects of a view are within a scope."""

    def __init__(self, view: View, scope: Scope) -> None:
        self._scope = scope
        selector = scope.selector
        self._workloads: frozenset[Reference] | None = None
        self._policies: frozenset[Reference] = frozenset()
        if selector is not None:
            self._workloads = frozenset(
                one.endpoint.workload
                for one in view.workloads
                if any(selector.matches(pod.labels) for pod in view.pods_of(one))
            )
            self._policies = _policies_on(view, selector)
        self._environments = view.recognition.environments
        self.excluded = tuple(
            ExcludedNamespace(name=one.name, reason=reason)
            for one in view.snapshot.namespaces
            if (reason := self._reason_to_exclude(view, one.name)) is not None
        )
        """The namespaces that are not judged, each with the reason."""
        left_out = {one.name for one in self.excluded}
        self.namespaces = tuple(
            sorted(one.name for one in view.snapshot.namespaces if one.name not in left_out)
        )
        """The namespaces that are judged, sorted."""
        self._namespaces = frozenset(self.namespaces)
        self._all_workloads = {one.endpoint.workload for one in view.workloads}
        self._pods_in = view.pods_per_namespace

    @property
    def selector(self) -> LabelSelector | None:
        """The labels of pods to which the scope narrows."""
        return self._scope.selector

    @property
    def is_empty(self) -> bool:
        """Whether no namespace is left to judge: nothing may be called clean then."""
        return not self.namespaces

    def count_subjects(self) -> int:
        """How many workloads are judged, and namespaces that hold pods: an empty one adds none."""
        peopled = sum(1 for one in self.namespaces if self._pods_in[one])
        return peopled + sum(1 for one in self._all_workloads if self.holds(one))

    def _reason_to_exclude(self, view: View, namespace: str) -> str | None:
        reason = self._scope.reason_to_exclude(namespace)
        if reason is not None or self._workloads is None:
            return reason
        if any(one.namespace == namespace for one in self._workloads):
            return None
        # pods that were not read may bear the labels: their namespace is not left out for good
        if view.blind_spots(namespace, Blind.PODS):
            return None
        return "no pod bears the labels asked for"

    def holds(self, subject: Reference) -> bool:
        """Whether a subject is judged: environments by either end, a policy by what it selects."""
        if subject.kind == "Environments":
            if not self._scope.between:
                return False
            ends = subject.name.split("→")
            return any(
                one.name in ends and namespace in self._namespaces
                for namespace, one in self._environments.items()
            )
        if not subject.namespace:
            return self._scope.only is None or subject.kind == "Cluster"
        if subject.namespace not in self._namespaces:
            return False
        if subject.kind == "Namespace" or self._workloads is None:
            return True
        return subject in self._workloads or subject in self._policies


def _policies_on(view: View, selector: LabelSelector) -> frozenset[Reference]:
    """The policies that select a pod with the labels."""
    classes = BitMap(
        view.endpoints.class_of_pod[position]
        for position, pod in enumerate(view.snapshot.pods)
        if view.endpoints.class_of_pod[position] >= 0 and selector.matches(pod.labels)
    )
    return frozenset(one.reference for one in view.policies if one.subjects.intersect(classes))
