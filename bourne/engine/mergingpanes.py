"""Windowing in general, for windows that merge: sessions, and what users define.

The windows of a key are merged before anything depends on them. That is when an element brings a new one, if its
trigger might fire then, or the key has windows that are closed, into which the new one might merge. Else it is before
the watermark moves, for all new windows of a key at once: a key with many elements is not merged again for each of
them. An element is late only if the window that its own was merged into has expired. What is held for the windows that
merge into one is joined:

=====================  ====================================================================================
content                joined in the order in which the windows came, or in which a user's function names them
elements since a pane  added up
time                   the earliest, or the latest; with ``OUTPUT_AT_EOW`` the end of the merged window
number of panes        the greatest, so that the panes of a session that grows are counted on
panes not early        the greatest if the merged window is closed, else 0: its pane on time is still to come
trigger                see :mod:`bourne.engine.triggers`
=====================  ====================================================================================

Formulas in :mod:`bourne.engine.firing`. Merging: Akidau et al., "The Dataflow Model" (VLDB 2015), 2.2.2 and 4.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import reduce
from heapq import heappop, heappush
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.firing import Firing, Saved, Slot, encoded
from bourne.engine.gathering import NOTHING, Add, First, Gathering
from bourne.engine.grouping import Merge, merger
from bourne.engine.keyed import Size
from bourne.engine.program.notes import concerning
from bourne.sdk.model.timestamp import MAX_MICROS
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import Sessions, TimestampCombiner


class _Windows:
    """The windows of a key.

    Attributes:
      slots: what is held, by window.
      wake: the instant that the watermark must pass until somebody looks at them again.
      closed: the watermark has passed the end of one of them.
      unmerged: one of them was not merged with the others yet. Then none is closed.
    """

    __slots__ = ('slots', 'wake', 'closed', 'unmerged')

    def __init__(self) -> None:
        self.slots: dict[Any, Slot] = {}
        self.wake: int | None = None
        self.closed = False
        self.unmerged = False


class MergingPanes(Firing):
    """Groups or combines by key and window, for windows that merge. A :class:`~bourne.engine.keyed.Keyed`."""

    ENTRY = 800

    def __init__(self, gathering: Gathering, windowing: Windowing) -> None:
        super().__init__(gathering, windowing)
        self._keys: dict[Any, _Windows] = {}
        self._encodings: dict[bytes, Any] = {}  # keys that are told apart by their encoding
        # Each key once, with the instant that the watermark must pass.
        self._instants: list[tuple[int, int, Any]] = []
        self._number = 0
        self._latest = windowing.timestamp_combiner == TimestampCombiner.OUTPUT_AT_LATEST
        self._merge = merger(windowing.windowfn)
        self._merged = _of_sessions if type(windowing.windowfn) is Sessions else _of_any(self._merge)
        # Then nothing happens to a window before it is closed.
        self._plain = self._machine.quiet and self._stamp is None
        self._unmerged: list[tuple[Any, _Windows]] = []

    def _find(self, key: Any, window: Any) -> Slot | None:
        windows = self._keys.get(key)
        return None if windows is None else windows.slots.get(window)

    def _insert(self, rows: Iterable[tuple[Any, int, Any]], way: tuple[First, Add], now: int) -> None:
        first, add = way
        plain = self._plain
        key = None
        try:
            for (key, value), time, window in rows:
                windows = self._keys.get(key)
                if windows is None:
                    key, windows = self._new(key)
                slot = windows.slots.get(window)
                if slot is None:
                    window, slot = self._place(key, windows, window)
                    if slot is None:
                        self.dropped += 1
                        continue
                if slot.finished:
                    self.dropped += 1
                elif plain and not slot.closed:
                    content = slot.value
                    slot.value = first(value) if content is NOTHING else add(content, value)
                    slot.count += 1
                    slot.time = slot.end
                else:
                    self._element(slot, key, window, slot.end, value, time, way, now)
        except Exception as error:
            concerning(error, 'key', key)
            raise

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
        """The window that a new one becomes, as far as that matters now, and its slot; none if it has expired."""
        slots = windows.slots
        if self._plain and not windows.closed:
            slot = self._slot(window)
            if slot.end >= self._watermark:
                if not windows.unmerged:
                    windows.unmerged = True
                    self._unmerged.append((key, windows))
                slots[window] = slot
                return window, slot
        if windows.unmerged:
            self._settle(key, windows)
        target, groups = self._merged(slots, window)
        end = self._end(target)
        if end < self._oldest:
            if not slots:
                self._forget(key)
            return target, None
        for merged, sources in groups:
            self._join(key, windows, sources, merged)
        found = slots.get(target)
        if found is None:
            slots[target] = found = self._slot(target)
            found.closed = end < self._watermark
            windows.closed |= found.closed
        if windows.wake is None or end < windows.wake:
            self._await(key, windows)
        return target, found

    def _slot(self, window: Any) -> Slot:
        slot = Slot(self._machine.start())
        slot.end = self._end(window)
        return slot

    def _settle_all(self) -> None:
        """Merges the windows that were not merged yet."""
        unmerged, self._unmerged = self._unmerged, []
        key = None
        try:
            for key, windows in unmerged:
                if windows.unmerged:
                    self._settle(key, windows)
        except Exception as error:
            concerning(error, 'key', key)
            raise

    def _settle(self, key: Any, windows: _Windows) -> None:
        """Merges the windows of a key, of which none is closed."""
        windows.unmerged = False
        if len(windows.slots) > 1:
            for merged, sources in _groups(windows.slots, self._merge(windows.slots)):
                self._join(key, windows, sources, merged)
        self._await(key, windows)

    def _join(self, key: Any, windows: _Windows, sources: list[Any], target: Any) -> None:
        """Makes one slot, that of the window ``target``, of those of other windows."""
        slots = windows.slots
        parts = [slots.pop(source) for source in sources]
        joined = slots[target] = parts[0]
        joined.end = end = self._end(target)
        closed = end < self._watermark
        windows.closed |= closed
        if len(parts) > 1 or joined.closed != closed:
            self._join_parts(parts, joined, closed)
        if joined.time is not None and self._stamp is None:
            joined.time = end
        # The agendas have it under its old window.
        joined.held = joined.due = None
        if joined.time is not None and (self._stamp is not None or closed):
            self._wait(joined, key, target)
        if self._machine.timed:
            self._schedule(joined, key, target)

    def _join_parts(self, parts: list[Slot], joined: Slot, closed: bool) -> None:
        """Fills in ``joined``, which is the first of the parts."""
        joined.cells, joined.finished = self._machine.merge([(slot.cells, slot.finished) for slot in parts], closed)
        joined.closed = closed
        joined.count = sum(slot.count for slot in parts)
        joined.panes = max(slot.panes for slot in parts)
        joined.later = max(slot.later for slot in parts) if closed else 0
        if joined.finished:
            self.dropped += joined.count
            joined.count, joined.time, joined.value = 0, None, NOTHING
            return
        times = [slot.time for slot in parts if slot.time is not None]
        joined.time = (max if self._latest else min)(times, default=None)
        contents = [slot.value for slot in parts if slot.value is not NOTHING]
        joined.value = reduce(self._gathering.join, contents) if contents else NOTHING

    # Events.

    def _await(self, key: Any, windows: _Windows) -> None:
        """Sees to it that the key is looked at when the first of its windows ends or expires."""
        instant = MAX_MICROS
        for slot in windows.slots.values():
            micros = self._expiry(slot.end) if slot.closed else slot.end
            if micros < instant:
                instant = micros
        if windows.wake is None or instant < windows.wake:
            windows.wake = instant
            self._number += 1
            heappush(self._instants, (instant, self._number, key))

    def advance(self, watermark: int, now: int) -> Iterable[Bundle]:
        """See :meth:`bourne.engine.keyed.Keyed.advance`."""
        self._settle_all()
        self._move(watermark)
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
        slots = windows.slots
        closed = [(slot.end, window) for window, slot in slots.items() if slot.end < self._watermark]
        for end, window in sorted(closed, key=_first) if len(closed) > 1 else closed:
            slot = slots[window]
            if not slot.closed:
                self._at_end(slot, key, window, end, now)
            elif end < self._oldest:
                self._expire(slot, key, window, end)
            if end < self._oldest:
                del slots[window]
        if slots:
            windows.closed = any(slot.closed for slot in slots.values())
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
        slot.end = self._end(window)
        windows.slots[window] = slot
        windows.closed |= slot.closed
        self._await(key, windows)

    def size(self) -> Size:
        """See :meth:`bourne.engine.keyed.Keyed.size`."""
        self._settle_all()
        return super().size()

    def saved(self) -> Iterable[Saved]:
        """See :meth:`bourne.engine.firing.Firing.saved`."""
        self._settle_all()
        return super().saved()


def _first(entry: tuple[int, Any]) -> int:
    return entry[0]


#: From the windows that a key has and a new one to the window that this becomes, and to what becomes what: windows
#: that are there, and into which they merge.
Merged = Callable[[Iterable[Any], Any], tuple[Any, list[tuple[Any, list[Any]]]]]


def _of_sessions(held: Iterable[Any], window: Any) -> tuple[Any, list[tuple[Any, list[Any]]]]:
    start, end = window
    met = []
    for one in held:
        if one[0] < window[1] and window[0] < one[1]:
            met.append(one)
            start, end = min(start, one[0]), max(end, one[1])
    target = (start, end)
    return target, [(target, met)] if met and met != [target] else []


def _of_any(merge: Merge) -> Merged:
    def merged(held: Iterable[Any], window: Any) -> tuple[Any, list[tuple[Any, list[Any]]]]:
        there = dict.fromkeys(held)
        final = merge({**there, window: None})
        return final.get(window, window), _groups(there, final)

    return merged


def _groups(held: Collection[Any], final: dict[Any, Any]) -> list[tuple[Any, list[Any]]]:
    """What becomes what, of the windows that are held."""
    groups: dict[Any, list[Any]] = {}
    for window, target in final.items():
        if window in held:
            groups.setdefault(target, []).append(window)
    for target, sources in groups.items():
        if target in held and target not in final:  # it takes others in, and was not named among them
            sources.append(target)
    return [(target, sources) for target, sources in groups.items() if sources != [target]]
