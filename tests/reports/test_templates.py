"""The templates: found in the wheel and in a checkout, and readable in their colours."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from auditor.errors import OutputError
from reports import templates

TEXTS = {
    "text": ("ground", "panel", "inset", "bad-ground", "warn-ground", "unknown-ground"),
    "muted": ("ground", "panel", "inset"),
    "link": ("ground", "panel", "warn-ground", "bad-ground", "unknown-ground"),
    "on-light": ("stated-1", "stated-2", "stated-3", "every-1", "every-2", "every-3"),
    "on-dark": ("stated-4", "stated-5", "every-4", "every-5"),
    "on-badge": ("critical", "high", "medium", "low", "info"),
    "bad": ("panel", "bad-ground"),
    "warn": ("panel", "warn-ground"),
    "unknown": ("panel", "unknown-ground"),
    "good": ("panel", "good-ground"),
}
"""Text colours and the grounds that they stand on."""


def colours_of(style: str) -> dict[str, tuple[int, int, int]]:
    """Return the colours that a style sheet names."""
    found = re.findall(r"--([a-z0-9-]+): #([0-9a-f]{6});", style)
    return {name: (int(v[:2], 16), int(v[2:4], 16), int(v[4:], 16)) for name, v in found}


def luminance(colour: tuple[int, int, int]) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (part / 255 for part in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Return the contrast ratio (WCAG 2.2): 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(scheme: str) -> None:
    """The contrast is at least 4.5, WCAG's level AA, in both colour schemes."""
    folder = templates.find_templates()
    colours = colours_of((folder / "tokens.css").read_text(encoding="utf-8"))
    if scheme == "dark":
        dark = colours_of((folder / "screen.css").read_text(encoding="utf-8"))
        assert set() == set(dark) - set(colours), "dark colours have a light counterpart"
        colours |= dark
    poor = {
        (text, ground): round(contrast(colours[text], colours[ground]), 2)
        for text, grounds in TEXTS.items()
        for ground in grounds
        if contrast(colours[text], colours[ground]) < 4.5
    }
    assert {} == poor


def test_the_checkout_has_its_templates_at_the_top() -> None:
    """Where no templates were packed, those of the tree are used."""
    assert (templates.find_templates() / "report.html").is_file()


def test_missing_templates_are_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is no traceback."""
    templates.find_templates.cache_clear()
    nowhere = Path(__file__).parent / "nowhere"
    monkeypatch.setattr(templates, "_PACKED", nowhere)
    monkeypatch.setattr(templates, "_CHECKOUT", nowhere)
    with pytest.raises(OutputError, match="templates of the reports are missing") as raised:
        templates.find_templates()
    assert "install netpol-auditor again" in raised.value.hint
    templates.find_templates.cache_clear()


def test_packed_templates_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The wheel's own templates are used, whatever lies beside the installation."""
    templates.find_templates.cache_clear()
    monkeypatch.setattr(templates, "_PACKED", tmp_path)
    assert tmp_path == templates.find_templates()
    templates.find_templates.cache_clear()


def test_everything_is_escaped_and_nothing_undefined_is_blank() -> None:
    """Escaping is the default, and a misspelt name is an error."""
    environment = templates.load_environment()
    assert "&lt;b&gt;" == environment.from_string("{{ x }}").render(x="<b>")
    with pytest.raises(UndefinedError):
        environment.from_string("{{ display.verdcit }}").render(display=object())
