"""A preview is what kubectl replace, create and delete make of a real API server's objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.detection.recognize import retention
from auditor.drift.preview import NO_OBJECTS, Change, preview
from auditor.model.snapshot import Snapshot
from auditor.settings import ClusterAccess
from auditor.sources.cluster import collect
from auditor.sources.manifests import Written, read_objects
from tests.apiserver.binaries import Binaries
from tests.apiserver.control_plane import ControlPlane
from tests.rules.auditing import audit_snapshot

pytestmark = [pytest.mark.apiserver, pytest.mark.slow]

NOW = "2026-01-02T03:04:05Z"
SHOP = Path(__file__).parents[1] / "clusters" / "shop" / "main"
EXTRA = """\
apiVersion: v1
kind: Service
metadata: {name: door, namespace: shop-prod}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop-prod, labels: {app: bare, tier: x}}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: extra, namespace: shop-prod}
spec: {podSelector: {matchLabels: {app: bare}}, policyTypes: [Egress], ingress: [{}]}
"""
"""Objects of the kinds that remediations do not touch."""

CHANGES = {
    "a policy without types": """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: extra, namespace: shop-prod}
spec: {podSelector: {matchLabels: {app: bare}}, egress: [{ports: [{port: 53}]}]}
""",
    "a new policy without types": """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: new, namespace: shop-prod}
spec: {podSelector: {}}
""",
    "a namespace": """\
apiVersion: v1
kind: Namespace
metadata: {name: shop-dev, labels: {env: other}}
""",
    "a new namespace and a policy": """\
apiVersion: v1
kind: Namespace
metadata: {name: brand-new}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: brand-new}
spec: {podSelector: {}, policyTypes: [Ingress]}
""",
    "a Service without its addresses": """\
apiVersion: v1
kind: Service
metadata: {name: door, namespace: shop-prod}
spec: {type: NodePort, selector: {app: other}, ports: [{port: 80}]}
""",
    "a Service of another type": """\
apiVersion: v1
kind: Service
metadata: {name: door, namespace: shop-prod}
spec: {selector: {app: other}, ports: [{port: 80}]}
""",
    "labels of a pod": """\
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop-prod, labels: {app: bear}}
spec: {nodeName: NODE, containers: [{name: main, image: nginx}]}
""",
}

STAMPS = {"uid", "resourceVersion", "managedFields"}

JsonObject = dict[str, Any]


class Cluster:
    """A real API server, in which a change can be made and taken back."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self._kubectl = control_plane.kubectl
        self._access = ClusterAccess(kubeconfig=str(control_plane.kubeconfig(folder / "admin")))

    def read(self) -> Snapshot:
        """Read it."""
        return collect(self._access, retention=retention(), clock=lambda: NOW)

    def replace(self, written: Written, text: str) -> list[tuple[str, str, str]]:
        """Replace what exists, create the rest; return what takes it all back, last first."""
        documents = {
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one
            for one in self._parse(text)
        }
        undo: list[tuple[str, str, str]] = []
        for one in written.objects:
            place = (*(("-n", one.namespace) if one.namespace else ()), one.kind, one.name)
            old = self._kubectl("get", *place, "--ignore-not-found", "-o", "json")
            document = json.dumps(documents[one.kind, one.namespace or None, one.name])
            self._kubectl("replace" if old else "create", "-f", "-", stdin=document)
            undo.append((one.kind, " ".join(place), old))
        return undo[::-1]

    def restore(self, undo: list[tuple[str, str, str]]) -> None:
        """Take a change back. Namespaces that were created stay: nobody finishes deleting them."""
        for kind, place, old in undo:
            if old:
                whole = json.loads(old)
                del whole["metadata"]["resourceVersion"]
                self._kubectl("replace", "-f", "-", stdin=json.dumps(whole))
            elif kind != "Namespace":
                self._kubectl("delete", *place.split(), "--wait=false")

    def _parse(self, text: str) -> Iterator[JsonObject]:
        options = ("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-")
        rest = self._kubectl(*options, stdin=text)
        while rest := rest.lstrip():
            one, end = json.JSONDecoder().raw_decode(rest)
            yield one
            rest = rest[end:]


@pytest.fixture(scope="module")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run the shop, with a few objects more."""
    with ControlPlane(binaries) as running:
        running.apply(SHOP, EXTRA)
        running.create_pods_of_controllers()
        yield Cluster(running, tmp_path_factory.mktemp("access"))


def plain(snapshot: Snapshot) -> Snapshot:
    """The snapshot without what the server numbers and stamps."""

    def strip(value: Any) -> Any:
        match value:
            case dict():
                return {key: strip(one) for key, one in value.items() if key not in STAMPS}
            case list():
                return [strip(one) for one in value]
            case _:
                return value

    read = msgspec.structs.replace(snapshot, lists=())  # when it was read is another stamp
    whole = msgspec.json.decode(msgspec.json.encode(read))
    return msgspec.convert(strip(whole), Snapshot)


def check(cluster: Cluster, before: Snapshot, text: str) -> None:
    """Preview a change, make it, read the cluster, and take it back."""
    written = read_objects(["-"], retention=retention(), stdin=BytesIO(text.encode()))
    previewed, _ = preview(before, Change(written))
    undo = cluster.replace(written, text)
    try:
        assert plain(cluster.read()) == plain(previewed)
    finally:
        cluster.restore(undo)


def test_every_remediation_is_previewed_as_the_server_takes_it(cluster: Cluster) -> None:
    """Each manifest that the findings of the shop propose, replaced or created for real."""
    before = cluster.read()
    manifests = {
        one.remediation.manifest
        for one in audit_snapshot(before).findings
        if one.remediation is not None and one.remediation.manifest is not None
    }
    assert len(manifests) > 10
    for text in sorted(manifests):
        check(cluster, before, text)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_previewed_as_the_server_takes_it(cluster: Cluster, name: str) -> None:
    """With what the server adds of its own: types, addresses, ports, the label of a name."""
    before = cluster.read()
    (node,) = (one.spec.node_name for one in before.pods if one.name == "bare")
    check(cluster, before, CHANGES[name].replace("NODE", node))


def test_a_deletion_is_previewed_as_the_server_does_it(cluster: Cluster) -> None:
    """A policy, a Service and a bare pod; then they are made again."""
    text = EXTRA.replace("name: ", "name: gone-")
    written = read_objects(["-"], retention=retention(), stdin=BytesIO(text.encode()))
    before = cluster.read()
    undo = cluster.replace(written, text)
    targets = ("netpol/shop-prod/gone-extra", "svc/shop-prod/gone-door", "po/shop-prod/gone-bare")
    previewed, _ = preview(cluster.read(), Change(NO_OBJECTS, targets))
    cluster.restore(undo)
    after = cluster.read()
    assert plain(before).policies == plain(after).policies == plain(previewed).policies
    assert plain(after).services == plain(previewed).services
    assert plain(before).pods == plain(previewed).pods
