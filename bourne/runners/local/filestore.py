"""Blocks in files: how worker processes hand bundles to each other without a copy through the coordinator.

Each task appends its bundles to one file of its own in the run's directory, and a block names file, offset and length.
As long as there is memory the files stay in the page cache of the operating system. A bundle is one pickle (protocol
5) for all its elements, never one for each; buffers that pickle hands out, such as those of arrays, follow it as they
are and are not copied when they are read.

Past a number of bytes, blocks are compressed: then the page cache will not hold them, and the disk is slower than zlib.
A file is removed when everything in it has been freed; the directory at the end of the run.
"""

from __future__ import annotations

import math
import os
import pickle
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import cloudpickle

from bourne.engine.blocks import Block
from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate
from bourne.errors import ExecutionError
from bourne.sdk.model.known import short

_COUNT = struct.Struct('<I')
_LENGTH = struct.Struct('<Q')
#: Stands in place of the number of buffers where everything after it is compressed.
_COMPRESSED = b'\xff\xff\xff\xff'


class FileStore:
    """Keeps bundles in files of a directory that several processes share.

    Args:
      folder: the path of the directory.
      name: how the files of this process begin, unique among all that share the directory.
      compress_after: how many bytes are written before blocks are compressed.
    """

    def __init__(self, folder: str, name: str, compress_after: float = math.inf) -> None:
        self._compress_after = compress_after
        self._written = 0
        self._folder = folder
        self._name = name
        self._number = 0
        self._file: Any = None
        self._path = ''
        self._offset = 0
        self._freed: dict[str, int] = {}
        self._children: list[FileStore] = []

    def begin(self) -> None:
        """What is put from now on goes into a new file; the last one is closed."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for child in self._children:
            child.begin()
        self._children.clear()

    def put(self, bundle: Bundle) -> Block:
        """See :class:`bourne.engine.blocks.BlockStore`.

        Raises:
          ExecutionError: if an element cannot be pickled; names it. Or if the disk is full.
        """
        parts = encode(bundle)
        if self._written >= self._compress_after:
            parts = [_COMPRESSED, zlib.compress(b''.join(parts), 1)]
        length = sum(len(part) for part in parts)
        try:
            if self._file is None:
                self._open()
            self._file.writelines(parts)
            self._file.flush()
        except OSError as error:
            raise ExecutionError(f'cannot keep {length:,} bytes between two stages in {self._folder}: '
                                 f'{error.strerror}. Choose another place with --temp_dir') from error
        block = Block((self._path, self._offset, length), len(bundle.values), estimate(bundle))
        self._offset += length
        self._written += length
        return block

    def _open(self) -> None:
        self._number += 1
        self._path = f'{self._name}-{self._number}'
        self._offset = 0
        self._file = open(os.path.join(self._folder, self._path), 'xb')  # noqa: SIM115 - closed by begin

    def get(self, block: Block) -> Bundle:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        import mmap

        name, offset, length = block.ref
        with open(os.path.join(self._folder, name), 'rb') as file:
            # A map begins at a page; the bundle somewhere in it.
            start = offset - offset % mmap.ALLOCATIONGRANULARITY
            mapped = mmap.mmap(file.fileno(), offset - start + length, offset=start, access=mmap.ACCESS_READ)
        data = memoryview(mapped)[offset - start:]
        if data[:_COUNT.size] == _COMPRESSED:
            data = memoryview(zlib.decompress(data[_COUNT.size:]))
        return decode(data)

    def scratch(self) -> FileStore:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        self._number += 1
        child = FileStore(self._folder, f'{self._name}-{self._number}', max(0, self._compress_after - self._written))
        self._children.append(child)
        return child

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        for block in blocks:
            name, _, length = block.ref
            self._freed[name] = self._freed.get(name, 0) + length
            path = os.path.join(self._folder, name)
            if self._freed[name] >= os.stat(path).st_size:
                if name == self._path:
                    self.begin()
                os.unlink(path)
                del self._freed[name]


def encode(bundle: Bundle) -> list[Any]:
    """A bundle as bytes, in parts: how many buffers, their lengths, the pickle's length, the pickle, the buffers.

    Raises:
      ExecutionError: if an element cannot be pickled; names it.
    """
    buffers: list[memoryview] = []

    def collect(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if len(raw) < 1024:
            return True
        buffers.append(raw)
        return False

    columns = (bundle.values, bundle.timestamps, bundle.windows, bundle.panes)
    try:
        body = cloudpickle.dumps(columns, protocol=5, buffer_callback=collect)
    except Exception as error:
        raise _unpicklable(bundle, error) from error
    head = [_COUNT.pack(len(buffers)), *(_LENGTH.pack(len(one)) for one in buffers), _LENGTH.pack(len(body))]
    return [*head, body, *buffers]


def decode(data: memoryview) -> Bundle:
    """The bundle of :func:`encode`'s bytes; its buffers are views of them."""
    count, at = _COUNT.unpack_from(data)[0], _COUNT.size
    lengths = [_LENGTH.unpack_from(data, at + number * _LENGTH.size)[0] for number in range(count + 1)]
    at += (count + 1) * _LENGTH.size
    body = data[at:at + lengths[-1]]
    at += lengths[-1]
    buffers = []
    for length in lengths[:-1]:
        buffers.append(data[at:at + length])
        at += length
    return Bundle(*pickle.loads(body, buffers=buffers))


def _unpicklable(bundle: Bundle, error: Exception) -> ExecutionError:
    for value in bundle.values:
        try:
            cloudpickle.dumps(value, protocol=5)
        except Exception as reason:
            return ExecutionError(f'the element {short(value)} ({type(value).__name__}) cannot be pickled, which it '
                                  f'must be to move to another process: {reason}')
    return ExecutionError(f'a bundle cannot be pickled: {error}')
