"""The picture counts exactly the rows of the connections, namespace by namespace."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.connections import Connection, Endpoint, WorkloadEndpoint
from auditor.model.objects import Metadata, Namespace, Pod
from auditor.model.report import Matrix, MatrixCell
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from auditor.reachability.connections import list_connections
from auditor.reachability.picture import EXTERNAL, NAMES_AT_MOST, count_matrix
from auditor.reachability.view import View, evaluate
from tests.oracle.clusters import snapshots
from tests.oracle.listing import read_range
from tests.rules.auditing import read_text

# Examples are big by nature.
_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)


def counted_rows(view: View) -> dict[tuple[str, str], MatrixCell]:
    """The cells by the names of namespaces, counted row by row from the connections."""
    rows: dict[tuple[str, str], list[Connection]] = defaultdict(list)
    for one in list_connections(view):
        rows[room(one.source), room(one.destination)].append(one)
    sizes: dict[str, int] = defaultdict(int)
    for workload in view.workloads:
        sizes[workload.endpoint.workload.namespace] += 1
    names = [one.name for one in view.snapshot.namespaces]
    cells = {
        (one, other): MatrixCell(
            allowed=len(rows[one, other]),
            unrestricted=sum(row.ports == "all" for row in rows[one, other]),
            total=sizes[one] * sizes[other] - (sizes[one] if one == other else 0),
        )
        for one in names
        for other in names
    }
    for name in names:
        outward = [(row.source, row.destination, row) for row in rows[name, EXTERNAL]]
        inward = [(row.destination, row.source, row) for row in rows[EXTERNAL, name]]
        cells[name, EXTERNAL] = MatrixCell(
            allowed=len({near for near, _, _ in outward}),
            unrestricted=count_whole(outward),
            total=sizes[name],
        )
        allowed = {near for near, _, _ in inward}
        cells[EXTERNAL, name] = MatrixCell(len(allowed), count_whole(inward), sizes[name])
    cells[EXTERNAL, EXTERNAL] = MatrixCell(0, 0, 0)
    return cells


def room(endpoint: Endpoint) -> str:
    """The namespace of an end, or the name of external space."""
    if isinstance(endpoint, WorkloadEndpoint):
        return endpoint.workload.namespace
    return EXTERNAL


def count_whole(rows: list[tuple[Endpoint, Endpoint, Connection]]) -> int:
    """The workloads with every address of one family, on every port."""
    widths: dict[tuple[Endpoint, int], int] = defaultdict(int)
    for near, far, row in rows:
        if row.ports == "all":
            family, first, last = read_range(str(far))
            widths[near, family] += last - first + 1
    whole = {4: 1 << 32, 6: 1 << 128}
    return len({near for (near, family), width in widths.items() if width == whole[family]})


def by_names(matrix: Matrix) -> dict[tuple[str, str], MatrixCell]:
    """The cells of a matrix by the names of row and column."""
    return {
        (one, other): cell
        for one, row in zip(matrix.names, matrix.cells, strict=True)
        for other, cell in zip(matrix.names, row, strict=True)
    }


@settings(max_examples=200, suppress_health_check=_slow_checks)
@given(snapshot=snapshots(), ip_blocks_match_pods=st.booleans())
def test_every_cell_counts_the_rows(
    snapshot: Snapshot,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a drawn value
) -> None:
    """A cell's pairs, those on every port, and all there could be, are those of the rows."""
    view = evaluate(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    ranked = [one.name for one in snapshot.namespaces]
    assert counted_rows(view) == by_names(count_matrix(view, ranked))


@settings(max_examples=100, suppress_health_check=_slow_checks)
@given(snapshot=snapshots(), ip_blocks_match_pods=st.booleans())
def test_grouping_loses_no_pair(
    snapshot: Snapshot,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a drawn value
) -> None:
    """Pairs of namespaces that stand in the group of the rest are counted there."""
    view = evaluate(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    names = [one.name for one in snapshot.namespaces]
    matrix = count_matrix(view, names[:1])
    rest = f"other namespaces ({len(names) - 1})"
    grouped = {name: name if name in {names[0], EXTERNAL} else rest for name in (*names, EXTERNAL)}
    allowed: dict[tuple[str, str], int] = defaultdict(int)
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for (one, other), cell in counted_rows(view).items():
        allowed[grouped[one], grouped[other]] += cell.allowed
        totals[grouped[one], grouped[other]] += cell.total
    assert (names[0], rest, EXTERNAL) == matrix.names
    assert len(names) - 1 == matrix.grouped
    assert allowed == {ends: cell.allowed for ends, cell in by_names(matrix).items()}
    assert totals == {ends: cell.total for ends, cell in by_names(matrix).items()}


def make_cluster(namespaces: int) -> View:
    """Namespaces of one pod each, without policies."""
    names = [f"team-{number:03}" for number in range(namespaces)]
    return evaluate(
        Snapshot(
            origin="manifests",
            taken_at="2026-01-01T00:00:00Z",
            namespaces=tuple(
                Namespace(metadata=Metadata(name=one, labels={NAMESPACE_NAME_LABEL: one}))
                for one in names
            ),
            pods=tuple(Pod(metadata=Metadata(name="web", namespace=one)) for one in names),
        )
    )


def test_the_picture_is_never_larger_than_forty_by_forty() -> None:
    """39 namespaces and external space fit; of 40 the last two in rank are put together."""
    fitting = make_cluster(NAMES_AT_MOST - 1)
    ranked = sorted((one.name for one in fitting.snapshot.namespaces), reverse=True)
    matrix = count_matrix(fitting, ranked)
    assert (*sorted(ranked), EXTERNAL) == matrix.names
    assert 0 == matrix.grouped

    larger = make_cluster(NAMES_AT_MOST)
    ranked = sorted((one.name for one in larger.snapshot.namespaces), reverse=True)
    matrix = count_matrix(larger, ranked)
    assert NAMES_AT_MOST == len(matrix.names)
    assert (*sorted(ranked[:-2]), "other namespaces (2)", EXTERNAL) == matrix.names
    assert 2 == matrix.grouped
    assert MatrixCell(2, 2, 2) == matrix.cells[-2][-2]
    assert MatrixCell(2, 2, 2) == matrix.cells[0][-2]


def test_a_part_of_external_space_is_not_the_whole_of_it() -> None:
    """Open on every port to one private range is allowed, and not unrestricted, either way."""
    view = evaluate(
        read_text("""\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: office, namespace: app}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
""")
    )
    cells = by_names(count_matrix(view, ["app"]))
    assert MatrixCell(allowed=1, unrestricted=0, total=1) == cells["app", EXTERNAL]
    assert MatrixCell(allowed=1, unrestricted=0, total=1) == cells[EXTERNAL, "app"]
