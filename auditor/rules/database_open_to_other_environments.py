"""A database may be reached from another environment.

What it means: some pod of a namespace of another known environment (the detail) may open a
connection to the database on some port: the source's egress and the database's ingress both allow
it, today. There is one finding for each database and source environment. Namespaces whose
environment is not known are not judged as sources; where the environment of the database's own
namespace is not known, or that of a source is ambiguous, and such a connection exists, the database
is named as not evaluated.

Why it matters: test and development run unreviewed code with weaker passwords and more people. From
there a production database is one leaked password away; and where the data of one environment can
be written from another, neither can be trusted.

How to fix: admit the database's clients by namespaceSelector and podSelector together, and nothing
else. The manifest shown shuts the namespaces of the other environment out at the database and
leaves everything else as it is.

When to waive: for a deliberate, one-way path (a copy job that fills staging, say), stated with its
owner and an end date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated
from auditor.model.objects import IngressRule
from auditor.model.ports import describe_ports
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.permissions import Cell
from auditor.reachability.reach import Reach, reach_of
from auditor.reachability.view import View
from auditor.rules._certainty import Certainty, certainty, describe_gaps, unread_namespaces
from auditor.rules._databases import (
    DataStore,
    admitting,
    find_databases,
    grade_system,
    mend_ingress,
)
from auditor.rules._environment_remediation import OBJECTS_AT_MOST, all_but, shut_out
from auditor.rules._environments import Environments
from auditor.rules._incoming import Incoming, Others, Tally
from auditor.rules._remediation import by_steps
from auditor.rules._witness import declared_ports, state_witness

SEVERITY = Severity.HIGH

_INGRESS = Direction.INGRESS
_KINDS = (Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS)
_NAMESPACES_SHOWN = 20


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that is recognised as a database."""
    judge = _Judge(view)
    for store in view.remembered(find_databases):
        yield from judge.judge(store)
    yield from unread_namespaces(view, Blind.PODS)


class _Judge:
    """Judges databases by what is worked out once for those of an environment."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._others: dict[tuple[str | None, str], Others] = {}
        self._gaps: dict[str, tuple[Gap, ...]] = {}

    def judge(self, store: DataStore) -> Iterator[Hit | Unevaluated]:
        """State who of others reaches a database, and what keeps more from being known."""
        view, workload = self._view, store.workload
        own = view.recognition.environments.get(workload.namespace)
        name = None if own is None else own.name
        others = self._others_than(name, workload.namespace)
        if not others:
            return
        sure = certainty(view, (workload.namespace,), Blind.POLICIES, Blind.NAMESPACE_LABELS)
        if sure.unread:
            yield Unevaluated(workload, describe_gaps(sure.unread))
            return
        found = others.find(store, lambda bit: reach_of(view, _INGRESS).of(bit))
        if name is None and found:
            why = "not known" if own is None else f"ambiguous: {'; '.join(own.evidence)}"
            reason = f"the environment of its namespace is {why}, and {_spell(found)} may connect"
            yield Unevaluated(workload, reason)
            return
        for other, incoming in found.items():
            if other is None:
                whose = ", ".join(others.tally(other, incoming).namespaces[:_NAMESPACES_SHOWN])
                reason = f"the environment of {whose} is ambiguous, and pods of it may connect"
                yield Unevaluated(workload, reason)
            elif name is not None:
                hit = _state(view, store, (name, other), incoming, others.tally(other, incoming))
                yield from Certainty((), (*sure.doubts, *self._gaps_of(other))).judge(workload, hit)
        if gaps := (*sure.doubts, *others.gaps):
            yield Unevaluated(workload, describe_gaps(gaps))
        elif others.keys() - found.keys() and others.find(store, self._may_reach).keys() - found:
            yield Unevaluated(workload, view.doubt)

    def _may_reach(self, bit: int) -> tuple[Cell, ...]:
        """Who would reach a class if what is unknown were so."""
        return () if self._possible is None else self._possible.of(bit)

    @cached_property
    def _possible(self) -> Reach | None:
        groups = self._view.evaluation.groups.values()
        if not any(one.possible for each in groups for one in each.groups):
            return None
        return Reach(self._view, _INGRESS, possible=True)

    def _others_than(self, name: str | None, namespace: str) -> Others:
        # of a known environment, every namespace has the same others
        key = (name, namespace if name is None else "")
        if key not in self._others:
            self._others[key] = Others(self._view, *key)
        return self._others[key]

    def _gaps_of(self, name: str) -> tuple[Gap, ...]:
        if name not in self._gaps:
            namespaces = self._view.remembered(Environments).namespaces[name]
            sure = certainty(self._view, namespaces, *_KINDS)
            self._gaps[name] = (*sure.unread, *sure.doubts)
        return self._gaps[name]


def _spell(found: Iterable[str | None]) -> str:
    names = (f"pods of {one}" if one else "pods of ambiguous namespaces" for one in found)
    return ", ".join(names)


def _state(
    view: View, store: DataStore, pair: tuple[str, str], incoming: Incoming, tally: Tally
) -> Hit:
    own, other = pair
    ports = describe_ports(view.evaluation.ports.describe(incoming.ports))
    severity, reason = _grade(view, store, pair)
    policies = admitting(
        view,
        store,
        lambda one: bool(one.ports & incoming.ports) and one.peers.intersect(incoming.sources),
    )
    source, destination, witnessed = incoming.first
    return Hit(
        subject=store.workload,
        detail=other,
        message=f"{store.name} of {own} may be reached from {other} on {ports}",
        hint="admit its clients by namespaceSelector and podSelector together, and nothing else",
        severity=severity,
        severity_reason=reason,
        evidence={
            **store.evidence,
            "environment": own,
            "ports": ports,
            "pods_that_connect": tally.pods,
            "namespaces_that_connect": len(tally.namespaces),
            "namespaces": list(tally.namespaces[:_NAMESPACES_SHOWN]),
        },
        witness=state_witness(
            view,
            str(view.workloads[source].endpoint),
            str(view.workloads[destination].endpoint),
            witnessed,
            preferred=(*store.usual_ports, *declared_ports(view, destination)),
        ),
        policies=view.references(policies),
        remediation=_mend(view, store, other, incoming.sources, policies),
    )


def _grade(view: View, store: DataStore, pair: tuple[str, str]) -> tuple[Severity, str]:
    if low := grade_system(view, store.workload):
        return low
    if any(map(view.remembered(Environments).is_production, pair)):
        return SEVERITY, "one end is production"
    return Severity.MEDIUM, "neither end is production"


def _mend(
    view: View, store: DataStore, other: str, sources: FrozenBitMap, policies: tuple[int, ...]
) -> Remediation:
    """Shut the namespaces of the other environment out at the database."""
    namespaces = view.remembered(Environments).namespaces[other]
    if sources.intersect(view.hosts) or len(namespaces) > OBJECTS_AT_MOST:
        return by_steps(
            "isolate the database for ingress and admit its clients by namespaceSelector and "
            "podSelector together",
            "take peers with an empty namespaceSelector out of the policies named",
            "a pod on the host's network is selected by no policy: run it elsewhere",
        )
    return mend_ingress(
        view,
        store,
        aim=f"admit no pods of {other}",
        name=f"{store.workload.name}-other-environments",
        rules=(IngressRule(peers=all_but(view, namespaces)),),
        replaced=tuple((one, shut_out(view, one, sources, namespaces)) for one in policies),
    )
