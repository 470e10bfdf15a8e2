"""The source of CSV files: rows with named, typed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from bourne.errors import SourceError
from bourne.io.arguments import text_of
from bourne.io.blocks import BLOCK
from bourne.io.columns import NA_VALUES, BadValue, convert, infer
from bourne.io.csvfile import CsvFile, CsvLayout
from bourne.io.fields import Kind, row_of
from bourne.io.matching import FileMetadata, match, nothing_matches
from bourne.io.records import Position
from bourne.io.splitting import FileRange, FileSplit, plan_splits
from bourne.sdk.model.portable import portable
from bourne.sdk.model.row import Row
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Reader, Records, Source
from bourne.sdk.value_provider import ValueProvider

#: How many rows of the first file the types of columns are inferred from.
SAMPLE = 1000


class CsvSplit(NamedTuple):
    """What one reader reads, and the types that were inferred for all of them."""

    ranges: FileSplit
    inferred: tuple[tuple[str, str], ...]


@portable
@attrs.frozen
class CsvSource(Source[Row]):
    """Reads the rows of all CSV files that match a pattern, in the order of their paths.

    Attributes:
      pattern: the files; perhaps known only when the pipeline runs.
      layout: how they are written.
      types: the types of columns by name; other columns have the type that is inferred.
      default_type: the type of all other columns, in place of inference.
      na_values: what stands for a missing value.
      default_na: whether what pandas takes for a missing value does too.
      columns: the names of the columns that are kept; ``None`` for all.
      splittable: whether a file may be cut at any end of a line.
      filename_column: the name of a further field that holds the file's name, if one is wanted.
    """

    pattern: str | ValueProvider[str]
    layout: CsvLayout
    types: Mapping[str, Kind] = {}
    default_type: Kind | None = None
    na_values: tuple[str, ...] = ()
    default_na: bool = True
    columns: tuple[str, ...] | None = None
    splittable: bool = False
    filename_column: str | None = None

    @property
    def missing(self) -> frozenset[str]:
        """All that stands for a missing value."""
        return (NA_VALUES if self.default_na else frozenset()).union(self.na_values)

    def files(self) -> list[FileMetadata]:
        """The files that match now.

        Raises:
          SourceError: if there are none.
        """
        pattern = text_of(self.pattern)
        found = match(pattern)
        if not found:
            raise nothing_matches(pattern)
        return found

    def check(self) -> None:
        self.files()

    def splits(self, desired: int = 1) -> list[CsvSplit]:
        files = self.files()
        inferred = tuple(self.inferred(files).items())
        plan = plan_splits(files, desired, splittable=self.splittable)
        return [CsvSplit(ranges, inferred) for ranges in plan]

    def inferred(self, files: Sequence[FileMetadata]) -> dict[str, str]:
        """The kinds of the columns without a given type, from the first rows that there are."""
        if self.default_type is not None:
            return {}
        missing = self.missing
        for file in files:
            with CsvFile(FileRange(file.path, 0, None, file.size_in_bytes), self.layout) as opened:
                rows = opened.rows(SAMPLE)
                if rows:
                    named = dict(zip(opened.names, zip(*rows)))
                    return {
                        name: infer(texts, missing) for name, texts in named.items()
                        if name not in self.types}
        return {}

    def open(self, split: CsvSplit, position: Position | None = None) -> CsvReader:
        return CsvReader(self, CsvSplit(*split), position)

    def size(self, split: CsvSplit) -> int:
        return sum(part.size for part in CsvSplit(*split).ranges)


class CsvReader(Reader[Row]):
    """Reads the files of a split one after the other.

    Args:
      source: what is read.
      split: which part of it.
      position: where to go on.
    """

    def __init__(self, source: CsvSource, split: CsvSplit, position: Position | None = None) -> None:
        self._source = source
        self._ranges = split.ranges
        self._inferred = dict(split.inferred)
        self._missing = source.missing
        self._at, self._resume = position if position is not None else (0, None)
        self._file: CsvFile | None = None
        self._step = 1024

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Row] | None:
        values: list[Row] = []
        while self._at < len(self._ranges) and len(values) < min(max_records, self._step):
            file = self._file or self._open()
            start = file.count
            rows = file.rows(min(max_records - len(values), self._step))
            if rows:
                self._adapt(rows, max_bytes)
                values += self._values(file, start, rows)
            else:
                self.close()
                self._at, self._resume = self._at + 1, None
        return Records(values) if values else None

    def _adapt(self, rows: list[list[str]], max_bytes: int) -> None:
        """Takes as many rows in the next poll as will make about one block."""
        width = sum(map(len, rows[0])) + len(rows[0])
        self._step = max(1, min(BLOCK, max_bytes) // max(width, 16))

    def _open(self) -> CsvFile:
        self._file = CsvFile(self._ranges[self._at], self._source.layout, self._resume)
        return self._file

    def _values(self, file: CsvFile, start: int, rows: list[list[str]]) -> list[Row]:
        source = self._source
        names, kept = self._kept(file)
        texts = list(zip(*rows))
        values: list[Sequence[Any]] = []
        for name, at in zip(names, kept):
            kind = source.types.get(name) or source.default_type or self._inferred.get(name, 'str')
            try:
                values.append(convert(texts[at], kind, self._missing))
            except BadValue as error:
                raise file.failure(start, error.row, self._reason(name, error)) from error
        if source.filename_column is not None:
            names = [*names, source.filename_column]
            values.append([file.path] * len(rows))
        return [row_of(dict(zip(names, fields))) for fields in zip(*values)]

    def _kept(self, file: CsvFile) -> tuple[list[str], list[int]]:
        names = list(file.names)
        wanted = self._source.columns
        if wanted is None:
            return names, list(range(len(names)))
        absent = [name for name in wanted if name not in names]
        if absent:
            shown = ', '.join(map(repr, absent))
            raise SourceError(f'{file.path}: there is no column {shown}; there are {", ".join(names)}')
        kept = [at for at, name in enumerate(names) if name in wanted]
        return [names[at] for at in kept], kept

    def _reason(self, name: str, error: BadValue) -> str:
        reason = f'{error.value!r} in the column {name!r} {error.reason}'
        inferred = self._inferred.get(name)
        if inferred is None:
            return reason
        return (f'{reason}. The column was taken for {inferred} after the first rows of the first file: '
                f'pass dtype={{{name!r}: ...}} with the type it has')

    @property
    def position(self) -> Position:
        return (self._at, self._file.offset) if self._file is not None else (self._at, self._resume)

    @property
    def backlog(self) -> Backlog:
        later = self._at + (self._file is not None)
        size = sum(part.size for part in self._ranges[later:])
        if self._file is not None:
            left = self._file.left
            size += self._ranges[self._at].size if left is None else left
        return Backlog(size=size)

    def close(self) -> None:
        if self._file is not None:
            self._at, self._resume = self.position
            self._file.close()
            self._file = None
