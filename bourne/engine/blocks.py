"""Blocks: what one task hands to another. A block is a handle; the bundle behind it stays with a store.

The coordinator sees only blocks: how many elements, how many bytes, and a reference that means something to the store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple, Protocol

from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate


class Block(NamedTuple):
    """A handle on a bundle.

    Attributes:
      ref: where it is, for the store.
      elements: how many elements it has.
      size: about how many bytes they take in memory.
      resident: they are in this process's memory now.
      bucket: for elements that went by key and were dealt out more finely than into partitions, which of the
        :func:`~bourne.engine.exchange.buckets` of its partition this is.
      mixed: it was packed from several bundles, which may have had keys and windows in common.
    """

    ref: Any
    elements: int
    size: int
    resident: bool = False
    bucket: int | None = None
    mixed: bool = False


class BlockStore(Protocol):
    """Keeps bundles between the task that makes them and the tasks that take them."""

    def put(self, bundle: Bundle, size: int | None = None) -> Block:
        """Keeps a bundle; of ``size`` bytes, if the caller knows."""

    def packer(self, waiting: int) -> Packer:
        """Puts bundles of which several may share a block; about so many bytes may wait for others."""

    def get(self, block: Block) -> Bundle:
        """The bundle of a block; may be asked for more than once."""

    def free(self, blocks: Iterable[Block]) -> None:
        """The bundles of these blocks will not be asked for again."""

    def scratch(self, memory: int) -> BlockStore:
        """A store for what a task puts aside: so many bytes stay in memory, and the rest is on disk if there is any.

        It can read the blocks of this store, too. What is not freed goes with the run.
        """

    def seal(self) -> None:
        """Nothing more will be put for now: files that are being written can be closed."""


class Packer(Protocol):
    """Puts small bundles for the same place into a block together, where a block has a price of its own."""

    @property
    def blocks(self) -> dict[Any, list[Block]]:
        """The blocks of each place, in the order in which their bundles came."""

    def add(self, place: Hashable, bundle: Bundle, size: int, mixed: bool = False) -> None:
        """Takes a bundle.

        Args:
          place: where it goes.
          bundle: the bundle.
          size: about how many bytes it has.
          mixed: it was in a block that was mixed.
        """

    def flush(self) -> None:
        """Puts what waits."""


class DirectPacker:
    """Puts each bundle into a block of its own, at once.

    Args:
      store: gets the bundles.
    """

    def __init__(self, store: BlockStore) -> None:
        self._store = store
        self.blocks: defaultdict[Any, list[Block]] = defaultdict(list)

    def add(self, place: Hashable, bundle: Bundle, size: int, mixed: bool = False) -> None:
        """See :class:`Packer`."""
        block = self._store.put(bundle, size)
        self.blocks[place].append(block._replace(mixed=True) if mixed else block)

    def flush(self) -> None:
        """See :class:`Packer`."""


class MemoryStore:
    """Keeps bundles as they are, in the memory of this process."""

    def put(self, bundle: Bundle, size: int | None = None) -> Block:
        """See :class:`BlockStore`."""
        return Block(bundle, len(bundle.values), estimate(bundle) if size is None else size, resident=True)

    def packer(self, waiting: int) -> Packer:
        """See :class:`BlockStore`."""
        return DirectPacker(self)

    def get(self, block: Block) -> Bundle:
        """See :class:`BlockStore`."""
        bundle: Bundle = block.ref
        return bundle

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`BlockStore`. Python does it once the last handle is gone."""

    def scratch(self, memory: int) -> BlockStore:
        """See :class:`BlockStore`. Memory is all there is."""
        return self

    def seal(self) -> None:
        """See :class:`BlockStore`."""
