"""What the overlays and the chart install, read from their manifests."""

import subprocess
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor import __version__
from auditor.job.steps import evaluate_snapshot, judge_view, load_acceptance, take_snapshot
from auditor.layers import load_settings
from auditor.model.progress import unwatched
from auditor.model.report import Report
from auditor.settings import Settings
from tests.apiserver.binaries import Binaries
from tests.apiserver.client import JsonObject
from tests.cronjob.rendering import (
    BASE,
    CHART,
    CHOICES,
    COMPONENTS,
    COREDNS,
    CRONJOB,
    find,
    render_chart,
    render_kustomization,
    template,
    write_objects,
)

pytestmark = pytest.mark.apiserver

Rendered = Mapping[str, list[JsonObject]]
NOW = "2026-01-02T03:04:05Z"
SECURE = CHART / "ci" / "sqlite-pvc-values.yaml"
ALL_COMPONENTS = sorted(path.name for path in COMPONENTS.iterdir())


def pod_spec(objects: list[JsonObject]) -> JsonObject:
    """The pod of the CronJob, its lists by name: the order of none of them means anything."""
    cron_job = find(objects, "CronJob")["spec"]
    spec: JsonObject = cron_job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    named = {
        **container,
        "env": {one["name"]: one for one in container["env"]},
        "volumeMounts": {one["name"]: one for one in container["volumeMounts"]},
    }
    return {
        **spec,
        "containers": [named],
        "volumes": {one["name"]: one for one in spec["volumes"]},
    }


def settled(objects: list[JsonObject]) -> dict[tuple[str, str, str], Any]:
    """What objects say beside labels and annotations, by kind, namespace and name."""
    settled: dict[tuple[str, str, str], Any] = {}
    for one in objects:
        metadata = one["metadata"]
        content = {key: value for key, value in one.items() if key != "metadata"}
        if one["kind"] == "ConfigMap":
            content["data"] = {key: yaml.safe_load(text) for key, text in one["data"].items()}
        if one["kind"] == "CronJob":
            job = content["spec"]["jobTemplate"]["spec"]
            pod = pod_spec(objects)
            # what the API's default for a tag that is not `latest` is, the chart spells out
            pod["containers"][0].setdefault("imagePullPolicy", "IfNotPresent")
            template = {**job["template"], "spec": pod}
            content["spec"] = {
                **content["spec"],
                "jobTemplate": {"spec": {**job, "template": template}},
            }
        settled[one["kind"], metadata.get("namespace", ""), metadata["name"]] = content
    return settled


def audit(*files: Path) -> Report:
    """Audit manifests, without a report's files."""
    settings = Settings(files=tuple(map(str, files)))
    watched = {"stage": lambda _: nullcontext(unwatched)}
    snapshot = take_snapshot(settings, clock=lambda: NOW, stdin=None, **watched)
    return judge_view(
        evaluate_snapshot(snapshot, settings, **watched),
        settings,
        load_acceptance(settings),
        run_id="run",
        started_at=NOW,
        clock=lambda: NOW,
    ).report


@pytest.mark.parametrize("choice", CHOICES)
def test_the_chart_installs_what_the_overlay_does(
    choice: str, overlays: Rendered, charts: Rendered
) -> None:
    """Rights, pod, policies, settings and volumes are the same but for labels."""
    assert settled(overlays[choice]) == settled(charts[choice])
    assert 0 < len(overlays[choice])


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("means", ["overlays", "charts"])
def test_the_auditor_audits_itself_clean(
    choice: str, means: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Together with a cluster's DNS there is no gap, and no finding but on kube-system, low."""
    objects = request.getfixturevalue(means)[choice]
    report = audit(write_objects(tmp_path / "objects.yaml", objects), COREDNS)
    assert ((), 2) == (report.scope.gaps, report.scope.namespaces.total)
    found = {(one.subject.namespace or one.subject.name, one.severity) for one in report.findings}
    assert {("kube-system", "low")} == found


@pytest.mark.parametrize("means", ["overlays", "charts"])
def test_an_installation_without_its_policies_is_not_clean(
    means: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The auditor's own namespace is judged like anyone's: without a default-deny it is high."""
    objects = request.getfixturevalue(means)["weekly-mail"]
    rest = [one for one in objects if one["kind"] != "NetworkPolicy"]
    report = audit(write_objects(tmp_path / "objects.yaml", rest), COREDNS)
    high = {one.rule for one in report.findings if one.severity == "high"}
    assert high >= {"namespace-lacks-default-deny", "egress-is-unrestricted"}


@pytest.mark.parametrize("choice", CHOICES)
def test_the_pod_has_no_more_than_it_needs(choice: str, overlays: Rendered) -> None:
    """No root, no writable image, no capability; one token, of minutes, in the one container."""
    spec = pod_spec(overlays[choice])
    (container,) = spec["containers"]
    assert not spec.keys() & {"initContainers", "hostNetwork", "hostPID", "hostIPC", "hostUsers"}
    assert False is spec["automountServiceAccountToken"]
    assert False is find(overlays[choice], "ServiceAccount")["automountServiceAccountToken"]
    assert False is spec["enableServiceLinks"]
    assert {"type": "RuntimeDefault"} == spec["securityContext"]["seccompProfile"]
    assert True is spec["securityContext"]["runAsNonRoot"]
    assert {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
    } == container["securityContext"]
    sources = spec["volumes"]["service-account"]["projected"]["sources"]
    (token,) = (one["serviceAccountToken"] for one in sources if "serviceAccountToken" in one)
    assert {"path": "token", "expirationSeconds": 600} == token
    for name, mount in container["volumeMounts"].items():
        assert mount.get("readOnly", False) is (name not in {"data", "tmp"}), name


@pytest.mark.parametrize("choice", CHOICES)
def test_no_manifest_holds_a_secret(choice: str, overlays: Rendered, charts: Rendered) -> None:
    """Secrets are made by their owners; the manifests only name them."""
    for objects in (overlays[choice], charts[choice]):
        assert "Secret" not in {one["kind"] for one in objects}


@pytest.mark.parametrize("choice", CHOICES)
def test_the_settings_are_ones_that_the_command_takes(
    choice: str, overlays: Rendered, charts: Rendered, tmp_path: Path
) -> None:
    """The files of the ConfigMap with the variables of the container: no key is unknown."""
    for objects in (overlays[choice], charts[choice]):
        for name, text in find(objects, "ConfigMap")["data"].items():
            (tmp_path / name).write_text(text)
        variables = pod_spec(objects)["containers"][0]["env"]
        environ = {one: entry.get("value", "sqlite://") for one, entry in variables.items()}
        environ["NETPOL_AUDITOR_CONFIG"] = str(tmp_path / "netpol-auditor.yaml")
        settings = load_settings({}, environ=environ, folder=tmp_path, rule_ids=lambda: ())
        assert 0 == len(load_acceptance(settings).waivers)
        assert (settings.delivery.mail is not None) is (choice == "weekly-mail")


def test_the_release_is_the_command_s() -> None:
    """Tag of the image, version of the chart and of what it installs: a release changes all."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (image,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["images"]
    assert [__version__] * 3 == [chart["version"], chart["appVersion"], image["newTag"]]


def test_kustomize_takes_a_digest_for_the_image(binaries: Binaries, tmp_path: Path) -> None:
    """What `kustomize edit set image` writes is honoured, in an overlay of one's own as well."""
    folder = tmp_path / "cronjob"
    folder.symlink_to(CRONJOB)
    digest = f"sha256:{'0' * 64}"
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "resources": ["../cronjob/kustomize/overlays/sqlite-pvc"],
                "images": [
                    {
                        "name": "registry.example.com/netpol-auditor",
                        "newName": "registry.internal/audit",
                        "digest": digest,
                    }
                ],
            }
        )
    )
    objects = render_kustomization(binaries.kubectl, ours)
    assert f"registry.internal/audit@{digest}" == pod_spec(objects)["containers"][0]["image"]


def test_the_chart_takes_a_digest_for_the_image(helm: Path) -> None:
    """The digest goes before the tag."""
    digest = f"sha256:{'0' * 64}"
    objects = render_chart(helm, SECURE, "--set", f"image.digest={digest}")
    assert f"@{digest}" in pod_spec(objects)["containers"][0]["image"]


@pytest.mark.parametrize("choice", CHOICES)
def test_helm_finds_no_fault(choice: str, helm: Path) -> None:
    """`helm lint --strict`, with the values of every choice."""
    values = CHART / "ci" / f"{choice}-values.yaml"
    command: list[str | Path] = [helm, "lint", "--strict", CHART, "--values", values]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == completed.returncode, completed.stdout
    assert "[WARNING]" not in completed.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "/networkPolicy/apiServer/cidrs"),
        (("networkPolicy.apiServer.cidrs={0.0.0.0/0}",), "/networkPolicy/apiServer/cidrs/0"),
        (("networkPolicy.apiServer.cidrs={192.0.2.1}",), "/networkPolicy/apiServer/cidrs/0"),
        (("networkPolicy.apiServer.cidrs={0.0.0.0/1}",), "/networkPolicy/apiServer/cidrs/0"),
        (("networkPolicy.apiServer.cidrs={999.1.1.1/32}",), "/networkPolicy/apiServer/cidrs/0"),
        (("networkPolicy.apiServer.cidrs={::/0}",), "/networkPolicy/apiServer/cidrs/0"),
        (("networkPolicy.apiServer.port=null",), "/networkPolicy/apiServer"),
        (("networkPolicy.dns.podLabels=null",), "/networkPolicy/dns"),
        (("store.kind=postgresql",), "/store/postgresql/cidrs"),
        (("store.kind=mysql",), "/store/kind"),
        (("mail.enabled=true",), "/mail/cidrs"),
        (("mail.enabled=true",), "/mail/delivery"),
        (("image.digest=latest",), "/image/digest"),
        (("settings.store=none",), "/settings"),
        (("storage.kind=none",), "storage"),
    ],
)
def test_the_chart_refuses_values(options: tuple[str, ...], complaint: str, helm: Path) -> None:
    """Addresses are required and no one's default; what is misspelt is not ignored."""
    given: list[str | Path] = ["--values", SECURE] if options else []
    refused = template(helm, *given, *(part for one in options for part in ("--set", one)))
    assert 0 != refused.returncode
    assert complaint in refused.stderr


def test_what_can_be_left_out_of_the_chart_is(helm: Path) -> None:
    """No history, no policies, no rights in kube-system: nothing of them is rendered."""
    off = "store.kind=none,networkPolicy.enabled=false,rbac.networkPlugin=false"
    objects = render_chart(helm, SECURE, "--set", f"{off},namespace.create=false")
    kinds = sorted(one["kind"] for one in objects)
    assert ["ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "ServiceAccount"] == kinds
    spec = pod_spec(objects)
    assert {"sizeLimit": "1Gi"} == spec["volumes"]["data"]["emptyDir"]
    assert "none" == spec["containers"][0]["env"]["NETPOL_AUDITOR_STORE"]["value"]


def test_every_component_can_be_combined(binaries: Binaries, helm: Path, tmp_path: Path) -> None:
    """All but the one store that excludes the other: kustomize's and the chart's are the same."""
    (tmp_path / "cronjob").symlink_to(CRONJOB)
    ours = tmp_path / "ours"
    ours.mkdir()
    chosen = [one for one in ALL_COMPONENTS if one != "sqlite-pvc"]
    listed = [f"../cronjob/kustomize/components/{one}" for one in chosen]
    (ours / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["../cronjob/kustomize/base"], "components": listed})
    )
    mail = CHART / "ci" / "weekly-mail-values.yaml"
    switches = "store.kind=postgresql,signing.enabled=true"
    url = "metrics.pushgateway.url=http://prometheus-pushgateway.monitoring.svc:9091"
    objects = render_chart(
        helm,
        mail,
        *("--values", str(CHART / "ci" / "postgresql-values.yaml")),
        *("--set", f"{switches},{url}"),
    )
    assert settled(render_kustomization(binaries.kubectl, ours)) == settled(objects)
