"""Grouping in batch: everything that has a key and window comes together, and one pane is emitted for each.

The formulas, with ``E(w)`` the end of window ``w`` and ``T`` the timestamps of the grouped elements:

===================================  =======================================
timestamp combiner                   timestamp of the emitted pair
===================================  =======================================
``OUTPUT_AT_EOW``                    ``E(w)``
``OUTPUT_AT_EARLIEST``               ``min(T)``
``OUTPUT_AT_LATEST``                 ``max(T)``
``OUTPUT_AT_EARLIEST_TRANSFORMED``   ``min(windowfn.get_transformed_output_time(w, t) for t in T)``
===================================  =======================================

Merging windows are merged per key when all elements are there (Akidau et al., "The Dataflow Model", 4.2.2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.keyhash import check_keys, key_aliases
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.model.known import short
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import BoundedWindow, Sessions, TimestampCombiner, WindowFn

Tables = dict[Any, dict[Any, list[Any]]]
#: Of an element: its raw window, timestamp, input and value.
_Row = tuple[Any, int, int, Any]
#: From the windows of a key to the window that each becomes; one that stays need not be there.
Merge = Callable[[Collection[Any]], dict[Any, Any]]
#: Windows with fewer keys than this share a bundle.
FEW = 32


def group(bundles: Iterable[Bundle], windowing: Windowing) -> Iterator[Bundle]:
    """Groups pairs by key and window.

    Args:
      bundles: pairs.
      windowing: their windowing.

    Yields:
      Bundles of ``(key, list of values)``.

    Raises:
      ExecutionError: if an element is not a pair, or its key cannot be hashed.
      bourne.errors.KeyEncodingError: if a key has no deterministic encoding.
    """
    if is_timed(windowing):
        yield from _group_timed(((0, bundle) for bundle in bundles), windowing, list, None)
        return
    tables: Tables = defaultdict(lambda: defaultdict(list))
    for bundle in bundles:
        try:
            _insert(tables, bundle)
        except (TypeError, ValueError) as error:
            raise not_a_pair(bundle, error) from error
    yield from emit(tables, windowing, list.extend)


def is_timed(windowing: Windowing) -> bool:
    """True if results depend on each element's own timestamp or window, so that these must be kept."""
    return windowing.windowfn.is_merging() or windowing.timestamp_combiner != TimestampCombiner.OUTPUT_AT_EOW


def _insert(tables: Tables, bundle: Bundle) -> None:
    if type(bundle.windows) is list:
        for (key, value), window in zip(bundle.values, bundle.windows, strict=True):
            tables[window][key].append(value)
    else:
        table = tables[bundle.windows]
        for key, value in bundle.values:
            table[key].append(value)


def not_a_pair(bundle: Bundle, error: Exception) -> Exception:
    """What to raise where the elements of a bundle could not be grouped: names the element, and says why.

    Args:
      bundle: the elements.
      error: what was raised.
    """
    for element in bundle.values:
        try:
            key, _ = element
        except (TypeError, ValueError):
            return ExecutionError(f'grouping needs (key, value) pairs, got {short(element)} '
                                  f'({type(element).__name__})')
        try:
            hash(key)
        except TypeError:
            check_keys([key])
            return ExecutionError(f'the key {short(key)} ({type(key).__name__}) cannot be hashed')
    return error


def unify_keys(table: dict[Any, Any], join: Callable[[Any, Any], Any]) -> None:
    """Joins the entries of keys that are one by their encoding, although ``==`` keeps them apart (NaN, for one).

    Args:
      table: the entries by key; changed in place.
      join: takes two entries; changes the first or, if it cannot, returns the joined one.

    Raises:
      bourne.errors.KeyEncodingError: if a key has no deterministic encoding.
    """
    if check_keys(table):
        return
    for alias, key in key_aliases(table).items():
        joined = join(table[key], table.pop(alias))
        if joined is not None:
            table[key] = joined


def _join_lists(ours: Any, others: Any) -> None:
    """Joins the lists of several inputs, which stand in a dict or a tuple."""
    pairs = ((ours[name], others[name]) for name in ours) if isinstance(ours, dict) else zip(ours, others, strict=True)
    for one, other in pairs:
        one.extend(other)


def emit(tables: dict[Any, dict[Any, Any]], windowing: Windowing, join: Callable[[Any, Any], Any]) -> Iterator[Bundle]:
    """Bundles of what stands in tables by window and key, with the end of the window as timestamp.

    Args:
      tables: the entries by raw window and key; emptied.
      windowing: the windowing.
      join: see :func:`unify_keys`.
    """
    end = raw_windows(windowing.windowfn).end
    few = Bundle([], [], [], ONLY_PANE)
    for window in list(tables):
        table = tables.pop(window)
        unify_keys(table, join)
        if len(table) >= FEW or (not tables and not few.values):
            yield Bundle(list(table.items()), end(window), window, ONLY_PANE)
            continue
        few.values += table.items()
        few.timestamps += [end(window)] * len(table)  # type: ignore[operator]
        few.windows += [window] * len(table)
    if few.values:
        yield few


def group_inputs(parts: Iterable[tuple[int, Bundle]], windowing: Windowing, names: Sequence[Any],
                 as_dict: bool) -> Iterator[Bundle]:
    """Groups pairs of several inputs by key and window.

    Args:
      parts: the number of an input, and pairs of it.
      windowing: the windowing of all of them.
      names: under what each input's values are found in the result.
      as_dict: the result is a dict, and not a tuple.

    Yields:
      Bundles of ``(key, {name: list of values, ...})``, or ``(key, (list of values, ...))``.
    """

    def lists() -> Any:
        return {name: [] for name in names} if as_dict else tuple([] for _ in names)

    if is_timed(windowing):
        yield from _group_timed(parts, windowing, lists, names)
        return
    tables: dict[Any, dict[Any, Any]] = defaultdict(lambda: defaultdict(lists))
    for port, bundle in parts:
        try:
            _insert_named(tables, bundle, names[port])
        except (TypeError, ValueError) as error:
            raise not_a_pair(bundle, error) from error
    yield from emit(tables, windowing, _join_lists)


def _insert_named(tables: dict[Any, dict[Any, Any]], bundle: Bundle, name: Any) -> None:
    if type(bundle.windows) is list:
        for (key, value), window in zip(bundle.values, bundle.windows, strict=True):
            tables[window][key][name].append(value)
    else:
        table = tables[bundle.windows]
        for key, value in bundle.values:
            table[key][name].append(value)


def _group_timed(parts: Iterable[tuple[int, Bundle]], windowing: Windowing, lists: Callable[[], Any],
                 names: Sequence[Any] | None) -> Iterator[Bundle]:
    """The general way: every element's own timestamp and window are kept until its key is complete."""
    keys: dict[Any, list[_Row]] = defaultdict(list)
    for port, bundle in parts:
        try:
            for (key, value), time, window, _ in bundle.rows():
                keys[key].append((window, time, port, value))
        except (TypeError, ValueError) as error:
            raise not_a_pair(bundle, error) from error
    unify_keys(keys, list.extend)
    merge = merger(windowing.windowfn)
    output_time = timestamper(windowing)
    out = Bundle([], [], [], ONLY_PANE)
    for key in list(keys):
        for window, rows in _merged(keys.pop(key), merge):  # what is done takes no second place
            values = lists()
            times: list[int] = []
            for _, time, port, value in rows:
                times.append(time)
                (values if names is None else values[names[port]]).append(value)
            out.values.append((key, values))
            out.windows.append(window)
            out.timestamps.append(output_time(window, times))  # type: ignore[union-attr]
    if out.values:
        yield out


def _merged(rows: list[_Row], merge: Merge) -> Iterable[tuple[Any, list[_Row]]]:
    """The elements of a key by their windows, merged. A user's windows are looked up, and so hashed, as rarely as
    possible: their hash is Python."""
    groups: dict[Any, list[_Row]] = {}
    for row in rows:
        group = groups.get(row[0])
        if group is None:
            groups[row[0]] = [row]
        else:
            group.append(row)
    final = merge(groups)
    joined: dict[Any, list[_Row]] = {}
    for window, target in final.items():
        found = groups.pop(window)
        group = joined.setdefault(target, found)
        if group is not found:
            group += found
    for target in joined.keys() & groups.keys() if groups else ():
        joined[target] += groups.pop(target)
    return chain(groups.items(), joined.items())


def merger(windowfn: WindowFn) -> Merge:
    """How the raw windows of a key are merged."""
    if not windowfn.is_merging():
        return lambda windows: {}
    if type(windowfn) is Sessions:
        return _merge_sessions

    def merge(windows: Collection[Any]) -> dict[Any, Any]:  # a user's own windows are their own raw form
        context = _Merging(windowfn, windows)
        windowfn.merge(context)
        return context.merged

    return merge


def _merge_sessions(windows: Collection[tuple[int, int]]) -> dict[Any, Any]:
    """Overlapping sessions become one. Sorted, a session belongs to the run before it if it starts before its end."""
    final: dict[Any, Any] = {}
    run: list[tuple[int, int]] = []
    end = 0
    for window in sorted(windows):
        if run and window[0] >= end:
            final.update(dict.fromkeys(run, (run[0][0], end)))
            run = []
        end = max(end, window[1]) if run else window[1]
        run.append(window)
    final.update(dict.fromkeys(run, (run[0][0], end)))
    return {window: final[window] for window in windows}


class _Merging(WindowFn.MergeContext):
    """Records which windows became which."""

    def __init__(self, windowfn: WindowFn, windows: Collection[BoundedWindow]) -> None:
        super().__init__(windows)
        self.windowfn = windowfn
        self.merged: dict[BoundedWindow, BoundedWindow] = {}
        self._known = set(windows)  # sets and dicts know the hashes of what is in them, and hash nothing again

    def merge(self, to_be_merged: Iterable[BoundedWindow], merge_result: BoundedWindow) -> None:
        parts = dict.fromkeys(to_be_merged, merge_result)
        if not self._known.issuperset(set(parts)):
            unknown = next(window for window in parts if window not in self._known)
            raise ExecutionError(f'{self.windowfn!r} merges {unknown!r}, which is not a window of the key')
        self.merged.update(parts)


def timestamper(windowing: Windowing) -> Callable[[Any, list[int]], int]:
    """A function from a raw window and the timestamps in it to the timestamp of the result."""
    raw = raw_windows(windowing.windowfn)
    match windowing.timestamp_combiner:
        case TimestampCombiner.OUTPUT_AT_EARLIEST:
            return lambda window, times: min(times)
        case TimestampCombiner.OUTPUT_AT_LATEST:
            return lambda window, times: max(times)
        case TimestampCombiner.OUTPUT_AT_EARLIEST_TRANSFORMED:
            transform = windowing.windowfn.get_transformed_output_time
            return lambda window, times: min(
                transform(raw.decode(window), Timestamp(micros=time)).micros for time in times)
    return lambda window, times: raw.end(window)
