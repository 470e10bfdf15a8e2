"""Sources of the streams that are measured, and what stands for a sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

import psutil

from benchmarks.sources import Stored
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, BoundedReader, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS

#: How often a paced source is polled, in microseconds.
TICK = 1000


class Flowing(Stored):
    """Elements in memory, in the order of their event times, with a watermark that goes with them."""

    def open(self, split: int, position: int | None = None) -> BoundedReader[Any]:
        return _Flow(self.values, self.micros, position or 0)


class _Flow(BoundedReader[Any]):

    @property
    def watermark(self) -> int:
        assert self._timestamps is not None
        return MAX_MICROS if self._next >= len(self._values) else self._timestamps[self._next]


class Paced(Source[Any]):
    """Pairs of a key and the instant at which it is due, by ``time.perf_counter``, so many a second.

    Args:
      rate: elements a second.
      count: how many there are.
      keys: how many keys there are, which take turns.
    """

    def __init__(self, rate: int, count: int, keys: int) -> None:
        self.rate, self.count = rate, count
        self.names = [f'user{number * 7919 % keys}' for number in range(keys)]

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: int | None = None) -> Ticking:
        return Ticking(self)


class Ticking(Reader[Any]):
    """Gives what is due, from when it was opened."""

    def __init__(self, source: Paced) -> None:
        self._source = source
        self._next = 0
        self._start = time.perf_counter()

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        source, first, start = self._source, self._next, self._start
        if first >= source.count:
            return None
        due = int((time.perf_counter() - start) * source.rate)
        stop = self._next = min(due, source.count, first + max_records)
        names, count, rate = source.names, len(source.names), source.rate
        return Records([(names[number % count], start + (number + 1) / rate) for number in range(first, stop)])

    @property
    def position(self) -> int:
        return self._next

    def idle(self) -> Idle:
        return Idle(until=self.now + TICK)


class Counted(Source[Any]):
    """Elements that are made while they are read; what its run takes is noted at its beginning and before its end.

    Args:
      count: how many.
      make: returns the elements from one number up to another; element ``i`` has the event time ``i``.
      most: how many elements a poll gives at most.
    """

    def __init__(self, count: int, make: Callable[[int, int], list[Any]], most: int = DEFAULT_RECORDS) -> None:
        self.count, self.make, self.most = count, make, most

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: int | None = None) -> Counting:
        return Counting(self)


class Counting(Reader[Any]):
    """Reads them. Between the last elements and the end there is a poll that gives none.

    Attributes:
      marks: of the last reader, what this process had taken when it was opened, and when it had given everything.
    """

    marks: ClassVar[list[Mark]] = []

    def __init__(self, source: Counted) -> None:
        self._source = source
        self._next = 0
        self._over = False
        Counting.marks = [Mark()]

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        start, source = self._next, self._source
        if start < source.count:
            stop = self._next = min(start + max_records, start + source.most, source.count)
            return Records(source.make(start, stop), list(range(start, stop)))
        if self._over:
            return None
        self._over = True
        self.marks.append(Mark())
        return Records([])

    @property
    def position(self) -> int:
        return self._next

    @property
    def watermark(self) -> int:
        return self._next - 1 if self._next else MIN_MICROS


class Mark:
    """What this process has taken so far.

    Attributes:
      cpu: seconds of CPU time.
      memory: bytes of resident memory.
    """

    def __init__(self) -> None:
        self.cpu = time.process_time()
        self.memory = psutil.Process().memory_info().rss


class Tally:
    """What was emitted: how much, and the sum of a number in each. It stands for a sink that costs nothing."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets it."""
        self.count = self.total = 0

    def add(self, number: int) -> None:
        """Counts one."""
        self.count += 1
        self.total += number

    def result(self) -> list[int]:
        """Both."""
        return [self.count, self.total]


#: That of this process: the pipelines run in it.
TALLY = Tally()


def emit(number: int) -> None:
    """Counts a number in the tally of this process."""
    TALLY.add(number)
