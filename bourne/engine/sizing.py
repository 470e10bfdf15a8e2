"""Into how many parts work is cut: by the slots that there are and, where tasks have a price, by the size of the data.

An exchange by key is dealt out before anybody knows how large the data is, so it is dealt out finely. Once the data is
there, neighbouring partitions are put together until a task has enough to do. Since partitions are ranges of key
groups, equal keys stay together. (Spark does the same at the same point: "Adaptive Query Execution", 2020.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bourne.engine.keyhash import KEY_GROUPS
from bourne.sdk.model.source import Source

#: Data of fewer bytes is not worth another task.
LEAST = 1 << 20
#: The most partitions of an exchange.
MOST = min(4096, KEY_GROUPS)


class Sizing(NamedTuple):
    """What the number of tasks follows from.

    Attributes:
      slots: how many tasks run at the same time.
      portion: about how many bytes a task should have; ``None`` to have one task a slot, however large the data is.
    """

    slots: int
    portion: int | None = None

    def splits(self, source: Source[Any]) -> tuple[list[Any], int]:
        """The splits of a source, and about how many bytes they have together as far as it tells."""
        found = list(source.splits(self.slots))
        size = sum(source.size(split) or 0 for split in found)
        if self.portion is not None and size > self.portion * self.slots:
            found = list(source.splits(-(-size // self.portion)))
        return found, size

    def readers(self, splits: Sequence[Any], size: int) -> int:
        """How many tasks read so many splits."""
        wanted = self.slots if self.portion is None else max(self.slots, -(-size // self.portion))
        return max(1, min(wanted, len(splits)))

    def width(self, size: int) -> int:
        """Into how many partitions an exchange deals out, if about so many bytes are read."""
        if self.portion is None:
            return self.slots
        return min(MOST, _power(max(2 * self.slots, 2 * size // self.portion)))

    def partitions(self, size: int, width: int) -> int:
        """How many tasks take so many bytes: a divisor of ``width``."""
        if self.portion is None:
            return width
        return min(width, _power(max(-(-size // self.portion), min(self.slots, -(-size // LEAST)))))


def _power(number: int) -> int:
    """The smallest power of two that is not smaller."""
    return 1 << max(0, number - 1).bit_length()


def total(blocks: Iterable[Any]) -> int:
    """About how many bytes blocks have together."""
    return sum(block.size for block in blocks)
