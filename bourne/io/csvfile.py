"""One range of a CSV file as rows of texts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import attrs

from bourne.errors import SourceError
from bourne.io.blocks import Blocks, offset_of
from bourne.io.framing import Framing, with_mark
from bourne.io.splitting import FileRange
from bourne.sdk.model.portable import portable

_FRAMING = Framing()
#: Follows the last line. It is a row of its own, unless a quoted field is still open.
_END = '\x03\x04\x03'


@portable
@attrs.frozen
class CsvLayout:
    """How CSV files are written.

    Attributes:
      delimiter: what is between fields, one character.
      quotechar: what fields are quoted with, one character; ``None`` if there are no quotes.
      doublequote: whether a doubled quote in a quoted field stands for a quote.
      escapechar: a character that takes the meaning from the next one.
      skipinitialspace: whether spaces after a delimiter are left out.
      skiprows: how many lines before the header (or the first row) are left out.
      header: whether the first row has the names of the columns.
      names: the names of the columns, in place of those in the header.
      skip_bad_lines: whether rows with a wrong number of fields are left out, rather than an error.
      encoding: of the text; one in which a newline is the byte 10 and no part of another character.
    """

    delimiter: str = ','
    quotechar: str | None = '"'
    doublequote: bool = True
    escapechar: str | None = None
    skipinitialspace: bool = False
    skiprows: int = 0
    header: bool = True
    names: tuple[str, ...] | None = None
    skip_bad_lines: bool = False
    encoding: str = 'utf-8'

    def reader(self, lines: Iterator[str]) -> Any:
        """A reader of the csv module for this layout.

        Raises:
          TypeError: if a field of the layout is not valid.
        """
        return csv.reader(
            lines, delimiter=self.delimiter, quotechar=self.quotechar, doublequote=self.doublequote,
            escapechar=self.escapechar, skipinitialspace=self.skipinitialspace,
            quoting=csv.QUOTE_MINIMAL if self.quotechar else csv.QUOTE_NONE)


class Header(NamedTuple):
    """The names of the columns, and how many lines at the start of the file are no rows."""

    names: tuple[str, ...]
    lines: int


class CsvFile:
    """Reads the rows of a range. Use it as a context manager, or close it.

    The csv module takes lines as it needs them, so that the end of a row is known by how many it took, and
    quoted fields may hold line ends.

    Args:
      part: the range.
      layout: how the file is written.
      position: where to go on, an ``offset`` that was told earlier.

    Attributes:
      path: the file.
      names: the names of the columns.
      count: how many rows were taken, blank lines and rows left out among them.

    Raises:
      SourceError: if the file cannot be read or is no such CSV; the same from all methods.
    """

    def __init__(self, part: FileRange, layout: CsvLayout, position: int | None = None) -> None:
        self.path = part.path
        self.count = 0
        self._part = part
        self._layout = layout
        self._start = position
        self._block, self._base = b'', 0
        self._before = self._pulled = self._skipped = 0
        self._ended = False
        inside = part.start > 0 or position is not None
        header = read_header(part.path, layout) if inside else Header((), 0)
        self._blocks = Blocks(part, _FRAMING, skip=header.lines, position=position)
        self._lines = self._pull()
        self._reader = layout.reader(self._lines)
        try:
            self.names = header.names if inside else self._take_header()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. May be called twice."""
        self._blocks.close()

    @property
    def lines(self) -> int:
        """How many lines were taken."""
        return self._skipped + int(self._reader.line_num)

    @property
    def offset(self) -> int:
        """Where the next row starts, in bytes of the decompressed content."""
        if not self._block:
            return self._blocks.offset
        return self._base + offset_of(_FRAMING, self._block, self.lines - self._before)

    @property
    def left(self) -> int | None:
        """How many bytes of the range are still to be read; ``None`` if not known."""
        return self._blocks.left

    def rows(self, count: int) -> list[list[str]]:
        """The next rows, at most ``count``; fewer only at the end. Blank lines are no rows."""
        rows: list[list[str]] = []
        width = len(self.names)
        while len(rows) < count and (found := self._take(count - len(rows))):
            good = [row for row in found if len(row) == width]
            if len(good) < len(found) and not self._layout.skip_bad_lines:
                self._refuse_odd(found)
            rows += good
        return rows

    def _refuse_odd(self, found: list[list[str]]) -> None:
        width = len(self.names)
        for number, row in enumerate(found, self.count - len(found)):
            if row and len(row) != width:
                text = self._layout.delimiter.join(row)
                raise self._blocks.failure(
                    self._locate(number),
                    f'the row has {len(row)} field{"s" * (len(row) != 1)}, but there are {width} columns '
                    f'({", ".join(self.names)}): {text[:80]!r}{self._hint()}')

    def _take(self, count: int) -> list[list[str]]:
        try:
            found = list(islice(self._reader, count))
        except csv.Error as error:
            hint = ' (is a quoted field not closed?)' if 'field limit' in str(error) else ''
            raise self._blocks.failure(self.offset, f'not valid CSV before here: {error}{hint}') from error
        if self._ended and found and any(_END in field for field in found[-1]):
            if found[-1] != [_END]:
                raise self._blocks.failure(
                    self._locate(self.count + len(found) - 1),
                    f'a quoted field of this row is not closed{self._hint()}')
            found.pop()
        self.count += len(found)
        return found

    def _hint(self) -> str:
        if self._part.start == 0 and self._part.stop is None:
            return ''
        return '. If fields hold line ends, the file cannot be cut at lines: pass splittable=False'

    def _pull(self) -> Iterator[str]:
        while True:
            base = self._blocks.offset
            block = self._blocks.next_block()
            if not block:
                break
            try:
                text = block.decode(self._layout.encoding)
            except UnicodeDecodeError as error:
                raise self._blocks.failure(
                    base + error.start,
                    f'the byte 0x{block[error.start]:02x} is not {self._layout.encoding} text: '
                    'encoding says how to read it') from error
            lines = with_mark(text.removeprefix('\ufeff') if base == 0 else text, '\n')
            self._block, self._base, self._before = block, base, self._pulled
            self._pulled += len(lines)
            yield from lines
        self._ended = True
        yield _END

    def _take_header(self) -> tuple[str, ...]:
        self._skipped = sum(1 for _ in islice(self._lines, self._layout.skiprows))
        row: list[str] = []
        while self._layout.header and not row and (found := self._take(1)):
            row = found[0]
        self.count = 0
        names = self._layout.names or tuple(row)
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            shown = ', '.join(map(repr, double))
            raise self._blocks.failure(0, f'the header has more than one column {shown}: pass names')
        return names

    def failure(self, start: int, number: int, reason: str) -> SourceError:
        """The error for a row that cannot be used.

        Args:
          start: what ``count`` was before the call of :meth:`rows` that returned it.
          number: which of the rows it returned.
          reason: what is wrong with it.
        """
        return self._blocks.failure(self._locate(start, number), reason)

    def _locate(self, start: int, number: int | None = None) -> int:
        """Where row ``start`` is, or the ``number``-th proper row after it. Found by reading again."""
        width = len(self.names)
        with CsvFile(self._part, self._layout, self._start) as again:
            for _ in islice(again._reader, start):
                pass
            offset = again.offset
            while number is not None and (row := next(again._reader, None)) is not None:
                if len(row) == width:
                    number = number - 1 if number else None
                offset = again.offset if number is not None else offset
        return offset


def read_header(path: str, layout: CsvLayout) -> Header:
    """The header of a file.

    Raises:
      SourceError: if it cannot be read.
    """
    with CsvFile(FileRange(path, 0, None, 0), layout) as file:
        return Header(file.names, file.lines)
