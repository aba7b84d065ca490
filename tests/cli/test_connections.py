"""`connections`: the document, the other formats, and what narrows the rows."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Run
from tests.conftest import FindCluster

HOSTILE = """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: "=cmd|x"}
"""

NAMED_PORTS = """
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: app}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: app, labels: {app: server}}
spec:
  containers:
  - name: main
    ports: [{name: web, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: app}
spec:
  containers:
  - name: main
    ports: [{name: web, containerPort: 9090}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: app}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: 8000, endPort: 8100}]}]
"""

WEB, API, DB = ("shop-prod/Deployment/web", "shop-prod/Deployment/api", "shop-prod/StatefulSet/db")


def name(end: dict[str, Any]) -> str:
    """Spell an endpoint of the document."""
    return end.get("addresses") or f"{end['namespace']}/{end['kind']}/{end['name']}"


def pairs(ran: Ran) -> set[tuple[str, str]]:
    """Return (source, destination) of every connection of a document."""
    return {(name(row["source"]), name(row["destination"])) for row in ran.json["connections"]}


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """Pods with port names, of which one is isolated."""
    path = tmp_path / "named.yaml"
    path.write_text(NAMED_PORTS, encoding="utf-8")
    return path


def test_the_document_has_the_contracts_form(run: Run, cluster: FindCluster) -> None:
    """Keys, their order, and the forms of endpoints and ports are the contract's."""
    ran = run("connections", "-f", cluster("shop"), "-o", "json")
    document = ran.json
    assert (0, ["schema", "connections", "gaps"]) == (ran.code, list(document))
    assert "netpol-auditor/connections/v1" == document["schema"]
    expected = {
        "source": {"namespace": "shop-prod", "kind": "Deployment", "name": "api"},
        "destination": {"namespace": "shop-prod", "kind": "StatefulSet", "name": "db"},
        "ports": [{"protocol": "TCP", "from": 3306, "to": 3306}],
    }
    assert expected in document["connections"]
    everything = {
        "source": {"namespace": "shop-dev", "kind": "Deployment", "name": "web"},
        "destination": {"addresses": "192.168.5.10-192.168.5.10"},
        "ports": "all",
    }
    assert everything in document["connections"]


def test_gaps_are_in_the_document_and_nowhere_else(run: Run, cluster: FindCluster) -> None:
    """The document holds its gaps whole; standard error need not repeat them."""
    ran = run("connections", "-f", cluster("shop"), "-o", "json")
    assert "" == ran.err
    (gap,) = ran.json["gaps"]
    assert ["kind", "namespace", "name", "source", "reason", "effect"] == list(gap)
    assert ("NetworkPolicy", "web-to-internet") == (gap["kind"], gap["name"])


@pytest.mark.parametrize("format_", ["table", "csv", "dot"])
def test_formats_without_room_for_gaps_say_them_beside(
    run: Run, cluster: FindCluster, format_: str
) -> None:
    """What was not seen is said on standard error; -q leaves the count."""
    ran = run("connections", "-f", cluster("shop"), "-o", format_)
    assert ["warning: 1 gap: not everything was seen"] == ran.err.splitlines()[:1]
    assert "shop-prod/web-to-internet" in ran.err
    quiet = run("connections", "-f", cluster("shop"), "-o", format_, "-q")
    assert "warning: 1 gap: not everything was seen\n" == quiet.err
    assert ran.out == quiet.out


def test_gaps_are_exit_code_4_where_they_are_strict(run: Run, cluster: FindCluster) -> None:
    """`--strict` ends with 4, and the document is written all the same."""
    ran = run("connections", "-f", cluster("shop"), "-o", "json", "--strict")
    assert 4 == ran.code
    assert ran.json["connections"]
    assert 0 == run("connections", "-f", cluster("two-namespaces", "no-policy"), "--strict").code


def test_an_empty_list_is_a_document_all_the_same(run: Run, cluster: FindCluster) -> None:
    """Where nothing is allowed, the document is whole and holds no row."""
    folder = cluster("two-namespaces", "default-deny-all")
    ran = run("connections", "-f", folder, "--from", "dev", "--to", "prod", "-o", "json")
    assert {"schema": "netpol-auditor/connections/v1", "connections": [], "gaps": []} == ran.json


def test_csv_holds_the_same_rows(run: Run, cluster: FindCluster) -> None:
    """CSV parses back to the connections of the document, a column per part of a name."""
    rows = list(
        csv.DictReader(
            io.StringIO(run("connections", "-f", cluster("shop"), "-o", "csv").out.decode())
        )
    )
    spelled = {
        tuple(
            row[f"{end}_addresses"]
            or "/".join(row[f"{end}_{part}"] for part in ("namespace", "kind", "name"))
            for end in ("source", "destination")
        )
        for row in rows
    }
    assert pairs(run("connections", "-f", cluster("shop"), "-o", "json")) == spelled
    (found,) = [
        row
        for row in rows
        if row["source_name"] == "api"
        and row["source_namespace"] == "shop-prod"
        and row["destination_name"] == "db"
    ]
    assert "TCP 3306" == found["ports"]


def test_csv_cells_are_no_formulas(run: Run, tmp_path: Path) -> None:
    """A name that a spreadsheet would run gets an apostrophe."""
    archive = hostile_archive(tmp_path)
    ran = run("connections", "-f", archive, "-o", "csv")
    cells = {cell for row in csv.reader(io.StringIO(ran.out.decode())) for cell in row}
    assert "'=cmd|x" in cells
    assert "=cmd|x" not in cells


@pytest.mark.parametrize("format_", ["table", "csv", "dot"])
def test_names_cannot_disturb_a_terminal(run: Run, tmp_path: Path, format_: str) -> None:
    """Control and direction characters of names are spelled out in every format for people."""
    ran = run("connections", "-f", hostile_archive(tmp_path), "-o", format_)
    text = ran.out.decode()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "u202e" in text


def test_dot_quotes_names(run: Run, tmp_path: Path) -> None:
    """A quotation mark or a backslash in a name does not end its string."""
    text = run("connections", "-f", hostile_archive(tmp_path), "-o", "dot").out.decode()
    assert text.startswith("digraph connections {")
    assert text.rstrip().endswith("}")
    assert r"q\"uo\\te" in text


def hostile_archive(folder: Path) -> Path:
    """Save a snapshot with names that no API server would take."""
    from auditor.model.objects import Metadata, Namespace, Pod
    from auditor.model.snapshot import Snapshot
    from auditor.sources.archive import pack

    spaces = ("=cmd|x", 'q"uo\\te', "\x1b[31m\u202eevil")
    snapshot = Snapshot(
        origin="manifests",
        taken_at="2026-01-01T00:00:00Z",
        namespaces=tuple(Namespace(metadata=Metadata(name=one)) for one in sorted(spaces)),
        pods=tuple(Pod(metadata=Metadata(name="a", namespace=one)) for one in sorted(spaces)),
    )
    path = folder / "hostile.snapshot"
    path.write_bytes(pack(snapshot))
    return path


def test_dot_has_an_edge_per_connection(run: Run, cluster: FindCluster) -> None:
    """Each connection is an edge with its ports; workloads stand in their namespace's box."""
    text = run("connections", "-f", cluster("shop"), "-o", "dot").out.decode()
    rows = run("connections", "-f", cluster("shop"), "-o", "json").json["connections"]
    assert len(rows) == text.count(" -> ")
    assert f'"{API}" -> "{DB}" [label="TCP 3306"];' in text
    assert 'subgraph "cluster_shop-prod" {' in text


def test_the_table_is_aligned(run: Run, cluster: FindCluster) -> None:
    """Every row's columns begin where the header's do."""
    lines = run("connections", "-f", cluster("shop")).out.decode().splitlines()
    destination, ports = lines[0].index("DESTINATION"), lines[0].index("PORTS")
    assert {"  "} == {line[destination - 2 : destination] for line in lines}
    assert {"  "} == {line[ports - 2 : ports] for line in lines}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("shop-prod/deploy/api", API),
        ("shop-prod/Deployment/api", API),
        ("shop-prod/DEPLOYMENTS/api", API),
        ("shop-prod/api-1", API),
        ("shop-prod/pod/api-1", API),
    ],
)
def test_a_source_narrows_to_its_workload(
    run: Run, cluster: FindCluster, end: str, expected: str
) -> None:
    """`--from` takes a workload by any spelling of its kind, and a pod for its workload."""
    ran = run("connections", "-f", cluster("shop"), "-o", "json", "--from", end)
    assert {expected} == {source for source, _ in pairs(ran)}


def test_a_namespace_narrows_to_its_workloads(run: Run, cluster: FindCluster) -> None:
    """`--from` and `--to` together take rows between the two."""
    ran = run("connections", "-f", cluster("shop"), "-o", "json", "--from", "shop-prod", "--to", DB)
    assert {(API, DB)} == pairs(ran)


def test_an_address_narrows_to_the_range_that_holds_it(run: Run, cluster: FindCluster) -> None:
    """`--to` takes an address for the part of external space that it is in."""
    ran = run(
        "connections", "-f", cluster("shop"), "-o", "json", "--from", DB, "--to", "192.168.5.10"
    )
    assert {(DB, "192.168.5.10-192.168.5.10")} == pairs(ran)


def test_a_port_narrows_to_rows_that_allow_it(run: Run, cluster: FindCluster) -> None:
    """`--port` keeps the rows that allow the port, and shows exactly that port."""
    whole = run("connections", "-f", cluster("shop"), "-o", "json").json["connections"]
    allowing = {
        (name(row["source"]), name(row["destination"]))
        for row in whole
        if row["ports"] == "all"
        or any(one["protocol"] == "UDP" and one["from"] <= 53 <= one["to"] for one in row["ports"])
    }
    ran = run("connections", "-f", cluster("shop"), "-o", "json", "--port", "udp/53")
    assert allowing == pairs(ran)
    shown = {json.dumps(row["ports"]) for row in ran.json["connections"]}
    assert {'[{"protocol": "UDP", "from": 53, "to": 53}]'} == shown


def test_a_ports_name_means_what_each_destination_calls_so(run: Run, manifests: Path) -> None:
    """A name is resolved on the destination; rows whose policies deny that number are left out."""
    ran = run("connections", "-f", manifests, "-o", "json", "--port", "web", "--from", "app")
    found = {
        name(row["destination"]): [
            (one["protocol"], one["from"], one["to"]) for one in row["ports"]
        ]
        for row in ran.json["connections"]
    }
    assert {
        "app/Pod/server": [("TCP", 8080, 8080)],
        "app/Pod/other": [("TCP", 9090, 9090)],
    } == found
    assert set() == pairs(run("connections", "-f", manifests, "-o", "json", "--port", "dns"))


def test_namespaces_narrow_to_either_end(run: Run, cluster: FindCluster) -> None:
    """`-n` keeps what begins or ends in the namespace; nothing about it changes."""
    whole = run("connections", "-f", cluster("shop"), "-o", "json")
    narrowed = run("connections", "-f", cluster("shop"), "-o", "json", "-n", "shop-prod")
    expected = {pair for pair in pairs(whole) if any(end.startswith("shop-prod/") for end in pair)}
    assert expected == pairs(narrowed)
    assert [row for row in whole.json["connections"] if row in narrowed.json["connections"]] == (
        narrowed.json["connections"]
    )


def test_excluded_namespaces_are_shown_as_the_other_end_alone(
    run: Run, cluster: FindCluster
) -> None:
    """A row stays while one of its ends is judged."""
    whole = run("connections", "-f", cluster("shop"), "-o", "json")
    ran = run(
        "connections", "-f", cluster("shop"), "-o", "json",
        "--exclude-namespace", "kube-system=the cluster's own", "--exclude-namespace", "shop-dev",
    )  # fmt: skip
    left_out = ("kube-system/", "shop-dev/")
    expected = {
        pair
        for pair in pairs(whole)
        if any("/" in end and not end.startswith(left_out) for end in pair)
    }
    assert expected == pairs(ran)
    assert len(expected) < len(pairs(whole))


def test_labels_narrow_to_workloads_with_such_pods(run: Run, manifests: Path) -> None:
    """`-l` keeps rows of which one end has a pod with the labels."""
    ran = run("connections", "-f", manifests, "-o", "json", "-l", "app in (server)")
    assert pairs(ran)
    assert all("app/Pod/server" in pair for pair in pairs(ran))


@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        (("--from", "shop-prdo"), "namespace shop-prdo is unknown", "shop-prod"),
        (("--from", "shop-prod/web"), "pod shop-prod/web is unknown", f"did you mean {WEB}?"),
        (("--to", "shop-prod/sts/dbb"), "workload shop-prod/sts/dbb is unknown", DB),
        (("--to", "a/b/c/d"), "'a/b/c/d' names no pod, workload or address", "write namespace/pod"),
        (("--to", ""), "a filter is empty", "write a namespace"),
        (("--port", "webb"), "port webb of the snapshot is unknown", "name no port"),
        (("--port", "0"), "port '0' is out of range", "1 to 65535"),
        (("--port", "icmp/1"), "protocol of port 'icmp/1' is unknown", "udp/53"),
        (("--port", "udp/dns"), "'udp/dns' is no port", "udp/53"),
        (("-n", "shop-pro"), "namespace shop-pro is unknown", "shop-prod"),
        (("-l", "a==b=c"), "'a==b=c' is no requirement", "kubectl's syntax"),
    ],
)
def test_unknown_names_are_answered_with_near_ones(
    run: Run, cluster: FindCluster, flags: tuple[str, ...], message: str, hint: str
) -> None:
    """A name that the snapshot does not hold is exit code 2, never an empty list."""
    ran = run("connections", "-f", cluster("shop"), *flags)
    assert (2, b"") == (ran.code, ran.out)
    first, second = ran.err.splitlines()
    assert message in first
    assert hint in second


def test_a_file_appears_when_it_is_complete(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """`--output-file` writes what standard output would get, and leaves nothing else behind."""
    path = tmp_path / "rows.json"
    printed = run("connections", "-f", cluster("shop"), "-o", "json").out
    ran = run("connections", "-f", cluster("shop"), "-o", "json", "--output-file", path)
    assert (0, b"") == (ran.code, ran.out)
    assert printed == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_an_error(run: Run, cluster: FindCluster) -> None:
    """A folder that does not exist is exit code 1 and one line."""
    ran = run("connections", "-f", cluster("shop"), "--output-file", "missing/rows.json")
    assert 1 == ran.code
    assert "missing/rows.json cannot be written: No such file or directory" in ran.err


def test_the_reading_of_ip_blocks_can_be_said(run: Run, cluster: FindCluster) -> None:
    """A block of the whole of IPv4 matches pods where the settings say so, and none where not."""
    flags = ("connections", "-f", cluster("shop"), "-o", "json", "--from", WEB)
    reached = (WEB, "shop-dev/Deployment/api")
    assert reached in pairs(run(*flags, "--ip-blocks-match-pods", "yes"))
    no = run(*flags, "--ip-blocks-match-pods", "no")
    assert reached not in pairs(no)
    assert [] == no.json["gaps"]


def test_a_cni_that_enforces_nothing_is_named(run: Run, cluster: FindCluster) -> None:
    """What policies declare under a CNI that ignores them is not told as if it held."""
    ran = run("connections", "-f", cluster("shop", "flannel"))
    assert "Flannel does not enforce policies" in ran.err
