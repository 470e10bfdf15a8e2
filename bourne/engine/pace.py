"""How many elements are taken at a time: as many as are worth the trouble, and no more than memory bears.

Whoever takes elements, and knows about how many bytes they came to, asks a pace how many to take next:

    next = clamp(target / (bytes of the last / elements of the last), 1, min(most, GROWTH * last))

It starts with few, since nothing is known of the first ones, and grows by a factor, since the next may be larger than
the last. It depends on the data alone and on no clock, so that a task that is run again takes the same steps.
"""

from __future__ import annotations

from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS

#: About how many bytes the elements of a bundle may take, or what is made of a part of one, and the least that this is
#: where memory is short. Beyond some thousand elements larger bundles gain nothing (measured).
TARGET = DEFAULT_BYTES
LEAST_TARGET = 64 << 10
#: The share of the memory for groups that a bundle may take.
BUNDLES = 16
#: By which factor a pace grows at most.
GROWTH = 16


def target_for(group_memory: int | None) -> int:
    """About how many bytes a bundle may take.

    Args:
      group_memory: how many bytes the groups of a task may take; ``None`` is no limit.
    """
    if group_memory is None:
        return TARGET
    return min(TARGET, max(LEAST_TARGET, group_memory // BUNDLES))


def fitting(count: int, size: int, target: int, most: int = DEFAULT_RECORDS) -> int:
    """How many elements may be taken at a time.

    Args:
      count: how many elements were measured.
      size: about how many bytes they take, or what was made of them.
      target: how many bytes are wanted.
      most: the most elements.
    """
    return min(most, max(1, target * count // size)) if size > 0 else most


class Pace:
    """Says how many elements to take next, by what the last ones took.

    Args:
      target: how many bytes are wanted.
      first: how many elements to begin with.
      most: the most elements.

    Attributes:
      limit: how many to take next.
      largest: the most bytes that were taken at once.
    """

    def __init__(self, target: int, first: int = 1, most: int = DEFAULT_RECORDS) -> None:
        self._target = target
        self._most = most
        self._size = 0
        self.limit = first
        self.largest = 0

    def add(self, size: int) -> None:
        """So many more bytes belong to the elements at hand."""
        self._size += size

    def took(self, count: int) -> None:
        """So many elements have come to the bytes that were added since the last call."""
        grown = min(self._most, max(count, self.limit) * GROWTH)
        self.limit = fitting(count, self._size, self._target, grown)
        self.largest = max(self.largest, self._size)
        self._size = 0

    def forget(self) -> None:
        """What was added since the last call of :meth:`took` does not count: it came of elements before those."""
        self._size = 0
