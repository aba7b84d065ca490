"""One object from a parser's values to the model."""

import pytest

from auditor.model.objects import NetworkPolicy, Pod
from auditor.sources.decoding import decode
from auditor.sources.faults import MalformedError

NAMED = {"metadata": {"name": "web"}}


def test_null_is_the_same_as_absent() -> None:
    """At any depth; in a list it is an empty object."""
    raw = {**NAMED, "spec": {"containers": [None, {"ports": None}], "nodeName": None}}
    assert decode({**NAMED, "spec": {"containers": [{}, {}]}}, Pod) == decode(raw, Pod)


def test_keys_that_are_no_text_become_text() -> None:
    """As on their way through JSON."""
    raw = {"metadata": {"name": "web", "labels": {2: "a", 1.5: "b", True: "c", "d": "e"}}}
    assert {"2": "a", "1.5": "b", "true": "c", "d": "e"} == decode(raw, Pod).labels


MALFORMED = {
    "metadata is missing": {},
    "metadata.name is missing": {"metadata": {}},
    "metadata must be a mapping, and is a list": {"metadata": []},
    "metadata.labels[a] must be text, and is a whole number": {
        "metadata": {"name": "web", "labels": {"b": "c", "a": 1}}
    },
    "metadata.labels has a key that is not text": {
        "metadata": {"name": "web", "labels": {None: "a"}}
    },
    "spec.ingress[1].ports[0].port must be a whole number or text, and is a list": {
        **NAMED,
        "spec": {"ingress": [{}, {"ports": [{"port": []}]}]},
    },
    "spec.podSelector.matchExpressions[0].operator has an unknown value: Like": {
        **NAMED,
        "spec": {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}},
    },
    "spec.egress[0].to[0].ipBlock.cidr is missing": {
        **NAMED,
        "spec": {"egress": [{"to": [{"ipBlock": {}}]}]},
    },
}


@pytest.mark.parametrize(("message", "raw"), MALFORMED.items(), ids=MALFORMED)
def test_what_does_not_fit_is_named(message: str, raw: object) -> None:
    """By the path that the API server would give, and in words."""
    with pytest.raises(MalformedError) as caught:
        decode(raw, NetworkPolicy)
    sentence = f"{caught.value.fault.field} {caught.value.fault.reason}"
    assert message == sentence


def test_depth_that_no_field_has_is_not_looked_into() -> None:
    """It is no fault of the fields around it."""
    deep: object = None
    for _ in range(500):
        deep = [deep]
    assert "web" == decode({"metadata": {"name": "web", "labels": None}, "x": deep}, Pod).name


def test_a_value_that_is_no_object_is_malformed() -> None:
    """There is no field to name."""
    with pytest.raises(MalformedError, match=r"^must be a mapping, and is a whole number$"):
        decode(5, Pod)
