"""Clusters of which one part is told, and the strings of the rest that nobody may be told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from auditor.findings.assemble import NOTHING_ACCEPTED, Acceptance
from auditor.job.audiences import narrow_audit
from auditor.job.sides import side_of_audit
from auditor.job.steps import evaluate_side, judge_view, seal
from auditor.model.canonical import encode_canonical
from auditor.model.objects import (
    Container,
    IngressRule,
    IPBlock,
    Metadata,
    Namespace,
    NetworkPolicy,
    OwnerReference,
    Peer,
    Pod,
    PodIP,
    PodStatus,
    Service,
)
from auditor.model.progress import Progress
from auditor.model.report import Audit
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import View
from auditor.settings import NO_STORE, Audience, DetectionSettings, Settings
from reports.csv import render_csv
from reports.html import render_html
from reports.mail import render_mail
from reports.mail_view import Occasion
from reports.webhook import render_webhook
from tests.rules.populated import populated_snapshots

NOW = "2026-11-21T14:03:05Z"
SETTINGS = Settings(store=NO_STORE, detection=DetectionSettings(system_namespaces=("three",)))


@contextmanager
def unwatched(_: str) -> Iterator[Progress]:
    """Begin a stage that nobody watches."""
    yield lambda _what, _count: None


class Told(NamedTuple):
    """A whole audit, with what it was made of."""

    audit: Audit
    view: View
    settings: Settings

    def narrow(
        self,
        audience: Audience,
        previous: Told | None = None,
        acceptance: Acceptance = NOTHING_ACCEPTED,
    ) -> Audit:
        """Return what an audience is told, since a previous audit."""
        return narrow_audit(
            self.audit,
            self.view,
            self.settings,
            acceptance,
            audience,
            previous=None
            if previous is None
            else side_of_audit(previous.audit, previous.view, previous.settings, "before"),
        )


def audit_whole(
    snapshot: Snapshot,
    settings: Settings = SETTINGS,
    acceptance: Acceptance = NOTHING_ACCEPTED,
) -> Told:
    """Audit a snapshot whole."""
    view = evaluate_side(snapshot, settings, stage=unwatched)
    audit = judge_view(
        view,
        settings,
        acceptance,
        run_id="the-run",
        started_at=NOW,
        clock=lambda: NOW,
    )
    return Told(seal(audit), view, settings)


def audience_of(*namespaces: str, names_others: bool = False) -> Audience:
    """Make an audience of some namespaces."""
    return Audience(
        name="team one", to=("a@b.example",), namespaces=namespaces, names_others=names_others
    )


class Secretive(NamedTuple):
    """A cluster with an own namespace, and the strings that only other namespaces hold."""

    snapshot: Snapshot
    own: str
    secrets: tuple[str, ...]


class _Veil:
    """Gives the objects of other namespaces names that occur nowhere else."""

    def __init__(self, own: str) -> None:
        self.own = own
        self.secrets: list[str] = []
        self._numbers = count(1)
        self._renamed: dict[tuple[str, str], str] = {}

    def secret(self, prefix: str) -> str:
        """Make a string that nobody guesses."""
        number = next(self._numbers)
        self.secrets.append(f"{prefix}q{number}jx{number * 7919 % 10007}")
        return self.secrets[-1]

    def rename(self, kind: str, name: str) -> str:
        """Name something alike wherever it is named."""
        key = (kind, name)
        if key not in self._renamed:
            self._renamed[key] = self.secret(kind)
        return self._renamed[key]

    def address(self) -> str:
        """Make an address that nobody else has."""
        number = next(self._numbers)
        self.secrets.append(f"10.213.{number}.77")
        return self.secrets[-1]

    def place(self, namespace: str) -> str:
        """Name a namespace."""
        return namespace if namespace == self.own else self.rename("ns", namespace)

    def metadata(self, metadata: Metadata, kind: str) -> Metadata:
        """Veil what names and describes an object."""
        mine = (metadata.namespace or metadata.name) == self.own
        if mine:
            return metadata
        place = metadata.namespace
        label = {f"{self.secret('key')}": self.secret("value")}
        return msgspec.structs.replace(
            metadata,
            name=self.rename(kind, f"{place}/{metadata.name}")
            if metadata.namespace
            else self.place(metadata.name),
            namespace=self.place(place) if place else "",
            labels={**metadata.labels, **label},
            annotations={"netpol-auditor.io/waive.dns-is-blocked": self.secret("note")},
            owner_references=tuple(
                OwnerReference(
                    one.kind,
                    one.name
                    if one.kind == "Node"
                    else self.rename(one.kind.lower(), f"{place}/{one.name}"),
                    one.controller,
                )
                for one in metadata.owner_references
            ),
        )


def veil(snapshot: Snapshot, own: str) -> Secretive:
    """Rename what lies in other namespaces, and give it labels, images and addresses of its own."""
    veils = _Veil(own)
    return Secretive(
        msgspec.structs.replace(
            snapshot,
            namespaces=_sorted(_veil_namespace(one, veils) for one in snapshot.namespaces),
            pods=_sorted(_veil_pod(one, veils) for one in snapshot.pods),
            policies=_sorted(_veil_policy(one, veils) for one in snapshot.policies),
            services=_sorted(
                Service(veils.metadata(one.metadata, "svc"), one.spec) for one in snapshot.services
            ),
            owners=_sorted(
                msgspec.structs.replace(
                    one, metadata=veils.metadata(one.metadata, one.kind.lower())
                )
                for one in snapshot.owners
            ),
        ),
        own,
        tuple(veils.secrets),
    )


def _sorted(objects: Iterator[object]) -> tuple:  # type: ignore[type-arg]
    return tuple(sorted(objects, key=lambda one: (one.metadata.namespace, one.metadata.name)))


def _veil_namespace(one: Namespace, veils: _Veil) -> Namespace:
    if one.name == veils.own:
        return one
    metadata = veils.metadata(one.metadata, "ns")
    labels = {**metadata.labels, NAMESPACE_NAME_LABEL: metadata.name}
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(metadata, labels=labels))


def _veil_pod(one: Pod, veils: _Veil) -> Pod:
    if one.namespace == veils.own:
        return one
    containers = (
        *one.spec.containers,
        Container(name=veils.secret("container"), image=f"{veils.secret('image')}/mysql:8"),
    )
    ip = veils.address()
    return msgspec.structs.replace(
        one,
        metadata=veils.metadata(one.metadata, "pod"),
        spec=msgspec.structs.replace(one.spec, containers=containers),
        status=one.status
        if one.spec.host_network
        else PodStatus(phase=one.status.phase, pod_ip=ip, pod_ips=(PodIP(ip=ip),)),
    )


def _veil_policy(one: NetworkPolicy, veils: _Veil) -> NetworkPolicy:
    if one.namespace == veils.own:
        return one
    number = next(iter(veils._numbers)) % 200  # noqa: SLF001  ours
    veils.secrets += [f"198.18.{number}.{last}" for last in (76, 77, 78)]
    peers = (
        Peer(ip_block=IPBlock(cidr=f"198.18.{number}.77/32")),
        Peer(
            namespace_selector=LabelSelector(match_labels={veils.secret("key"): "x"}),
        ),
    )
    spec = msgspec.structs.replace(one.spec, ingress=(*one.spec.ingress, IngressRule(peers=peers)))
    return msgspec.structs.replace(one, metadata=veils.metadata(one.metadata, "policy"), spec=spec)


@st.composite
def secretive_clusters(draw: st.DrawFn) -> Secretive:
    """Random clusters with something for every rule, one namespace of which is told."""
    snapshot = draw(populated_snapshots(max_pods=6, max_policies=4))
    return veil(snapshot, draw(st.sampled_from([one.name for one in snapshot.namespaces])))


AMBIGUOUS = ("web", "app", "database", "default", "monitoring", "staging", "one-web")
"""Names of others' namespaces that are names of one's own, or words of the product, as well."""


def rename_ambiguously(snapshot: Snapshot, own: str, names: Sequence[str]) -> Snapshot:
    """Give other namespaces names that also mean something else."""
    others = (one.name for one in snapshot.namespaces if one.name != own)
    renamed = dict(zip(others, names, strict=False))

    def rename(one: Any) -> Any:
        metadata = one.metadata
        name = renamed.get(metadata.name, metadata.name) if isinstance(one, Namespace) else None
        if name is not None:
            labels = {**metadata.labels, NAMESPACE_NAME_LABEL: name}
            return msgspec.structs.replace(
                one, metadata=msgspec.structs.replace(metadata, name=name, labels=labels)
            )
        place = renamed.get(metadata.namespace, metadata.namespace)
        return msgspec.structs.replace(
            one, metadata=msgspec.structs.replace(metadata, namespace=place)
        )

    kinds = ("namespaces", "pods", "policies", "services", "owners")
    return msgspec.structs.replace(
        snapshot,
        **{kind: _sorted(rename(one) for one in getattr(snapshot, kind)) for kind in kinds},
    )


@st.composite
def ambiguous_clusters(draw: st.DrawFn) -> Secretive:
    """Random clusters where others' namespaces bear names that may be said, though not as such."""
    snapshot = draw(populated_snapshots(max_pods=6, max_policies=4))
    own = draw(st.sampled_from([one.name for one in snapshot.namespaces]))
    named = rename_ambiguously(snapshot, own, draw(st.permutations(AMBIGUOUS)))
    words = Pod(metadata=Metadata(name="web", namespace=own, labels={"app": "app"}))
    more = Pod(metadata=Metadata(name="app", namespace=own, labels={"app": "one-web"}))
    pods = (
        one for one in named.pods if (one.namespace, one.name) not in {(own, "web"), (own, "app")}
    )
    return Secretive(
        msgspec.structs.replace(named, pods=_sorted(iter((*pods, words, more)))),
        own,
        tuple(one.name for one in named.namespaces if one.name != own),
    )


TEAMS = """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: red, env: dev}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop-blue, labels: {team: blue, env: prod}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: x, namespace: undeclared},
 spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {
 containers: [{name: x, image: x}]}}}}
"""
"""Three namespaces, one of which no manifest declares."""

ENDS = """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ledger}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: one, namespace: ledger}}
---
{apiVersion: v1, kind: Pod, metadata: {name: two, namespace: ledger}}
---
{apiVersion: v1, kind: Pod, metadata: {name: far, namespace: ledger}}
"""
"""One's own end, and three of others."""

DENY = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: theirs, namespace: ledger}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
"""What closes both namespaces."""

OCCASION = Occasion(period="2026-W47", audience="team one", whole=False)


def render_all(audit: Audit) -> str:
    """Everything that an audience may be sent of an audit, but the PDF."""
    drift = audit.report.drift
    mail = render_mail(audit, drift, OCCASION)
    return "\n".join(
        (
            encode_canonical(audit).decode(),
            render_csv(audit).decode(),
            render_html(audit).decode(),
            json.dumps(render_webhook(audit, drift, OCCASION)),
            mail.subject,
            mail.text,
            mail.html,
        )
    )
