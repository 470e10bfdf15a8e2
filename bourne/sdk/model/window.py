"""Where in event time results are computed: windows, the functions that assign them, and windowed values.

The model is that of Akidau et al., "The Dataflow Model" (VLDB 2015): a window function assigns windows to an element
by its timestamp, and a merging one may later merge the windows of a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

import attrs

from bourne.sdk.model.dressed import Dressed
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN, PaneInfo
from bourne.sdk.model.portable import portable
from bourne.sdk.model.timestamp import (
    GLOBAL_END_MICROS,
    MIN_MICROS,
    Duration,
    Timestamp,
    TimestampTypes,
    as_timestamp,
    to_duration,
)

T = TypeVar('T')


class TimestampCombiner:
    """Which timestamp a grouping gives to what it emits for a key and window."""

    OUTPUT_AT_EOW = 'end_of_window'
    OUTPUT_AT_EARLIEST = 'earliest'
    OUTPUT_AT_LATEST = 'latest'
    OUTPUT_AT_EARLIEST_TRANSFORMED = 'earliest_transformed'

    ALL: ClassVar[tuple[str, ...]] = (
        OUTPUT_AT_EOW, OUTPUT_AT_EARLIEST, OUTPUT_AT_LATEST, OUTPUT_AT_EARLIEST_TRANSFORMED)


class BoundedWindow:
    """A set of timestamps with an upper bound. Custom windows derive from it; they are hashable values.

    Args:
      end: the first instant after the window.
    """

    def __init__(self, end: TimestampTypes) -> None:
        self._end = Timestamp.of(end)

    @property
    def start(self) -> Timestamp:
        """The first instant of the window."""
        raise NotImplementedError(f'{type(self).__name__} does not define start')

    @property
    def end(self) -> Timestamp:
        """The first instant after the window."""
        return self._end

    def max_timestamp(self) -> Timestamp:
        """The last instant of the window."""
        return self.end.predecessor()

    def __eq__(self, other: object) -> bool:
        raise NotImplementedError(f'the window type {type(self).__name__} must define __eq__')

    def __hash__(self) -> int:
        raise NotImplementedError(f'the window type {type(self).__name__} must define __hash__')

    def __repr__(self) -> str:
        return f'[?, {float(self.end)})'


class IntervalWindow(BoundedWindow):
    """The half-open interval of event time ``[start, end)``.

    Args:
      start: the first instant, in seconds or as a ``Timestamp``.
      end: the first instant after it.
    """

    __slots__ = ('start_micros', 'end_micros')

    def __init__(self, start: TimestampTypes, end: TimestampTypes) -> None:
        self.start_micros = Timestamp.of(start).micros
        self.end_micros = Timestamp.of(end).micros

    @classmethod
    def of_micros(cls, start: int, end: int) -> IntervalWindow:
        """The window between two instants given in microseconds."""
        window = cls.__new__(cls)
        window.start_micros = start
        window.end_micros = end
        return window

    @property
    def start(self) -> Timestamp:
        return as_timestamp(self.start_micros)

    @property
    def end(self) -> Timestamp:
        return as_timestamp(self.end_micros)

    def intersects(self, other: IntervalWindow) -> bool:
        """True if the two overlap or touch."""
        return other.start_micros <= self.end_micros and self.start_micros <= other.end_micros

    def union(self, other: IntervalWindow) -> IntervalWindow:
        """The smallest interval that holds both."""
        return IntervalWindow.of_micros(
            min(self.start_micros, other.start_micros), max(self.end_micros, other.end_micros))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntervalWindow):
            return NotImplemented
        return self.start_micros == other.start_micros and self.end_micros == other.end_micros

    def __hash__(self) -> int:
        return hash((self.start_micros, self.end_micros))

    def __lt__(self, other: IntervalWindow) -> bool:
        return (self.start_micros, self.end_micros) < (other.start_micros, other.end_micros)

    def __reduce__(self) -> Any:
        return (IntervalWindow.of_micros, (self.start_micros, self.end_micros))

    def __repr__(self) -> str:
        return f'[{float(self.start)}, {float(self.end)})'


class GlobalWindow(BoundedWindow):
    """The one window that holds all of time. There is a single instance."""

    _instance: ClassVar[GlobalWindow | None] = None

    def __new__(cls) -> GlobalWindow:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __init__(self) -> None:
        pass

    @property
    def start(self) -> Timestamp:
        return Timestamp(micros=MIN_MICROS)

    @property
    def end(self) -> Timestamp:
        return Timestamp(micros=GLOBAL_END_MICROS + 1)

    def __eq__(self, other: object) -> bool:
        return type(other) is GlobalWindow

    __hash__ = object.__hash__  # there is one, and tables look windows up all the time

    def __reduce__(self) -> Any:
        return (GlobalWindow, ())

    def __repr__(self) -> str:
        return 'GlobalWindow'


GLOBAL_WINDOW = GlobalWindow()


class TimestampedValue(Dressed, Generic[T]):
    """A value with its event time. Emitted by a function or a ``DoFn``, it sets the element's timestamp.

    Args:
      value: the element itself.
      timestamp: its time, in seconds since the epoch or as a ``Timestamp``.
    """

    __slots__ = ('_timestamp', 'value')

    def __init__(self, value: T, timestamp: TimestampTypes) -> None:
        self.value = value
        # Kept as it came: one is made for every element, and most are taken apart at once by ``micros``.
        self._timestamp = timestamp

    @property
    def timestamp(self) -> Timestamp:
        """The event time."""
        return Timestamp.of(self._timestamp)

    @property
    def micros(self) -> int:
        """The event time in microseconds since the epoch."""
        given = self._timestamp
        if type(given) is int:
            return given * 1_000_000
        return Timestamp.of(given).micros

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TimestampedValue):
            return NotImplemented
        return self.value == other.value and self.micros == other.micros

    def __hash__(self) -> int:
        return hash((self.value, self.micros))

    def __lt__(self, other: TimestampedValue[T]) -> bool:
        return bool((self.value, self.micros) < (other.value, other.micros))

    def __reduce__(self) -> Any:
        return (type(self), (self.value, self._timestamp))

    def __repr__(self) -> str:
        try:
            return f'{type(self).__name__}({self.value!r}, {self.timestamp!r})'
        except (TypeError, ValueError):  # not a time at all, which an error message says of this very repr
            return f'{type(self).__name__}({self.value!r}, {self._timestamp!r})'


class WindowedValue(Dressed, Generic[T]):
    """A value with its event time, its windows and its pane. Emitted by a ``DoFn``, it sets all three.

    Args:
      value: the element itself.
      timestamp: its time, in seconds since the epoch or as a ``Timestamp``.
      windows: the windows it is in, at least one.
      pane_info: the firing that it belongs to.
    """

    __slots__ = ('pane_info', 'timestamp', 'value', 'windows')

    def __init__(self, value: T, timestamp: TimestampTypes, windows: Iterable[BoundedWindow],
                 pane_info: PaneInfo = PANE_INFO_UNKNOWN) -> None:
        self.value = value
        self.timestamp = Timestamp.of(timestamp)
        self.windows = tuple(windows)
        self.pane_info = pane_info

    def with_value(self, new_value: Any) -> WindowedValue[Any]:
        """The same time, windows and pane around another value."""
        return WindowedValue(new_value, self.timestamp, self.windows, self.pane_info)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WindowedValue):
            return NotImplemented
        return (self.value == other.value and self.timestamp == other.timestamp
                and self.windows == other.windows and self.pane_info == other.pane_info)

    def __hash__(self) -> int:
        return hash((self.value, self.timestamp, self.windows))

    def __reduce__(self) -> Any:
        return (WindowedValue, (self.value, self.timestamp, self.windows, self.pane_info))

    def __repr__(self) -> str:
        return f'WindowedValue({self.value!r}, {self.timestamp!r}, {self.windows!r})'


class WindowFn:
    """Assigns windows to elements. Subclasses are picklable and stateless.

    Every grouping below a ``WindowInto`` is done per key and window.
    """

    class AssignContext:
        """What :meth:`WindowFn.assign` may look at: the element, its timestamp and its present window."""

        __slots__ = ('element', 'timestamp', 'window')

        def __init__(self, timestamp: TimestampTypes, element: Any = None, window: Any = None) -> None:
            self.timestamp = timestamp if type(timestamp) is Timestamp else Timestamp.of(timestamp)
            self.element = element
            self.window = window

    class MergeContext:
        """What :meth:`WindowFn.merge` gets: the windows of one key, and ``merge`` to say which become one."""

        def __init__(self, windows: Iterable[BoundedWindow]) -> None:
            self.windows = list(windows)

        def merge(self, to_be_merged: Iterable[BoundedWindow], merge_result: BoundedWindow) -> None:
            """Declares that the windows ``to_be_merged`` are replaced by ``merge_result``."""
            raise NotImplementedError

    def assign(self, assign_context: WindowFn.AssignContext) -> Iterable[BoundedWindow]:
        """The windows of an element, at least one."""
        raise NotImplementedError(f'{type(self).__name__} must define assign(assign_context)')

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        """Merges windows of one key by calling ``merge_context.merge``. The default is a merging function's
        duty to override; those that never merge derive from :class:`NonMergingWindowFn`."""
        raise NotImplementedError(f'{type(self).__name__} must define merge(merge_context)')

    def is_merging(self) -> bool:
        """True if windows of a key may be merged."""
        return True

    def get_window_coder(self) -> Any:
        """The coder of this function's windows. bourne encodes windows itself and never asks; kept for Beam's sake."""
        return None

    def get_transformed_output_time(self, window: BoundedWindow, input_timestamp: Timestamp) -> Timestamp:
        """The time that ``OUTPUT_AT_EARLIEST_TRANSFORMED`` counts with for an input at ``input_timestamp``."""
        return input_timestamp


class NonMergingWindowFn(WindowFn):
    """The base of window functions whose windows never merge."""

    def is_merging(self) -> bool:
        return False

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        pass


@portable
@attrs.frozen(repr=False)
class GlobalWindows(NonMergingWindowFn):
    """Everything is in the one global window."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        return [GLOBAL_WINDOW]

    @classmethod
    def windowed_value(cls, value: Any, timestamp: TimestampTypes = Timestamp(micros=MIN_MICROS),  # noqa: B008
                       pane_info: PaneInfo = PANE_INFO_UNKNOWN) -> WindowedValue[Any]:
        """A value in the global window."""
        return WindowedValue(value, timestamp, (GLOBAL_WINDOW,), pane_info)


def _positive(instance: Any, attribute: attrs.Attribute[Duration], value: Duration) -> None:
    if value.micros <= 0:
        raise ValueError(f'{type(instance).__name__}: {attribute.name} must be positive, got {value!r}')


def _shift(instance: Any) -> None:
    """Beam takes any offset modulo the size."""
    period = getattr(instance, 'period', None) or instance.size
    object.__setattr__(instance, 'offset', instance.offset % period)


@portable
@attrs.frozen(repr=False)
class FixedWindows(NonMergingWindowFn):
    """Windows ``[n * size + offset, (n + 1) * size + offset)`` for whole n.

    Args:
      size: the length of a window, in seconds.
      offset: shifts all of them, in seconds; taken modulo ``size``.
    """

    size: Duration = attrs.field(converter=to_duration, validator=_positive)
    offset: Duration = attrs.field(default=Duration(), converter=to_duration)

    def __attrs_post_init__(self) -> None:
        _shift(self)

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = self.start_of(assign_context.timestamp.micros)
        return [IntervalWindow.of_micros(start, start + self.size.micros)]

    def start_of(self, micros: int) -> int:
        """The start, in microseconds, of the window that holds the instant ``micros``."""
        return micros - (micros - self.offset.micros) % self.size.micros


@portable
@attrs.frozen(repr=False)
class SlidingWindows(NonMergingWindowFn):
    """Windows of one size that start every ``period``; an element is in ``size / period`` of them.

    Args:
      size: the length of a window, in seconds.
      period: the distance between the starts of two windows, in seconds. Greater than ``size``, it leaves gaps:
        elements there are in no window and are dropped.
      offset: shifts all of them, in seconds; taken modulo ``period``.
    """

    size: Duration = attrs.field(converter=to_duration, validator=_positive)
    period: Duration = attrs.field(converter=to_duration, validator=_positive)
    offset: Duration = attrs.field(default=Duration(), converter=to_duration)

    def __attrs_post_init__(self) -> None:
        _shift(self)

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        size = self.size.micros
        return [IntervalWindow.of_micros(start, start + size)
                for start in self.starts_of(assign_context.timestamp.micros)]

    def starts_of(self, micros: int) -> range:
        """The starts, in microseconds and latest first, of the windows that hold the instant ``micros``."""
        latest = micros - (micros - self.offset.micros) % self.period.micros
        return range(latest, micros - self.size.micros, -self.period.micros)


@portable
@attrs.frozen(repr=False)
class Sessions(WindowFn):
    """Windows of activity: a key's elements are in one session as long as no gap between them reaches ``gap_size``.

    Args:
      gap_size: the length of the gap that ends a session, in seconds.
    """

    gap_size: Duration = attrs.field(converter=to_duration, validator=_positive)

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = assign_context.timestamp.micros
        return [IntervalWindow.of_micros(start, start + self.gap_size.micros)]

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        run: list[BoundedWindow] = []
        start = end = MIN_MICROS
        for window in sorted(merge_context.windows, key=_bounds):
            first, last = _bounds(window)
            if run and first < end:
                run.append(window)
                end = max(end, last)
                continue
            if len(run) > 1:
                merge_context.merge(run, IntervalWindow.of_micros(start, end))
            run, start, end = [window], first, last
        if len(run) > 1:
            merge_context.merge(run, IntervalWindow.of_micros(start, end))


def _bounds(window: BoundedWindow) -> tuple[int, int]:
    assert isinstance(window, IntervalWindow)
    return window.start_micros, window.end_micros
