"""What a kubelet does with a Job's pod, as far as one machine without containers can.

The container's command runs as a child process with the environment, the files and the user that
the pod names: in a mount namespace of its own, in which the volumes lie at their paths and all else
is read-only, without capabilities. The image is this machine with the project installed. Not done:
seccomp, limits of resources, networks and with them NetworkPolicies, and the pull of an image.
"""

import base64
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.apiserver.client import JsonObject
from tests.apiserver.control_plane import ControlPlane

ROOT = Path(__file__).parents[2]
_TIMEOUT_SECONDS = 300.0
_TOOLS = ("unshare", "setpriv", "mount")
_DEFAULT_FILE_MODE = 0o644
_SHARED_FOLDER_MODE = 0o2770
_HERE = "127.0.0.1"


class _Mount(NamedTuple):
    """A volume's folder, where it goes, and whether it may be written there."""

    folder: Path
    path: Path
    read_only: bool


def find_obstacle(user: int) -> str | None:
    """Why no pod can be run here as this user; None where one can."""
    if os.geteuid() != 0:
        return "only root may make a mount namespace with a pod's volumes"
    if missing := [one for one in _TOOLS if shutil.which(one) is None]:
        return f"{', '.join(missing)} cannot be found"
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    load = [*as_user, sys.executable, "-c", "import auditor.cli"]
    loaded = subprocess.run(load, cwd=ROOT, capture_output=True, text=True, check=False)
    if loaded.returncode != 0:
        return f"user {user} cannot run the interpreter or read the project"
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    return mounted.stderr.strip() or None if mounted.returncode else None


def publish_authority(control_plane: ControlPlane, namespace: str) -> None:
    """Do what the controller of root certificates does for a namespace: pods wait for it."""
    control_plane.client.create(
        f"/api/v1/namespaces/{namespace}/configmaps",
        {
            "metadata": {"name": "kube-root-ca.crt"},
            "data": {"ca.crt": control_plane.certificate_authority.read_text()},
        },
    )


def run_job(
    control_plane: ControlPlane, job: JsonObject, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the one container of a Job that the API server holds, and wait for its end.

    `folder` gets the volumes, each by its name; claims persist there, in `claims`, from one call to
    the next. ConfigMaps, Secrets and the token are asked of the API server.

    Raises:
        RequestError: the pod names a ConfigMap or Secret that is not there.
        subprocess.TimeoutExpired: the command hung.

    """
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    pod = _Pod(control_plane, job["metadata"]["namespace"], spec, folder)
    mounts = [
        _Mount(pod.volume(one["name"]), Path(one["mountPath"]), one.get("readOnly", False))
        for one in container["volumeMounts"]
    ]
    # What is mounted at /tmp hides the folders of the tests: it goes last.
    mounts.sort(key=lambda one: one.folder.is_relative_to(one.path))
    command = shlex.join(
        [
            *("env", "--ignore-environment", "--chdir=/"),
            *(f"{name}={value}" for name, value in pod.environment(container).items()),
            *container["command"],
            *container.get("args", ()),
        ]
    )
    script = "\n".join(("set -eu", *_lay_out(mounts, folder), f"exec {_drop(spec)} {command}"))
    return subprocess.run(
        ["unshare", "--mount", "--propagation=private", "/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )


class _Pod:
    """A pod's variables and volumes."""

    def __init__(
        self, control_plane: ControlPlane, namespace: str, spec: JsonObject, folder: Path
    ) -> None:
        self._control_plane = control_plane
        self._namespace = namespace
        self._spec = spec
        self._folder = folder
        self._group: int = spec["securityContext"]["fsGroup"]

    def environment(self, container: JsonObject) -> Mapping[str, str]:
        """The container's variables, with those of the image and of every pod."""
        image = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        server = {
            "KUBERNETES_SERVICE_HOST": _HERE,
            "KUBERNETES_SERVICE_PORT": str(self._control_plane.port),
        }
        named = {one["name"]: self._value(one) for one in container.get("env", ())}
        return image | server | named

    def volume(self, name: str) -> Path:
        """Make the folder of a volume."""
        (volume,) = (one for one in self._spec["volumes"] if one["name"] == name)
        match volume:
            case {"persistentVolumeClaim": claim}:
                return self._make(self._folder / "claims" / claim["claimName"])
            case {"emptyDir": _}:
                folder = self._folder / name
                shutil.rmtree(folder, ignore_errors=True)
                return self._make(folder)
            case {"configMap": source}:
                return self._write(name, self._read("configmaps", source["name"]), source)
            case {"secret": source}:
                data = self._read("secrets", source["secretName"])
                items = source.get("items", [{"key": key, "path": key} for key in data])
                kept = {one["path"]: data[one["key"]] for one in items if one["key"] in data}
                assert source.get("optional") or len(kept) == len(items)
                return self._write(name, kept, source)
            case {"projected": source}:
                parts = dict(part for one in source["sources"] for part in self._project(one))
                return self._write(name, parts, source)
        raise NotImplementedError(f"volume {name} is of a kind that no test needed so far")

    def _value(self, variable: JsonObject) -> str:
        if "value" in variable:
            return str(variable["value"])
        reference = variable["valueFrom"]["secretKeyRef"]
        return self._read("secrets", reference["name"])[reference["key"]]

    def _read(self, resource: str, name: str) -> Mapping[str, str]:
        """The entries of a ConfigMap or a Secret, as text."""
        path = f"/api/v1/namespaces/{self._namespace}/{resource}/{name}"
        data: dict[str, str] = self._control_plane.client.get(path).get("data", {})
        if resource == "configmaps":
            return data
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def _project(self, source: JsonObject) -> Iterator[tuple[str, str]]:
        """The files of one source of a projected volume."""
        match source:
            case {"serviceAccountToken": token}:
                yield (token["path"], self._issue(token["expirationSeconds"]))
            case {"configMap": config_map}:
                data = self._read("configmaps", config_map["name"])
                yield from ((one["path"], data[one["key"]]) for one in config_map["items"])
            case {"downwardAPI": {"items": [{"path": path, "fieldRef": field}]}}:
                assert "metadata.namespace" == field["fieldPath"]
                yield (path, self._namespace)

    def _issue(self, seconds: int) -> str:
        """A token of the pod's account."""
        account = self._spec["serviceAccountName"]
        options = (f"--namespace={self._namespace}", f"--duration={seconds}s")
        return self._control_plane.kubectl("create", "token", account, *options).strip()

    def _write(self, name: str, files: Mapping[str, str], source: JsonObject) -> Path:
        """Write a volume of files, which belong to root and to the pod's group."""
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            path = folder / file
            path.write_text(text)
            os.chown(path, 0, self._group)
            path.chmod(source.get("defaultMode", _DEFAULT_FILE_MODE))
        folder.chmod(0o755)
        return folder

    def _make(self, folder: Path) -> Path:
        """Make a folder that the pod's group may write."""
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, 0, self._group)
        folder.chmod(_SHARED_FOLDER_MODE)
        return folder


def _lay_out(mounts: list[_Mount], folder: Path) -> Iterator[str]:
    """The lines of a script that mount the volumes, and make all else read-only."""
    layers = folder / "layers"
    layers.mkdir(exist_ok=True)
    yield f"mount -t tmpfs tmpfs {layers}"
    covered: set[Path] = set()
    for mount in mounts:
        path = Path(os.path.realpath(mount.path))
        # An overlay has room for mount points, and leaves the machine's own folder as it is.
        ground = next(one for one in (path, *path.parents) if one.is_dir())
        if ground not in {path, *covered}:
            layer = layers / str(len(covered))
            options = f"lowerdir={ground},upperdir={layer}/upper,workdir={layer}/work"
            yield f"mkdir -p {layer}/upper {layer}/work"
            yield f"mount -t overlay overlay -o {options} {ground}"
            covered.add(ground)
        yield f"mkdir -p {path}"
        yield f"mount --bind {mount.folder} {path}"
        if mount.read_only:
            yield f"mount -o remount,bind,ro {path}"
    for ground in (*sorted(covered), Path("/")):
        yield f"mount -o remount,bind,ro {ground}"


def _drop(spec: JsonObject) -> str:
    """The command that becomes the pod's user, for good and without capabilities."""
    context = spec["securityContext"]
    ids = f"--reuid={context['runAsUser']} --regid={context['runAsGroup']}"
    groups = f"--groups={context['fsGroup']}"
    return f"setpriv {ids} {groups} --inh-caps=-all --bounding-set=-all --no-new-privs"
