"""The mapping is whole, versioned, and says where it comes from."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from auditor.errors import UsageError
from auditor.frameworks.data import TOPICS_FILE, load_frameworks, parse_framework, parse_topics
from auditor.model.frameworks import Coverage
from auditor.rules import RULES

TOPICS = {"isolation": ("a", "b"), "egress": ("b", "c"), "drift": ()}
FRAMEWORK = """\
framework: Some Standard
edition: "1.0"
source: https://standard.example
controls:
  - id: "1.1"
    title: Isolation
    topics: [isolation, egress]
    coverage: partial
    verified: true
    readings: [literal, strict]
  - id: "1.2"
    title: Review
    topics: []
    coverage: context
    verified: false
    note: the report helps
"""

UNMAPPED = {"dns-is-blocked", "dns-lacks-tcp", "host-network-workload-bypasses-policy"}
"""Rules that evidence no control: outages in waiting, and pods that no policy can be about."""

EXPECTED = """\
BSI IT-Grundschutz APP.4.4 Kubernetes 2022: A1 A7 A13 A18
CIS Azure Kubernetes Service Benchmark 1.8: 4.4.2 5.4.4
CIS Amazon EKS Benchmark 1.8: 4.3.1 4.3.2 5.4.4
CIS Google Kubernetes Engine Benchmark 1.9: 4.3.1 4.3.2
CIS Kubernetes Benchmark 1.12.0: 5.3.1 5.3.2 5.6.1 5.6.4
CIS Kubernetes Benchmark 2.0.1: 5.3.1 5.3.2 5.6.1 5.6.4
CSA Cloud Controls Matrix 4.0: IVS-03 IVS-06
DISA Kubernetes STIG 2024-06-10: V-242383
DISA OpenShift 4.12 STIG V2R2: V-257514
DORA (EU) 2022/2554: Art. 9 Art. 10 RTS (EU) 2024/1774 Art. 13(1)(a)
FedRAMP 20x 2025: KSI-CNA-01 KSI-CNA-02
HIPAA Security Rule 45 CFR: 164.308(a)(8) 164.312(a)(1) 164.312(b) 164.312(e)(1)
ISO/IEC 27001 2022: 5.36 8.9 8.20 8.21 8.22 8.31 8.32
Microsoft Threat Matrix for Kubernetes 2022: MS-M9014 MS-TA9034
MITRE ATT&CK Containers 16.1: M1030 T1046 T1133 T1190 T1610 T1613
NIS2 Implementing Regulation (EU) 2024/2690: Annex 2.2 Annex 6.4 Annex 6.7 Annex 6.8
NIST SP 800-190 2017: 4.3.3 4.3.4 4.4.2
NIST SP 800-53 5: AC-4 AC-4(21) AU-6 AU-6(1) CA-7 CA-9 CM-2 CM-3 CM-6 SC-7 SC-7(5) SC-7(9) \
SC-7(11) SC-7(21) SC-32
NSA/CISA Kubernetes Hardening Guide 1.2: Namespaces Network policies Resource policies \
Control plane hardening Worker node segmentation
OWASP Kubernetes Top Ten 2022: K07
OWASP Kubernetes Top Ten 2025: K05
PCI DSS 4.0.1: 1.2.1 1.2.2 1.2.3 1.2.5 1.2.7 1.2.8 1.3.1 1.3.2 1.4.1 1.4.2 1.4.4 2.2.1 2.2.3 \
6.5.3 11.4.5 11.4.6
SOC 2 Trust Services Criteria 2017: CC6.1 CC6.6 CC7.1 CC7.2 CC8.1
"""


def read(name: str) -> str:
    """A file of the data."""
    return files("auditor.frameworks").joinpath("data", name).read_text(encoding="utf-8")


def test_every_framework_and_control_is_there() -> None:
    """The list is written out: a control that is lost or gained shows here."""
    found = "".join(
        f"{one.data.framework} {one.data.edition}: "
        f"{' '.join(control.id for control in one.data.controls)}\n"
        for one in load_frameworks()
    )
    assert EXPECTED == found


def test_every_rule_of_the_mapping_exists() -> None:
    """A rule that is renamed must be renamed there, too."""
    known = {one.id for one in RULES}
    named = {rule for rules in parse_topics(read(TOPICS_FILE)).values() for rule in rules}
    assert known - UNMAPPED == named


def test_every_topic_is_asked_for() -> None:
    """A topic that no control names says nothing."""
    topics = set(parse_topics(read(TOPICS_FILE)))
    named = {
        topic
        for one in load_frameworks()
        for control in one.data.controls
        for topic in control.topics
    }
    assert topics == named


@pytest.mark.parametrize("framework", load_frameworks(), ids=lambda one: one.id)
def test_a_control_says_where_it_comes_from_and_what_is_not_sure_of_it(framework: object) -> None:
    """A source is an address; what was not read in it has a note that says so."""
    (found,) = (one for one in load_frameworks() if one is framework)
    for control in found.data.controls:
        source = control.source or found.data.source
        assert source.startswith("https://"), control.id
        if not control.verified:
            assert control.note, control.id
            assert "memory" in control.note, control.id
        if control.coverage is Coverage.PARTIAL:
            assert control.topics, control.id


def test_nothing_is_called_compliant() -> None:
    """Configuration evidences a control in part; it makes nobody compliant."""
    for framework in load_frameworks():
        text = read(f"{framework.id}.yaml").lower()
        assert re.search(r"\bcompliant\b", text) is None, framework.id


@pytest.mark.parametrize(
    ("framework", "control", "rules"),
    [
        ("pci-dss-4.0.1", "6.5.3", {"environments-can-talk"}),
        ("pci-dss-4.0.1", "1.3.2", {"egress-is-unrestricted", "namespace-lacks-default-deny"}),
        ("cis-kubernetes-2.0.1", "5.3.1", {"policies-are-not-enforced"}),
        ("cis-kubernetes-1.12.0", "5.3.2", {"namespace-lacks-default-deny"}),
        ("nist-sp-800-53-5", "SC-7(11)", {"database-open-to-all-pods"}),
        ("nist-sp-800-53-5", "SC-7(9)", {"egress-to-whole-internet"}),
        ("nist-sp-800-53-5", "CM-3", set()),
        ("iso-27001-2022", "8.31", {"environments-can-talk"}),
    ],
)
def test_controls_are_evidenced_by_the_rules_that_speak_to_them(
    framework: str, control: str, rules: set[str]
) -> None:
    """A few that matter most; where no rule speaks to one, there is none."""
    (found,) = (one for one in load_frameworks() if one.id == framework)
    (data,) = (one for one in found.data.controls if one.id == control)
    mapped = set(found.rules_of(data))
    assert rules <= mapped
    assert bool(rules) == bool(mapped)


def test_a_rule_of_two_topics_counts_once() -> None:
    """In the order of the topics that the control names."""
    found = parse_framework(FRAMEWORK, "some", TOPICS)
    first, second = found.data.controls
    assert (("a", "b", "c"), ()) == (found.rules_of(first), found.rules_of(second))
    assert "Some Standard 1.0 1.1" == found.spell(first)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[isolation, egress]", "[isolation, egres]", "line 7: key controls.0.topics.1 is malfor"),
        ('"1.2"', '"1.1"', "line 11: key controls.1.id is malformed: 1.1 occurs twice"),
        ('"1.2"', "1.2", "line 11: key controls.1.id is malformed: expected `str`, got `float`"),
        ("coverage: partial", "coverage: full", "line 8: key controls.0.coverage is malformed"),
        ("strict]", "lax]", "line 10: key controls.0.readings.1 is malformed: invalid enum"),
        ("note:", "notes:", "line 16: key controls.1.notes is unknown"),
        ("    verified: true\n", "", "line 5: key controls.0.verified is missing"),
    ],
)
def test_malformed_data_is_refused(old: str, new: str, message: str) -> None:
    """By file, line and key."""
    assert old in FRAMEWORK
    with pytest.raises(UsageError) as caught:
        parse_framework(FRAMEWORK.replace(old, new), "some", TOPICS)
    assert caught.value.message.startswith(f"framework data some.yaml, {message}")


def test_malformed_topics_are_refused() -> None:
    """By file, line and key, too."""
    with pytest.raises(UsageError, match=r"data topics\.yaml, line 3: key topics\.b is malformed"):
        parse_topics("topics:\n  a: [x]\n  b: x\n")
