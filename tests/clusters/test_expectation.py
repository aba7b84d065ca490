"""The comparison behind the scenarios sees every difference, and none where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clusters.expectation import Expectation, load, read_workloads

MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: lone}
"""
WEB = {"namespace": "shop", "kind": "Deployment", "name": "web"}
DB = {"namespace": "shop", "kind": "StatefulSet", "name": "db"}
LONE = {"namespace": "default", "kind": "Pod", "name": "lone"}
ALL_IPV4 = {"addresses": "0.0.0.0-255.255.255.255"}
ALL_IPV6 = {"addresses": "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}


def expect(folder: Path, connections: str, findings: str = "[]") -> Expectation:
    """Write manifests and an expected.yaml of these rows, and load it."""
    (folder / "manifests.yaml").write_text(MANIFESTS, encoding="utf-8")
    path = folder / "expected.yaml"
    path.write_text(f"connections: {connections}\nfindings: {findings}\n", encoding="utf-8")
    return load(path)


def row(source: dict[str, str], destination: dict[str, str], *ports: Any) -> dict[str, Any]:
    """One row of the Connections contract; `all` without ports."""
    objects = [{"protocol": p, "from": first, "to": last} for p, first, last in ports]
    return {"source": source, "destination": destination, "ports": objects or "all"}


def document(*rows: dict[str, Any]) -> dict[str, Any]:
    """A document of the Connections contract."""
    return {"schema": "netpol-auditor/connections/v1", "connections": list(rows), "gaps": []}


def finding(namespace: str | None, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """A finding of report.json, as far as it is compared."""
    return {
        "id": "0123456789abcdef",
        "rule": "environments-can-talk",
        "subject": {"namespace": namespace, "kind": kind, "name": name},
        "detail": "",
        "severity": "high",
        **fields,
    }


def test_workloads_come_from_the_manifests_alone(tmp_path: Path) -> None:
    """Workloads are read from every manifest, with `default` where no namespace is given."""
    expect(tmp_path, "[]")
    expected = frozenset({"shop/Deployment/web", "shop/StatefulSet/db", "default/Pod/lone"})
    assert expected == read_workloads(tmp_path)


def test_equal_connections_have_no_difference(tmp_path: Path) -> None:
    """Rows that say the same give an empty list, in whatever order."""
    expectation = expect(
        tmp_path,
        "[{from: [shop/Deployment/web], to: [shop/StatefulSet/db], ports: [TCP 3306, UDP 53-54]},"
        " {from: [shop/StatefulSet/db], to: [192.168.5.10], ports: [TCP 80]}]",
    )
    backup = {"addresses": "192.168.5.10-192.168.5.10"}
    actual = document(
        row(DB, backup, ("TCP", 80, 80)), row(WEB, DB, ("TCP", 3306, 3306), ("UDP", 53, 54))
    )
    assert expectation.compare_connections(actual) == []


def test_a_missing_row_is_a_difference(tmp_path: Path) -> None:
    """A pair that the document lacks is named."""
    rows = "[{from: [shop/Deployment/web], to: [shop/StatefulSet/db], ports: [TCP 3306]}]"
    expected = ["shop/Deployment/web → shop/StatefulSet/db: expected TCP 3306, actual nothing"]
    assert expected == expect(tmp_path, rows).compare_connections(document())


def test_a_workload_that_the_output_forgot_is_a_difference(tmp_path: Path) -> None:
    """`*` stands for the manifests' workloads, not for those that the document knows."""
    expectation = expect(tmp_path, '[{from: [shop/Deployment/web], to: ["*"], ports: all}]')
    expected = ["shop/Deployment/web → default/Pod/lone: expected all, actual nothing"]
    assert expected == expectation.compare_connections(document(row(WEB, DB)))


def test_an_extra_row_is_a_difference(tmp_path: Path) -> None:
    """A pair that nothing expects is named."""
    actual = document(row(WEB, LONE, ("TCP", 80, 90)))
    expected = ["shop/Deployment/web → default/Pod/lone: expected nothing, actual TCP 80-90"]
    assert expected == expect(tmp_path, "[]").compare_connections(actual)


def test_a_row_from_a_workload_to_itself_is_never_expected(tmp_path: Path) -> None:
    """`*` to `*` drops self pairs; a document that has one breaks the contract."""
    expectation = expect(tmp_path, "[{from: [shop/*], to: [shop/*], ports: all}]")
    assert expectation.compare_connections(document(row(WEB, DB), row(DB, WEB))) == []
    expected = ["shop/Deployment/web → shop/Deployment/web: expected nothing, actual all"]
    actual = document(row(WEB, DB), row(DB, WEB), row(WEB, WEB))
    assert expected == expectation.compare_connections(actual)


def test_connections_between_addresses_are_never_expected(tmp_path: Path) -> None:
    """External to external is dropped."""
    expectation = expect(tmp_path, "[{from: [external], to: [external], ports: all}]")
    assert expectation.compare_connections(document()) == []


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        ([("TCP", 3307, 3307)], "TCP 3307"),
        ([("UDP", 3306, 3306)], "UDP 3306"),
        ([("TCP", 3306, 3307)], "TCP 3306-3307"),
    ],
)
def test_a_wrong_port_is_a_difference(
    tmp_path: Path, ports: list[tuple[str, int, int]], shown: str
) -> None:
    """Number, protocol and extent of a port all count."""
    rows = "[{from: [shop/Deployment/web], to: [shop/StatefulSet/db], ports: [TCP 3306]}]"
    pair = "shop/Deployment/web → shop/StatefulSet/db"
    actual = expect(tmp_path, rows).compare_connections(document(row(WEB, DB, *ports)))
    assert [f"{pair}: expected TCP 3306, actual {shown}"] == actual


def test_all_is_more_than_every_port_of_three_protocols(tmp_path: Path) -> None:
    """`all` includes ICMP, three full protocols do not."""
    rows = "[{from: [shop/Deployment/web], to: [shop/StatefulSet/db], ports: all}]"
    three = [(protocol, 1, 65535) for protocol in ("SCTP", "TCP", "UDP")]
    actual = expect(tmp_path, rows).compare_connections(document(row(WEB, DB, *three)))
    pair = "shop/Deployment/web → shop/StatefulSet/db"
    assert [f"{pair}: expected all, actual SCTP 1-65535, TCP 1-65535, UDP 1-65535"] == actual


def test_rows_of_one_pair_are_united(tmp_path: Path) -> None:
    """Several expected rows of one pair add up, touching ranges included, and `all` covers them."""
    expectation = expect(
        tmp_path,
        "[{from: [shop/Deployment/web], to: [shop/StatefulSet/db], ports: [TCP 80-89, TCP 90]},"
        " {from: [shop/*], to: [shop/StatefulSet/db], ports: [TCP 85-99]},"
        " {from: [default/Pod/lone], to: [shop/*], ports: [TCP 80]},"
        " {from: [default/Pod/lone], to: [shop/StatefulSet/db], ports: all}]",
    )
    actual = document(row(WEB, DB, ("TCP", 80, 99)), row(LONE, WEB, ("TCP", 80, 80)), row(LONE, DB))
    assert expectation.compare_connections(actual) == []


def test_addresses_cut_differently_are_equal(tmp_path: Path) -> None:
    """How finely either side cuts address space does not matter."""
    expectation = expect(
        tmp_path,
        "[{from: [external], to: [shop/Deployment/web], ports: [TCP 80]},"
        " {from: [10.0.0.0/9, 10.128.0.0/9], to: [shop/StatefulSet/db], ports: all}]",
    )
    web_80 = ("TCP", 80, 80)
    actual = document(
        row({"addresses": "0.0.0.0-10.1.2.3"}, WEB, web_80),
        row({"addresses": "10.1.2.4-255.255.255.255"}, WEB, web_80),
        row({"addresses": "::-2001:db8::"}, WEB, web_80),
        row({"addresses": "2001:db8::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, WEB, web_80),
        row({"addresses": "10.0.0.0-10.255.255.255"}, DB),
    )
    assert expectation.compare_connections(actual) == []


def test_one_address_too_many_or_too_few_is_a_difference(tmp_path: Path) -> None:
    """Address space is compared to the single address, at both ends."""
    rows = "[{from: [shop/Deployment/web], to: [10.0.0.0/24], ports: all}]"
    actual = document(row(WEB, {"addresses": "10.0.0.1-10.0.1.0"}))
    expected = [
        "shop/Deployment/web → 10.0.0.0-10.0.0.0: expected all, actual nothing",
        "shop/Deployment/web → 10.0.1.0-10.0.1.0: expected nothing, actual all",
    ]
    assert expected == expect(tmp_path, rows).compare_connections(actual)


def test_external_is_both_families(tmp_path: Path) -> None:
    """A document that forgets IPv6 differs, and no IPv4 number stands for an IPv6 one."""
    expectation = expect(tmp_path, "[{from: [shop/Deployment/web], to: [external], ports: all}]")
    pair = "shop/Deployment/web → ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert [f"{pair}: expected all, actual nothing"] == expectation.compare_connections(
        document(row(WEB, ALL_IPV4))
    )
    both = document(row(WEB, ALL_IPV4), row(WEB, ALL_IPV6))
    assert expectation.compare_connections(both) == []


def test_exceptions_take_workloads_and_addresses_away(tmp_path: Path) -> None:
    """except_from and except_to remove workloads and the inside of ranges."""
    expectation = expect(
        tmp_path,
        '[{from: ["*"], except_from: [shop/*], to: [10.0.0.0/8], except_to: [10.1.0.0/16],'
        " ports: all}]",
    )
    actual = document(
        row(LONE, {"addresses": "10.0.0.0-10.0.255.255"}),
        row(LONE, {"addresses": "10.2.0.0-10.255.255.255"}),
    )
    assert expectation.compare_connections(actual) == []


def test_a_variant_is_another_end_than_its_workload(tmp_path: Path) -> None:
    """A row that names a variant does not pass for the whole workload's."""
    rows = "[{from: [shop/Deployment/web], to: [shop/StatefulSet/db], ports: all}]"
    actual = document(row(WEB | {"variant": "track=canary"}, DB))
    expected = [
        "shop/Deployment/web (track=canary) → shop/StatefulSet/db: expected nothing, actual all",
        "shop/Deployment/web → shop/StatefulSet/db: expected all, actual nothing",
    ]
    assert expected == expect(tmp_path, rows).compare_connections(actual)


@pytest.mark.parametrize(
    "ports",
    [
        [],
        [{"protocol": "UDP", "from": 53, "to": 53}, {"protocol": "TCP", "from": 53, "to": 53}],
        [{"protocol": "TCP", "from": 80, "to": 80}, {"protocol": "TCP", "from": 81, "to": 81}],
    ],
)
def test_ports_outside_their_normal_form_are_a_difference(
    tmp_path: Path, ports: list[dict[str, Any]]
) -> None:
    """The contract's ports are sorted and merged, and a row has some."""
    actual = expect(tmp_path, "[]").compare_connections(
        document({"source": WEB, "destination": DB, "ports": ports})
    )
    pair = "shop/Deployment/web → shop/StatefulSet/db"
    assert any(line.startswith(f"{pair}: ports must be sorted, merged and some") for line in actual)


def test_another_schema_is_a_difference(tmp_path: Path) -> None:
    """A document of another contract is not compared at all."""
    actual = expect(tmp_path, "[]").compare_connections({"schema": "other/v1", "connections": []})
    assert ["schema: expected netpol-auditor/connections/v1, actual other/v1"] == actual


@pytest.mark.parametrize(
    ("connections", "reason"),
    [
        ("[{from: [shop/Deployment/wbe], to: [external], ports: all}]", "shop/Deployment/wbe"),
        ('[{from: ["shp/*"], to: [external], ports: all}]', "holds no workload"),
        ("[{from: [shop/*], to: [external], port: all}]", "unknown"),
        ("[{from: [shop/*], to: [external]}]", "missing"),
        ("[{from: [shop/*], to: [external], ports: [TPC 80]}]", "TPC 80"),
        ("[{from: [shop/*], to: [external], ports: [TCP 90-80]}]", "TCP 90-80"),
        ("[{from: [shop/*], to: [10.0.0.9-10.0.0.1], ports: all}]", "not a range"),
        ("[{from: [shop/*], except_from: [default/*], to: [external], ports: all}]", "excepted"),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused(
    tmp_path: Path, connections: str, reason: str
) -> None:
    """A slip in expected.yaml is an error, never a row that silently matches nothing."""
    with pytest.raises(ValueError, match=reason):
        expect(tmp_path, connections)


FINDINGS = """
  - {rule: environments-can-talk, subject: Environments/dev→prod, detail: null, severity: high}
  - {rule: namespace-lacks-default-deny, subject: dev/Namespace/dev, detail: ingress, severity: low}
"""


def test_findings_are_compared(tmp_path: Path) -> None:
    """Rule, subject, detail and severity are equal; an empty detail and null are one."""
    expectation = expect(tmp_path, "[]", FINDINGS)
    leak = finding(None, "Environments", "dev→prod")
    deny = finding("dev", "Namespace", "dev", rule="namespace-lacks-default-deny", detail="ingress")
    low = deny | {"severity": "low"}
    assert expectation.compare_findings([leak, low]) == []
    assert expectation.compare_findings([leak | {"detail": None}, low]) == []
    expected = [
        "extra finding: namespace-lacks-default-deny on dev/Namespace/dev, detail ingress, high",
        "missing finding: namespace-lacks-default-deny on dev/Namespace/dev, detail ingress, low",
    ]
    assert expected == expectation.compare_findings([leak, deny])


def test_lists_of_subjects_and_details_are_a_finding_each(tmp_path: Path) -> None:
    """Findings that are alike in the rest stand in one line: every subject with every detail."""
    line = "{rule: open, subject: [a/Pod/b, a/Pod/c], detail: [ingress, egress], severity: low}"
    both = [
        finding("a", "Pod", name, rule="open", detail=detail, severity="low")
        for name in ("b", "c")
        for detail in ("ingress", "egress")
    ]
    expectation = expect(tmp_path, "[]", f"[{line}]")
    assert expectation.compare_findings(both) == []
    missing = ["missing finding: open on a/Pod/c, detail egress, low"]
    assert missing == expectation.compare_findings(both[:-1])


def test_a_finding_given_twice_is_a_difference(tmp_path: Path) -> None:
    """Findings are compared as multisets."""
    expectation = expect(tmp_path, "[]", FINDINGS)
    leak = finding(None, "Environments", "dev→prod")
    low = finding("dev", "Namespace", "dev", rule="namespace-lacks-default-deny", detail="ingress")
    actual = expectation.compare_findings([leak, leak, low | {"severity": "low"}])
    assert actual == [
        "extra finding: environments-can-talk on Environments/dev→prod, detail none, high"
    ]
