"""report.pdf, as a PDF reader sees it."""

import io
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader

from auditor.model.findings import RuleStatus
from auditor.model.report import Audit, RuleRecord
from reports.layout import PAPER
from reports.pdf import refuse_everything, render_pdf
from tests.reports.audits import RULES, make_audit, make_many, make_shop
from tests.reports.governance import make_governed
from tests.reports.hostile import make_hostile

# Laying pages out is WeasyPrint's work, and tracing doubles its time; what is ours is traced while
# the fixture is made.
pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).parent.parent.parent


def read(document: bytes) -> PdfReader:
    """Open a PDF."""
    return PdfReader(io.BytesIO(document))


def text_of(reader: PdfReader) -> str:
    """Return the text of all pages, white space folded."""
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


@pytest.fixture(scope="module")
def shop() -> PdfReader:
    """The small realistic report."""
    return read(render_pdf(make_shop()))


def test_the_cover_says_what_was_audited_when_and_by_what(shop: PdfReader) -> None:
    """Cluster, UID, times in UTC, run, tool, settings digest, report digest, verdict."""
    cover = " ".join(shop.pages[0].extract_text().split())
    for part in (
        "shop-cluster",
        "6f2b5a0e-77f1-4c55-9d0e-0c6e5b6d3a11",
        "2026-11-21 14:03:05 UTC",
        "2026-11-21 14:03:07 UTC",
        "2026-11-21T14-03-07Z-5f1c9a",
        "netpol-auditor 0.1.0",
        "ab" * 32,
        make_shop().report.digest,
        "10 open findings: 7 high, 1 medium and 2 low",
    ):
        assert part in cover, part


def test_the_conclusion_begins_with_the_counts(shop: PdfReader) -> None:
    """Counts, the verdict, the worst findings, then what is no alarm: on the second page."""
    text = " ".join(shop.pages[1].extract_text().split())
    order = [
        "Conclusion",
        "7 High",
        "2 of the open findings are in system namespaces",
        "Worst first",
        "shop-dev lacks a default deny for egress Namespace/shop-dev and 1 more",
        "pods in payments: forbidden",
        "Score",
    ]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions


def test_an_alarm_stands_before_the_worst_findings() -> None:
    """Policies that are not enforced are no footnote."""
    audit = make_shop()
    cluster = msgspec.structs.replace(
        audit.report.cluster, cni=msgspec.structs.replace(audit.report.cluster.cni, enforces=False)
    )
    report = msgspec.structs.replace(audit.report, cluster=cluster)
    audit = msgspec.structs.replace(audit, report=report)
    text = " ".join(read(render_pdf(audit)).pages[1].extract_text().split())
    order = ["Policies are declared, but not enforced", "Worst first", "pods in payments"]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions


def test_the_scope_follows_the_contents(shop: PdfReader) -> None:
    """On the same page, and the contents are not torn apart."""
    text = " ".join(shop.pages[2].extract_text().split())
    for part in ("Contents", "Gaps", "Appendix: rule pages", "Scope", "Namespaces judged"):
        assert part in text, part


def test_every_page_has_its_number_the_run_and_the_digest(shop: PdfReader) -> None:
    """A single sheet can be put back where it belongs."""
    total = len(shop.pages)
    for number, page in enumerate(shop.pages, start=1):
        text = page.extract_text()
        assert f"Page {number} of {total}" in text
        assert f"Run 2026-11-21T14-03-07Z-5f1c9a · digest {make_shop().report.digest[:16]}" in text


def test_gaps_findings_rules_and_pages_are_in_the_document(shop: PdfReader) -> None:
    """What HTML says, PDF says: gaps, evidence, remediation, reasons, rule pages."""
    text = text_of(shop)
    for part in (
        "not complete: 2 gaps",
        "forbidden: the account may not list pods here",
        "monitoring/Deployment/prometheus → shop-dev/StatefulSet/db on TCP 3306",
        "apiVersion: networking.k8s.io/v1",
        "Closes 42 connections of today, of which 2 are listed:",
        "Not evaluated: payments: its pods were not read",
        "Findings in system namespaces: 2",
        "Nothing isolates a new pod, whatever its labels.",
        "Prepared (name, date)",
    ):
        assert part in text, part


def test_rules_that_were_not_evaluated_or_only_declared_are_marked() -> None:
    """No pass where there is none."""
    rules = [
        RuleRecord(RULES[0][0], RuleStatus.NOT_EVALUATED, declared_only=False, reason="no pods"),
        RuleRecord(RULES[1][0], RuleStatus.PASS, declared_only=True, reason=None),
    ]
    text = text_of(read(render_pdf(make_audit(rules=rules))))
    assert "Not evaluated: no pods" in text
    assert "pass declared only" in text


def test_waivers_controls_and_the_score_are_in_the_document() -> None:
    """Who accepted what, the matrix with its limits, and the formula beside the value."""
    text = text_of(read(render_pdf(make_governed())))
    for part in (
        "1 waiver expired: 1 finding is open again",
        "1 waived: 1 high (not among those above)",
        "50.0 of 100 (S = 20, W = 20)",
        "Expired: 1", "Expiring within 30 days: 1", "In use: 1", "Unused: 1", "Not honoured: 1",
        "Approved by security board", "Ticket SEC-1234", "2026-12-21 (in 30 days)",
        "Waiver: until 2026-12-31, owner team-shop",
        "it holds no longer, and the finding is open again",
        "Severity medium by the settings, high by default: a mesh isolates pods",
        "Disabled: a proxy",
        "not evidence that a control operated effectively",
        "Read as “literal”: each namespace holds a policy: pass",
        "Id and title not verified in the source",
        "Controls touched: Benchmark 1.0: 5.3.2; Standard 2022: 8.20, 8.21",
    ):  # fmt: skip
        assert part in text, part


def test_the_document_has_bookmarks(shop: PdfReader) -> None:
    """The sections, in order."""
    titles = [str(one["/Title"]) for one in shop.outline if not isinstance(one, list)]
    assert [
        "Conclusion", "Changes since the last run", "Trend", "Scope", "Gaps",
        "Who can reach whom", "Findings: 8", "Findings in system namespaces: 2", "Exceptions",
        "Rules", "Controls", "Evidence", "Sign-off", "Appendix: rule pages",
    ] == titles  # fmt: skip


def test_the_document_is_tagged_and_its_dates_are_the_runs(shop: PdfReader) -> None:
    """For screen readers; and no clock leaves a trace."""
    root: Any = shop.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "en" == root["/Lang"]
    metadata = shop.metadata
    assert metadata is not None
    assert "2026-11-21T14:03:07+00:00" == metadata.creation_date.isoformat()  # type: ignore[union-attr]
    assert "Network policy audit: shop-cluster" == metadata.title


def test_every_font_is_embedded(shop: PdfReader) -> None:
    """The document looks the same where these fonts are not installed."""
    fonts = {}
    for page in shop.pages:
        for reference in page["/Resources"]["/Font"].values():  # type: ignore[index]
            descendant = reference.get_object()["/DescendantFonts"][0].get_object()
            fonts[descendant["/BaseFont"]] = descendant["/FontDescriptor"].get_object()
    assert fonts, "the document uses a font"
    assert [] == [
        name
        for name, descriptor in fonts.items()
        if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
    ]


def test_the_same_audit_gives_the_same_bytes_in_another_process() -> None:
    """Neither the clock nor Python's hash seed nor memory addresses show."""
    code = (
        "import sys; from reports.pdf import render_pdf;"
        "from tests.reports.audits import make_shop;"
        "sys.stdout.buffer.write(render_pdf(make_shop()))"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0].startswith(b"%PDF-")
    assert made[0] == made[1]


def test_rows_are_capped_and_the_rest_is_counted() -> None:
    """A listed finding has its id in the text; of the others there is a number, and a place."""
    audit = make_many(40)
    text = text_of(read(render_pdf(audit, replace(PAPER, full_rows=2, finding_rows=10))))
    listed = [one.id for one in audit.report.findings if one.id in text]
    assert 10 == len(listed)
    assert "26 further findings" in text
    assert "4 further findings" in text
    assert "report.html, report.json and findings.csv hold every finding." in text
    assert "2 findings are shown with evidence and remediation: the first 3 of each rule" in text


@pytest.mark.slow
def test_6000_findings_give_a_document_of_1000() -> None:
    """The PDF's cost is bounded, and the rest is counted."""
    audit = make_many(6000)
    text = text_of(read(render_pdf(audit)))
    assert 1000 == sum(one.id in text for one in audit.report.findings)
    assert "4,400 further findings" in text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        (
            '"><img src="https://evil.example/x"><link href=file:///etc/passwd>',
            '"><img src="https:',
        ),
        ("</style><style>@import 'https://evil.example'; * {display: none}", "</style><style>@im"),
        ("admin\u202etxt.exe\x00\ud800\n", "admin\\u202etxt.exe\\x00\\ud800\\n"),
        ("אבג {{ 7*7 }}", "אבג"),
    ],
    ids=["elements", "styles", "characters", "words"],
)
def test_hostile_strings_are_text(
    hostile: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is asked for, nothing vanishes, the string stands on the pages as it is."""
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        reader = read(render_pdf(make_hostile(hostile)))
    assert [] == [one for one in caplog.messages if "evil" in one or "passwd" in one]
    text = text_of(reader)
    assert "Conclusion" in text
    assert shown in text
    assert "\u202e" not in text
    assert [] == uris(reader)


def test_a_word_of_ten_thousand_characters_does_not_hold_the_renderer_up() -> None:
    """One name in a manifest once took minutes of processor time; it takes seconds."""
    audit = make_hostile("x" * 10_000)
    # what changed has limits of its own (test_pdf_drift), and as many pages again
    report = msgspec.structs.replace(audit.report, drift=None)
    audit = msgspec.structs.replace(audit, report=report, trend=None)
    before = time.process_time()
    text = text_of(read(render_pdf(audit)))
    assert time.process_time() - before < 30
    assert "(10,000 characters)" in text


def uris(reader: PdfReader) -> list[str]:
    """Return the addresses that a document links to."""
    annotations = [
        one.get_object() for page in reader.pages for one in page.get("/Annots", []) or []
    ]
    return [str(one["/A"]["/URI"]) for one in annotations if "/URI" in one.get("/A", {})]


@pytest.mark.parametrize(
    "audit", [make_shop(), make_governed(), make_audit()], ids=["shop", "governed", "empty"]
)
def test_the_renderer_has_nothing_to_complain_about(
    audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    """Every style is understood and every link leads somewhere: no warning reaches a user."""
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        render_pdf(audit)
    assert [] == caplog.messages


def test_the_renderer_fetches_nothing(tmp_path: Path) -> None:
    """Not from a server, not from a file, not from a data address: asked by its own fetcher."""
    from weasyprint import HTML

    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    (tmp_path / "style.css").write_text("p { display: none }", encoding="utf-8")
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        document = (
            f'<img src="{address}/image"><link rel="stylesheet" href="{address}/style">'
            f'<link rel="stylesheet" href="{(tmp_path / "style.css").as_uri()}">'
            '<link rel="stylesheet" href="data:text/css,p{display:none}"><p>kept'
        )
        written = HTML(string=document, url_fetcher=refuse_everything()).write_pdf()
        server.shutdown()
    assert [] == asked
    assert "kept" in text_of(read(written))
