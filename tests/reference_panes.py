"""The naive model of triggers and panes: one key, everything in lists, everything recomputed, nothing of the engine's.

Processing time and event time are numbers of microseconds. A trigger's memory is a value: ``fresh`` makes it, and the
functions below take it with the trigger and return a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from bourne.sdk.model.pane import PaneInfo, PaneInfoTiming
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Timestamp
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterAll,
    AfterAny,
    AfterCount,
    AfterEach,
    AfterProcessingTime,
    AfterWatermark,
    Always,
    DefaultTrigger,
    OrFinally,
    Repeatedly,
    TriggerFn,
    Windowing,
)
from bourne.sdk.model.window import BoundedWindow, TimestampCombiner, WindowFn

DONE = 'done'
REACHED = 'reached'


def fresh(trigger: TriggerFn | None) -> Any:
    """The memory of a trigger that has seen nothing."""
    match trigger:
        case AfterCount():
            return 0
        case AfterWatermark(early=early):
            return ('before', fresh(early))
        case Repeatedly(underlying=part):
            return fresh(part)
        case AfterAny(triggers=parts) | AfterAll(triggers=parts) | AfterEach(triggers=parts):
            return tuple(map(fresh, parts))
        case OrFinally(body=body, finally_=end):
            return (fresh(body), fresh(end))
    return None


def finished(trigger: TriggerFn | None, memory: Any) -> bool:
    """Whether the trigger never fires again."""
    match trigger:
        case AfterCount() | AfterProcessingTime():
            return bool(memory == DONE)
        case AfterWatermark(late=late):
            return memory[0] == 'after' and late is None
        case AfterAny(triggers=parts):
            return any(map(finished, parts, memory))
        case AfterAll(triggers=parts):
            return all(map(finished, parts, memory))
        case AfterEach(triggers=parts):
            return finished(parts[-1], memory[-1])
        case OrFinally(body=body, finally_=end):
            return finished(body, memory[0]) or finished(end, memory[1])
    return False


def turn(parts: tuple[TriggerFn, ...], memory: Any) -> int:
    """Whose turn it is in an ``AfterEach``."""
    return list(map(finished, parts, memory)).index(False)


def element(trigger: TriggerFn | None, memory: Any, now: int) -> Any:
    """The memory after one more element."""
    if finished(trigger, memory):
        return memory
    match trigger:
        case AfterCount():
            return memory + 1
        case AfterProcessingTime(delay=delay):
            return now + delay.micros if memory is None else memory
        case AfterWatermark(early=early, late=late):
            phase, inner = memory
            return (phase, element(early if phase == 'before' else late, inner, now))
        case Repeatedly(underlying=part):
            return element(part, memory, now)
        case AfterAny(triggers=parts) | AfterAll(triggers=parts):
            return tuple(element(part, inner, now) for part, inner in zip(parts, memory))
        case AfterEach(triggers=parts):
            return tuple(element(part, inner, now) if number == turn(parts, memory) else inner
                         for number, (part, inner) in enumerate(zip(parts, memory)))
        case OrFinally(body=body, finally_=end):
            return (element(body, memory[0], now), element(end, memory[1], now))
    return memory


def at(trigger: TriggerFn | None, memory: Any, now: int) -> Any:
    """The memory when processing time has come to ``now``."""
    if finished(trigger, memory):
        return memory
    match trigger:
        case AfterProcessingTime():
            return REACHED if isinstance(memory, int) and memory <= now else memory
        case AfterWatermark(early=early, late=late):
            phase, inner = memory
            return (phase, at(early if phase == 'before' else late, inner, now))
        case Repeatedly(underlying=part):
            return at(part, memory, now)
        case AfterAny(triggers=parts) | AfterAll(triggers=parts) | AfterEach(triggers=parts):
            return tuple(at(part, inner, now) for part, inner in zip(parts, memory))
        case OrFinally(body=body, finally_=end):
            return (at(body, memory[0], now), at(end, memory[1], now))
    return memory


def ready(trigger: TriggerFn | None, memory: Any, closed: bool, new: bool) -> bool:
    """Whether the trigger wants to fire: ``closed`` is the window, and ``new`` that there are elements to emit."""
    if finished(trigger, memory):
        return True  # for an AfterAll, which waits for the others
    match trigger:
        case DefaultTrigger():
            return closed
        case Always():
            return new
        case AfterCount(count=count):
            return bool(memory >= count)
        case AfterProcessingTime():
            return bool(memory == REACHED)
        case AfterWatermark(early=early, late=late):
            phase, inner = memory
            if phase == 'before':
                return closed or ready(early, inner, closed, new)
            return ready(late, inner, closed, new)
        case Repeatedly(underlying=part):
            return ready(part, memory, closed, new)
        case AfterAny(triggers=parts):
            return any(ready(part, inner, closed, new) for part, inner in zip(parts, memory))
        case AfterAll(triggers=parts):
            return all(ready(part, inner, closed, new) for part, inner in zip(parts, memory))
        case AfterEach(triggers=parts):
            number = turn(parts, memory)
            return ready(parts[number], memory[number], closed, new)
        case OrFinally(body=body, finally_=end):
            return ready(body, memory[0], closed, new) or ready(end, memory[1], closed, new)
    return False


def again(trigger: TriggerFn | None, memory: Any) -> Any:
    """The memory of a trigger that starts anew whenever it has finished."""
    return fresh(trigger) if finished(trigger, memory) else memory


def fire(trigger: TriggerFn | None, memory: Any, closed: bool, new: bool) -> Any:
    """The memory after a firing."""
    if finished(trigger, memory) or not ready(trigger, memory, closed, new):
        return memory
    match trigger:
        case AfterCount() | AfterProcessingTime():
            return DONE
        case AfterWatermark(early=early, late=late):
            phase, inner = memory
            if phase == 'after':
                return (phase, again(late, fire(late, inner, closed, new)))
            if not closed:
                return (phase, again(early, fire(early, inner, closed, new)))
            return ('after', fresh(late))
        case Repeatedly(underlying=part):
            return again(part, fire(part, memory, closed, new))
        case AfterAny(triggers=parts) | AfterAll(triggers=parts):
            return tuple(fire(part, inner, closed, new) for part, inner in zip(parts, memory))
        case AfterEach(triggers=parts):
            number = turn(parts, memory)
            return (*memory[:number], fire(parts[number], memory[number], closed, new), *memory[number + 1:])
        case OrFinally(body=body, finally_=end):
            return (fire(body, memory[0], closed, new), fire(end, memory[1], closed, new))
    return memory


def waits_until(trigger: TriggerFn | None, memory: Any) -> int | None:
    """The next moment of processing time that matters."""
    if finished(trigger, memory):
        return None
    match trigger:
        case AfterProcessingTime():
            return memory if isinstance(memory, int) else None
        case AfterWatermark(early=early, late=late):
            return waits_until(early if memory[0] == 'before' else late, memory[1])
        case Repeatedly(underlying=part):
            return waits_until(part, memory)
        case AfterAny(triggers=parts) | AfterAll(triggers=parts):
            return _earliest(map(waits_until, parts, memory))
        case AfterEach(triggers=parts):
            number = turn(parts, memory)
            return waits_until(parts[number], memory[number])
        case OrFinally(body=body, finally_=end):
            return _earliest([waits_until(body, memory[0]), waits_until(end, memory[1])])
    return None


def merged(trigger: TriggerFn | None, memories: list[Any], closed: bool) -> Any:
    """The memory of a window that others became, closed or not."""
    if not memories:
        return fresh(trigger)
    match trigger:
        case AfterCount():
            return DONE if DONE in memories else sum(memories)
        case AfterProcessingTime():
            for reached in (DONE, REACHED):
                if reached in memories:
                    return reached
            return _earliest(memories)
        case AfterWatermark(early=early, late=late):
            before = [inner for phase, inner in memories if phase == 'before']
            after = [inner for phase, inner in memories if phase == 'after']
            if before or not closed:
                return ('before', again(early, merged(early, before, closed)))
            return ('after', again(late, merged(late, after, closed)))
        case Repeatedly(underlying=part):
            return again(part, merged(part, memories, closed))
        case AfterAny(triggers=parts) | AfterAll(triggers=parts):
            return tuple(merged(part, list(inner), closed) for part, inner in zip(parts, zip(*memories)))
        case OrFinally(body=body, finally_=end):
            return tuple(merged(part, list(inner), closed) for part, inner in zip((body, end), zip(*memories)))
        case AfterEach(triggers=parts):
            whole: list[Any] = []
            for part, inner in zip(parts, zip(*memories)):
                its_turn = all(map(finished, parts, whole))
                whole.append(merged(part, list(inner), closed) if its_turn else fresh(part))
            return tuple(whole)
    return None


def _earliest(moments: Iterable[int | None]) -> int | None:
    return min((moment for moment in moments if moment is not None), default=None)


@attrs.define
class Pane:
    """What is emitted for a window."""

    values: list[Any]
    window: BoundedWindow
    time: int
    info: PaneInfo


@attrs.define
class State:
    """What is known of a window."""

    memory: Any
    values: list[Any] = attrs.field(factory=list)  # of the next pane
    times: list[int] = attrs.field(factory=list)  # of the elements that wait, each as far as the watermark let it
    new: int = 0
    panes: int = 0
    later_panes: int = 0
    ended: bool = False


class NaivePanes:
    """The windows of one key. Supposes that an ``OrFinally`` ends with a trigger that fires once."""

    def __init__(self, windowing: Windowing) -> None:
        self.windowing = windowing
        self.watermark = MIN_MICROS
        self.states: dict[BoundedWindow, State] = {}
        self.dropped = 0

    # Events.

    def element(self, value: Any, time: int, window: BoundedWindow, now: int) -> list[Pane]:
        window = self._merged(window)
        if self._expired(window):
            self.dropped += 1
            return []
        state = self.states.setdefault(window, State(fresh(self.windowing.trigger), ended=self._closed(window)))
        if self._finished(state):
            self.dropped += 1
            return []
        state.values.append(value)
        state.new += 1
        if not self._closed(window) or state.times:
            state.times.append(self._time(window, time, state))
        state.memory = element(self.windowing.trigger, state.memory, now)
        return self._look(window, state, at_end=False)

    def advance(self, watermark: int, now: int) -> list[Pane]:
        self.watermark = watermark
        panes = []
        for window, state in sorted(self.states.items(), key=lambda item: item[0].max_timestamp()):
            if self._closed(window) and not state.ended:
                state.ended = True
                state.memory = at(self.windowing.trigger, state.memory, now)
                panes += self._look(window, state, at_end=True)
            elif self._expired(window) and state.new and not self._finished(state):
                panes.append(self._pane(window, state, last=True, at_end=False))
            if self._expired(window):
                del self.states[window]
        for window, state in self.states.items():
            moment = waits_until(self.windowing.trigger, state.memory)
            if moment is not None and moment <= now:
                state.memory = at(self.windowing.trigger, state.memory, now)
                panes += self._look(window, state, at_end=False)
        return panes

    def _finished(self, state: State) -> bool:
        return finished(self.windowing.trigger, state.memory)

    def _look(self, window: BoundedWindow, state: State, at_end: bool) -> list[Pane]:
        """Looks at the trigger, once."""
        trigger, closed, new, expired = self.windowing.trigger, self._closed(window), state.new > 0, \
            self._expired(window)
        if self._finished(state):
            return []
        fires = ready(trigger, state.memory, closed, new)
        if fires:
            state.memory = fire(trigger, state.memory, closed, new)
        empty_but_due = fires and at_end and state.later_panes == 0
        panes = []
        if (new and (fires or expired)) or empty_but_due:
            panes.append(self._pane(window, state, self._finished(state) or expired, at_end))
        if self._finished(state):
            state.values = []
        return panes

    def _pane(self, window: BoundedWindow, state: State, last: bool, at_end: bool) -> Pane:
        if not self._closed(window):
            timing, later = PaneInfoTiming.EARLY, -1
        else:
            on_time = state.later_panes == 0 and (at_end or len(state.times) > 0)
            timing, later = PaneInfoTiming.ON_TIME if on_time else PaneInfoTiming.LATE, state.later_panes
            state.later_panes += 1
        time = self._combined(state.times) if state.times else window.max_timestamp().micros
        pane = Pane(list(state.values), window, time, PaneInfo(state.panes == 0, last, timing, state.panes, later))
        state.panes += 1
        state.new = 0
        state.times = []
        if self.windowing.accumulation_mode == AccumulationMode.DISCARDING:
            state.values = []
        return pane

    # Time.

    def hold(self) -> int | None:
        """The earliest time that the output waits for, of windows that are not still to come anyway."""
        return _earliest(self._combined(state.times) for window, state in self.states.items()
                         if state.times and (self._closed(window) or not self._by_windows()))

    def due(self) -> int | None:
        """The earliest moment of processing time that something waits for."""
        return _earliest(waits_until(self.windowing.trigger, state.memory) for state in self.states.values())

    def _by_windows(self) -> bool:
        return self.windowing.timestamp_combiner == TimestampCombiner.OUTPUT_AT_EOW

    def _combined(self, times: list[int]) -> int:
        return (max if self.windowing.timestamp_combiner == TimestampCombiner.OUTPUT_AT_LATEST else min)(times)

    def _closed(self, window: BoundedWindow) -> bool:
        return self.watermark > window.max_timestamp().micros

    def _expired(self, window: BoundedWindow) -> bool:
        limit = window.max_timestamp().micros + self.windowing.allowed_lateness.micros
        return self.watermark > limit or self.watermark == MAX_MICROS

    def _time(self, window: BoundedWindow, time: int, state: State) -> int:
        match self.windowing.timestamp_combiner:
            case TimestampCombiner.OUTPUT_AT_EOW:
                return window.max_timestamp().micros
            case TimestampCombiner.OUTPUT_AT_LATEST if state.times:
                return time
            case TimestampCombiner.OUTPUT_AT_EARLIEST_TRANSFORMED:
                time = self.windowing.windowfn.get_transformed_output_time(window, Timestamp(micros=time)).micros
        return max(time, self.watermark)

    # Merging.

    def _merged(self, window: BoundedWindow) -> BoundedWindow:
        """The window that a new one becomes; those that it is merged with become one with their states."""
        if not self.windowing.windowfn.is_merging():
            return window
        final = {one: one for one in [*self.states, window]}

        class Context(WindowFn.MergeContext):
            def merge(self, to_be_merged: Iterable[BoundedWindow], merge_result: BoundedWindow) -> None:
                final.update(dict.fromkeys(to_be_merged, merge_result))

        self.windowing.windowfn.merge(Context(final))
        target = final[window]
        if not self._expired(target):
            sources = [one for one in self.states if final[one] == target]
            if sources and sources != [target]:
                self.states[target] = self._joined(target, [self.states.pop(one) for one in sources])
        return target

    def _joined(self, window: BoundedWindow, states: list[State]) -> State:
        closed = self._closed(window)
        memory = merged(self.windowing.trigger, [state.memory for state in states], closed)
        joined = State(memory, ended=closed, panes=max(state.panes for state in states),
                       later_panes=max(state.later_panes for state in states) if closed else 0)
        for state in states:
            joined.values += state.values
            joined.times += state.times
            joined.new += state.new
        if joined.times and self._by_windows():
            joined.times = [window.max_timestamp().micros]
        if self._finished(joined):
            self.dropped += joined.new
            joined.new, joined.times = 0, []
        return joined
