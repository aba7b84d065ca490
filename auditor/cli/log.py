"""What the program logs about itself, shown with `-v -v`: above all why a rule failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from auditor.cli.lines import print_line


class _Lines(logging.Handler):
    """Prints each line of a record inert on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, with its traceback."""
        for line in self.format(record).splitlines():
            print_line(line)


@contextmanager
def show_log() -> Iterator[None]:
    """Show the log of this program alone: what libraries log may hold credentials."""
    logger, handler = logging.getLogger("auditor"), _Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
