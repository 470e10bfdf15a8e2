r"""Where records end in a stream of bytes: at a delimiter that is not escaped.

======================  ==============================================================
delimiter               a record ends at
======================  ==============================================================
none given              each ``\n``; a ``\r`` right before it belongs to it
given                   each occurrence
with an escape byte     those with an even number of escape bytes right before them
======================  ==============================================================

A delimiter must not overlap itself, and must not hold the escape byte. Then whether bytes are a delimiter
depends on nothing but these bytes and the escape bytes before them, and a reader that starts anywhere finds
the same ends. What comes after the last delimiter is a record too, unless it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, AnyStr

import attrs

from bourne.errors import TransformError
from bourne.sdk.model.portable import portable


@portable
@attrs.frozen
class Framing:
    """The ends of records.

    Attributes:
      delimiter: what ends a record; ``None`` for a line.
      escape: one byte that takes the meaning from a delimiter (and from itself) right after it.
    """

    delimiter: bytes | None = None
    escape: bytes | None = None

    @property
    def mark(self) -> bytes:
        """What every end of a record holds."""
        return self.delimiter or b'\n'

    def check(self) -> None:
        """Refuses a delimiter or an escape byte that cannot be used.

        Raises:
          TransformError: says why.
        """
        mark: Any = self.delimiter
        escape: Any = self.escape
        if mark is not None and (not isinstance(mark, bytes) or not mark):
            raise TransformError(f'the delimiter must be a non-empty bytes object; got {mark!r}')
        if mark and any(mark.startswith(mark[size:]) for size in range(1, len(mark))):
            raise TransformError(
                f'the delimiter must not self-overlap: {mark!r} begins with what it ends with, so that '
                'where a record ends would depend on where reading starts')
        if escape is not None and (not isinstance(escape, bytes) or len(escape) != 1):
            raise TransformError(f'escapechar must be a bytes object of size 1; got {escape!r}')
        if escape and escape in self.mark + (b'' if mark else b'\r'):
            raise TransformError(f'escapechar {escape!r} must not be part of the delimiter {self.mark!r}')

    def find(self, data: bytes, start: int = 0) -> int:
        """The index after the first delimiter that begins at ``start`` or later; -1 if there is none."""
        mark = self.mark
        while (at := data.find(mark, start)) >= 0 and self._is_escaped(data, at):
            start = at + len(mark)
        return at + len(mark) if at >= 0 else -1

    def last(self, data: bytes, start: int = 0) -> int:
        """The index after the last delimiter that begins at ``start`` or later; -1 if there is none."""
        mark = self.mark
        end = len(data)
        while (at := data.rfind(mark, start, end)) >= 0 and self._is_escaped(data, at):
            end = at
        return at + len(mark) if at >= 0 else -1

    def ends(self, data: bytes) -> Iterator[int]:
        """The index after each delimiter, in order."""
        at = self.find(data)
        while at >= 0:
            yield at
            at = self.find(data, at)

    def bare(self, record: bytes) -> bytes:
        """A record without the delimiter that ends it; one that has none stays as it is."""
        if not record.endswith(self.mark) or self._is_escaped(record, len(record) - len(self.mark)):
            return record
        record = record[:-len(self.mark)]
        at = len(record) - 1
        if self.delimiter is None and record.endswith(b'\r') and not self._is_escaped(record, at):
            return record[:at]
        return record

    def _is_escaped(self, data: bytes, at: int) -> bool:
        if self.escape is None:
            return False
        first = at
        while first and data[first - 1] == self.escape[0]:
            first -= 1
        return (at - first) % 2 == 1


def text_splitter(framing: Framing, strip: bool) -> Callable[[bytes], list[str]] | None:
    """The fast way from a block of whole records to their texts in UTF-8, if there is one.

    The block is decoded once and cut as text. That gives what decoding record by record would give because
    the encoding synchronises itself: a delimiter that is valid UTF-8 is found only between characters.

    Args:
      framing: where records end.
      strip: whether delimiters are cut off.
    """
    if framing.escape is not None:
        return None
    try:
        mark = framing.mark.decode('utf-8')
    except UnicodeDecodeError:
        return None
    if not strip:
        return lambda data: with_mark(data.decode('utf-8'), mark)
    if framing.delimiter is None:
        return lambda data: _lines(data.decode('utf-8'), '\r', '\n')
    return lambda data: without_mark(data.decode('utf-8'), mark)


def bytes_splitter(framing: Framing, strip: bool) -> Callable[[bytes], list[bytes]] | None:
    """The fast way from a block of whole records to their bytes, if there is one. Arguments as above."""
    if framing.escape is not None:
        return None
    mark = framing.mark
    if not strip:
        return lambda data: with_mark(data, mark)
    if framing.delimiter is None:
        return lambda data: _lines(data, b'\r', b'\n')
    return lambda data: without_mark(data, mark)


def _lines(data: AnyStr, carriage_return: AnyStr, newline: AnyStr) -> list[AnyStr]:
    if carriage_return not in data:
        return without_mark(data, newline)
    both = carriage_return + newline
    lines = without_mark(data, both)
    # Where all lines end in the same way, that is all; replacing is slow.
    if data.count(newline) == len(lines) - (not data.endswith(both)):
        return lines
    return without_mark(data.replace(both, newline), newline)


def without_mark(data: AnyStr, mark: AnyStr) -> list[AnyStr]:
    """The pieces that end with a mark, without it, and what comes after the last one."""
    records = data.split(mark)
    if not records[-1]:
        records.pop()
    return records


def with_mark(data: AnyStr, mark: AnyStr) -> list[AnyStr]:
    """The pieces that end with a mark, and what comes after the last one."""
    records = data.split(mark)
    rest = records.pop()
    records = [record + mark for record in records]
    if rest:
        records.append(rest)
    return records


def record_ends(framing: Framing, block: bytes) -> Iterator[int]:
    """The index after each record of a block of whole records, the last of which may lack its delimiter."""
    end = 0
    for end in framing.ends(block):
        yield end
    if end < len(block):
        yield len(block)
