"""What a scenario must give: reads an `expected.yaml` and compares it, exactly, with what came out.

Connections are compared as a function from (source, destination) to a set of ports, not row by row:
rows of one pair are united, and address space is cut at every boundary that either side mentions,
so two partitions of the same space are equal. The workloads come from the manifests beside the
`expected.yaml`, never from the output, so that a row the output lacks is noticed.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import yaml

SCHEMA = "netpol-auditor/connections/v1"
MANIFEST_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
WORKLOAD_KINDS = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    }
)
PROTOCOLS = frozenset({"SCTP", "TCP", "UDP"})
ROW_FIELDS = frozenset({"from", "to", "ports"})
EXCEPT_FIELDS = frozenset({"except_from", "except_to"})
FINDING_FIELDS = frozenset({"rule", "subject", "detail", "severity"})


@dataclass(frozen=True, slots=True)
class Workload:
    """An end of a connection inside the cluster."""

    key: str
    """`namespace/kind/name`, and its variant in brackets where the output names one."""

    def __str__(self) -> str:
        """Give the key."""
        return self.key


@dataclass(frozen=True, slots=True)
class Addresses:
    """An end of a connection outside the cluster: all addresses from `first` to `last`."""

    version: int
    """4 or 6."""
    first: int
    last: int
    """Included."""

    def __str__(self) -> str:
        """Give `first-last`, as the Connections contract writes it."""
        number = ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address
        return f"{number(self.first)}-{number(self.last)}"


End = Workload | Addresses
EXTERNAL = (Addresses(4, 0, 2**32 - 1), Addresses(6, 0, 2**128 - 1))


@dataclass(frozen=True, slots=True)
class Ports:
    """A set of ports. Two equal sets that were built with `|` compare equal."""

    everything: bool = False
    """Every port of every protocol, ICMP included: more than all of TCP, UDP and SCTP."""
    intervals: tuple[tuple[str, int, int], ...] = ()
    """(protocol, first, last), last included. Empty beside `everything`."""

    def __or__(self, other: Ports) -> Ports:
        """Unite two sets: sorted, touching intervals merged, nothing beside everything."""
        if self.everything or other.everything:
            return Ports(everything=True)
        merged: list[tuple[str, int, int]] = []
        for protocol, first, last in sorted(self.intervals + other.intervals):
            if merged and merged[-1][0] == protocol and first <= merged[-1][2] + 1:
                merged[-1] = (protocol, merged[-1][1], max(last, merged[-1][2]))
            else:
                merged.append((protocol, first, last))
        return Ports(intervals=tuple(merged))

    def __str__(self) -> str:
        """Give the form that expected.yaml uses."""
        if self.everything:
            return "all"
        names = (f"{p} {a}" if a == b else f"{p} {a}-{b}" for p, a, b in self.intervals)
        return ", ".join(names) or "nothing"


NOTHING = Ports()


@dataclass(frozen=True, slots=True)
class Row:
    """One allowed connection: these ports, from this source to this destination."""

    source: End
    destination: End
    ports: Ports


@dataclass(frozen=True, slots=True)
class ExpectedFinding:
    """One finding, as far as a scenario states it."""

    rule: str
    subject: str
    """`namespace/kind/name`, or `kind/name` where the subject has no namespace."""
    detail: str
    """Empty where the rule has no detail."""
    severity: str

    def __str__(self) -> str:
        """Give all four fields on one line."""
        return f"{self.rule} on {self.subject}, detail {self.detail or 'none'}, {self.severity}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """All that one scenario must give."""

    rows: tuple[Row, ...]
    findings: tuple[ExpectedFinding, ...]

    def compare_connections(self, document: Mapping[str, Any]) -> list[str]:
        """Compare with a document of the Connections contract (design.md).

        Gaps are not compared. Rows that the contract leaves out (from a workload to itself,
        between addresses, without ports) are differences where the document has them.

        Returns: the differences in words, sorted; empty where both say the same.
        """
        if document.get("schema") != SCHEMA:
            return [f"schema: expected {SCHEMA}, actual {document.get('schema')}"]
        rows: list[Row] = []
        faults: list[str] = []
        for item in document["connections"]:
            row = Row(
                parse_end(item["source"]),
                parse_end(item["destination"]),
                parse_port_objects(item["ports"]),
            )
            rows.append(row)
            if row.ports == NOTHING or row.ports != NOTHING | row.ports:
                faults.append(
                    f"{row.source} → {row.destination}: ports must be sorted, merged and some, "
                    f"actual {row.ports}"
                )
        return sorted(faults + compare_rows(self.rows, rows))

    def compare_findings(self, findings: Sequence[Mapping[str, Any]]) -> list[str]:
        """Compare with the `findings` of a report.json, as multisets.

        Returns: the differences in words, sorted; empty where both say the same.
        """
        expected = Counter(self.findings)
        actual = Counter(
            ExpectedFinding(
                item["rule"],
                name_subject(item["subject"]),
                item["detail"] or "",
                item["severity"],
            )
            for item in findings
        )
        missing = [f"missing finding: {finding}" for finding in (expected - actual).elements()]
        extra = [f"extra finding: {finding}" for finding in (actual - expected).elements()]
        return sorted(missing + extra)


def load(path: Path) -> Expectation:
    """Read an `expected.yaml` and the manifests of the folder that holds it.

    Raises: ValueError where the file uses a field, a workload, a namespace or an address that
    cannot be meant, or an exception that excepts nothing.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    require_fields(content, {"connections", "findings"}, set(), path)
    workloads = read_workloads(path.parent)
    rows: list[Row] = []
    for item in content["connections"]:
        require_fields(item, ROW_FIELDS, EXCEPT_FIELDS, path)
        ports = parse_port_names(item["ports"])
        destinations = expand(item["to"], item.get("except_to", []), workloads)
        for source in expand(item["from"], item.get("except_from", []), workloads):
            rows.extend(
                Row(source, destination, ports)
                for destination in destinations
                if source != destination
                and not (isinstance(source, Addresses) and isinstance(destination, Addresses))
            )
    findings: list[ExpectedFinding] = []
    for item in content["findings"]:
        require_fields(item, FINDING_FIELDS, set(), path)
        findings.extend(
            ExpectedFinding(item["rule"], subject or "", detail or "", item["severity"])
            for subject, detail in product(_listed(item["subject"]), _listed(item["detail"]))
        )
    return Expectation(tuple(rows), tuple(findings))


def read_workloads(folder: Path) -> frozenset[str]:
    """Name every workload of a folder's manifests as `namespace/kind/name`.

    A scenario declares no object that another owns, so every workload stands for itself.
    """
    workloads: set[str] = set()
    for path in folder.iterdir():
        if path.suffix not in MANIFEST_SUFFIXES:
            continue
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document and document.get("kind") in WORKLOAD_KINDS:
                metadata = document["metadata"]
                namespace = metadata.get("namespace", "default")
                workloads.add(f"{namespace}/{document['kind']}/{metadata['name']}")
    return frozenset(workloads)


def _listed(value: str | list[str] | None) -> Sequence[str | None]:
    """The values that a field stands for: a list is several findings, alike in the rest."""
    return value if isinstance(value, list) else [value]


def require_fields(
    item: Mapping[str, Any], required: Iterable[str], optional: Iterable[str], path: Path
) -> None:
    """Raise a ValueError unless the item has all required fields and no unknown one."""
    missing = set(required) - item.keys()
    unknown = item.keys() - set(required) - set(optional)
    if missing or unknown:
        raise ValueError(f"{path}: {item}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def expand(items: Sequence[str], excepted: Sequence[str], workloads: frozenset[str]) -> list[End]:
    """Resolve the items of a `from` or `to` to ends, without the excepted ones.

    Raises: ValueError where an item matches nothing, or an exception takes nothing away.
    """
    ends = [end for item in items for end in _resolve(item, workloads)]
    for item in excepted:
        remaining = ends
        for removed in _resolve(item, workloads):
            remaining = [part for end in remaining for part in _subtract(end, removed)]
        if remaining == ends:
            raise ValueError(f"{item} is excepted from {items} but not among them")
        ends = remaining
    return ends


def _resolve(item: str, workloads: frozenset[str]) -> list[End]:
    """Resolve one item: `*`, `external`, `ns/*`, `ns/Kind/name` or addresses."""
    if item == "external":
        return list(EXTERNAL)
    if item == "*":
        return [Workload(key) for key in sorted(workloads)]
    if item.endswith("/*"):
        keys = sorted(key for key in workloads if key.startswith(item.removesuffix("*")))
        if not keys:
            raise ValueError(f"{item} holds no workload")
        return [Workload(key) for key in keys]
    if item in workloads:
        return [Workload(item)]
    return [_parse_addresses(item)]


def _subtract(end: End, removed: End) -> list[End]:
    """Take one end out of another; what is left of a range may be none, one or two ranges."""
    if end == removed:
        return []
    if (
        isinstance(end, Workload)
        or isinstance(removed, Workload)
        or end.version != removed.version
        or removed.last < end.first
        or end.last < removed.first
    ):
        return [end]
    below = Addresses(end.version, end.first, removed.first - 1)
    above = Addresses(end.version, removed.last + 1, end.last)
    return [part for part in (below, above) if part.first <= part.last]


def _parse_addresses(text: str) -> Addresses:
    """Read `first-last`, one address or a CIDR. Raises: ValueError where it is none of them."""
    if "-" in text and "/" not in text:
        first, last = (ipaddress.ip_address(part) for part in text.split("-"))
        if first.version != last.version or int(first) > int(last):
            raise ValueError(f"{text} is not a range of addresses")
        return Addresses(first.version, int(first), int(last))
    network = ipaddress.ip_network(text)
    return Addresses(network.version, int(network.network_address), int(network.broadcast_address))


def parse_end(item: Mapping[str, str]) -> End:
    """Read E of the Connections contract. Raises: ValueError where addresses lack `first-last`."""
    if "addresses" in item:
        addresses = _parse_addresses(item["addresses"])
        if "-" not in item["addresses"]:
            raise ValueError(f"addresses {item['addresses']} are not written first-last")
        return addresses
    variant = f" ({item['variant']})" if "variant" in item else ""
    return Workload(f"{item['namespace']}/{item['kind']}/{item['name']}{variant}")


def parse_port_objects(item: str | Sequence[Mapping[str, Any]]) -> Ports:
    """Read P of the Connections contract as it stands, not brought to its normal form."""
    if item == "all":
        return Ports(everything=True)
    if isinstance(item, str):
        raise ValueError(f"ports {item!r} are neither `all` nor a list")  # noqa: TRY004 (wrong content of a document, not a wrong call)
    return Ports(intervals=tuple((port["protocol"], port["from"], port["to"]) for port in item))


def parse_port_names(item: str | Sequence[str]) -> Ports:
    """Read `all` or a list of `TCP 80` and `TCP 80-90`. Raises: ValueError at anything else."""
    if item == "all":
        return Ports(everything=True)
    ports = NOTHING
    for name in [item] if isinstance(item, str) else item:
        protocol, _, numbers = name.partition(" ")
        first, _, last = numbers.partition("-")
        interval = (protocol, int(first), int(last or first))
        if protocol not in PROTOCOLS or not 1 <= interval[1] <= interval[2] <= 65535:
            raise ValueError(f"{name} is not a port or a range of ports of {sorted(PROTOCOLS)}")
        ports |= Ports(intervals=(interval,))
    return ports


def name_subject(subject: Mapping[str, str | None]) -> str:
    """Write a report's subject as expected.yaml does."""
    parts = (subject["namespace"], subject["kind"], subject["name"])
    return "/".join(part for part in parts if part)


def compare_rows(expected: Sequence[Row], actual: Sequence[Row]) -> list[str]:
    """Say for which pairs the united rows of both sides allow different ports."""
    ends = [end for row in (*expected, *actual) for end in (row.source, row.destination)]
    cuts: dict[int, set[int]] = defaultdict(set)
    for end in ends:
        if isinstance(end, Addresses):
            cuts[end.version] |= {end.first, end.last + 1}
    parts = {end: _cut(end, cuts) for end in set(ends)}
    wanted, given = _unite(expected, parts), _unite(actual, parts)
    return [
        f"{source} → {destination}: expected {wanted.get((source, destination), NOTHING)}, "
        f"actual {given.get((source, destination), NOTHING)}"
        for source, destination in wanted.keys() | given.keys()
        if wanted.get((source, destination), NOTHING) != given.get((source, destination), NOTHING)
    ]


def _cut(end: End, cuts: Mapping[int, set[int]]) -> list[End]:
    """Cut a range at every boundary inside it, so that parts are equal or disjoint."""
    if isinstance(end, Workload):
        return [end]
    bounds = sorted(cut for cut in cuts[end.version] if end.first <= cut <= end.last + 1)
    return [Addresses(end.version, first, following - 1) for first, following in pairwise(bounds)]


def _unite(rows: Iterable[Row], parts: Mapping[End, Sequence[End]]) -> dict[tuple[End, End], Ports]:
    """Unite the ports of all rows of each pair of parts."""
    united: dict[tuple[End, End], Ports] = {}
    for row in rows:
        for source in parts[row.source]:
            for destination in parts[row.destination]:
                pair = (source, destination)
                united[pair] = united.get(pair, NOTHING) | row.ports
    return united
