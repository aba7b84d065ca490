"""Every field of every kind, with a value of every wrong type, and policies that are invalid."""

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli.progress import quiet_progress
from auditor.job.steps import evaluate_snapshot, judge_view, load_acceptance, take_snapshot
from auditor.model.findings import RuleStatus
from auditor.model.progress import Progress
from auditor.model.report import RuleRecord
from auditor.settings import Settings
from tests.bad_input.conftest import Say

OBJECTS = {
    one["kind"]: one
    for one in yaml.safe_load_all(Path(__file__).with_name("objects.yaml").read_text())
}
NEIGHBOUR = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "neighbour", "namespace": "neighbour"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
HOSTILE = "\x1b[31m\u202e\n"
VALUES: tuple[Any, ...] = (
    True,
    -1,
    1.5,
    10**30,
    "text",
    "",
    HOSTILE,
    [],
    [None],
    ["x"],
    [[]],
    {},
    {"x": "y"},
    {"": None},
    [{"a": 1}],
    None,
)
INT_OR_STRING = {"port", "targetPort"}

FieldPath = tuple[str | int, ...]


def _fields(value: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Walk the paths of all fields and elements below a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from _fields(child, (*path, key))


def _get(value: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(whole: Any, path: FieldPath, value: Any) -> Any:
    changed = copy.deepcopy(whole)
    _get(changed, path[:-1])[path[-1]] = value
    return changed


def _spell(path: FieldPath, value: Any) -> str:
    """Spell a path as gaps do: keys of maps that anyone may choose stand in brackets."""
    text = ""
    for index, key in enumerate(path):
        parent = path[index - 1] if index else None
        chosen = parent in {"labels", "matchLabels", "annotations", "data"} or (
            parent == "selector" and not isinstance(_get(value, path[: index + 1]), dict)
        )
        text += f"[{key}]" if isinstance(key, int) or chosen else f".{key}"
    return text.removeprefix(".")


def _is_wrong_type(path: FieldPath, usual: Any, value: Any) -> bool:
    """Whether the API server cannot decode `value` where `usual` stands; null is always absent."""
    if value is None or (path[-1] in INT_OR_STRING and {type(value), type(usual)} <= {int, str}):
        return False
    return type(value) is not type(usual)


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_wrong_type_is_a_gap_that_names_the_field(kind: str, say: Say, tmp_path: Path) -> None:
    """At any field: a gap with file, document and field, and the other documents are read."""
    usual = OBJECTS[kind]
    cases = [
        (path, value)
        for path in _fields(usual)
        for value in VALUES
        if path[0] != "kind" and path[0] != "apiVersion"
        if _is_wrong_type(path, _get(usual, path), value)
    ]
    file = tmp_path / "wrong.json"
    documents = [_put(usual, path, value) for path, value in cases]
    file.write_text("\n".join(map(json.dumps, [NEIGHBOUR, *documents])))
    said = say("connections", "-f", file, "-o", "json")
    assert (0, "") == (said.exit_code, said.complaint)
    answer = json.loads(said.output)
    ends = {one["source"].get("name") for one in answer["connections"]}
    assert "neighbour" in ends

    assert {str(file)} == {gap["source"]["file"] for gap in answer["gaps"] if gap["source"]}
    named = {
        gap["source"]["document"]: gap["source"]["field"]
        for gap in answer["gaps"]
        if gap["source"] and "declared before" not in gap["reason"]
    }
    for number, (path, value) in enumerate(cases, start=2):
        place = f"document {number}, line {number}"
        field = _spell(path, usual)
        assert named.get(place, "no gap").startswith(field), (path, value)


@pytest.mark.parametrize("kind", OBJECTS)
def test_no_value_of_a_field_makes_a_rule_fail(kind: str, tmp_path: Path) -> None:
    """Whatever stands in a field, of the right type or not: every rule comes to a verdict."""
    usual = OBJECTS[kind]
    others = [one for other, one in OBJECTS.items() if other != kind]
    file = tmp_path / "odd.json"
    for path in _fields(usual):
        # One object each, lest one of the duplicates alone is judged.
        documents = []
        for number, value in enumerate(VALUES):
            changed = _put(usual, path, value)
            if isinstance(changed["metadata"], dict) and path != ("metadata", "name"):
                changed["metadata"]["name"] = f"odd-{number}"
            documents.append(changed)
        file.write_text("\n".join(map(json.dumps, [*others, *documents])))
        settings = Settings(files=(str(file),))
        report = _judge(settings)
        statuses = {one.id: one.reason for one in report if one.status is RuleStatus.ERROR}
        assert {} == statuses, path


def _pass_in_silence(_stage: str) -> AbstractContextManager[Progress]:
    return quiet_progress()


def _judge(settings: Settings) -> Sequence[RuleRecord]:
    """Run the pipeline up to the report, which is not rendered: what became of the rules."""
    now = "2026-01-02T03:04:05Z"
    snapshot = take_snapshot(settings, clock=lambda: now, stdin=None, stage=_pass_in_silence)
    view = evaluate_snapshot(snapshot, settings, stage=_pass_in_silence)
    audit = judge_view(
        view, settings, load_acceptance(settings), run_id="r", started_at=now, clock=lambda: now
    )
    return audit.report.rules
