"""The files of a report."""

from reports.files import render
from tests.reports.audits import make_shop


def test_a_report_is_four_files_each_announced_before_it_is_made() -> None:
    """JSON, CSV, HTML, PDF: each told apart by its first bytes."""
    announced: list[str] = []
    made = {}
    for name, content in render(make_shop(), announced.append):
        assert name == announced[-1]
        made[name] = content
    starts = {
        "report.json": b"{\n",
        "findings.csv": b'\xef\xbb\xbf"id"',
        "report.html": b"<!doctype html>",
        "report.pdf": b"%PDF-",
    }
    assert list(starts) == announced
    assert starts == {name: made[name][: len(start)] for name, start in starts.items()}


def test_progress_is_optional() -> None:
    """A job without a terminal tells nobody."""
    name, content = next(render(make_shop()))
    assert "report.json" == name
    assert content
