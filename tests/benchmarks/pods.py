"""Pods in the API's shape: lean, and as a live API server sends them.

The lean form holds every field that the audit reads. The full one adds what a real pod drags along
(environment, probes, volumes, conditions, managedFields) and weighs 5 to 7 KB of JSON, which is
what decoding has to get through.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

Object = dict[str, Any]

_TIME = "2026-01-15T09:30:00Z"
_NODES_NETWORK = "192.168.0.0"
_PODS_NETWORK = "10.64.0.0"


class Place(NamedTuple):
    """Where a pod runs: its running number in the cluster, and its node where there are any."""

    number: int
    node: int | None

    @property
    def address(self) -> str:
        """The pod's own address."""
        return count_address(_PODS_NETWORK, self.number + 1)


def count_address(network: str, number: int) -> str:
    """The address that stands a number of steps above a network's."""
    first, second, third, fourth = (int(one) for one in network.split("."))
    reached = (first << 24 | second << 16 | third << 8 | fourth) + number
    return ".".join(str(reached >> shift & 255) for shift in (24, 16, 8, 0))


def node_name(number: int) -> str:
    """The name of a node."""
    return f"node-{number:05d}"


def node_address(number: int) -> str:
    """The internal address of a node."""
    return count_address(_NODES_NETWORK, number + 1)


def make_pod(
    namespace: str,
    name: str,
    labels: dict[str, str],
    ports: list[Object],
    *,
    image: str,
    owner: tuple[str, str] | None,
    place: Place,
    host_network: bool = False,
) -> Object:
    """A lean, running pod. ``owner`` is the kind and name of its controller."""
    metadata: Object = {"name": name, "namespace": namespace, "labels": labels}
    if owner is not None:
        kind, owner_name = owner
        metadata["ownerReferences"] = [
            {
                "apiVersion": "apps/v1",
                "kind": kind,
                "name": owner_name,
                "uid": _uid(f"{namespace}/{owner_name}"),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    container: Object = {"name": "main", "image": image, "ports": ports}
    spec: Object = {"containers": [container]}
    address = place.address
    if place.node is not None:
        spec["nodeName"] = node_name(place.node)
    if host_network:
        spec["hostNetwork"] = True
        address = node_address(place.node or 0)
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def fill_pod(lean: Object) -> Object:
    """The pod as a live API server sends it."""
    metadata, spec, status = lean["metadata"], lean["spec"], lean["status"]
    uid = _uid(f"{metadata['namespace']}/{metadata['name']}")
    labels = metadata["labels"]
    (container,) = spec["containers"]
    full_container = {
        **container,
        "env": _environment(metadata["namespace"]),
        "imagePullPolicy": "IfNotPresent",
        "livenessProbe": _probe("/healthz", 15),
        "readinessProbe": _probe("/ready", 5),
        "resources": {
            "limits": {"cpu": "500m", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "256Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"mountPath": "/etc/config", "name": "config", "readOnly": True},
            {"mountPath": "/tmp", "name": "scratch"},  # noqa: S108  a path in a container
            {
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                "name": "kube-api-access",
                "readOnly": True,
            },
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "annotations": {
                "checksum/config": uid.replace("-", "") * 2,
                "prometheus.io/port": "9090",
                "prometheus.io/scrape": "true",
            },
            "creationTimestamp": _TIME,
            "generateName": metadata["name"][:-6],
            "managedFields": _managed_fields(labels),
            "resourceVersion": str(int(uid[:8], 16)),
            "uid": uid,
        },
        "spec": {
            **spec,
            "containers": [full_container],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
            "priority": 0,
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {"fsGroup": 65532, "runAsNonRoot": True, "runAsUser": 65532},
            "serviceAccount": "default",
            "serviceAccountName": "default",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {
                    "effect": "NoExecute",
                    "key": f"node.kubernetes.io/{one}",
                    "operator": "Exists",
                    "tolerationSeconds": 300,
                }
                for one in ("not-ready", "unreachable")
            ],
            "volumes": _volumes(),
        },
        "status": {
            **status,
            "conditions": [
                {"lastProbeTime": None, "lastTransitionTime": _TIME, "status": "True", "type": one}
                for one in (
                    "PodReadyToStartContainers",
                    "Initialized",
                    "Ready",
                    "ContainersReady",
                    "PodScheduled",
                )
            ],
            "containerStatuses": [
                {
                    "containerID": f"containerd://{uid.replace('-', '') * 2}",
                    "image": container["image"],
                    "imageID": f"{container['image']}@sha256:{uid.replace('-', '') * 2}",
                    "lastState": {},
                    "name": "main",
                    "ready": True,
                    "restartCount": 0,
                    "started": True,
                    "state": {"running": {"startedAt": _TIME}},
                }
            ],
            "hostIP": "192.168.0.1",
            "hostIPs": [{"ip": "192.168.0.1"}],
            "qosClass": "Burstable",
            "startTime": _TIME,
        },
    }


def _uid(key: str) -> str:
    digits = f"{random.Random(key).getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _environment(namespace: str) -> list[Object]:
    names = ("DATABASE_HOST", "CACHE_HOST", "TRACING_ENDPOINT")
    plain = [{"name": one, "value": f"{one.lower()}.{namespace}.svc"} for one in names]
    secret = {
        "name": "DATABASE_PASSWORD",
        "valueFrom": {"secretKeyRef": {"key": "password", "name": "database"}},
    }
    field = {
        "name": "POD_NAME",
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
    }
    return [*plain, secret, field]


def _probe(path: str, period_seconds: int) -> Object:
    return {
        "failureThreshold": 3,
        "httpGet": {"path": path, "port": 8080, "scheme": "HTTP"},
        "periodSeconds": period_seconds,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }


def _volumes() -> list[Object]:
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    authority = {
        "configMap": {
            "items": [{"key": "ca.crt", "path": "ca.crt"}],
            "name": "kube-root-ca.crt",
        }
    }
    return [
        {"configMap": {"defaultMode": 420, "name": "config"}, "name": "config"},
        {"emptyDir": {}, "name": "scratch"},
        {
            "name": "kube-api-access",
            "projected": {"defaultMode": 420, "sources": [token, authority]},
        },
    ]


def _managed_fields(labels: dict[str, str]) -> list[Object]:
    written: Object = {
        "f:metadata": {
            "f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/scrape": {}},
            "f:generateName": {},
            "f:labels": {".": {}, **{f"f:{key}": {} for key in labels}},
            "f:ownerReferences": {".": {}, 'k:{"uid":"0b1f3c52-3a4e"}': {}},
        },
        "f:spec": {
            "f:containers": {
                'k:{"name":"main"}': {
                    ".": {},
                    "f:env": {
                        ".": {},
                        'k:{"name":"DATABASE_HOST"}': {".": {}, "f:name": {}, "f:value": {}},
                    },
                    "f:image": {},
                    "f:ports": {
                        ".": {},
                        'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, "f:name": {}},
                    },
                    "f:resources": {".": {}, "f:limits": {}, "f:requests": {}},
                    "f:volumeMounts": {".": {}, 'k:{"mountPath":"/etc/config"}': {".": {}}},
                }
            },
            "f:dnsPolicy": {},
            "f:restartPolicy": {},
            "f:schedulerName": {},
            "f:securityContext": {".": {}, "f:fsGroup": {}},
            "f:volumes": {".": {}, 'k:{"name":"config"}': {".": {}, "f:name": {}}},
        },
    }
    reported: Object = {
        "f:status": {
            "f:conditions": {
                f'k:{{"type":"{one}"}}': {".": {}, "f:lastTransitionTime": {}, "f:status": {}}
                for one in ("ContainersReady", "Initialized", "Ready")
            },
            "f:containerStatuses": {},
            "f:hostIP": {},
            "f:phase": {},
            "f:podIP": {},
            "f:podIPs": {".": {}},
            "f:startTime": {},
        }
    }
    return [
        {
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
            "manager": manager,
            "operation": "Update",
            "time": _TIME,
            **extra,
        }
        for fields, manager, extra in (
            (written, "kube-controller-manager", {}),
            (reported, "kubelet", {"subresource": "status"}),
        )
    ]
