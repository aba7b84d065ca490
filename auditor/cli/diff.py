"""`diff`: what changed between two runs, folders, snapshots or clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from click.core import ParameterSource

from auditor.cli.comparison import comparison_code, comparison_flags, print_comparison
from auditor.cli.flags import source_flags, store_flags
from auditor.cli.past_runs import RUN
from auditor.cli.session import Session, utc_now, with_session
from auditor.errors import UsageError
from auditor.settings import Settings

if TYPE_CHECKING:
    from auditor.drift.compared import Compared
    from auditor.history.store import Store


@click.command("diff")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option(
    "--baseline",
    metavar="PATH",
    help="Manifests that say what the cluster should be: what it has beyond them, and lacks.",
)
@comparison_flags
@store_flags
@source_flags
@with_session
def diff(
    session: Session,
    *,
    old: str | None,
    new: str | None,
    baseline: str | None,
    format_: str,
    output_file: str | None,
    fail_on_opened: bool,
) -> int:
    """Show what changed from OLD to NEW: which connections opened and closed, and why.

    OLD and NEW are manifests (a file or a folder), saved snapshots, or runs of the store (run:ID,
    run:latest). Without NEW, the source is compared: the cluster, or what -f names. Without both,
    the last two runs are.
    """
    from auditor.job.compare import compare_sides

    notes: tuple[str, ...] = ()
    if baseline is None and _is_given("files") and (old is None or new is not None):
        raise UsageError(
            f"-f is given {'without OLD' if old is None else 'beside OLD and NEW'}",
            hint="`diff OLD -f NEW`, or `diff` for the last two runs",
        )
    if baseline is None:
        previous, current = _Sides(session).read(old, new)
    elif old is None:
        previous, current, notes = _with_baseline(session, baseline)
    else:
        raise UsageError(
            "--baseline and OLD contradict each other", hint="name one of them to compare with"
        )
    comparison = compare_sides(previous, current, session.settings, stage=session.stage)
    print_comparison(
        session,
        comparison,
        title="Changes" if baseline is None else f"What is, compared with {baseline}",
        notes=notes,
        format_=format_,
        output_file=output_file,
    )
    sides = (previous, current)
    return comparison_code(session, comparison, sides, fail_on_opened=fail_on_opened)


def _is_given(flag: str) -> bool:
    """Whether a flag stands on the command line: the settings name a source by the way."""
    source = click.get_current_context().get_parameter_source(flag)
    return source is ParameterSource.COMMANDLINE


def _with_baseline(session: Session, baseline: str) -> tuple[Compared, Compared, tuple[str, ...]]:
    from auditor.job.compare import desired_side, read_side

    now = utc_now()
    settings = session.settings
    name = ", ".join(settings.files) or None
    current = read_side(settings, name=name, now=now, stdin=session.stdin, stage=session.stage)
    previous, notes = desired_side(current, settings, baseline, now=now, stage=session.stage)
    return previous, current, notes


class _Sides:
    """Reads OLD and NEW, whatever they are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.settings

    def read(self, old: str | None, new: str | None) -> tuple[Compared, Compared]:
        """(previous, current)."""
        if old is not None and not any(one and one.startswith(RUN) for one in (old, new)):
            return self._read_path(old), self._read_newer(new)
        from auditor.cli.past_runs import open_past_runs

        with open_past_runs(self._session) as store:
            if old is None:
                return self._read_last_two(store)
            previous = self._find(store, old) if old.startswith(RUN) else self._read_path(old)
            if new is not None and new.startswith(RUN):
                return previous, self._find(store, new)
            return previous, self._read_newer(new)

    def _read_last_two(self, store: Store) -> tuple[Compared, Compared]:
        from auditor.cli.past_runs import pick_cluster
        from auditor.job.sides import side_of_run

        cluster = pick_cluster(store, self._settings.cluster_name)
        latest = store.latest(cluster.key)
        before = None if latest is None else store.previous(latest)
        if latest is None or before is None:
            raise UsageError(
                f"{store.where} keeps no two runs of {cluster.name or cluster.key}",
                hint="`netpol-auditor history` lists what is kept",
            )
        return (
            side_of_run(store, before, self._settings),
            side_of_run(store, latest, self._settings),
        )

    def _find(self, store: Store, name: str) -> Compared:
        from auditor.cli.past_runs import find_run
        from auditor.job.sides import side_of_run

        run = find_run(store, self._settings.cluster_name, name)
        return side_of_run(store, run, self._settings)

    def _read_path(self, path: str) -> Compared:
        return self._read_side(msgspec.structs.replace(self._settings, files=(path,)), path)

    def _read_newer(self, new: str | None) -> Compared:
        """NEW, which is the source where it is not given."""
        if new is not None:
            return self._read_path(new)
        return self._read_side(self._settings, ", ".join(self._settings.files) or None)

    def _read_side(self, settings: Settings, name: str | None) -> Compared:
        from auditor.job.compare import read_side

        session = self._session
        return read_side(
            settings, name=name, now=utc_now(), stdin=session.stdin, stage=session.stage
        )
