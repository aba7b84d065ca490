"""A waiver file is whole and plain, or an error that names file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.findings.waivers import load_waivers
from auditor.model.waivers import WaiverRecord
from tests.findings.waivers import FILE, ITEM, RULE_IDS, load_text

OTHER = ITEM.replace("Deployment/web", "StatefulSet/db")


def test_a_waiver_says_who_accepts_what_and_until_when(tmp_path: Path) -> None:
    """Every field of the file is in the record, with the place where it stands."""
    extra = "    detail: ingress\n    compensating_control: a proxy\n"
    first, second = load_text(tmp_path, FILE + extra + OTHER)
    assert (
        WaiverRecord(
            id=first.record.id,
            rule="egress-is-unrestricted",
            subject="shop/Deployment/web",
            detail="ingress",
            reason="a proxy filters what leaves",
            compensating_control="a proxy",
            owner="team-a",
            approved_by="b.bright",
            ticket="SEC-1",
            created="2025-10-01",
            expires="2026-06-30",
            file=str(tmp_path / "a.yaml"),
            line=2,
            annotated=None,
        )
        == first.record
    )
    assert ("shop/StatefulSet/db", 12, None) == (
        second.record.subject,
        second.record.line,
        second.record.detail,
    )


def test_several_files_are_read_in_their_order(tmp_path: Path) -> None:
    """All waivers of all files hold, and an empty list is a file without waivers."""
    found = load_text(tmp_path, FILE, "waivers: []\n", f"waivers:\n{OTHER}")
    assert ["shop/Deployment/web", "shop/StatefulSet/db"] == [one.record.subject for one in found]
    assert () == load_waivers((), RULE_IDS)


def test_a_waiver_keeps_its_id_when_it_is_renewed_or_moved(tmp_path: Path) -> None:
    """What it accepts makes the id: rule, subject and detail, not the date, line or file."""
    (first,) = load_text(tmp_path, FILE)
    _, second = load_text(tmp_path, f"waivers:\n{OTHER}", FILE.replace("2026-06", "2027-06"))
    assert first.record.id == second.record.id
    (other,) = load_text(tmp_path, f"{FILE}    detail: x\n")
    assert first.record.id != other.record.id


@pytest.mark.parametrize("subject", ["Cluster/cluster", "Environments/dev→prod", "shop-*/*", "*/*"])
def test_a_subject_is_a_key_or_a_glob_of_keys(tmp_path: Path, subject: str) -> None:
    """With a namespace or without one; the key's form is all that is asked."""
    (found,) = load_text(tmp_path, FILE.replace("shop/Deployment/web", f"'{subject}'"))
    assert subject == found.record.subject


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            "rule: egress-is-unrestricted",
            "rule: egress-is-unrestrict",
            "line 2: key waivers.0.rule is malformed: egress-is-unrestrict is no rule",
            "did you mean egress-is-unrestricted or database-egress-is-unrestricted?",
        ),
        (
            "shop/Deployment/web",
            "web",
            "line 3: key waivers.0.subject is malformed: web is no object key",
            "write namespace/Kind/name",
        ),
        (
            "shop/Deployment/web",
            "'*'",
            "line 3: key waivers.0.subject is malformed: * is no object key",
            "a glob of these",
        ),
        ("    owner: team-a\n", "", "line 2: key waivers.0.owner is missing", ""),
        ("    ticket: SEC-1\n", "", "line 2: key waivers.0.ticket is missing", ""),
        ("    expires: 2026-06-30\n", "", "line 2: key waivers.0.expires is missing", ""),
        ("owner:", "owners:", "line 5: key waivers.0.owners is unknown", "did you mean owner?"),
        ("team-a", "''", "line 5: key waivers.0.owner is malformed: expected `str` of le", ""),
        ("team-a", "' '", "line 5: key waivers.0.owner is blank", ""),
        ("SEC-1", "1", "line 7: key waivers.0.ticket is malformed: expected `str`", "in quotes"),
        (
            "2026-06-30",
            "30.6.2026",
            "line 9: key waivers.0.expires is malformed: invalid RFC3339",
            "2026-12-31",
        ),
        (
            "2026-06-30",
            "2026-06-31",
            "line 9: key waivers.0.expires is malformed: invalid RFC3339",
            "2026-12-31",
        ),
        (
            "2026-06-30",
            "2025-09-30",
            "line 9: key waivers.0.expires is malformed: 2025-09-30 is before 2025-10-01",
            "2026-12-31",
        ),
        ("waivers:", "waiver:", "line 1: key waiver is unknown", "did you mean waivers?"),
        (
            "waivers:",
            "",
            "document is malformed: expected `object`, got `array`",
            "item of `waivers`",
        ),
        (FILE, "", "the document is malformed: expected `object`, got `null`", ""),
    ],
)
def test_a_malformed_file_is_refused(
    tmp_path: Path, old: str, new: str, message: str, hint: str
) -> None:
    """Nothing is waived by guess: the whole run ends."""
    assert old in FILE
    with pytest.raises(UsageError) as caught:
        load_text(tmp_path, FILE.replace(old, new))
    assert caught.value.message.startswith(f"waiver file {tmp_path}/a.yaml")
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("same_file", [True, False])
def test_a_waiver_that_stands_twice_is_refused(tmp_path: Path, *, same_file: bool) -> None:
    """Else it would not be plain which of two dates counts."""
    again = ITEM.replace("2026", "2027")
    texts = (FILE + again,) if same_file else (FILE, f"waivers:\n{again}")
    with pytest.raises(UsageError, match=r"is a duplicate of the one in .*a\.yaml, line 2$") as one:
        load_text(tmp_path, *texts)
    place = "a.yaml, line 10: waiver of" if same_file else "b.yaml, line 2: waiver of"
    assert place in one.value.message


def test_a_file_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    """It is a duplicate of itself, and a mistake."""
    load_text(tmp_path, FILE)
    path = str(tmp_path / "a.yaml")
    with pytest.raises(UsageError, match="is a duplicate"):
        load_waivers((path, path), RULE_IDS)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A waiver that is not there is not silently none."""
    with pytest.raises(UsageError, match=r"waiver file .*none\.yaml cannot be read"):
        load_waivers((str(tmp_path / "none.yaml"),), RULE_IDS)
