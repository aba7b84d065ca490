"""What the summary on a terminal says of changes and of the history."""

from __future__ import annotations

import msgspec

from auditor.model.report import Audit
from reports.paint import choose_paint
from reports.summary import render_summary
from tests.reports.audits import make_shop
from tests.reports.drifts import EVIDENCE, make_drifted, make_unchanged, with_history
from tests.reports.hostile import STRINGS, make_hostile


def summarise(audit: Audit, *, colors: bool = False) -> list[str]:
    """The lines of a summary."""
    return render_summary(audit, ("out/report.json",), choose_paint(colors=colors)).splitlines()


def test_changes_and_history_are_lines() -> None:
    """What opened first; the hash so that it can be told from another."""
    lines = summarise(make_drifted())
    assert (
        "since 2026-11-14 09:00 UTC: 3 connections opened, 1 closed; "
        "findings: 2 new, 1 resolved, 1 incomparable; policies: 1 added, 1 removed, 2 changed; "
        "network plugin (CNI) changed; 2 new namespaces; 3 changes of scope" in lines
    )
    assert "history: out/history.sqlite, run 3, hash 1a1a1a1a1a1a…" == lines[-1]


def test_new_findings_are_marked_among_the_worst() -> None:
    """By a word."""
    lines = summarise(make_drifted())
    assert "  high     database-open-to-all-pods: shop-dev/StatefulSet/db  new" in lines
    assert "  high     namespace-lacks-default-deny: Namespace/shop-dev  (and 1 more)" in lines


def test_no_change_is_said() -> None:
    """A line, not silence."""
    lines = summarise(with_history(make_shop(), make_unchanged(), None, EVIDENCE))
    assert "since 2026-11-14 09:00 UTC: nothing changed" in lines


def test_what_opened_is_painted_and_no_change_is_not() -> None:
    """Colour goes where somebody must look."""
    opened = summarise(make_drifted(), colors=True)
    same = summarise(with_history(make_shop(), make_unchanged(), None, EVIDENCE), colors=True)
    assert any("\x1b[33m" in line and "connections opened" in line for line in opened)
    assert not any("\x1b" in line for line in same if "nothing changed" in line)


def test_a_run_without_an_earlier_one_is_no_run_without_change() -> None:
    """The first one, and one that could not be compared, say so."""
    first = msgspec.structs.replace(EVIDENCE, sequence=1, previous_hash=None)
    lines = summarise(with_history(make_shop(), None, None, first))
    assert any("first run of the cluster that is kept" in line for line in lines)
    lines = summarise(with_history(make_shop(), None, None, EVIDENCE))
    assert any("Whether anything changed is not known." in line for line in lines)


def test_a_run_that_was_not_kept_says_why_or_nothing() -> None:
    """Whoever wants no history is not told of it; whoever has none by mistake is."""
    lost = msgspec.structs.replace(make_shop(), history="not kept: the database is locked")
    assert "history: not kept: the database is locked" == summarise(lost)[-1]
    assert not any(line.startswith(("history", "since")) for line in summarise(make_shop()))


def test_hostile_strings_do_not_reach_the_terminal() -> None:
    """No control character, whatever stands in the history."""
    for hostile in STRINGS:
        for line in summarise(make_hostile(hostile)):
            assert line.isprintable(), line
