"""Settings and files of detection data that are wrong: file, line, key and a hint, and exit 2."""

from pathlib import Path

import pytest

from tests.bad_input.conftest import Say

POD = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}, spec: {containers: []}}"

SETTINGS = (
    ("3: key detection.workload", "is unknown", "workload: {}"),
    ("4: key detection.databases.(", "no regular expression", "databases:\n    '(': Ledger"),
    ("4: key detection.databases.x", "expected `str`", "databases:\n    x: [Ledger]"),
    ("4: key detection.workloads.db", "db is no workload", "workloads:\n    db: Ledger"),
    ("4: key detection.workloads.a/b/c", "is empty", "workloads:\n    a/b/c: ''"),
    ("4: key detection.environments.b", "expected `str`", "environments:\n    b: 1"),
    ("4: key detection.system_namespaces.0", "expected `str`", "system_namespaces:\n    - {}"),
    ("3: key detection.data", "expected `array`", "data: {a: b}"),
    ("4", "no-such.yaml cannot be read: No such file", "data:\n    - no-such.yaml"),
    ("3", "cannot be read: Is a directory", "data: [.]"),
)
"""After `line`: where, what, and the lines under `detection` from line 3 on."""

CNI = "  - {name: A, daemon_sets: [a], enforces: true"

FILES = (
    (", line 2: key environment", "is unknown", "\nenvironment: []"),
    (": the document", "expected `object`", "just text"),
    (", line 1: key engines", "expected `array`", "engines: {name: A}"),
    (", line 2: key engines.0.images", "is missing", "engines:\n  - {name: A, ports: [1]}"),
    (
        ", line 4: key engines.0.images.0",
        "`*db` is no regular expression",
        "engines:\n  - name: A\n    ports: [1]\n    images: ['*db']",
    ),
    (
        ", line 4: key engines.0.ports.0",
        "expected `int` >= 1",
        "engines:\n  - name: A\n    images: [a]\n    ports: [0]",
    ),
    (
        ", line 2: key environments.0.values.0",
        "expected `str` matching",
        "environments:\n  - {name: a, values: [Not A Word]}",
    ),
    (
        ", line 3: key environments.1",
        "`a` occurs twice",
        "environments:\n  - {name: a, values: [x]}\n  - {name: a, values: [y]}",
    ),
    (", line 2: key dns.0", "of length >= 1", "dns:\n  - {}"),
    (", line 1: key system_namespaces.1", "expected `str`", "system_namespaces: [a, 1]"),
    (
        ", line 3: key cnis.0.flag.name",
        "expected `str` matching",
        f"cnis:\n{CNI},\n     flag: {{name: policies, default: '', on: [], off: [], remedy: r}}}}",
    ),
    (
        ", line 2: key cnis.0",
        "which config_maps does not keep",
        f"cnis:\n{CNI}, config_map: {{name: cilium-config, keys: [], shown: [debug]}}}}",
    ),
    (
        ", line 2: key policy_kinds.0.namespaced",
        "expected `bool`",
        "policy_kinds:\n  - {group: a.b, kind: C, plural: cs, namespaced: 'yes'}",
    ),
    (
        ": the document",
        "reads key `enable-policy`",
        "config_maps: [{namespace: kube-system, name: cilium-config, keys: [labels]}]",
    ),
)


def refusal(say: Say, folder: Path, settings: str) -> tuple[str, str]:
    """The error and the hint of an audit with a settings file of this text."""
    (folder / "pod.yaml").write_text(POD)
    config = folder / "settings.yaml"
    config.write_text(settings)
    said = say("audit", "-f", folder / "pod.yaml", "-o", folder / "out", "--config", config)
    assert (2, b"") == (said.exit_code, said.output)
    assert not (folder / "out").exists()
    error, hint = said.complaint.splitlines()
    return error, hint


@pytest.mark.parametrize(("place", "reason", "lines"), SETTINGS)
def test_a_wrong_declaration_is_refused(
    say: Say, tmp_path: Path, place: str, reason: str, lines: str
) -> None:
    """The settings file is named with the line and the key, and nothing is collected."""
    error, hint = refusal(say, tmp_path, f"strict: true\ndetection:\n  {lines}\n")
    assert error.startswith(f"error: settings file {tmp_path}/settings.yaml, line {place}")
    assert reason in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize(("place", "reason", "text"), FILES)
def test_a_wrong_data_file_is_refused(
    say: Say, tmp_path: Path, place: str, reason: str, text: str
) -> None:
    """The data file is named with the line and the key, and nothing is collected."""
    (tmp_path / "more.yaml").write_text(text)
    error, hint = refusal(say, tmp_path, "detection: {data: [more.yaml]}")
    assert error.startswith(f"error: detection data {tmp_path}/more.yaml{place}")
    assert reason in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (1024 * 1024 + 1), b"a: [1,\nb: 2"])
def test_a_data_file_that_cannot_be_parsed_is_named(
    say: Say, tmp_path: Path, content: bytes
) -> None:
    """Bytes that are no text, far too many, or no YAML."""
    (tmp_path / "more.yaml").write_bytes(content)
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "settings.yaml").write_text("detection: {data: [more.yaml]}")
    said = say("connections", "-f", tmp_path / "pod.yaml", "--config", tmp_path / "settings.yaml")
    assert 2 == said.exit_code
    assert f"detection data {tmp_path}/more.yaml" in said.complaint
    assert "Traceback" not in said.complaint
