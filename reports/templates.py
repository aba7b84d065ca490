"""The templates: where they lie, and the Jinja2 environment that renders them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import OutputError
from auditor.model.findings import Severity

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKED = Path(__file__).parent / "_templates"
_CHECKOUT = Path(__file__).parent.parent / "templates"


@cache
def find_templates() -> Path:
    """Return the folder of templates: beside this file in the wheel, else that of the checkout.

    Raises:
        OutputError: the installation lacks the templates.
    """
    for folder in (_PACKED, _CHECKOUT):
        if folder.is_dir():
            return folder
    raise OutputError(
        "templates of the reports are missing", hint="install netpol-auditor again, from its wheel"
    )


def read_sources(names: Sequence[str]) -> str:
    """Return the text of files of the templates' folder, joined in order, lines ending in LF.

    An HTML parser turns CR LF into LF before a style or a script is hashed.
    """
    texts = [(find_templates() / name).read_text(encoding="utf-8") for name in names]
    return "\n".join(text.replace("\r\n", "\n").strip() for text in texts)


@cache
def load_environment() -> Environment:
    """Load Jinja2: everything is escaped, and an undefined name is an error, never empty."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(find_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["severities"] = tuple(Severity)
    return environment
