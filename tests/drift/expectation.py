"""What a pair of clusters must give: reads an `expected.yaml`, and compares it with a drift.

It stands beside the folders `before` and `after`, and is worked out by hand, never taken from the
tool's output:

    opened:                 # rows as in tests/clusters/README.md, each with all of its causes
      - {from: [shop/Pod/web], to: ["shop/Pod/api[!locked]"], ports: all,
         causes: [labels-changed shop/Pod/api]}
    closed: []
    policies: {added: [], removed: [], changed: []}     # keys
    findings: {new: [], resolved: [], incomparable: []}  # rule and subject; twice for two details
    scope: [namespace-added Namespace/scratch]          # kind and object, in order
    unread: [shop]          # optional: namespaces of `after` whose pods cannot be listed; their
                            # connections are not compared

A variant is named as the tool names it, in brackets. `*` and `namespace/*` are the workloads of
`after` in what opened, of `before` in what closed. Rows of the same causes add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from auditor.model.connections import EndpointRecord
from auditor.model.drift import ChangedRow, Drift
from auditor.model.ports import PortSet
from tests.clusters.expectation import (
    Addresses,
    End,
    Ports,
    Row,
    Workload,
    compare_rows,
    expand,
    parse_end,
    parse_port_names,
    read_workloads,
    require_fields,
)

Causes = tuple[str, ...]
"""Each as `cause object`, sorted."""

FIELDS = frozenset({"opened", "closed", "policies", "findings", "scope"})
ROW_FIELDS = frozenset({"from", "to", "ports", "causes"})
EXCEPT_FIELDS = frozenset({"except_from", "except_to"})
POLICIES = ("added", "removed", "changed")
FINDINGS = ("new", "resolved", "incomparable")


class Expectation(NamedTuple):
    """All that one pair must give."""

    opened: Mapping[Causes, list[Row]]
    closed: Mapping[Causes, list[Row]]
    policies: dict[str, list[str]]
    findings: dict[str, list[str]]
    """Rule and subject, sorted."""
    scope: list[str]
    unread: tuple[str, ...]


def load(path: Path) -> Expectation:
    """Read an `expected.yaml` and the manifests beside it.

    Raises: ValueError where the file uses a field, a workload, a namespace or an address that
    cannot be meant, or an exception that excepts nothing.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    require_fields(content, FIELDS, {"unread"}, path)
    require_fields(content["policies"], POLICIES, set(), path)
    require_fields(content["findings"], FINDINGS, set(), path)
    return Expectation(
        opened=_read_rows(content["opened"], _read_workloads(path.parent / "after"), path),
        closed=_read_rows(content["closed"], _read_workloads(path.parent / "before"), path),
        policies=content["policies"],
        findings={key: sorted(each) for key, each in content["findings"].items()},
        scope=content["scope"],
        unread=tuple(content.get("unread", ())),
    )


def differences(expected: Mapping[Causes, list[Row]], actual: Iterable[ChangedRow]) -> list[str]:
    """Where the rows differ, in words, those of each set of causes by themselves."""
    found: dict[Causes, list[Row]] = defaultdict(list)
    for row in actual:
        causes = tuple(sorted(f"{one.cause} {one.object}" for one in row.causes))
        found[causes].append(Row(_end(row.source), _end(row.destination), _ports(row.ports)))
    return [
        f"{' and '.join(causes)}: {difference}"
        for causes in sorted({*expected, *found})
        for difference in sorted(compare_rows(expected.get(causes, []), found.get(causes, [])))
    ]


def policies_of(drift: Drift) -> dict[str, list[str]]:
    """Which policies came, went and changed."""
    policies = drift.policies
    return {
        "added": list(policies.added),
        "removed": list(policies.removed),
        "changed": [one.key for one in policies.changed],
    }


def findings_of(drift: Drift) -> dict[str, list[str]]:
    """Rule and subject of the findings that are listed."""
    findings = drift.findings
    return {
        "new": sorted(_say_findings(drift, findings.new)),
        "resolved": sorted(_say_findings(drift, findings.resolved)),
        "incomparable": sorted(_say_findings(drift, findings.incomparable)),
    }


def scope_of(drift: Drift) -> list[str]:
    """What is seen now and was not, or the reverse."""
    return [f"{one.change} {one.object}" for one in drift.scope]


def _say_findings(drift: Drift, ids: Iterable[str]) -> Iterator[str]:
    for one in ids:
        brief = drift.findings.details[one]
        subject = brief.subject
        parts = (subject.namespace, subject.kind, subject.name)
        yield f"{brief.rule} {'/'.join(part for part in parts if part)}"


def _read_workloads(folder: Path) -> frozenset[str]:
    """The workloads that a side declares, and those of its pods that a ReplicaSet controls."""
    declared = set(read_workloads(folder))
    for path in sorted(folder.iterdir()):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            metadata = document["metadata"]
            for owner in metadata.get("ownerReferences", ()):
                name = owner["name"].removesuffix(f"-{metadata['labels']['pod-template-hash']}")
                declared.discard(f"{metadata['namespace']}/Pod/{metadata['name']}")
                declared.add(f"{metadata['namespace']}/Deployment/{name}")
    return frozenset(declared)


def _read_rows(
    items: Sequence[Mapping[str, Any]], workloads: frozenset[str], path: Path
) -> Mapping[Causes, list[Row]]:
    rows: dict[Causes, list[Row]] = defaultdict(list)
    for item in items:
        require_fields(item, ROW_FIELDS, EXCEPT_FIELDS, path)
        ports = parse_port_names(item["ports"])
        sources = _expand(item["from"], item.get("except_from", []), workloads)
        destinations = _expand(item["to"], item.get("except_to", []), workloads)
        rows[tuple(sorted(item["causes"]))] += [
            Row(source, destination, ports)
            for source in sources
            for destination in destinations
            if source != destination
            and not (isinstance(source, Addresses) and isinstance(destination, Addresses))
        ]
    return rows


def _expand(items: Sequence[str], excepted: Sequence[str], workloads: frozenset[str]) -> list[End]:
    """Resolve as in a scenario; besides, `workload[variant]` of a workload that there is."""
    variants = [one for one in items if one.endswith("]")]
    for one in variants:
        if one.partition("[")[0] not in workloads:
            raise ValueError(f"{one} is a variant of no workload")
    others = [one for one in items if one not in variants]
    return [*map(Workload, variants), *expand(others, excepted, workloads)]


def _end(record: EndpointRecord) -> End:
    if record.addresses is not None:
        return parse_end({"addresses": record.addresses})
    key = f"{record.namespace}/{record.kind}/{record.name}"
    return Workload(f"{key}[{','.join(record.variant)}]" if record.variant else key)


def _ports(ports: PortSet) -> Ports:
    if ports == "all":
        return Ports(everything=True)
    return Ports(intervals=tuple((one.protocol, one.first, one.last) for one in ports))
