"""Worker processes: how many at most, and that those that are spawned must not run the user's script again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

#: More worker processes than any machine has cores are a slip of the pen; each takes memory and time to start.
MOST_WORKERS = 1024

_lock = Lock()
_inside = 0
_hidden: tuple[Any, Any] = (None, None)


@contextmanager
def main_left_alone() -> Iterator[None]:
    """Keeps processes that are spawned inside of the block from running the user's script again.

    ``multiprocessing`` would import the main module in the new process, which runs the whole script unless it is
    guarded. Functions of the main module travel by value, so nobody needs it. Blocks may overlap.
    """
    global _inside, _hidden
    main = sys.modules['__main__']
    with _lock:
        _inside += 1
        if _inside == 1:
            _hidden = getattr(main, '__spec__', None), getattr(main, '__file__', None)
            main.__spec__ = None
            if _hidden[1] is not None:
                del main.__file__
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                main.__spec__ = _hidden[0]
                if _hidden[1] is not None:
                    main.__file__ = _hidden[1]
