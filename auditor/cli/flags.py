"""The flags that verbs share, named as kubectl names them, and their errors in our words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from auditor.cli.lines import LOG_FORMAT_FLAG, LOG_FORMAT_VARIABLE, LOG_FORMATS
from auditor.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

FORMATS = frozenset({"csv", "dot", "html", "json", "pdf", "table", "text", "wide", "yaml"})
"""Names that `-o` has on verbs that print."""


def _state_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        from auditor import __version__

        click.echo(f"netpol-auditor {__version__}")
        context.exit()


version_flag = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_state_version,
    help="State the version.",
)

_PRESENTATION = (
    click.option(
        "-q", "--quiet", is_flag=True, help="Say nothing but results, warnings and errors."
    ),
    click.option("-v", "--verbose", count=True, help="Say more; twice: tracebacks of defects."),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="Colour, where a terminal shows it. NO_COLOR is honoured.",
    ),
    click.option(
        LOG_FORMAT_FLAG,
        type=click.Choice(LOG_FORMATS),
        envvar=LOG_FORMAT_VARIABLE,
        default="text",
        expose_value=False,  # it is found before the command line is parsed, for errors in it
        help="What is said on standard error: lines, or a JSON object a line.",
    ),
    version_flag,
)

_CONFIG = click.option(
    "--config",
    metavar="FILE",
    help="The settings file.  [default: netpol-auditor.yaml in this folder, if there is one]",
)

_STORE = (
    click.option(
        "--store",
        metavar="URL",
        help="The database of past runs: an SQLite file, or postgresql+psycopg://USER@HOST/NAME. "
        "A password comes from NETPOL_AUDITOR_STORE, PGPASSWORD or PGPASSFILE.  "
        "[default: out/history.sqlite, or in the output folder of the settings]",
    ),
    click.option(
        "--snapshots",
        metavar="URL",
        help="The folder or object store (an fsspec URL) of the runs' snapshots.  "
        "[default: beside the SQLite file, or in PostgreSQL itself]",
    ),
    click.option(
        "--cluster-name",
        metavar="NAME",
        help="What the cluster is called; runs of manifests belong together by it.",
    ),
)

_SOURCE = (
    click.option(
        "-f",
        "--filename",
        "files",
        multiple=True,
        metavar="PATH",
        type=click.Path(allow_dash=True),
        help="Manifests (file, folder, - for standard input; repeatable) or a saved snapshot. "
        "Without it: the cluster.",
    ),
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig to use."),
    click.option("--context", metavar="NAME", help="The kubeconfig's context to use."),
    click.option("--as", "as_user", metavar="USER", help="The user to impersonate."),
    click.option(
        "--as-group",
        "as_groups",
        multiple=True,
        metavar="GROUP",
        help="A group to impersonate (repeatable).",
    ),
    click.option(
        "--request-timeout",
        "request_timeout_seconds",
        metavar="DURATION",
        help="How long a request may take, as 30 or 1m30s; 0 is no limit.  [default: 60s]",
    ),
    click.option(
        "--timeout",
        "timeout_seconds",
        metavar="DURATION",
        help="How long reading the cluster may take in all; the rest is then a gap.  "
        "[default: 30m]",
    ),
    click.option(
        "--ip-blocks-match-pods",
        type=click.Choice(["auto", "yes", "no"]),
        help="Whether an ipBlock also matches pods' addresses; auto asks the CNI that is found.",
    ),
    click.option(
        "--strict", is_flag=True, default=None, help="Gaps in what was read make exit code 4."
    ),
    _CONFIG,
)

_SCOPE = (
    click.option(
        "-n",
        "--namespace",
        "namespaces",
        multiple=True,
        metavar="NAME",
        help="Judge and show this namespace alone (repeatable).",
    ),
    click.option(
        "-A",
        "--all-namespaces",
        is_flag=True,
        help="Judge and show all namespaces (the default; overrides the settings).",
    ),
    click.option(
        "-l", "--selector", metavar="LABELS", help="Judge and show pods with these labels alone."
    ),
    click.option(
        "--exclude-namespace",
        "exclude_namespaces",
        multiple=True,
        metavar="NAME[=REASON]",
        help="Neither judge nor show this namespace (repeatable).",
    ),
)


output_file_flag = click.option(
    "--output-file", metavar="FILE", help="Write to a file, which appears when it is complete."
)


def format_flag(*formats: str, remark: str = "") -> Callable[[Command], Command]:
    """Make `-o` of a verb that prints: one of the formats, of which the first is the default."""
    return click.option(
        "-o",
        "--output",
        "format_",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=f"The format; {remark}." if remark else "The format.",
    )


def presentation_flags(command: Command) -> Command:
    """Add -q, -v, --color, --log-format and --version."""
    return add_flags(command, _PRESENTATION)


def store_flags(command: Command) -> Command:
    """Add what says where past runs are kept, and of which cluster."""
    return add_flags(command, _STORE)


def settings_flags(command: Command) -> Command:
    """Add --config and the presentation's flags, for a verb that reads no source."""
    return add_flags(command, (_CONFIG, *_PRESENTATION))


def source_flags(command: Command) -> Command:
    """Add what says where to read from and how, the scope, and the presentation's flags."""
    return add_flags(command, (*_SOURCE, *_SCOPE, *_PRESENTATION))


def add_flags(command: Command, flags: tuple[Callable[[Command], Command], ...]) -> Command:
    """Add flags, listed in this order."""
    return functools.reduce(lambda wrapped, flag: flag(wrapped), reversed(flags), command)


def given_settings(flags: Mapping[str, Any], fields: frozenset[str]) -> dict[str, object]:
    """The settings that the command line gives: a flag that is absent says nothing.

    Raises:
        UsageError: the flags contradict each other, or one that names a path is empty.
    """
    given = {
        key: value for key, value in flags.items() if key in fields and value not in (None, ())
    }
    paths = {
        "-f": flags.get("files", ()),
        "-o": (flags.get("output"), flags.get("file")),
        "--store": (flags.get("store"),),
        "--snapshots": (flags.get("snapshots"),),
        "--output-file": (flags.get("output_file"),),
        "--cluster-name": (flags.get("cluster_name"),),
        "--metrics-file": (flags.get("metrics_file"),),
        "--pushgateway": (flags.get("pushgateway"),),
        "--baseline": (flags.get("baseline"),),
        "--sign-key": (flags.get("signing_key"),),
        "--waivers": flags.get("waivers", ()),
        "CHANGE": flags.get("change", ()),
        "NEW": (flags.get("new"),),
        "OLD": (flags.get("old"),),
    }
    for flag, given_paths in paths.items():
        if "" in given_paths:
            # `-f "$FOLDER"` without a FOLDER must not become the folder that one happens to be in.
            raise UsageError(f"{flag} is empty", hint="is a variable of the command line unset?")
    if flags.get("all_namespaces"):
        if "namespaces" in given:
            raise UsageError(
                "-A and -n contradict each other", hint="leave one of the two flags out"
            )
        given["namespaces"] = ()
    if flags.get("no_store"):
        if "store" in given:
            raise UsageError(
                "--no-store and --store contradict each other",
                hint="leave one of the two flags out",
            )
        from auditor.settings import NO_STORE

        given["store"] = NO_STORE
    return given


def refuse_format(path: str, verb: str, instead: str) -> None:
    """Refuse a path that is a format's name: on this verb, `-o` is where the output goes.

    Raises:
        UsageError: it is one.
    """
    if path in FORMATS:
        raise UsageError(
            f"-o of {verb} names where to write, and {path} is a format",
            hint=f"{instead}; for a file or folder of that name, write -o ./{path}",
        )


def usage_error(error: click.ClickException) -> UsageError:
    """What click found wrong with a command line, in our form."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_hint = f"`{context.command_path} --help` lists the flags" if context else ""
    match error:
        case click.NoSuchOption():
            near = sorted(error.possibilities or ())
            hint = f"did you mean {' or '.join(near)}?" if near else help_hint
            return UsageError(f"flag {error.option_name} is unknown", hint=hint)
        case click.MissingParameter():
            name = error.param.human_readable_name if error.param else "an argument"
            if isinstance(error.param, click.Option):
                name = f"flag {error.param.opts[0]}"
            return UsageError(f"{name} is missing", hint=help_hint)
        case _:
            message = " ".join(error.format_message().split()).rstrip(".")
            return UsageError(f"{message[:1].lower()}{message[1:]}", hint=help_hint)
