"""What is to be done when: a queue by time whose entries may lose their meaning before their time comes."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

#: A moment, a number that tells equal moments apart in the order in which they came, a key and a window.
Entry = tuple[int, int, Any, Any]


class Agenda:
    """A heap of moments. Entries that are no longer valid are dropped when they are first, or when they are too many.

    Args:
      valid: whether an entry ``(micros, key, window)`` still means something.
    """

    def __init__(self, valid: Callable[[int, Any, Any], bool]) -> None:
        self._valid = valid
        self._heap: list[Entry] = []
        self._number = 0
        self._limit = 64

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, micros: int, key: Any, window: Any) -> None:
        """Adds an entry."""
        self._number += 1
        heappush(self._heap, (micros, self._number, key, window))
        if len(self._heap) > self._limit:
            self._heap = [entry for entry in self._heap if self._valid(entry[0], entry[2], entry[3])]
            heapify(self._heap)
            self._limit = 2 * len(self._heap) + 64

    def first(self) -> tuple[int, Any, Any] | None:
        """The valid entry with the earliest moment."""
        while self._heap:
            micros, _, key, window = self._heap[0]
            if self._valid(micros, key, window):
                return micros, key, window
            heappop(self._heap)
        return None

    def pop(self) -> None:
        """Removes the entry that :meth:`first` has returned."""
        heappop(self._heap)
