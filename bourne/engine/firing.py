"""What is held for a key and window while its trigger runs, and how a pane of it is made.

With ``W`` the input watermark, ``E(w)`` the end of window ``w``, ``L`` the allowed lateness, ``MAX`` the end of time::

    w is closed    if   W > E(w)
    w has expired  if   W > X(w) = min(E(w) + L, MAX - 1)        then it is forgotten, and its elements are dropped

An element that comes at the watermark ``W`` with timestamp ``t`` waits with the time ``s``, if ``w`` is open or another
one waits already:

===================================  ====================================================
timestamp combiner                   s
===================================  ====================================================
``OUTPUT_AT_EOW``                    ``E(w)``
``OUTPUT_AT_EARLIEST``               ``max(t, W)``
``OUTPUT_AT_LATEST``                 ``max(t, W)``; ``t`` if another one waits
``OUTPUT_AT_EARLIEST_TRANSFORMED``   ``max(windowfn.get_transformed_output_time(w, t), W)``
===================================  ====================================================

The timestamp ``T`` of a pane is the earliest, or latest, ``s`` of the elements that waited for it, and ``E(w)`` if
there is none because all came when ``w`` was closed. The output watermark is held at ``T`` while they wait, so no pane
is behind it that is not late. A pane's timing is::

    EARLY     if w is open
    ON_TIME   if w is closed, no pane before was not early, and an element waited with a time or W just passed E(w)
    LATE      otherwise

A pane is made for new elements, and without any when the trigger fires because W passed E(w): the pane on time is
never left out. What has not been in any pane when ``w`` expires is in a last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import repeat
from typing import Any

from bourne.engine.agenda import Agenda
from bourne.engine.bundle import Bundle
from bourne.engine.gathering import NOTHING, Add, First, Gathering
from bourne.engine.grouping import not_a_pair
from bourne.engine.keyed import Hold, Size
from bourne.engine.program.notes import concerning
from bourne.engine.triggers import Cells, TriggerMachine
from bourne.engine.windows import raw_windows
from bourne.engine.windowtables import VALUE
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.pane import PaneInfo, PaneInfoTiming
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Timestamp
from bourne.sdk.model.trigger import AccumulationMode, Windowing
from bourne.sdk.model.window import TimestampCombiner

_EARLY, _ON_TIME, _LATE = PaneInfoTiming.EARLY, PaneInfoTiming.ON_TIME, PaneInfoTiming.LATE
_ATOMS = frozenset({str, int, bytes, bool, type(None)})

Saved = tuple[Any, dict[Any, tuple[Any, ...]]]


class Slot:
    """What is held for a key and window. All of it is plain data.

    Attributes:
      value: the content, or ``NOTHING``.
      count: how many elements came since the last pane.
      time: the timestamp of the next pane as far as it is held, in microseconds, or ``None``.
      cells: what the trigger remembers.
      finished: the trigger has finished.
      panes: how many panes were made.
      later: how many of them were not early.
      closed: the end of the window was noticed.
      end: the end of the window, where windows merge; others keep it once for all keys.
      due: the moment of processing time for which it is in the agenda, or ``None``.
      held: the time for which it is in the agenda of holds, or ``None``.
    """

    __slots__ = ('value', 'count', 'time', 'cells', 'finished', 'panes', 'later', 'closed', 'end', 'due', 'held')

    def __init__(self, cells: Cells) -> None:
        self.value: Any = NOTHING
        self.count = 0
        self.time: int | None = None
        self.cells = cells
        self.finished = False
        self.panes = 0
        self.later = 0
        self.closed = False
        self.end = 0
        self.due: int | None = None
        self.held: int | None = None


@lru_cache(maxsize=4096)
def _pane_info(number: int, later: int, timing: int, last: bool) -> PaneInfo:
    return PaneInfo(number == 0, last, timing, number, later)


class Output:
    """Collects panes."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.timestamps: list[int] = []
        self.windows: list[Any] = []
        self.panes: list[PaneInfo] = []

    def bundle(self) -> Iterable[Bundle]:
        """The panes as a bundle, in columns that are constant where they can be; or nothing."""
        if not self.values:
            return ()
        timestamps, windows = self.timestamps, self.windows
        same_pane = len(set(map(id, self.panes))) == 1
        return (Bundle(self.values,
                       timestamps[0] if timestamps.count(timestamps[0]) == len(timestamps) else timestamps,
                       windows[0] if windows.count(windows[0]) == len(windows) else windows,
                       self.panes[0] if same_pane else self.panes),)


class Firing:
    """The part of a windowing operator that knows one key and window at a time.

    Args:
      gathering: how elements are kept.
      windowing: their windowing.
    """

    #: About how many bytes a key and window takes, with a short key and without its values.
    ENTRY = 350

    def __init__(self, gathering: Gathering, windowing: Windowing) -> None:
        self.dropped = 0
        self._gathering = gathering
        self._machine = TriggerMachine(windowing.trigger)
        self._end = raw_windows(windowing.windowfn).end
        self._lateness = windowing.allowed_lateness.micros
        self._accumulating = windowing.accumulation_mode == AccumulationMode.ACCUMULATING
        self._stamp = _stamp(windowing)
        self._ways: dict[int, tuple[First, Add]] = {}
        self._watermark = MIN_MICROS
        self._oldest = MIN_MICROS
        self._holds = Agenda(self._is_held)
        self._timers = Agenda(self._is_due)
        self._out = Output()

    def _find(self, key: Any, window: Any) -> Slot | None:
        """What is held for a key and window."""
        raise NotImplementedError

    def _expiry(self, end: int) -> int:
        """The last watermark at which a window that ends there is remembered."""
        return min(end + self._lateness, MAX_MICROS - 1)

    def _move(self, watermark: int) -> None:
        """Notes the watermark, and the end of the oldest windows that have not expired."""
        self._watermark = watermark
        self._oldest = watermark - self._lateness if watermark < MAX_MICROS else MAX_MICROS + 1

    # Elements.

    def add(self, port: int, bundle: Bundle, now: int) -> Iterable[Bundle]:
        """See :meth:`bourne.engine.keyed.Keyed.add`."""
        way = self._ways.get(port)
        if way is None:
            way = self._ways[port] = self._gathering.ways(port)
        times: Any = bundle.timestamps if type(bundle.timestamps) is list else repeat(bundle.timestamps)
        windows = bundle.windows if type(bundle.windows) is list else repeat(bundle.windows)
        try:
            self._insert(zip(bundle.values, times, windows), way, now)
        except (TypeError, ValueError) as error:
            found = not_a_pair(bundle, error)
            if found is error:
                raise
            raise found from error
        return self._flush()

    def _insert(self, rows: Iterable[tuple[Any, int, Any]], way: tuple[First, Add], now: int) -> None:
        """Takes the elements of a bundle, with their timestamps and windows."""
        raise NotImplementedError

    def _element(self, slot: Slot, key: Any, window: Any, end: int, value: Any, time: int,
                 way: tuple[First, Add], now: int) -> None:
        """Takes an element into a slot whose trigger has not finished."""
        content = slot.value
        slot.value = way[0](value) if content is NOTHING else way[1](content, value)
        slot.count += 1
        machine, stamp = self._machine, self._stamp
        closed = end < self._watermark
        if not closed or slot.time is not None:
            slot.time = end if stamp is None else stamp(slot.time, window, time, self._watermark)
        if closed or not machine.quiet:
            cells = slot.cells
            machine.element(cells, now)
            if machine.ready(cells, closed, True):
                slot.finished = machine.fire(cells, closed, True)
                self._pane(slot, key, window, end, False, slot.finished)
        if stamp is not None and slot.time is not None:
            self._wait(slot, key, window)
        if machine.timed:
            self._schedule(slot, key, window)

    # Events.

    def _at_end(self, slot: Slot, key: Any, window: Any, end: int, now: int) -> None:
        """The watermark has passed the end of the window, and perhaps its expiry."""
        slot.closed = True
        if slot.finished:
            return
        machine, cells = self._machine, slot.cells
        if machine.timed:
            machine.tick(cells, now)
        expired = end < self._oldest
        new = slot.count > 0
        fires = machine.ready(cells, True, new)
        if fires:
            slot.finished = machine.fire(cells, True, new)
        if (new and (fires or expired)) or (fires and not slot.later):
            self._pane(slot, key, window, end, True, slot.finished or expired)
        if slot.finished:
            slot.value = NOTHING
        if slot.time is not None and not expired:
            self._wait(slot, key, window)
        if machine.timed:
            self._schedule(slot, key, window)

    def _expire(self, slot: Slot, key: Any, window: Any, end: int) -> None:
        """The window, which was closed before, has expired."""
        if slot.count and not slot.finished:
            self._pane(slot, key, window, end, False, True)

    def _tick(self, now: int) -> None:
        """Processing time has come so far."""
        while (found := self._next_moment()) is not None and found[0] <= now:
            _, key, window, slot = found
            self._timers.pop()
            slot.due = None
            self._machine.tick(slot.cells, now)
            self._at_moment(slot, key, window)
            self._schedule(slot, key, window)

    def _at_moment(self, slot: Slot, key: Any, window: Any) -> None:
        """A moment of processing time has come for which the trigger waited."""
        machine, end = self._machine, self._end(window)
        closed, new = end < self._watermark, slot.count > 0
        if machine.ready(slot.cells, closed, new):
            slot.finished = machine.fire(slot.cells, closed, new)
            if new:
                self._pane(slot, key, window, end, False, slot.finished)
            if slot.finished:
                slot.value = NOTHING

    # Panes.

    def _pane(self, slot: Slot, key: Any, window: Any, end: int, at_end: bool, last: bool) -> None:
        """Emits a pane."""
        time = slot.time
        try:
            result = self._result(slot, last)
        except Exception as error:
            concerning(error, 'key', key)
            raise
        if result is NOTHING:
            return
        number = slot.panes
        if end >= self._watermark:
            info = _pane_info(number, -1, _EARLY, last)
        else:
            later = slot.later
            on_time = not later and (at_end or time is not None)
            info = _pane_info(number, later, _ON_TIME if on_time else _LATE, last)
            slot.later = later + 1
        slot.panes = number + 1
        slot.count = 0
        slot.time = None
        out = self._out
        out.values.append((key, result))
        out.timestamps.append(end if time is None else time)
        out.windows.append(window)
        out.panes.append(info)

    def _result(self, slot: Slot, last: bool) -> Any:
        """What a pane holds; ``NOTHING`` if there is no such thing. The slot keeps what the next one needs."""
        kept, content = self._gathering, slot.value
        if content is NOTHING:
            return kept.nothing()
        if self._accumulating and not last:
            return kept.peek(content)
        slot.value = NOTHING
        return content if kept.result is None else kept.result(content)

    def _flush(self) -> Iterable[Bundle]:
        """What was emitted since the last time."""
        if not self._out.values:
            return ()
        out, self._out = self._out, Output()
        return out.bundle()

    # Holds and timers.

    def _wait(self, slot: Slot, key: Any, window: Any) -> None:
        """Holds the output watermark at the slot's time."""
        time = slot.time
        assert time is not None
        if slot.held is None or time < slot.held:
            slot.held = time
            self._holds.push(time, key, window)

    def _schedule(self, slot: Slot, key: Any, window: Any) -> None:
        """Notes the processing time that the slot's trigger waits for."""
        if slot.finished:
            return
        moment = self._machine.due(slot.cells)
        if moment is not None and (slot.due is None or moment < slot.due):
            slot.due = moment
            self._timers.push(moment, key, window)

    def _next_moment(self) -> tuple[int, Any, Any, Slot] | None:
        """The earliest moment of processing time that a trigger waits for, with key, window and slot."""
        timers = self._timers
        while (found := timers.first()) is not None:
            moment, key, window = found
            slot = self._find(key, window)
            assert slot is not None
            if self._machine.due(slot.cells) == moment:
                return moment, key, window, slot
            # It has fired meanwhile for another reason, and perhaps waits for a later moment.
            timers.pop()
            slot.due = None
            self._schedule(slot, key, window)
        return None

    def _is_held(self, micros: int, key: Any, window: Any) -> bool:
        slot = self._find(key, window)
        return slot is not None and slot.held == micros

    def _is_due(self, micros: int, key: Any, window: Any) -> bool:
        slot = self._find(key, window)
        return slot is not None and slot.due == micros and not slot.finished

    def hold(self) -> Hold | None:
        """See :meth:`bourne.engine.keyed.Keyed.hold`."""
        holds = self._holds
        while (found := holds.first()) is not None:
            micros, key, window = found
            slot = self._find(key, window)
            assert slot is not None
            if slot.time == micros:
                return Hold(micros, window, key)
            # Its elements were emitted, and perhaps others wait now, until later.
            holds.pop()
            slot.held = None
            if slot.time is not None and (self._stamp is not None or slot.closed):
                self._wait(slot, key, window)
        return None

    def due(self) -> int | None:
        """See :meth:`bourne.engine.keyed.Keyed.due`."""
        found = self._next_moment()
        return None if found is None else found[0]

    # What is held.

    def _slots(self) -> Iterable[tuple[Any, Any, Slot]]:
        """Keys, windows and what is held for them."""
        raise NotImplementedError

    def size(self) -> Size:
        """See :meth:`bourne.engine.keyed.Keyed.size`."""
        size = self._gathering.size
        entries = values = 0
        for _, _, slot in self._slots():
            entries += 1
            if slot.value is not NOTHING:
                values += 1 if size is None else size(slot.value)
        return Size(entries, entries * self.ENTRY + values * VALUE)

    def saved(self) -> Iterable[Saved]:
        """What is held, as plain data: keys, and for each what :meth:`restore` needs by window."""
        by_key: dict[Any, dict[Any, tuple[Any, ...]]] = {}
        for key, window, slot in self._slots():
            by_key.setdefault(key, {})[window] = tuple(getattr(slot, name) for name in _SAVED)
        return by_key.items()

    def restore(self, saved: Iterable[Saved], watermark: int) -> None:
        """Takes over what another one had saved, at the watermark of that moment."""
        self._move(watermark)
        for key, windows in saved:
            for window, fields in windows.items():
                slot = Slot(self._machine.start())
                for name, field in zip(_SAVED, fields, strict=True):
                    setattr(slot, name, field)
                slot.closed = self._end(window) < watermark
                self._put(key, window, slot)
                if slot.time is not None and (self._stamp is not None or slot.closed):
                    self._wait(slot, key, window)
                self._schedule(slot, key, window)

    def _put(self, key: Any, window: Any, slot: Slot) -> None:
        """Takes over a slot."""
        raise NotImplementedError


_SAVED = ('value', 'count', 'time', 'cells', 'finished', 'panes', 'later')


def _stamp(windowing: Windowing) -> Callable[[int | None, Any, int, int], int] | None:
    """From the time of what waits, an element's window and timestamp, and the watermark to the new time.

    Returns:
      The function, or ``None`` where the time is always the end of the window.
    """
    match windowing.timestamp_combiner:
        case TimestampCombiner.OUTPUT_AT_EARLIEST:
            return _earliest
        case TimestampCombiner.OUTPUT_AT_LATEST:
            return _latest
        case TimestampCombiner.OUTPUT_AT_EARLIEST_TRANSFORMED:
            transform = windowing.windowfn.get_transformed_output_time
            decode = raw_windows(windowing.windowfn).decode
            return lambda held, window, time, watermark: _earliest(
                held, window, transform(decode(window), Timestamp(micros=time)).micros, watermark)
    return None


def _earliest(held: int | None, window: Any, time: int, watermark: int) -> int:
    time = max(time, watermark)
    return time if held is None or time < held else held


def _latest(held: int | None, window: Any, time: int, watermark: int) -> int:
    return max(time, watermark) if held is None else max(time, held)


def encoded(key: Any) -> bytes | None:
    """The encoding of a key, if ``==`` may not tell whether it is the same as another one; else ``None``.

    Raises:
      KeyEncodingError: if it has none.
    """
    kind = type(key)
    if kind in _ATOMS or (kind is float and key == key) or (kind is tuple and _ATOMS.issuperset(map(type, key))):
        return None
    return encode_key(key)
