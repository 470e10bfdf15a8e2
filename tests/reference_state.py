"""State and timers as plainly as possible, for the reference evaluator: Python values by key and window.

Whatever is read or written is copied, so that nothing is shared that state would not share. Time passes once, at the
end: each key and window comes to its end by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import attrs

from bourne.errors import CoderError, ExecutionError
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.state import (
    BagRuntimeState,
    CombiningValueRuntimeState,
    CombiningValueStateSpec,
    MapRuntimeState,
    OrderedListRuntimeState,
    ReadModifyWriteRuntimeState,
    RuntimeState,
    SetRuntimeState,
    StateSpec,
)
from bourne.sdk.model.stateful import Stateful
from bourne.sdk.model.timer import RuntimeTimer, TimeDomain, TimerSpec
from bourne.sdk.model.timestamp import Duration, Timestamp
from bourne.sdk.model.window import BoundedWindow, GlobalWindow

#: Where a timer that goes on for ever is given up.
MOST_FIRINGS = 100_000


@attrs.define
class SetTimer:
    """A timer that is set: to when, with what output timestamp, and as the how-manieth of all."""

    name: str
    tag: str
    time: Timestamp
    output: Timestamp
    number: int


@attrs.define
class Entry:
    """What is remembered for a key and window."""

    key: Any
    window: BoundedWindow
    end: Timestamp
    cells: dict[str, Any] = attrs.field(factory=dict)
    timers: dict[tuple[str, str], SetTimer] = attrs.field(factory=dict)
    #: While a timer fires: when it was due; and whether real-time timers have had their turn.
    fired: Timestamp | None = None
    reals_done: bool = False


class Memory:
    """Everything that a function remembers."""

    def __init__(self, parts: Stateful, lateness: Duration) -> None:
        self.parts = parts
        self.lateness = lateness
        self.entries: dict[tuple[bytes, BoundedWindow], Entry] = {}
        self.at_hand: Entry | None = None
        self.numbers = 0

    def entry(self, key: Any, window: BoundedWindow) -> Entry:
        """What is remembered for a key and window."""
        place = (encode_key(key), window)
        if place not in self.entries:
            end = window.max_timestamp() + self.lateness + Duration(micros=1)
            self.entries[place] = Entry(key, window, end)
        return self.entries[place]

    def handle(self, param: Any, entry: Entry, time: Timestamp) -> Any:
        """What a function gets for a parameter, while an input with that time is at hand."""
        self.at_hand = entry
        if isinstance(param.spec, TimerSpec):
            return _Timer(self, entry, param.spec, time)
        return _CELLS[param.spec.kind](self, entry, param.spec)

    def firings(self) -> Iterator[tuple[Entry, SetTimer | None]]:
        """What is due at the end of time; ``None`` for the expiration of the window."""
        for entry in sorted(self.entries.values(), key=lambda entry: entry.end.micros):
            for count, timer in enumerate(self._timers(entry)):
                if count > MOST_FIRINGS and isinstance(entry.window, GlobalWindow):
                    raise ExecutionError('a timer goes on for ever')
                yield entry, timer
            if self.parts.expiration and entry.cells:
                yield entry, None

    def _timers(self, entry: Entry) -> Iterator[SetTimer]:
        yield from self._events(entry)
        entry.reals_done = True
        for timer in sorted(entry.timers.values(), key=lambda timer: (timer.time.micros, timer.number)):
            if entry.timers.get((timer.name, timer.tag)) is timer:
                del entry.timers[timer.name, timer.tag]
                entry.fired = None
                yield timer
        yield from self._events(entry)

    def _events(self, entry: Entry) -> Iterator[SetTimer]:
        while True:
            events = [timer for timer in entry.timers.values()
                      if self.parts.timers[timer.name].time_domain == TimeDomain.WATERMARK]
            if not events:
                return
            timer = min(events, key=lambda timer: (timer.time.micros, timer.number))
            del entry.timers[timer.name, timer.tag]
            entry.fired = timer.time
            yield timer


class _Timer(RuntimeTimer):
    def __init__(self, memory: Memory, entry: Entry, spec: TimerSpec, time: Timestamp) -> None:
        self.memory, self.entry, self.spec, self.time = memory, entry, spec, time

    def set(self, timestamp: Any, dynamic_timer_tag: str = '', *, output_timestamp: Any = None) -> None:
        entry, last = self.entry, self.entry.window.max_timestamp()
        time = Timestamp.of(timestamp)
        if self.spec.time_domain == TimeDomain.WATERMARK:
            if entry.fired is not None and entry.fired >= entry.end:
                return
            time = min(time, entry.end)
            output = max(time, self.time)
        else:
            if entry.reals_done:
                return
            output = self.time
        if output_timestamp is not None:
            output = Timestamp.of(output_timestamp)
            if output < self.time:
                raise ExecutionError('an output timestamp before that of the input')
        self.memory.numbers += 1
        entry.timers[self.spec.name, dynamic_timer_tag] = SetTimer(
            self.spec.name, dynamic_timer_tag, time, min(output, last), self.memory.numbers)

    def set_relative(self, delay: Any, dynamic_timer_tag: str = '', *, output_timestamp: Any = None) -> None:
        self.set(Timestamp(0) + delay, dynamic_timer_tag, output_timestamp=output_timestamp)

    def clear(self, dynamic_timer_tag: str = '') -> None:
        self.entry.timers.pop((self.spec.name, dynamic_timer_tag), None)


class _Cell(RuntimeState):
    def __init__(self, memory: Memory, entry: Entry, spec: StateSpec) -> None:
        self.memory, self.entry, self.spec = memory, entry, spec

    def held(self, nothing: Any) -> Any:
        if self.memory.at_hand is not self.entry:
            raise ExecutionError('a cell of another key or window')
        return copy.deepcopy(self.entry.cells.get(self.spec.name, nothing))

    def hold(self, value: Any) -> None:
        if value is None or value in ([], {}, set()):
            self.clear()
        else:
            self.entry.cells[self.spec.name] = copy.deepcopy(value)

    def clear(self) -> None:
        self.entry.cells.pop(self.spec.name, None)

    def is_empty(self) -> bool:
        return self.spec.name not in self.entry.cells


class _Value(_Cell, ReadModifyWriteRuntimeState):
    def read(self) -> Any:
        return self.held(None)

    def write(self, value: Any) -> None:
        if self.spec.coder is not None:
            try:
                self.spec.coder.encode(value)
            except CoderError as error:
                raise ExecutionError('a value of the wrong type') from error
        self.entry.cells[self.spec.name] = copy.deepcopy(value)
        if value is None:
            self.clear()


class _Bag(_Cell, BagRuntimeState):
    def read(self) -> list[Any]:
        return self.held([])  # type: ignore[no-any-return]

    def add(self, value: Any) -> None:
        self.hold([*self.read(), value])


class _Set(_Cell, SetRuntimeState):
    def read(self) -> set[Any]:
        return self.held(set())  # type: ignore[no-any-return]

    def add(self, value: Any) -> None:
        self.hold(self.read() | {value})

    def contains(self, value: Any) -> bool:
        return value in self.read()

    def remove(self, value: Any) -> None:
        self.hold(self.read() - {value})


class _Combining(_Cell, CombiningValueRuntimeState):
    def read(self) -> Any:
        assert isinstance(self.spec, CombiningValueStateSpec)
        fn = self.spec.combine_fn
        accumulator = fn.create_accumulator()
        for value in self.held([]):
            accumulator = fn.add_input(accumulator, value)
        return fn.extract_output(accumulator)

    def add(self, value: Any) -> None:
        self.hold([*self.held([]), value])


class _OrderedList(_Cell, OrderedListRuntimeState):
    def read(self) -> list[tuple[Timestamp, Any]]:
        return sorted(self.held([]), key=lambda pair: pair[0].micros)

    def add(self, value: Any) -> None:
        timestamp, one = value
        self.hold([*self.held([]), (Timestamp.of(timestamp), one)])

    def read_range(self, min_time_stamp: Any, limit_time_stamp: Any) -> list[tuple[Timestamp, Any]]:
        return [(time, value) for time, value in self.read() if min_time_stamp <= time < limit_time_stamp]

    def clear_range(self, min_time_stamp: Any, limit_time_stamp: Any) -> None:
        self.hold([(time, value) for time, value in self.read() if not min_time_stamp <= time < limit_time_stamp])


class _Map(_Cell, MapRuntimeState):
    def get(self, key: Any, default: Any = None) -> Any:
        return self.read().get(key, default)

    def put(self, key: Any, value: Any) -> None:
        self.hold({**self.read(), key: value})

    def put_if_absent(self, key: Any, value: Any) -> Any:
        known = self.read().get(key)
        self.hold({key: value} | self.read())
        return known

    def remove(self, key: Any) -> None:
        self.hold({one: value for one, value in self.read().items() if one != key})

    def contains(self, key: Any) -> bool:
        return key in self.read()

    def read(self) -> dict[Any, Any]:
        return self.held({})  # type: ignore[no-any-return]


_CELLS: dict[str, type[_Cell]] = {
    'value': _Value, 'bag': _Bag, 'set': _Set, 'combining': _Combining, 'ordered list': _OrderedList, 'map': _Map}
