"""`completion`: the script that makes a shell complete our command lines."""

from __future__ import annotations

import click

from auditor.cli.flags import presentation_flags
from auditor.cli.session import Session, without_settings


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@presentation_flags
@without_settings
def completion(session: Session, *, shell: str) -> int:
    """Print the completion script of SHELL.

    For bash: `source <(netpol-auditor completion bash)`, for instance in ~/.bashrc.
    """
    from click.shell_completion import BashComplete, get_completion_class

    from auditor.cli.verbs import COMPLETION_VARIABLE, PROGRAM, root

    known = get_completion_class(shell)
    assert known is not None, shell  # noqa: S101  the choices are click's own
    script = known(root, {}, PROGRAM, COMPLETION_VARIABLE)
    # Bash's class asks the bash of this machine for its version first, and that may not be the
    # bash that the script is for.
    text = (
        script.source_template % script.source_vars() if known is BashComplete else script.source()
    )
    session.write((f"{text.strip()}\n".encode(),))
    return 0
