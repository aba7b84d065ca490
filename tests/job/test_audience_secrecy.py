"""No byte of what an audience is sent is of others, and nothing of its own is missing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
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
    ambiguous_clusters,
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


@settings(max_examples=30, suppress_health_check=_slow_checks)
@given(ambiguous_clusters())
def test_no_word_that_may_be_said_is_told_as_the_name_of_a_namespace(cluster: Secretive) -> None:
    """Not in lists of evidence, not in manifests, and not after the word `namespace`."""
    told = audit_whole(cluster.snapshot)
    report = told.narrow(audience_of(cluster.own)).report
    others = set(cluster.secrets)
    assert not others & {one.subject.namespace for one in report.findings}
    for finding in report.findings:
        assert not others & {*_members(finding.evidence)}
        mended = finding.remediation
        steps = () if mended is None else mended.steps
        ends = (
            () if finding.witness is None else (finding.witness.source, finding.witness.destination)
        )
        for text in (finding.message, finding.hint, *finding.policies, *steps, *ends):
            assert not others & set(re.findall(r"namespaces? ([\w-]+)", text))
            assert not others & set(re.findall(r"([\w-]+)/\w+/", text))
        if mended is not None and mended.manifest is not None:
            documents = list(yaml.safe_load_all(mended.manifest))
            assert {cluster.own} >= {one["metadata"]["namespace"] for one in documents}
            assert not others & {*_members(_selected(documents))}


def _members(value: object) -> Iterator[object]:
    """Members of lists, however deep, and what stands under a key named `namespace`."""
    if isinstance(value, Mapping):
        yield from (inner for key, inner in value.items() if key == "namespace")
        value = list(value.values())
    elif isinstance(value, list | tuple):
        yield from (one for one in value if isinstance(one, str))
    for one in value if isinstance(value, list | tuple) else ():
        yield from _members(one)


def _selected(value: object) -> list[object]:
    """The values of every namespaceSelector."""
    if isinstance(value, list):
        return [found for one in value for found in _selected(one)]
    if not isinstance(value, dict):
        return []
    selector = value.get("namespaceSelector") or {}
    labels = selector.get("matchLabels", {}).values()
    listed = (one.get("values", ()) for one in selector.get("matchExpressions", ()))
    return [*labels, *chain(*listed), *_selected(list(value.values()))]


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
    name = "".join(filter(str.isprintable, f"n{hostile}"))[:64]  # settings let no other one in
    audience = Audience(name=name, to=("a@b.example",), namespaces=("shop",))
    audit = told.narrow(audience, audit_whole(read_text(ENDS)))
    assert "shop" in {one.subject.namespace for one in audit.report.findings}
    content = render_all(audit)
    assert "evil<" not in content
    assert f"evil{hostile[:8]}" not in content
    mail = render_mail(audit, audit.report.drift, OCCASION)
    assert mail.subject.isprintable()
    assert len(mail.subject) < 200
