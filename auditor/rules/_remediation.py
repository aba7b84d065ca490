"""Remediations: policies that are added or replaced, and what they close and open."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain, count

import msgspec

from auditor.model.findings import (
    ChangedConnection,
    ChangedConnections,
    Direction,
    Remediation,
)
from auditor.model.objects import (
    EgressRule,
    IngressRule,
    NetworkPolicy,
    Peer,
    Pod,
    PolicyMetadata,
    PolicySpec,
)
from auditor.model.ports import describe_ports
from auditor.model.selectors import LabelSelector
from auditor.reachability.closing import Change, ChangedRow, Closing
from auditor.reachability.compile import isolated_directions
from auditor.reachability.connections import Numbering
from auditor.reachability.selection import select
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule, mentioned_blocks
from auditor.rules._certainty import describe_unread_pods
from auditor.rules._manifest import write_manifest

EVERY_POD = Peer(namespace_selector=LabelSelector())
"""The peer of a rule that takes in every pod of the cluster, and no address."""

_LONGEST_NAME = 253
"""Characters of a policy's name: a DNS subdomain (RFC 1123)."""

ROWS_SHOWN = 20
"""Connections listed of those that a remediation closes or opens; the rest are counted."""

_ROLLOUT_LABELS = {
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
}
"""Labels that controllers set and that differ from pod to pod, or from rollout to rollout."""

_HEADER = (
    "# review before applying: this {does}\n"
    "# one remediation at a time: it rests on today's policies, so audit again before the next\n"
)


def new_policy(
    view: View,
    namespace: str,
    name: str,
    selector: LabelSelector,
    direction: Direction,
    *,
    rules: tuple[Rule, ...] = (),
    besides: Collection[NetworkPolicy] = (),
) -> NetworkPolicy:
    """A policy that isolates in one direction, under a name that is still free.

    ``besides``: further policies of the same manifest, whose names are taken, too.
    """
    taken = {view.policies[one].reference.name for one in view.policies_in.get(namespace, ())}
    taken |= {one.metadata.name for one in besides if one.namespace == namespace}
    metadata = PolicyMetadata(name=_free_name(name, taken), namespace=namespace)
    return _with_rules(
        NetworkPolicy(
            metadata=metadata,
            spec=PolicySpec(pod_selector=selector, policy_types=(direction.value.capitalize(),)),
        ),
        direction,
        rules,
    )


def _free_name(wanted: str, taken: Collection[str]) -> str:
    """The name, cut to what the API takes, and numbered where it is taken."""
    ends = chain(("",), (f"-{number}" for number in count(2)))
    names = (wanted[: _LONGEST_NAME - len(end)].rstrip("-.") + end for end in ends)
    return next(one for one in names if one not in taken)


def with_rules(
    policy: NetworkPolicy, direction: Direction, rules: tuple[Rule, ...]
) -> NetworkPolicy:
    """The policy with other rules in a direction, its policyTypes made explicit."""
    types = tuple(one.value.capitalize() for one in isolated_directions(policy))
    spec = msgspec.structs.replace(policy.spec, policy_types=types)
    return _with_rules(msgspec.structs.replace(policy, spec=spec), direction, rules)


def with_peers(rule: Rule, peers: tuple[Peer, ...]) -> Rule:
    """The rule with other peers."""
    return msgspec.structs.replace(rule, peers=peers)


def selector_of(pods: Iterable[Pod]) -> LabelSelector | None:
    """A selector for exactly the labels that the pods share; None where they share none."""
    shared: frozenset[tuple[str, str]] | None = None
    for pod in pods:
        borne = _lasting_labels(pod)
        shared = borne if shared is None else shared & borne
    return LabelSelector(match_labels=dict(sorted(shared))) if shared else None


def _lasting_labels(pod: Pod) -> frozenset[tuple[str, str]]:
    return frozenset(one for one in pod.labels.items() if one[0] not in _ROLLOUT_LABELS)


def selects_isolated(
    view: View, namespace: str, selector: LabelSelector, direction: Direction
) -> bool:
    """Whether a selector of `selector_of` takes in a pod that is isolated: rules would open it."""
    bits = selected_classes(view, namespace, selector)
    return any(view.group(direction, one).is_isolated for one in bits)


def selects_open(view: View, namespace: str, selector: LabelSelector, direction: Direction) -> bool:
    """Whether a selector takes in a pod that is open: a policy that isolates would close it."""
    bits = selected_classes(view, namespace, selector)
    return any(not view.group(direction, one).is_isolated for one in bits)


def selected_classes(view: View, namespace: str, selector: LabelSelector) -> frozenset[int]:
    """The classes of the pods that a selector takes in, of some perhaps not every pod."""
    selection = select(view, namespace, selector)
    partly = (view.endpoints.class_of_pod[one] for one in selection.pods)
    return frozenset((*(selection.classes & view.real_classes), *partly))


def by_manifest(view: View, change: Change, *, opens: bool = False) -> Remediation:
    """A remediation by manifests, with what they close.

    ``opens``: the manifests are there to open connections, and what they open is stated as well.
    Without it nothing may open: a policy that only narrows is worked out faster. Addresses of which
    only the change speaks are named in what closes and opens (`View.finer`).
    """
    known = view.remembered(_known_remediations)
    positions = tuple(position for position, _ in change.replaced)
    key = (change.direction, opens, positions, msgspec.json.encode(change.policies))
    if key not in known:
        known[key] = _work_out(view, change, opens=opens)
    return known[key]


def by_neutral_manifest(
    view: View, policies: Collection[NetworkPolicy], *, emptied: Collection[Direction] = ()
) -> Remediation:
    """A remediation by manifests that say the same of today's pods in another way.

    Nothing is worked out: that nothing closes and nothing opens must follow from how they are made.
    ``emptied``: directions of which they take rules out that were inert.
    """
    nothing = _state(view, (0, ()))
    header = _HEADER.format(does=_describe_effect(nothing, None))
    return Remediation(manifest=header + write_manifest(policies, emptied=emptied), closes=nothing)


def _known_remediations(_: View) -> dict[tuple[object, ...], Remediation]:
    """What was worked out of changes: many findings of a namespace propose the same one."""
    return {}


def _work_out(view: View, change: Change, *, opens: bool) -> Remediation:
    fine = view.finer(mentioned_blocks(change.policies))
    closing = fine.remembered(Closing)
    closes = _state(fine, closing.closed_by(change, rows=ROWS_SHOWN, opens=opens))
    opened = _state(fine, closing.opened_by(change, rows=ROWS_SHOWN)) if opens else None
    header = _HEADER.format(does=_describe_effect(closes, opened))
    return Remediation(
        manifest=header + write_manifest(change.policies),
        closes=closes,
        opens=opened,
    )


def _describe_effect(closes: ChangedConnections, opens: ChangedConnections | None) -> str:
    if opens is not None and opens.total:
        also = ", and closes others" if closes.total else ""
        return f"opens connections that are closed today{also}"
    return (
        "closes connections that are open today"
        if closes.total
        else "changes no connection of today"
    )


def _state(view: View, changed: tuple[int, tuple[ChangedRow, ...]]) -> ChangedConnections:
    total, rows = changed
    words = view.remembered(_Words)
    connections = tuple(
        ChangedConnection(
            source=words.name(one.source),
            destination=words.name(one.destination),
            ports=words.describe(one.ports),
        )
        for one in rows
    )
    return ChangedConnections(
        total=total,
        connections=connections,
        omitted=total - len(connections),
        unread=view.remembered(describe_unread_pods),
    )


class _Words:
    """The ends of rows, and ports, in words: each spelled once."""

    def __init__(self, view: View) -> None:
        self._ports = view.evaluation.ports
        self._described: dict[int, str] = {}
        self._endpoints = view.remembered(Numbering).endpoints
        self._names: dict[int, str] = {}

    def name(self, number: int) -> str:
        """The end of a row."""
        found = self._names.get(number)
        if found is None:
            found = self._names[number] = str(self._endpoints[number])
        return found

    def describe(self, mask: int) -> str:
        """Ports. What is neither TCP, UDP nor SCTP may change while some of them does not."""
        found = self._described.get(mask)
        if found is None:
            ports = self._ports.describe_difference(mask)
            found = self._described[mask] = describe_ports(ports)
        return found


def by_steps(*steps: str) -> Remediation:
    """A remediation in words, where no manifest can mend the finding."""
    return Remediation(steps=steps)


def _with_rules(
    policy: NetworkPolicy, direction: Direction, rules: tuple[Rule, ...]
) -> NetworkPolicy:
    spec = policy.spec
    if direction is Direction.INGRESS:
        ingress = tuple(one for one in rules if isinstance(one, IngressRule))
        spec = msgspec.structs.replace(spec, ingress=ingress)
    else:
        egress = tuple(one for one in rules if isinstance(one, EgressRule))
        spec = msgspec.structs.replace(spec, egress=egress)
    return msgspec.structs.replace(policy, spec=spec)
