"""Into how many parts work is cut: by the slots that there are and, where tasks have a price, by the size of the data.

An exchange by key is dealt out before anybody knows how large the data is, so it is dealt out finely. Once the data is
there, neighbouring partitions are put together until a task has enough to do. Since partitions are ranges of key
groups, equal keys stay together. (Spark does the same at the same point: "Adaptive Query Execution", 2020.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bourne.engine.blocks import Block
from bourne.engine.keyhash import KEY_GROUPS
from bourne.sdk.model.source import Source

#: Where tasks have a price, fewer bytes to read, or of what was combined already, are not worth another one. Of all
#: else nobody knows what an element costs.
LEAST = 64 << 10
#: The most partitions of an exchange.
MOST = min(4096, KEY_GROUPS)


class Sizing(NamedTuple):
    """What the number of tasks follows from.

    Attributes:
      slots: how many tasks run at the same time.
      portion: about how many bytes a task should have; ``None`` to have one task a slot, however large the data is.
      least: how many bytes of a source are worth another task, if there is a ``portion``.
    """

    slots: int
    portion: int | None = None
    least: int = LEAST

    def splits(self, source: Source[Any]) -> tuple[list[Any], int]:
        """The splits of a source, and about how many bytes they have together as far as it tells."""
        found = list(source.splits(self.slots))
        size = sum(source.size(split) or 0 for split in found)
        if self.portion is not None and size:
            wanted = max(min(self.slots, -(-size // self.least)), -(-size // self.portion))
            if wanted > self.slots or wanted < min(self.slots, len(found)):
                found = list(source.splits(wanted))
        return found, size

    def readers(self, splits: Sequence[Any], size: int) -> int:
        """How many tasks read so many splits."""
        wanted = self.slots if self.portion is None else max(self.slots, -(-size // self.portion))
        return max(1, min(wanted, len(splits)))

    def width(self, size: int) -> int:
        """Into how many partitions an exchange deals out, if about so many bytes are read."""
        if self.portion is None:
            return min(MOST, self.slots)
        return min(MOST, _power(max(2 * self.slots, -(-size // self.portion))))

    def partitions(self, blocks: Iterable[Block], width: int, combined: bool = False) -> int:
        """How many tasks take some blocks: a divisor of ``width``.

        Args:
          blocks: the blocks.
          width: into how many partitions they were dealt out.
          combined: they hold what is left of many elements.
        """
        if self.portion is None:
            return width
        size, elements = _total(blocks)
        wanted = min(self.slots, elements, -(-size // LEAST) if combined else elements)
        return min(width, _power(max(1, wanted, -(-size // self.portion))))


def _power(number: int) -> int:
    """The smallest power of two that is not smaller."""
    return 1 << max(0, number - 1).bit_length()


def _total(blocks: Iterable[Block]) -> tuple[int, int]:
    """About how many bytes, and how many elements, blocks have together."""
    size = elements = 0
    for block in blocks:
        size += block.size
        elements += block.elements
    return size, elements
