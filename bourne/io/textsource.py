"""The source and the formats of text files: a record a line (or what else a delimiter ends)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from bourne.errors import CoderError, SinkError, TransformError
from bourne.io import compression
from bourne.io.arguments import is_known, text_of
from bourne.io.compression import CompressionTypes
from bourne.io.filesink import FileEncoder, FileFormat
from bourne.io.framing import Framing, bytes_splitter, record_ends, text_splitter
from bourne.io.matching import match, nothing_matches
from bourne.io.records import BadRecord, Format, Position, RecordReader
from bourne.io.splitting import FileSplit, plan_splits
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import Source
from bourne.sdk.model.value_coders import BytesCoder
from bourne.sdk.value_provider import ValueProvider


@portable
@attrs.frozen
class LineSource(Source[Any]):
    """Reads the records of all files that match a pattern, in the order of their paths.

    Attributes:
      pattern: the files, as a path or URL with wildcards; perhaps known only when the pipeline runs.
      compression_type: how they are compressed; ``AUTO`` goes by their names.
      strip: whether the delimiter that ends a record is cut off.
      coder: decodes a record from bytes; ``None`` for text in UTF-8.
      skip: how many records at the start of each file are left out.
      delimiter: what ends a record; ``None`` for a line.
      escape: a byte that takes the meaning from a delimiter after it.
      with_filename: whether elements are pairs of file name and record.
      min_size: the least size of a part that a file is cut into, in bytes.
      must_exist: whether a pattern that matches nothing is an error rather than an empty source.
    """

    pattern: str | ValueProvider[str] = ''
    compression_type: str = CompressionTypes.AUTO
    strip: bool = True
    coder: Any = None
    skip: int = 0
    delimiter: bytes | None = None
    escape: bytes | None = None
    with_filename: bool = False
    min_size: int = 0
    must_exist: bool = True

    def check(self) -> None:
        """Refuses arguments that cannot be used, and a pattern without a match where one must be.

        Raises:
          TransformError: if an argument is not valid.
          bourne.errors.SourceError: if there is no such file.
        """
        compression.check_compression(self.compression_type)
        Framing(self.delimiter, self.escape).check()
        if self.skip < 0:
            raise TransformError(f'skip_header_lines must be a number from 0; got {self.skip!r}')
        if self.coder is not None and not callable(getattr(self.coder, 'decode', None)):
            raise TransformError(f'coder must be a Coder with a decode method; got {self.coder!r}')
        if self.must_exist and is_known(self.pattern) and self.pattern:
            self.files()

    def files(self) -> list[Any]:
        """The files that match now, with their sizes.

        Raises:
          bourne.errors.SourceError: if there are none, and some must be.
        """
        pattern = text_of(self.pattern)
        found = match(pattern)
        if not found and self.must_exist:
            raise nothing_matches(pattern)
        return found

    def splits(self, desired: int = 1) -> list[FileSplit]:
        return plan_splits(self.files(), desired, self.compression_type, min_size=self.min_size)

    def open(self, split: FileSplit, position: Position | None = None) -> RecordReader:
        return RecordReader(split, self.form(), position)

    def size(self, split: FileSplit) -> int:
        return sum(part.size for part in split)

    def form(self) -> Format:
        """How files are read."""
        framing = Framing(self.delimiter, self.escape)
        return Format(framing, self.splitter(framing), self.compression_type, self.skip, self.with_filename)

    def splitter(self, framing: Framing) -> Callable[[bytes], list[Any]]:
        """Makes the elements of a block."""
        fast: Callable[[bytes], list[Any]] | None = None
        if self.coder is None:
            fast = text_splitter(framing, self.strip)
        elif type(self.coder) is BytesCoder:
            fast = bytes_splitter(framing, self.strip)
        if fast is not None:
            return fast
        decode = self.coder.decode if self.coder is not None else _decode_text
        return _record_splitter(framing, self.strip, decode)


def _decode_text(record: bytes) -> str:
    return record.decode('utf-8')


def _record_splitter(
    framing: Framing, strip: bool, decode: Callable[[bytes], Any],
) -> Callable[[bytes], list[Any]]:
    """The general way from a block to its values: cut as bytes, decode each."""

    def split(block: bytes) -> list[Any]:
        values: list[Any] = []
        start = 0
        for end in record_ends(framing, block):
            record = block[start:end]
            try:
                values.append(decode(framing.bare(record) if strip else record))
            except Exception as error:
                raise _bad_record(len(values), error) from error
            start = end
        return values

    return split


def _bad_record(number: int, error: Exception) -> BadRecord:
    known = isinstance(error, (UnicodeDecodeError, CoderError))
    return BadRecord(number, f'the record cannot be decoded: {error}' if known else None, error)


@portable
@attrs.frozen
class TextFormat(FileFormat):
    """Elements as lines of text.

    Attributes:
      coder: encodes an element as bytes; ``None`` for UTF-8 of its text (bytes stay as they are).
      newline: what is written after each element, after the header and after the footer.
      header: what each file begins with, if anything.
      footer: what each file ends with, if anything.
    """

    coder: Any = None
    newline: str = '\n'
    header: str | bytes | None = None
    footer: str | bytes | None = None

    def encoder(self) -> TextEncoder:
        return TextEncoder(self)


class TextEncoder(FileEncoder):
    """Writes lines.

    Args:
      form: how.
    """

    def __init__(self, form: TextFormat) -> None:
        self._form = form
        self._newline = form.newline
        self._end = form.newline.encode('utf-8')

    def head(self, first: Any) -> bytes:
        return self._line(self._form.header)

    def tail(self) -> bytes:
        return self._line(self._form.footer)

    def _line(self, text: str | bytes | None) -> bytes:
        return b'' if text is None else to_bytes(text) + self._end

    def body(self, values: Sequence[Any]) -> bytes:
        if self._form.coder is not None:
            return self._body_by_coder(values)
        try:
            return (self._newline.join(values) + self._newline).encode('utf-8')
        except (TypeError, UnicodeEncodeError):
            return self._end.join([*map(to_bytes, values), b''])

    def _body_by_coder(self, values: Sequence[Any]) -> bytes:
        encode = self._form.coder.encode
        encoded = [encode(value) for value in values]
        try:
            return self._end.join([*encoded, b''])
        except TypeError:
            value, odd = next(pair for pair in zip(values, encoded) if not isinstance(pair[1], bytes))
            raise SinkError(
                f'{self._form.coder!r} encoded {value!r} as {odd!r} ({type(odd).__name__}); '
                'the encode method of a coder must return bytes') from None


def to_bytes(value: Any) -> bytes:
    """The bytes that a value is written as: its own if it is bytes, else its text in UTF-8.

    Raises:
      SinkError: if the text cannot be encoded; it shows the value.
    """
    if isinstance(value, bytes):
        return value
    try:
        return str(value).encode('utf-8')
    except UnicodeEncodeError as error:
        raise SinkError(
            f'cannot write {value!r} as UTF-8: {error.reason} at character {error.start}') from error
