"""``PeriodicImpulse`` and ``PeriodicSequence``: an element every so often, for ever or until an instant.

Element ``i`` of a sequence appears when processing time reaches ``start + i * interval``, and that is its event time,
too. What was due before the pipeline started appears at once. No element is left out, however late it is polled.
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs

from bourne.errors import SourceError, TransformError, UnsupportedError
from bourne.sdk import typehints
from bourne.sdk.graph import nodes
from bourne.sdk.model.known import short
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MAX_TIMESTAMP, MIN_MICROS, Duration, Timestamp, TimestampTypes
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.pcollection import PBegin, PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.create import CreateSource
from bourne.sdk.transforms.read import Read, read
from bourne.sdk.transforms.window import WindowInto

__all__ = ['PeriodicImpulse', 'PeriodicSequence', 'RebaseMode']


class RebaseMode(enum.Enum):
    """Which ends of a sequence are counted from the moment at which it begins to run, and not taken as they are."""

    #: Neither.
    REBASE_NONE = 0
    #: Both: the sequence starts with the run and is as long as it was described.
    REBASE_ALL = 1
    #: The start alone; the end stays an instant.
    REBASE_START = 2


@portable
@attrs.frozen
class Periods:
    """When the elements of a sequence are due.

    Attributes:
      first: the first instant, as a number of seconds as the user wrote it; ``None`` is when the sequence first runs.
      step: the distance between two instants, likewise.
      stop: microseconds: nothing is due at this instant or later. ``None`` if ``count`` says how many there are.
      count: how many elements there are. If it is ``None``, too, there is no end.
    """

    first: float | None
    step: float
    stop: int | None = None
    count: int | None = None

    @property
    def interval(self) -> int:
        """The distance between two instants, in microseconds."""
        return Duration(self.step).micros

    def count_from(self, start: int) -> int | None:
        """How many elements there are if the first is due at ``start``; ``None`` for no end."""
        if self.stop is None:
            return self.count
        return -(-(self.stop - start) // self.interval)


def periods(owner: str, start: Any, stop: Any, interval: Any, rebase: RebaseMode = RebaseMode.REBASE_NONE) -> Periods:
    """Checks what a user says of a sequence.

    Args:
      owner: the transform, for errors.
      start: the first instant, in seconds or as a ``Timestamp``.
      stop: nothing is due then or later.
      interval: the distance between two instants, in seconds.
      rebase: which of the ends are counted from when it runs.

    Raises:
      TransformError: if there is no such sequence.
    """
    try:
        begin, end = Timestamp.of(start), Timestamp.of(stop)
        step = interval if _is_number(interval) else Duration.of(interval).seconds()
        length = Duration(step).micros
    except (TypeError, ValueError, OverflowError) as error:
        raise TransformError(f'{owner} takes a start and a stop as seconds or Timestamps and an interval in seconds; '
                             f'got {start!r}, {stop!r} and {interval!r}: {error}') from error
    if length <= 0:
        raise TransformError(f'{owner}: the interval must be at least a microsecond, got {interval!r} seconds')
    if end < begin and rebase is not RebaseMode.REBASE_START:
        raise TransformError(f'{owner}: the start {begin!r} must not be after the stop {end!r}')
    first = start if _is_number(start) else begin.micros / 1_000_000
    if end == MAX_TIMESTAMP:
        return Periods(first if rebase is RebaseMode.REBASE_NONE else None, step)
    match rebase:
        case RebaseMode.REBASE_NONE:
            return Periods(first, step, end.micros)
        case RebaseMode.REBASE_START:
            return Periods(None, step, end.micros)
    return Periods(None, step, count=-(-(end - begin).micros // length))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@portable
@attrs.frozen
class PeriodicSource(Source[Any]):
    """Sequences of elements, each a split.

    Attributes:
      sequences: when elements are due.
      values: the elements, again from the first after the last; ``None`` for the instants in seconds.
      times: the event times of ``values`` in microseconds, if they have times of their own.
    """

    sequences: tuple[Periods, ...]
    values: tuple[Any, ...] | None = None
    times: tuple[int, ...] | None = None

    @property
    def bounded(self) -> bool:
        return False

    def splits(self, desired: int = 1) -> list[int]:
        return list(range(len(self.sequences)))

    def open(self, split: int, position: tuple[int, int] | None = None) -> PeriodicReader:
        return PeriodicReader(self, self.sequences[split], position)


class PeriodicReader(Reader[Any]):
    """Reads one sequence, as far as it is due.

    With ``s`` the start and ``d`` the interval, element ``i`` is due once ``s + i * d <= now``, and the watermark is
    ``s + i * d`` of the next one: of elements with times of their own, the greatest time so far.

    Args:
      source: what the elements are.
      sequence: when they are due.
      position: the start in microseconds and the number of the next element.
    """

    def __init__(self, source: PeriodicSource, sequence: Periods, position: tuple[int, int] | None = None) -> None:
        self._source = source
        self._sequence = sequence
        self._interval = sequence.interval
        self._start: int | None = None
        self._next = 0
        self._greatest = MIN_MICROS
        if position is not None:
            self._begin(position[0])
            self._next = position[1]
            if source.times is not None:
                self._greatest = max(source.times[:self._next], default=MIN_MICROS)
        elif sequence.first is not None:
            self._begin(Timestamp(sequence.first).micros)

    def _begin(self, start: int) -> None:
        self._start = start
        self._count = self._sequence.count_from(start)
        stop = self._sequence.stop
        if stop is not None and stop < start:
            raise SourceError(f'a sequence that starts when it runs, at {Timestamp(micros=start)!r}, cannot stop at '
                              f'{Timestamp(micros=stop)!r}, which is before that')
        times = self._source.times
        if times is not None and (self._count is None or self._count > len(times)):
            raise SourceError(f'a sequence of {len(times)} elements with times of their own is not enough for '
                              f'{self._count} that are due from {Timestamp(micros=start)!r} on')

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        if self._start is None:
            self._begin(self.now)
        assert self._start is not None
        first, count = self._next, self._count
        if count is not None and first >= count:
            return None
        stop = self._next = min(first + max_records, self._due(self._start))
        if self._source.times is not None:
            return self._timed(first, stop)
        instants = [self._start + number * self._interval for number in range(first, stop)]
        return Records(self._values(first, stop), instants)

    def _due(self, start: int) -> int:
        """How many elements were due by now."""
        due = max(self._next, (self.now - start) // self._interval + 1)
        return due if self._count is None else min(due, self._count)

    def _values(self, first: int, stop: int) -> list[Any]:
        values = self._source.values
        if values is not None:
            return [values[number % len(values)] for number in range(first, stop)]
        begin, step = self._sequence.first, self._sequence.step
        if begin is None:
            begin = (self._start or 0) / 1_000_000
        # As a user would compute it, so that tests can: the event time is exact all the same.
        return [begin + number * step for number in range(first, stop)]

    def _timed(self, first: int, stop: int) -> Records[Any]:
        assert self._source.times is not None
        times = list(self._source.times[first:stop])
        self._greatest = max([self._greatest, *times])
        return Records(self._values(first, stop), times)

    @property
    def position(self) -> tuple[int, int] | None:
        return None if self._start is None else (self._start, self._next)

    @property
    def watermark(self) -> int:
        if self._source.times is not None:
            return self._greatest
        return MIN_MICROS if self._start is None else self._start + self._next * self._interval

    @property
    def backlog(self) -> Backlog:
        return Backlog(0 if self._start is None else self._due(self._start) - self._next)

    def idle(self) -> Idle:
        return Idle(until=None if self._start is None else self._start + self._next * self._interval)


class PeriodicImpulse(PTransform):
    """An element every so often: an unbounded collection that starts a pipeline.

    The elements are the instants at which they are due, as numbers of seconds, or those of ``data``. It is what a side
    input that changes slowly is made of: each impulse looks things up anew.

    Args:
      start_timestamp: when the first element is due, in seconds since the epoch or as a ``Timestamp``; by default
        when the transform is made.
      stop_timestamp: nothing is due then or later; by default there is no end, or that of ``data``.
      fire_interval: the distance between two elements, in seconds.
      apply_windowing: each element is in a window of its own, fixed ones of ``fire_interval``, not in the global one.
      data: what the elements are: values, again from the first after the last, or pairs of a ``Timestamp`` and a
        value, which then has this event time. Such pairs need not be in order: what is behind the greatest time so far
        may be late.
      rebase: which of ``start_timestamp`` and ``stop_timestamp`` count from when it runs.

    Raises:
      TransformError: if there is no such sequence, or fewer pairs with times than elements.
    """

    def __init__(self, start_timestamp: TimestampTypes | None = None,
                 stop_timestamp: TimestampTypes = MAX_TIMESTAMP,
                 fire_interval: float | Duration | timedelta = 360.0, apply_windowing: bool = False,
                 data: Sequence[Any] | None = None, rebase: RebaseMode = RebaseMode.REBASE_NONE) -> None:
        super().__init__()
        start: Any = Timestamp.now() if start_timestamp is None else start_timestamp
        if not isinstance(rebase, RebaseMode):
            raise TransformError(f'PeriodicImpulse: rebase must be a RebaseMode, got {rebase!r}')
        if data is not None and (isinstance(data, (str, bytes)) or not isinstance(data, Sequence)):
            raise TransformError(f'PeriodicImpulse: data must be a list of elements, got {short(data)}')
        whole = periods('PeriodicImpulse', start, stop_timestamp, fire_interval, rebase)
        values, times = _data(data or ())
        self._sequence = _as_long_as(whole, values, times) if values else whole
        self._source = PeriodicSource((self._sequence,), values or None, times)
        self._windowed = apply_windowing

    def expand(self, pbegin: Any) -> PCollection[Any]:
        values = self._source.values
        kind = typehints.infer_all(values) if values else _kind(self._sequence)
        if not self._windowed:
            return read(self, pbegin, self._source, kind)
        if not isinstance(pbegin, PBegin):
            raise TransformError(f'{self.full_label()} starts a pipeline, but was applied to {pbegin!r}')
        windows = FixedWindows(Duration(micros=self._sequence.interval))
        made: PCollection[Any] = pbegin | 'Impulses' >> Read(self._source, kind) | 'Windows' >> WindowInto(windows)
        return made


def _data(data: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[int, ...] | None]:
    """The values, and their times if they have any."""
    timed = [isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Timestamp) for item in data]
    if not any(timed):
        return tuple(data), None
    if not all(timed):
        odd = data[timed.index(False)]
        raise TransformError(f'PeriodicImpulse: data must be pairs of a Timestamp and a value, or none of them may be; '
                             f'{short(odd)} is not')
    return tuple(value for _, value in data), tuple(time.micros for time, _ in data)


def _as_long_as(whole: Periods, values: tuple[Any, ...], times: Any) -> Periods:
    """The sequence for given values: by default it ends with them, else they must do for it."""
    if whole.stop is None and whole.count is None:
        return attrs.evolve(whole, count=len(values))
    count = whole.count
    if count is None and whole.first is not None:
        count = whole.count_from(Timestamp(whole.first).micros)
    if count is not None and count > len(values):
        problem = f'PeriodicImpulse: data has {len(values)} elements and {count} are due until the stop_timestamp'
        if times is not None:
            raise TransformError(f'{problem}, which is not enough to span them: give more of them or an earlier stop')
        warnings.warn(f'{problem}: not enough to span them, so that they are repeated', stacklevel=3)
    return whole


def _kind(sequence: Periods) -> type:
    return int if isinstance(sequence.first, int) and isinstance(sequence.step, int) else float


class PeriodicSequence(PTransform):
    """For each triple of start, stop and interval of its input, an element every so often: the instants in seconds.

    The input must come from ``Create``: sequences from elements that are made while the pipeline runs need splittable
    functions, which bourne does not have yet.

    Raises:
      UnsupportedError: if the input comes from anything else.
      TransformError: if there is no such sequence.
    """

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        made = next((transform.payload for transform in source.pipeline.to_graph().transforms
                     if transform.label == source.producer), None)
        if not isinstance(made, nodes.Read) or not isinstance(made.source, CreateSource):
            raise UnsupportedError(
                f'{self.full_label()} was applied to the output of {source.producer!r}, and takes only that of Create '
                f'so far: what is known when the pipeline is built. PeriodicImpulse starts a pipeline by itself')
        sequences = tuple(_triple(element) for element in made.source.values)
        kind = int if all(_kind(sequence) is int for sequence in sequences) else float
        return read(self, PBegin(source.pipeline), PeriodicSource(sequences), kind)


def _triple(element: Any) -> Periods:
    if not isinstance(element, (tuple, list)) or len(element) != 3:
        raise TransformError(f'PeriodicSequence takes triples (start, stop, interval), got {short(element)}')
    return periods('PeriodicSequence', *element)
