"""Points and spans of event time. Inside the engine both are plain integers: microseconds since the epoch."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

MICROS = 1_000_000

#: The bounds of event time in microseconds: Beam's, which are those of 64 bits cut to whole milliseconds.
MIN_MICROS = -9_223_372_036_854_775_000
MAX_MICROS = 9_223_372_036_854_775_000
#: A day before the end of time, so that allowed lateness can be added to the end of the global window.
GLOBAL_END_MICROS = MAX_MICROS - 24 * 3600 * MICROS

_RFC3339 = re.compile(
    r'(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)$')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(seconds: Any, micros: Any, what: str) -> int:
    for part in (seconds, micros):
        if isinstance(part, bool) or not isinstance(part, (int, float)):
            raise TypeError(f'{what} takes seconds and micros as numbers, got {part!r} ({type(part).__name__})')
    # Whole seconds stay exact; only the fraction of a float goes through rounding.
    if isinstance(seconds, int):
        return seconds * MICROS + int(micros)
    return round(float(seconds) * MICROS) + int(micros)


class Duration:
    """A span of time with microsecond precision; may be negative.

    Args:
      seconds: seconds, int or float.
      micros: microseconds that are added to them.
    """

    __slots__ = ('micros',)

    def __init__(self, seconds: float = 0, micros: float = 0) -> None:
        self.micros = _micros(seconds, micros, 'Duration')

    @staticmethod
    def of(seconds: DurationTypes) -> Duration:
        """Itself, a ``timedelta``, or a number of seconds as a ``Duration``."""
        if isinstance(seconds, Duration):
            return seconds
        if isinstance(seconds, timedelta):
            return Duration(micros=seconds // timedelta(microseconds=1))
        if isinstance(seconds, Timestamp):
            raise TypeError(f'a Duration is needed, got the Timestamp {seconds!r}')
        return Duration(seconds)

    def seconds(self) -> float:
        """The span in seconds, as a float if it has a fraction."""
        return self.micros // MICROS if self.micros % MICROS == 0 else self.micros / MICROS

    def __float__(self) -> float:
        return self.micros / MICROS

    def __reduce__(self) -> Any:
        return (_duration, (self.micros,))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Duration):
            return self.micros == other.micros
        return _equal_seconds(self.micros, other)  # type: ignore[no-any-return]

    def __lt__(self, other: DurationTypes) -> bool:
        return self.micros < Duration.of(other).micros

    def __le__(self, other: DurationTypes) -> bool:
        return self.micros <= Duration.of(other).micros

    def __gt__(self, other: DurationTypes) -> bool:
        return self.micros > Duration.of(other).micros

    def __ge__(self, other: DurationTypes) -> bool:
        return self.micros >= Duration.of(other).micros

    def __hash__(self) -> int:
        return hash(self.seconds())

    def __bool__(self) -> bool:
        return self.micros != 0

    def __neg__(self) -> Duration:
        return Duration(micros=-self.micros)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Timestamp):
            return other + self
        return Duration(micros=self.micros + Duration.of(other).micros)

    __radd__ = __add__

    def __sub__(self, other: DurationTypes) -> Duration:
        return Duration(micros=self.micros - Duration.of(other).micros)

    def __rsub__(self, other: DurationTypes) -> Duration:
        return Duration.of(other) - self

    def __mul__(self, factor: float) -> Duration:
        return Duration(micros=round(self.micros * factor))

    __rmul__ = __mul__

    def __mod__(self, other: DurationTypes) -> Duration:
        return Duration(micros=self.micros % Duration.of(other).micros)

    def __repr__(self) -> str:
        return f'Duration({_number(self.micros)})'


class Timestamp:
    """A point in event time with microsecond precision, counted from 1970-01-01T00:00:00Z.

    Args:
      seconds: seconds since the epoch, int or float.
      micros: microseconds that are added to them.
    """

    __slots__ = ('micros',)

    def __init__(self, seconds: float = 0, micros: float = 0) -> None:
        self.micros = _micros(seconds, micros, 'Timestamp')

    @staticmethod
    def of(seconds: TimestampTypes) -> Timestamp:
        """Itself, a ``datetime`` (naive ones are taken as UTC), or seconds since the epoch as a ``Timestamp``."""
        if isinstance(seconds, Timestamp):
            return seconds
        if isinstance(seconds, datetime):
            return Timestamp.from_utc_datetime(
                seconds if seconds.tzinfo else seconds.replace(tzinfo=UTC))
        if isinstance(seconds, Duration):
            raise TypeError(f'a Timestamp is needed, got the Duration {seconds!r}')
        return Timestamp(seconds)

    @staticmethod
    def now() -> Timestamp:
        """The wall clock's time."""
        return Timestamp(micros=time.time_ns() // 1000)

    @staticmethod
    def from_utc_datetime(dt: datetime) -> Timestamp:
        """The timestamp of an aware ``datetime``.

        Raises:
          ValueError: if ``dt`` has no time zone.
        """
        if dt.tzinfo is None:
            raise ValueError(f'from_utc_datetime needs a datetime with a time zone, got {dt!r}')
        return Timestamp(micros=(dt - _EPOCH) // timedelta(microseconds=1))

    @staticmethod
    def from_rfc3339(rfc3339: str) -> Timestamp:
        """The timestamp of an RFC 3339 string such as ``2024-02-29T12:00:00.5Z``.

        Raises:
          ValueError: if the string is not of that form.
        """
        found = _RFC3339.match(rfc3339)
        if found is None:
            raise ValueError(f'not an RFC 3339 timestamp: {rfc3339!r} (want e.g. 2024-02-29T12:00:00.5Z)')
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        micros = int((found[7] or '').ljust(9, '0')[:6])
        zone = found[8]
        offset = timedelta(0)
        if zone not in 'Zz':
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])) * (-1 if zone[0] == '-' else 1)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - offset
        return Timestamp.from_utc_datetime(moment) + Duration(micros=micros)

    def seconds(self) -> int:
        """Whole seconds since the epoch, rounded down."""
        return self.micros // MICROS

    def to_utc_datetime(self, has_tz: bool = False) -> datetime:
        """A ``datetime`` in UTC, naive unless ``has_tz``.

        Raises:
          OverflowError: if the year does not fit into 1 to 9999.
        """
        moment = _EPOCH + timedelta(microseconds=self.micros)
        return moment if has_tz else moment.replace(tzinfo=None)

    def to_rfc3339(self) -> str:
        """The RFC 3339 form in UTC, such as ``2024-02-29T12:00:00.500000Z``."""
        return self.to_utc_datetime().isoformat() + 'Z'

    def predecessor(self) -> Timestamp:
        """The latest timestamp before this one."""
        return as_timestamp(self.micros - 1)

    def successor(self) -> Timestamp:
        """The earliest timestamp after this one."""
        return as_timestamp(self.micros + 1)

    def __reduce__(self) -> Any:
        return (as_timestamp, (self.micros,))

    def __float__(self) -> float:
        return self.micros / MICROS

    def __int__(self) -> int:
        return self.micros // MICROS

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Timestamp):
            return self.micros == other.micros
        return _equal_seconds(self.micros, other)  # type: ignore[no-any-return]

    def __lt__(self, other: TimestampTypes) -> bool:
        return self.micros < Timestamp.of(other).micros

    def __le__(self, other: TimestampTypes) -> bool:
        return self.micros <= Timestamp.of(other).micros

    def __gt__(self, other: TimestampTypes) -> bool:
        return self.micros > Timestamp.of(other).micros

    def __ge__(self, other: TimestampTypes) -> bool:
        return self.micros >= Timestamp.of(other).micros

    def __hash__(self) -> int:
        return hash(self.micros // MICROS if self.micros % MICROS == 0 else self.micros / MICROS)

    def __add__(self, other: DurationTypes) -> Timestamp:
        return as_timestamp(self.micros + (other * MICROS if type(other) is int else Duration.of(other).micros))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Timestamp):
            return _duration(self.micros - other.micros)
        return as_timestamp(self.micros - Duration.of(other).micros)

    def __mod__(self, other: DurationTypes) -> Duration:
        return Duration(micros=self.micros % Duration.of(other).micros)

    def __repr__(self) -> str:
        return f'Timestamp({_number(self.micros)})'


def _equal_seconds(micros: int, other: object) -> Any:
    """Whether a plain number is so many microseconds, in seconds. Such a number has the same hash."""
    if not isinstance(other, (int, float)) or isinstance(other, bool) or not math.isfinite(other):
        return NotImplemented
    return micros == round(other * MICROS)


def to_duration(seconds: DurationTypes) -> Duration:
    """:meth:`Duration.of` as a plain function."""
    return Duration.of(seconds)


# What is known to be a whole number of microseconds is not checked: functions do sums with times for every element.


def as_timestamp(micros: int) -> Timestamp:
    """The timestamp of so many microseconds, unchecked."""
    made = Timestamp.__new__(Timestamp)
    made.micros = micros
    return made


def _duration(micros: int) -> Duration:
    made = Duration.__new__(Duration)
    made.micros = micros
    return made


def _number(micros: int) -> str:
    whole, part = divmod(abs(micros), MICROS)
    return f'{"-" * (micros < 0)}{whole}' + (f'.{part:06}'.rstrip('0') if part else '')


DurationTypes = int | float | timedelta | Duration
TimestampTypes = int | float | datetime | Timestamp

MIN_TIMESTAMP = Timestamp(micros=MIN_MICROS)
MAX_TIMESTAMP = Timestamp(micros=MAX_MICROS)
