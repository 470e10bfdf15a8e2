"""The short way of windowing: one pane for each key and window, when the watermark has passed the window's end.

Nothing is kept for a key but its values or its accumulator: one table for each window, by key, which is emitted as a
whole::

    w fires and is forgotten at the watermark W   if   W > E(w)        E(w) the end of w
    an element of w is late, and dropped          if   W > E(w)        W before the bundle came
    timestamp of the emitted pair                 =    E(w)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.combining import of_keys
from bourne.engine.gathering import Gathering
from bourne.engine.grouping import FEW, not_a_pair, unify_keys
from bourne.engine.keyed import Hold, Size
from bourne.engine.program.notes import concerning
from bourne.engine.windows import raw_windows
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS
from bourne.sdk.model.trigger import AfterWatermark, DefaultTrigger, Windowing
from bourne.sdk.model.window import TimestampCombiner

#: About how many bytes a short key takes in a table, and a value in a list.
ENTRY, VALUE = 120, 60

Tables = dict[Any, dict[Any, Any]]
Insert = Callable[[Tables, Bundle], None]


def is_short(windowing: Windowing) -> bool:
    """True if each key and window has exactly one pane, of which nothing must be known but the window."""
    return (windowing.trigger in (DefaultTrigger(), AfterWatermark()) and not windowing.allowed_lateness
            and not windowing.windowfn.is_merging()
            and windowing.timestamp_combiner == TimestampCombiner.OUTPUT_AT_EOW)


class WindowTables:
    """Groups or combines by key and window, the short way. A :class:`~bourne.engine.keyed.Keyed`.

    Args:
      gathering: how elements are kept.
      windowing: their windowing, for which :func:`is_short` holds.
    """

    def __init__(self, gathering: Gathering, windowing: Windowing) -> None:
        self.dropped = 0
        self._gathering = gathering
        self._end = raw_windows(windowing.windowfn).end
        self._tables: Tables = defaultdict(_TABLES.get(gathering.kind, dict))
        self._inserts: dict[int, Insert] = {}
        self._watermark = MIN_MICROS
        self._earliest = MAX_MICROS  # no window that is held ends before

    def add(self, port: int, bundle: Bundle, now: int) -> list[Bundle]:
        """See :meth:`bourne.engine.keyed.Keyed.add`. Nothing is due at once."""
        windows = bundle.windows if type(bundle.windows) is list else [bundle.windows]
        earliest = min(map(self._end, set(windows)), default=MAX_MICROS)
        if earliest < self._watermark:
            bundle = self._timely(bundle)
        self._earliest = min(self._earliest, max(earliest, self._watermark))
        insert = self._inserts.get(port)
        if insert is None:
            insert = self._inserts[port] = _insert(self._gathering, port)
        try:
            insert(self._tables, bundle)
        except (TypeError, ValueError) as error:
            found = not_a_pair(bundle, error)
            if found is error:
                raise
            raise found from error
        return []

    def _timely(self, bundle: Bundle) -> Bundle:
        """The elements that are not late."""
        windows = bundle.windows if type(bundle.windows) is list else [bundle.windows] * len(bundle.values)
        late = {window for window in set(windows) if self._end(window) < self._watermark}
        kept = [number for number, window in enumerate(windows) if window not in late]
        self.dropped += len(windows) - len(kept)
        return Bundle([bundle.values[number] for number in kept], windows=[windows[number] for number in kept])

    def advance(self, watermark: int, now: int) -> Iterable[Bundle]:
        """See :meth:`bourne.engine.keyed.Keyed.advance`."""
        self._watermark = watermark
        if self._earliest >= watermark:
            return ()
        end, tables = self._end, self._tables
        ends = sorted((end(window), number, window) for number, window in enumerate(tables))
        due = [(micros, window, tables.pop(window)) for micros, _, window in ends if micros < watermark]
        self._earliest = ends[len(due)][0] if len(due) < len(ends) else MAX_MICROS
        return self._emit(due)

    def _emit(self, due: list[tuple[int, Any, dict[Any, Any]]]) -> Iterator[Bundle]:
        result = self._gathering.result
        few = Bundle([], [], [], ONLY_PANE)
        for micros, window, table in due:
            unify_keys(table, self._gathering.join)
            pairs: list[Any] = list(table.items())
            if result is not None:
                pairs = of_keys(pairs, result)
            if len(pairs) >= FEW or len(due) == 1:
                yield Bundle(pairs, micros, window, ONLY_PANE)
                continue
            few.values += pairs
            few.timestamps += [micros] * len(pairs)  # type: ignore[operator]
            few.windows += [window] * len(pairs)
        if few.values:
            yield few

    def hold(self) -> Hold | None:
        """Nothing is emitted with a timestamp before the watermark."""
        return None

    def due(self) -> int | None:
        """Processing time does not matter."""
        return None

    def size(self) -> Size:
        """See :meth:`bourne.engine.keyed.Keyed.size`."""
        size = self._gathering.size
        entries = values = sum(map(len, self._tables.values()))
        if size is not None:
            values = sum(sum(map(size, table.values())) for table in self._tables.values())
        return Size(entries, entries * ENTRY + values * VALUE)

    def saved(self) -> Iterator[tuple[Any, Any]]:
        """What is held, as plain data: keys, and of each the contents by window."""
        by_key: dict[Any, dict[Any, Any]] = {}
        for window, table in self._tables.items():
            for key, content in table.items():
                by_key.setdefault(key, {})[window] = content
        return iter(by_key.items())

    def restore(self, saved: Iterable[tuple[Any, Any]], watermark: int) -> None:
        """Takes over what another one had saved, at the watermark of that moment."""
        self._watermark = watermark
        for key, windows in saved:
            for window, content in windows.items():
                self._tables[window][key] = content
        self._earliest = min(map(self._end, self._tables), default=MAX_MICROS)


_TABLES: dict[str, Callable[[], dict[Any, Any]]] = {
    'list': partial(defaultdict, list), 'count': partial(defaultdict, int)}


def _insert(gathering: Gathering, port: int) -> Insert:
    """A function that inserts bundles of an input."""
    match gathering.kind:
        case 'list':
            return _append
        case 'count':
            return _count
        case 'sum':
            return _sum
    first, add = gathering.ways(port)

    def insert(tables: Tables, bundle: Bundle) -> None:
        key = None
        try:
            for (key, value), window in zip(bundle.values, _each(bundle.windows)):
                table = tables[window]
                table[key] = add(table[key], value) if key in table else first(value)
        except Exception as error:
            concerning(error, 'key', key)
            raise

    return insert


def _each(windows: Any) -> Iterable[Any]:
    """The window of each element."""
    return windows if type(windows) is list else repeat(windows)


def _append(tables: Tables, bundle: Bundle) -> None:
    for (key, value), window in zip(bundle.values, _each(bundle.windows)):
        tables[window][key].append(value)


def _count(tables: Tables, bundle: Bundle) -> None:
    for (key, _), window in zip(bundle.values, _each(bundle.windows)):
        tables[window][key] += 1


def _sum(tables: Tables, bundle: Bundle) -> None:
    key = None
    try:
        for (key, value), window in zip(bundle.values, _each(bundle.windows)):
            table = tables[window]
            table[key] = table.get(key, 0) + value
    except Exception as error:
        concerning(error, 'key', key)
        raise
