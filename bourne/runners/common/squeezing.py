"""Compression of blocks on disk: with Zstandard where it is installed, else with zlib, each at its fastest level.

Measured on pickles of pairs, records and text, Zstandard compresses 400 to 1000 MB a second, and zlib 60 to 160, which
is slower than most disks. Where a disk does 500, Zstandard saves the time that it takes if a block becomes half as
large. So others stay as they are, and with zlib those that do not become much smaller than that.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

#: A compressed block must be at most so much of the whole one.
WORTH = 0.5
WORTH_OF_ZLIB = 0.25
#: So many blocks are not tried after one that was not worth it.
VAIN = 31
#: About how many bytes are compressed at a time.
PIECE = 1 << 20


def _pieces(parts: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    for part in parts:
        if len(part) <= PIECE:
            yield part
        else:
            view = memoryview(part)
            yield from (view[start:start + PIECE] for start in range(0, len(view), PIECE))


class Squeezer:
    """Compresses and decompresses blocks, for one thread."""

    def __init__(self) -> None:
        self._skip = 0
        self._begin: Callable[[int], Any] = lambda length: zlib.compressobj(level=1)
        self._decompress: Callable[[memoryview], bytes] = zlib.decompress
        self._worth = WORTH_OF_ZLIB
        with suppress(ImportError):
            import zstandard

            compressor = zstandard.ZstdCompressor(level=1)
            self._begin = lambda length: compressor.compressobj(size=length)
            self._decompress = zstandard.ZstdDecompressor().decompress
            self._worth = WORTH

    def compress(self, parts: Iterable[bytes | memoryview], length: int) -> list[bytes] | None:
        """Data in compressed form, in parts, too; ``None`` if that is not worth it.

        The whole is never joined, and as little is made of it as shows that it is not worth it: it may be huge.

        Args:
          parts: the data.
          length: how many bytes that is.
        """
        if self._skip:
            self._skip -= 1
            return None
        stream = self._begin(length)
        left = self._worth * length
        small = []
        for piece in chain(_pieces(parts), [None]):
            small.append(stream.flush() if piece is None else stream.compress(piece))
            left -= len(small[-1])
            if left < 0:
                self._skip = VAIN
                return None
        return small

    def decompress(self, data: memoryview) -> bytes:
        """What :meth:`compress` made smaller, in this process or in another one."""
        return self._decompress(data)
