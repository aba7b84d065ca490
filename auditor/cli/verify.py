"""`verify`: whether the history, and what was handed out of it, are as they were written."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditor.cli.flags import format_flag, settings_flags, store_flags
from auditor.cli.lines import print_line
from auditor.cli.past_runs import open_past_runs, pick_clusters
from auditor.cli.session import Session, with_session
from auditor.errors import UsageError

BROKEN = 1


@click.command("verify")
@click.argument("handed_out", metavar="[FILE]...", nargs=-1)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="FILE",
    help="The key (Ed25519, PEM) by which every run from the first signed one on must be signed; "
    "one run at least must be; repeatable where keys have changed.",
)
@format_flag("table", "json")
@store_flags
@settings_flags
@with_session
def verify(
    session: Session, *, handed_out: tuple[str, ...], public_keys: tuple[str, ...], format_: str
) -> int:
    """Verify the chain of past runs, and each FILE: a report.json or a report.sig.

    Everything that is kept of every run is hashed again; the first link that is broken is named,
    and the exit code is 1 then. Whoever can write the store can also make a chain anew: a report
    that was handed out before, or a public key, shows that. That its end was cut off is shown by a
    report.json or report.sig of a run that is gone, and not by a public key alone.
    """
    from auditor.history.signature import load_public_key
    from auditor.history.verify import verify_store
    from reports.paint import choose_paint
    from reports.verification import show_verification_json, show_verification_text

    keys = [load_public_key(one) for one in public_keys]
    files = [(one, _read(one)) for one in handed_out]
    with open_past_runs(session) as store:
        clusters = [one.key for one in pick_clusters(store, session.settings.cluster_name)]
        with session.stage("verifying"):
            found = verify_store(store, clusters, files, keys)
    if not clusters:
        print_line(
            "the history holds no run: there is nothing that could be broken", level="warning"
        )
    if format_ == "json":
        session.write((show_verification_json(found),))
    else:
        paint = choose_paint(colors=session.colors(sys.stdout))
        session.write((show_verification_text(found, paint).encode(),))
    return 0 if found.is_intact else BROKEN


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is malformed"
        raise UsageError(
            f"file {path} cannot be read: {reason}", hint="name a report.json or a report.sig"
        ) from error
