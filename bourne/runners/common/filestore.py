"""Blocks in files: how worker processes hand bundles to each other without a copy through the coordinator.

Each task appends its bundles to one file of its own in the run's directory, and a block names file, offset and length.
As long as there is memory the files stay in the page cache of the operating system. Past a number of bytes, blocks are
compressed: then the page cache will not hold them. A file is removed when everything in it has been freed; the
directory at the end of the run.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate
from bourne.errors import ExecutionError
from bourne.runners.common.encoding import Codec, Encoded
from bourne.runners.common.filepacker import FilePacker
from bourne.runners.common.spillstore import SpillStore
from bourne.runners.common.squeezing import Squeezer

#: How a block begins that is compressed, where others have a number of buffers.
_COMPRESSED = b'\xff\xff\xff\xff'


class FileStore:
    """Keeps bundles in files of a directory that several processes share.

    Args:
      folder: the path of the directory.
      name: how the files of this process begin, unique among all that share the directory.
      compress_after: how many bytes are written before blocks are compressed.
      by_value: those who read have another main module than this process.

    Attributes:
      has_scratch: it was asked for a store for scratch, so that there may be values on disk.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str, compress_after: float = math.inf,
                 by_value: bool = False) -> None:
        self.codec = Codec(by_value, staying=True)
        self._compress_after = compress_after
        self._written = 0
        self._folder = folder
        self._name = name
        self._number = 0
        self.has_scratch = False
        self._file: Any = None
        self._path = ''
        self._offset = 0
        self._freed: dict[str, int] = {}

    @cached_property
    def _squeezer(self) -> Squeezer:
        return Squeezer()

    def __reduce__(self) -> Any:
        # For values on disk that travel to another process of the run: there it is only read from.
        return (FileStore, (os.fspath(self._folder), ''))

    @property
    def number(self) -> int:
        """The number of the last file or store for scratch that was begun."""
        return self._number

    def seal(self) -> None:
        """What is put from now on goes into a new file; the last one is closed.

        Raises:
          ExecutionError: if the disk is full.
        """
        file, self._file = self._file, None
        if file is not None:
            with self._explaining(0):
                file.close()

    def put(self, bundle: Bundle, size: int | None = None) -> Block:
        """See :class:`bourne.engine.blocks.BlockStore`.

        Raises:
          ExecutionError: if an element cannot be pickled; names it. Or if the disk is full.
        """
        return self.put_encoded([self.codec.encode(bundle)], len(bundle.values),
                                estimate(bundle) if size is None else size)

    def put_encoded(self, bundles: list[Encoded], elements: int, size: int) -> Block:
        """Keeps bundles as one block.

        Args:
          bundles: the bundles.
          elements: how many elements they have.
          size: about how many bytes these take in memory.

        Raises:
          ExecutionError: if the disk is full.
        """
        parts = [part for bundle in bundles for part in bundle.parts]
        if self._written >= self._compress_after:
            parts = self._compressed(parts)
        length = sum(map(len, parts))
        with self._explaining(length):
            if self._file is None:
                self._open()
            self._file.writelines(parts)
            self._file.flush()
        block = Block((self._path, self._offset, length), elements, size)
        self._offset += length
        self._written += length
        return block

    @contextmanager
    def _explaining(self, length: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError, ExecutionError):  # what is still in the file's buffer has no room either
                self.seal()
            raise ExecutionError(f'cannot keep {length:,} bytes between two stages in {os.fspath(self._folder)}: '
                                 f'{error.strerror}. Choose another place with --temp_dir') from error

    def packer(self, waiting: int) -> FilePacker:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return FilePacker(self, waiting)

    def _compressed(self, parts: list[Any]) -> list[Any]:
        """The parts of a block in compressed form, if that is worth it."""
        small = self._squeezer.compress(parts, sum(map(len, parts)))
        return parts if small is None else [_COMPRESSED, *small]

    def _open(self) -> None:
        self._number += 1
        self._path = f'{self._name}-{self._number}'
        self._offset = 0
        self._file = open(os.path.join(self._folder, self._path), 'xb')  # noqa: SIM115 - closed by seal

    def get(self, block: Block) -> Bundle:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        import mmap

        name, offset, length = block.ref
        with open(os.path.join(self._folder, name), 'rb') as file:
            # A map begins at a page; the bundle somewhere in it.
            start = offset - offset % mmap.ALLOCATIONGRANULARITY
            # What a user function changes in place is its own affair, not that of the file.
            mapped = mmap.mmap(file.fileno(), offset - start + length, offset=start, access=mmap.ACCESS_COPY)
        data = memoryview(mapped)[offset - start:]
        if data[:4] == _COMPRESSED:
            data = memoryview(self._squeezer.decompress(data[4:]))
        return self.codec.decode(data)

    def scratch(self, memory: int) -> BlockStore:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return SpillStore(memory, FileStore(*self.child()))

    def child(self) -> tuple[str | os.PathLike[str], str, float]:
        """The directory, the name and the limit of another store of this process, for scratch."""
        self._number += 1
        self.has_scratch = True
        return self._folder, f'{self._name}-{self._number}', max(0, self._compress_after - self._written)

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        lengths: Counter[str] = Counter()
        for block in blocks:
            name, _, length = block.ref
            lengths[name] += length
        for name, length in lengths.items():
            self._freed[name] = self._freed.get(name, 0) + length
            path = os.path.join(self._folder, name)
            if self._freed[name] >= os.stat(path).st_size:
                if name == self._path:
                    self.seal()
                os.unlink(path)
                del self._freed[name]


def remove_after(folder: str | os.PathLike[str], name: str, number: int) -> None:
    """Removes what a store wrote that nobody knows of, since its process died.

    Args:
      folder: the directory.
      name: the store's name.
      number: the number of its last file, or store for scratch, that others may know of.
    """
    for file in os.listdir(folder):
        if file.startswith(f'{name}-') and int(file[len(name) + 1:].partition('-')[0]) > number:
            with suppress(OSError):  # it goes with the directory
                os.unlink(os.path.join(folder, file))
