"""The command `netpol-auditor`: parse, call, print errors, exit code.

Nothing heavy is imported here: `netpol-auditor --help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from auditor.errors import AuditorError, OutputError, UsageError

INTERNAL_FAILURE = 1
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE


def entrypoint() -> NoReturn:
    """Run the command of this process, and end the process with its exit code."""
    from auditor.cli.termination import TERMINATION

    code = TERMINATION.run(main)
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            # What is still buffered has no reader, or no room, and that has been said: the
            # interpreter must not try to write it again, and end with a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code; nothing is raised.

    Errors are one line on standard error, with a hint. A defect of the program is `internal
    error`; its traceback is shown with `-v -v`.
    """
    from auditor.cli.lines import find_log_format, lines_in
    from auditor.cli.termination import TERMINATION

    arguments = sys.argv[1:] if argv is None else argv
    with lines_in(find_log_format(arguments, os.environ)):
        code = _run(arguments)
        TERMINATION.say()
        return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = _dispatch(arguments)
        _flush()
    except AuditorError as error:
        return _fail(error)
    except BrokenPipeError:
        return BROKEN_PIPE
    except KeyboardInterrupt:
        _say("interrupted", INTERRUPTED)
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        # The outermost boundary: whatever escapes is a defect, and a user sees one line of it.
        return _fail_internally(error, arguments)
    return code


def _dispatch(arguments: Sequence[str]) -> int:
    import click

    from auditor.cli.lines import is_structured
    from auditor.cli.verbs import COMPLETION_VARIABLE, PROGRAM, complete, root

    if (instruction := os.environ.get(COMPLETION_VARIABLE)) is not None:
        return complete(instruction)
    try:
        with root.make_context(PROGRAM, list(arguments)) as context:
            result = root.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        if is_structured():
            raise UsageError("verb is missing", hint=f"`{PROGRAM} --help` lists them") from error
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.ClickException as error:
        from auditor.cli.flags import usage_error

        raise usage_error(error) from error
    return result if isinstance(result, int) else 0


def _flush() -> None:
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(
                f"standard output cannot be written: {error.strerror}", hint="is the disk full?"
            ) from error


def _fail(error: AuditorError) -> int:
    from auditor.cli.session import print_error

    print_error(error)
    return error.exit_code


def _fail_internally(error: Exception, arguments: Sequence[str]) -> int:
    from auditor.cli.lines import print_defect
    from auditor.cli.session import LOG_VERBOSITY

    traced = _verbosity(arguments) >= LOG_VERBOSITY
    print_defect(error, traced=traced, exit_code=INTERNAL_FAILURE)
    return INTERNAL_FAILURE


def _verbosity(arguments: Sequence[str]) -> int:
    short = (len(one) - 1 for one in arguments if one.startswith("-v") and set(one[1:]) == {"v"})
    return sum(short) + sum(one == "--verbose" for one in arguments)


def _say(text: str, exit_code: int) -> None:
    from auditor.cli.lines import print_line

    print_line(text, exit_code=exit_code)
