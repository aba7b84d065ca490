"""The audit of a live cluster: it finds what the manifests give, and says what it cannot see."""

import html
import io
import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pypdf import PdfReader

from auditor.cli import main
from auditor.rules import RULES
from tests.apiserver.access import PolicyRule
from tests.apiserver.binaries import Binaries
from tests.apiserver.control_plane import ControlPlane
from tests.clusters.expectation import load
from tests.conftest import spare_renderers

pytestmark = pytest.mark.apiserver

SHOP = Path(__file__).parents[1] / "clusters" / "shop" / "main"
PROGRAM = Path(sys.executable).with_name("netpol-auditor")
READ = ("get", "list")
PODS: PolicyRule = {"apiGroups": [""], "resources": ["pods"], "verbs": READ}
REST: tuple[PolicyRule, ...] = (
    {"apiGroups": [""], "resources": ["namespaces", "services", "nodes"], "verbs": READ},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": READ},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": READ},
    {"apiGroups": ["apps"], "resources": ["daemonsets", "replicasets"], "verbs": READ},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": READ},
)
"""What an audit reads, but for pods."""

ADDRESSED = "ip-block-covers-cluster-addresses"
"""The rule that says more where pods and Services have addresses, as they do in a cluster."""

UNREAD = "shop-dev"
KINDS = "ns,pods,services,netpol,nodes,ds"
"""What README asks kubectl for."""

NEED_PODS = {
    *(one.id for one in RULES if one.id.startswith(("database-", "dns-", "egress-"))),
    "environments-can-talk",
    "host-network-workload-bypasses-policy",
    "metadata-service-is-reachable",
    "workload-is-not-isolated",
}
"""The rules that judge workloads, and so need their pods."""

JsonObject = dict[str, Any]


class AuditedControlPlane(ControlPlane):
    """A control plane whose API server writes down every request."""

    def __init__(self, binaries: Binaries, folder: Path) -> None:
        """Keep the audit log in `folder`."""
        super().__init__(binaries)
        self._log = folder / "requests.log"
        self._policy = folder / "policy.json"

    def requests_of(self, user: str) -> list[JsonObject]:
        """List the requests of a user that the server has answered, as audit events."""
        events = map(json.loads, self._log.read_text().splitlines())
        return [event for event in events if event["user"]["username"] == user]

    def _kube_apiserver_command(self, etcd_port: int) -> list[str | Path]:
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        }
        self._policy.write_text(json.dumps(policy))
        return [
            *super()._kube_apiserver_command(etcd_port),
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self._log}",
            "--audit-log-mode=blocking",  # an answer is sent when its event is written
        ]


class Run(NamedTuple):
    """What a run of the command left behind."""

    exit_code: int
    folder: Path
    summary: str

    @property
    def report(self) -> JsonObject:
        """The report, decoded."""
        decoded: JsonObject = json.loads((self.folder / "report.json").read_bytes())
        return decoded

    @property
    def findings(self) -> dict[str, JsonObject]:
        """The findings by id."""
        return {one["id"]: one for one in self.report["findings"]}

    @property
    def rules(self) -> dict[str, JsonObject]:
        """What became of the rules, by id."""
        return {one["id"]: one for one in self.report["rules"]}


Audit = Callable[..., Run]


@pytest.fixture(scope="module")
def control_plane(
    binaries: Binaries, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AuditedControlPlane]:
    """Run the shop, its pods on nodes, with addresses and owners."""
    with AuditedControlPlane(binaries, tmp_path_factory.mktemp("audit")) as running:
        running.apply(SHOP)
        running.create_pods_of_controllers()
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where reports and kubeconfigs go."""
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def audit(folder: Path) -> Audit:
    """Run `audit` into a folder of the given name; nothing but the summary may be said."""

    def run(name: str, *flags: str | Path) -> Run:
        said, complained = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
        with redirect_stdout(said), redirect_stderr(complained):
            exit_code = main(["audit", "--no-store", "-o", str(folder / name), *map(str, flags)])
        said.seek(0)
        assert "" == complained.getvalue()
        return Run(exit_code, folder / name, said.read())

    return run


@pytest.fixture(scope="module")
def whole(control_plane: AuditedControlPlane, folder: Path) -> Path:
    """A kubeconfig that may read all that an audit reads."""
    token = control_plane.service_account("default", "auditor", cluster_rules=[PODS, *REST])
    return control_plane.kubeconfig(folder / "auditor.kubeconfig", token)


@pytest.fixture(scope="module")
def partial(control_plane: AuditedControlPlane, folder: Path) -> Path:
    """A kubeconfig that may read all but the pods of one namespace."""
    listed = control_plane.client.list_all("/api/v1/namespaces")
    names = {one["metadata"]["name"] for one in listed} - {UNREAD}
    token = control_plane.service_account(
        "default",
        "partial",
        cluster_rules=REST,
        namespace_rules={name: [PODS] for name in names},
    )
    return control_plane.kubeconfig(folder / "partial.kubeconfig", token)


@pytest.fixture(scope="module")
def from_files(audit: Audit) -> Run:
    """Audit the manifests."""
    with spare_renderers():
        return audit("files", "-f", SHOP)


@pytest.fixture(scope="module")
def live(audit: Audit, whole: Path) -> Run:
    """Audit the cluster."""
    return audit("live", "--kubeconfig", whole)


@pytest.fixture(scope="module")
def unread(audit: Audit, partial: Path) -> Run:
    """Audit the cluster without the pods of one namespace, strictly."""
    return audit("unread", "--strict", "--kubeconfig", partial)


@pytest.fixture(scope="module")
def narrowed(audit: Audit, partial: Path) -> Run:
    """Judge that one namespace alone, not strictly."""
    with spare_renderers():
        return audit("narrowed", "-n", UNREAD, "--kubeconfig", partial)


def _without_blanks(text: str) -> str:
    """Undo the line breaks of a layout."""
    return re.sub(r"\s+", "", text)


def test_every_finding_of_the_files_is_found_live(from_files: Run, live: Run) -> None:
    """Ids and everything else: witness, evidence, remediation and what that closes."""
    assert from_files.findings.keys() <= live.findings.keys()
    for key, one in from_files.findings.items():
        assert one == live.findings[key] or one["rule"] == ADDRESSED, key


def test_beyond_them_only_the_api_servers_own_namespaces_are_found(
    from_files: Run, live: Run
) -> None:
    """Three namespaces that no manifest declares, without policies, pods or an environment."""
    beyond = Counter(
        (one["rule"], one["subject"]["name"], one["detail"], one["severity"], one["system"])
        for key, one in live.findings.items()
        if key not in from_files.findings
    )
    rule = "namespace-lacks-default-deny"
    expected = Counter(
        (rule, name, direction, severity, system)
        for name, severity, system in (
            ("default", "medium", False),
            ("kube-node-lease", "low", True),
            ("kube-public", "low", True),
        )
        for direction in ("ingress", "egress")
    )
    expected["environment-is-unknown", "default", "unknown", "info", False] = 1
    assert expected == beyond


def test_the_live_report_differs_in_nothing_else(from_files: Run, live: Run) -> None:
    """Rules, pods, policies and gaps are the same; what the cluster is called is not."""
    for part in ("pods", "policies", "gaps"):
        assert from_files.report["scope"][part] == live.report["scope"][part], part
    for rule, one in from_files.rules.items():
        assert one == live.rules[rule] or rule == ADDRESSED, rule
    assert "fail" == from_files.rules[ADDRESSED]["status"] == live.rules[ADDRESSED]["status"]
    assert "test" == live.report["cluster"]["name"]
    assert 0 == live.exit_code


def test_live_connections_are_the_expected_ones(
    whole: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Pods with addresses, owners and nodes connect as expected.yaml has it for the manifests."""
    assert 0 == main(["connections", "--kubeconfig", str(whole), "-o", "json"])
    output = json.loads(capfdbinary.readouterr().out)
    assert [] == load(SHOP / "expected.yaml").compare_connections(output)


def test_the_api_server_is_only_read(
    live: Run, unread: Run, control_plane: AuditedControlPlane
) -> None:
    """All requests of a run are GET: no write, no watch, nothing but what the roles are for."""
    assert (0, 4) == (live.exit_code, unread.exit_code)
    for account in ("auditor", "partial"):
        requests = control_plane.requests_of(f"system:serviceaccount:default:{account}")
        assert {"get", "list"} == {one["verb"] for one in requests}
        assert {"netpol-auditor"} == {one["userAgent"].partition("/")[0] for one in requests}
        read = {one["objectRef"]["resource"] for one in requests if "objectRef" in one}
        needed = {"pods", "namespaces", "networkpolicies", "services", "nodes", "daemonsets"}
        assert needed <= read <= needed | {"replicasets", "jobs", "configmaps"}


def test_all_that_an_account_with_these_roles_reads_is_granted(
    live: Run, control_plane: AuditedControlPlane
) -> None:
    """The server refuses the auditor nothing, so its report has no gap of access."""
    assert 0 == live.exit_code
    requests = control_plane.requests_of("system:serviceaccount:default:auditor")
    assert {200, 404} >= {one["responseStatus"]["code"] for one in requests}


def test_kubectl_can_be_piped_into_the_audit(
    control_plane: AuditedControlPlane, binaries: Binaries, folder: Path, live: Run
) -> None:
    """Piped, it gives all of the live findings: ReplicaSets are told from their pods' names."""
    admin = control_plane.kubeconfig(folder / "admin.kubeconfig")
    get = [binaries.kubectl, "--kubeconfig", admin, "get", KINDS, "-A", "-o", "yaml"]
    judge = [PROGRAM, "audit", "--no-store", "-f", "-", "-o", folder / "piped"]
    pipe = " | ".join(shlex.join(map(str, one)) for one in (get, judge))
    completed = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe], capture_output=True, text=True, check=False
    )
    assert (0, "") == (completed.returncode, completed.stderr)
    piped = Run(0, folder / "piped", completed.stdout)
    assert live.findings == piped.findings
    assert live.rules == piped.rules
    assert live.report["scope"] == piped.report["scope"]


def test_an_unread_namespace_ends_no_run(unread: Run, narrowed: Run) -> None:
    """Exit 0, and 4 with --strict; all four files are there either way."""
    assert (4, 0) == (unread.exit_code, narrowed.exit_code)
    names = ["findings.csv", "report.html", "report.json", "report.pdf"]
    for run in (unread, narrowed):
        assert names == sorted(path.name for path in run.folder.iterdir())


def test_the_gap_names_what_is_unread_and_why(unread: Run) -> None:
    """One gap of pods, of that namespace, in the server's own words."""
    (gap,) = (one for one in unread.report["scope"]["gaps"] if one["kind"] == "Pod")
    assert UNREAD == gap["namespace"]
    assert 'cannot list resource "pods"' in gap["reason"]
    assert gap["effect"]


def test_the_gap_is_in_every_form_of_the_report(unread: Run) -> None:
    """Terminal, HTML and PDF show what report.json has."""
    (gap,) = (one for one in unread.report["scope"]["gaps"] if one["kind"] == "Pod")
    pdf, markup = PdfReader(unread.folder / "report.pdf"), unread.folder / "report.html"
    texts = {
        "summary": unread.summary,
        "html": html.unescape(re.sub(r"<[^>]+>", " ", markup.read_text())),
        "pdf": " ".join(page.extract_text() for page in pdf.pages),
    }
    for form, text in texts.items():
        assert _without_blanks(gap["reason"]) in _without_blanks(text), form
        assert _without_blanks(f"Pod in {UNREAD}") in _without_blanks(text), form


def test_a_rule_that_needs_unread_pods_never_passes(live: Run, unread: Run) -> None:
    """It is not evaluated where it found nothing elsewhere, and lists what it could not see."""
    assert "pass" == live.rules["egress-to-whole-internet"]["status"]
    assert "not-evaluated" == unread.rules["egress-to-whole-internet"]["status"]
    for rule in NEED_PODS:
        assert unread.rules[rule]["status"] in {"fail", "not-evaluated"}, rule
        assert UNREAD in unread.rules[rule]["reason"], rule


def test_a_rule_that_fails_elsewhere_still_fails(live: Run, unread: Run) -> None:
    """Findings on what was read are all there, none is on a workload that was not."""
    lost = {key: one for key, one in live.findings.items() if key not in unread.findings}
    for one in lost.values():
        subject = one["subject"]
        ends = subject["name"].split("→")
        assert subject["namespace"] == UNREAD or "dev" in (*ends, one["detail"]), subject
        assert one["rule"] in NEED_PODS, subject
    assert set(unread.findings) == set(live.findings) - set(lost)
    failing = {one["rule"] for one in live.findings.values() if one["id"] not in lost}
    assert failing == {rule for rule, one in unread.rules.items() if one["status"] == "fail"}


def test_rules_are_not_evaluated_in_a_namespace_that_is_unread(narrowed: Run) -> None:
    """Judged alone, it gives no verdict that takes pods."""
    statuses = {rule: narrowed.rules[rule]["status"] for rule in NEED_PODS}
    assert dict.fromkeys(NEED_PODS, "not-evaluated") == statuses


@pytest.mark.parametrize("fixture", ["unread", "narrowed"])
def test_default_deny_is_judged_as_if_the_namespace_held_pods(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    """Unread is not empty: high, where an empty namespace is medium."""
    run: Run = request.getfixturevalue(fixture)
    rule = "namespace-lacks-default-deny"
    severities = {
        one["detail"]: one["severity"]
        for one in run.findings.values()
        if (one["rule"], one["subject"]["name"]) == (rule, UNREAD)
    }
    assert {"ingress": "high", "egress": "high"} == severities
    assert ("fail", None) == (run.rules[rule]["status"], run.rules[rule]["reason"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"token": "hidden"}, "does not accept the credentials: Unauthorized"),
        ({"token": None}, "allows nothing to be read: "),
        ({"certificate-authority-data": None}, "is not trusted: self-signed certificate"),
        ({"certificate-authority-data": "bm8="}, "fails in the TLS handshake"),
        ({"tls-server-name": "elsewhere"}, "is not trusted: Hostname mismatch"),
    ],
)
def test_a_cluster_that_cannot_be_read_is_one_error(
    change: dict[str, str | None],
    reason: str,
    whole: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Exit 3, error and hint in a line each, no token, and no report that looks complete."""
    config = json.loads(whole.read_text())
    for key, value in change.items():
        part = "user" if key == "token" else "cluster"
        settings = config[f"{part}s"][0][part]
        settings.pop(key, None)
        settings |= {} if value is None else {key: value}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    exit_code = main(["audit", "--kubeconfig", str(path), "-o", str(tmp_path / "out")])
    output, complaint = capfd.readouterr()
    error, hint = complaint.splitlines()
    assert (3, "") == (exit_code, output)
    assert reason in error
    assert hint.startswith("hint: ")
    assert "hidden" not in complaint
    assert not (tmp_path / "out").exists()
