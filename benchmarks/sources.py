"""Sources of the pipelines that are measured: data in memory, and data made while it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, BoundedReader, Reader, Records, Source


class Stored(Source[Any]):
    """Elements in memory, with their event times if these are known: what a source that knows times gives.

    Args:
      values: the elements.
      micros: their event times in microseconds.
    """

    def __init__(self, values: Sequence[Any], micros: Sequence[int] | None = None) -> None:
        self.values = values
        self.micros = micros

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: int | None = None) -> BoundedReader[Any]:
        return BoundedReader(self.values, self.micros, position or 0)


class Made(Source[Any]):
    """Elements that are made while they are read, so that they never are in memory together.

    Args:
      count: how many.
      make: returns the elements from one number up to another.
    """

    def __init__(self, count: int, make: Callable[[int, int], list[Any]]) -> None:
        self.count = count
        self.make = make

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        step = -(-self.count // desired)
        return [(start, min(start + step, self.count)) for start in range(0, self.count, step)]

    def open(self, split: tuple[int, int], position: int | None = None) -> Reader[Any]:
        start, stop = split
        return _Making(self.make, start if position is None else position, stop)


class _Making(Reader[Any]):

    def __init__(self, make: Callable[[int, int], list[Any]], start: int, stop: int) -> None:
        self._make, self._next, self._stop = make, start, stop

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        start = self._next
        if start >= self._stop:
            return None
        self._next = min(start + max_records, self._stop)
        return Records(self._make(start, self._next))

    @property
    def position(self) -> int:
        return self._next
