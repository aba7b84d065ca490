"""The exceptions that reach a user, each with a hint and an exit code.

    AuditorError                      exit code
    ├── UsageError                    2   flags, settings, kubeconfig or waivers
    │   └── UnknownNameError          2   a name that the input does not hold
    ├── SourceError                   3   nothing could be collected
    │   ├── ManifestsError            3   files, folders, standard input
    │   ├── ClusterError              3   the live API
    │   └── ArchiveError              3   a saved snapshot
    ├── OutputError                   1   a result could not be written
    ├── HistoryError                  1   the store of runs could not be read or written
    └── DeliveryError                 5   a finished report could not be handed out

Anything else that escapes is a defect of the program: exit code 1.
"""

from __future__ import annotations

from typing import ClassVar


class AuditorError(Exception):
    """The root: what went wrong in one line, and what the user can do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AuditorError):
    """A flag, a settings file, a kubeconfig or a waiver file is malformed."""

    exit_code: ClassVar[int] = 2


class UnknownNameError(UsageError):
    """A namespace, pod, workload or port name that the input does not hold."""


class SourceError(AuditorError):
    """Nothing could be collected."""

    exit_code: ClassVar[int] = 3


class ManifestsError(SourceError):
    """No object could be read from the files given."""


class ClusterError(SourceError):
    """The API server could not be reached, or refused everything."""


class ArchiveError(SourceError):
    """A saved snapshot is damaged, or newer than this program."""


class OutputError(AuditorError):
    """A result could not be written."""


class HistoryError(AuditorError):
    """The store of past runs cannot be opened, read or written, or its chain is broken."""


class DeliveryError(AuditorError):
    """A finished report could not be handed out."""

    exit_code: ClassVar[int] = 5
