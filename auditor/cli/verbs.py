"""The verbs, each imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from auditor.cli.flags import version_flag

PROGRAM = "netpol-auditor"
COMPLETION_VARIABLE = "_NETPOL_AUDITOR_COMPLETE"
"""Set by the shell's completion script, as click defines it."""

_VERBS: Mapping[str, str] = {
    "audit": "audit a cluster or manifests and write a report",
    "watch": "audit again and again by a timetable, where Kubernetes does not start it",
    "snapshot": "save what an audit reads into one file",
    "connections": "list who can reach whom, on which ports",
    "explain": "say whether a connection is allowed, and why",
    "diff": "show what changed between two runs, folders or snapshots",
    "preview": "show what a change would open and close, before it is applied",
    "history": "list past runs, ask what a rule said over a period, drop old ones",
    "deliver": "send a kept run to its audiences, by mail and webhook",
    "verify": "verify that the history, and reports of it, are as they were written",
    "waivers": "check files of waivers",
    "rules": "list the rules, or show a rule's page",
    "completion": "print the completion script of a shell",
}
"""Verb → what it does. Its module here has its name, and holds a command of that name."""

_EPILOG = (
    "Exit codes: 0 completed; 1 internal failure, or a failed rule; 2 usage, settings or waivers; "
    "3 nothing could be collected; 4 gaps, with --strict; 5 delivery failed; "
    "10 findings at or above --fail-on, or connections opened with --fail-on-opened."
)


class Verbs(click.Group):
    """The group of all verbs; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs in the order in which a user needs them."""
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        del ctx
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(import_module(f"auditor.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs into a help text."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is answered with those of similar names."""
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            import difflib

            from auditor.errors import UsageError

            near = difflib.get_close_matches(args[0], _VERBS, n=2) or list(_VERBS)
            raise UsageError(
                f"verb {args[0]} is unknown",
                hint=f"did you mean {' or '.join(near)}?"
                if len(near) < len(_VERBS)
                else f"one of {', '.join(near)}",
            )
        return super().resolve_command(ctx, args)


@click.group(
    PROGRAM,
    cls=Verbs,
    epilog=_EPILOG,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@version_flag
def root(**_flags: Any) -> None:
    """Audit Kubernetes network policies: who can reach whom, and what is wrong with that.

    Reads a cluster (as kubectl does) or, with -f, manifests or a saved snapshot. Nothing is ever
    written to the cluster.
    """


def complete(instruction: str) -> int:
    """Answer a shell that completes a command line."""
    from click.shell_completion import shell_complete

    return shell_complete(root, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
