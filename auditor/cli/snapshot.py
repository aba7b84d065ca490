"""`snapshot`: what an audit reads, saved as one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditor.cli.flags import refuse_format, source_flags
from auditor.cli.gaps import record_gaps, say_gaps
from auditor.cli.session import Session, utc_now, with_session
from auditor.cli.termination import TERMINATION
from auditor.errors import UsageError

_STDOUT = "-"


@click.command("snapshot")
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    help="The file; - is standard output, as is no -o where that is no terminal.",
)
@source_flags
@with_session
def snapshot(session: Session, *, file: str | None) -> int:
    """Save what an audit reads into one file, which every verb accepts as -f in place of a cluster.

    A snapshot holds names, labels, ports, addresses and policies; no secrets, environment
    variables or arguments. It is always whole: -n, -l and --exclude-namespace are for the verbs
    that read it.
    """
    from auditor.cli.exit_codes import completion_code
    from auditor.job.steps import take_snapshot
    from auditor.sources.archive import pack

    if file is not None:
        refuse_format(file, "snapshot", "a snapshot has one format of its own")
    elif sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("a snapshot is not for terminals", hint="name a file with -o FILE")
    taken = take_snapshot(session.settings, clock=utc_now, stdin=session.stdin, stage=session.stage)
    content = pack(taken)
    if file is None or file == _STDOUT:
        session.write((content,))
    else:
        from auditor.delivery.directory import write_file

        with TERMINATION.completing("the snapshot is written"):
            write_file(Path(file), (content,))
        session.note(
            f"{file}: {len(taken.pods):,} pods, {len(taken.policies):,} policies, "
            f"{len(taken.namespaces):,} namespaces"
        )
    gaps = record_gaps(taken.gaps)
    say_gaps(session, gaps)
    return completion_code(gaps=bool(gaps), strict=session.settings.strict)
