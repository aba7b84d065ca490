"""A saved snapshot stands for the cluster, or the manifests, that it was taken of."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from tests.apiserver.control_plane import ControlPlane

live = pytest.mark.apiserver

SHOP = Path(__file__).parents[1] / "clusters" / "shop" / "main"
WEB, API, REDIS = (
    "shop-prod/Deployment/web",
    "shop-dev/Deployment/api",
    "shop-prod/StatefulSet/redis",
)
QUESTIONS = (
    ("connections",),
    ("connections", "-o", "json"),
    ("connections", "-o", "csv"),
    ("connections", "-o", "dot"),
    ("connections", "-o", "json", "-n", "shop-prod", "--exclude-namespace", "shop-test"),
    ("connections", "-o", "json", "--from", "shop-dev", "--to", REDIS, "--port", "6379"),
    ("explain", API, REDIS, "6379"),
    ("explain", API, REDIS, "6379", "-o", "json"),
    ("explain", API, WEB, "-o", "json"),
    ("explain", WEB, "8.8.8.8", "udp/53", "-o", "json"),
    ("explain", "8.8.8.8", WEB, "80"),
)
BROKEN = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: backwards, namespace: shop-dev}
spec: {podSelector: {}, ingress: [{ports: [{port: 90, endPort: 80}]}]}
---
kind: [never closed
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: l7, namespace: shop-dev}
spec: {endpointSelector: {}}
"""
"""Three gaps with their places: an invalid policy, no YAML, a kind that is not evaluated."""

Said = tuple[int, bytes, bytes]
Ask = Callable[..., Said]


@pytest.fixture
def ask(capfdbinary: pytest.CaptureFixture[bytes]) -> Ask:
    """Run the command; exit code, standard output and standard error."""

    def run(*arguments: str | Path) -> Said:
        exit_code = main([str(one) for one in arguments])
        output = capfdbinary.readouterr()
        return exit_code, output.out, output.err

    return run


@pytest.fixture(scope="module")
def kubeconfig(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, its pods on nodes, with addresses and owners."""
    control_plane.apply(SHOP)
    control_plane.create_pods_of_controllers()
    return control_plane.kubeconfig(tmp_path_factory.mktemp("roundtrip") / "kubeconfig")


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """The shop's manifests, and beside them a file that leaves gaps."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    for path in SHOP.iterdir():
        if path.name != "expected.yaml":
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.yaml").write_text(BROKEN)
    return folder


def _snapshot(ask: Ask, file: Path, *source: str | Path) -> Path:
    """Take a snapshot into a file."""
    exit_code, output, _ = ask("snapshot", "-o", file, *source)
    assert (0, b"") == (exit_code, output)
    return file


def _equal_answers(ask: Ask, file: Path, *source: str | Path) -> None:
    """Both streams and the exit code of each question are those of the source, byte for byte."""
    for question in QUESTIONS:
        expected = ask(*question, *source)
        assert 0 == expected[0], question
        assert expected[1], question
        assert expected == ask(*question, "-f", file), question


def _equal_audits(ask: Ask, folder: Path, file: Path, *source: str | Path) -> None:
    """Reports are equal in everything but the run; so is what the run leaves on the terminal."""
    first, second = folder / "from-source", folder / "from-file"
    assert 0 == ask("audit", "--no-store", "-o", first, *source)[0]
    assert 0 == ask("audit", "--no-store", "-o", second, "-f", file)[0]
    expected, actual = _read_report(first), _read_report(second)
    assert expected.pop("run")["id"] != actual.pop("run")["id"]
    assert len(expected["digest"]) == 64
    assert len(expected["findings"]) > 0
    assert expected == actual
    assert _read_rows(first) == _read_rows(second)


def _read_report(folder: Path) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return decoded


def _read_rows(folder: Path) -> list[dict[str, str]]:
    """The rows of findings.csv without the column of the run."""
    text = (folder / "findings.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        row.pop("run")
    return rows


@live
def test_a_live_snapshot_answers_as_the_cluster_does(
    ask: Ask, kubeconfig: Path, tmp_path: Path
) -> None:
    """`connections` and `explain`, in every format, byte for byte."""
    source = ("--kubeconfig", kubeconfig)
    _equal_answers(ask, _snapshot(ask, tmp_path / "saved", *source), *source)


@live
@pytest.mark.usefixtures("fast")
def test_a_live_snapshot_is_audited_as_the_cluster_is(
    ask: Ask, kubeconfig: Path, tmp_path: Path
) -> None:
    """report.json with its digest, and findings.csv, but for the run."""
    source = ("--kubeconfig", kubeconfig)
    _equal_audits(ask, tmp_path, _snapshot(ask, tmp_path / "saved", *source), *source)


@live
def test_pods_are_explained_by_name_from_a_live_snapshot(
    ask: Ask, kubeconfig: Path, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """A pod that runs is known to the snapshot by its own name and address."""
    file = _snapshot(ask, tmp_path / "saved", "--kubeconfig", kubeconfig)
    pods = control_plane.client.list_all("/api/v1/namespaces/shop-dev/pods")
    (api,) = (one for one in pods if one["metadata"]["name"].startswith("api-"))
    for name in (f"shop-dev/{api['metadata']['name']}", api["status"]["podIP"]):
        question = ("explain", name, "shop-prod/redis-0", "6379", "-o", "json")
        expected = ask(*question, "--kubeconfig", kubeconfig)
        (answer,) = json.loads(expected[1])["answers"]
        assert (0, True) == (expected[0], answer["allowed"])
        assert expected == ask(*question, "-f", file)


def test_a_snapshot_of_manifests_answers_as_they_do(
    ask: Ask, manifests: Path, tmp_path: Path
) -> None:
    """Byte for byte, gaps with their places included."""
    source = ("-f", manifests)
    _equal_answers(ask, _snapshot(ask, tmp_path / "saved", *source), *source)


@pytest.mark.usefixtures("fast")
def test_a_snapshot_of_manifests_is_audited_as_they_are(
    ask: Ask, manifests: Path, tmp_path: Path
) -> None:
    """report.json names files, documents and fields, and is the same from the saved file."""
    source = ("-f", manifests)
    _equal_audits(ask, tmp_path, _snapshot(ask, tmp_path / "saved", *source), *source)
    gaps = _read_report(tmp_path / "from-file")["scope"]["gaps"]
    places = [one["source"] for one in gaps if one["source"] is not None]
    file = str(manifests / "broken.yaml")
    field = "spec.ingress[0].ports[0].endPort"
    expected = [
        {"file": file, "document": "document 1, line 1", "field": field},
        {"file": file, "document": "document 2, line 6", "field": None},
    ]
    assert expected == places
    assert "CiliumNetworkPolicy.cilium.io" in {one["kind"] for one in gaps}


def test_gaps_of_a_snapshot_are_strict_too(ask: Ask, manifests: Path, tmp_path: Path) -> None:
    """What was not read then is not read now: exit 4, also where a file stands in between."""
    file = _snapshot(ask, tmp_path / "saved", "-f", manifests)
    assert 4 == ask("connections", "--strict", "-f", manifests)[0]
    assert 4 == ask("connections", "--strict", "-f", file)[0]
    assert 4 == ask("snapshot", "--strict", "-f", file, "-o", tmp_path / "again")[0]


def test_a_snapshot_of_a_snapshot_is_the_same_file(
    ask: Ask, manifests: Path, tmp_path: Path
) -> None:
    """Time of the reading included: nothing is read anew."""
    file = _snapshot(ask, tmp_path / "saved", "-f", manifests)
    again = _snapshot(ask, tmp_path / "again", "-f", file)
    assert file.read_bytes() == again.read_bytes()


def test_a_snapshot_goes_to_standard_output(ask: Ask, manifests: Path, tmp_path: Path) -> None:
    """Without -o, or with `-o -`, the bytes are those of the file."""
    file = _snapshot(ask, tmp_path / "saved", "-f", manifests)
    for flags in ((), ("-o", "-")):
        exit_code, output, _ = ask("snapshot", "-f", file, *flags)
        assert (0, file.read_bytes()) == (exit_code, output)
