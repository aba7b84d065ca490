"""The detection data: what a file of it may say, and how an error in one is named."""

import subprocess
import sys
from pathlib import Path

import pytest

import auditor.detection
from auditor.detection.data import DetectionData
from auditor.detection.loading import lay_over, load_data
from auditor.errors import UsageError
from auditor.located_yaml import LocatedYaml
from auditor.settings import DataFile, DetectionSettings

PACKAGE = Path(auditor.detection.__file__).parent / "data"
NO_SETTINGS = DetectionSettings()


def laid(*texts: str) -> DetectionData:
    """The package's data with files of these texts over it."""
    files = tuple(DataFile(f"{number}.yaml", text) for number, text in enumerate(texts))
    return load_data(DetectionSettings(data=files))


def refused(text: str) -> UsageError:
    """The error of a file that is laid over the package's data."""
    with pytest.raises(UsageError) as caught:
        laid(text)
    return caught.value


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.yaml")), ids=lambda one: one.stem)
def test_every_file_of_the_package_is_read(path: Path) -> None:
    """Each says something, and what it says is in the data."""
    text = path.read_text(encoding="utf-8")
    alone = lay_over(DetectionData(), LocatedYaml(path.name, text))
    assert alone != DetectionData()
    whole = load_data(NO_SETTINGS)
    for section in DetectionData.__struct_fields__:
        assert set(map(repr, getattr(alone, section))) <= set(map(repr, getattr(whole, section)))


def test_data_is_read_once() -> None:
    """The same files are the same data, without parsing them again."""
    assert load_data(NO_SETTINGS) is load_data(NO_SETTINGS)
    assert laid("ignore: [uatu]") is laid("ignore: [uatu]")


def test_an_entry_of_a_new_name_is_added_first() -> None:
    """Of two engines that an image could be, the user's is asked first."""
    engine = "engines: [{name: Ledger, images: [ledger.*], ports: [7000]}]"
    before = [one.name for one in load_data(NO_SETTINGS).engines]
    assert ["Ledger", *before] == [one.name for one in laid(engine).engines]


def test_an_entry_of_a_known_name_replaces_it() -> None:
    """The package's entry goes, with its labels and ports; the last file has the last word."""
    first = "engines: [{name: redis, images: [redis-acme], ports: [1]}]"
    second = "engines: [{name: Redis, images: [redis-acme], ports: [2]}]"
    found = [one for one in laid(first, second).engines if one.name.lower() == "redis"]
    assert [((2,), ("redis-acme",))] == [(one.ports, one.images) for one in found]
    assert len(load_data(NO_SETTINGS).engines) == len(laid(first, second).engines)


def test_a_word_means_what_the_later_file_says() -> None:
    """A word that a file gives another environment is taken from its former one."""
    data = laid("environments: [{name: quality, values: [qa, sit]}]\nignore: [dr]")
    words = {one.name: one.values for one in data.environments}
    assert ("qa", "sit") == words["quality"]
    assert words["test"] == ("test", "tst", "int", "e2e", "ci")
    assert "dr" not in words["prod"]
    assert "staging-area" in data.ignore


def test_an_environment_without_a_word_left_is_gone() -> None:
    """An environment is told by its words alone."""
    data = laid("environments: [{name: lower, values: [test, tst, qa, int, sit, e2e, ci]}]")
    assert "test" not in {one.name for one in data.environments}


def test_a_weak_key_can_be_made_a_strong_one_and_back() -> None:
    """A key is in one list only: in that of the later file."""
    data = laid("keys: [tier]\nweak_keys: [stage]")
    assert ("tier", "stage") == (data.keys[0], data.weak_keys[0])
    assert "tier" not in data.weak_keys
    assert "stage" not in data.keys


def test_every_list_is_added_to() -> None:
    """Each key of a file adds to what the package has."""
    data = laid(
        "exclude: [dashboard]\ntransient_kinds: [Workflow]\ndns: [{app: my-dns}]\n"
        "system_namespaces: [platform-*]\nnode_kinds: [{name: A, label: l, value: v, remedy: r}]\n"
        "config_maps: [{namespace: n, name: m, keys: [k]}]\n"
        "in_process: [{name: P, version: +p, annotation: a, role: r, disabled_by: --no-p, "
        "remedy: r}]\n"
        "policy_kinds: [{group: acme.example, kind: Wall, plural: walls, namespaced: true}]\n"
        "cnis: [{name: AcmeNet, daemon_sets: [acme], enforces: true, "
        "config_map: {name: m, keys: [], shown: [k]}}]"
    )
    base = load_data(NO_SETTINGS)
    added = {
        section: len(getattr(data, section)) - len(getattr(base, section))
        for section in DetectionData.__struct_fields__
    }
    untouched = {"engines", "environments", "ignore", "keys", "weak_keys"}
    assert dict.fromkeys(added, 1) | dict.fromkeys(untouched, 0) == added


def test_an_empty_file_adds_nothing() -> None:
    """A file of comments alone is no error."""
    assert load_data(NO_SETTINGS) == laid("# nothing yet\n")


ENGINE = "  - {name: A, images: [a], ports: [1]}\n"
CNI = "cnis:\n  - {name: C, daemon_sets: [d], enforces: %s}\n"


@pytest.mark.parametrize(
    ("place", "reason", "text"),
    [
        ("line 1: key engine", "is unknown", "engine: []"),
        ("line 2: key engines.0.port", "is unknown", "engines:\n  - {name: A, port: 1}"),
        ("line 2: key engines.0.ports", "is missing", "engines:\n  - {name: A, images: [a]}"),
        (
            "line 5: key engines.0.ports.1",
            "expected `int`",
            "engines:\n  - name: A\n    images: [a]\n    ports: [1,\n      x]\n",
        ),
        (
            "line 2: key engines.0.ports.0",
            "expected `int` <= 65535",
            "engines:\n  - {name: A, images: [a], ports: [65536]}",
        ),
        (
            "line 4: key engines.0.images.1",
            "`a(` is no regular expression",
            "engines:\n  - name: A\n    images: [a,\n      'a(']\n    ports: [1]",
        ),
        ("line 3: key engines.1", "`a` occurs twice", f"engines:\n{ENGINE}{ENGINE.lower()}"),
        (
            "line 2: key engines.0.labels.0.marks",
            "invalid enum value 'all'",
            f"engines:\n{ENGINE[:-2]}, labels: [{{match: {{a: b}}, marks: all}}]}}",
        ),
        (
            "line 3: key environments.1.values.0",
            "`x` stands under a already",
            "environments:\n  - {name: a, values: [x]}\n  - {name: b, values: [x]}",
        ),
        (
            "line 2: key environments.0.values.0",
            "`x` stands under ignore already",
            "environments:\n  - {name: a, values: [x]}\nignore: [x]",
        ),
        (
            "line 1: key dns.0",
            "expected `object` of length >= 1",
            "dns: [{}]",
        ),
        (
            "line 2: key cnis.0",
            "CNI `C` reads key `b` of ConfigMap `m`, which config_maps does not keep",
            CNI % "true, config_map: {name: m, keys: [], shown: [b]}",
        ),
        (
            "line 2: key cnis.0",
            "CNI `C` reads key `a`, which config_maps does not keep",
            CNI % "true, capabilities: {sctp: {key: {key: a, default: '', on: [], off: [], "
            "remedy: r}}}",
        ),
        (
            "line 2: key cnis.0",
            "CNI `C` names the unknown node kind `Sun`",
            CNI % "true, serves: {Sun: true}",
        ),
        (
            "line 2: key cnis.0",
            "CNI `C` names the unknown node kind `Sun`",
            CNI % "true, companions: {Sun: [e]}",
        ),
        (
            "line 2: key cnis.0",
            "DaemonSet `d` is both C's and C's",
            CNI % "true, companions: {Windows: [d]}",
        ),
        (
            "line 2: key cnis.0",
            "DaemonSet `cilium` is both Mine's and Cilium's",
            "cnis:\n  - {name: Mine, daemon_sets: [cilium], enforces: true}",
        ),
        ("line 2: key cnis.0", "`remedy` is missing", CNI % "false"),
        (
            "line 2: key cnis.0.capabilities.sctp",
            "`remedy` is missing",
            CNI % "true, capabilities: {sctp: {enforced: false}}",
        ),
        (
            "line 2: key cnis.0.capabilities.sctp",
            "give one of `enforced`, `since` and `key`",
            CNI % "true, capabilities: {sctp: {}}",
        ),
        (
            "line 2: key cnis.0.capabilities.sctp",
            "`since` needs a `container`, and nothing else does",
            CNI % "true, capabilities: {sctp: {since: '1.2', remedy: r}}",
        ),
        (
            "line 2: key cnis.0.capabilities",
            "invalid enum value 'icmp'",
            CNI % "true, capabilities: {icmp: {enforced: true}}",
        ),
    ],
)
def test_an_error_names_file_line_and_key(place: str, reason: str, text: str) -> None:
    """Whatever is wrong with a user's file is said where it stands, with a hint."""
    error = refused(text)
    assert error.message.startswith(f"detection data 0.yaml, {place} ")
    assert reason in error.message
    assert error.hint


def test_what_a_file_breaks_elsewhere_is_its_fault() -> None:
    """A ConfigMap entry that no longer keeps what the package's CNIs read is refused."""
    error = refused("config_maps: [{namespace: kube-system, name: cilium-config, keys: [labels]}]")
    assert error.message.startswith("detection data 0.yaml: the document is malformed: CNI `Cilium")
    assert "`enable-policy` of ConfigMap `cilium-config`" in error.message


def test_a_file_that_is_no_mapping_is_refused() -> None:
    """A list, or text that is no YAML, is named with the file."""
    assert "0.yaml: the document is malformed: expected `object`" in refused("- a").message
    assert "0.yaml is no YAML" in refused("a: [1,\nb: 2").message


def test_nothing_is_read_at_import() -> None:
    """Importing detection loads no data and no YAML parser: start-up matters."""
    code = (
        "import sys, auditor.detection.recognize, auditor.detection.loading as loading\n"
        "print('ryaml' in sys.modules, loading._load.cache_info().currsize)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "False 0" == done.stdout.strip()
