"""The detection data: what the loader accepts, and how it names what it does not."""

import subprocess
import sys

import pytest

from auditor.detection.cni_data import CniData
from auditor.detection.data import (
    DatabaseData,
    EnvironmentData,
    load_cnis,
    load_databases,
    load_dns,
    load_environments,
    load_policy_kinds,
    load_system,
    parse_data,
)
from auditor.errors import UsageError

ENGINE = "{name: A, images: [a], ports: [1]}"


def test_packaged_data_is_valid() -> None:
    """Every file of the package loads, and is read once."""
    assert load_databases() is load_databases()
    assert load_environments() is load_environments()
    assert load_system() is load_system()
    assert load_dns() is load_dns()
    assert load_cnis() is load_cnis()
    assert load_policy_kinds() is load_policy_kinds()


@pytest.mark.parametrize(
    ("message", "engines"),
    [
        ("engines[0].ports[1]: expected `int`", "[{name: A, images: [a], ports: [1, x]}]"),
        (
            "engines[0].ports[0]: expected `int` <= 65535",
            "[{name: A, images: [a], ports: [65536]}]",
        ),
        ("engines[0]: object missing required field `ports`", "[{name: A, images: [a]}]"),
        ("engines[0]: object contains unknown field `port`", "[{name: A, port: 1}]"),
        ("engines[0]: `a(` is no regular expression", '[{name: A, images: ["a("], ports: [1]}]'),
        ("the document: engine `A` occurs twice", f"[{ENGINE}, {ENGINE}]"),
        (
            "engines[0].labels[0].marks: invalid enum value 'all'",
            "[{name: A, images: [a], ports: [1], labels: [{match: {a: b}, marks: all}]}]",
        ),
    ],
)
def test_wrong_key_is_named(message: str, engines: str) -> None:
    """An error names the file, the path of the key, and what is wrong with it."""
    text = f"exclude: []\ntransient_kinds: []\nengines: {engines}"
    with pytest.raises(UsageError) as caught:
        parse_data(text, "mine.yaml", DatabaseData)
    assert caught.value.message.startswith(f"detection data mine.yaml, {message}")
    assert caught.value.hint


def test_broken_yaml_is_named() -> None:
    """Text that is no YAML is an error with the position."""
    with pytest.raises(UsageError, match=r"mine\.yaml is not YAML: .* line \d+ column \d+"):
        parse_data("a: [1,\nb: 2", "mine.yaml", DatabaseData)


def test_same_value_of_two_environments_is_an_error() -> None:
    """A word can name one environment only."""
    text = (
        "keys: [env]\nweak_keys: []\nignore: []\n"
        "environments: [{name: a, values: [x]}, {name: b, values: [x]}]"
    )
    with pytest.raises(UsageError, match="the document: value `x` occurs twice"):
        parse_data(text, "mine.yaml", EnvironmentData)


CNIS = """
config_maps: [{namespace: n, name: m, keys: [a]}]
node_kinds: [{name: Moon, label: l, value: v, remedy: r}]
in_process: []
cnis: [{name: C, daemon_sets: [d], enforces: %s}]
"""
"""One CNI: whether it enforces, and what else a test says of it."""


@pytest.mark.parametrize(
    ("message", "addition"),
    [
        (
            "the document: cni `C` reads key `b` of `m`, which config_maps does not keep",
            "true, config_map: {name: m, keys: [], shown: [b]}",
        ),
        (
            "the document: cni `C` reads key `a` of ``, which config_maps does not keep",
            "true, capabilities: {sctp: {key: {key: a, default: '', on: [], off: [], remedy: r}}}",
        ),
        ("the document: cni `C` names the unknown node kind `Sun`", "true, serves: {Sun: true}"),
        ("the document: cni `C` names the unknown node kind `Sun`", "true, companions: {Sun: [e]}"),
        ("the document: daemon set `d` occurs twice", "true, companions: {Moon: [d]}"),
        ("cnis[0]: `remedy` is missing", "false"),
        (
            "cnis[0].capabilities[...]: `remedy` is missing",
            "true, capabilities: {sctp: {enforced: false}}",
        ),
        (
            "cnis[0].capabilities[...]: give one of `enforced`, `since` and `key`",
            "true, capabilities: {sctp: {}}",
        ),
        (
            "cnis[0].capabilities[...]: `since` needs a `container`, and nothing else does",
            "true, capabilities: {sctp: {since: '1.2', remedy: r}}",
        ),
        (
            "the document: invalid enum value 'icmp' - at `key` in `$.cnis[0].capabilities`",
            "true, capabilities: {icmp: {}}",
        ),
    ],
)
def test_cni_that_contradicts_the_data_is_an_error(message: str, addition: str) -> None:
    """A CNI reads only what is kept, and says what to do about whatever it does not enforce."""
    with pytest.raises(UsageError) as caught:
        parse_data(CNIS % addition, "mine.yaml", CniData)
    assert caught.value.message.startswith(f"detection data mine.yaml, {message}")


def test_nothing_is_read_at_import() -> None:
    """Importing detection loads no data and no YAML parser: start-up matters."""
    code = (
        "import sys, auditor.detection.recognize, auditor.detection.data as data\n"
        "loaders = [value for name, value in vars(data).items() if name.startswith('load_')]\n"
        "print('ryaml' in sys.modules, sum(one.cache_info().currsize for one in loaders))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "False 0" == done.stdout.strip()
