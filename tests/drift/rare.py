"""Pairs of clusters that chance seldom makes: one for each thing that can be a cause."""

from __future__ import annotations

from typing import Any, NamedTuple

from auditor.model.drift import CauseKind
from auditor.model.snapshot import Snapshot
from tests.oracle.handmade import DENY_ALL, DENY_INGRESS, cluster, pod

SERVER = {"role": "server"}


class Rare(NamedTuple):
    """A pair, and the causes of every row between pods: of `+a→b` opened, of `-a→b` closed."""

    previous: Snapshot
    current: Snapshot
    causes: dict[str, set[tuple[CauseKind, str]]]
    readings: tuple[bool, bool] = (True, True)


def server(**more: Any) -> dict[str, Any]:
    """The pod that policies of these pairs isolate."""
    return pod("server", SERVER, **more)


def serving(port: int) -> list[dict[str, Any]]:
    """Containers that declare the port web."""
    return [{"ports": [{"name": "web", "containerPort": port}]}]


def admit(rule: str) -> str:
    """A policy that isolates the server for ingress but for one rule."""
    return f"{{podSelector: {{matchLabels: {{role: server}}}}, ingress: [{rule}]}}"


def admit_block(cidr: str) -> str:
    """Another, that admits addresses."""
    return admit(f"{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}")


def admit_pods(selector: str) -> str:
    """Another, that admits pods."""
    return admit(f"{{from: [{{podSelector: {{{selector}}}}}]}}")


BY_NAME = admit("{ports: [{port: web}]}")
A = "matchLabels: {app: a}"
EGRESS_BY_NAME = (
    f"{{podSelector: {{{A}}}, policyTypes: [Egress], egress: [{{ports: [{{port: web}}]}}]}}"
)
TO_NAMED_A_OR_B = """
policyTypes: [Egress]
egress:
  - to: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}}]
    ports: [{port: web}]
"""
ON_80, ON_81 = "{ports: [{port: 80}]}", "{ports: [{port: 80}, {port: 81}]}"
ONLY_81 = "{ports: [{port: 81}]}"
A_OR_BLOCK = admit(f"{{from: [{{podSelector: {{{A}}}}}, {{ipBlock: {{cidr: 10.9.0.0/16}}}}]}}")
OF_NOBODY = """
podSelector: {matchLabels: {nobody: here}}
ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]
"""
A_IN_TEAM = admit(
    f"{{from: [{{podSelector: {{{A}}}, namespaceSelector: {{matchLabels: {{team: x}}}}}}]}}"
)
A_OR_ELSE = admit(
    f"{{from: [{{podSelector: {{{A}}}}}]}},"
    " {from: [{podSelector: {matchLabels: {app: zzz}}}], ports: [{port: 443}]}"
)
IN_TEAM = "{from: [{namespaceSelector: {matchLabels: {team: x}}}]}"
TYPES = "policyTypes: [Ingress]"
A_ANYWHERE = f"{{from: [{{podSelector: {{{A}}}, namespaceSelector: {{}}}}]}}"
A_IN_TEAM_OR_BLOCK = admit(
    f"{{from: [{{podSelector: {{{A}}}, namespaceSelector: {{matchLabels: {{team: x}}}}}},"
    " {ipBlock: {cidr: 10.9.0.0/16}}]}"
)
KINDS = CauseKind


def web(name: str, tier: str) -> dict[str, Any]:
    """A pod of the StatefulSet web."""
    return pod(name, {"tier": tier}, owner="StatefulSet/web")


OPEN_TO_A_AND_C = (
    DENY_INGRESS,
    "{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a, c]}]}, ingress: [{}]}",
    "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Ingress]}",
)

RARE = {
    "a variant that came is compared with the one that went, not with the one that stays": Rare(
        cluster([web("w1", "a"), web("w2", "b"), server()], *OPEN_TO_A_AND_C),
        cluster([web("w1", "a"), web("w3", "c"), server()], *OPEN_TO_A_AND_C),
        {
            "+server→web": {(KINDS.LABELS_CHANGED, "shop/StatefulSet/web")},
            "+web→web": {(KINDS.LABELS_CHANGED, "shop/StatefulSet/web")},
        },
    ),
    "a variant that came beside those that stay is compared with all of them": Rare(
        cluster([web("w1", "a"), web("w2", "b"), server()], *OPEN_TO_A_AND_C),
        cluster([web("w1", "a"), web("w2", "b"), web("w3", "c"), server()], *OPEN_TO_A_AND_C),
        {},
    ),
    "a port name stands for another number": Rare(
        cluster([pod("client"), server(containers=serving(80))], BY_NAME),
        cluster([pod("client"), server(containers=serving(81))], BY_NAME),
        {
            "+client→server": {(KINDS.PORTS_CHANGED, "shop/Pod/server")},
            "-client→server": {(KINDS.PORTS_CHANGED, "shop/Pod/server")},
        },
    ),
    "a port name of an egress rule stands for another number": Rare(
        cluster(
            [pod("client", {"app": "a"}), server(containers=serving(80))],
            EGRESS_BY_NAME,
        ),
        cluster(
            [pod("client", {"app": "a"}), server()],
            EGRESS_BY_NAME,
        ),
        {"-client→server": {(KINDS.PORTS_CHANGED, "shop/Pod/server")}},
    ),
    "a pod has another address": Rare(
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.1/32")),
        cluster([pod("client", ips=["10.0.0.2"]), server()], admit_block("10.0.0.1/32")),
        {"-client→server": {(KINDS.ADDRESSES_CHANGED, "shop/Pod/client")}},
    ),
    "a pod has another address, and no ipBlock matches pods": Rare(
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.1/32")),
        cluster([pod("client", ips=["10.0.0.2"]), server()], admit_block("10.0.0.1/32")),
        {},
        (False, False),
    ),
    "a node has another address": Rare(
        cluster(
            [pod("host", nodeName="n1", hostNetwork=True), server()],
            admit_block("10.9.0.1/32"),
            nodes={"n1": ["10.9.0.1"]},
        ),
        cluster(
            [pod("host", nodeName="n1", hostNetwork=True), server()],
            admit_block("10.9.0.1/32"),
            nodes={"n1": ["10.9.0.2"]},
        ),
        {"-host→server": {(KINDS.ADDRESSES_CHANGED, "shop/Pod/host")}},
        (False, False),
    ),
    "a pod joins the network of its node": Rare(
        cluster([pod("client", SERVER), server(nodeName="n2")], DENY_INGRESS),
        cluster([pod("client", SERVER), server(nodeName="n2", hostNetwork=True)], DENY_INGRESS),
        {"+client→server": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/server")}},
    ),
    "a peer leaves the network of its node": Rare(
        cluster([pod("client", {"app": "a"}, hostNetwork=True), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], admit_pods(A)),
        {"+client→server": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/client")}},
    ),
    "a pod leaves the node of a host-network pod": Rare(
        cluster([pod("host", nodeName="n1", hostNetwork=True), pod("a", nodeName="n1")]),
        cluster([pod("host", nodeName="n1", hostNetwork=True), pod("a", nodeName="n2")]),
        {
            "+a→host": {(KINDS.NODES_CHANGED, "shop/Pod/a")},
            "+host→a": {(KINDS.NODES_CHANGED, "shop/Pod/a")},
        },
    ),
    "a pod joins the network of the node where another stands": Rare(
        cluster([pod("host", nodeName="n1"), pod("a", nodeName="n1")]),
        cluster([pod("host", nodeName="n1", hostNetwork=True), pod("a", nodeName="n1")]),
        {
            "-a→host": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/host")},
            "-host→a": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/host")},
        },
    ),
    "a port changes, and a label that makes no difference": Rare(
        cluster(
            [pod("client"), pod("peer", {"app": "a"}, containers=serving(80))], TO_NAMED_A_OR_B
        ),
        cluster(
            [pod("client"), pod("peer", {"app": "b"}, containers=serving(81))], TO_NAMED_A_OR_B
        ),
        {
            "+client→peer": {(KINDS.PORTS_CHANGED, "shop/Pod/peer")},
            "-client→peer": {(KINDS.PORTS_CHANGED, "shop/Pod/peer")},
        },
    ),
    "ipBlocks match pods now": Rare(
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.0/8")),
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.0/8")),
        {"+client→server": {(KINDS.IP_BLOCK_READING_CHANGED, "Cluster/cluster")}},
        (False, True),
    ),
    "a label of the peer lets it in, where a new policy does, too": Rare(
        cluster([pod("client", {"app": "b"}), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], admit_pods(A), admit_pods("")),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "shop/Pod/client"),
                (KINDS.POLICY_ADDED, "shop/NetworkPolicy/policy-1"),
            }
        },
    ),
    "a label lets the peer in, and its new address makes no difference": Rare(
        cluster([pod("client", {"app": "b"}, ips=["10.0.0.1"]), server()], A_OR_BLOCK, OF_NOBODY),
        cluster([pod("client", {"app": "a"}, ips=["10.1.0.1"]), server()], A_OR_BLOCK, OF_NOBODY),
        {"+client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/client")}},
    ),
    "a label lets the peer in, and a new one of its namespace makes no difference": Rare(
        cluster(
            [pod("client", {"app": "b"}, namespace="other"), server()],
            A_IN_TEAM,
            namespaces={"other": {"team": "x"}},
        ),
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            A_IN_TEAM,
            namespaces={"other": {"team": "x", "stage": "late"}},
        ),
        {"+client→server": {(KINDS.LABELS_CHANGED, "other/Pod/client")}},
    ),
    "a label of the pod and one of its namespace let it in together": Rare(
        cluster([pod("client", {"app": "b"}, namespace="other"), server()], A_IN_TEAM),
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            A_IN_TEAM,
            namespaces={"other": {"team": "x"}},
        ),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "other/Pod/client"),
                (KINDS.LABELS_CHANGED, "Namespace/other"),
            }
        },
    ),
    "one direction opens for the namespace, the other for the pod": Rare(
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            admit("{from: [{namespaceSelector: {matchLabels: {in: 'yes'}}}]}"),
            "{podSelector: {matchLabels: {role: server}}, policyTypes: [Egress]}",
        ),
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            admit("{from: [{namespaceSelector: {matchLabels: {in: 'yes'}}}]}"),
            namespaces={"other": {"in": "yes"}},
        ),
        {
            "+client→server": {(KINDS.LABELS_CHANGED, "Namespace/other")},
            "+server→client": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-1")},
        },
    ),
    "a label takes the pod out of the policy that isolated it": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client"), pod("server")], admit_pods(A)),
        {"+client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/server")}},
    ),
    "a policy grants more, beside one that denies": Rare(
        cluster([pod("client"), server()], DENY_INGRESS, admit(ON_80)),
        cluster([pod("client"), server()], DENY_INGRESS, admit(ON_81)),
        {
            "+client→server": {(KINDS.POLICY_CHANGED, "shop/NetworkPolicy/policy-1")},
        },
    ),
    "a policy that granted goes, beside one that denies": Rare(
        cluster([pod("client"), server()], DENY_INGRESS, admit(ON_80)),
        cluster([pod("client"), server()], DENY_INGRESS),
        {"-client→server": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-1")}},
    ),
    "a policy changes beside the one that grants": Rare(
        cluster([pod("client"), server()], admit(ON_80)),
        cluster([pod("client"), server()], admit(f"{ON_80}, {ON_80}"), admit(ONLY_81)),
        {"+client→server": {(KINDS.POLICY_ADDED, "shop/NetworkPolicy/policy-1")}},
    ),
    "a policy that isolates comes": Rare(
        cluster([pod("client"), server()]),
        cluster([pod("client"), server()], admit_pods(A)),
        {"-client→server": {(KINDS.POLICY_ADDED, "shop/NetworkPolicy/policy-0")}},
    ),
    "both directions of one connection open at once, each of which opens others, too": Rare(
        cluster([pod("client"), server()], DENY_ALL),
        cluster([pod("client"), server()]),
        {
            "+client→server": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-0")},
            "+server→client": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-0")},
        },
    ),
    "policies that isolated go, all of them": Rare(
        cluster([pod("client"), server()], admit_pods(A), admit_pods("matchLabels: {app: b}")),
        cluster([pod("client"), server()]),
        {
            "+client→server": {
                (KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-0"),
                (KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-1"),
            }
        },
    ),
    "a label lets the peer in, and the policy changes in what does not concern it": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], A_OR_ELSE),
        {"+client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/client")}},
    ),
    "a label shuts the peer out, and the policy changes in what does not concern it": Rare(
        cluster([pod("client", {"app": "a"}), server()], admit_pods(A)),
        cluster([pod("client"), server()], A_OR_ELSE),
        {"-client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/client")}},
    ),
    "a label takes the pod out of a policy that changes in what does not concern it": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client"), pod("server")], A_OR_ELSE),
        {"+client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/server")}},
    ),
    "a label takes the pod out of a policy that selects it no more in any case": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client"), pod("server")], "{podSelector: {matchLabels: {role: nobody}}}"),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "shop/Pod/server"),
                (KINDS.POLICY_CHANGED, "shop/NetworkPolicy/policy-0"),
            }
        },
    ),
    "a label lets the peer in, and the policy's types are written out": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], f"{{{TYPES}, {admit_pods(A)[1:]}"),
        {"+client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/client")}},
    ),
    "a label of the namespace lets the peer in, and the policy changes in another rule": Rare(
        cluster([pod("client", namespace="other"), server()], admit(IN_TEAM)),
        cluster(
            [pod("client", namespace="other"), server()],
            admit(f"{IN_TEAM}, {{from: [{{podSelector: {{matchLabels: {{app: zzz}}}}}}]}}"),
            namespaces={"other": {"team": "x"}},
        ),
        {"+client→server": {(KINDS.LABELS_CHANGED, "Namespace/other")}},
    ),
    "a label of the peer and a rule for it let it in together": Rare(
        cluster([pod("client"), server()], "{podSelector: {matchLabels: {role: server}}}"),
        cluster([pod("client", {"app": "a"}), server()], admit_pods(A)),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "shop/Pod/client"),
                (KINDS.POLICY_CHANGED, "shop/NetworkPolicy/policy-0"),
            }
        },
    ),
    "a label of the peer lets it in, as the policy does now without it": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], admit("{}")),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "shop/Pod/client"),
                (KINDS.POLICY_CHANGED, "shop/NetworkPolicy/policy-0"),
            }
        },
    ),
    "a label and the policy each let the peer in, its namespace's label does not": Rare(
        cluster([pod("client", namespace="other"), server()], admit(A_ANYWHERE)),
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            admit("{}"),
            namespaces={"other": {"team": "x"}},
        ),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "other/Pod/client"),
                (KINDS.POLICY_CHANGED, "shop/NetworkPolicy/policy-0"),
            }
        },
    ),
    "two things let the peer in together, as two others do": Rare(
        cluster([pod("client", namespace="other", ips=["10.0.0.1"]), server()], A_IN_TEAM_OR_BLOCK),
        cluster(
            [pod("client", {"app": "a"}, namespace="other", ips=["10.9.0.1"]), server()],
            A_IN_TEAM_OR_BLOCK,
            namespaces={"other": {"team": "x"}},
        ),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "other/Pod/client"),
                (KINDS.LABELS_CHANGED, "Namespace/other"),
                (KINDS.ADDRESSES_CHANGED, "other/Pod/client"),
                (KINDS.IP_BLOCK_READING_CHANGED, "Cluster/cluster"),
            }
        },
        (False, True),
    ),
}
