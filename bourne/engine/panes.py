"""Windowing in general: any trigger, accumulation mode, lateness and timestamp, for windows that do not merge.

What is held for a key and window, and the formulas, are in :mod:`bourne.engine.firing`. Windows that merge are in
:mod:`bourne.engine.mergingpanes`, and what needs no state but a table is in :mod:`bourne.engine.windowtables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.firing import Firing, Slot, encoded
from bourne.engine.gathering import NOTHING, Add, First, Gathering, gathering
from bourne.engine.keyed import Keyed
from bourne.engine.mergingpanes import MergingPanes
from bourne.engine.plan.stage import OpPayload
from bourne.engine.program.notes import concerning
from bourne.engine.windowtables import WindowTables, is_short
from bourne.sdk.model.trigger import Windowing


def windowing_operator(payload: OpPayload, windowing: Windowing) -> Keyed:
    """What groups or combines a collection by key and window.

    Args:
      payload: a ``GroupByKey``, with one or several inputs, or a ``Combine``.
      windowing: the inputs' windowing.
    """
    kept = gathering(payload)
    if is_short(windowing):
        return WindowTables(kept, windowing)
    return (MergingPanes if windowing.windowfn.is_merging() else Panes)(kept, windowing)


class _Table:
    """A window: its end, whether the watermark has passed that, and its slots by key."""

    __slots__ = ('end', 'closed', 'slots', 'encodings')

    def __init__(self, end: int, closed: bool) -> None:
        self.end = end
        self.closed = closed
        self.slots: dict[Any, Slot] = {}
        self.encodings: dict[bytes, Any] = {}  # keys that are told apart by their encoding


class Panes(Firing):
    """Groups or combines by key and window, for windows that do not merge. A :class:`~bourne.engine.keyed.Keyed`."""

    def __init__(self, gathering: Gathering, windowing: Windowing) -> None:
        super().__init__(gathering, windowing)
        self._tables: dict[Any, _Table] = {}
        # Each window once, with the instant that the watermark must pass: its end and, when it is closed, its expiry.
        self._instants: list[tuple[int, int, Any]] = []
        self._number = 0

    def _find(self, key: Any, window: Any) -> Slot | None:
        table = self._tables.get(window)
        return None if table is None else table.slots.get(key)

    def _insert(self, rows: Iterable[tuple[Any, int, Any]], way: tuple[First, Add], now: int) -> None:
        first, add = way
        # Then nothing but its content matters of an element that is not late.
        plain = self._machine.quiet and self._stamp is None
        current: Any = self
        table: _Table | None = None
        key = None
        try:
            for (key, value), time, window in rows:
                if window is not current:
                    current = window
                    table = self._tables.get(window) or self._open(window)
                if table is None:
                    self.dropped += 1
                    continue
                slot = table.slots.get(key)
                if slot is None:
                    key, slot = self._new(table, key)
                if slot.finished:
                    self.dropped += 1
                elif plain and not table.closed:
                    content = slot.value
                    slot.value = first(value) if content is NOTHING else add(content, value)
                    slot.count += 1
                    slot.time = table.end
                else:
                    self._element(slot, key, window, table.end, value, time, way, now)
        except Exception as error:
            concerning(error, 'key', key)
            raise

    def _open(self, window: Any) -> _Table | None:
        """A table for a window; ``None`` if the window has expired."""
        end = self._end(window)
        if end < self._oldest:
            return None
        table = self._tables[window] = _Table(end, end < self._watermark)
        self._await(window, self._expiry(end) if table.closed else end)
        return table

    def _await(self, window: Any, instant: int) -> None:
        self._number += 1
        heappush(self._instants, (instant, self._number, window))

    def _new(self, table: _Table, key: Any) -> tuple[Any, Slot]:
        """A new slot, or that of a key that is the same by its encoding, and the key to go by."""
        code = encoded(key)
        if code is not None:
            key = table.encodings.setdefault(code, key)
            if key in table.slots:
                return key, table.slots[key]
        slot = table.slots[key] = Slot(self._machine.start())
        slot.closed = table.closed
        return key, slot

    def advance(self, watermark: int, now: int) -> Iterable[Bundle]:
        """See :meth:`bourne.engine.keyed.Keyed.advance`."""
        self._move(watermark)
        instants = self._instants
        bundles: list[Bundle] = []
        while instants and instants[0][0] < watermark:
            _, _, window = heappop(instants)
            self._pass(window, self._tables[window], now)
            if len(self._out.values) >= _MANY:
                bundles += self._flush()
        self._tick(now)
        bundles += self._flush()
        return bundles

    def _pass(self, window: Any, table: _Table, now: int) -> None:
        """The watermark has passed the end of a window, its expiry, or both."""
        end = table.end
        if table.closed:
            for key, slot in table.slots.items():
                self._expire(slot, key, window, end)
        else:
            table.closed = True
            for key, slot in table.slots.items():
                self._at_end(slot, key, window, end, now)
        if end < self._oldest:
            del self._tables[window]
        else:
            self._await(window, self._expiry(end))

    def _slots(self) -> Iterator[tuple[Any, Any, Slot]]:
        for window, table in self._tables.items():
            for key, slot in table.slots.items():
                yield key, window, slot

    def _put(self, key: Any, window: Any, slot: Slot) -> None:
        table = self._tables.get(window) or self._open(window)
        assert table is not None
        table.slots[key] = slot
        code = encoded(key)
        if code is not None:
            table.encodings[code] = key


#: The most panes of several windows that share a bundle.
_MANY = 1000
