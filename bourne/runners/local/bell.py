"""What wakes a stream that waits for descriptors: a pipe that any thread, or a signal's handler, writes to."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import RLock


class Bell:
    """Wakes who waits for its descriptor."""

    def __init__(self) -> None:
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._mouth, False)
        # Nobody may write to a descriptor that was closed and is something else by now. The handler of a signal may
        # ring in the thread that holds it.
        self._open = RLock()

    def fileno(self) -> int:
        """The descriptor, which is readable from when it rings until it is hushed."""
        return self._ear

    def ring(self) -> None:
        """Wakes; from any thread. Nothing happens if it is closed."""
        with self._open, suppress(OSError):  # full: it will wake anyway
            os.write(self._mouth, b'.')

    def hush(self) -> None:
        """Forgets that it has rung."""
        with suppress(BlockingIOError):
            os.read(self._ear, 4096)

    def close(self) -> None:
        """Closes it; may be called again."""
        with self._open:
            ends = [end for end in (self._ear, self._mouth) if end >= 0]
            self._ear = self._mouth = -1
            for end in ends:
                os.close(end)
