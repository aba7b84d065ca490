"""What the program logs about itself, shown with `-v -v`: above all why a rule failed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from auditor.cli.lines import level_of, print_either


class _Lines(logging.Handler):
    """Prints each line of a record inert on standard error, or the record as JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, with its traceback."""
        error = record.exc_info[1] if record.exc_info else None
        print_either(
            self.format(record).splitlines(),
            record.getMessage(),
            level=level_of(record),
            logger=record.name,
            traceback="" if error is None else "".join(traceback.format_exception(error)),
        )


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
