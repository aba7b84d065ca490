"""Where kube-apiserver, etcd, kubectl and helm are; two `build.sh` decide that and build them."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD_SCRIPT = Path(__file__).with_name("build.sh")
HELM_BUILD_SCRIPT = BUILD_SCRIPT.parent / "helm" / "build.sh"


class BinariesMissingError(Exception):
    """At least one of the binaries is not where it is expected."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of a control plane, all in one folder."""

    kube_apiserver: Path
    etcd: Path
    kubectl: Path


def find_binaries() -> Binaries:
    """Find the binaries in KUBEBUILDER_ASSETS where that is set, else what `make apiserver` built.

    Raises:
        BinariesMissingError: one of them is missing; the message says how to get it.

    """
    where = subprocess.run([BUILD_SCRIPT, "--where"], capture_output=True, text=True, check=True)
    folder = Path(where.stdout.strip())
    binaries = Binaries(folder / "kube-apiserver", folder / "etcd", folder / "kubectl")
    missing = [
        path.name
        for path in (binaries.kube_apiserver, binaries.etcd, binaries.kubectl)
        if not os.access(path, os.X_OK)
    ]
    if missing:
        chosen = "unset KUBEBUILDER_ASSETS, then " if os.environ.get("KUBEBUILDER_ASSETS") else ""
        raise BinariesMissingError(
            f"control plane lacks {', '.join(missing)} in {folder}: {chosen}run `make apiserver`"
        )
    return binaries


def find_helm() -> Path:
    """Find helm where HELM says, if that is set, else what `make apiserver` built.

    Raises:
        BinariesMissingError: it is missing; the message says how to get it.

    """
    where: list[str | Path] = [HELM_BUILD_SCRIPT, "--where"]
    helm = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    if not os.access(helm, os.X_OK):
        chosen = "unset HELM, then " if os.environ.get("HELM") else ""
        raise BinariesMissingError(f"helm is missing at {helm}: {chosen}run `make apiserver`")
    return helm
