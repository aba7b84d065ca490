"""Changes as text, read by the real source and made to a snapshot."""

from __future__ import annotations

from io import BytesIO

import msgspec

from auditor.detection.recognize import retention
from auditor.drift.preview import NO_OBJECTS, Change, Previewed, preview
from auditor.drift.stored import with_unknown_content
from auditor.model.objects import Pod, PodIP, PodStatus
from auditor.model.snapshot import Snapshot
from auditor.sources.manifests import Written, read_objects

SHOP = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: dev, team: red}}
"""
POLICY = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
"""
NARROW = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: []}
"""
WEB = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 80}]}]}
"""
API = WEB.replace("name: web, namespace", "name: api, namespace").replace("app: web", "app: api")


NODE = """\
---
apiVersion: v1
kind: Node
metadata: {name: one}
status: {addresses: [{type: InternalIP, address: 10.1.1.1}]}
"""
SERVICE = """\
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80%s}]%s}
"""


def read_change(text: str) -> Written:
    """The objects of manifests as text."""
    return read_objects(["-"], retention=retention(), stdin=BytesIO(text.encode()))


def make(snapshot: Snapshot, text: str = "", *deletions: str) -> Previewed:
    """Put what manifests say into a snapshot, and delete from it."""
    return preview(snapshot, Change(read_change(text) if text else NO_OBJECTS, deletions))


def live(snapshot: Snapshot) -> Snapshot:
    """The snapshot as if a cluster ran it: its pods stand on nodes and have addresses and UIDs.

    Of policies that are not evaluated a cluster shows metadata alone.
    """
    pods = tuple(_run(number, pod) for number, pod in enumerate(snapshot.pods, 1))
    others = tuple(map(with_unknown_content, snapshot.unevaluated_policies))
    return msgspec.structs.replace(
        snapshot, origin="cluster", pods=pods, unevaluated_policies=others
    )


def _run(number: int, pod: Pod) -> Pod:
    address = f"10.0.0.{number}"
    return msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(pod.metadata, uid=f"uid-{number}"),
        spec=msgspec.structs.replace(pod.spec, node_name=f"node-{number}"),
        status=PodStatus(phase="Running", pod_ip=address, pod_ips=(PodIP(ip=address),)),
    )
