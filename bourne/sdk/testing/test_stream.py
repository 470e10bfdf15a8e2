"""``TestStream``: an unbounded collection by a script that says what arrives when.

The events of the script are the epochs of the run: event number n happens in epoch n, and before the next one
everything that follows from it has gone through the whole pipeline. Each output of the script is read by a reader of
its own; all of them step through the same script together. The script owns the run's clock, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from bourne.errors import TransformError, UnsupportedError
from bourne.sdk.graph import nodes
from bourne.sdk.model.clock import Clock, Sleep, VirtualClock
from bourne.sdk.model.known import short
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import (
    MAX_MICROS,
    MAX_TIMESTAMP,
    MIN_MICROS,
    Duration,
    DurationTypes,
    Timestamp,
    TimestampTypes,
    to_duration,
)
from bourne.sdk.model.window import TimestampedValue, WindowedValue
from bourne.sdk.pcollection import PBegin
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.read import Read, read

__all__ = ['ElementEvent', 'Event', 'ProcessingTimeEvent', 'TestStream', 'WatermarkEvent']


def _to_timestamp(time: TimestampTypes) -> Timestamp:
    return Timestamp.of(time)


class Event:
    """One step of a script."""


@portable
@attrs.frozen(init=False)
class ElementEvent(Event):
    """Elements arrive.

    Args:
      timestamped_values: the elements with their times.
      tag: the output at which they arrive; ``None`` is the main one.
    """

    values: tuple[Any, ...]
    micros: tuple[int, ...]
    tag: str | None = None

    def __init__(self, timestamped_values: Iterable[TimestampedValue[Any]], tag: str | None = None) -> None:
        given = tuple(timestamped_values)
        for item in given:
            if not isinstance(item, TimestampedValue):
                raise TransformError(f'ElementEvent takes TimestampedValues, got {short(item)} '
                                     f'({type(item).__name__}); TestStream.add_elements takes plain values, too')
            if not MIN_MICROS <= item.micros < MAX_MICROS:
                raise TransformError(f'an element must have a time from MIN_TIMESTAMP and before MAX_TIMESTAMP; '
                                     f'{short(item.value)} has {item.timestamp!r}')
        self.__attrs_init__(tuple(item.value for item in given), tuple(item.micros for item in given), tag)

    @property
    def timestamped_values(self) -> list[TimestampedValue[Any]]:
        """The elements with their times."""
        return [TimestampedValue(value, Timestamp(micros=micros)) for value, micros in zip(self.values, self.micros)]


@portable
@attrs.frozen
class WatermarkEvent(Event):
    """The watermark of an output moves on.

    Args:
      new_watermark: no element with a smaller timestamp is expected any more.
      tag: the output; ``None`` is the main one.
    """

    new_watermark: Timestamp = attrs.field(converter=_to_timestamp)
    tag: str | None = None


@portable
@attrs.frozen
class ProcessingTimeEvent(Event):
    """The clock moves on.

    Args:
      advance_by: by so much, in seconds.
    """

    advance_by: Duration = attrs.field(converter=to_duration)


class TestStream(PTransform):
    """An unbounded collection by a script, for tests of what a pipeline emits when.

    ::

        events = (TestStream()
                  .add_elements([TimestampedValue('a', 1), TimestampedValue('b', 3)])
                  .advance_watermark_to(10)
                  .advance_processing_time(60)
                  .advance_watermark_to_infinity())
        with TestPipeline() as p:
            emitted = p | events | WindowInto(FixedWindows(10)) | combiners.Count.PerElement()
            assert_that(emitted, equal_to([('a', 1), ('b', 1)]))

    After each event the pipeline runs until nothing moves any more; elements that are added by one call arrive
    together. The clock starts at 0 and moves only by the script; once that has ended, it leaps to whatever other
    sources wait for. At the end of the script the watermark is at infinity, whether the script said so or not.

    With output tags the result is a dict of collections by tag.

    Args:
      coder: what the elements are, as a coder; only its type hint is looked at.
      events: a script to begin with.
      output_tags: the outputs; by default those that the events name. One without events is an empty collection.
      endpoint: Beam's address of a service that sends events; not supported.

    Raises:
      TransformError: if an event makes no sense: a watermark that does not move forward, time that goes back, an output
        that is not declared.
      UnsupportedError: if there is an ``endpoint``.
    """

    # Not a test, whatever pytest thinks of the name.
    __test__ = False

    def __init__(self, coder: Any = None, events: Iterable[Event] | None = None,
                 output_tags: Iterable[str | None] | None = None, endpoint: str | None = None) -> None:
        super().__init__()
        if endpoint is not None:
            raise UnsupportedError(f'TestStream(endpoint={endpoint!r}) is not supported: there is no service for '
                                   'events here. Give the events themselves')
        self.coder = coder
        self.output_tags: set[str | None] = set(output_tags or ())
        declared = frozenset(self.output_tags)
        self._watermarks: dict[str | None, Timestamp] = {}
        self._events: list[Event] = []
        for event in events or ():
            self._add(event)
        if declared and not self.output_tags <= declared:
            raise TransformError(f'TestStream: the events name the outputs {_tags(self.output_tags - declared)}, which '
                                 f'output_tags={_tags(declared)} does not')

    @property
    def events(self) -> tuple[Event, ...]:
        """The script so far."""
        return tuple(self._events)

    def add_elements(self, elements: Iterable[Any], tag: str | None = None,
                     event_timestamp: TimestampTypes | None = None) -> TestStream:
        """Elements arrive, all in one epoch.

        Args:
          elements: plain values, ``TimestampedValue`` or ``WindowedValue`` (whose windows do not matter).
          tag: the output at which they arrive.
          event_timestamp: the time of plain values; by default the output's watermark.

        Raises:
          TransformError: if a time is out of range.
        """
        if isinstance(elements, (str, bytes)) or not isinstance(elements, Iterable):
            raise TransformError(f'TestStream.add_elements takes an iterable of elements, got {short(elements)}')
        time = self._watermark(tag) if event_timestamp is None else event_timestamp
        return self._add(ElementEvent([_timestamped(element, time) for element in elements], tag))

    def advance_watermark_to(self, new_watermark: TimestampTypes, tag: str | None = None) -> TestStream:
        """The watermark of an output moves on.

        Args:
          new_watermark: seconds since the epoch, or a ``Timestamp``; later than the one before.
          tag: the output.

        Raises:
          TransformError: if it does not move forward.
        """
        return self._add(WatermarkEvent(new_watermark, tag))

    def advance_watermark_to_infinity(self, tag: str | None = None) -> TestStream:
        """The watermark of an output moves to the end of time. What arrives there afterwards is late."""
        return self.advance_watermark_to(MAX_TIMESTAMP, tag)

    def advance_processing_time(self, advance_by: DurationTypes) -> TestStream:
        """The clock moves on.

        Args:
          advance_by: by so many seconds, more than 0.

        Raises:
          TransformError: if it does not move forward.
        """
        return self._add(ProcessingTimeEvent(advance_by))

    def expand(self, pbegin: Any) -> Any:
        if not isinstance(pbegin, PBegin):
            raise TransformError(f'{self.full_label()} starts a pipeline, but was applied to {pbegin!r}')
        pbegin.pipeline.before_run(lambda: _check_one_script(pbegin.pipeline))
        events, kind = self.events, self._element_type()
        if self.output_tags <= {None}:
            return read(self, pbegin, ScriptSource(events), kind)
        tags = sorted(self.output_tags, key=lambda tag: (tag is not None, tag))
        return {tag: pbegin | _label(tag) >> Read(ScriptSource(events, tag), kind) for tag in tags}

    def _element_type(self) -> Any:
        try:
            return Any if self.coder is None else self.coder.to_type_hint()
        except (AttributeError, NotImplementedError):
            return Any

    def _watermark(self, tag: str | None) -> Timestamp:
        return self._watermarks.get(tag, Timestamp(micros=MIN_MICROS))

    def _add(self, event: Event) -> TestStream:
        match event:
            case ElementEvent(tag=tag):
                self.output_tags.add(tag)
            case WatermarkEvent(new_watermark=new, tag=tag):
                before = self._watermark(tag)
                if new <= before:
                    of = '' if tag is None else f' of the output {tag!r}'
                    raise TransformError(f'TestStream: a watermark only moves forward: that{of} is at {before!r}, '
                                         f'and cannot be advanced to {new!r}')
                self._watermarks[tag] = new
                self.output_tags.add(tag)
            case ProcessingTimeEvent(advance_by=by):
                if by.micros <= 0:
                    raise TransformError(f'TestStream: processing time only moves forward: advance_processing_time '
                                         f'takes more than 0 seconds, got {by!r}')
            case _:
                raise TransformError(f'TestStream: {short(event)} ({type(event).__name__}) is not an event: use '
                                     'ElementEvent, WatermarkEvent or ProcessingTimeEvent')
        self._events.append(event)
        return self


def _label(tag: str | None) -> str:
    return 'main output' if tag is None else f'output {tag}'


def _timestamped(element: Any, time: TimestampTypes) -> TimestampedValue[Any]:
    if isinstance(element, TimestampedValue):
        return element
    if isinstance(element, WindowedValue):
        return TimestampedValue(element.value, element.timestamp)
    return TimestampedValue(element, time)


def _tags(tags: Iterable[str | None]) -> str:
    return f'{{{", ".join(sorted(map(repr, tags)))}}}'


def _check_one_script(pipeline: Any) -> None:
    """Two scripts would each want to own the clock, and to say what an epoch is."""
    first: tuple[str, tuple[Event, ...]] | None = None
    for transform in pipeline.to_graph().transforms:
        match transform.payload:
            case nodes.Read(source=ScriptSource(events=events)):
                if first is not None and events is not first[1]:
                    raise TransformError(
                        f'a pipeline can have one TestStream, and here are {first[0]!r} and {transform.label!r}. '
                        f'Make it one with several outputs: add_elements(..., tag=...)')
                first = transform.label, events


@portable
@attrs.frozen
class ScriptSource(Source[Any]):
    """One output of a script.

    Attributes:
      events: the whole script, the same in all outputs.
      tag: the output.
    """

    events: tuple[Event, ...]
    tag: str | None = None

    @property
    def bounded(self) -> bool:
        return False

    @property
    def clock(self) -> Clock:
        return ScriptClock(self.events)

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: int | None = None) -> ScriptReader:
        return ScriptReader(self.events, self.tag, position or 0)


class ScriptReader(Reader[Any]):
    """Takes one event of the script with each poll.

    An event's elements come at once, however few records a poll asks for: they arrive in one epoch. All readers of a
    script see as many events, whatever their outputs, so they must be polled equally often.

    Args:
      events: the script.
      tag: the output that is read.
      start: the first event to take.
    """

    def __init__(self, events: Sequence[Event], tag: str | None, start: int = 0) -> None:
        self._events = events
        self._tag = tag
        self._next = start
        self._watermark = MIN_MICROS
        for event in events[:start]:
            self._follow(event)

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        if self._next >= len(self._events):
            return None
        event = self._events[self._next]
        self._next += 1
        if isinstance(event, ElementEvent) and event.tag == self._tag:
            return Records(list(event.values), list(event.micros))
        self._follow(event)
        return Records([])

    def _follow(self, event: Event) -> None:
        if isinstance(event, WatermarkEvent) and event.tag == self._tag:
            self._watermark = event.new_watermark.micros

    @property
    def position(self) -> int:
        return self._next

    @property
    def watermark(self) -> int:
        return self._watermark

    @property
    def backlog(self) -> Backlog:
        left = self._events[self._next:]
        return Backlog(sum(len(event.values) for event in left
                           if isinstance(event, ElementEvent) and event.tag == self._tag))

    def idle(self) -> Idle:
        return Idle(until=self.now)


class ScriptClock(VirtualClock):
    """The clock of a script: in epoch n it stands where the first n + 1 events have moved it.

    Args:
      events: the script.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__()
        self._advances = [event.advance_by.micros if isinstance(event, ProcessingTimeEvent) else 0 for event in events]
        self._taken = 0

    def now(self, epoch: int) -> int:
        taken = min(epoch + 1, len(self._advances))
        self._now += sum(self._advances[self._taken:taken])
        self._taken = max(self._taken, taken)
        return self._now

    def wait(self, until: int | None, sleep: Sleep) -> None:
        # As long as there are events, the next one comes at once.
        if self._taken == len(self._advances):
            super().wait(until, sleep)
