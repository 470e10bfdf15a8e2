"""Timers: the handles that user functions set them by, and the queue from which they fire.

Where a timer stands, with ``T`` the time it is set to, ``t`` the timestamp of the input at hand, ``L`` the last instant
of its window and ``E = L + allowed lateness + 1`` the first watermark at which the window has expired:

===========  ==============================  ======================================
domain       fires at the first advance to   output timestamp, unless one is given
===========  ==============================  ======================================
WATERMARK    a watermark ``>= min(T, E)``    ``min(max(T, t), L)``
REAL_TIME    a clock ``>= T``, or to ``E``   ``t``
===========  ==============================  ======================================

The output watermark is held at the output timestamp until the timer has fired or is cleared (at its time, if that is
earlier, which is the same to an event-time timer: when the watermark is there it fires).

A timer is a tuple, and stands in the record of its key as long as it is set. The queue holds the same tuples; those
that were replaced or cleared meanwhile are recognised by not standing in their record any more, and are dropped when
their time comes or when there are too many of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import chain, count
from typing import Any, ClassVar

from bourne.engine.cells import END, KEY, LAST_EVENTS, TAGGED, WINDOW, Handle, Record, Scope
from bourne.errors import ExecutionError
from bourne.sdk.model.known import short
from bourne.sdk.model.timer import RuntimeTimer, TimeDomain, TimerSpec
from bourne.sdk.model.timestamp import (
    MAX_MICROS,
    MIN_MICROS,
    Duration,
    DurationTypes,
    Timestamp,
    TimestampTypes,
)

#: The places of a timer: when it fires, a number that orders timers of one time, the key and raw window, its place in
#: their record, its tag, and the timestamp of what it gives.
TIME, NUMBER, OF_KEY, OF_WINDOW, SLOT, TAG, OUTPUT = range(7)
Timer = tuple[Any, ...]

#: A timer that keeps setting itself to no later time than at which it fires is given up after so many times.
MOST_REPEATS = 100_000
#: The queue is cleaned when more than so many of its timers are not set any more, and these are most of it.
MOST_REPLACED = 10_000


class TimerQueue:
    """The timers of an operator.

    Args:
      is_set: tells whether a timer still stands in its record.
    """

    def __init__(self, is_set: Callable[[Timer], bool]) -> None:
        self._is_set = is_set
        #: Timers since the last look at the heaps.
        self.new: list[Timer] = []
        self.event: list[Timer] = []
        self.real: list[Timer] = []
        self._holds: list[tuple[int, int, Timer]] = []
        self._real_slots: set[int] = set()
        #: About how many timers here were replaced or cleared.
        self.replaced = 0
        #: Gives the next number.
        self.number = count().__next__

    def add_kind(self, slot: int, spec: TimerSpec) -> None:
        """Tells the domain of the timers with a place in records."""
        if not TimeDomain.is_event_time(spec.time_domain):
            self._real_slots.add(slot)

    def events_of(self, timers: list[Timer]) -> list[Timer]:
        """Those among timers that go by event time."""
        reals = self._real_slots
        return [timer for timer in timers if timer[SLOT] not in reals] if reals else timers

    def sort_in(self) -> None:
        """Brings what is new to its place, and throws out what is not set any more if there is much of it."""
        if not self.new:
            return
        new, self.new = self.new, []
        real = [timer for timer in new if timer[SLOT] in self._real_slots] if self._real_slots else []
        events = new if not real else [timer for timer in new if timer[SLOT] not in self._real_slots]
        # Between the output timestamp of most timers and the time at which they fire there is no watermark to hold.
        holds = [timer for timer in events if timer[TIME] - timer[OUTPUT] > 1]
        _add(self.event, events)
        _add(self.real, real)
        _add(self._holds, [(timer[OUTPUT], timer[NUMBER], timer) for timer in chain(holds, real)])
        if self.replaced > MOST_REPLACED and 2 * self.replaced > len(self.event) + len(self.real):
            self._clean()

    def _clean(self) -> None:
        self.replaced = 0
        self.event = [timer for timer in self.event if self._is_set(timer)]
        self.real = [timer for timer in self.real if self._is_set(timer)]
        self._holds = [hold for hold in self._holds if self._is_set(hold[2])]
        for heap in (self.event, self.real, self._holds):
            heapify(heap)

    def forget_replaced(self) -> None:
        """Keeps what is new from growing with every setting of a timer, where no time passes in between."""
        if self.replaced > MOST_REPLACED and 2 * self.replaced > len(self.new):
            self.replaced = 0
            self.new = [timer for timer in self.new if self._is_set(timer)]

    def next_event(self) -> Timer | None:
        """The event-time timer that is the first to fire."""
        return self._first(self.event)

    def next_real(self) -> Timer | None:
        """The real-time timer that is the first to fire."""
        return self._first(self.real)

    def _first(self, heap: list[Timer]) -> Timer | None:
        self.sort_in()
        while heap:
            if self._is_set(heap[0]):
                return heap[0]
            heappop(heap)
        return None

    def hold(self) -> tuple[int, Timer] | None:
        """Up to where the watermark is held, in microseconds, and the timer that holds it."""
        first = self.next_event()
        while self._holds:
            micros, _, timer = self._holds[0]
            if self._is_set(timer):
                if first is None or micros < first[TIME]:
                    return micros, timer
                break
            heappop(self._holds)
        # Before its time a timer's output timestamp holds nothing that its time would not, if it is later.
        return None if first is None else (min(first[TIME], first[OUTPUT]), first)

    def clear(self) -> None:
        """Forgets all timers."""
        self.new, self.event, self.real, self._holds = [], [], [], []
        self.replaced = 0


def _add(heap: list[Any], items: list[Any]) -> None:
    """Adds items to a heap: one by one if they are few, else all at once."""
    if len(items) * 8 < len(heap):
        for item in items:
            heappush(heap, item)
    elif items:
        heap += items
        heapify(heap)


class _Handle(Handle, RuntimeTimer):
    """A timer as user functions see it, over the record of a key and window.

    Args:
      record: the record.
      time: the timestamp of the input at hand, in microseconds.
    """

    __slots__ = ('time',)
    queue: ClassVar[TimerQueue]
    #: The allowed lateness plus one: from the last instant of a window to the watermark at which it has expired.
    after: ClassVar[int]
    is_event: ClassVar[bool]
    spec: ClassVar[TimerSpec]

    def __init__(self, record: Record, time: int) -> None:
        self.record = record
        self.time = time

    def set(self, timestamp: TimestampTypes, dynamic_timer_tag: str = '', *,
            output_timestamp: TimestampTypes | None = None) -> None:
        micros = timestamp.micros if type(timestamp) is Timestamp else self._micros(timestamp)
        self._set(micros, dynamic_timer_tag, output_timestamp)

    def set_relative(self, delay: DurationTypes, dynamic_timer_tag: str = '', *,
                     output_timestamp: TimestampTypes | None = None) -> None:
        if self.is_event:
            raise ExecutionError(f'{self.title()} goes by event time, which has no now; set it to a point in time, '
                                 f'such as the timestamp of the element plus a delay')
        self._set(self.scope.now + Duration.of(delay).micros, dynamic_timer_tag, output_timestamp)

    def clear(self, dynamic_timer_tag: str = '') -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        remove(record, self.slot, dynamic_timer_tag)
        self.queue.replaced += 1
        self.scope.sparse.append(record)

    def _set(self, time: int, tag: str, output: TimestampTypes | None) -> None:
        record, scope, slot = self.record, self.scope, self.slot
        if record is not scope.record:
            self.misplaced()
        end = record[END]
        if self.is_event:
            if not self.time <= time < end or time <= scope.fired:
                if scope.ending and scope.fired >= end:
                    return  # there is no later time at which it could fire
                time = self._bounded(time, end)
            made = time if time > self.time else self.time
        else:
            if scope.ending == LAST_EVENTS:
                return
            if not scope.now <= time <= MAX_MICROS:
                self._check_time(time)
            made = self.time
        if output is not None:
            made = self._output(time, output)
        if made > end - self.after:
            made = end - self.after
        known = record[slot] if tag == '' else self._tagged(tag)
        if known is not None:
            if known[TIME] == time and known[OUTPUT] == made:
                return
            self.queue.replaced += 1
        timer = (time, self.queue.number(), record[KEY], record[WINDOW], slot, tag, made)
        if tag == '':
            record[slot] = timer
        else:
            insert(record, timer)
        self.queue.new.append(timer)

    def _bounded(self, time: int, end: int) -> int:
        """An event-time timer's time that is not simply later than what is at hand and within the window."""
        if not self.time <= time <= MAX_MICROS:
            self._check_time(time)
        if time <= self.scope.fired:
            self._count_repeat()
        return min(time, end)

    def _tagged(self, tag: Any) -> Timer | None:
        """The timer with a tag, if it is set."""
        if type(tag) is not str:
            raise ExecutionError(f'{self.title()}: dynamic_timer_tag is a string, got {tag!r} ({type(tag).__name__})')
        tagged = self.record[TAGGED]
        return None if tagged is None else tagged.get((self.slot, tag))

    def _micros(self, timestamp: Any) -> int:
        if type(timestamp) is int:
            return timestamp * 1_000_000
        try:
            return Timestamp.of(timestamp).micros
        except (TypeError, ValueError) as error:
            raise ExecutionError(f'{self.title()} is set to a point in time, got {short(timestamp)} '
                                 f'({type(timestamp).__name__}): {error}') from error

    def _check_time(self, micros: int) -> None:
        """Refuses what is outside of time, and tells about what is in the past."""
        if not MIN_MICROS <= micros <= MAX_MICROS:
            raise ExecutionError(f'{self.title()} was set to {micros / 1e6:g} seconds since 1970, which is outside of '
                                 f'event time; are these milliseconds or microseconds?')
        scope = self.scope
        if self.is_event:
            # A late element is behind the watermark itself, and while timers fire the watermark is ahead of them.
            if micros >= min(self.time, scope.watermark if scope.fired == MIN_MICROS else scope.fired):
                return
            passed, hint = f'the watermark, which is at {_shown(scope.watermark)}', 'timer.set(timestamp + 10)'
        else:
            passed, hint = f'the present time, {_shown(scope.now)}', 'timer.set_relative(10)'
        if not scope.told(self.slot):
            logging.getLogger('bourne').warning(
                '%s was set to %s, which is before %s, so it is due at once. Timers are set to points in time: for a '
                'delay of ten seconds, write %s. (This is said once for each timer of a transform.)',
                self.title(), _shown(micros), passed, hint)

    def _count_repeat(self) -> None:
        """A timer that is set, by a timer's method, to no later time than it has fires again in the same advance."""
        repeats, place = self.scope.repeats, (self.record[WINDOW], self.record[KEY])
        found = repeats[place] = repeats.get(place, 0) + 1
        if found > MOST_REPEATS:
            raise ExecutionError(f'{self.title()} was set {MOST_REPEATS:,} times to the time at which it fires or '
                                 f'before, so that it would fire for ever; set it to a later time')

    def _output(self, time: int, output: TimestampTypes) -> int:
        """The output timestamp that was asked for."""
        micros: int = output.micros if type(output) is Timestamp else self._micros(output)
        if micros < self.time:
            raise ExecutionError(f'{self.title()}: the output timestamp {_shown(micros)} is before that of the input, '
                                 f'{_shown(self.time)}. Time must not go backwards: the watermark may be there already')
        if self.is_event and micros > time:
            raise ExecutionError(f'{self.title()}: the output timestamp {_shown(micros)} is after {_shown(time)}, at '
                                 f'which the timer fires')
        return micros


def _shown(micros: int) -> str:
    return repr(Timestamp(micros=micros))


def insert(record: Record, timer: Timer) -> None:
    """Puts a timer into its record."""
    if timer[TAG] == '':
        record[timer[SLOT]] = timer
    elif record[TAGGED] is None:
        record[TAGGED] = {(timer[SLOT], timer[TAG]): timer}
    else:
        record[TAGGED][timer[SLOT], timer[TAG]] = timer


def remove(record: Record, slot: int, tag: str) -> None:
    """Takes a timer out of its record, if it is set."""
    if tag == '':
        record[slot] = None
    elif record[TAGGED] is not None:
        record[TAGGED].pop((slot, tag), None)
        if not record[TAGGED]:
            record[TAGGED] = None


def timer_class(spec: TimerSpec, slot: int, scope: Scope, queue: TimerQueue, lateness: int) -> type[_Handle]:
    """The class of the handles of a specification. An instance is made from a record and the time of the input.

    Args:
      spec: the specification.
      slot: its place in records.
      scope: the operator's scope.
      queue: the operator's timers.
      lateness: the allowed lateness of the windows, in microseconds.
    """
    queue.add_kind(slot, spec)
    return type('Timer', (_Handle,), {
        '__slots__': (), 'scope': scope, 'slot': slot, 'spec': spec, 'queue': queue, 'after': lateness + 1,
        'is_event': TimeDomain.is_event_time(spec.time_domain)})
