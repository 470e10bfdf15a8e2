"""Gives memory back to the system where a worker is short of it.

What Python frees stays with the C library's allocator, which gives it back when the end of its heap is free; Arrow has
a pool of its own. Dask counts all of it as the worker's, and pauses the worker at four fifths of its limit; then no
task runs there that could free more. So both are trimmed before that, and while the worker is paused.
(https://distributed.dask.org/en/stable/worker-memory.html#manually-trim-memory)
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Worker

#: From this share of its limit on a worker is short of memory.
SHORT = 0.5
#: Seconds between two looks. Trimming takes some milliseconds for each gigabyte.
INTERVAL = 0.25


@cache
def _trim() -> Any:
    with suppress(OSError, AttributeError):
        if sys.platform == 'linux':
            return ctypes.CDLL(None).malloc_trim
    return None


def watch(worker: Worker) -> None:
    """Watches over the memory of a worker, from the first task on for as long as the worker lives."""
    if getattr(worker, '_bourne_watched', False):
        return
    worker._bourne_watched = True
    limit = worker.memory_manager.memory_limit
    if limit and _trim() is not None:
        worker.loop.add_callback(_look, worker, limit)


def _look(worker: Worker, limit: int) -> None:
    worker.loop.call_later(INTERVAL, _look, worker, limit)
    if worker.monitor.get_process_memory() > SHORT * limit:
        if (pyarrow := sys.modules.get('pyarrow')) is not None:
            pyarrow.default_memory_pool().release_unused()
        _trim()(0)
