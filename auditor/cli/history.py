"""`history`: the runs that were kept, what rules said over a period, and dropping old runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from auditor.cli.flags import Command, format_flag, settings_flags, store_flags
from auditor.cli.lines import print_line
from auditor.cli.past_runs import open_past_runs, pick_cluster, pick_clusters
from auditor.cli.session import Session, utc_now, with_session
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.history.prune import PruneResult

_FORMAT = format_flag("table", "json", "csv")


def _past_run_flags(command: Command) -> Command:
    return store_flags(settings_flags(command))


@with_session
def _list(session: Session, *, format_: str, limit: int | None) -> int:
    from reports.history import list_runs_csv, list_runs_json, list_runs_table

    with open_past_runs(session) as store:
        keys = [one.key for one in pick_clusters(store, session.settings.cluster_name)]
        entries = [one for one in store.entries() if one.cluster in keys]
    newest = tuple(reversed(entries))[:limit]
    writers: dict[str, Callable[..., bytes]] = {
        "table": list_runs_table,
        "json": list_runs_json,
        "csv": list_runs_csv,
    }
    session.write((writers[format_](newest),))
    if len(newest) < len(entries):
        session.note(f"{len(entries) - len(newest):,} older runs are not listed")
    return 0


@click.group("history", invoke_without_command=True, subcommand_metavar="[VERB ...]")
@_FORMAT
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="List the newest N runs alone."
)
@_past_run_flags
def history(**flags: Any) -> int:
    """List past runs with their findings and scores, the newest first."""
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        return _list(**flags)
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"flag {parameter.opts[-1]} stands before {context.invoked_subcommand}",
                hint=f"write it after: history {context.invoked_subcommand} {parameter.opts[-1]}",
            )
    return 0


@history.command("interval")
@click.option("--since", required=True, metavar="DATE", help="The first day, or a time (UTC).")
@click.option(
    "--until", metavar="DATE", help="The last day, which counts whole, or a time.  [default: now]"
)
@_FORMAT
@_past_run_flags
@with_session
def interval(session: Session, *, since: str, until: str | None, format_: str) -> int:
    """Say for each namespace and rule of a period whether it was always satisfied.

    Otherwise it was unsatisfied at some run, or not evaluated at some run. How densely the period
    was sampled is said, too: between two runs nothing was seen.
    """
    from auditor.history.interval import view_interval
    from reports.history import (
        NOTHING_KNOWN,
        show_interval_csv,
        show_interval_json,
        show_interval_table,
    )

    now = utc_now()
    with open_past_runs(session) as store:
        cluster = pick_cluster(store, session.settings.cluster_name)
        with session.stage("reading"):
            view = view_interval(store, cluster.key, since, until or now, now=now)
    writers: dict[str, Callable[..., bytes]] = {
        "table": show_interval_table,
        "json": show_interval_json,
        "csv": show_interval_csv,
    }
    session.write((writers[format_](view),))
    if not view.runs and format_ != "table":  # the table says so itself
        print_line(NOTHING_KNOWN, level="warning")
    return 0


@history.command("prune")
@click.option("--keep-days", metavar="N", help="Drop the content of runs that are older.")
@click.option("--keep-runs", metavar="N", help="Drop the content of all but the newest N runs.")
@click.option("--dry-run", is_flag=True, help="Say what would be dropped, and drop nothing.")
@_past_run_flags
@with_session
def prune(session: Session, *, dry_run: bool) -> int:
    """Drop the content of old runs: findings, rule results and snapshots.

    Of each run a link of the chain remains, so that the later ones can be verified; the newest run
    of a cluster is never dropped. Where both limits are given, a run must be within both.
    """
    from reports.history import describe_pruned

    settings = session.settings
    if settings.keep_days is None and settings.keep_runs is None:
        raise UsageError(
            "it is not said which runs to keep", hint="give --keep-days or --keep-runs, or both"
        )
    with open_past_runs(session) as store:
        result: PruneResult = store.prune(
            keep_days=settings.keep_days,
            keep_runs=settings.keep_runs,
            now=utc_now(),
            cluster=pick_cluster(store, settings.cluster_name).key
            if settings.cluster_name
            else None,
            dry_run=dry_run,
        )
        where = store.where
    dropped = [(one.cluster, one.id, one.started_at) for one in result.runs]
    session.write((describe_pruned(where, dropped, result.snapshots, dry_run=dry_run),))
    return 0
