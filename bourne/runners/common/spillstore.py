"""Blocks in memory up to a budget, and on disk past it: the store of the inline executor, and every scratch store."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from bourne.engine.blocks import Block, BlockStore, Packer
from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate


class SpillStore:
    """Keeps bundles in memory, and those that are too many in files.

    Args:
      budget: how many bytes may stay in memory.
      files: where the rest goes.
    """

    def __init__(self, budget: int, files: BlockStore) -> None:
        self._budget = budget
        self._files = files
        self._used = 0

    def put(self, bundle: Bundle, size: int | None = None) -> Block:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        size = estimate(bundle) if size is None else size
        if not self.has_room(size):
            return self._files.put(bundle, size)
        self._used += size
        return Block(bundle, len(bundle.values), size, resident=True)

    def __reduce__(self) -> Any:
        # What is in memory stays here; what is in files can be read by every process of the run.
        return (SpillStore, (0, self._files))

    def has_room(self, size: int) -> bool:
        """True if a bundle of so many bytes would stay in memory."""
        return self._used + size <= self._budget

    def packer(self, waiting: int) -> Packer:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return _SpillPacker(self, self._files.packer(waiting))

    def get(self, block: Block) -> Bundle:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        if block.resident:
            bundle: Bundle = block.ref
            return bundle
        return self._files.get(block)

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        on_disk = []
        for block in blocks:
            if block.resident:
                self._used -= block.size
            else:
                on_disk.append(block)
        self._files.free(on_disk)

    def scratch(self, memory: int) -> BlockStore:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return self._files.scratch(memory)

    def seal(self) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        self._files.seal()


class _SpillPacker:
    """Puts bundles into memory as they come and, when that is full, several into a block of a file."""

    def __init__(self, store: SpillStore, files: Packer) -> None:
        self._store = store
        self._files = files
        self.blocks = files.blocks

    def add(self, place: Hashable, bundle: Bundle, size: int, mixed: bool = False) -> None:
        """See :class:`bourne.engine.blocks.Packer`."""
        if self._store.has_room(size):
            self.blocks.setdefault(place, []).append(self._store.put(bundle, size)._replace(mixed=mixed))
        else:
            self._files.add(place, bundle, size, mixed)

    def flush(self) -> None:
        """See :class:`bourne.engine.blocks.Packer`."""
        self._files.flush()
