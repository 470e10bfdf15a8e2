"""One range of a file as blocks of whole records."""

from __future__ import annotations

from typing import BinaryIO

from bourne.errors import SourceError
from bourne.io import compression
from bourne.io.compression import CompressionTypes
from bourne.io.files import open_file
from bourne.io.framing import Framing
from bourne.io.splitting import FileRange

#: How many bytes are read at a time. Larger blocks leave the processor's cache before they are used.
BLOCK = 128 << 10
#: How far into a file an error message still counts lines, in bytes.
COUNTED = 256 << 20


class Blocks:
    """Reads the records that start in a range of a file, a block of whole records at a time.

    Offsets are of the decompressed content. A range that does not begin at the start of the file begins with
    the first record that starts in it; the one that holds its last byte is read to its end.

    Args:
      part: the range.
      framing: where records end.
      compression_type: how the file is compressed.
      skip: how many records at the start of the file are left out.
      position: where to go on, an ``offset`` that was told earlier; by default at the start of the range.

    Attributes:
      path: the file.
      offset: where the next block starts.

    Raises:
      SourceError: if the file cannot be opened or read; the same from all methods.
    """

    def __init__(
        self,
        part: FileRange,
        framing: Framing,
        compression_type: str = CompressionTypes.AUTO,
        skip: int = 0,
        position: int | None = None,
    ) -> None:
        self.path = part.path
        self.offset = 0
        self._kind = compression.resolve(part.path, compression_type)
        self._file: BinaryIO = open_file(part.path, 'rb', self._kind)
        self._framing = framing
        self._stop = part.stop
        self._rest = b''
        self._ended = False
        try:
            self._go_to_start(part.start, skip, position)
        except BaseException:
            self.close()
            raise

    def next_block(self, size: int = BLOCK) -> bytes:
        """The next whole records, about ``size`` bytes but at least one; empty at the end of the range.

        The block ends with a delimiter unless it is the file's last record. It starts at what ``offset`` was
        before the call.
        """
        data = self._rest
        keep = len(self._framing.mark) - 1
        # What is left over from looking for the first record may hold whole ones.
        end = self._framing.last(data)
        while not self._ended and end < 0:
            more = self._read(max(size, len(data)))
            searched = max(0, len(data) - keep)
            data = data + more if data else more
            if not more:
                return self._last_record(data)
            end = self._framing.last(data, searched)
        if self._ended:
            return b''
        end = self._cut(data, end)
        self._rest = data[end:]
        self.offset += end
        return data[:end]

    def _cut(self, data: bytes, end: int) -> int:
        """Where the block ends: at the end of its last record, or of the last that starts before the stop."""
        if self._stop is None or self.offset + end < self._stop:
            return end
        self._ended = True
        return self._framing.find(data, max(0, self._stop - self.offset - len(self._framing.mark)))

    def _last_record(self, data: bytes) -> bytes:
        self._ended = True
        self._rest = b''
        self.offset += len(data)
        if self._stop is not None and self.offset < self._stop:
            raise SourceError(
                f'{self.path} ends at byte {self.offset}, but had at least {self._stop} bytes when the run '
                'began: it was changed while it is read')
        return data

    def _go_to_start(self, start: int, skip: int, position: int | None) -> None:
        if position is not None:
            self._seek(position)
        else:
            self._skip_records(skip)
            if start > self.offset:
                self._find_record(start)
        if self._stop is not None and self.offset >= self._stop:
            self._ended = True

    def _skip_records(self, count: int) -> None:
        for _ in range(count):
            end = self._framing.find(self._rest)
            while end < 0:
                more = self._read(max(BLOCK, len(self._rest)))
                if not more:
                    self._ended = True
                    return
                self._rest += more
                end = self._framing.find(self._rest)
            self._rest = self._rest[end:]
            self.offset += end

    def _find_record(self, start: int) -> None:
        """Goes to the first record that starts at ``start`` or later."""
        self._seek(max(0, start - len(self._framing.mark)))
        if self._framing.escape is not None:
            self._seek(self._before_escapes(self.offset))
        while (end := self._framing.find(self._rest)) < 0:
            more = self._read(max(BLOCK, len(self._rest)))
            if not more or (self._stop is not None and self.offset >= self._stop):
                self._ended = True
                return
            # Only what may be part of a delimiter is kept; with an escape byte that may be anything.
            keep = len(self._framing.mark) - 1 if self._framing.escape is None else len(self._rest)
            cut = max(0, len(self._rest) - keep)
            self._rest = self._rest[cut:] + more
            self.offset += cut
        self._rest = self._rest[end:]
        self.offset += end

    def _before_escapes(self, offset: int) -> int:
        """Where the run of escape bytes begins that ends at ``offset``."""
        while offset:
            self._seek(offset - 1)
            if self._read(1) != self._framing.escape:
                break
            offset -= 1
        return offset

    def _seek(self, offset: int) -> None:
        self._rest = b''
        try:
            if self._kind == CompressionTypes.UNCOMPRESSED and self._file.seekable():
                self._file.seek(offset)
            else:
                left = offset
                while left and (data := self._file.read(min(left, BLOCK))):
                    left -= len(data)
        except Exception as error:
            raise self._failed(error) from error
        self.offset = offset

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> SourceError:
        where = f'{self.path} after byte {self.offset + len(self._rest)}'
        if self._kind == CompressionTypes.UNCOMPRESSED:
            return SourceError(f'cannot read {where}: {error}')
        return SourceError(
            f'cannot read {where} of its decompressed content: {error}. The file is damaged or cut off, or '
            f'it is not {self._kind} data: compression_type says how to read it, whatever its name')

    def failure(self, offset: int, reason: str) -> SourceError:
        """The error for a record that cannot be used.

        Args:
          offset: where in the file it is, in bytes of the decompressed content.
          reason: what is wrong with it.
        """
        line = self._line_number(offset)
        return SourceError(f'{self.path}, {line}byte {offset}: {reason}')

    def _line_number(self, offset: int) -> str:
        if offset > COUNTED:
            return ''
        try:
            with open_file(self.path, 'rb', self._kind) as file:
                count, left = 1, offset
                while left and (data := file.read(min(left, BLOCK))):
                    count += data.count(b'\n')
                    left -= len(data)
        except Exception:
            return ''
        return f'line {count}, '

    @property
    def left(self) -> int | None:
        """How many bytes of the range are still to be read; ``None`` if not known."""
        if self._ended:
            return 0
        return None if self._stop is None else max(0, self._stop - self.offset)

    def close(self) -> None:
        """Closes the file. May be called twice."""
        self._file.close()


def offset_of(
    framing: Framing, block: bytes, count: int, skip_blank: bool = False, known: tuple[int, int] = (0, 0),
) -> int:
    """Where in a block the record number ``count`` starts.

    Args:
      framing: where records end.
      block: whole records.
      count: how many records are before it; the number of all of them gives the block's end.
      skip_blank: whether records of nothing but white space do not count.
      known: a count and its offset, to go on from.
    """
    number, offset = known
    while offset < len(block):
        end = framing.find(block, offset)
        end = end if end >= 0 else len(block)
        counts = not skip_blank or not block[offset:end].isspace()
        if counts and number == count:
            break
        number += counts
        offset = end
    return offset


def looks_like(data: bytes) -> str:
    """What bytes that are no UTF-8 text seem to be, as advice; empty if they are like nothing known."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return f'The file looks like {kind} data: pass compression_type={kind!r}.'
    if data.startswith((b'\xff\xfe', b'\xfe\xff')):
        return 'The file looks like UTF-16, which is not supported: convert it to UTF-8.'
    return 'If the text has another encoding, pass a coder that decodes it.'


_MAGIC = {
    b'\x1f\x8b': CompressionTypes.GZIP,
    b'BZh': CompressionTypes.BZIP2,
    b'\xfd7zXZ\x00': CompressionTypes.LZMA,
    b'\x28\xb5\x2f\xfd': CompressionTypes.ZSTD,
}


def first_bytes(path: str) -> bytes:
    """The first bytes of a file as it is stored; empty if it cannot be read."""
    try:
        with open_file(path, 'rb', CompressionTypes.UNCOMPRESSED) as file:
            return file.read(8)
    except (SourceError, OSError):
        return b''
