"""Coders of values that hold no other values: bytes, text, numbers, timestamps, windows."""

from __future__ import annotations

import operator
import struct
from typing import Any

from bourne.errors import UnsupportedError
from bourne.sdk.model.coder import Coder, cannot_decode, cannot_encode
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, IntervalWindow

_DOUBLE = struct.Struct('>d')
_MICROS = struct.Struct('>q')
_INTERVAL = struct.Struct('>qq')


class _DeterministicCoder(Coder):
    def is_deterministic(self) -> bool:
        return True

    def _unpack(self, form: struct.Struct, encoded: bytes) -> tuple[Any, ...]:
        if len(encoded) != form.size:
            raise cannot_decode(self, encoded, f'it writes {form.size} bytes')
        return form.unpack(encoded)


class BytesCoder(_DeterministicCoder):
    """Bytes as they are."""

    def encode(self, value: bytes) -> bytes:
        if not isinstance(value, bytes):
            raise cannot_encode(self, value, 'bytes')
        return value

    def decode(self, encoded: bytes) -> bytes:
        return encoded

    def to_type_hint(self) -> Any:
        return bytes


class StrUtf8Coder(_DeterministicCoder):
    """Text in UTF-8; lone surrogates, as in undecodable file names, survive."""

    def encode(self, value: str) -> bytes:
        if not isinstance(value, str):
            raise cannot_encode(self, value, 'a str')
        return value.encode('utf-8', 'surrogatepass')

    def decode(self, encoded: bytes) -> str:
        try:
            return encoded.decode('utf-8', 'surrogatepass')
        except UnicodeDecodeError as error:
            raise cannot_decode(self, encoded, f'not UTF-8: {error.reason} at byte {error.start}') from None

    def to_type_hint(self) -> Any:
        return str


class ToBytesCoder(_DeterministicCoder):
    """Writes bytes as they are and anything else as its ``str`` in UTF-8. For sinks: it cannot decode."""

    def encode(self, value: Any) -> bytes:
        return value if isinstance(value, bytes) else str(value).encode('utf-8', 'surrogatepass')

    def decode(self, encoded: bytes) -> Any:
        raise UnsupportedError('ToBytesCoder only encodes: what a text was made from cannot be told')


class BooleanCoder(_DeterministicCoder):
    """True and False, in a byte."""

    def encode(self, value: bool) -> bytes:
        if value is not True and value is not False:
            raise cannot_encode(self, value, 'True or False')
        return b'\x01' if value else b'\x00'

    def decode(self, encoded: bytes) -> bool:
        if encoded not in (b'\x00', b'\x01'):
            raise cannot_decode(self, encoded, 'it writes one byte, 0 or 1')
        return encoded == b'\x01'

    def to_type_hint(self) -> Any:
        return bool


class VarIntCoder(_DeterministicCoder):
    """Integers of any size: two's complement in as many bytes as needed, the highest first."""

    def encode(self, value: int) -> bytes:
        try:
            number = operator.index(value)
        except TypeError:
            raise cannot_encode(self, value, 'an int') from None
        return number.to_bytes((number.bit_length() >> 3) + 1, 'big', signed=True)

    def decode(self, encoded: bytes) -> int:
        if not encoded:
            raise cannot_decode(self, encoded, 'it writes at least one')
        return int.from_bytes(encoded, 'big', signed=True)

    def to_type_hint(self) -> Any:
        return int


class FloatCoder(_DeterministicCoder):
    """Floats, in the eight bytes of IEEE 754, the highest first; ints are taken and come back as floats."""

    def encode(self, value: float) -> bytes:
        try:
            return _DOUBLE.pack(value)
        except (struct.error, OverflowError):
            raise cannot_encode(self, value, 'a float, or an int that fits into one') from None

    def decode(self, encoded: bytes) -> float:
        value: float = self._unpack(_DOUBLE, encoded)[0]
        return value

    def to_type_hint(self) -> Any:
        return float


class TimestampCoder(_DeterministicCoder):
    """``Timestamp``, as signed microseconds in eight bytes."""

    def encode(self, value: Timestamp) -> bytes:
        if not isinstance(value, Timestamp):
            raise cannot_encode(self, value, 'a Timestamp')
        try:
            return _MICROS.pack(value.micros)
        except struct.error:
            raise cannot_encode(self, value, 'a Timestamp of 64-bit microseconds') from None

    def decode(self, encoded: bytes) -> Timestamp:
        return Timestamp(micros=self._unpack(_MICROS, encoded)[0])

    def to_type_hint(self) -> Any:
        return Timestamp


class SingletonCoder(_DeterministicCoder):
    """The coder of one value, which takes no bytes.

    Args:
      value: what every decoding returns.
    """

    def __init__(self, value: Any) -> None:
        self._value = value

    def encode(self, value: Any) -> bytes:
        return b''

    def decode(self, encoded: bytes) -> Any:
        if encoded:
            raise cannot_decode(self, encoded, 'it writes none')
        return self._value


class GlobalWindowCoder(SingletonCoder):
    """The coder of the global window."""

    def __init__(self) -> None:
        super().__init__(GLOBAL_WINDOW)


class IntervalWindowCoder(_DeterministicCoder):
    """``IntervalWindow``, as its start and end in microseconds, eight bytes each."""

    def encode(self, value: IntervalWindow) -> bytes:
        if not isinstance(value, IntervalWindow):
            raise cannot_encode(self, value, 'an IntervalWindow')
        try:
            return _INTERVAL.pack(value.start_micros, value.end_micros)
        except struct.error:
            raise cannot_encode(self, value, 'an IntervalWindow of 64-bit microseconds') from None

    def decode(self, encoded: bytes) -> IntervalWindow:
        return IntervalWindow.of_micros(*self._unpack(_INTERVAL, encoded))

    def to_type_hint(self) -> Any:
        return IntervalWindow
