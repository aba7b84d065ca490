"""The workload kinds, from the API's shapes to one: what pods a workload would make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from auditor.model._value import Value
from auditor.model.objects import Metadata, PodSpec, Reference
from auditor.model.selectors import LabelSelector
from auditor.sources.admission import check_labels, check_pod, check_selector
from auditor.sources.faults import Fault

_FINISHED = frozenset({"Complete", "Failed"})


class _TemplateMetadata(Value, frozen=True):
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class Template(Value, frozen=True):
    """The template of a workload's pods."""

    metadata: _TemplateMetadata = _TemplateMetadata()
    spec: PodSpec = PodSpec()


class _ControllerSpec(Value, frozen=True):
    replicas: int = 1
    selector: LabelSelector | None = None
    template: Template = Template()


class Controller(Value, frozen=True):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet in wire form."""

    metadata: Metadata
    spec: _ControllerSpec = _ControllerSpec()


class _ReplicationControllerSpec(Value, frozen=True):
    replicas: int = 1
    selector: Mapping[str, str] = {}
    template: Template = Template()


class ReplicationController(Value, frozen=True):
    """A ReplicationController in wire form."""

    metadata: Metadata
    spec: _ReplicationControllerSpec = _ReplicationControllerSpec()


class _Condition(Value, frozen=True):
    type: str = ""
    status: str = ""


class _JobStatus(Value, frozen=True):
    completion_time: str = ""
    conditions: tuple[_Condition, ...] = ()


class _JobSpec(Value, frozen=True):
    parallelism: int = 1
    template: Template = Template()


class Job(Value, frozen=True):
    """A Job in wire form."""

    metadata: Metadata
    spec: _JobSpec = _JobSpec()
    status: _JobStatus = _JobStatus()


class _JobTemplate(Value, frozen=True):
    spec: _JobSpec = _JobSpec()


class _CronJobSpec(Value, frozen=True):
    job_template: _JobTemplate = _JobTemplate()


class CronJob(Value, frozen=True):
    """A CronJob in wire form."""

    metadata: Metadata
    spec: _CronJobSpec = _CronJobSpec()


WireWorkload = Controller | ReplicationController | Job | CronJob

SHAPES: Mapping[str, type[WireWorkload]] = {
    "CronJob": CronJob,
    "DaemonSet": Controller,
    "Deployment": Controller,
    "Job": Job,
    "ReplicaSet": Controller,
    "ReplicationController": ReplicationController,
    "StatefulSet": Controller,
}


class Workload(NamedTuple):
    """What is needed of a workload to stand for its pods (semantics 1.5).

    ``pods`` is how many stand for it: 0 where it will make none, 2 where it makes several, else 1.
    ``wanted`` is the number that is asked for; None where there is one for each node.
    """

    kind: str
    metadata: Metadata
    pods: int
    template: Template
    wanted: int | None

    @property
    def reference(self) -> Reference:
        """Its key."""
        return Reference(self.metadata.namespace, self.kind, self.metadata.name)


def workload_of(kind: str, wire: WireWorkload) -> Workload:
    """The workload in the one form."""
    wanted: int | None
    match wire:
        case CronJob():
            template = wire.spec.job_template.spec.template
            wanted = wire.spec.job_template.spec.parallelism
            pods = _several(wanted)
        case Job():
            template, wanted = wire.spec.template, wire.spec.parallelism
            pods = 0 if _is_finished(wire.status) else _several(wanted)
        case _:
            template = wire.spec.template
            wanted = None if kind == "DaemonSet" else wire.spec.replicas
            pods = 2 if wanted is None else _several(wanted)
            if kind == "ReplicaSet" and wanted == 0:
                # A revision of the past; a Deployment of 0 can be scaled up, and counts.
                pods = 0
    return Workload(kind, wire.metadata, pods, template, wanted)


def check_workload(wire: WireWorkload) -> Iterator[Fault]:
    """What the API server refuses in numbers, selector and template."""
    match wire:
        case CronJob():
            yield from _check_job(wire.spec.job_template.spec, "spec.jobTemplate.spec")
        case Job():
            yield from _check_job(wire.spec, "spec")
        case ReplicationController():
            labels = wire.spec.template.metadata.labels
            yield from _check_number(wire.spec.replicas, "spec.replicas")
            yield from check_labels(wire.spec.selector, "spec.selector")
            # An absent selector is the template's labels.
            wanted = wire.spec.selector or labels
            yield from _check_match(LabelSelector(match_labels=wanted), labels)
            yield from _check_template(wire.spec.template, "spec.template")
        case Controller():
            yield from _check_number(wire.spec.replicas, "spec.replicas")
            if wire.spec.selector is None:
                yield Fault("spec.selector", "is missing")
            else:
                yield from check_selector(wire.spec.selector, "spec.selector")
                yield from _check_match(wire.spec.selector, wire.spec.template.metadata.labels)
            yield from _check_template(wire.spec.template, "spec.template")


def _several(number: int) -> int:
    return 2 if number > 1 else 1


def _is_finished(status: _JobStatus) -> bool:
    return bool(status.completion_time) or any(
        one.type in _FINISHED and one.status == "True" for one in status.conditions
    )


def _check_job(spec: _JobSpec, path: str) -> Iterator[Fault]:
    yield from _check_number(spec.parallelism, f"{path}.parallelism")
    yield from _check_template(spec.template, f"{path}.template")


def _check_number(number: int, path: str) -> Iterator[Fault]:
    if number < 0:
        yield Fault(path, "must not be negative")


def _check_match(selector: LabelSelector, labels: Mapping[str, str]) -> Iterator[Fault]:
    if selector == LabelSelector():
        yield Fault("spec.selector", "must not be empty")
    elif not selector.matches(labels):
        yield Fault("spec.template.metadata.labels", "are not what spec.selector asks for")


def _check_template(template: Template, path: str) -> Iterator[Fault]:
    yield from check_labels(template.metadata.labels, f"{path}.metadata.labels")
    yield from check_pod(template.spec, f"{path}.spec")


def is_owner(kind: str) -> bool:
    """Whether pods are traced through it to the workload above (semantics 1.6)."""
    return kind in {"Job", "ReplicaSet"}
