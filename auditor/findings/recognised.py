"""What detection recognised, of what each rule rests on, and by which evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from auditor.findings.scope import Judged, Scope
from auditor.model.objects import Reference
from auditor.model.recognised import Aspect, RecognisedAspect, RecognisedItem
from auditor.model.recognition import Environment
from auditor.reachability.view import View

_SYSTEM = Aspect.SYSTEM_NAMESPACES
_DATABASE = (Aspect.DATABASES, _SYSTEM, Aspect.IP_BLOCKS)

RESTS_ON: Mapping[str, tuple[Aspect, ...]] = {
    "namespace-lacks-default-deny": (_SYSTEM, Aspect.DNS),
    "default-deny-is-nullified": (_SYSTEM, Aspect.DNS),
    "workload-is-not-isolated": (_SYSTEM, Aspect.DNS),
    "policies-are-not-enforced": (Aspect.CNI,),
    "host-network-workload-bypasses-policy": (_SYSTEM,),
    "database-open-to-all-pods": _DATABASE,
    "database-open-to-other-environments": (Aspect.ENVIRONMENTS, *_DATABASE),
    "database-open-to-outside": _DATABASE,
    "database-open-beyond-its-ports": _DATABASE,
    "database-egress-is-unrestricted": (*_DATABASE, Aspect.DNS),
    "egress-is-unrestricted": (_SYSTEM, Aspect.DNS),
    "egress-to-whole-internet": (_SYSTEM, Aspect.DNS, Aspect.IP_BLOCKS),
    "metadata-service-is-reachable": (_SYSTEM, Aspect.IP_BLOCKS),
    "dns-is-blocked": (Aspect.DNS, _SYSTEM, Aspect.IP_BLOCKS),
    "dns-lacks-tcp": (Aspect.DNS, _SYSTEM, Aspect.IP_BLOCKS),
    "environments-can-talk": (Aspect.ENVIRONMENTS, Aspect.DATABASES, Aspect.IP_BLOCKS),
    "environment-is-unknown": (Aspect.ENVIRONMENTS, _SYSTEM),
    "selector-trusts-a-tenant-label": (Aspect.ENVIRONMENTS, _SYSTEM, Aspect.IP_BLOCKS),
    "policy-selects-no-pods": (_SYSTEM,),
    "peer-selects-nothing": (_SYSTEM,),
    "rule-is-one-sided": (_SYSTEM, Aspect.IP_BLOCKS),
    "peers-are-ored": (_SYSTEM,),
    "policy-types-omit-a-direction": (_SYSTEM,),
    "named-port-resolves-nowhere": (_SYSTEM,),
    "ip-block-covers-cluster-addresses": (Aspect.IP_BLOCKS, _SYSTEM),
    "policy-is-redundant": (_SYSTEM, Aspect.IP_BLOCKS),
    "policy-kinds-not-evaluated": (),
}
"""By rule, what its subjects, grades or remediations depend on beyond pods and policies."""

_ENFORCES = {
    True: "enforces policies",
    False: "enforces no policy",
    None: "whether it enforces policies is not known",
}
_SERVED = {False: "not served", None: "not known to be served", True: "served"}
_CAPABLE = {True: "enforced", False: "not enforced", None: "not known to be enforced"}
_MATCH_PODS = {True: "also match pods", False: "never match pods", None: "not known to match pods"}


def list_recognised(view: View, scope: Scope, rule_id: str) -> tuple[RecognisedAspect, ...]:
    """What was recognised within a scope, of what a rule rests on."""
    judged = Judged(view, scope)
    return tuple(
        RecognisedAspect(aspect, tuple(_LISTS[aspect](view, judged)))
        for aspect in RESTS_ON[rule_id]
    )


def _list_databases(view: View, judged: Judged) -> Iterator[RecognisedItem]:
    for workload, database in view.recognition.databases.items():
        if judged.holds(workload):
            ambiguous = " (ambiguous)" if database.ambiguous else ""
            yield RecognisedItem(str(workload), database.engine + ambiguous, database.evidence)


def _list_environments(view: View, judged: Judged) -> Iterator[RecognisedItem]:
    """Every namespace: one of unknown environment is what a user looks for."""
    for namespace in judged.namespaces:
        if environment := view.recognition.environments.get(namespace):
            yield RecognisedItem(namespace, _describe(environment), environment.evidence)
        else:
            yield RecognisedItem(namespace, "unknown", ())


def _describe(environment: Environment) -> str:
    name = environment.name or "ambiguous"
    if not environment.production or name == "prod":
        return name
    return f"{name} (counts as production)"


def _list_dns(view: View, judged: Judged) -> Iterator[RecognisedItem]:
    """Cluster DNS serves every namespace, and so it is shown whatever the scope."""
    del judged
    found = view.recognition
    labels = tuple(
        "pods are selected by " + ", ".join(f"{key}={value}" for key, value in one.items())
        for one in found.dns_pod_labels
    )
    for workload in found.dns:
        yield RecognisedItem(str(workload), "cluster DNS", labels)


def _list_system_namespaces(view: View, judged: Judged) -> Iterator[RecognisedItem]:
    for name in judged.namespaces:
        if name in view.recognition.system_namespaces:
            yield RecognisedItem(name, "system namespace", ("name",))


def _list_cni(view: View, judged: Judged) -> Iterator[RecognisedItem]:
    """The CNI with what says so, its agents, the nodes apart, and each feature of policies."""
    del judged
    cni = view.recognition.cni
    if cni.name is None and not cni.evidence:
        return
    yield RecognisedItem(cni.name or "no CNI", _ENFORCES[cni.enforces], cni.evidence)
    for agent in cni.agents:
        yield RecognisedItem(_name_agent(agent.agent), "agent", (str(agent),))
    if cni.unattended:
        yield RecognisedItem("nodes", f"{cni.unattended:,} that no agent is meant for", ())
    for apart in cni.apart:
        yield RecognisedItem(f"{apart.kind} nodes", _SERVED[apart.served], apart.nodes)
    for one in cni.capabilities:
        yield RecognisedItem(one.feature.value, _CAPABLE[one.enforced], (one.evidence,))


def _name_agent(agent: Reference) -> str:
    return f"{agent.kind} {agent.namespace}/{agent.name}"


def _list_ip_blocks(view: View, judged: Judged) -> Iterator[RecognisedItem]:
    del judged
    cni = view.recognition.cni
    if view.ip_blocks_match_pods != cni.ip_blocks_match_pods:
        evidence = "setting ip_blocks_match_pods"
    elif cni.name is None:
        evidence = "no CNI was recognised"
    elif cni.ip_blocks_match_pods is None:
        evidence = f"how {cni.name} reads them is not known"
    else:
        evidence = f"as {cni.name} reads them"
    yield RecognisedItem("ipBlocks", _MATCH_PODS[view.ip_blocks_match_pods], (evidence,))


_LISTS: Mapping[Aspect, Callable[[View, Judged], Iterator[RecognisedItem]]] = {
    Aspect.DATABASES: _list_databases,
    Aspect.ENVIRONMENTS: _list_environments,
    Aspect.DNS: _list_dns,
    Aspect.SYSTEM_NAMESPACES: _list_system_namespaces,
    Aspect.CNI: _list_cni,
    Aspect.IP_BLOCKS: _list_ip_blocks,
}
