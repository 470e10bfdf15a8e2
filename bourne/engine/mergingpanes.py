"""Windowing in general, for windows that merge: sessions, and what users define.

The windows of a key are merged whenever an element brings a new one; so there are never two that should be one. An
element is late only if the window that its own was merged into has expired. What is held for the windows that merge
into one is joined:

=====================  ====================================================================================
content                joined in the order in which the windows came
elements since a pane  added up
time                   the earliest, or the latest; with ``OUTPUT_AT_EOW`` the end of the merged window
number of panes        the greatest, so that the panes of a session that grows are counted on
panes not early        the greatest if the merged window is closed, else 0: its pane on time is still to come
trigger                see :mod:`bourne.engine.triggers`
=====================  ====================================================================================

Formulas in :mod:`bourne.engine.firing`. Merging: Akidau et al., "The Dataflow Model" (VLDB 2015), 2.2.2 and 4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.firing import Firing, Slot, encoded
from bourne.engine.gathering import NOTHING, Add, First, Gathering
from bourne.engine.grouping import merger
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import Sessions, TimestampCombiner


class _Windows:
    """The windows of a key.

    Attributes:
      slots: what is held, by window.
      wake: the instant that the watermark must pass until somebody looks at them again.
    """

    __slots__ = ('slots', 'wake')

    def __init__(self) -> None:
        self.slots: dict[Any, Slot] = {}
        self.wake: int | None = None


class MergingPanes(Firing):
    """Groups or combines by key and window, for windows that merge. A :class:`~bourne.engine.keyed.Keyed`."""

    def __init__(self, gathering: Gathering, windowing: Windowing) -> None:
        super().__init__(gathering, windowing)
        self._keys: dict[Any, _Windows] = {}
        self._encodings: dict[bytes, Any] = {}  # keys that are told apart by their encoding
        # Each key once, with the instant that the watermark must pass.
        self._instants: list[tuple[int, int, Any]] = []
        self._number = 0
        self._latest = windowing.timestamp_combiner == TimestampCombiner.OUTPUT_AT_LATEST
        self._merged = _of_sessions if type(windowing.windowfn) is Sessions else _of_any(merger(windowing.windowfn))

    def _find(self, key: Any, window: Any) -> Slot | None:
        windows = self._keys.get(key)
        return None if windows is None else windows.slots.get(window)

    def _insert(self, rows: Iterable[tuple[Any, int, Any]], way: tuple[First, Add], now: int) -> None:
        for (key, value), time, window in rows:
            windows = self._keys.get(key)
            if windows is None:
                key, windows = self._new(key)
            slot = windows.slots.get(window)
            if slot is None:
                window, slot = self._place(key, windows, window)
            if slot is None or slot.finished:
                self.dropped += 1
                continue
            self._element(slot, key, window, self._raw.end(window), value, time, way, now)

    def _new(self, key: Any) -> tuple[Any, _Windows]:
        """A new key, or the one that is the same by its encoding, and its windows."""
        code = encoded(key)
        if code is not None:
            key = self._encodings.setdefault(code, key)
            if key in self._keys:
                return key, self._keys[key]
        windows = self._keys[key] = _Windows()
        return key, windows

    def _forget(self, key: Any) -> None:
        del self._keys[key]
        code = encoded(key)
        if code is not None:
            del self._encodings[code]

    def _place(self, key: Any, windows: _Windows, window: Any) -> tuple[Any, Slot | None]:
        """The window that a new one becomes, and its slot; none if it has expired."""
        groups = self._merged(windows.slots, window)
        target = next(target for target, sources in groups.items() if window in sources)
        if self._expiry(self._raw.end(target)) < self._watermark:
            if not windows.slots:
                self._forget(key)
            return target, None
        for merged, sources in groups.items():
            held = [source for source in sources if source in windows.slots]
            if held and held != [merged]:
                self._join(key, windows, held, merged)
        slot = windows.slots.get(target)
        if slot is None:
            slot = windows.slots[target] = Slot(self._machine.start())
            slot.closed = self._raw.end(target) < self._watermark
        self._await(key, windows)
        return target, slot

    def _join(self, key: Any, windows: _Windows, sources: list[Any], target: Any) -> None:
        """Makes one slot of several."""
        slots = [windows.slots.pop(source) for source in sources]
        joined = windows.slots[target] = Slot([])
        end = self._raw.end(target)
        joined.closed = end < self._watermark
        joined.cells, joined.finished = self._machine.merge(
            [(slot.cells, slot.finished) for slot in slots], joined.closed)
        joined.count = sum(slot.count for slot in slots)
        joined.panes = max(slot.panes for slot in slots)
        joined.later = max(slot.later for slot in slots) if joined.closed else 0
        if joined.finished:
            self.dropped += joined.count
            return
        for slot in slots:
            if slot.value is not NOTHING:
                joined.value = slot.value if joined.value is NOTHING else \
                    self._gathering.join(joined.value, slot.value)
        joined.time = self._joined_time([slot.time for slot in slots if slot.time is not None], end)
        if joined.time is not None and (self._stamp is not None or joined.closed):
            self._wait(joined, key, target)
        if self._machine.timed:
            self._schedule(joined, key, target)

    def _joined_time(self, times: list[int], end: int) -> int | None:
        if not times:
            return None
        if self._stamp is None:
            return end
        return max(times) if self._latest else min(times)

    # Events.

    def _await(self, key: Any, windows: _Windows) -> None:
        """Sees to it that the key is looked at when the first of its windows ends or expires."""
        instant = min(self._next(window, slot) for window, slot in windows.slots.items())
        if windows.wake is None or instant < windows.wake:
            windows.wake = instant
            self._number += 1
            heappush(self._instants, (instant, self._number, key))

    def _next(self, window: Any, slot: Slot) -> int:
        end = self._raw.end(window)
        return self._expiry(end) if slot.closed else end

    def advance(self, watermark: int, now: int) -> Iterable[Bundle]:
        """See :meth:`bourne.engine.keyed.Keyed.advance`."""
        self._watermark = watermark
        instants = self._instants
        while instants and instants[0][0] < watermark:
            instant, _, key = heappop(instants)
            windows = self._keys.get(key)
            if windows is not None and windows.wake == instant:
                windows.wake = None
                self._pass(key, windows, now)
        self._tick(now)
        return self._flush()

    def _pass(self, key: Any, windows: _Windows, now: int) -> None:
        """The watermark has passed the end or the expiry of some windows of a key, or both."""
        due = [(self._raw.end(window), window, slot) for window, slot in windows.slots.items()
               if self._next(window, slot) < self._watermark]
        for end, window, slot in sorted(due, key=_first):
            if slot.closed:
                self._expire(slot, key, window, end)
            else:
                self._at_end(slot, key, window, end, now)
            if self._expiry(end) < self._watermark:
                del windows.slots[window]
        if windows.slots:
            self._await(key, windows)
        else:
            self._forget(key)

    def _slots(self) -> Iterator[tuple[Any, Any, Slot]]:
        for key, windows in self._keys.items():
            for window, slot in windows.slots.items():
                yield key, window, slot

    def _put(self, key: Any, window: Any, slot: Slot) -> None:
        windows = self._keys.get(key)
        if windows is None:
            key, windows = self._new(key)
        windows.slots[window] = slot
        self._await(key, windows)


def _first(entry: tuple[int, Any, Any]) -> int:
    return entry[0]


Merged = Callable[[Iterable[Any], Any], dict[Any, list[Any]]]


def _of_sessions(held: Iterable[Any], window: Any) -> dict[Any, list[Any]]:
    """Which sessions become which when one comes to those that a key has, of which no two overlap."""
    start, end = window
    met = [one for one in held if one[0] < end and start < one[1]]
    return {(min([start, *[one[0] for one in met]]), max([end, *[one[1] for one in met]])): [*met, window]}


def _of_any(merge: Callable[[set[Any]], dict[Any, Any]]) -> Merged:
    """The same for any window function."""

    def merged(held: Iterable[Any], window: Any) -> dict[Any, list[Any]]:
        held = list(held)
        final = merge({*held, window})
        groups: dict[Any, list[Any]] = {}
        for one in [*held, window]:
            groups.setdefault(final[one], []).append(one)
        return groups

    return merged
