"""From nothing to a mailed report, on the real API server, by the commands of the documents.

Each command runs as it is written, in a folder where files lie as it has them. Not run here are
those that ask a kubelet (`wait`, `logs`, `cp`) and `kustomize edit`; of `exec` the command is, in
the pod of the sample.
"""

import csv
import io
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from auditor.cli.exit_codes import FINDINGS, completion_code
from auditor.errors import DeliveryError
from auditor.layers import load_settings
from tests.apiserver.binaries import Binaries
from tests.apiserver.client import JsonObject
from tests.apiserver.control_plane import ControlPlane
from tests.cronjob.kubelet import find_obstacle, publish_authority, run_job
from tests.cronjob.rendering import COREDNS, CRONJOB, NAMESPACE, find, render_chart
from tests.delivery.servers import PASSWORD, USER, Authority, Inbox, Taken, serving

pytestmark = pytest.mark.apiserver

README = CRONJOB / "README.md"
SCENARIO = CRONJOB.parent / "tests" / "clusters" / "two-namespaces" / "test-network-policy"
SETTINGS = "audit/components/weekly-mail/netpol-auditor.yaml"
SECURITY, PROD = "security@example.com", "team-prod@example.com"


class Desk(NamedTuple):
    """A folder with a checkout's `cronjob`, and a shell that has kubectl for the cluster."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, command: str) -> str:
        """Run a command that has to succeed."""
        completed = subprocess.run(
            ["/bin/sh", "-euc", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == completed.returncode, completed.stderr
        return completed.stdout

    def edit(self, file: str, **changes: object) -> None:
        """Change top-level entries of a YAML file, as its owner would."""
        path = self.folder / file
        content = {**yaml.safe_load(path.read_text()), **changes}
        path.write_text(yaml.safe_dump(content))


class Office(NamedTuple):
    """An installation whose Jobs run here, and the mail server that it sends to."""

    control_plane: ControlPlane
    desk: Desk
    inbox: Inbox
    volumes: Path

    def create_job(self, name: str) -> JsonObject:
        """Make a Job on demand, as documented."""
        command = documented("create job audit-now").replace("audit-now", name)
        created: JsonObject = json.loads(self.desk.run(f"{command} --output=json"))
        return created

    def run(self, job: JsonObject) -> subprocess.CompletedProcess[str]:
        """Let one pod of the Job run to its end."""
        return run_job(self.control_plane, job, self.volumes)

    def take(self) -> dict[str, Taken]:
        """Empty the inbox: what came since the last time, by recipient."""
        came = {taken.recipients[0]: taken for taken in self.inbox.taken}
        assert len(self.inbox.taken) == len(came)
        self.inbox.taken.clear()
        return came

    def read_history(self) -> list[str]:
        """List the kept runs, newest first, in the pod of the sample as documented for `exec`."""
        _, command = documented("exec reader").split(" -- ")
        pod = yaml.safe_load((CRONJOB / "samples" / "reader.yaml").read_text())
        pod["spec"]["containers"][0]["command"] = shlex.split(command)
        metadata = {"namespace": NAMESPACE}
        finished = self.run({"metadata": metadata, "spec": {"template": pod}})
        assert 0 == finished.returncode, finished.stderr
        _, *lines, number = finished.stdout.splitlines()
        assert f"{len(lines)} runs" == number
        return lines

    @property
    def report(self) -> JsonObject:
        """The report on the volume."""
        folder = self.volumes / "claims" / "netpol-auditor" / "report"
        report: JsonObject = json.loads((folder / "report.json").read_bytes())
        assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
        return report


class Message(NamedTuple):
    """What a reader sees of a message."""

    subject: str
    text: str
    pdf: bytes
    csv: str


def read_message(taken: Taken) -> Message:
    """Open a message and its two attachments."""
    message = taken.message
    body = message.get_body(("plain",))
    assert body is not None
    attached = {one.get_filename(): one.get_content() for one in message.iter_attachments()}
    assert {"report.pdf", "findings.csv"} == attached.keys()
    content = (attached["report.pdf"], attached["findings.csv"])
    return Message(message["subject"], body.get_content(), *content)


def documented(part: str) -> str:
    """Find the one command of `cronjob/README.md` that holds this."""
    (line,) = (one for one in README.read_text().splitlines() if f"kubectl {part}" in one)
    return line.partition(" #")[0].strip()


def delivery(port: int) -> JsonObject:
    """Settings for the mail server of the tests, with two audiences."""
    return {
        "period": "week",
        "mail": {
            "host": "127.0.0.1",
            "port": port,
            "security": "starttls",
            "ca_file": "/etc/netpol-auditor-mail/ca.crt",
            "user": USER,
            "password_file": "/etc/netpol-auditor-mail/password",
            "sender": "netpol-auditor@example.com",
        },
        "audiences": [
            {"name": "security", "to": [SECURITY], "everything": True},
            {"name": "prod", "to": [PROD], "namespaces": ["prod"]},
        ],
    }


@pytest.fixture(scope="module")
def desk(
    control_plane: ControlPlane, binaries: Binaries, tmp_path_factory: pytest.TempPathFactory
) -> Desk:
    """Someone with a checkout, kubectl and an administrator's rights."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "cronjob").symlink_to(CRONJOB)
    kubeconfig = control_plane.kubeconfig(folder / "kubeconfig")
    path = f"{binaries.kubectl.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "KUBECONFIG": str(kubeconfig)}
    return Desk(folder, environment)


@pytest.fixture(scope="module")
def office(
    control_plane: ControlPlane, desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """Install `weekly-mail` in a small cluster, for a mail server with STARTTLS and a login."""
    if obstacle := find_obstacle(65532):
        pytest.skip(obstacle)
    control_plane.apply(COREDNS, SCENARIO)
    authority = Authority(desk.folder)
    with serving(starttls=authority.serving(), login=True) as (port, inbox):
        (copy,) = (one for one in README.read_text().splitlines() if one.startswith("cp -r "))
        desk.run(copy)
        desk.edit(SETTINGS, delivery=delivery(port))
        desk.run(documented("apply -k audit/overlays/").replace("sqlite-pvc", "weekly-mail"))
        (desk.folder / "password").write_text(PASSWORD)
        (desk.folder / "ca.crt").write_bytes(authority.file.read_bytes())
        create = documented("create secret generic netpol-auditor-mail")
        desk.run(f"{create} --from-file=ca.crt")
        publish_authority(control_plane, NAMESPACE)
        control_plane.create_pods_of_controllers()
        yield Office(control_plane, desk, inbox, tmp_path_factory.mktemp("volumes"))


@pytest.mark.slow
def test_a_job_s_report_is_mailed_to_everyone_once(office: Office) -> None:
    """Over TLS, logged in: all to security, a namespace to its team; a retry sends what failed.

    A team's mail that is refused is exit code 5, and the report is on the volume all the same.
    """
    office.inbox.refused = {PROD: ["550 no such mailbox"]}
    job = office.create_job("audit-now")
    refused = office.run(job)
    assert DeliveryError.exit_code == refused.returncode, refused.stderr
    assert f"{PROD} of audience prod: failed: " in refused.stderr
    sent = office.take()
    assert {SECURITY} == sent.keys()
    report = office.report

    again = office.run(job)  # what the Job's next pod does
    assert 0 == again.returncode, again.stderr
    assert f"{SECURITY} of audience security: already sent in " in again.stderr
    late = office.take()
    assert {PROD} == late.keys()
    runs = [report["run"]["id"], office.report["run"]["id"]]
    kept = office.read_history()
    assert runs == [line.split()[1] for line in reversed(kept)]

    came = (sent[SECURITY], late[PROD])
    assert [(True, True)] * 2 == [(one.is_encrypted, one.is_logged_in) for one in came]
    whole, narrowed = map(read_message, came)
    number = len(report["findings"])
    assert re.fullmatch(
        rf"\[production\] NetworkPolicy audit \d{{4}}-W\d\d: {number} open", whole.subject
    )
    assert all(one.pdf.startswith(b"%PDF-") for one in (whole, narrowed))
    assert number == len(list(csv.DictReader(io.StringIO(whole.csv))))
    for text in (whole.text, whole.csv):
        assert "dev/Pod/devserver-1" in text
    for text in (narrowed.text, narrowed.csv):
        assert "prod/Pod/prodserver-1" in text
        assert "devserver" not in text


@pytest.mark.parametrize("means", ["overlays", "charts"])
def test_a_job_is_tried_again_where_mail_failed(means: str, request: pytest.FixtureRequest) -> None:
    """Exit code 5 ends no Job, and hides behind no code that does; no two reports in the sample."""
    objects = request.getfixturevalue(means)["weekly-mail"]
    spec = find(objects, "CronJob")["spec"]["jobTemplate"]["spec"]
    (final,) = (one for one in spec["podFailurePolicy"]["rules"] if one["action"] == "FailJob")
    ends = set(final["onExitCodes"]["values"])
    assert "In" == final["onExitCodes"]["operator"]
    assert spec["backoffLimit"] > 0
    assert "Never" == spec["template"]["spec"]["restartPolicy"]  # a pod failure policy's condition
    failed = completion_code(gaps=True, strict=True, others={DeliveryError.exit_code, FINDINGS})
    assert failed not in ends
    assert completion_code(gaps=True, strict=True, others={FINDINGS}) in ends
    # Each attempt is a run: by the period `run` each would mail everyone.
    settings = yaml.safe_load(find(objects, "ConfigMap")["data"]["netpol-auditor.yaml"])
    assert "week" == settings["delivery"]["period"]


def test_the_documented_values_install_mail(helm: Path, tmp_path: Path) -> None:
    """The values of `cronjob/README.md`, once they have a digest, mail by the server they name."""
    (block,) = re.findall(r"```yaml\n(image: .*?)```", README.read_text(), re.DOTALL)
    values = tmp_path / "values.yaml"
    values.write_text(block.replace("sha256:…", f"sha256:{'0' * 64}"))
    objects = render_chart(helm, values)
    for name, text in find(objects, "ConfigMap")["data"].items():
        (tmp_path / name).write_text(text)
    environ = {"NETPOL_AUDITOR_CONFIG": str(tmp_path / "netpol-auditor.yaml")}
    settings = load_settings({}, environ=environ, folder=tmp_path, rule_ids=lambda: ())
    assert settings.delivery.mail is not None
    assert ("starttls", None) == (settings.delivery.mail.security, settings.delivery.mail.port)
    assert "/etc/netpol-auditor-mail/password" == settings.delivery.mail.password_file
    assert "production" == settings.cluster_name
    (container,) = find(objects, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert ["audit", "--deliver"] == container["args"]
