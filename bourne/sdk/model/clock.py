"""Processing time. The engine never reads a clock: whoever drives it owns one, so that tests own it, too.

Instants are microseconds since the epoch.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

#: Waits so many seconds, or for ever if that is ``None``, but no longer than until something happens.
Sleep = Callable[[float | None], object]


class Clock(ABC):
    """A source of processing time. It never goes back."""

    @abstractmethod
    def now(self, epoch: int) -> int:
        """The processing time of an epoch.

        Args:
          epoch: the number of the epoch that begins, from 0.
        """

    @abstractmethod
    def wait(self, until: int | None, sleep: Sleep) -> None:
        """Lets time pass while there is nothing to do.

        Args:
          until: when there will be something at the latest; ``None`` if that is not known.
          sleep: really waits.
        """


class WallClock(Clock):
    """The machine's clock, except that it never goes back."""

    def __init__(self) -> None:
        self._last = 0

    def now(self, epoch: int) -> int:
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last

    def wait(self, until: int | None, sleep: Sleep) -> None:
        sleep(None if until is None else max(0, until - time.time_ns() // 1000) / 1e6)


class VirtualClock(Clock):
    """A clock for tests: while there is nothing to do, it leaps to the next instant at which there is.

    Args:
      start: the first instant, in microseconds since the epoch.
    """

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self, epoch: int) -> int:
        return self._now

    def wait(self, until: int | None, sleep: Sleep) -> None:
        if until is None:
            sleep(None)
        else:
            self._now = max(self._now, until)
