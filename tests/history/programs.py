"""Programs that use a store at the same time."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def start_programs(number: int) -> ProcessPoolExecutor:
    """Start processes of their own: forked from one that has imported what they need."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["auditor.history.store", "tests.history.runs"])
    return ProcessPoolExecutor(number, mp_context=context)
