"""Lines on standard error: for people, or one JSON object each, for programs."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

LOG_FORMATS: tuple[str, ...] = get_args(LogFormat)
LOG_FORMAT_FLAG = "--log-format"
LOG_FORMAT_VARIABLE = "NETPOL_AUDITOR_LOG_FORMAT"

_LINE_LENGTH = 2000
_TRACEBACK_LENGTH = 20_000

_PREFIXES: Mapping[Level, str] = {
    "debug": "",
    "info": "",
    "warning": "warning: ",
    "error": "error: ",
}


class _Format:
    """The format of this process's lines: it holds before there are settings, and after."""

    chosen: LogFormat = "text"


def is_structured() -> bool:
    """Whether each line is a JSON object."""
    return _Format.chosen == "json"


def find_log_format(arguments: Sequence[str], environ: Mapping[str, str]) -> LogFormat:
    """The format that a command line asks for, found before it is parsed, for errors in it.

    What is malformed is text here, and an error once it is parsed.
    """
    given = list(takewhile(lambda one: one != "--", arguments))
    values = [environ.get(LOG_FORMAT_VARIABLE, "")]
    for position, one in enumerate(given):
        flag, equals, value = one.partition("=")
        if flag == LOG_FORMAT_FLAG:
            values.append(value if equals else "".join(given[position + 1 : position + 2]))
    return "json" if values[-1] == "json" else "text"


@contextmanager
def lines_in(format_: LogFormat) -> Iterator[None]:
    """Print lines in this format. In JSON that holds for the warnings of libraries, too."""
    former, last_resort, show_warning = _Format.chosen, logging.lastResort, warnings.showwarning
    _Format.chosen = format_
    if format_ == "json":
        logging.lastResort = _LibraryLines(logging.WARNING)
        warnings.showwarning = _show_warning
    try:
        yield
    finally:
        _Format.chosen = former
        logging.lastResort, warnings.showwarning = last_resort, show_warning


def print_line(text: str, *, level: Level = "info", **fields: Any) -> None:
    """Print one inert line on standard error: what is quoted may come from anywhere.

    As text, a warning or an error begins with that word, and of the fields the hint alone is
    shown, on a line of its own. In JSON the object holds `time`, `level`, `message` and the fields.
    """
    lines = [f"{_PREFIXES[level]}{text}"]
    if fields.get("hint"):
        lines.append(f"hint: {fields['hint']}")
    print_either(lines, text, level=level, **fields)


def print_either(lines: Iterable[str], message: str, *, level: Level, **fields: Any) -> None:
    """Print lines as they are, or in JSON the message and the fields."""
    if sys.stderr is None:
        return
    from reports.text import clip, visible

    if not is_structured():
        written = "".join(f"{visible(clip(line, _LINE_LENGTH))}\n" for line in lines)
    else:
        known = {key: _inert(key, one) for key, one in fields.items() if one not in (None, "")}
        written = encode_line(_inert("message", message), level, known)
    # in one call: lines of several threads do not mix
    sys.stderr.write(written)
    sys.stderr.flush()


def encode_line(message: str, level: Level, fields: Mapping[str, Any]) -> str:
    """A line in JSON, of what is inert already."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{json.dumps({'time': now, 'level': level, 'message': message, **fields})}\n"


def print_defect(error: Exception, *, traced: bool, exit_code: int) -> None:
    """Print what is a defect of the program: one line, and its traceback where that is wanted."""
    import traceback

    trace = "".join(traceback.format_exception(error)) if traced else ""
    reason = " ".join(str(error).split()) or "no reason is given"
    message = f"internal error: {type(error).__name__}: {reason}"
    hint = "this is a defect of netpol-auditor; -v -v shows where, for a report"
    print_either(
        (*trace.splitlines(), message, f"hint: {hint}"),
        message,
        level="error",
        hint=hint,
        exit_code=exit_code,
        traceback=trace,
    )


def _inert(key: str, value: Any) -> Any:
    """A field whose texts are inert also where JSON is decoded and shown; tracebacks keep lines."""
    from reports.text import clip, visible, visible_lines

    match value:
        case str() if key == "traceback":
            return visible_lines(clip(value.rstrip(), _TRACEBACK_LENGTH))
        case str():
            return visible(clip(value, _LINE_LENGTH))
        case _:
            return value


class _LibraryLines(logging.Handler):
    """What libraries warn of, where nobody asked for their logs, as the logging module shows it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        print_line(record.getMessage(), level=level_of(record), logger=record.name)


def level_of(record: logging.LogRecord) -> Level:
    """The level of a record of the logging module."""
    if record.levelno >= logging.ERROR:
        return "error"
    if record.levelno >= logging.WARNING:
        return "warning"
    return "info" if record.levelno >= logging.INFO else "debug"


def _show_warning(
    message: Warning | str, category: type[Warning], *_place: object, **_more: object
) -> None:
    print_line(str(message), level="warning", category=category.__name__)
