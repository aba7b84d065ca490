"""Messages: what stands in them, that both halves are complete, and that names stay inert."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import msgspec
import pytest

from auditor.model.drift import ScopeChange, ScopeChangeKind
from auditor.model.report import Extract
from reports.mail import LARGEST_HTML, MailBody, render_mail
from reports.mail_view import Occasion, SentReport, Undelivered
from reports.text import MINUS
from tests.reports.audits import make_audit, make_many, make_shop
from tests.reports.document import Element, find_all, parse, text_of
from tests.reports.drifts import make_drift, make_large, make_unchanged
from tests.reports.hostile import STRINGS, make_hostile, make_hostile_drift
from tests.reports.mails import FIRST, MAILS, WEEK, make_gaps

_ALLOWED = {
    *("html", "head", "meta", "title", "body", "table", "tbody", "tr", "td", "p", "h1", "h2"),
    *("b", "br", "span", "a"),
}


_OF_ONE = frozenset(
    {"open", "role", "presentation", "table", "width", "640", "align", "center", "endif", "mso"}
)
"""Words of the button, and of the comments for Outlook."""


def words_of(mail: MailBody) -> str:
    """Return the text of the HTML, white space folded; cells are parted by it."""
    parted = re.sub(r"<(?=/td|/p|/h1|br)", " <", mail.html)
    return folded(text_of(parse(parted.encode())))


def folded(text: str) -> str:
    """Return a text, white space folded."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("drift", "[shop-cluster] NetworkPolicy audit 2026-W47: 2 new, 10 open"),
        ("nothing", "[shop-cluster] NetworkPolicy audit 2026-W47: no open findings"),
        ("first", "[shop-cluster] NetworkPolicy audit 2026-W47: 10 open"),
        ("gaps", "[shop-cluster] NetworkPolicy audit 2026-W47: 1 open, not compared"),
    ],
)
def test_the_subject_says_what_is_new_and_what_is_open(name: str, subject: str) -> None:
    """Cluster, period, new and open findings; a report without any says so."""
    assert subject == render_mail(*MAILS[name]).subject


def test_nothing_found_is_not_clean_where_something_was_not_seen() -> None:
    """With gaps, neither subject nor verdict says that there is nothing."""
    audit = msgspec.structs.replace(make_gaps(2))
    report = msgspec.structs.replace(audit.report, findings=())
    mail = render_mail(msgspec.structs.replace(audit, report=report), make_unchanged(), WEEK)
    assert mail.subject.endswith("no open findings in what was seen")
    for text in (words_of(mail), folded(mail.text)):
        assert "2 gaps: not everything was seen" in text


@pytest.mark.parametrize("name", sorted({*MAILS} - {"long"}))
def test_text_and_html_say_the_same(name: str) -> None:
    """No word stands in one of them alone, but for marks, and the button's own."""
    mail = render_mail(*MAILS[name])
    text, html = (
        frozenset(re.findall(r"[^\W_]{3,}", one.casefold()))
        for one in (mail.text.replace(WEEK.report_url, ""), words_of(mail))
    )
    assert set() == text - html - _OF_ONE
    assert set() == html - text - _OF_ONE


def test_what_changed_since_the_last_report_is_dated_and_counted() -> None:
    """New and resolved findings, opened and closed connections, and what was not compared."""
    mail = render_mail(*MAILS["drift"])
    for text in (words_of(mail), folded(mail.text)):
        for part in (
            "Since the last report, of 2026-11-14 09:00 UTC",
            "+3 connections opened",
            f"{MINUS}1 connection closed",
            "+2 new findings",
            f"{MINUS}1 finding resolved",
            "shop-dev/Deployment/api → shop-prod/StatefulSet/db",
            "network plugin (CNI) changed",
            "not comparable",
        ):
            assert part.casefold() in text.casefold(), part


def test_lost_enforcement_is_told_before_other_changes_of_scope() -> None:
    """That the CNI changed does not fall off the end of many changes."""
    drift = make_drift()
    labels = ScopeChangeKind.NAMESPACE_LABELS_CHANGED
    many = [ScopeChange(labels, f"Namespace/n{number}", "a", "b") for number in range(20)]
    lost = ScopeChange(ScopeChangeKind.CNI_CHANGED, "Cluster/cluster", "Calico", "Flannel")
    drift = msgspec.structs.replace(drift, scope=(*many, lost))
    mail = render_mail(make_shop(), drift, WEEK)
    assert "Calico → Flannel" in words_of(mail)
    assert "Calico → Flannel" in folded(mail.text)


def test_five_findings_are_listed_and_the_rest_is_counted() -> None:
    """The worst of each rule and severity; of many, how many more there are."""
    mail = render_mail(make_many(5000), None, FIRST)
    assert 5 == len(re.findall(r"^  - (?:high|medium|low|info)", mail.text, re.MULTILINE))
    assert "further problems" in folded(mail.text)


def test_what_is_not_compared_says_why() -> None:
    """A first report, and one whose predecessor could not be read, are no `nothing changed`."""
    first = render_mail(make_shop(), None, replace(WEEK, previous=None))
    lost = render_mail(make_shop(), None, WEEK)
    assert "the first report to these readers" in folded(first.text)
    assert "Whether anything changed is not known" in folded(lost.text)
    assert "Whether anything changed is not known" in words_of(lost)


def test_what_was_not_delivered_or_left_out_is_said_at_the_top() -> None:
    """An earlier failure, with its reason, and attachments that were too large."""
    missed = [Undelivered("2026-W46", "run-46", "the server refused it")]
    mail = render_mail(
        make_shop(), None, replace(WEEK, undelivered=missed, left_out=("report.pdf",))
    )
    for text in (words_of(mail), folded(mail.text)):
        assert "1 earlier report was not delivered" in text
        assert "2026-W46 (run run-46): the server refused it." in text
        assert "report.pdf: the message was too large." in text
        assert text.index("not delivered") < text.index("Worst first")


def test_an_extract_says_that_it_is_one() -> None:
    """It names the digest of the whole report, and whose it is."""
    audit = msgspec.structs.replace(make_shop(), extract=Extract("team shop", "ee" * 32))
    mail = render_mail(audit, None, FIRST)
    for text in (words_of(mail), folded(mail.text)):
        assert "ee" * 32 in text
        assert "the namespaces of its readers alone" in text
        assert "7 namespaces of team shop" in text


def test_a_link_is_one_of_the_web() -> None:
    """The whole report is linked for those who get it all; another scheme is none."""
    mail = render_mail(*MAILS["nothing"])
    (link,) = find_all(parse(mail.html.encode()), "a")
    assert WEEK.report_url == link.get("href")
    assert WEEK.report_url in mail.text
    told = render_mail(make_shop(), None, replace(FIRST, report_url=WEEK.report_url))
    assert WEEK.report_url not in told.text + told.html
    for url in ("javascript:alert(1)", "data:text/html,x", "", "x" * 3000):
        other = render_mail(make_shop(), None, replace(WEEK, report_url=url))
        assert [] == find_all(parse(other.html.encode()), "a")


@pytest.mark.parametrize("name", sorted(MAILS))
def test_the_html_fetches_nothing_and_has_its_style_inlined(name: str) -> None:
    """No image, script, style sheet or address to fetch from; no rule that a program may drop."""
    check_inert(parse(render_mail(*MAILS[name]).html.encode()))


def check_inert(document: Element) -> None:
    """Check that a document holds nothing that runs or fetches."""
    for one in document.iter():
        if isinstance(one.tag, str):
            assert one.tag.rpartition("}")[2] in _ALLOWED, one.tag
            assert not {"src", "background", "srcset", "onerror", "onclick"} & set(one.keys())
            assert "url(" not in one.get("style", "")
            assert "var(" not in one.get("style", "")


@pytest.mark.parametrize("hostile", STRINGS)
def test_names_of_a_cluster_stay_inert(hostile: str) -> None:
    """A name is no element, no header and no line of its own, however it is made."""
    occasion = Occasion(
        period=hostile,
        audience=hostile,
        whole=True,
        previous=SentReport(hostile, hostile),
        undelivered=(Undelivered(hostile, hostile, hostile),),
        attached=(hostile,),
        left_out=(hostile,),
        report_url=hostile,
    )
    audit = msgspec.structs.replace(make_hostile(hostile), extract=Extract(hostile, hostile))
    mail = render_mail(audit, make_hostile_drift(hostile), occasion)
    assert len(mail.subject) < 200
    for text in (mail.subject, mail.text.replace("\n", ""), mail.html.replace("\n", "")):
        categories = {unicodedata.category(one) for one in text}
        assert set() == categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(mail.html.encode()) < LARGEST_HTML
    document = parse(mail.html.encode())
    check_inert(document)
    assert [] == [one for one in find_all(document, "a") if one.get("href") != hostile]


@pytest.mark.parametrize("letter", ["&", "\N{OGHAM LETTER BEITH}", "'"])
def test_a_message_is_never_cut_off_by_gmail(letter: str) -> None:
    """However long and however often escaped its names are, it is smaller than 100 kB."""
    long = letter * 5000
    mail = render_mail(make_hostile(long), make_hostile_drift(long), WEEK)
    assert len(mail.html.encode()) < LARGEST_HTML
    large = render_mail(make_many(5000), make_large(), WEEK)
    assert len(large.html.encode()) < LARGEST_HTML


def test_all_gaps_are_counted_and_few_listed() -> None:
    """Of forty, five stand in the message."""
    mail = render_mail(*MAILS["gaps"])
    assert "Not everything was seen: 40 gaps" in folded(mail.text)
    assert "35 further gaps." in folded(mail.text)


def test_an_empty_audit_has_no_verdict() -> None:
    """Where no rule was evaluated, the subject says so."""
    mail = render_mail(make_audit([], rules=[]), None, FIRST)
    assert mail.subject.endswith("no verdict: no rule could be evaluated")
