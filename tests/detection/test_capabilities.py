"""What of policies a CNI enforces, where its release, its ConfigMap or another CNI decides."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Agent, AgentContainer
from auditor.model.recognition import Capability, Feature
from auditor.model.snapshot import ConfigMapEvidence, Gap
from tests.detection.objects import make_agent, make_snapshot


def cilium(image: str) -> Agent:
    """Cilium's agent of some image."""
    return make_agent("cilium", AgentContainer(name="cilium-agent", image=image))


def cilium_config(**values: str) -> ConfigMapEvidence:
    """Cilium's ConfigMap; underscores stand for dashes."""
    spelled = {key.replace("_", "-"): value for key, value in values.items()}
    return ConfigMapEvidence(namespace="kube-system", name="cilium-config", values=spelled)


def capability_of(
    feature: Feature,
    *agents: Agent,
    config_maps: tuple[ConfigMapEvidence, ...] = (),
    gaps: tuple[Gap, ...] = (),
) -> Capability:
    """What is recognised of one feature."""
    snapshot = make_snapshot(agents=agents, config_maps=config_maps, gaps=gaps)
    (found,) = (one for one in recognize(snapshot).cni.capabilities if one.feature is feature)
    return found


@pytest.mark.parametrize(
    ("enforced", "image"),
    [
        (False, "quay.io/cilium/cilium:v1.9.18"),
        (False, "quay.io/cilium/cilium:v1.16.19"),
        (True, "quay.io/cilium/cilium:v1.17.0"),
        (True, "quay.io/cilium/cilium:1.17.1@sha256:0123"),
        (True, "mcr.microsoft.com/containernetworking/cilium/cilium:v1.18.2-250918"),
        (True, "registry.example:5000/cilium:v2.0"),
        (None, "registry.example:5000/cilium"),
        (None, "quay.io/cilium/cilium-ci:latest"),
        (None, "quay.io/cilium/cilium@sha256:1.17"),
        (None, ""),
    ],
)
def test_cilium_enforces_port_ranges_since_1_17(
    enforced: bool | None,  # noqa: FBT001
    image: str,
) -> None:
    """The image's tag says it; without a release in the tag it is not known."""
    found = capability_of(Feature.END_PORT, cilium(image))
    assert enforced is found.enforced
    assert "1.17" in found.evidence
    assert ("update Cilium to 1.17" in found.remedy) is (enforced is False)


@pytest.mark.parametrize(
    ("enforced", "evidence", "values"),
    [
        (True, "enable-sctp=true", {"enable_sctp": "true"}),
        (False, "enable-sctp=false", {"enable_sctp": "false"}),
        (False, "enable-sctp is not set (default false)", {"enable_policy": "default"}),
        (None, "enable-sctp=$(SCTP), whose meaning is not known", {"enable_sctp": "$(SCTP)"}),
    ],
)
def test_cilium_enforces_sctp_where_its_config_map_says_so(
    enforced: bool | None,  # noqa: FBT001
    evidence: str,
    values: dict[str, str],
) -> None:
    """Cilium's default is off."""
    config_map = cilium_config(**values)
    agent = cilium("cilium:v1.18.4")
    found = capability_of(Feature.SCTP, agent, config_maps=(config_map,))
    assert enforced is found.enforced
    assert f"ConfigMap kube-system/cilium-config: {evidence}" == found.evidence


def test_default_of_a_feature_is_not_assumed() -> None:
    """Where Cilium's ConfigMap is not in the input, nothing is said about SCTP."""
    found = capability_of(Feature.SCTP, cilium("cilium:v1.18.4"))
    assert found.enforced is None
    assert "ConfigMap cilium-config was not read: enable-sctp would say it" == found.evidence


@pytest.mark.parametrize(
    ("enforced", "image"), [(True, "cilium:v1.17.0"), (None, "cilium:v1.16.0"), (None, "cilium")]
)
def test_two_enforcers_must_agree(
    enforced: bool | None,  # noqa: FBT001
    image: str,
) -> None:
    """Beside Calico, what Cilium does not enforce is not known: who serves which pod, who knows."""
    found = capability_of(Feature.END_PORT, make_agent("calico-node"), cilium(image))
    assert enforced is found.enforced
    assert found.evidence.startswith("Calico enforces it; ")
    assert "" == found.remedy


def test_a_cni_that_enforces_nothing_has_no_capabilities() -> None:
    """What plain Flannel would enforce with a container that it lacks is of no interest."""
    assert () == recognize(make_snapshot(agents=[make_agent("kube-flannel-ds")])).cni.capabilities
