"""Blocks: what one task hands to another. A block is a handle; the bundle behind it stays with a store.

The coordinator sees only blocks: how many elements, how many bytes, and a reference that means something to the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate


class Block(NamedTuple):
    """A handle on a bundle.

    Attributes:
      ref: where it is, for the store.
      elements: how many elements it has.
      size: about how many bytes they take in memory.
    """

    ref: Any
    elements: int
    size: int


class BlockStore(Protocol):
    """Keeps bundles between the task that makes them and the tasks that take them."""

    def put(self, bundle: Bundle) -> Block:
        """Keeps a bundle."""

    def get(self, block: Block) -> Bundle:
        """The bundle of a block; may be asked for more than once."""

    def free(self, blocks: Iterable[Block]) -> None:
        """The bundles of these blocks will not be asked for again."""

    def scratch(self) -> BlockStore:
        """A store on disk, if there is any, for what a task puts aside. What is not freed goes with the run."""


class MemoryStore:
    """Keeps bundles as they are, in the memory of this process."""

    def put(self, bundle: Bundle) -> Block:
        """See :class:`BlockStore`."""
        return Block(bundle, len(bundle.values), estimate(bundle))

    def get(self, block: Block) -> Bundle:
        """See :class:`BlockStore`."""
        bundle: Bundle = block.ref
        return bundle

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`BlockStore`. Python does it once the last handle is gone."""

    def scratch(self) -> BlockStore:
        """See :class:`BlockStore`. Memory is all there is."""
        return self
