"""Unbounded sources in memory, for tests of streams: a fixed one, and one that the program appends to."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import attrs

from bourne.errors import SourceError, TransformError
from bourne.sdk.model.known import short
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MIN_MICROS, Timestamp, TimestampTypes
from bourne.sdk.model.window import TimestampedValue
from bourne.sdk.ptransform import PTransform
from bourne.sdk.testing.test_stream import ElementEvent, Event, WatermarkEvent
from bourne.sdk.transforms.read import Read

__all__ = ['MemorySource', 'MemoryStream']

T = TypeVar('T')


@portable
@attrs.frozen(init=False)
class MemorySource(Source[Any]):
    """Splits that are known beforehand, each a script of elements and watermarks::

        Read(MemorySource([ElementEvent([TimestampedValue('a', 1)]), WatermarkEvent(10)], [...]))

    A poll returns the elements of one event, or as many of them as it asks for, and applies the watermarks that come
    right after it. Unlike with ``TestStream``, the splits are independent of each other, and the clock is not theirs.
    It is plain data, and can be read in any process, from any position.

    Args:
      splits: the script of each split.
      ended: whether a split ends after its script. If not, it only falls silent.

    Raises:
      TransformError: if a watermark does not move forward, or an event is of another kind.
    """

    scripts: tuple[tuple[Event, ...], ...]
    ended: bool = True

    def __init__(self, *splits: Iterable[Event], ended: bool = True) -> None:
        scripts = tuple(tuple(script) for script in splits)
        for script in scripts:
            watermark = Timestamp(micros=MIN_MICROS)
            for event in script:
                if isinstance(event, WatermarkEvent):
                    if event.new_watermark < watermark:
                        raise TransformError(f'MemorySource: a watermark only moves forward: it is at {watermark!r}, '
                                             f'and cannot be advanced to {event.new_watermark!r}')
                    watermark = event.new_watermark
                elif not isinstance(event, ElementEvent):
                    raise TransformError(f'MemorySource takes ElementEvents and WatermarkEvents, got {short(event)}')
        self.__attrs_init__(scripts, ended)

    @property
    def bounded(self) -> bool:
        return False

    def splits(self, desired: int = 1) -> list[int]:
        return list(range(len(self.scripts)))

    def open(self, split: int, position: tuple[int, int] | None = None) -> MemoryReader:
        return MemoryReader(self.scripts[split], self.ended, position or (0, 0))


class MemoryReader(Reader[Any]):
    """Reads one script.

    Args:
      script: the events.
      ended: whether the split ends after them.
      position: the number of the next event, and how many of its elements were read.
    """

    def __init__(self, script: Sequence[Event], ended: bool, position: tuple[int, int]) -> None:
        self._script = script
        self._ended = ended
        self._event, self._element = position
        self._watermark = max((event.new_watermark.micros for event in script[:self._event]
                               if isinstance(event, WatermarkEvent)), default=MIN_MICROS)

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        if self._event >= len(self._script):
            return None if self._ended else Records([])
        event = self._script[self._event]
        if not isinstance(event, ElementEvent):
            self._apply_watermarks()
            return Records([])
        start, stop = self._element, min(self._element + max_records, len(event.values))
        self._element = stop
        if stop == len(event.values):
            self._event, self._element = self._event + 1, 0
            self._apply_watermarks()
        return Records(list(event.values[start:stop]), list(event.micros[start:stop]))

    def _apply_watermarks(self) -> None:
        while self._event < len(self._script):
            event = self._script[self._event]
            if not isinstance(event, WatermarkEvent):
                break
            self._watermark = event.new_watermark.micros
            self._event += 1

    @property
    def position(self) -> tuple[int, int]:
        return self._event, self._element

    @property
    def watermark(self) -> int:
        return self._watermark

    @property
    def backlog(self) -> Backlog:
        left = sum(len(event.values) for event in self._script[self._event:] if isinstance(event, ElementEvent))
        return Backlog(left - self._element)

    def idle(self) -> Idle:
        return Idle(until=self.now if self._event < len(self._script) else None)


class MemoryStream(Generic[T]):
    """An unbounded collection that a program appends to while a pipeline reads it, in the same process::

        stream = MemoryStream()
        with TestPipeline() as p:
            p | stream.read() | Map(print)
            threading.Thread(target=produce, args=(stream,)).start()

    It may be appended to from any thread, before the run and during it, and wakes the pipeline. Elements that are
    appended after a watermark was advanced are read after it, too, so that what is late does not depend on timing.
    Nothing is forgotten, so that a reader can go on at any position; a second pipeline reads it from the start.

    Args:
      partitions: how many splits it has, each with a watermark of its own.
    """

    def __init__(self, partitions: int = 1) -> None:
        if partitions < 1:
            raise TransformError(f'MemoryStream: partitions must be a number from 1, got {partitions!r}')
        self._logs = [_Log() for _ in range(partitions)]
        self._process = os.getpid()
        self.name = f'stream-{next(_numbers)}'
        _streams[self.name] = self

    def append(self, value: T, timestamp: TimestampTypes | None = None, partition: int = 0) -> None:
        """Appends an element.

        Args:
          value: the element, or a ``TimestampedValue``.
          timestamp: its event time; by default it is not known, which is the minimum.
          partition: where to.

        Raises:
          TransformError: if the stream has ended.
        """
        self.extend([value if timestamp is None else TimestampedValue(value, timestamp)], partition)

    def extend(self, values: Iterable[T | TimestampedValue[T]], partition: int = 0) -> None:
        """Appends elements, all at once for whoever reads.

        Args:
          values: the elements, or ``TimestampedValue`` objects.
          partition: where to.

        Raises:
          TransformError: if the stream has ended.
        """
        items = list(values)
        times = [item.micros if isinstance(item, TimestampedValue) else MIN_MICROS for item in items]
        self._log(partition).append(
            [item.value if isinstance(item, TimestampedValue) else item for item in items], times)

    def advance_watermark_to(self, new_watermark: TimestampTypes, partition: int | None = None) -> None:
        """Says that no element with a smaller timestamp is expected any more.

        Args:
          new_watermark: seconds since the epoch, or a ``Timestamp``.
          partition: of which partition; by default of all.

        Raises:
          TransformError: if it goes back.
        """
        micros = Timestamp.of(new_watermark).micros
        for log in self._logs if partition is None else [self._log(partition)]:
            log.mark(micros)

    def end(self, partition: int | None = None) -> None:
        """Says that nothing more will come.

        Args:
          partition: in which partition; by default in all.
        """
        for log in self._logs if partition is None else [self._log(partition)]:
            log.end()

    def read(self, element_type: Any = Any) -> PTransform:
        """The transform that starts a pipeline with it.

        Args:
          element_type: what the elements are.
        """
        return Read(StreamSource(self.name), element_type)

    def _log(self, partition: int) -> _Log:
        try:
            return self._logs[partition]
        except IndexError:
            raise TransformError(
                f'MemoryStream: there is no partition {partition}; there are {len(self._logs)}') from None


_numbers = itertools.count()
#: The streams of this process by name: a graph can hold only the name.
_streams: weakref.WeakValueDictionary[str, MemoryStream[Any]] = weakref.WeakValueDictionary()


class _Log:
    """What was appended to one partition, and who waits for more."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: list[Any] = []
        self.times: list[int] = []
        # The watermark is `marks[i]` once the first `places[i]` elements were read.
        self.places = [0]
        self.marks = [MIN_MICROS]
        self.ended = False
        self.wakers: set[_Waker] = set()

    def append(self, values: list[Any], times: list[int]) -> None:
        with self.lock:
            if self.ended:
                raise TransformError(f'MemoryStream: {short(values)} was appended after the end')
            self.values += values
            self.times += times
            self._wake()

    def mark(self, micros: int) -> None:
        with self.lock:
            if micros < self.marks[-1]:
                raise TransformError(
                    f'MemoryStream: a watermark only moves forward: it is at {Timestamp(micros=self.marks[-1])!r}, and '
                    f'cannot be advanced to {Timestamp(micros=micros)!r}')
            self.places.append(len(self.values))
            self.marks.append(micros)
            self._wake()

    def end(self) -> None:
        with self.lock:
            self.ended = True
            self._wake()

    def _wake(self) -> None:
        for waker in self.wakers:
            waker.wake()


class _Waker:
    """A descriptor that becomes readable."""

    def __init__(self) -> None:
        self.fileno, self._writer = os.pipe()
        os.set_blocking(self.fileno, False)
        os.set_blocking(self._writer, False)
        self._awake = False

    def wake(self) -> None:
        if not self._awake:
            self._awake = True
            os.write(self._writer, b'x')

    def sleep(self) -> None:
        if self._awake:
            self._awake = False
            os.read(self.fileno, 1)

    def close(self) -> None:
        os.close(self.fileno)
        os.close(self._writer)


@portable
@attrs.frozen
class StreamSource(Source[Any]):
    """Reads a :class:`MemoryStream` of this process.

    Attributes:
      name: its name.
    """

    name: str

    @property
    def bounded(self) -> bool:
        return False

    def check(self) -> None:
        self._stream()

    def splits(self, desired: int = 1) -> list[int]:
        return list(range(len(self._stream()._logs)))

    def open(self, split: int, position: int | None = None) -> StreamReader:
        return StreamReader(self._stream()._logs[split], position or 0)

    def _stream(self) -> MemoryStream[Any]:
        found = _streams.get(self.name)
        if found is None:
            raise SourceError(f'the MemoryStream {self.name!r} is not in this process, or nobody holds it any more')
        if found._process != os.getpid():
            raise SourceError('a MemoryStream can only be read in the process that appends to it, and this is a worker '
                              'process: run the pipeline without --workers, or use a MemorySource')
        return found


class StreamReader(Reader[Any]):
    """Reads one partition of a :class:`MemoryStream`.

    Args:
      log: the partition.
      start: how many elements to pass over.
    """

    def __init__(self, log: _Log, start: int = 0) -> None:
        self._log = log
        self._next = start
        self._waker: _Waker | None = _Waker()
        with log.lock:
            log.wakers.add(self._waker)
            # A watermark that moved right here may not have been told.
            self._watermark = log.marks[max(0, bisect_left(log.places, start) - 1)]

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        log, start = self._log, self._next
        with log.lock:
            if self._waker is not None:
                self._waker.sleep()
            if self._follow() and start < len(log.values):
                # What was appended after the watermark moved comes after it.
                log._wake()
                return Records([])
            mark = bisect_right(log.places, start)
            stop = min(start + max_records, log.places[mark] if mark < len(log.places) else len(log.values))
            self._next = stop
            self._follow()
            if start == stop and log.ended:
                return None
            return Records(log.values[start:stop], log.times[start:stop])

    def _follow(self) -> bool:
        """Whether the watermark moved."""
        before = self._watermark
        self._watermark = self._log.marks[bisect_right(self._log.places, self._next) - 1]
        return self._watermark > before

    @property
    def position(self) -> int:
        return self._next

    @property
    def watermark(self) -> int:
        return self._watermark

    @property
    def backlog(self) -> Backlog:
        return Backlog(len(self._log.values) - self._next)

    def idle(self) -> Idle:
        return Idle(fileno=None if self._waker is None else self._waker.fileno)

    def close(self) -> None:
        if self._waker is not None:
            with self._log.lock:
                self._log.wakers.discard(self._waker)
            self._waker.close()
            self._waker = None
