"""One run of a verb: its settings and its streams. Data goes to stdout, all else to stderr."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

import msgspec

from auditor.cli.flags import given_settings
from auditor.cli.lines import is_structured, print_line
from auditor.cli.progress import quiet_progress, show_progress
from auditor.cli.termination import TERMINATION
from auditor.errors import AuditorError, OutputError, UsageError
from auditor.layers import load_settings
from auditor.model.progress import Progress
from auditor.settings import Settings

_FIELDS = frozenset(one.name for one in msgspec.structs.fields(Settings))

LOG_VERBOSITY = 2
"""How often -v must be given for tracebacks and the program's log of itself."""


class Session(NamedTuple):
    """What every verb needs: settings, what to say, and where."""

    settings: Settings
    quiet: bool
    verbosity: int
    color: str

    @property
    def stdin(self) -> BinaryIO | None:
        """Standard input, for `-f -`."""
        return sys.stdin.buffer if sys.stdin is not None else None

    def colors(self, stream: TextIO | None) -> bool:
        """Whether to colour what goes to a stream (see no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        return stream.isatty()

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write data to standard output.

        Raises:
            OutputError: it is closed, or full.
            BrokenPipeError: nobody reads it any more.
        """
        if sys.stdout is None:
            raise OutputError("standard output is closed", hint="write to a file")
        stream = sys.stdout.buffer
        sys.stdout.flush()
        source = iter(chunks)
        for chunk in source:
            try:
                stream.write(chunk)
            except BrokenPipeError:
                raise
            except OSError as error:
                raise OutputError(
                    f"standard output cannot be written: {error.strerror}", hint="is the disk full?"
                ) from error

    def print_or_save(self, chunks: Iterable[bytes], file: str | None) -> None:
        """Write data to a file, which appears when it is complete; without one as `write` does.

        Raises:
            OutputError: it cannot be written.
            BrokenPipeError: nobody reads standard output any more.
        """
        if file is None:
            self.write(chunks)
            return
        from auditor.delivery.directory import write_file

        with self.stage("listing"):
            write_file(Path(file), chunks)

    def note(self, text: str) -> None:
        """Say something by the way; -q silences it."""
        if not self.quiet:
            print_line(text)

    def detail(self, text: str, **fields: Any) -> None:
        """Say something that only -v asks for."""
        if self.verbosity:
            print_line(text, level="debug", **fields)

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """Show a stage's progress on a terminal, and with -v how long it took."""
        terminal = sys.stderr is not None and sys.stderr.isatty()
        watched = terminal and not self.quiet and not is_structured()
        started = time.monotonic()
        shown = show_progress(name) if watched else quiet_progress()
        with TERMINATION.during(name), shown as progress:
            yield progress
        seconds = time.monotonic() - started
        self.detail(f"{name}: {seconds:.2f} s", stage=name, seconds=round(seconds, 3))


def with_session(verb: Callable[..., int]) -> Callable[..., int]:
    """Make a verb of ``verb(session, **its own flags)``: the shared flags become the session."""

    @functools.wraps(verb)
    def run(**flags: Any) -> int:
        session = _open_session(flags)
        with _shown_log(session):
            return verb(session, **_own(flags))

    return run


def with_sessions(verb: Callable[..., int]) -> Callable[..., int]:
    """Make a verb of ``verb(open_session, **its own flags)``: it reads its settings repeatedly.

    ``open_session`` reads the settings file anew, and raises UsageError where it is malformed.
    """

    @functools.wraps(verb)
    def run(**flags: Any) -> int:
        with _shown_log(_open_session(flags)):
            return verb(functools.partial(_open_session, flags), **_own(flags))

    return run


def _open_session(flags: Mapping[str, Any]) -> Session:
    """A session with the settings as they are now.

    Raises:
        UsageError: they are malformed.
    """
    settings = load_settings(
        given_settings(flags, _FIELDS),
        environ=os.environ,
        folder=Path(),
        rule_ids=list_rule_ids,
        config=flags.get("config"),
    )
    return _session(settings, flags)


def _own(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags of the verb alone."""
    return {key: value for key, value in flags.items() if key not in _SHARED}


@contextmanager
def _shown_log(session: Session) -> Iterator[None]:
    """The program's log of itself, where it is asked for."""
    if session.verbosity < LOG_VERBOSITY:
        yield
        return
    from auditor.cli.log import show_log

    with show_log():
        yield


def list_rule_ids() -> tuple[str, ...]:
    """The ids of all rules, imported where they are asked for, for start-up time."""
    from auditor.rules import RULES

    return tuple(one.id for one in RULES)


def without_settings(verb: Callable[..., int]) -> Callable[..., int]:
    """Make a verb that reads no source: its session has the default settings."""

    @functools.wraps(verb)
    def run(**flags: Any) -> int:
        return verb(_session(Settings(), flags), **_own(flags))

    return run


_SHARED = _FIELDS | {"all_namespaces", "color", "config", "no_store", "quiet", "verbose"}


def _session(settings: Settings, flags: Mapping[str, Any]) -> Session:
    if flags["quiet"] and flags["verbose"]:
        raise UsageError("-q and -v contradict each other", hint="leave one of the two flags out")
    return Session(
        settings=settings,
        quiet=flags["quiet"],
        verbosity=flags["verbose"],
        color=flags["color"],
    )


def utc_now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_error(error: AuditorError) -> None:
    """Print an error: what went wrong, what can be done about it, and in JSON its exit code."""
    print_line(error.message, level="error", hint=error.hint, exit_code=error.exit_code)
