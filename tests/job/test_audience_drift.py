"""What an audience is told of what changed: by its own ends, and nothing of others."""

from __future__ import annotations

import msgspec

from auditor.model.canonical import encode_canonical
from auditor.model.drift import CauseKind
from auditor.settings import Audience
from tests.job.audiences import (
    DENY,
    ENDS,
    TEAMS,
    Told,
    audience_of,
    audit_whole,
)
from tests.rules.auditing import read_text


def test_what_changed_is_told_by_ones_own_ends() -> None:
    """Rows that differ in the other end alone become one, which counts the workloads there."""
    before, now = audit_whole(read_text(ENDS + DENY)), audit_whole(read_text(ENDS))
    drift = now.narrow(audience_of("shop"), before).report.drift
    assert drift is not None
    assert ("shop/NetworkPolicy/deny",) == drift.policies.removed
    inside = [one for one in drift.connections.opened if one.source.addresses is None]
    assert ["other namespaces", "shop"] == [
        inside[0].source.namespace,
        inside[0].destination.name and inside[0].destination.namespace,
    ]
    assert "3 workloads" == inside[0].source.name
    outgoing = [one for one in inside if one.source.namespace == "shop"]
    assert {"other namespaces"} == {one.destination.namespace for one in outgoing}
    causes = {cause for one in outgoing for cause in one.causes}
    assert {(CauseKind.POLICY_REMOVED, "in another namespace")} == {
        (one.cause, one.object) for one in causes
    }
    assert drift.connections.totals.opened == len(drift.connections.opened)
    assert sum(one.opened for one in drift.connections.groups) == drift.connections.totals.opened
    assert all(
        "ledger" not in (one.subject.namespace or "") for one in drift.findings.details.values()
    )
    whole = now.narrow(audience_of("shop", names_others=True), before).report.drift
    assert whole is not None
    assert {"shop/NetworkPolicy/deny"} == {*whole.policies.removed}
    sources = {one.source.name for one in whole.connections.opened if one.source.addresses is None}
    assert {"one", "two", "far", "web"} == sources


def test_nothing_changed_where_only_others_changed(shop: Told) -> None:
    """Neither others' policies, labels and namespaces are told of, nor findings of between."""
    snapshot = shop.view.snapshot
    theirs = [one for one in snapshot.namespaces if one.name == "monitoring"]
    before = audit_whole(
        msgspec.structs.replace(
            snapshot,
            policies=tuple(one for one in snapshot.policies if one.namespace != "monitoring"),
            namespaces=tuple(
                msgspec.structs.replace(
                    one, metadata=msgspec.structs.replace(one.metadata, labels={"a": "b"})
                )
                if one in theirs
                else one
                for one in snapshot.namespaces
            ),
        ),
        shop.settings,
    )
    narrow = shop.narrow(audience_of("shop-dev"), before)
    drift = narrow.report.drift
    assert drift is not None
    assert len(narrow.report.findings) == drift.findings.unchanged
    assert {} == drift.findings.details
    assert () == drift.scope
    assert ((), (), ()) == (
        drift.policies.added,
        drift.policies.removed,
        drift.policies.changed,
    )


def test_a_namespace_that_went_is_still_its_audiences() -> None:
    """It is told of as gone, to those whose it was; one that others have now is not."""
    before = audit_whole(read_text(TEAMS))
    gone = audit_whole(read_text(TEAMS.partition("---\n")[2]))
    drift = gone.narrow(audience_of("shop", "shop-x"), before).report.drift
    assert drift is not None
    assert ["Namespace/shop"] == [one.object for one in drift.scope if "Namespace/" in one.object]
    by_label = Audience(name="blue", to=("a@b.example",), namespace_selector="team=blue")
    handed = audit_whole(read_text(TEAMS.replace("team: blue", "team: red")))
    lost = handed.narrow(by_label, before).report.drift
    assert lost is not None
    assert "shop-blue" not in encode_canonical(lost).decode()
