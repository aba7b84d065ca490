"""Settings: the layers, their precedence, and what each refuses."""

from pathlib import Path

import msgspec
import pytest

from auditor.errors import UsageError
from auditor.layers import load_settings
from auditor.model.durations import parse_duration
from auditor.model.findings import Severity
from auditor.settings import (
    DataFile,
    DetectionSettings,
    RuleSettings,
    Settings,
    digest_settings,
)

RULE_IDS = ("egress-is-unrestricted", "environments-can-talk")

EVERYTHING = """
files: [a.yaml, b]
kubeconfig: kube
context: prod
as_user: me
as_groups: [auditors]
request_timeout_seconds: 1m30s
namespaces: [shop]
exclude_namespaces: {legacy: to be switched off}
selector: app=web
ip_blocks_match_pods: yes
output: reports
fail_on: high
strict: true
detection:
  databases: {acme-store: acme}
  workloads: {shop/Deployment/store-*: none}
  environments: {blue: prod}
  system_namespaces: [platform-*]
rules:
  environments-can-talk: {enabled: false, reason: one environment}
  egress-is-unrestricted: {severity: low, reason: a proxy filters it}
waivers: [waivers.yaml]
waiver_annotations: [egress-is-unrestricted]
"""


def load(
    folder: Path, text: str | None = None, environ: dict[str, str] | None = None, **flags: object
) -> Settings:
    """Load settings with a `netpol-auditor.yaml` of this text."""
    if text is not None:
        (folder / "netpol-auditor.yaml").write_text(text, encoding="utf-8")
    return load_settings(flags, environ=environ or {}, folder=folder, rule_ids=lambda: RULE_IDS)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    """No file is needed."""
    assert Settings() == load(tmp_path)


def test_a_file_may_hold_every_setting(tmp_path: Path) -> None:
    """Each key of the file is the field of that name."""
    expected = Settings(
        files=("a.yaml", "b"),
        kubeconfig="kube",
        context="prod",
        as_user="me",
        as_groups=("auditors",),
        request_timeout_seconds=90.0,
        namespaces=("shop",),
        exclude_namespaces={"legacy": "to be switched off"},
        selector="app=web",
        ip_blocks_match_pods="yes",
        output="reports",
        fail_on=Severity.HIGH,
        strict=True,
        detection=DetectionSettings(
            databases={"acme-store": "acme"},
            workloads={"shop/Deployment/store-*": "none"},
            environments={"blue": "prod"},
            system_namespaces=("platform-*",),
        ),
        rules={
            "environments-can-talk": RuleSettings(enabled=False, reason="one environment"),
            "egress-is-unrestricted": RuleSettings(
                severity=Severity.LOW, reason="a proxy filters it"
            ),
        },
        waivers=(str(tmp_path / "waivers.yaml"),),
        waiver_annotations=("egress-is-unrestricted",),
    )
    (tmp_path / "waivers.yaml").write_text("waivers: []")
    assert expected == load(tmp_path, EVERYTHING)


def test_the_environment_may_hold_every_setting_but_detection(tmp_path: Path) -> None:
    """Lists are parted by commas, truth values are words, an empty variable says nothing."""
    environ = {
        "NETPOL_AUDITOR_FILES": "a.yaml, b",
        "NETPOL_AUDITOR_EXCLUDE_NAMESPACES": "legacy=to be switched off,old",
        "NETPOL_AUDITOR_REQUEST_TIMEOUT_SECONDS": "2h",
        "NETPOL_AUDITOR_STRICT": "true",
        "NETPOL_AUDITOR_FAIL_ON": "medium",
        "NETPOL_AUDITOR_OUTPUT": "",
        "NETPOL_AUDITOR_CACHE": "/somewhere",
        "PATH": "/bin",
    }
    expected = Settings(
        files=("a.yaml", "b"),
        exclude_namespaces={"legacy": "to be switched off", "old": "excluded by the settings"},
        request_timeout_seconds=7200.0,
        strict=True,
        fail_on=Severity.MEDIUM,
    )
    assert expected == load(tmp_path, environ=environ)


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    """Each layer replaces what the lower one says of the same key, and leaves the rest."""
    text = "namespaces: [file, other]\ncontext: file\nselector: file\n"
    environ = {"NETPOL_AUDITOR_NAMESPACES": "environment", "NETPOL_AUDITOR_CONTEXT": "environment"}
    merged = load(tmp_path, text, environ, namespaces=("flag",))
    assert (("flag",), "environment", "file") == (
        merged.namespaces,
        merged.context,
        merged.selector,
    )


def test_a_flag_can_take_a_list_back(tmp_path: Path) -> None:
    """All namespaces on the command line overrule those of a file."""
    assert () == load(tmp_path, "namespaces: [shop]", namespaces=()).namespaces


def test_a_named_file_replaces_the_one_of_the_folder(tmp_path: Path) -> None:
    """One file is read: the flag's, else the environment's, else the folder's."""
    (tmp_path / "netpol-auditor.yaml").write_text("context: folder", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("strict: true", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("context: flag", encoding="utf-8")
    environ = {"NETPOL_AUDITOR_CONFIG": str(tmp_path / "b.yaml")}
    assert Settings(strict=True) == load_settings(
        {}, environ=environ, folder=tmp_path, rule_ids=lambda: RULE_IDS
    )
    flagged = load_settings(
        {},
        environ=environ,
        folder=tmp_path,
        rule_ids=lambda: RULE_IDS,
        config=str(tmp_path / "c.yaml"),
    )
    assert Settings(context="flag") == flagged


@pytest.mark.parametrize("text", ["", "# nothing\n", "context:\nfail_on: null\n"])
def test_what_is_empty_says_nothing(tmp_path: Path, text: str) -> None:
    """An empty file, and a key without a value, leave the defaults."""
    assert Settings() == load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("strict: true\nstrickt: true\n", "line 2: key strickt is unknown", "strict?"),
        ("1: 2\n", "line 1: key 1 is unknown", "known are as_groups"),
        (
            "strict: true\ndetection:\n  database: {}\n",
            "line 3: key detection.database is unknown",
            "did you mean databases or data?",
        ),
        ("a: b: c\n", "is no YAML: mapping values", ""),
        ("- strict\n", "holds no mapping", "write keys and values"),
        ("strict: perhaps\n", "line 1: key strict is malformed: expected `bool`", ""),
        ("\nnamespaces: shop\n", "line 2: key namespaces is malformed: expected `array`", ""),
        ("namespaces: [1]\n", "line 1: key namespaces.0 is malformed: expected `str`", ""),
        ("fail_on: worst\n", "line 1: key fail_on is malformed", "one of critical, high"),
        ("ip_blocks_match_pods: true\n", "is malformed", "one of auto, yes, no"),
        ("request_timeout_seconds: soon\n", "'soon' is no duration", "for instance 30s"),
        ("request_timeout_seconds: -1\n", "-1 seconds are out of range", "for instance 30s"),
        ("selector: 'a b'\n", "'a b' is no requirement", "kubectl's syntax"),
        (
            "detection:\n  databases: [a]\n",
            "line 2: key detection.databases is malformed: expected `object`",
            "",
        ),
        (
            "strict: true\nrules:\n  egress-is-unrestrictd: {enabled: false, reason: x}\n",
            "line 3: key rules.egress-is-unrestrictd is malformed: egress-is-unrestrictd is",
            "did you mean egress-is-unrestricted?",
        ),
        (
            "rules:\n  egress-is-unrestricted:\n    severity: urgent\n    reason: x\n",
            "line 3: key rules.egress-is-unrestricted.severity is malformed: invalid enum",
            "one of critical, high, medium, low, info",
        ),
        (
            "rules:\n  egress-is-unrestricted: {severity: low}\n",
            "line 2: key rules.egress-is-unrestricted is malformed: the reason is missing",
            "and the reason",
        ),
        (
            "rules: {egress-is-unrestricted: {enabled: false, reason: ' '}}\n",
            "line 1: key rules.egress-is-unrestricted is malformed: the reason is missing",
            "",
        ),
        (
            "rules: {egress-is-unrestricted: {reason: x}}\n",
            "neither `enabled: false` nor a severity is given",
            "",
        ),
        (
            "rules: {egress-is-unrestricted: {enabled: false, severity: low, reason: x}}\n",
            "a rule that is disabled has no severity",
            "",
        ),
        (
            "exclude_namespaces:\n  a: torn down\n  b: ' '\n",
            "line 3: key exclude_namespaces.b is malformed: the reason is missing",
            "map names to reasons",
        ),
        (
            "strict: true\nwaivers:\n  - none.yaml\n",
            "line 3: key waivers.0: waiver file",
            "name a readable YAML file",
        ),
        ("waivers: none.yaml\n", "line 1: key waivers is malformed: expected `array`", "list the"),
        ("waivers: ['']\n", "line 1: key waivers.0 is empty", "the path of a file"),
        (
            "waiver_annotations:\n  - egress-is-unrestricted\n  - egress\n",
            "line 3: key waiver_annotations.1 is malformed: egress is no rule",
            "known are",
        ),
        (
            "detection:\n  databases:\n    ok: A\n    db(: B\n",
            "line 4: key detection.databases.db( is malformed: `db(` is no regular expression",
            "on the last path segment of an image",
        ),
        (
            "detection:\n  workloads:\n    shop/db: A\n",
            "line 3: key detection.workloads.shop/db is malformed: shop/db is no workload",
            "namespace/kind/name",
        ),
        (
            "detection:\n  workloads:\n    shop//db: A\n",
            "line 3: key detection.workloads.shop//db is malformed",
            "namespace/kind/name",
        ),
        (
            "detection:\n  environments:\n    shop: ' '\n",
            "line 3: key detection.environments.shop is empty",
            "give it a name",
        ),
        (
            "detection:\n  data: more.yaml\n",
            "line 2: key detection.data is malformed: expected `array`",
            "from the folder of the settings file",
        ),
        (
            "detection:\n  data:\n    - 1\n",
            "line 3: key detection.data.0 is malformed: expected `str`",
            "from the folder of the settings file",
        ),
        (
            "detection:\n  data: ['']\n",
            "line 2: key detection.data.0 is empty",
            "the path of a file",
        ),
        (
            "detection:\n  data:\n    - none.yaml\n",
            "line 3: key detection.data.0: detection data",
            "name a readable YAML file",
        ),
        ("a: &a [x]\nb: [*a, *a]\nstrict: true\nstrict: false\n", "is no YAML: duplicate", ""),
    ],
)
def test_a_malformed_file_is_answered_with_place_and_reason(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    """Every error names the file; where it is about a key, the line and the key too."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert caught.value.message.startswith(f"settings file {tmp_path}/netpol-auditor.yaml")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_data_files_are_read_from_the_folder_of_the_settings_file(tmp_path: Path) -> None:
    """Their content is part of the settings, and so of the digest by which a report names them."""
    (tmp_path / "more.yaml").write_text("ignore: [one]\n")
    settings = load(tmp_path, "detection: {data: [more.yaml]}")
    path = str(tmp_path / "more.yaml")
    assert (DataFile(path, "ignore: [one]\n"),) == settings.detection.data
    changed = DetectionSettings(data=(DataFile(path, "ignore: [two]\n"),))
    assert digest_settings(settings) != digest_settings(
        msgspec.structs.replace(settings, detection=changed)
    )


def test_waiver_files_are_looked_for_in_the_folder_of_the_settings_file(tmp_path: Path) -> None:
    """As detection data is, and not in the folder that one happens to be in."""
    (tmp_path / "accepted").mkdir()
    (tmp_path / "accepted" / "waivers.yaml").write_text("waivers: []")
    settings = load(tmp_path, "waivers: [accepted/waivers.yaml]")
    assert (str(tmp_path / "accepted" / "waivers.yaml"),) == settings.waivers


def test_waiver_files_of_flag_and_variable_are_named_as_they_are(tmp_path: Path) -> None:
    """They take the place of those of the file, which are not looked for then."""
    text = "waivers: [none.yaml]"
    assert ("own.yaml",) == load(tmp_path, text, waivers=("own.yaml",)).waivers
    environ = {"NETPOL_AUDITOR_WAIVERS": "own.yaml"}
    assert ("own.yaml",) == load(tmp_path, text, environ).waivers


def test_a_namespace_that_a_flag_excludes_needs_no_reason(tmp_path: Path) -> None:
    """The default says where it was excluded."""
    excluded = load(tmp_path, exclude_namespaces=("a", "b=")).exclude_namespaces
    assert dict.fromkeys("ab", "excluded by the settings") == excluded


def test_a_line_is_found_below_its_own_parent(tmp_path: Path) -> None:
    """A key that stands twice is located where it is wrong."""
    text = "exclude_namespaces:\n  databases: mine\ndetection:\n  databases: {x: [1]}\n"
    with pytest.raises(UsageError, match=r"line 4: key detection\.databases\.x is"):
        load(tmp_path, text)


@pytest.mark.parametrize("content", [b"\xff\xfea", b"#" * (1024 * 1024 + 1)])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no text, or far too many, are refused at once."""
    (tmp_path / "netpol-auditor.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=r"is no UTF-8 text|is larger than 1 MiB"):
        load(tmp_path)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """A file that was asked for and cannot be read is an error, not a default."""
    with pytest.raises(UsageError, match=r"none\.yaml cannot be read: No such file"):
        load_settings(
            {},
            environ={},
            folder=tmp_path,
            rule_ids=lambda: RULE_IDS,
            config=str(tmp_path / "none.yaml"),
        )


@pytest.mark.parametrize(
    ("environ", "message", "hint"),
    [
        ({"NETPOL_AUDITOR_FAILON": "high"}, "NETPOL_AUDITOR_FAILON is unknown", "FAIL_ON"),
        ({"NETPOL_AUDITOR_DETECTION": "x"}, "NETPOL_AUDITOR_DETECTION is unknown", ""),
        ({"NETPOL_AUDITOR_RULES": "x"}, "NETPOL_AUDITOR_RULES is unknown", ""),
        (
            {"NETPOL_AUDITOR_WAIVER_ANNOTATIONS": "egress"},
            "NETPOL_AUDITOR_WAIVER_ANNOTATIONS is malformed: egress is no rule",
            "known are egress-is-unrestricted",
        ),
        ({"NETPOL_AUDITOR_STRICT": "maybe"}, "NETPOL_AUDITOR_STRICT is malformed", ""),
    ],
)
def test_a_malformed_environment_names_the_variable(
    tmp_path: Path, environ: dict[str, str], message: str, hint: str
) -> None:
    """A misspelt variable is an error: it would otherwise be ignored for years."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, environ=environ)
    assert f"environment variable {message}" in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("1.5s", 1.5), ("2m", 120), ("1h1m1s", 3661)]
)
def test_durations_are_kubectls(text: str, seconds: float) -> None:
    """A bare number is seconds."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "s", "1d", "-1", "1s2m", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_a_timeout_of_zero_is_no_limit() -> None:
    """As kubectl has it; sockets get a time that no run takes."""
    assert Settings(request_timeout_seconds=0).access.request_timeout_seconds > 86_400


def test_the_digest_tells_settings_apart_but_for_the_output() -> None:
    """Equal settings have equal digests, wherever the report goes."""
    one = digest_settings(Settings(exclude_namespaces={"a": "x", "b": "y"}))
    assert one == digest_settings(
        Settings(exclude_namespaces={"b": "y", "a": "x"}, output="elsewhere")
    )
    assert one != digest_settings(Settings(exclude_namespaces={"a": "x"}))
    assert 64 == len(one)
