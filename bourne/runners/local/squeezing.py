"""Compression of blocks on disk: with Zstandard where it is installed, else with zlib, each at its fastest level.

Measured on pickles of pairs, records and text: zlib takes 5 to 8 times as long as Zstandard, and as long as pickling or
longer. So blocks that hardly become smaller stay as they are.
"""

from __future__ import annotations

import zlib
from typing import Any

#: A compressed block must be at most so much of the whole one.
WORTH = 0.6
#: So many blocks are not tried after one that was not worth it.
VAIN = 31


class Squeezer:
    """Compresses and decompresses blocks, for one thread."""

    def __init__(self) -> None:
        self._skip = 0
        self._zstd: Any = None
        try:
            import zstandard
        except ImportError:
            return
        self._zstd = zstandard
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()

    def compress(self, data: bytes) -> bytes | None:
        """The data in compressed form; ``None`` if that is not worth it."""
        if self._skip:
            self._skip -= 1
            return None
        small: bytes = self._compressor.compress(data) if self._zstd is not None else zlib.compress(data, 1)
        if len(small) <= WORTH * len(data):
            return small
        self._skip = VAIN
        return None

    def decompress(self, data: memoryview) -> bytes:
        """What :meth:`compress` made smaller, in this process or in another one."""
        made: bytes = self._decompressor.decompress(data) if self._zstd is not None else zlib.decompress(data)
        return made
