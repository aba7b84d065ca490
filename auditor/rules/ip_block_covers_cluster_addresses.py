"""An ipBlock holds addresses of the cluster's own pods or Services.

What it means: the block of a rule in effect, its excepts removed, holds the address of a pod (off
the host's network) or the cluster IP of a Service, or it is a whole IP family. Whether an ipBlock
matches pods is the CNI's affair: Calico and kube-network-policies match them, Cilium does not by
default. A cluster IP matches no pod anywhere: policies see the address of the pod behind the
Service. The finding is medium where ipBlocks are known to match pods, and low otherwise. A block
beside a peer that takes in every pod is not judged: it adds what is outside, and no pod.

Why it matters: where ipBlocks match pods, the rule admits every pod in the block whatever its
labels, and 0.0.0.0/0, meant for the internet, opens the whole cluster. Where they do not, a rule
that names a pod or a Service by its address allows nothing. And addresses of pods change.

How to fix: select pods by their labels, and take the ranges of pods and Services out of blocks that
are meant for the outside, with except.

When to waive: where a rule is to admit everyone, inside and outside, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.addresses import parse_cidr
from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.objects import IPBlock, NetworkPolicy, Peer
from auditor.model.selectors import LabelSelector
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps, describe_unread_pods, unread_policies
from auditor.rules._cluster_addresses import ClusterAddresses, Covered
from auditor.rules._peer_pods import unread_pods
from auditor.rules._places import placed_rules
from auditor.rules._remediation import by_steps

SEVERITY = Severity.LOW

_READINGS = {
    True: "ipBlocks match pods here, whatever their labels",
    False: "ipBlocks do not match pods here",
    None: "whether ipBlocks match pods is not known: no CNI that settles it was recognised",
}


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every ipBlock of every rule in effect."""
    yield from unread_policies(view)
    for policy in view.snapshot.policies:
        for rule in placed_rules(policy):
            if any(_takes_every_pod(one) for _, one in rule.peers):
                continue
            for place, peer in rule.peers:
                if peer.ip_block is not None:
                    yield from _judge(view, policy, place, peer.ip_block)


def _takes_every_pod(peer: Peer) -> bool:
    selectors = (peer.namespace_selector, peer.pod_selector or LabelSelector())
    return all(one == LabelSelector() for one in selectors)


def _judge(
    view: View, policy: NetworkPolicy, place: str, block: IPBlock
) -> Iterator[Hit | Unevaluated]:
    covered = view.remembered(ClusterAddresses).covered_by(block)
    if covered.whole_family or covered.pod_addresses or covered.cluster_ips:
        yield _state(view, policy, place, block, covered)
    elif not covered.is_empty and (unknown := view.remembered(_describe_unknown)):
        yield Unevaluated(policy.reference, unknown)


def _describe_unknown(view: View) -> str | None:
    """Which addresses of the cluster are not known; None where all are."""
    services = (one for one in view.snapshot.gaps if one.kind == "Service" and one.name is None)
    if gaps := (*unread_pods(view), *services):
        return describe_gaps(gaps)
    match view.remembered(ClusterAddresses).pods_without:
        case 0:
            return None
        case 1:
            return "the address of 1 pod is not known"
        case count:
            return f"the addresses of {count} pods are not known"


def _state(view: View, policy: NetworkPolicy, place: str, block: IPBlock, covered: Covered) -> Hit:
    severity, reason = _grade(view, policy, covered)
    unread = view.remembered(describe_unread_pods)
    return Hit(
        subject=policy.reference,
        detail=place,
        message=f"{policy.reference} names {_spell(block)} at {place}: {_describe(block, covered)}",
        hint="select pods by their labels, and except the cluster's own ranges from the block",
        severity=severity,
        severity_reason=reason,
        evidence={
            "block": _spell(block),
            "reading": _READINGS[view.ip_blocks_match_pods],
            "pod_addresses": covered.pod_addresses,
            "workloads": list(covered.workloads),
            "pods_without_known_address": view.remembered(ClusterAddresses).pods_without,
            **({"pods_not_read": unread} if unread else {}),
            "cluster_ips": covered.cluster_ips,
            "services": list(covered.services),
            **(
                {"cluster_ips_match": "nothing: policies see the pod behind the Service"}
                if covered.cluster_ips
                else {}
            ),
        },
        policies=(policy.reference,),
        remediation=by_steps(
            "select the pods that are meant by podSelector and namespaceSelector",
            "take the ranges of the cluster's pods and Services out of the block with except",
        ),
    )


def _grade(
    view: View, policy: NetworkPolicy, covered: Covered
) -> tuple[Severity | None, str | None]:
    if not view.ip_blocks_match_pods or not (covered.whole_family or covered.pod_addresses):
        return None, None
    if policy.namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    return Severity.MEDIUM, "ipBlocks match pods here: it admits them whatever their labels"


def _describe(block: IPBlock, covered: Covered) -> str:
    """What of the cluster the block holds, in words. A pod has one address of a family, mostly."""
    if covered.whole_family:
        return f"every IPv{parse_cidr(block.cidr).family} address, those of pods included"
    counts = ((covered.pod_addresses, "pod"), (covered.cluster_ips, "Service"))
    words = [f"{count} {one}{'' if count == 1 else 's'}" for count, one in counts if count]
    return f"addresses of {' and '.join(words)}"


def _spell(block: IPBlock) -> str:
    return f"{block.cidr} except {', '.join(block.excepts)}" if block.excepts else block.cidr
