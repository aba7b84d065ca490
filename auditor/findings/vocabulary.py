"""The words of a cluster, namespace by namespace, and the words that are the product's own.

What a report must not tell is told by the names and words of other namespaces' objects, whatever
field of theirs it stands in: a field that is read one day is covered without being named here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from ipaddress import ip_address

import msgspec

from auditor.detection.loading import load_data
from auditor.model.kind_names import SHORT_NAMES
from auditor.model.objects import IPBlock, Peer
from auditor.model.recognition import Recognition
from auditor.model.snapshot import Snapshot
from auditor.model.workloads import index_owners, workload_of
from auditor.rules import RULES
from auditor.settings import DetectionSettings

CLUSTER_WIDE = ""
"""Stands for the namespace of what has none."""

_TOKEN = re.compile(r"[\w.-]+")
_LETTER = re.compile(r"[^\W\d_]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dt\d\d")
_EDGES = ".-_"

_FURTHER_WORDS = (
    "a all an and another any apart auditor baseline best beyond blank callers class cluster "
    "current default elsewhere external false further group images index internal json kind kube "
    "kube-node-lease kube-public kube-system kubernetes metadata n namespace namespaces new no "
    "node none not null object objects operator other others owner page preview private process "
    "product public restricted review scope service services share shown since spec tcp true udp "
    "sctp unknown unit version yaml yes zone matchlabels matchexpressions podselector "
    "namespaceselector policytypes networking.k8s.io kubernetes.io metadata.name "
    "kubernetes.io/metadata.name networkpolicy ingress egress ipblock cidr except"
)
"""Words of messages and manifests that stand on no rule's page, and Kubernetes' own names."""

KNOWN_ADDRESSES = frozenset(
    {
        "0.0.0.0",  # noqa: S104  where all addresses begin, nothing is bound to it
        "10.0.0.0",
        "100.64.0.0",
        "127.0.0.0",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "192.168.0.0",
        "255.255.255.255",
        "::",
        "fc00::",
        "fd00:ec2::254",
        "fe80::",
    }
)
"""Where networks that everybody knows begin, and the metadata services."""


@dataclass
class Words:
    """The words of the objects of a namespace, without regard to case."""

    names: set[str] = field(default_factory=set)
    """Of namespaces, workloads, pods, policies and all else that has a name."""
    others: set[str] = field(default_factory=set)
    """Of labels, images, addresses and all else."""
    addresses: set[str] = field(default_factory=set)
    """IP addresses, spelled as `ipaddress` does."""
    blocks: set[IPBlock] = field(default_factory=set)
    """What its policies name of the world outside."""

    def add(self, value: object) -> None:
        """Add every text in a value, however deep."""
        for text in _texts(value):
            self._add_text(text)

    def name(self, *names: str) -> None:
        """Add names."""
        for one in names:
            self.names.update(split(one))

    def _add_text(self, text: str) -> None:
        self.others.update(split(text))
        address = text.partition("/")[0]
        if "." in address or ":" in address:
            parsed = parse_address(address)
            if parsed is not None:
                self.addresses.add(parsed)

    def update(self, other: Words) -> None:
        """Add the words of another."""
        self.names |= other.names
        self.others |= other.others
        self.addresses |= other.addresses
        self.blocks |= other.blocks


WordsByNamespace = Mapping[str, Words]


def split(text: str) -> Iterator[str]:
    """Yield the words of a text that may tell something: those with a letter, no times."""
    for one in _TOKEN.findall(text):
        word = one.strip(_EDGES).casefold()
        if _LETTER.search(word) and not _TIME.match(word):
            yield word


def parse_address(text: str) -> str | None:
    """Return an IP address as `ipaddress` spells it; None where it is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def collect_words(snapshot: Snapshot, recognition: Recognition) -> WordsByNamespace:
    """Collect the words of every namespace, and of what has none (`CLUSTER_WIDE`)."""
    found: defaultdict[str, Words] = defaultdict(Words)
    _add_objects(found, snapshot)
    for gap in snapshot.gaps:
        place = gap.namespace or (gap.name if gap.kind == "Namespace" else None) or CLUSTER_WIDE
        found[place].name(*filter(None, (gap.namespace, gap.name)))
    for name, environment in recognition.environments.items():
        found[name].add((environment.name, environment.evidence))
    for workload, database in recognition.databases.items():
        found[workload.namespace].add((workload.name, database.engine, database.evidence))
    return dict(found)


def _add_objects(found: defaultdict[str, Words], snapshot: Snapshot) -> None:
    for namespace in snapshot.namespaces:
        found[namespace.name].name(namespace.name)
        found[namespace.name].add(namespace)
    owners = index_owners(snapshot.owners)
    for pod in snapshot.pods:
        found[pod.namespace].name(workload_of(pod, owners).name)
    for kind in ("pods", "services", "nodes", "policies", "owners", "agents"):
        for one in getattr(snapshot, kind):
            words = found[one.metadata.namespace]
            words.name(one.metadata.name)
            words.add(one)
    for policy in snapshot.policies:
        blocks = found[policy.namespace].blocks
        blocks.update(_blocks(peer for one in policy.spec.ingress for peer in one.peers))
        blocks.update(_blocks(peer for one in policy.spec.egress for peer in one.peers))
    for unevaluated in snapshot.unevaluated_policies:
        found[unevaluated.namespace].name(unevaluated.name)
        found[unevaluated.namespace].add(unevaluated)
    for config_map in snapshot.config_maps:
        found[config_map.namespace].name(config_map.name)
        found[config_map.namespace].add(config_map)


def _blocks(peers: Iterable[Peer]) -> Iterator[IPBlock]:
    return (one.ip_block for one in peers if one.ip_block is not None)


def _texts(value: object) -> Iterator[str]:
    match value:
        case Enum():
            return
        case str():
            yield value
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from _texts(getattr(value, name))
        case Mapping():
            for key, inner in value.items():
                yield from _texts(key)
                yield from _texts(inner)
        case tuple() | list() | set() | frozenset():
            for one in value:
                yield from _texts(one)


@cache
def product_words() -> frozenset[str]:
    """The words that the product itself says, which so tell nothing of a cluster.

    They are those of the rules' pages and of the package's detection data, kinds of objects, and
    a few more. `prod` and `mysql` are among them: as words they are no secret.
    """
    words: set[str] = set(_FURTHER_WORDS.split())
    for page in (one.page for one in RULES):
        words.update(_words_of((page.id, page.title, page.sections)))
    words.update(_words_of(load_data(DetectionSettings())))
    words.update(_words_of(tuple(SHORT_NAMES.values())))
    return frozenset(words)


def _words_of(value: object) -> Iterable[str]:
    return (word for text in _texts(value) for word in split(text))
