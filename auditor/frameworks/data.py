"""The mapping of controls to rules, as versioned data: its schema, and its loader.

Each file in ``data`` is one edition of a framework; ``topics.yaml`` says which rules speak to which
topic. A control names topics, so that rules meet controls in one place alone. Of the frameworks'
own texts nothing is quoted but titles.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple

import msgspec

from auditor.located_yaml import LocatedYaml
from auditor.model.frameworks import Coverage

Text = Annotated[str, msgspec.Meta(min_length=1)]
Reading = Literal["literal", "strict"]

TOPICS_FILE = "topics.yaml"


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of the schema: a key that it does not know is an error."""


class ControlData(Data, frozen=True):
    """A control."""

    id: Text
    title: Text
    """The framework's own title, or a short one in our words where it has none."""
    topics: tuple[Text, ...]
    coverage: Coverage
    verified: bool
    """Whether id and title were read in a source, not only remembered."""
    source: Text | None = None
    """Where it is published, where that is not the framework's source."""
    note: Text | None = None
    readings: tuple[Reading, ...] = ()


class FrameworkData(Data, frozen=True):
    """One edition of a framework: a file."""

    framework: Text
    edition: Text
    source: Text
    controls: Annotated[tuple[ControlData, ...], msgspec.Meta(min_length=1)]
    note: Text | None = None


class TopicsData(Data, frozen=True):
    """``topics.yaml``: the rules that speak to each topic."""

    topics: Mapping[Text, tuple[Text, ...]]


class Framework(NamedTuple):
    """An edition of a framework. ``id`` is its file's stem."""

    id: str
    data: FrameworkData
    topics: Mapping[str, tuple[str, ...]]

    def rules_of(self, control: ControlData) -> tuple[str, ...]:
        """The rules that speak to a control, each once, in the order of its topics."""
        return tuple(dict.fromkeys(rule for one in control.topics for rule in self.topics[one]))

    def spell(self, control: ControlData) -> str:
        """`PCI DSS 4.0.1 6.5.3`."""
        return f"{self.data.framework} {self.data.edition} {control.id}"


def parse_topics(text: str) -> Mapping[str, tuple[str, ...]]:
    """Read ``topics.yaml``.

    Raises:
        UsageError: it is no YAML, or not of the schema; names the line and the key.
    """
    return LocatedYaml(f"framework data {TOPICS_FILE}", text).fit(TopicsData).topics


def parse_framework(text: str, identifier: str, topics: Mapping[str, tuple[str, ...]]) -> Framework:
    """Read the file of a framework; ``identifier`` is its stem.

    Raises:
        UsageError: it is no YAML, not of the schema, names an unknown topic or a control twice;
            names the line and the key.
    """
    file = LocatedYaml(f"framework data {identifier}.yaml", text)
    data = file.fit(FrameworkData)
    seen: set[str] = set()
    for position, control in enumerate(data.controls):
        here = ("controls", position)
        if control.id in seen:
            raise file.error((*here, "id"), f"is malformed: {control.id} occurs twice")
        seen.add(control.id)
        for number, topic in enumerate(control.topics):
            if topic not in topics:
                raise file.error((*here, "topics", number), f"is malformed: {topic} is no topic")
    return Framework(identifier, data, topics)


@cache
def load_frameworks() -> tuple[Framework, ...]:
    """Read every framework, in the order of the names of the files."""
    folder = files("auditor.frameworks").joinpath("data")
    texts = {
        one.name: one.read_text(encoding="utf-8")
        for one in folder.iterdir()
        if one.name.endswith(".yaml")
    }
    topics = parse_topics(texts.pop(TOPICS_FILE))
    return tuple(
        parse_framework(text, name.removesuffix(".yaml"), topics)
        for name, text in sorted(texts.items())
    )
