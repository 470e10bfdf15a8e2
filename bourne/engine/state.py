"""What a stateful operator remembers, by window and key, and what is due.

Time passes by :meth:`KeyedState.firings`, which tells one after the other what is due, in this order::

    event-time timers with T <= watermark      by T, then in the order in which they were set
    real-time timers with T <= now             likewise; what they make due follows at once
    for every window with E <= watermark, and every key in it:
        its event-time timers, real-time timers and event-time timers again, until none is set
        its expiration, if something is remembered still; then it is forgotten

with ``E`` the end of the window as in ``timers.py``. At the end of a bounded input the watermark goes from the minimum
to the maximum, so that the third line is all there is: each key comes to its end by itself. Real-time timers that are
set when their turn has passed never fire.

A timer that goes on setting itself comes to an end with its window. The end of the global window is so far that it does
not help: it is an error there to fire more than :data:`MOST_AT_END` times for one key when the input has ended. Whoever
lets a timer set itself has to say when it is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import islice
from typing import Any, NamedTuple, NoReturn

from bourne.engine.bundle import Bundle
from bourne.engine.cells import (
    END,
    ENDING,
    FIRST,
    KEY,
    LAST_EVENTS,
    NOT_ENDING,
    TAGGED,
    WINDOW,
    Record,
    Scope,
    cell_class,
)
from bourne.engine.keyed import Hold, Size
from bourne.engine.keyhash import is_settled
from bourne.engine.memory import estimate
from bourne.engine.statestore import NOTHING, MemoryStore, StateStore
from bourne.engine.timers import (
    NUMBER,
    OF_KEY,
    OF_WINDOW,
    OUTPUT,
    SLOT,
    TAG,
    TIME,
    Timer,
    TimerQueue,
    insert,
    remove,
    timer_class,
)
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.known import short
from bourne.sdk.model.stateful import Stateful
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import GlobalWindow

#: Stands in a :class:`Firing` in place of a timer's: the window expires.
EXPIRES = -1
#: So many times timers may fire for a key in the global window when the input has ended.
MOST_AT_END = 100_000
#: Keys of these types are one if they are equal, and have an encoding.
_SIMPLE = frozenset({str, int, bytes, bool, type(None)})
#: What a key takes beside its record: its place in the table.
_PLACE = 100
_SAMPLE = 12


#: Something that is due: the record of the key and window, the place of the timer in it or :data:`EXPIRES`, the time
#: that the timer was set to, its tag, and the timestamp of what its method gives.
Firing = tuple[Record, int, int, str, int]


class Row(NamedTuple):
    """Everything that is remembered for a key and window, as plain data: what a checkpoint saves.

    Attributes:
      key: the key.
      window: the raw window.
      cells: what cells hold, by the name of the state, in the form of ``cells.py``.
      timers: ``(name, tag, time, output timestamp)`` of each timer, in the order in which they were set.
    """

    key: Any
    window: Any
    cells: Mapping[str, Any]
    timers: tuple[tuple[str, str, int, int], ...]


class KeyedState:
    """The state and timers of an operator.

    Args:
      parts: what its function says of them.
      windowing: the windowing of its input.
      label: its label, for messages.
      store: makes the store, from a function that tells whether a window may be opened.

    Attributes:
      scope: what is at hand while the user's function is called.
      tables: the records by raw window and key.
      watermark: the input watermark.
      dropped: how many elements came when their window had expired.
      handles: the classes of the function's cells and timers, by their place in records.
      slots: the places of cells and timers, by ``('state' or 'timer', name)``.
    """

    def __init__(self, parts: Stateful, windowing: Windowing, label: str,
                 store: Callable[[Callable[[Any], bool]], Any] = MemoryStore) -> None:
        self.scope = Scope(label)
        self.tables: StateStore = store(self._admits)
        self.watermark = MIN_MICROS
        self.dropped = 0
        self._lateness = windowing.allowed_lateness.micros
        self._end = raw_windows(windowing.windowfn).end
        self._expires = bool(parts.expiration)
        self._queue = TimerQueue(self._is_set)
        self._windows: list[tuple[int, int, Any]] = []
        self._ends: dict[Any, int] = {}
        self._aliases: dict[Any, dict[bytes, Any]] = {}
        names = [('state', name) for name in parts.states] + [('timer', name) for name in parts.timers]
        self.slots = {name: slot for slot, name in enumerate(names, FIRST)}
        self._blank = [None] * (FIRST + len(names) - TAGGED)
        self.handles: dict[int, Any] = {}
        for name, state in parts.states.items():
            slot = self.slots['state', name]
            self.handles[slot] = cell_class(state, slot, self.scope)
        for name, timer in parts.timers.items():
            slot = self.slots['timer', name]
            self.handles[slot] = timer_class(timer, slot, self.scope, self._queue, self._lateness)
        self._first_timer = FIRST + len(parts.states)
        self._timers = {slot: name for (kind, name), slot in self.slots.items() if kind == 'timer'}

    # Keys.

    def enter(self, key: Any, window: Any) -> Record | None:
        """The record of a key that is not in the window's table: a new one, or ``None`` if the window has expired.

        Raises:
          bourne.errors.KeyEncodingError: if the key has no deterministic encoding.
        """
        table = self.tables[window]
        if table is NOTHING:
            self.dropped += 1
            return None
        if type(key) not in _SIMPLE and not is_settled((key,)):
            key = self._aliases.setdefault(window, {}).setdefault(encode_key(key), key)
            known: Record | None = table.get(key)
            if known is not None:
                return known
        record = [key, window, self._ends[window], *self._blank]
        table[key] = record
        self.scope.sparse.append(record)
        return record

    def _end_of(self, window: Any) -> int:
        """The first watermark at which a window has expired."""
        return min(self._end(window) + self._lateness, MAX_MICROS - 1) + 1

    def _admits(self, window: Any) -> bool:
        end = self._end_of(window)
        if end <= self.watermark:
            return False
        self._ends[window] = end
        heappush(self._windows, (end, self._queue.number(), window))
        return True

    def settle(self) -> None:
        """Ends a bundle: no key is at hand any more, and those for which nothing is remembered are forgotten."""
        self.scope.record = None
        sparse, self.scope.sparse = self.scope.sparse, []
        for record in sparse:
            if _is_empty(record):
                self._forget(record)
        self._queue.forget_replaced()
        self.tables.flush()

    def _forget(self, record: Record) -> None:
        key, window = record[KEY], record[WINDOW]
        table = self.tables.get(window)
        if table is not None and table.get(key) is record:
            del table[key]
            if window in self._aliases:
                self._aliases[window].pop(encode_key(key), None)

    def forget(self) -> None:
        """Forgets everything; time begins anew."""
        self.watermark = self.scope.watermark = MIN_MICROS
        self.scope.record = None
        self.scope.sparse.clear()
        self.tables.clear()
        self._aliases.clear()
        self._windows.clear()
        self._ends.clear()
        self._queue.clear()

    # Timers.

    def firings(self, watermark: int, now: int) -> Iterator[Firing]:
        """What is due, one after the other; while it is dealt with, more may become due.

        Args:
          watermark: the input watermark, in microseconds; never less than before.
          now: processing time, in microseconds.
        """
        self.watermark = self.scope.watermark = watermark
        self.scope.now = now
        self.scope.repeats.clear()
        if watermark < MAX_MICROS:
            yield from self._due_events(watermark)
            if self._queue.next_real() is not None:
                yield from self._due_reals(now)
                yield from self._due_events(watermark)
        while self._windows and self._windows[0][0] <= watermark:
            window = heappop(self._windows)[2]
            yield from self._end_window(window)
        self.scope.fired = MIN_MICROS

    def _due_events(self, watermark: int) -> Iterator[Firing]:
        queue = self._queue
        queue.sort_in()
        while queue.event and queue.event[0][TIME] <= watermark:
            record = self._record_of(timer := heappop(queue.event))
            if record is not None:
                yield self._fire(record, timer, timer[TIME])
                if queue.new:
                    queue.sort_in()

    def _due_reals(self, now: int) -> Iterator[Firing]:
        """Those that are due when this is called: what their methods set waits for the next time."""
        queue, due = self._queue, []
        while queue.real and queue.real[0][TIME] <= now:
            due.append(heappop(queue.real))
        for timer in due:
            record = self._record_of(timer)
            if record is not None:
                yield self._fire(record, timer, MIN_MICROS)

    def _record_of(self, timer: Timer) -> Record | None:
        """The record in which a timer is set; ``None`` if it is not set any more."""
        table = self.tables.get(timer[OF_WINDOW])
        record: Record | None = None if table is None else table.get(timer[OF_KEY])
        if record is None:
            return None
        tag = timer[TAG]
        if tag == '':
            known = record[timer[SLOT]]
        else:
            known = None if record[TAGGED] is None else record[TAGGED].get((timer[SLOT], tag))
        return record if known is not None and known[NUMBER] == timer[NUMBER] else None

    def _is_set(self, timer: Timer) -> bool:
        return self._record_of(timer) is not None

    def _fire(self, record: Record, timer: Timer, fired: int) -> Firing:
        time, _, _, _, slot, tag, output = timer
        if tag == '':
            record[slot] = None
        else:
            remove(record, slot, tag)
        scope = self.scope
        scope.sparse.append(record)
        scope.record = record
        scope.fired = fired
        return record, slot, time, tag, output

    def _end_window(self, window: Any) -> Iterator[Firing]:
        table = self.tables.get(window)
        for key in list(table or ()):
            if self._timers:
                yield from self._last_timers(table, key)
            record = table.get(key) if self._expires else None
            if record is not None and not _is_empty(record):
                self.scope.record = record
                last = record[END] - 1 - self._lateness
                yield record, EXPIRES, last, '', last
        self._drop(window)

    def _last_timers(self, table: Any, key: Any) -> Iterator[Firing]:
        """The timers of a key whose window has expired, until none is set any more."""
        scope, queue = self.scope, self._queue
        scope.ending = ENDING
        fired = 0
        while (record := table.get(key)) is not None and (standing := self._standing(record)):
            events = queue.events_of(standing)
            if events:
                timer = min(events) if len(events) > 1 else events[0]
                fired += 1
                if fired > MOST_AT_END and isinstance(record[WINDOW], GlobalWindow):
                    self._refuse(record, timer)
                yield self._fire(record, timer, timer[TIME])
            elif scope.ending == ENDING:
                scope.ending = LAST_EVENTS
                for timer in sorted(standing):
                    record = self._record_of(timer)
                    if record is not None:
                        yield self._fire(record, timer, MIN_MICROS)
            else:
                break
        scope.ending = NOT_ENDING

    def _refuse(self, record: Record, timer: Timer) -> NoReturn:
        """Ends what would not end by itself."""
        raise ExecutionError(
            f'{self.scope.label}: timers of the key {short(record[KEY])} fired {MOST_AT_END:,} times after the input '
            f'had ended, and {self._timers[timer[SLOT]]!r} is set again. In the global window a timer that sets itself '
            f'must stop some time, such as an hour after the last element; or use windows that end')

    def _standing(self, record: Record) -> list[Timer]:
        """The timers that are set."""
        found = [timer for timer in record[self._first_timer:] if timer is not None]
        return found if record[TAGGED] is None else found + list(record[TAGGED].values())

    def _drop(self, window: Any) -> None:
        self.tables.pop(window, None)
        self._aliases.pop(window, None)
        self._ends.pop(window, None)

    # What others ask.

    def hold(self) -> Hold | None:
        """The earliest of what timers and expirations will still give."""
        held = self._queue.hold()
        found = None if held is None else Hold(held[0], held[1][OF_WINDOW], held[1][OF_KEY])
        if self._expires and self._lateness:  # without lateness a window expires as soon as it is over
            window = self._first_window()
            if window is not None:
                last = self._end(window)
                if found is None or last < found.micros:
                    found = Hold(last, window, next(iter(self.tables.get(window))))
        return found

    def _first_window(self) -> Any:
        """The window with keys that is the first to expire."""
        while self._windows:
            window = self._windows[0][2]
            if self.tables.get(window):
                return window
            heappop(self._windows)
            self._drop(window)
        return None

    def due(self) -> int | None:
        """When, in processing time, something is due."""
        event = self._queue.next_event()
        if event is not None and event[TIME] <= self.watermark:
            return self.scope.now
        real = self._queue.next_real()
        return None if real is None else real[TIME]

    def size(self) -> Size:
        """How many keys and windows there are, and about how many bytes they take, by looking at a few."""
        entries = sum(map(len, self.tables.values()))
        if not entries:
            return Size(0, 0)
        sample: list[Any] = []
        for table in self.tables.values():
            sample += islice(table.values(), 0, None, max(1, entries // _SAMPLE))
        return Size(entries, int(entries * (_PLACE + estimate(Bundle(sample)) / len(sample))))

    # Checkpoints.

    def snapshot(self) -> Iterator[Row]:
        """Everything that is remembered. The rows share what they hold with the store: pickle them at once."""
        names = {slot: name for (_, name), slot in self.slots.items()}
        for table in self.tables.values():
            for record in table.values():
                cells = {name: record[slot] for (kind, name), slot in self.slots.items()
                         if kind == 'state' and record[slot] is not None}
                timers = sorted(self._standing(record), key=lambda timer: timer[NUMBER])
                yield Row(record[KEY], record[WINDOW], cells, tuple(
                    (names[timer[SLOT]], timer[TAG], timer[TIME], timer[OUTPUT]) for timer in timers))

    def restore(self, rows: Iterable[Row], watermark: int) -> None:
        """Remembers what a snapshot says, besides what there is.

        Args:
          rows: rows of one snapshot, or of several that have no key in common.
          watermark: the input watermark when it was made.

        Raises:
          ExecutionError: if a row has state or timers that the function does not have.
        """
        self.watermark = self.scope.watermark = watermark
        for row in rows:
            record = self.enter(row.key, row.window)
            assert record is not None, row
            for name, value in row.cells.items():
                record[self._slot('state', name)] = value
            for name, tag, time, output in row.timers:
                slot = self._slot('timer', name)
                timer: Timer = (time, self._queue.number(), record[KEY], record[WINDOW], slot, tag, output)
                insert(record, timer)
                self._queue.new.append(timer)
        self.settle()

    def _slot(self, kind: str, name: str) -> int:
        if (kind, name) not in self.slots:
            known = ', '.join(repr(other) for what, other in self.slots if what == kind) or 'none'
            raise ExecutionError(f'{self.scope.label}: what was saved has the {kind} {name!r}, which the function does '
                                 f'not declare any more; it has {known}')
        return self.slots[kind, name]


def _is_empty(record: Record) -> bool:
    for item in islice(record, TAGGED, None):  # noqa: SIM110 - a generator would take twice as long
        if item is not None:
            return False
    return True
