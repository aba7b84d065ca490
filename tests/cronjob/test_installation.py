"""From nothing to a run, on the real API server: what `cronjob/README.md` says to do."""

import json
import os
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import pytest

from tests.apiserver.client import JsonObject
from tests.apiserver.control_plane import ControlPlane, KubectlError
from tests.cronjob.kubelet import find_obstacle, publish_authority, run_job
from tests.cronjob.rendering import (
    CHART,
    CHOICES,
    COMPONENTS,
    COREDNS,
    CRONJOB,
    NAMESPACE,
    OVERLAYS,
    find,
    render_chart,
    write_objects,
)

pytestmark = pytest.mark.apiserver

Rendered = Mapping[str, list[JsonObject]]
VALIDATED = ("--dry-run=server", "--validate=strict", "--warnings-as-errors")
IN_NAMESPACE = f"--namespace={NAMESPACE}"
USER = 65532


@pytest.fixture(scope="module")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """A cluster with its DNS, into which an overlay was applied as the README has it."""
    control_plane.apply(COREDNS)
    control_plane.kubectl("apply", "--kustomize", OVERLAYS / "sqlite-pvc", "--validate=strict")
    return control_plane


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("means", ["overlays", "charts"])
def test_the_api_server_accepts_every_object(
    choice: str,
    means: str,
    installed: ControlPlane,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """All of them, by its own validation and without a warning: no field is unknown."""
    objects = request.getfixturevalue(means)[choice]
    answer = installed.kubectl(
        "apply", *VALIDATED, "--filename", write_objects(tmp_path / "objects.yaml", objects)
    )
    assert len(objects) == answer.count("(server dry run)")


def test_the_api_server_accepts_what_no_choice_has(
    installed: ControlPlane, helm: Path, tmp_path: Path
) -> None:
    """Signatures, metrics, further egress and variables, placement: the chart's other values."""
    values = {
        "signing": {"enabled": True},
        "metrics": {"pushgateway": {"url": "http://prometheus-pushgateway.monitoring.svc:9091"}},
        "networkPolicy": {
            "extraEgress": [
                {
                    "to": [{"ipBlock": {"cidr": "198.51.100.80/32"}}],
                    "ports": [{"protocol": "TCP", "port": 443}],
                }
            ]
        },
        "extraEnv": [{"name": "TZ", "value": "Etc/UTC"}],
        "tolerations": [{"key": "batch", "operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "imagePullSecrets": [{"name": "registry"}],
        "settings": {"cluster_name": "production"},
        "suspend": True,
    }
    more = tmp_path / "values.json"
    more.write_text(json.dumps(values))
    sample = CHART / "ci" / "sqlite-pvc-values.yaml"
    objects = render_chart(helm, sample, "--values", str(more))
    file = write_objects(tmp_path / "objects.yaml", objects)
    answer = installed.kubectl("apply", *VALIDATED, "--filename", file)
    assert len(objects) == answer.count("(server dry run)")


@pytest.mark.parametrize("choice", CHOICES)
def test_the_pod_is_restricted_by_the_server_s_own_word(
    choice: str, installed: ControlPlane, overlays: Rendered, tmp_path: Path
) -> None:
    """Pod Security `restricted` is enforced in the namespace, and lets the audit's pod in."""
    template = find(overlays[choice], "CronJob")["spec"]["jobTemplate"]["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "audit", "namespace": NAMESPACE, **template["metadata"]},
        "spec": template["spec"],
    }
    create = ("create", *VALIDATED, "--filename")
    allowed = write_objects(tmp_path / "allowed.yaml", [pod])
    assert "pod/audit created" in installed.kubectl(*create, allowed)
    pod["spec"] = {**pod["spec"], "hostNetwork": True}
    refused = write_objects(tmp_path / "refused.yaml", [pod])
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted:latest"'):
        installed.kubectl(*create, refused)


def test_samples_are_accepted(installed: ControlPlane) -> None:
    """The pod that reads the volume is as restricted as the audit's own."""
    sample = CRONJOB / "samples" / "reader.yaml"
    assert "pod/reader created" in installed.kubectl("create", *VALIDATED, "--filename", sample)


def test_the_namespace_may_come_from_the_chart(
    control_plane: ControlPlane, helm: Path, tmp_path: Path
) -> None:
    """`helm upgrade --install` after the namespace was applied, and again: as the README has it."""
    kubeconfig = control_plane.kubeconfig(tmp_path / "kubeconfig")
    values = ("--values", CHART / "ci" / "weekly-mail-values.yaml")
    release = ("audits", CHART, "--namespace", "audits", *values)

    def run(*arguments: str | Path) -> str:
        completed = subprocess.run(
            [helm, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)},
        )
        assert 0 == completed.returncode, completed.stderr
        return completed.stdout

    namespace = run("template", *release, "--show-only", "templates/namespace.yaml")
    control_plane.kubectl("apply", "--filename", "-", stdin=namespace)
    for _ in range(2):
        notes = run("upgrade", "--install", *release, "--set", "namespace.create=false")
        assert "pods wait for the Secret netpol-auditor-mail" in notes
    found = control_plane.kubectl("get", "cronjobs", "--namespace=audits", "--output=name")
    assert "cronjob.batch/audits" == found.strip()
    bound = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/audits"
    account = {"kind": "ServiceAccount", "name": "audits", "namespace": "audits"}
    assert [account] == control_plane.client.get(bound)["subjects"]


@pytest.fixture(scope="module")
def job(installed: ControlPlane) -> JsonObject:
    """A Job on demand in a cluster whose pods run; skips where its pod cannot be run."""
    if obstacle := find_obstacle(USER):
        pytest.skip(obstacle)
    publish_authority(installed, NAMESPACE)
    installed.create_pods_of_controllers()
    create = ("create", "job", "audit-now", "--from=cronjob/netpol-auditor", "--output=json")
    created: JsonObject = json.loads(installed.kubectl(*create, IN_NAMESPACE))
    return created


@pytest.mark.slow
def test_an_audit_on_demand_runs_to_its_report(
    installed: ControlPlane, job: JsonObject, tmp_path: Path
) -> None:
    """A Job made of the CronJob, run as its pod has it, leaves report and history on the volume."""
    finished = run_job(installed, job, tmp_path)
    assert (0, "") == (finished.returncode, finished.stderr)
    assert "history: /var/lib/netpol-auditor/history.sqlite, run 1" in finished.stdout
    data = tmp_path / "claims" / "netpol-auditor"
    files = {path.name for path in (data / "report").iterdir()}
    assert {"findings.csv", "report.html", "report.json", "report.pdf"} == files
    assert {USER} == {path.stat().st_uid for path in data.rglob("*")}
    report = json.loads((data / "report" / "report.json").read_bytes())
    assert [] == report["scope"]["gaps"]
    assert report["cluster"]["uid"]
    judged = {one["subject"]["namespace"] or one["subject"]["name"] for one in report["findings"]}
    assert NAMESPACE not in judged


def test_the_run_here_is_as_restricted_as_the_pod(
    installed: ControlPlane, job: JsonObject, tmp_path: Path
) -> None:
    """The pod's user, no capability, nothing writable but two volumes: what ran, ran so."""
    restricted = deepcopy(job)
    (container,) = restricted["spec"]["template"]["spec"]["containers"]
    paths = "/ /etc /run /usr /etc/netpol-auditor /tmp /var/lib/netpol-auditor"
    writable = f'for path in {paths}; do test -w "$path" && echo "$path"; done'
    script = f"id -u; grep CapBnd /proc/self/status; {writable}; true"
    container |= {"command": ["/bin/sh", "-c"], "args": [script]}
    seen = run_job(installed, restricted, tmp_path).stdout.split()
    expected = f"{USER} CapBnd: {'0' * 16} /tmp /var/lib/netpol-auditor"
    assert expected.split() == seen


@pytest.mark.parametrize(
    ("component", "name", "key"),
    [
        ("postgresql", "netpol-auditor-store", "url"),
        ("signing", "netpol-auditor-signing", "audit.key"),
        ("weekly-mail", "netpol-auditor-mail", "password"),
    ],
)
def test_secrets_are_what_the_readme_creates(
    component: str, name: str, key: str, installed: ControlPlane, tmp_path: Path
) -> None:
    """The README's command makes the Secret, and the key, that the component's pod waits for."""
    readme = (CRONJOB / "README.md").read_text()
    (line,) = (one for one in readme.splitlines() if f"create secret generic {name} " in one)
    _, *arguments = line.partition(" #")[0].split()
    assert f"--from-file={key}" == arguments.pop()
    (tmp_path / key).write_text("hidden")
    created = installed.kubectl(*arguments, f"--from-file={tmp_path / key}", "--output=json")
    assert [key] == list(json.loads(created)["data"])
    patch = (COMPONENTS / component / "cron-job.yaml").read_text()
    assert f": {name}\n" in patch
    settings = COMPONENTS / component / "netpol-auditor.yaml"
    uses = patch + (settings.read_text() if settings.exists() else "")
    assert f"key: {key}\n" in uses or f"/etc/{name}/{key}\n" in uses
