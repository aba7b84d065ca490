"""Manifests as text, read by the real source."""

from io import BytesIO

from auditor.model.retention import AgentFlags, ConfigMapKeys, PolicyKind, Retention
from auditor.model.snapshot import Gap, Snapshot
from auditor.sources.manifests import collect

NOW = "2026-11-21T00:00:00Z"

RETENTION = Retention(
    agents=(AgentFlags(daemon_set="kube-router", flags=("--run-firewall",)),),
    node_annotations=("k3s.io/node-args",),
    config_maps=(ConfigMapKeys(namespace="kube-system", name="cilium-config", keys=("a", "b")),),
    policy_kinds=(
        PolicyKind(
            group="cilium.io",
            kind="CiliumNetworkPolicy",
            plural="ciliumnetworkpolicies",
            namespaced=True,
        ),
        PolicyKind(
            group="policy.networking.k8s.io",
            kind="AdminNetworkPolicy",
            plural="adminnetworkpolicies",
            namespaced=False,
        ),
    ),
)


def read(text: str | bytes) -> Snapshot:
    """Read manifests from standard input."""
    data = text.encode() if isinstance(text, str) else text
    return collect(["-"], retention=RETENTION, now=NOW, stdin=BytesIO(data))


def only_gap(text: str | bytes) -> Gap:
    """Read manifests that leave exactly one gap."""
    (gap,) = read(text).gaps
    return gap


def field_of(gap: Gap) -> str | None:
    """The field in which a gap arose."""
    return gap.source.field if gap.source else None


def document_of(gap: Gap) -> str | None:
    """The document in which a gap arose."""
    return gap.source.document if gap.source else None


def pod(name: str = "web", metadata: str = "", spec: str = "containers: []") -> str:
    """A pod in flow style."""
    extra = f", {metadata}" if metadata else ""
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}{extra}}}
spec: {{{spec}}}
"""


def policy(spec: str, metadata: str = "") -> str:
    """A NetworkPolicy in flow style."""
    extra = f", {metadata}" if metadata else ""
    return f"""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: only{extra}}}
spec: {{{spec}}}
"""
