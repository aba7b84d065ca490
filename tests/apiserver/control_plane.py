"""A throw-away cluster without controllers: etcd and kube-apiserver on loopback, RBAC on.

What controllers do elsewhere does not happen: no pod runs, no default service account appears, a
deleted namespace stays Terminating. `ControlPlane.create_pods_of_controllers` does the part that
audits look at; a clean slate is a new control plane.
"""

import base64
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from tests.apiserver.access import PolicyRule, create_service_account
from tests.apiserver.binaries import Binaries
from tests.apiserver.client import Client, JsonObject, RequestError
from tests.apiserver.controllers import create_pods
from tests.apiserver.processes import Process

_HOST = "127.0.0.1"
_KUBECTL_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.05
# The API server creates these itself, but only shortly after it calls itself ready.
_OWN_NAMESPACES = frozenset({"default", "kube-node-lease", "kube-public", "kube-system"})
# An ECPrivateKey of RFC 5915 on P-256 is this, the 32 octets of the scalar, and the curve's name;
# the public key may be left out.
_EC_KEY_START = bytes.fromhex("30310201010420")
_EC_KEY_END = bytes.fromhex("a00a06082a8648ce3d030107")


class StartError(Exception):
    """The control plane did not become ready; the message ends with the logs."""


class KubectlError(Exception):
    """kubectl failed; the message is what it wrote to stderr."""


class ControlPlane:
    """A running cluster API; a context manager that starts and stops it.

    Everything it writes lies in a temporary folder, and its processes die with the process that
    started them, however that ends.
    """

    def __init__(self, binaries: Binaries, *flags: str, ready_within_seconds: float = 60.0) -> None:
        """Take the programs to start, and further flags of kube-apiserver; nothing runs yet."""
        self._binaries = binaries
        self._flags = flags
        self._ready_within_seconds = ready_within_seconds
        self._exits = ExitStack()
        self._processes: list[Process] = []
        self.admin_token = secrets.token_hex(16)

    def __enter__(self) -> Self:
        """Start etcd and kube-apiserver and wait until the API answers.

        Raises:
            StartError: one of them died, or the API was not ready in time.

        """
        with self._exits as undo:
            self._folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
            self.etcd_port, peer_port, self.port = _free_ports(3)
            self._start(
                undo, _etcd_command(self._binaries, self._folder, self.etcd_port, peer_port)
            )
            self._start(undo, self._kube_apiserver_command(self.etcd_port))
            self.client = Client(_HOST, self.port, self.certificate_authority, self.admin_token)
            undo.callback(self.client.close)
            # Nothing can be asked before there is a certificate to verify the answer by.
            self._await("its certificate", self.certificate_authority.exists)
            self._await("readiness", lambda: self.client.request("GET", "/readyz") == b"ok")
            self._await("its own namespaces", self._has_own_namespaces)
            self._admin_kubeconfig = self.kubeconfig(self._folder / "admin.kubeconfig")
            self._exits = undo.pop_all()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill both processes and remove what they wrote."""
        self._exits.close()

    @property
    def server(self) -> str:
        """The API's URL."""
        return f"https://{_HOST}:{self.port}"

    @property
    def certificate_authority(self) -> Path:
        """The PEM file that verifies the API's certificate."""
        return self._folder / "certificates" / "apiserver.crt"

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes, etcd's first."""
        return tuple(process.pid for process in self._processes)

    def kubeconfig(self, path: Path, token: str | None = None) -> Path:
        """Write a kubeconfig that verifies the server, for the bearer of `token` or else an admin.

        Returns:
            `path`; the file needs no other file and has one context, `test`.

        """
        authority = base64.b64encode(self.certificate_authority.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": self.server, "certificate-authority-data": authority},
                }
            ],
            "users": [{"name": "test", "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(json.dumps(config, indent=2))
        path.chmod(0o600)
        return path

    def kubectl(
        self, *arguments: str | Path, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """Run kubectl as admin, or with another kubeconfig, and return its stdout.

        Raises:
            KubectlError: it failed.
            subprocess.TimeoutExpired: it hung.

        """
        completed = subprocess.run(
            [
                self._binaries.kubectl,
                f"--kubeconfig={kubeconfig or self._admin_kubeconfig}",
                f"--cache-dir={self._folder / 'kubectl'}",
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_KUBECTL_TIMEOUT_SECONDS,
            check=False,
            # A developer's own aliases and defaults have no say here.
            env={**os.environ, "KUBERC": "off"},
        )
        if completed.returncode != 0:
            raise KubectlError(completed.stderr.strip())
        return completed.stdout

    def apply(self, *manifests: Path | str) -> None:
        """Apply manifests with kubectl: files, folders (recursive), or YAML or JSON as a string.

        Namespaces and custom resource definitions go first, in whichever file they stand, and a
        namespace that objects use but no manifest declares is created, since the API server insists
        on one. Custom resources need an earlier call for their definitions. Files without an
        `apiVersion`, such as a scenario's `expected.yaml`, hold no objects and are left out.

        Raises:
            KubectlError: a manifest is invalid, or the server refused an object.

        """
        files = [file for each in manifests if isinstance(each, Path) for file in _files_of(each)]
        objects = list(self._parse(*files)) if files else []
        for text in (each for each in manifests if isinstance(each, str)):
            objects += self._parse("-", stdin=text)
        namespaces = [each for each in objects if each["kind"] == "Namespace"]
        declared = {each["metadata"]["name"] for each in namespaces}
        existing = {each["metadata"]["name"] for each in self.client.list_all("/api/v1/namespaces")}
        used = {each["metadata"].get("namespace") for each in objects} - {None, ""}
        for name in sorted(used - declared - existing):
            self.client.create("/api/v1/namespaces", {"metadata": {"name": name}})
        self._apply_objects(namespaces)

        definitions = [each for each in objects if each["kind"] == "CustomResourceDefinition"]
        self._apply_objects(definitions)
        if definitions:
            names = (f"crd/{each['metadata']['name']}" for each in definitions)
            self.kubectl("wait", "--for=condition=Established", *names)
        self._apply_objects(
            [each for each in objects if each not in namespaces and each not in definitions]
        )

    def service_account(
        self,
        namespace: str,
        name: str,
        *,
        cluster_rules: Sequence[PolicyRule] = (),
        namespace_rules: Mapping[str, Sequence[PolicyRule]] | None = None,
    ) -> str:
        """Create a service account with just these roles, in effect on return, and issue a token.

        Args:
            namespace: where the account lives; must exist.
            name: of the account; its roles are called `namespace-name`.
            cluster_rules: what it may do in the whole cluster.
            namespace_rules: what it may do in single namespaces, which key the rules.

        Returns:
            A token valid for an hour, for `kubeconfig`.

        Raises:
            RequestError: the server refused one of the objects.
            TimeoutError: the roles did not take effect in time.

        """
        create_service_account(self.client, namespace, name, cluster_rules, namespace_rules or {})
        return self.kubectl("create", "token", name, f"--namespace={namespace}").strip()

    def create_pods_of_controllers(self) -> tuple[str, ...]:
        """Create what controllers would create of the cluster's workloads, and let all pods run.

        Workloads that have pods already are left as they are. Nodes are created where there are
        none. Bare pods are placed and run too.

        Returns:
            The keys (`namespace/name`) of the pods created.

        Raises:
            RequestError: the server refused one of the objects.

        """
        return create_pods(self.client)

    def _parse(self, *files: str | Path, stdin: str | None = None) -> Iterator[JsonObject]:
        """Let kubectl parse manifests, so that the tests know no second dialect of YAML."""
        options = ("create", "--dry-run=client", "--validate=false", "--output=json")
        rest = self.kubectl(*options, *(f"--filename={file}" for file in files), stdin=stdin)
        while rest := rest.lstrip():
            each, end = json.JSONDecoder().raw_decode(rest)
            yield each
            rest = rest[end:]

    def _apply_objects(self, objects: Sequence[JsonObject]) -> None:
        if objects:
            # One after the other, since kubectl does not let the server validate a List.
            self.kubectl("apply", "-f", "-", stdin="\n".join(map(json.dumps, objects)))

    def _start(self, undo: ExitStack, command: Sequence[str | Path]) -> None:
        process = Process(command, self._folder / f"{Path(command[0]).name}.log")
        undo.callback(process.kill)
        self._processes.append(process)

    def _kube_apiserver_command(self, etcd_port: int) -> list[str | Path]:
        signing_key = self._folder / "service-accounts.key"
        signing_key.write_text(_generate_signing_key())
        tokens = self._folder / "tokens.csv"
        tokens.write_text(f'{self.admin_token},admin,admin-uid,"system:masters"\n')
        return [
            self._binaries.kube_apiserver,
            f"--etcd-servers=http://{_HOST}:{etcd_port}",
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            f"--secure-port={self.port}",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--service-account-key-file={signing_key}",
            f"--service-account-signing-key-file={signing_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            f"--token-auth-file={tokens}",
            # Nobody creates the default service accounts that this plugin asks for.
            "--disable-admission-plugins=ServiceAccount",
            # CNI agents are privileged; clusters allow that, the bare server does not.
            "--allow-privileged=true",
            *self._flags,
        ]

    def _has_own_namespaces(self) -> bool:
        names = {each["metadata"]["name"] for each in self.client.list_all("/api/v1/namespaces")}
        return names >= _OWN_NAMESPACES

    def _await(self, aim: str, is_reached: Callable[[], bool]) -> None:
        """Poll until `is_reached`; refused and unanswered requests count as not yet."""
        deadline = time.monotonic() + self._ready_within_seconds
        while True:
            reason: Exception | None = None
            try:
                if is_reached():
                    return
            except (RequestError, urllib3.exceptions.HTTPError) as error:
                reason = error
            dead = [process for process in self._processes if process.exit_code() is not None]
            if dead or time.monotonic() > deadline:
                state = (
                    f"{dead[0].name} ended with exit code {dead[0].exit_code()}"
                    if dead
                    else f"{self._ready_within_seconds:g} s have passed"
                )
                logs = "\n".join(process.log_tail() for process in self._processes)
                message = f"control plane never reached {aim}: {state} ({reason})\n{logs}"
                raise StartError(message) from reason
            time.sleep(_POLL_SECONDS)


def _etcd_command(
    binaries: Binaries, folder: Path, client_port: int, peer_port: int
) -> list[str | Path]:
    client_url = f"http://{_HOST}:{client_port}"
    peer_url = f"http://{_HOST}:{peer_port}"
    return [
        binaries.etcd,
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        # The data dies with the process: waiting for the disk gains nothing.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, all different since all are held until all are found."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((_HOST, 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def _generate_signing_key() -> str:
    """Generate a P-256 key in PEM for service account tokens, without a library or openssl."""
    # A scalar whose first octet is below 0xff is below the curve's order; zero does not happen.
    scalar = bytes([secrets.randbelow(0xFF)]) + secrets.token_bytes(31)
    encoded = base64.encodebytes(_EC_KEY_START + scalar + _EC_KEY_END).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{encoded}-----END EC PRIVATE KEY-----\n"


def _files_of(path: Path) -> list[Path]:
    """List the manifests at `path`, a file or a folder, in the order of their names."""
    if not path.is_dir():
        return [path]
    suffixes = {".yaml", ".yml", ".json"}
    files = sorted(file for file in path.rglob("*") if file.suffix in suffixes)
    return [file for file in files if "apiVersion" in file.read_text(encoding="utf-8")]
