"""The picture's cells."""

import pytest

from auditor.model.report import Matrix, MatrixCell
from reports.charts import describe_share, draw, level
from tests.reports.audits import make_matrix


@pytest.mark.parametrize(
    ("allowed", "total", "share", "expected"),
    [
        (0, 0, "·", 0),
        (0, 12, "0", 0),
        (1, 1000, "<1", 1),
        (3, 12, "25", 2),
        (6, 12, "50", 3),
        (11, 12, "91", 4),
        (999, 1000, "99", 4),
        (12, 12, "100", 5),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(
    allowed: int, total: int, share: str, expected: int
) -> None:
    """0 means no pair, 100 every pair; between them the level of colour goes by quarters."""
    cell = MatrixCell(allowed=allowed, unrestricted=0, total=total)
    assert (share, expected) == (describe_share(cell), level(cell))


def test_a_cell_says_in_words_what_its_colour_says() -> None:
    """The title has the names, the pairs, and how many are open on every port."""
    none, some = MatrixCell(0, 0, 0), MatrixCell(6, 2, 12)
    picture = draw(Matrix(("dev", "prod"), ((none, some), (none, none)), grouped=0))
    cell = picture.rows[0].cells[1]
    assert "dev → prod: 6 of 12 workload pairs may connect, 2 on every port" == cell.title
    assert (True, "50") == (cell.open, cell.text)
    assert "dev → dev: no pair of workloads" == picture.rows[0].cells[0].title


def test_grouped_namespaces_are_counted() -> None:
    """Where the rest stands in one group, the picture says how many these are."""
    assert "360 other namespaces stand in one group." in draw(make_matrix(["a", "b"], 360)).note
    assert "" == draw(make_matrix(["a", "b"])).note


def test_the_most_open_pairs_come_first() -> None:
    """Pairs of different namespaces, those open on every port first."""
    closed = MatrixCell(0, 0, 4)
    cells = (
        (MatrixCell(9, 9, 9), MatrixCell(4, 0, 4), MatrixCell(1, 1, 4)),
        (closed, closed, closed),
        (MatrixCell(2, 1, 4), closed, closed),
    )
    pairs = draw(Matrix(("a", "b", "c"), cells, grouped=0)).pairs
    assert [("c", "a", 2, 1, "50 %"), ("a", "c", 1, 1, "25 %"), ("a", "b", 4, 0, "100 %")] == [
        (one.source, one.destination, one.allowed, one.unrestricted, one.share) for one in pairs
    ]
