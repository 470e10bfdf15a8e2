"""Small bundles for the same place become one block, since a block has a price of its own.

They are encoded as they come, while the processor's caches have them, and wait as bytes, which are fewer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any, Protocol

from bourne.engine.blocks import Block
from bourne.engine.bundle import Bundle
from bourne.runners.common.encoding import Codec, Encoded

#: From so many bytes on a block is worth its price (measured: some 100 us to write and to read it again).
ENOUGH = 256 << 10


class EncodedStore(Protocol):
    """Keeps blocks that are bytes."""

    codec: Codec

    def put_encoded(self, bundles: list[Encoded], elements: int, size: int) -> Block:
        """Keeps bundles as one block, of so many elements that take about so many bytes in memory."""


class _Shelf:
    """What waits for one place."""

    __slots__ = ('bundles', 'elements', 'length', 'mixed', 'size', 'windows')

    def __init__(self) -> None:
        self.bundles: list[Encoded] = []
        self.elements = self.length = self.size = 0
        self.mixed = False
        self.windows: set[Any] = set()


class FilePacker:
    """Puts bundles into blocks that are bytes.

    Args:
      files: gets them.
      most: how many bytes may wait at the same time.

    Attributes:
      blocks: see :class:`bourne.engine.blocks.Packer`.
    """

    def __init__(self, files: EncodedStore, most: int) -> None:
        self._files = files
        self._most = most
        self._shelves: defaultdict[Any, _Shelf] = defaultdict(_Shelf)
        self._waiting = 0
        self.blocks: defaultdict[Any, list[Block]] = defaultdict(list)

    def add(self, place: Hashable, bundle: Bundle, size: int, mixed: bool = False) -> None:
        """See :class:`bourne.engine.blocks.Packer`."""
        shelf = self._shelves[place]
        encoded = self._files.codec.encode(bundle)
        shelf.mixed |= mixed or _overlap(shelf, bundle)
        shelf.bundles.append(encoded)
        shelf.elements += len(bundle.values)
        shelf.size += size
        shelf.length += encoded.length
        self._waiting += encoded.length
        if shelf.length >= ENOUGH:
            self._pack(place)
        elif self._waiting > self._most:
            self.flush()

    def flush(self) -> None:
        """See :class:`bourne.engine.blocks.Packer`."""
        for place in list(self._shelves):
            self._pack(place)

    def _pack(self, place: Hashable) -> None:
        shelf = self._shelves.pop(place)
        self._waiting -= shelf.length
        block = self._files.put_encoded(shelf.bundles, shelf.elements, shelf.size)
        self.blocks[place].append(block._replace(mixed=True) if shelf.mixed else block)


def _overlap(shelf: _Shelf, bundle: Bundle) -> bool:
    """True if a bundle may have a key and window in common with those on a shelf."""
    windows = set(bundle.windows) if type(bundle.windows) is list else {bundle.windows}
    known = not shelf.windows.isdisjoint(windows)
    shelf.windows |= windows
    return known
