"""What the engine computes of a snapshot, and how; a view answers questions from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.model.findings import Direction
from auditor.model.objects import IPBlock
from auditor.model.recognition import Recognition
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.reachability.address_parts import AddressParts, block_ranges
from auditor.reachability.compile import CompiledPolicy, Compiler
from auditor.reachability.endpoints import Endpoints, group_endpoints
from auditor.reachability.index import Index
from auditor.reachability.permissions import Groups, group_by_isolation
from auditor.reachability.port_cuts import cut_ports
from auditor.reachability.port_parts import PortParts
from auditor.reachability.vocabulary import Vocabulary, collect_vocabulary


@dataclass(frozen=True)
class Evaluation:
    """What the engine computed; the view answers questions from it."""

    endpoints: Endpoints
    index: Index
    ports: PortParts
    vocabulary: Vocabulary
    compiler: Compiler
    policies: tuple[CompiledPolicy, ...]
    """In the order of the snapshot's policies."""
    groups: Mapping[Direction, Groups]


def questions_of(recognition: Recognition) -> tuple[LabelSelector, ...]:
    """The selectors of questions that are asked besides those of the policies."""
    return tuple(LabelSelector(match_labels=labels) for labels in recognition.dns_pod_labels)


def compute(
    snapshot: Snapshot,
    recognition: Recognition,
    asked: frozenset[IPBlock],
    *,
    ip_blocks_match_pods: bool | None,
) -> Evaluation:
    """Work out everything; ``asked`` cut external space besides the blocks of the policies."""
    vocabulary = collect_vocabulary(snapshot.policies, questions_of(recognition), asked)
    parts = AddressParts(one for block in vocabulary.blocks for one in block_ranges(block))
    by_address = ip_blocks_match_pods is not False and bool(vocabulary.blocks)
    endpoints = group_endpoints(snapshot, vocabulary, parts, by_address=by_address)
    ports = cut_ports(snapshot, recognition, vocabulary, endpoints)
    return compute_within(
        snapshot, vocabulary, endpoints, ports, ip_blocks_match_pods=ip_blocks_match_pods
    )


def compute_within(
    snapshot: Snapshot,
    vocabulary: Vocabulary,
    endpoints: Endpoints,
    ports: PortParts,
    *,
    ip_blocks_match_pods: bool | None,
) -> Evaluation:
    """Work out everything in a universe that is there: its bits and port parts are given."""
    index = Index(endpoints)
    compiler = Compiler(endpoints, index, ports, ip_blocks_match_pods=ip_blocks_match_pods)
    policies = tuple(compiler.compile_policy(one) for one in snapshot.policies)
    groups = {
        direction: group_by_isolation(
            endpoints,
            policies,
            compiler,
            direction,
            everything=index.everything,
            all_ports=ports.all,
        )
        for direction in Direction
    }
    return Evaluation(endpoints, index, ports, vocabulary, compiler, policies, groups)
