"""A bundle as bytes: one pickle (protocol 5) for all its elements, never one for each.

Buffers that pickle hands out, such as those of arrays, follow it as they are, and are not copied when they are read,
unless that is from memory that must not change: a function may do with an array what it may where nothing is encoded.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import cloudpickle

from bourne.engine.bundle import Bundle, join
from bourne.engine.oversize import STAYING
from bourne.errors import ExecutionError
from bourne.sdk.model.known import short

#: How many buffers there are, and the lengths of the pickled elements and of the pickled columns.
_HEAD = struct.Struct('<IQI')


class Encoded(NamedTuple):
    """A bundle in encoded form.

    Attributes:
      parts: the head, the lengths of the buffers, the pickled elements, the pickled columns, the buffers.
      length: how many bytes all of that is.
    """

    parts: list[Any]
    length: int


class Codec:
    """Encodes and decodes bundles. Columns that are the same as those of the bundle before cost nothing.

    Args:
      by_value: whoever decodes may have another main module, so that what is defined there must go along.
      staying: whoever decodes has the run's directory, so that values on disk can stay where they are.
    """

    def __init__(self, by_value: bool = False, staying: bool = False) -> None:
        self._staying = staying
        self._pickler: Any = cloudpickle if by_value else pickle
        self._written: tuple[tuple[Any, ...], bytes] = ((), b'')
        self._read: tuple[bytes, tuple[Any, ...]] = (b'', ())

    def encode(self, bundle: Bundle) -> Encoded:
        """A bundle in encoded form.

        Raises:
          ExecutionError: if an element cannot be pickled; names it.
        """
        try:
            values, buffers = self._pickled(bundle.values)
        except Exception as error:
            raise _unpicklable(bundle, error) from error
        columns = self._columns((bundle.timestamps, bundle.windows, bundle.panes))
        head = _HEAD.pack(len(buffers), len(values), len(columns))
        parts = [head + struct.pack(f'<{len(buffers)}Q', *map(len, buffers)), values, columns, *buffers]
        return Encoded(parts, sum(map(len, parts)))

    def _columns(self, columns: tuple[Any, ...]) -> bytes:
        before, data = self._written
        if not before or any(one is not other for one, other in zip(columns, before, strict=True)):
            data = cloudpickle.dumps(columns, protocol=5)
            self._written = (columns, data)
        return data

    def _pickled(self, data: Any) -> tuple[bytes, list[memoryview]]:
        buffers: list[memoryview] = []

        def collect(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if len(raw) < 1024:
                return True
            buffers.append(raw)
            return False

        STAYING.inside = self._staying
        try:
            return self._pickler.dumps(data, protocol=5, buffer_callback=collect), buffers
        except Exception:
            # Functions, and classes that no module has. Plain pickle refuses them, but is faster for all others.
            buffers.clear()
            return cloudpickle.dumps(data, protocol=5, buffer_callback=collect), buffers
        finally:
            STAYING.inside = False

    def decode(self, data: memoryview) -> Bundle:
        """The elements of one or more encoded bundles, one after the other.

        Arrays can be written to if they could when they were encoded. Their buffers are views of ``data``, or copies
        if it is read-only.
        """
        own: Callable[[memoryview], Any] = bytearray if data.readonly else memoryview
        bundles = []
        at = 0
        while at < len(data):
            count, values, columns = _HEAD.unpack_from(data, at)
            lengths = struct.unpack_from(f'<{count}Q', data, at + _HEAD.size)
            ends = list(accumulate((values, columns, *lengths), initial=at + _HEAD.size + 8 * count))
            found = [data[start:end] for start, end in pairwise(ends)]
            bundles.append(Bundle(pickle.loads(found[0], buffers=map(own, found[2:])), *self._loaded(bytes(found[1]))))
            at = ends[-1]
        return join(bundles)

    def _loaded(self, data: bytes) -> tuple[Any, ...]:
        before, columns = self._read
        if data != before:
            columns = pickle.loads(data)
            if not any(type(column) is list for column in columns):
                self._read = (data, columns)
        return columns


def _unpicklable(bundle: Bundle, error: Exception) -> ExecutionError:
    for value in bundle.values:
        try:
            cloudpickle.dumps(value, protocol=5)
        except Exception as reason:
            return ExecutionError(f'the element {short(value)} ({type(value).__name__}) cannot be pickled, which it '
                                  f'must be to move to another process or to disk: {reason}')
    return ExecutionError(f'a bundle cannot be pickled: {error}')
