"""Compressed files: the kinds, how they are told from a file's name, and streams that read and write them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar, Protocol, cast

from bourne.errors import TransformError, UnsupportedError

#: How many compressed bytes a decoder takes at a time, and how large the buffer above it is.
STEP = 1 << 16


class CompressionTypes:
    """The kinds of compression, as Beam names them. ``AUTO`` goes by the file name's extension."""

    AUTO = 'auto'
    UNCOMPRESSED = 'uncompressed'
    GZIP = 'gzip'
    BZIP2 = 'bzip2'
    LZMA = 'lzma'
    DEFLATE = 'deflate'
    ZSTD = 'zstd'

    ALL: ClassVar[tuple[str, ...]] = (AUTO, UNCOMPRESSED, GZIP, BZIP2, LZMA, DEFLATE, ZSTD)

    @classmethod
    def is_valid_compression_type(cls, compression_type: object) -> bool:
        """True for one of the kinds above."""
        return compression_type in cls.ALL

    @classmethod
    def detect_compression_type(cls, file_path: str) -> str:
        """The kind that a file's name stands for; ``UNCOMPRESSED`` if it says nothing."""
        _, dot, extension = file_path.rpartition('.')
        return _EXTENSIONS.get(extension.lower(), cls.UNCOMPRESSED) if dot else cls.UNCOMPRESSED


_EXTENSIONS = {
    'gz': CompressionTypes.GZIP,
    'bz2': CompressionTypes.BZIP2,
    'xz': CompressionTypes.LZMA,
    'lzma': CompressionTypes.LZMA,
    'deflate': CompressionTypes.DEFLATE,
    'zst': CompressionTypes.ZSTD,
    'zstd': CompressionTypes.ZSTD,
}

#: The extension that a file of each kind gets.
EXTENSION_OF = {
    CompressionTypes.GZIP: 'gz',
    CompressionTypes.BZIP2: 'bz2',
    CompressionTypes.LZMA: 'xz',
    CompressionTypes.DEFLATE: 'deflate',
    CompressionTypes.ZSTD: 'zst',
}


def check_compression(compression_type: object) -> str:
    """The argument itself if it is one of :class:`CompressionTypes`.

    Raises:
      TransformError: if it is not.
    """
    if not CompressionTypes.is_valid_compression_type(compression_type):
        raise TransformError(
            f'compression_type must be one of CompressionTypes ({", ".join(CompressionTypes.ALL)}); '
            f'got {compression_type!r}')
    return cast(str, compression_type)


def resolve(path: str, compression_type: str) -> str:
    """The kind of compression of one file, never ``AUTO``."""
    if compression_type == CompressionTypes.AUTO:
        return CompressionTypes.detect_compression_type(path)
    return compression_type


class Decoder(Protocol):
    """What zlib's and zstandard's decompression objects have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Encoder(Protocol):
    """What zlib's and zstandard's compression objects have in common."""

    def compress(self, data: Any, /) -> bytes: ...
    def flush(self) -> bytes: ...


class DecodedFile(io.RawIOBase):
    """Reads streams that follow each other in one file, for formats without a file class of their own.

    Args:
      raw: the compressed file; it is closed with this one.
      new_decoder: makes a decoder for one stream.
      name: the format, for errors.
    """

    def __init__(self, raw: BinaryIO, new_decoder: Callable[[], Decoder], name: str) -> None:
        self._raw = raw
        self._new_decoder = new_decoder
        self._name = name
        self._decoder: Decoder | None = None
        self._ready = memoryview(b'')
        self._rest = b''

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._ready:
            data = self._rest or self._raw.read(STEP)
            self._rest = b''
            if not data:
                if self._decoder is not None:
                    raise EOFError(f'the {self._name} data ends in the middle of a stream')
                return 0
            self._ready = memoryview(self._decode(data))
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decode(self, data: bytes) -> bytes:
        decoder = self._decoder = self._decoder or self._new_decoder()
        decoded = decoder.decompress(data)
        if decoder.eof:
            self._rest = decoder.unused_data
            self._decoder = None
        return decoded

    def close(self) -> None:
        self._raw.close()
        super().close()


class EncodedFile(io.RawIOBase):
    """Writes one stream into a file, for formats without a file class of their own.

    Args:
      raw: where the compressed bytes go; it is closed with this one.
      encoder: compresses the stream.
    """

    def __init__(self, raw: BinaryIO, encoder: Encoder) -> None:
        self._raw = raw
        self._encoder = encoder

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._raw.write(self._encoder.compress(data))
        return len(data)

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._raw.write(self._encoder.flush())
        finally:
            self._raw.close()
            super().close()


class OwningFile(io.RawIOBase):
    """A file over another one that the codec's own class would leave open.

    Args:
      codec: the file that compresses or decompresses.
      raw: the file below it; both are closed with this one.
    """

    def __init__(self, codec: Any, raw: BinaryIO) -> None:
        self._codec = codec
        self._raw = raw

    def readable(self) -> bool:
        return bool(self._codec.readable())

    def writable(self) -> bool:
        return bool(self._codec.writable())

    def seekable(self) -> bool:
        return self.readable() and self._raw.seekable()

    def readinto(self, buffer: Any, /) -> int:
        return int(self._codec.readinto(buffer))

    def write(self, data: Any, /) -> int:
        return int(self._codec.write(data))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._codec.seek(offset, whence))

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._codec.close()
        finally:
            self._raw.close()
            super().close()


def reading(raw: BinaryIO, kind: str) -> BinaryIO:
    """The decompressed content of an open file, which is closed with the result.

    Streams that follow each other in one file are read as one. Data that is damaged or ends too early raises
    an error of the codec when it is reached.

    Args:
      raw: a file opened for binary reading, at its start.
      kind: one of :class:`CompressionTypes` but not ``AUTO``.

    Raises:
      UnsupportedError: if an optional package is needed and not installed.
    """
    if kind == CompressionTypes.UNCOMPRESSED:
        return raw
    return cast(BinaryIO, io.BufferedReader(_decoded(raw, kind), STEP))


def _decoded(raw: BinaryIO, kind: str) -> io.RawIOBase:
    if kind == CompressionTypes.GZIP:
        import gzip

        return OwningFile(gzip.GzipFile(fileobj=raw, mode='rb'), raw)
    if kind == CompressionTypes.BZIP2:
        import bz2

        return OwningFile(bz2.BZ2File(raw, 'rb'), raw)
    if kind == CompressionTypes.LZMA:
        import lzma

        return OwningFile(lzma.LZMAFile(raw, 'rb'), raw)
    if kind == CompressionTypes.DEFLATE:
        import zlib

        return DecodedFile(raw, zlib.decompressobj, kind)
    # Frames written with a long window need more than the library's default limit of 128 MiB.
    context = _zstandard().ZstdDecompressor(max_window_size=1 << 31)
    return DecodedFile(raw, context.decompressobj, kind)


def writing(raw: BinaryIO, kind: str) -> BinaryIO:
    """A file that compresses what is written to it into an open file, which is closed with the result.

    The same content always gives the same bytes: no time stamps, no names.

    Args:
      raw: a file opened for binary writing.
      kind: one of :class:`CompressionTypes` but not ``AUTO``.

    Raises:
      UnsupportedError: if an optional package is needed and not installed.
    """
    if kind == CompressionTypes.UNCOMPRESSED:
        return raw
    return cast(BinaryIO, io.BufferedWriter(_encoded(raw, kind), STEP))


def _encoded(raw: BinaryIO, kind: str) -> io.RawIOBase:
    if kind == CompressionTypes.GZIP:
        import gzip

        return OwningFile(gzip.GzipFile(filename='', fileobj=raw, mode='wb', compresslevel=6, mtime=0), raw)
    if kind == CompressionTypes.BZIP2:
        import bz2

        return OwningFile(bz2.BZ2File(raw, 'wb'), raw)
    if kind == CompressionTypes.LZMA:
        import lzma

        return OwningFile(lzma.LZMAFile(raw, 'wb'), raw)
    if kind == CompressionTypes.DEFLATE:
        import zlib

        return EncodedFile(raw, zlib.compressobj())
    return EncodedFile(raw, _zstandard().ZstdCompressor().compressobj())


def check_available(kind: str) -> None:
    """Refuses a kind whose optional package is not installed.

    Raises:
      UnsupportedError: names the extra to install.
    """
    if kind == CompressionTypes.ZSTD:
        _zstandard()


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise UnsupportedError(
            'zstd files need the package zstandard, which is not installed: '
            'pip install "bourne[zstd]"') from error
    return zstandard
