"""Records from bytes that come bit by bit: what a growing file and a connection have in common."""

from __future__ import annotations

from typing import Any

import attrs

from bourne.errors import SourceError, TransformError
from bourne.io.blocks import looks_like, offset_of
from bourne.io.framing import Framing
from bourne.io.records import BadRecord, Format
from bourne.io.textsource import LineSource
from bourne.sdk.model.portable import portable

#: A record that is longer is an error: its end will hardly come. In bytes.
LONGEST = 64 << 20


@portable
@attrs.frozen
class Growing:
    """How growing text is cut into elements, and which time they have.

    Attributes:
      strip: whether the delimiter that ends a record is cut off.
      coder: decodes a record from bytes; ``None`` for text in UTF-8.
      delimiter: what ends a record; ``None`` for a line.
      escape: a byte that takes the meaning from a delimiter after it.
      arrival: elements have the time at which they are read, and the watermark follows the clock. Otherwise both are
        not known.
    """

    strip: bool = True
    coder: Any = None
    delimiter: bytes | None = None
    escape: bytes | None = None
    arrival: bool = True

    def check(self) -> None:
        """Refuses what cannot be used.

        Raises:
          TransformError: says why.
        """
        Framing(self.delimiter, self.escape).check()
        if self.coder is not None and not callable(getattr(self.coder, 'decode', None)):
            raise TransformError(f'coder must be a Coder with a decode method; got {self.coder!r}')

    def form(self, with_filename: bool = False) -> Format:
        """How bytes become elements."""
        source = LineSource('', strip=self.strip, coder=self.coder, delimiter=self.delimiter, escape=self.escape,
                            with_filename=with_filename)
        return source.form()


class Block:
    """Elements that are read and not emitted yet, and where in the input the next one starts.

    Args:
      form: how bytes become elements.
      origin: what the bytes come from, a file or an address.
      base: where in it they start.
      data: whole records.

    Raises:
      SourceError: if a record cannot be decoded; it says where it is.
    """

    def __init__(self, form: Format, origin: str, base: int, data: bytes) -> None:
        self._form = form
        self._base = base
        self._data = data
        self._next = 0
        self._known = (0, 0)
        try:
            values = form.split(data)
        except UnicodeDecodeError as error:
            raise SourceError(f'{origin}, byte {base + error.start}: the byte 0x{data[error.start]:02x} is not UTF-8 '
                              f'text ({error.reason}). {looks_like(data[:8] if not base else b"")}') from error
        except BadRecord as error:
            offset = base + offset_of(form.framing, data, error.number)
            if error.reason is not None:
                raise SourceError(f'{origin}, byte {offset}: {error.reason}') from error.cause
            error.cause.add_note(f'while decoding the record at byte {offset} of {origin}')
            raise error.cause from None
        self._values = [(origin, value) for value in values] if form.with_filename else values

    def take(self, count: int) -> list[Any]:
        """The next elements, at most so many."""
        start = self._next
        self._next = min(start + count, len(self._values))
        return self._values[start:self._next]

    @property
    def left(self) -> int:
        """How many elements are left."""
        return len(self._values) - self._next

    @property
    def offset(self) -> int:
        """Where in the input the next element starts."""
        if not self.left:
            return self._base + len(self._data)
        self._known = self._next, offset_of(self._form.framing, self._data, self._next, known=self._known)
        return self._base + self._known[1]


class Tail:
    """The end of the input, as far as it is read: the beginning of a record that is not complete.

    Args:
      framing: where records end.
      origin: what the bytes come from.
      offset: where in it reading starts.

    Attributes:
      offset: where in the input the incomplete record starts.
      rest: what there is of it.
    """

    def __init__(self, framing: Framing, origin: str, offset: int = 0) -> None:
        self._framing = framing
        self._origin = origin
        self.offset = offset
        self.rest = b''

    def add(self, data: bytes) -> tuple[int, bytes]:
        """Takes more bytes.

        Returns:
          The records that are complete by now, with the offset of the first; the bytes may be empty.

        Raises:
          SourceError: if the record does not end.
        """
        searched = max(0, len(self.rest) - len(self._framing.mark) + 1) if self._framing.escape is None else 0
        whole = self.rest + data
        end = max(0, self._framing.last(whole, searched))
        base, self.rest = self.offset, whole[end:]
        self.offset += end
        if len(self.rest) > LONGEST:
            raise SourceError(f'{self._origin}, byte {self.offset}: the record that starts here does not end within '
                              f'{LONGEST >> 20} MiB. Is the delimiter {self._framing.mark!r} right?')
        return base, whole[:end]

    def finish(self) -> tuple[int, bytes]:
        """The input has ended: what there is of its last record counts as whole."""
        base, rest = self.offset, self.rest
        self.offset += len(rest)
        self.rest = b''
        return base, rest
