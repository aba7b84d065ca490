"""Policy controllers inside the node's own process: no DaemonSet shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from auditor.detection.capabilities import read_capabilities
from auditor.detection.cni_data import InProcessController
from auditor.detection.data import DetectionData
from auditor.detection.sighting import Sighting, agree
from auditor.model.objects import Node
from auditor.model.snapshot import Snapshot


def read_in_process_controllers(snapshot: Snapshot, data: DetectionData) -> Iterator[Sighting]:
    """What the nodes' versions and arguments say of each such controller of the data.

    Where no node was read, the API server's version still shows that there is one.
    """
    for controller in data.in_process:
        nodes = [
            one
            for one in snapshot.nodes
            if controller.version in one.status.node_info.kubelet_version
        ]
        server = snapshot.cluster.version or ""
        if nodes:
            seen = f"node {nodes[0].metadata.name}: kubelet "
            yield _sight(controller, seen + nodes[0].status.node_info.kubelet_version, nodes)
        elif not snapshot.nodes and controller.version in server:
            yield _sight(controller, f"API server {server}", ())


def _sight(controller: InProcessController, seen: str, nodes: Iterable[Node]) -> Sighting:
    evidence = [seen]
    answers: set[bool] = set()
    for node in nodes:
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
        enforces=agree(answers),
        ip_blocks_match_pods=None,
        evidence=tuple(evidence),
        capabilities=read_capabilities(controller.name, controller.capabilities),
        remedies=(controller.remedy,),
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
