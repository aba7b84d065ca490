"""Policy controllers inside the node's own process: no DaemonSet shows them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from auditor.detection.data import InProcessController, load_cnis
from auditor.detection.sighting import Sighting
from auditor.model.objects import Node


def read_in_process_controllers(nodes: Iterable[Node]) -> tuple[Sighting, ...]:
    """What the nodes' versions and arguments say of each such controller of the data."""
    present = tuple(nodes)
    return tuple(
        sighting
        for controller in load_cnis().in_process
        if (sighting := _read_controller(controller, present))
    )


def _read_controller(controller: InProcessController, nodes: Iterable[Node]) -> Sighting | None:
    ours = [one for one in nodes if controller.version in one.status.node_info.kubelet_version]
    if not ours:
        return None
    version = ours[0].status.node_info.kubelet_version
    evidence = [f"node {ours[0].metadata.name}: kubelet {version}"]
    answers: set[bool] = set()
    for node in ours:
        if (enabled := _is_enabled(controller, node)) is None:
            continue
        given = "not given" if enabled else "given"
        text = f"node {node.metadata.name}: {controller.disabled_by} is {given}"
        if enabled not in answers:
            evidence.append(text)
        answers.add(enabled)
    if not answers:
        evidence.append(
            f"no {controller.role}'s arguments in the annotation {controller.annotation}: "
            f"whether {controller.disabled_by} is given is not known"
        )
    return Sighting(
        name=controller.name,
        enforces=answers.pop() if len(answers) == 1 else None,
        ip_blocks_match_pods=None,
        evidence=tuple(evidence),
    )


def _is_enabled(controller: InProcessController, node: Node) -> bool | None:
    """Whether this node's arguments leave the controller on; None where they do not decide."""
    try:
        arguments = msgspec.json.decode(
            node.metadata.annotations.get(controller.annotation, "[]"), type=tuple[str, ...]
        )
    except msgspec.DecodeError:
        # The annotation is anyone's who may edit nodes: what is no list of words says nothing.
        return None
    if not arguments or arguments[0] != controller.role:
        return None
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name != controller.disabled_by:
            continue
        if not equals:
            # The annotation parts `--flag=value` into two words.
            value = next(iter(arguments[position + 1 : position + 2]), "")
        return value.lower() in {"false", "0", "f"}
    return True
