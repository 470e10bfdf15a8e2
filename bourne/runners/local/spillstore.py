"""Blocks in memory up to a budget, and on disk past it: the store of the inline executor."""

from __future__ import annotations

import os
from collections.abc import Iterable

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate
from bourne.runners.local.filestore import FileStore
from bourne.runners.local.folder import make_folder, remove_folder


class SpillStore:
    """Keeps bundles in memory, and those that are too many in compressed files.

    Args:
      budget: how many bytes may stay in memory.
      temp_dir: where the files go; by default the system's place for temporary files.
    """

    def __init__(self, budget: int, temp_dir: str | None = None) -> None:
        self._budget = budget
        self._temp_dir = temp_dir
        self._used = 0
        self._folder: str | None = None
        self._files: FileStore | None = None

    def put(self, bundle: Bundle) -> Block:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        size = estimate(bundle)
        if self._used + size > self._budget:
            return self._disk().put(bundle)
        self._used += size
        return Block(bundle, len(bundle.values), size)

    def get(self, block: Block) -> Bundle:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        if isinstance(block.ref, Bundle):
            return block.ref
        return self._disk().get(block)

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        on_disk = []
        for block in blocks:
            if isinstance(block.ref, Bundle):
                self._used -= block.size
            else:
                on_disk.append(block)
        if on_disk:
            self._disk().free(on_disk)

    def scratch(self) -> BlockStore:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return self._disk().scratch()

    def close(self) -> None:
        """Removes everything on disk."""
        if self._files is not None:
            self._files.begin()
            self._files = None
        if self._folder is not None:
            remove_folder(self._folder)
            self._folder = None

    def _disk(self) -> FileStore:
        if self._files is None:
            self._folder = make_folder(self._temp_dir)
            self._files = FileStore(self._folder, f'inline{os.getpid()}', compress_after=0)
        return self._files
