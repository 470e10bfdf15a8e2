"""Reads files record by record: the reader behind text and JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from bourne.errors import SourceError
from bourne.io.blocks import BLOCK, Blocks, first_bytes, looks_like, offset_of
from bourne.io.compression import CompressionTypes
from bourne.io.framing import Framing
from bourne.io.splitting import FileSplit
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Reader, Records

#: Where a reader stands: the number of a range in its split, and an offset in the file (``None``: its start).
Position = tuple[int, int | None]


class BadRecord(Exception):
    """Raised by a splitter for a record that it cannot make a value of.

    Args:
      number: which record of the block it is, from 0 (of those that have an element).
      reason: what is wrong; ``None`` to let ``cause`` through with a note that says where it was raised.
      cause: the error that said so.
    """

    def __init__(self, number: int, reason: str | None, cause: Exception) -> None:
        super().__init__(number, reason, cause)
        self.number = number
        self.reason = reason
        self.cause = cause


@attrs.frozen(slots=True)
class Format:
    """How the bytes of files become elements.

    Attributes:
      framing: where records end.
      split: makes the elements of a block of whole records: one for each record, in order. Raises
        :class:`BadRecord`, or ``UnicodeDecodeError`` with an offset in the block.
      skip_blank: whether records of nothing but white space have no element.
      compression_type: how the files are compressed.
      skip: how many records at the start of each file are left out.
      with_filename: whether elements become pairs of file name and element.
    """

    framing: Framing
    split: Callable[[bytes], list[Any]]
    compression_type: str = CompressionTypes.AUTO
    skip: int = 0
    with_filename: bool = False
    skip_blank: bool = False


class RecordReader(Reader[Any]):
    """Reads the files of a split one after the other, in bulk.

    A block of bytes becomes a list of elements at once, and polls take slices of it. The position costs
    nothing until it is asked for: it is found by counting delimiters in the block.

    Args:
      split: what to read.
      form: how.
      position: where to go on.
    """

    def __init__(self, split: FileSplit, form: Format, position: Position | None = None) -> None:
        self._split = split
        self._form = form
        self._at, self._resume = position if position is not None else (0, None)
        self._blocks: Blocks | None = None
        self._block = b''
        self._base = 0
        self._values: list[Any] = []
        self._next = 0
        self._known = (0, 0)

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        size = max(1, min(BLOCK, max_bytes))
        if self._next >= len(self._values) and not self._advance(size):
            return None
        values = self._take(max_records)
        if len(values) == max_records or 2 * len(self._block) >= size:
            return Records(values)
        # Small files: the elements of many make one poll.
        values, taken = list(values), len(self._block)
        while len(values) < max_records and taken < size and self._advance(size):
            values += self._take(max_records - len(values))
            taken += len(self._block)
        return Records(values)

    def _take(self, count: int) -> list[Any]:
        start, values = self._next, self._values
        self._next = start + count
        if self._next < len(values):
            return values[start:self._next]
        # The list is the caller's from now on.
        self._values, self._next = [], 0
        return values[start:] if start else values

    def _advance(self, size: int) -> bool:
        """Makes the next block's elements the pending ones; False at the end of the split."""
        while self._at < len(self._split):
            blocks = self._blocks or self._open()
            base = blocks.offset
            block = blocks.next_block(size)
            if block:
                values = self._elements(blocks, base, block)
                self._block, self._base, self._values = block, base, values
                self._next, self._known = 0, (0, 0)
                if values:
                    return True
            else:
                self._leave()
        return False

    def _open(self) -> Blocks:
        form = self._form
        self._blocks = Blocks(
            self._split[self._at], form.framing, form.compression_type, form.skip, self._resume)
        return self._blocks

    def _leave(self) -> None:
        self.close()
        self._at += 1
        self._resume = None

    def _elements(self, blocks: Blocks, base: int, block: bytes) -> list[Any]:
        try:
            values = self._form.split(block)
        except UnicodeDecodeError as error:
            raise self._not_text(blocks, base, error) from error
        except BadRecord as error:
            offset = base + offset_of(self._form.framing, block, error.number, self._form.skip_blank)
            if error.reason is not None:
                raise blocks.failure(offset, error.reason) from error.cause
            error.cause.add_note(f'while decoding the record at byte {offset} of {blocks.path}')
            raise error.cause from None
        if self._form.with_filename:
            path = blocks.path
            return [(path, value) for value in values]
        return values

    def _not_text(self, blocks: Blocks, base: int, error: UnicodeDecodeError) -> SourceError:
        byte, advice = error.object[error.start], looks_like(first_bytes(blocks.path))
        return blocks.failure(
            base + error.start, f'the byte 0x{byte:02x} is not UTF-8 text ({error.reason}). {advice}')

    @property
    def position(self) -> Position:
        if self._blocks is None:
            return self._at, self._resume
        if self._next >= len(self._values):
            return self._at, self._blocks.offset
        offset = offset_of(self._form.framing, self._block, self._next, self._form.skip_blank, self._known)
        self._known = self._next, offset
        return self._at, self._base + offset

    @property
    def backlog(self) -> Backlog:
        later = self._at + (self._blocks is not None)
        size = sum(part.size for part in self._split[later:])
        if self._blocks is not None:
            left = self._blocks.left
            size += self._split[self._at].size if left is None else left
        return Backlog(size=size)

    def close(self) -> None:
        if self._blocks is not None:
            self._at, self._resume = self.position
            self._blocks.close()
            self._blocks, self._block, self._values, self._next = None, b'', [], 0
