"""report.html in a real browser: the policy holds, the script works, nothing complains."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.drift import WRITERS
from reports.html import render_html
from tests.reports.audits import make_many, make_shop
from tests.reports.document import Element, by_id, find_all, parse, text_of
from tests.reports.drifts import make_drifted, make_listing
from tests.reports.hostile import STRINGS, make_hostile, make_hostile_listing

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

Open = Callable[[bytes, str], tuple[Element, list[str]]]


@pytest.fixture
def open_page(tmp_path: Path) -> Open:
    """Open a document at a fragment; return its elements as they are then, and the console."""

    def open_document(document: bytes, fragment: str = "") -> tuple[Element, list[str]]:
        path = tmp_path / "report.html"
        path.write_bytes(document)
        command = [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            "--dump-dom",
            f"{path.as_uri()}{fragment}",
        ]
        ran = subprocess.run(command, capture_output=True, check=True, timeout=120)
        lines = ran.stderr.decode(errors="replace").splitlines()
        return parse(ran.stdout), [line for line in lines if ":CONSOLE" in line]

    return open_document


def shown(document: Element) -> list[str]:
    """Return the subjects of the findings that are not hidden."""
    return [
        text_of(find_all(one, "span", class_="subject")[0])
        for one in find_all(document, "details", class_="finding")
        if one.get("hidden") is None
    ]


def test_the_console_is_heard(open_page: Open) -> None:
    """A violation of the policy is seen by these tests: their silence means something."""
    document = render_html(make_shop()).replace(
        b"<main>", b'<main><p style="color: red" onclick="x()">x</p><script>alert(1)</script>'
    )
    _, console = open_page(document, "")
    assert any("Content Security Policy" in line for line in console), console


@pytest.mark.parametrize("fragment", ["", "#finding-0000000000000008", "#?q=db&severity=high"])
def test_the_page_has_no_error_and_no_violation(open_page: Open, fragment: str) -> None:
    """The console is empty, and the script ran: the filter is there."""
    document, console = open_page(render_html(make_shop()), fragment)
    assert [] == console
    assert by_id(document, "filter").get("hidden") is None


def test_a_report_with_a_history_has_no_error_and_no_violation(open_page: Open) -> None:
    """The drawing needs no style that the policy refuses; a new finding is linked and unfolded."""
    document, console = open_page(render_html(make_drifted()), "#finding-0000000000000003")
    assert [] == console
    assert by_id(document, "finding-0000000000000003").get("open") is not None


def test_the_page_of_a_drift_has_no_error_and_no_violation(open_page: Open) -> None:
    """Neither with names as they are nor with hostile ones; no script runs."""
    hostile = " ".join(one for one in STRINGS if len(one) < 100)
    for listing in (make_listing(), make_hostile_listing(hostile)):
        document, console = open_page(b"".join(WRITERS["html"](listing)), "")
        assert [] == console
        assert [] == find_all(document, "script")


def test_hostile_strings_run_nowhere(open_page: Open) -> None:
    """All of them at once: no script but ours, no request, no violation."""
    hostile = " ".join(one for one in STRINGS if len(one) < 100)
    document, console = open_page(render_html(make_hostile(hostile)), "")
    assert [] == console
    assert 1 == len(find_all(document, "script"))
    assert [] == find_all(document, "img")


def test_without_a_filter_every_finding_is_shown(open_page: Open) -> None:
    """The number of findings is said."""
    document, _ = open_page(render_html(make_shop()), "")
    assert 10 == len(shown(document))


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("#?severity=medium", ["shop-prod/Deployment/web"]),
        ("#?severity=medium,low", ["shop-prod/Deployment/web", *["Namespace/kube-system"] * 2]),
        ("#?rule=environments-can-talk", ["Environments/dev→prod"]),
        ("#?namespace=shop-prod", ["shop-prod/Deployment/web"]),
        ("#?q=MYSQL+pod", ["shop-dev/StatefulSet/db"]),
        ("#?q=egress&namespace=shop-dev&severity=low", []),
    ],
)
def test_the_fragment_filters(open_page: Open, fragment: str, expected: list[str]) -> None:
    """A filter is a link that can be sent to somebody."""
    document, console = open_page(render_html(make_shop()), fragment)
    assert [] == console
    assert expected == shown(document)


def test_a_section_without_a_match_is_folded_away(open_page: Open) -> None:
    """No empty frame is left behind."""
    document, _ = open_page(render_html(make_shop()), "#?severity=medium")
    system = find_all(by_id(document, "system-findings"), "details", class_="problem")
    assert [""] == [one.get("hidden") for one in system]


@pytest.mark.parametrize(
    ("fragment", "opened"),
    [("", None), ("#?severity=low", ""), ("#finding-0000000000000009", "")],
)
def test_folded_findings_are_shown_to_whoever_asks_for_them(
    open_page: Open, fragment: str, opened: str | None
) -> None:
    """Minor problems are folded; a filter that leaves them, or a link to one, unfolds them."""
    document, console = open_page(render_html(make_shop()), fragment)
    (minor,) = find_all(by_id(document, "system-findings"), "details", class_="problem")
    assert [] == console
    assert opened == minor.get("open")


def test_a_finding_that_is_linked_to_is_unfolded(open_page: Open) -> None:
    """The link from a ticket shows the evidence, not a closed line."""
    document, _ = open_page(render_html(make_shop()), "#finding-0000000000000003")
    assert by_id(document, "finding-0000000000000003").get("open") is not None
    assert by_id(document, "finding-0000000000000004").get("open") is None


def test_a_finding_within_a_group_unfolds_its_group(open_page: Open) -> None:
    """Also where findings are grouped, their links lead to them."""
    document, console = open_page(render_html(make_many(5001)), "#finding-0000000000000003")
    opened = [
        one for one in find_all(document, "details", class_="group") if one.get("open") is not None
    ]
    assert [] == console
    assert ["finding-0000000000000003"] == [
        row.get("id")
        for one in opened
        for row in find_all(one, "tr")
        if row.get("id") == "finding-0000000000000003"
    ]


@pytest.mark.parametrize("fragment", ["#%", "#?severity=<script>&rule=none", "#finding-none"])
def test_a_strange_fragment_is_harmless(open_page: Open, fragment: str) -> None:
    """What does not fit is left out; nothing breaks."""
    document, console = open_page(render_html(make_shop()), fragment)
    assert [] == console
    assert 10 == len(shown(document))
