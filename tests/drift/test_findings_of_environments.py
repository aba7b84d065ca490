"""Findings about environments: both ends are in the way of being resolved."""

from __future__ import annotations

import msgspec
import pytest

from auditor.drift.compared import Compared
from auditor.drift.findings import compare_findings
from auditor.model.findings import RuleStatus
from auditor.model.recognition import Environment
from auditor.model.snapshot import Blind
from tests.drift.runs import refused, run

POD = """\
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: %s}}
"""
ENVIRONMENTS = "environments-can-talk"


def of_environments(*members: tuple[str, str], judged: tuple[str, ...] = ()) -> Compared:
    """A run that states nothing, of namespaces and their environments."""
    text = "".join(POD % space for space, _ in members)
    side = run(text)
    environments = {
        space: Environment(name=name, production=False, evidence=()) for space, name in members
    }
    return side._replace(
        findings=(),
        judged=judged or side.judged,
        recognition=msgspec.structs.replace(side.recognition, environments=environments),
        rules=tuple(
            msgspec.structs.replace(one, status=RuleStatus.PASS, reason=None, not_evaluated=())
            for one in side.rules
        ),
    )


DEV_PROD = (("shop-dev", "dev"), ("shop-prod", "prod"), ("shop-qa", "qa"))


def that_dev_reaches_prod() -> Compared:
    """A run with the finding that dev reaches prod."""
    side = run("".join(POD % space for space, _ in DEV_PROD))
    (finding,) = (
        one for one in side.findings if one.rule == ENVIRONMENTS and one.subject.name == "dev→prod"
    )
    return side._replace(findings=(finding,))


def become(side: Compared, key: str) -> Compared:
    """The run, in which the rule could not evaluate a subject."""
    return side._replace(
        rules=tuple(
            msgspec.structs.replace(one, not_evaluated=(key,)) if one.id == ENVIRONMENTS else one
            for one in side.rules
        )
    )


@pytest.mark.parametrize(
    ("key", "resolved"),
    [
        ("Environments/dev→prod", False),
        ("Environments/prod→qa", False),
        ("Environments/qa→prod", False),
        ("shop-x/Namespace/shop-x", False),
        ("Cluster/cluster", False),
        ("Environments/qa→test", True),
        ("shop-qa/Pod/web", True),
    ],
)
def test_environments_are_covered_by_their_ends_and_by_namespaces(key: str, resolved: bool) -> None:  # noqa: FBT001
    """A namespace whose environment is unknown may belong to either end."""
    drift = compare_findings(that_dev_reaches_prod(), become(of_environments(*DEV_PROD), key))
    assert resolved is bool(drift.resolved)
    assert resolved is not bool(drift.incomparable)


@pytest.mark.parametrize(
    ("judged", "resolved"), [(("shop-prod",), True), (("shop-dev",), True), (("shop-qa",), False)]
)
def test_environments_are_judged_by_either_end(judged: tuple[str, ...], resolved: bool) -> None:  # noqa: FBT001
    """Where no namespace of either was judged, nothing was said of them."""
    drift = compare_findings(that_dev_reaches_prod(), of_environments(*DEV_PROD, judged=judged))
    assert resolved is bool(drift.resolved)


@pytest.mark.parametrize(
    ("namespace", "resolved"), [("shop-prod", False), (None, False), ("shop-qa", True)]
)
def test_environments_are_hidden_by_gaps_of_their_namespaces(
    namespace: str | None,
    resolved: bool,  # noqa: FBT001
) -> None:
    """What could not be read at either end, or anywhere."""
    side = of_environments(*DEV_PROD)
    gaps = (refused("Pod", Blind.PODS, namespace),)
    half_seen = side._replace(snapshot=msgspec.structs.replace(side.snapshot, gaps=gaps))
    assert resolved is bool(compare_findings(that_dev_reaches_prod(), half_seen).resolved)


def test_environments_that_are_gone_are_resolved() -> None:
    """There is nobody left to talk."""
    drift = compare_findings(that_dev_reaches_prod(), of_environments(("shop-qa", "qa")))
    assert 1 == len(drift.resolved)


@pytest.mark.parametrize(
    ("space", "is_new"), [("shop-dev", False), ("shop-prod", False), ("shop-qa", True)]
)
def test_environments_are_not_new_where_one_end_was_not_read_whole(
    space: str,
    is_new: bool,  # noqa: FBT001
) -> None:
    """A policy that was not read, at either end, may keep them apart; one elsewhere does not."""
    stated = that_dev_reaches_prod()
    gap = refused("NetworkPolicy", Blind.POLICIES, space)
    half_seen = stated._replace(snapshot=msgspec.structs.replace(stated.snapshot, gaps=(gap,)))
    drift = compare_findings(of_environments(*DEV_PROD), half_seen)
    assert is_new is bool(drift.new)
    assert is_new is not bool(drift.incomparable)
