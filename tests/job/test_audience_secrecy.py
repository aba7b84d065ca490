"""No byte of what an audience is sent is of others, and nothing of its own is missing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from auditor.model.objects import Metadata
from auditor.model.snapshot import ClusterIdentity
from auditor.settings import Audience
from reports.mail import render_mail
from reports.pdf import render_pdf
from tests.conftest import FindCluster
from tests.job.audiences import (
    DENY,
    ENDS,
    OCCASION,
    Secretive,
    audience_of,
    audit_whole,
    render_all,
    secretive_clusters,
    veil,
)
from tests.reports.hostile import STRINGS
from tests.rules.auditing import read_path, read_text

_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)


@settings(max_examples=40, suppress_health_check=_slow_checks)
@given(secretive_clusters())
def test_nothing_of_others_is_told_and_all_of_ones_own(cluster: Secretive) -> None:
    """No name, label, image or address of others is told; one's own findings all are."""
    told = audit_whole(cluster.snapshot)
    narrow = told.narrow(audience_of(cluster.own))
    before = msgspec.structs.replace(
        cluster.snapshot, policies=cluster.snapshot.policies[1:], pods=cluster.snapshot.pods[:-1]
    )
    for audit in (narrow, told.narrow(audience_of(cluster.own), audit_whole(before))):
        content = render_all(audit)
        assert [] == [one for one in cluster.secrets if one in content]
    own = {
        one.id: one.severity
        for one in told.audit.report.findings
        if one.subject.namespace == cluster.own or one.subject.kind == "Cluster"
    }
    assert own == {one.id: one.severity for one in narrow.report.findings}


def test_the_attachments_tell_nothing_of_others(cluster: FindCluster, tmp_path: Path) -> None:
    """Nor does the PDF; its cover says that it is an extract, and for whom."""
    own = "shop-prod"
    secretive = veil(read_path(cluster("shop", "calico")), own)
    told = audit_whole(secretive.snapshot)
    before = msgspec.structs.replace(secretive.snapshot, policies=secretive.snapshot.policies[2:])
    audit = told.narrow(audience_of(own), audit_whole(before))
    path = tmp_path / "report.pdf"
    path.write_bytes(render_pdf(audit))
    ran = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True, text=True)
    content = "".join((ran.stdout + render_all(audit)).split())
    assert [] == [one for one in secretive.secrets if one in content]
    cover = " ".join(ran.stdout.split())
    assert "Network policy audit: extract" in cover
    assert "Extract for team one" in cover
    assert f"{own}/StatefulSet/db" in cover


def test_the_whole_report_does_tell_of_others(cluster: FindCluster) -> None:
    """What the tests look for is there: that they do not find it means something."""
    secretive = veil(read_path(cluster("shop", "calico")), "shop-dev")
    content = render_all(audit_whole(secretive.snapshot).audit)
    assert len([one for one in secretive.secrets if one in content]) > 10


# no source lets a lone surrogate into a snapshot
@pytest.mark.parametrize("hostile", [one for one in STRINGS if "\ud800" not in one])
def test_hostile_names_of_others_and_of_ones_own_are_inert(hostile: str) -> None:
    """Whatever namespaces, labels, policies, the cluster and the audience are called."""
    theirs, mine = f"evil{hostile}", f"good{hostile}"
    snapshot = read_text(ENDS + DENY)

    def rename(metadata: Metadata) -> Metadata:
        is_own = "shop" in (metadata.namespace, metadata.name)
        if is_own:
            return msgspec.structs.replace(metadata, labels={**metadata.labels, "mine": mine})
        return msgspec.structs.replace(
            metadata,
            name=metadata.name if metadata.namespace else theirs,
            namespace=theirs if metadata.namespace else "",
            labels={theirs: theirs},
        )

    def renamed(objects: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(msgspec.structs.replace(one, metadata=rename(one.metadata)) for one in objects)

    told = audit_whole(
        msgspec.structs.replace(
            snapshot,
            cluster=ClusterIdentity(name=hostile),
            namespaces=renamed(snapshot.namespaces),
            pods=renamed(snapshot.pods),
            policies=renamed(snapshot.policies),
        )
    )
    audience = Audience(name=f"n{hostile}", to=("a@b.example",), namespaces=("shop",))
    audit = told.narrow(audience, audit_whole(read_text(ENDS)))
    assert "shop" in {one.subject.namespace for one in audit.report.findings}
    content = render_all(audit)
    assert "evil<" not in content
    assert f"evil{hostile[:8]}" not in content
    mail = render_mail(audit, audit.report.drift, OCCASION)
    assert mail.subject.isprintable()
    assert len(mail.subject) < 200
