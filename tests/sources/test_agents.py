"""Of an agent's arguments only the evidence is kept."""

import pytest

from auditor.model.objects import Metadata
from auditor.model.retention import AgentFlags
from auditor.sources.agents import DaemonSet, agent_of
from auditor.sources.decoding import decode

RETAINED = (AgentFlags(daemon_set="router", flags=("--run-firewall",)),)


def narrowed(name: str, **container: object) -> tuple[str, ...]:
    """What is kept of a container's command and arguments."""
    template = {"spec": {"containers": [container]}}
    raw = {"metadata": {"name": name}, "spec": {"template": template}}
    return agent_of(decode(raw, DaemonSet), RETAINED).containers[0].args


@pytest.mark.parametrize(
    ("container", "kept"),
    [
        ({"args": ["--run-firewall=true", "--password=x"]}, ("--run-firewall=true",)),
        ({"args": ["--run-firewall", "--run-firewall-not=1"]}, ("--run-firewall",)),
        ({"args": ["-run-firewall=false"]}, ("--run-firewall=false",)),
        ({"command": ["sh", "-c", "r --run-firewall=true --key x"]}, ("--run-firewall=true",)),
        ({"args": ["run-firewall", "--password", "run-firewall=x"]}, ()),
        ({}, ()),
    ],
)
def test_only_retained_flags_are_kept(container: dict[str, object], kept: tuple[str, ...]) -> None:
    """With one dash or two, alone or with a value, in the arguments or a shell's command."""
    assert kept == narrowed("router", **container)


def test_flags_are_retained_by_the_name_of_the_daemon_set() -> None:
    """The same flag of another DaemonSet is not kept."""
    assert () == narrowed("other", args=["--run-firewall=true"])


def test_an_agent_says_how_many_nodes_run_it() -> None:
    """Desired and ready come from the status, and are unknown without one."""
    spec = {"template": {"spec": {"containers": [{"name": "r", "image": "i:1"}]}}}
    raw = {"metadata": {"name": "router", "namespace": "kube-system"}, "spec": spec}
    status = {"desiredNumberScheduled": 3, "numberReady": 2}
    live = agent_of(decode({**raw, "status": status}, DaemonSet), RETAINED)
    declared = agent_of(decode(raw, DaemonSet), RETAINED)
    assert ((3, 2), (None, None)) == (
        (live.desired, live.ready),
        (declared.desired, declared.ready),
    )
    assert Metadata(name="router", namespace="kube-system") == live.metadata
    assert ("r", "i:1") == (live.containers[0].name, live.containers[0].image)
