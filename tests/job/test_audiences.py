"""What each audience is told: its own namespaces, whole, and the same run."""

from __future__ import annotations

import msgspec
import pytest

from auditor.findings.assemble import Acceptance
from auditor.findings.extract import COVERS_OTHERS
from auditor.job.audiences import find_unmatched, namespaces_of
from auditor.model.canonical import encode_canonical
from auditor.model.findings import RuleStatus
from auditor.model.snapshot import Blind, Gap, GapSource, Snapshot
from auditor.model.waivers import WaiverState
from auditor.settings import Audience
from reports.conclusion import conclude
from reports.json import digest
from reports.mail import render_mail
from tests.findings.waivers import make
from tests.job.audiences import (
    OCCASION,
    SETTINGS,
    TEAMS,
    Told,
    audience_of,
    audit_whole,
)
from tests.rules.auditing import read_text


def test_an_extract_is_the_same_run_with_a_digest_of_its_own(shop: Told) -> None:
    """Run, times and first sightings are the whole report's, and its digest is named."""
    whole = msgspec.structs.replace(
        shop.audit,
        report=msgspec.structs.replace(
            shop.audit.report,
            findings=tuple(
                msgspec.structs.replace(one, first_seen="2026-10-01T00:00:00Z")
                for one in shop.audit.report.findings
            ),
        ),
    )
    narrow = shop._replace(audit=whole).narrow(audience_of("shop-dev"))
    assert narrow.report.run == whole.report.run
    assert narrow.report.digest == digest(narrow.report) != whole.report.digest
    assert narrow.extract is not None
    assert narrow.extract.digest == whole.report.digest
    assert narrow.history is not None
    assert whole.report.digest in narrow.history
    assert {"2026-10-01T00:00:00Z"} == {one.first_seen for one in narrow.report.findings}
    assert narrow.trend is None


def test_the_population_is_ones_own(shop: Told) -> None:
    """Namespaces, pods, policies, production and picture are counted of the audience's alone."""
    narrow = shop.narrow(audience_of("shop-*"))
    scope = narrow.report.scope
    assert (3, 3, ()) == (
        scope.namespaces.total,
        scope.namespaces.in_scope,
        scope.namespaces.excluded,
    )
    assert ("shop-dev", "shop-prod", "shop-test") == narrow.judged
    assert frozenset({"shop-prod"}) == narrow.production
    assert frozenset() == shop.narrow(audience_of("shop-dev")).production
    policies = sum(one.namespace.startswith("shop-") for one in shop.view.snapshot.policies)
    assert {"NetworkPolicy": policies} == scope.policies
    assert (*narrow.judged, "other namespaces", "external addresses") == narrow.matrix.names
    between_others = [row[3:] for row in narrow.matrix.cells[3:]]
    assert {0} == {cell.total for row in between_others for cell in row}
    assert narrow.matrix.cells[0][3].total > 0


def test_everything_is_the_audit_itself(shop: Told) -> None:
    """Whoever gets everything gets the whole report, as it was sealed."""
    audience = Audience(name="security", to=("a@b.example",), everything=True)
    assert shop.narrow(audience) is shop.audit


def test_others_are_named_and_their_findings_are_not(shop: Told) -> None:
    """`names_others`: the other ends and environments with an own end, and nothing else."""
    narrow = shop.narrow(audience_of("shop-dev", names_others=True))
    plain = shop.narrow(audience_of("shop-dev"))
    witnesses = {one.witness.source for one in narrow.report.findings if one.witness}
    assert "shop-prod/Deployment/web" in witnesses
    assert {"shop-dev", None} == {one.subject.namespace for one in narrow.report.findings}
    ends = {
        one.subject.name for one in narrow.report.findings if one.subject.kind == "Environments"
    }
    assert ends
    assert all("dev" in one for one in ends)
    assert not [one for one in plain.report.findings if one.subject.kind == "Environments"]
    assert "kube-system" not in encode_canonical(narrow.report.scope).decode()


@pytest.mark.parametrize(
    ("globs", "selector", "chosen"),
    [
        (("shop",), "", ("shop",)),
        (("shop*",), "", ("shop", "shop-blue")),
        ((), "team=red", ("shop",)),
        (("shop-blue",), "team=red", ("shop", "shop-blue")),
        ((), "team!=red", ("shop-blue",)),
        ((), "team=green", ()),
        (("nowhere",), "", ()),
    ],
)
def test_an_audience_is_some_namespaces_by_name_or_label(
    globs: tuple[str, ...], selector: str, chosen: tuple[str, ...]
) -> None:
    """Either is enough; a namespace whose labels nobody declared is chosen by no selector."""
    audience = Audience(
        name="a", to=("a@b.example",), namespaces=globs, namespace_selector=selector
    )
    assert chosen == namespaces_of(audience, read_text(TEAMS))


def unread(snapshot: Snapshot, namespace: str | None) -> Snapshot:
    """The snapshot with the labels of one namespace, or of all, unread."""
    gap = Gap("Namespace", None, namespace, "forbidden", "not known", None, Blind.NAMESPACE_LABELS)
    return msgspec.structs.replace(snapshot, gaps=(*snapshot.gaps, gap))


def test_a_namespace_of_unread_labels_is_chosen_by_no_selector() -> None:
    """`env!=prod` does not choose what may be production: that is said."""
    audience = Audience(name="a", to=("a@b.example",), namespace_selector="env!=prod")
    snapshot = read_text(TEAMS)
    assert ("shop",) == namespaces_of(audience, snapshot)
    assert () == namespaces_of(audience, unread(snapshot, "shop"))
    assert () == namespaces_of(audience, unread(snapshot, None))
    reasons = [one.reason for one in find_unmatched(audience, unread(snapshot, "shop-blue"))]
    assert ["the labels of some namespaces were not read"] == reasons


def test_an_audience_without_a_namespace_is_told_so_and_never_clean() -> None:
    """Nothing is judged, nothing passes, and the message says why."""
    told = audit_whole(read_text(TEAMS))
    audit = told.narrow(audience_of("shpo"))
    assert () == audit.judged
    assert not audit.report.findings or {"Cluster"} == {
        one.subject.kind for one in audit.report.findings
    }
    assert not {RuleStatus.PASS} & {one.status for one in audit.report.rules}
    assert "No open findings" != conclude(audit.report).headline
    mail = render_mail(audit, None, OCCASION)
    assert "no namespace is named shpo" in " ".join(mail.text.split())
    assert "no namespace is one of this audience's" in " ".join(mail.text.split())


def test_settings_narrow_further_and_an_audience_widens_nothing() -> None:
    """What the settings leave out is not judged for an audience: it is told of its own alone."""
    narrowed = msgspec.structs.replace(SETTINGS, namespaces=("shop",))
    told = audit_whole(read_text(TEAMS), narrowed)
    assert ("shop",) == told.narrow(audience_of("shop", "shop-blue")).judged
    other = told.narrow(audience_of("shop-blue"))
    assert () == other.judged
    assert not other.report.scope.namespaces.in_scope
    assert ["shop-blue"] == [one.name for one in other.report.scope.namespaces.excluded]


def test_waivers_are_those_that_ones_own_findings_use(shop: Told) -> None:
    """Neither others' nor unused ones are told; of a glob one's own findings are counted."""
    waivers = (
        make("shop-dev/Deployment/web"),
        make("shop-prod/Deployment/web"),
        make("shop-*/Deployment/api"),
        make("nowhere/Deployment/web"),
    )
    accepted = Acceptance(waivers=waivers)
    narrow = shop.narrow(audience_of("shop-dev"), acceptance=accepted)
    uses = {one.waiver.subject: (one.state, one.findings) for one in narrow.report.waivers}
    assert {
        "shop-dev/Deployment/web": (WaiverState.EXPIRED, 1),
        "shop-*/Deployment/api": (WaiverState.EXPIRED, 1),
    } == uses


def test_a_waiver_that_covers_others_tells_who_approved_it_and_no_more(shop: Told) -> None:
    """Its sentences may be about anybody: those of one's own waiver alone are told."""
    said = "everything in monitoring"
    terms = {"reason": said, "compensating_control": said, "ticket": "see monitoring"}
    for subject, is_told in (
        ("shop-dev/Deployment/web", True),
        ("shop-de*/Deployment/web", True),
        ("shop-*/Deployment/web", False),
        ("*/*/web", False),
        ("s*web", False),
    ):
        waiver = make(subject)
        record = msgspec.structs.replace(waiver.record, **terms)
        accepted = Acceptance(waivers=(waiver._replace(record=record),))
        report = shop.narrow(audience_of("shop-dev"), acceptance=accepted).report
        (use,) = report.waivers
        found = [use.waiver, *(one.waiver for one in report.findings if one.waiver)]
        assert 1 < len(found)
        for one in found:
            texts = {one.reason, one.compensating_control, one.ticket}
            assert is_told is (said in texts)
            assert texts == ({said, "see monitoring"} if is_told else {COVERS_OTHERS})
            assert (record.rule, record.expires) == (one.rule, one.expires)
            assert record.approved_by == one.approved_by


def test_gaps_of_others_are_not_told_and_the_clusters_without_names() -> None:
    """One's own are told whole; of a file nobody can parse, neither path nor reason."""
    gaps = (
        Gap("Pod", "shop", "broken", "no spec", "left out", GapSource("shop/a.yaml", None, "spec")),
        Gap("Pod", "shop-blue", "secretive", "no spec", "left out"),
        Gap("Namespace", None, "shop-blue", "unread", "left out"),
        Gap(None, None, None, "line 3: key blueprint twice", "left out", GapSource("blue/x.yaml")),
        Gap("NetworkPolicy", None, None, "forbidden for shop-blue", "not evaluated"),
    )
    snapshot = msgspec.structs.replace(read_text(TEAMS), gaps=gaps)
    told = audit_whole(snapshot)
    found = [
        one
        for one in told.narrow(audience_of("shop")).report.scope.gaps
        if "ipBlock" not in one.reason
    ]
    assert ["broken", None, None] == [one.name for one in found]
    assert found[0].source is not None
    assert "shop/a.yaml" == found[0].source.file
    assert found[1].source is None
    assert "blueprint" not in found[1].reason
    assert "forbidden for another namespace" == found[2].reason
