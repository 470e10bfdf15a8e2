"""Compression of blocks on disk: with Zstandard where it is installed, else with zlib, each at its fastest level.

Measured on pickles of pairs, records and text, Zstandard compresses 400 to 1000 MB a second, and zlib 60 to 160, which
is slower than most disks. Where a disk does 500, Zstandard saves the time that it takes if a block becomes half as
large. So others stay as they are, and with zlib those that do not become much smaller than that.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

#: A compressed block must be at most so much of the whole one.
WORTH = 0.5
WORTH_OF_ZLIB = 0.25
#: So many blocks are not tried after one that was not worth it.
VAIN = 31


class Squeezer:
    """Compresses and decompresses blocks, for one thread."""

    def __init__(self) -> None:
        self._skip = 0
        self._compress: Callable[[bytes], bytes] = partial(zlib.compress, level=1)
        self._decompress: Callable[[memoryview], bytes] = zlib.decompress
        self._worth = WORTH_OF_ZLIB
        with suppress(ImportError):
            import zstandard

            self._compress = zstandard.ZstdCompressor(level=1).compress
            self._decompress = zstandard.ZstdDecompressor().decompress
            self._worth = WORTH

    def compress(self, data: bytes) -> bytes | None:
        """The data in compressed form; ``None`` if that is not worth it."""
        if self._skip:
            self._skip -= 1
            return None
        small = self._compress(data)
        if len(small) <= self._worth * len(data):
            return small
        self._skip = VAIN
        return None

    def decompress(self, data: memoryview) -> bytes:
        """What :meth:`compress` made smaller, in this process or in another one."""
        return self._decompress(data)
