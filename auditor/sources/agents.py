"""DaemonSets as agents: of their arguments, only the flags that are evidence are kept."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from auditor.model.objects import Agent, AgentContainer, Metadata
from auditor.model.retention import AgentFlags


class _Container(msgspec.Struct, gc=False):
    name: str = ""
    image: str = ""
    command: list[str] = []
    args: list[str] = []


class _PodSpec(msgspec.Struct, gc=False):
    containers: list[_Container] = []


class _Template(msgspec.Struct, gc=False):
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)


class _Spec(msgspec.Struct, gc=False):
    template: _Template = msgspec.field(default_factory=_Template)


class _Status(msgspec.Struct, gc=False, rename="camel"):
    desired_number_scheduled: int | None = None
    number_ready: int | None = None


class DaemonSet(msgspec.Struct, gc=False):
    """A DaemonSet in wire form. It holds arguments: it is never kept as it is."""

    metadata: Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def agent_of(daemon_set: DaemonSet, retained: Iterable[AgentFlags]) -> Agent:
    """The DaemonSet as an agent, without arguments but the retained flags of that name."""
    name = daemon_set.metadata.name
    flags = {flag for one in retained if one.daemon_set == name for flag in one.flags}
    return Agent(
        metadata=daemon_set.metadata,
        containers=tuple(
            AgentContainer(
                name=one.name,
                image=one.image,
                args=_narrow_arguments([*one.command, *one.args], flags),
            )
            for one in daemon_set.spec.template.spec.containers
        ),
        desired=daemon_set.status.desired_number_scheduled,
        ready=daemon_set.status.number_ready,
    )


def _narrow_arguments(arguments: Iterable[str], flags: Iterable[str]) -> tuple[str, ...]:
    """The words that set one of the flags, `--flag` or `--flag=value`, also in a shell's command.

    One dash or two mean the same to Go programs: kept is the flag's own spelling.
    """
    spelled = {flag.lstrip("-"): flag for flag in flags}
    kept: list[str] = []
    for word in (word for one in arguments for word in one.split()):
        name, equals, value = word.partition("=")
        flag = spelled.get(name.lstrip("-"))
        if flag is not None and word.startswith("-"):
            kept.append(f"{flag}{equals}{value}")
    return tuple(kept)
