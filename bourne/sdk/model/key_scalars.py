"""Canonical bytes of the values that hold no other values: numbers, text, times, paths, windows.

Each function here takes a value whose ``==`` is the one of the class it is for (a subclass that inherits it
included) and returns bytes that begin with a tag of their own and end by themselves, so that they can be
joined. Two values of one function, or of two, have the same bytes if and only if they are one key; see
:mod:`bourne.sdk.model.keys` for what that means and for the few exceptions. The bytes are part of the format
of checkpoints: they may gain tags, but never change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from bourne.sdk.model.timestamp import MICROS, Duration, Timestamp
from bourne.sdk.model.window import GlobalWindow, IntervalWindow

#: Decimals are encoded as exact ratios, whose size grows with the exponent's value.
MAX_DECIMAL_EXPONENT = 10_000


class NoEncodingError(TypeError):
    """A class, or one value of it, cannot be a key. Its text continues 'the class ...': why, what to do."""

    def __init__(self, cls: type, why: str) -> None:
        super().__init__(why)
        self.cls = cls


_SHORT = [bytes((size,)) for size in range(255)]
_DOUBLE = struct.Struct('>d')
_NAN = b'f' + bytes.fromhex('7ff8000000000000')
_MICRO = timedelta(microseconds=1)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def size_prefix(size: int) -> bytes:
    """A count or a length: one byte below 255, else nine."""
    return _SHORT[size] if size < 255 else b'\xff' + size.to_bytes(8, 'big')


def tagged(tag: bytes, content: bytes) -> bytes:
    """``content`` of any length, behind its tag and its length."""
    return tag + size_prefix(len(content)) + content


def of_int(key: int, tag: bytes = b'i') -> bytes:
    """A whole number: big-endian two's complement, as long as it must be."""
    size = (key.bit_length() >> 3) + 1
    return tag + size_prefix(size) + key.to_bytes(size, 'big', signed=True)


def of_float(key: float) -> bytes:
    """A whole float as the integer that it equals, so that 0.0 is -0.0; any NaN as the one NaN."""
    if key.is_integer():
        return of_int(int(key))
    return _NAN if key != key else b'f' + _DOUBLE.pack(key)


def of_complex(key: complex) -> bytes:
    """A complex number; a real one as the real number that it equals."""
    if key.imag == 0:
        return of_float(key.real)
    return b'c' + of_float(key.real) + of_float(key.imag)


def of_ratio(numerator: int, denominator: int) -> bytes:
    """A rational number in lowest terms; as the integer or the float that it equals, if there is one."""
    if denominator == 1:
        return of_int(numerator)
    try:
        nearest = numerator / denominator
    except OverflowError:
        nearest = 0.0
    if nearest.as_integer_ratio() == (numerator, denominator):
        return of_float(nearest)
    return b'q' + of_int(numerator) + of_int(denominator)


def of_decimal(key: Any) -> bytes:
    """A ``Decimal`` as the rational number, the infinity or the NaN that it is.

    Raises:
      NoEncodingError: if it is a signalling NaN, or so large or small that its ratio would fill the memory.
    """
    if key.is_snan():
        raise NoEncodingError(type(key), 'is a signalling NaN, which cannot be hashed')
    if not key.is_finite():
        return of_float(float(key))
    if key and abs(key.adjusted()) > MAX_DECIMAL_EXPONENT:
        raise NoEncodingError(type(key), 'is too large or too small: in a key its exponent must be within '
                                         f'±{MAX_DECIMAL_EXPONENT}; use str(key) instead')
    return of_ratio(*key.as_integer_ratio()) if key else of_int(0)


def of_none(key: None) -> bytes:
    """``None``."""
    return b'N'


def of_str(key: str) -> bytes:
    """Text in UTF-8; lone surrogates, as in undecodable file names, are let through."""
    return tagged(b's', key.encode('utf-8', 'surrogatepass'))


def of_bytes(key: bytes) -> bytes:
    """Bytes."""
    return tagged(b'b', key)


def of_date(key: date) -> bytes:
    """A date, by its day number."""
    return of_int(key.toordinal(), b'd')


def of_datetime(key: datetime) -> bytes:
    """An aware datetime as its instant, a naive one as its wall time, in microseconds.

    ``fold`` is left out, as ``==`` between datetimes of one zone and ``hash`` leave it out.
    """
    key = key.replace(fold=0)
    if key.utcoffset() is None:
        return of_int((key.replace(tzinfo=None) - _NAIVE_EPOCH) // _MICRO, b'D')
    return of_int((key - _EPOCH) // _MICRO, b'A')


def of_time(key: time) -> bytes:
    """A time of day: an aware one less its offset, of which ``==`` takes the whole seconds."""
    offset = key.utcoffset()
    micros = ((key.hour * 60 + key.minute) * 60 + key.second) * MICROS + key.microsecond
    if offset is None:
        return of_int(micros, b'm')
    return of_int(micros - (offset.days * 86_400 + offset.seconds) * MICROS, b'M')


def of_timedelta(key: timedelta) -> bytes:
    """A timedelta, in microseconds."""
    return of_int(key // _MICRO, b'L')


def of_event_time(key: Timestamp | Duration) -> bytes:
    """A ``Timestamp`` or ``Duration`` as the number of seconds that it equals, else as its microseconds.

    Its hash is the one of ``micros / 1_000_000``, so it is one key with that float and with no other. Far
    from the epoch several of them are near the same float; those that are not made from it are told apart.
    """
    whole, part = divmod(key.micros, MICROS)
    if part == 0:
        return of_int(whole)
    seconds = key.micros / MICROS
    return of_float(seconds) if round(seconds * MICROS) == key.micros else of_int(key.micros, b'T')


def of_interval_window(key: IntervalWindow) -> bytes:
    """An ``IntervalWindow``, by its ends in microseconds."""
    return b'W' + of_int(key.start_micros) + of_int(key.end_micros)


def of_global_window(key: GlobalWindow) -> bytes:
    """The ``GlobalWindow``."""
    return b'G'


def of_range(key: range) -> bytes:
    """A range, by the numbers that it yields: ``range(0) == range(5, 5)``."""
    count = len(key)
    start = of_int(key.start) if count else b''
    return of_int(count, b'R') + start + (of_int(key.step) if count > 1 else b'')


def of_uuid(key: Any) -> bytes:
    """A ``UUID``."""
    content: bytes = key.bytes
    return b'U' + content


def of_path(key: Any) -> bytes:
    """A pure path: those of POSIX by their text, those of Windows without regard to case."""
    if any(base.__name__ == 'PureWindowsPath' for base in type(key).__mro__):
        return b'w' + of_str(str(key).lower())
    return b'p' + of_str(str(key))


#: The encoding of a value by the class that defines its ``==``.
BY_EQUALITY: dict[type, Callable[[Any], bytes]] = {
    int: of_int, float: of_float, complex: of_complex, type(None): of_none, str: of_str, bytes: of_bytes,
    date: of_date, datetime: of_datetime, time: of_time, timedelta: of_timedelta, range: of_range,
    Timestamp: of_event_time, Duration: of_event_time,
    IntervalWindow: of_interval_window, GlobalWindow: of_global_window,
}

#: The same by module and name, for classes whose modules a program may never import.
BY_NAME: dict[str, Callable[[Any], bytes]] = {
    'decimal:Decimal': of_decimal, 'uuid:UUID': of_uuid,
    'pathlib:PurePath': of_path, 'pathlib._local:PurePath': of_path,  # the latter in Python 3.13
}
