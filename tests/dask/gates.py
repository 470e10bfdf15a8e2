"""Gates at which a pipeline waits until a test lets it go on."""

from __future__ import annotations

import os
from pathlib import Path


class Gate:
    """A named pipe with which the test and a user function meet: each waits for the other.

    Args:
      directory: where it is.
      name: tells it from other gates there.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.path = str(directory / name)
        os.mkfifo(self.path)

    def reached(self) -> None:
        """Waits until the pipeline is at the gate."""
        with open(self.path, 'rb'):
            pass

    def opened(self) -> None:
        """Waits until the pipeline has gone through: for another side of the same kind."""
        with open(self.path, 'wb'):
            pass


def stop_at(x: int, first: int, at: str, on: str) -> int:
    """Waits at two gates, one after the other, when the first element comes; returns the element."""
    if x == first:
        with open(at, 'wb'):
            pass
        with open(on, 'rb'):
            pass
    return x
