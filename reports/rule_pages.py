"""The rules' pages on a terminal, as Markdown (RULES.md) and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from auditor.model.recognised import Aspect, RecognisedAspect
from auditor.model.report import RulePage
from reports.json import format_json
from reports.paint import Paint
from reports.summary import SEVERITY_COLORS, align
from reports.text import paragraphs, show_title, visible

_WIDTH = 88

_MARKDOWN_HEAD = (
    "# Rules",
    "",
    "Generated from the docstrings in `auditor/rules` by `make rules`: change those. A rule judges",
    "what the policies together allow, not how they are written. The severity is the default; a",
    "finding may be graded, and then says why.",
    "",
    "| rule | severity | what it finds |",
    "|---|---|---|",
)


def list_pages_json(pages: Sequence[RulePage]) -> bytes:
    """The rules as a list of {id, severity, title}."""
    listed = [{"id": one.id, "severity": one.severity, "title": one.title} for one in pages]
    return format_json(listed)


def list_pages_text(pages: Sequence[RulePage], paint: Paint) -> str:
    """A line per rule."""
    table = [("SEVERITY", "RULE", "TITLE")]
    table += [(one.severity.value, one.id, visible(one.title)) for one in pages]
    colors = ["", *(SEVERITY_COLORS[one.severity] for one in pages)]
    return "".join(f"{line}\n" for line in align(table, colors, paint))


def list_pages_markdown(pages: Sequence[RulePage]) -> str:
    """RULES.md: a table of the rules, then every page under a heading that is the rule's id."""
    return "".join(f"{line}\n" for line in (*_MARKDOWN_HEAD, *_markdown(pages)))


def _markdown(pages: Sequence[RulePage]) -> Iterator[str]:
    for one in pages:
        yield f"| [{one.id}](#{one.id}) | {one.severity} | {show_title(one.title)} |"
    for page in pages:
        yield from ("", f"## {page.id}", "", f"{page.title} Severity: {page.severity}.")
        for heading, text in page.sections:
            yield from ("", f"**{heading}**")
            for kind, block in paragraphs(text):
                yield from ("", f"- {block}" if kind == "item" else block[:1].upper() + block[1:])


def show_page_json(page: RulePage, recognised: Sequence[RecognisedAspect] | None = None) -> bytes:
    """A page as {id, severity, title, sections}; with what was recognised, where it was asked."""
    shown: dict[str, object] = {
        "id": page.id,
        "severity": page.severity,
        "title": page.title,
        "sections": [{"heading": heading, "text": text} for heading, text in page.sections],
    }
    if recognised is not None:
        shown["recognised"] = recognised
    return format_json(shown)


def show_page_text(
    page: RulePage, paint: Paint, recognised: Sequence[RecognisedAspect] | None = None
) -> str:
    """A page, its paragraphs wrapped; then what was recognised, where it was asked."""
    below = () if recognised is None else _recognised_lines(recognised)
    lines = (*_lines(page, paint), *below)
    return "".join(f"{line}\n" for line in lines)


_ASPECTS: Mapping[Aspect, str] = {
    Aspect.DATABASES: "Databases",
    Aspect.ENVIRONMENTS: "Environments",
    Aspect.DNS: "Cluster DNS",
    Aspect.SYSTEM_NAMESPACES: "System namespaces",
    Aspect.CNI: "Network plugin",
    Aspect.IP_BLOCKS: "ipBlocks",
}


def _recognised_lines(recognised: Sequence[RecognisedAspect]) -> Iterator[str]:
    """Each thing on a line of its own, its evidence below it."""
    if not recognised:
        yield ""
        yield "Recognised: the rule rests on nothing that has to be recognised"
    for one in recognised:
        yield ""
        yield f"Recognised: {_ASPECTS[one.aspect]}"
        if not one.items:
            yield "  none"
        for item in one.items:
            yield f"  {visible(item.subject)}: {visible(item.taken_for)}"
            yield from (f"    - {visible(text)}" for text in item.evidence)


def _lines(page: RulePage, paint: Paint) -> Iterator[str]:
    yield f"{page.id} ({paint(page.severity, SEVERITY_COLORS[page.severity])})"
    yield from textwrap.wrap(visible(page.title), _WIDTH)
    for heading, text in page.sections:
        yield ""
        yield f"{heading}:"
        for kind, block in paragraphs(text):
            if kind == "code":
                yield from (f"    {line}" for line in block.split("\n"))
                continue
            first = "  - " if kind == "item" else "  "
            yield from textwrap.wrap(
                block, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first)
            )
