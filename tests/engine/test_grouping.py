"""Grouping: what has a key and window comes together, however it arrives."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.bundle import Bundle, from_rows
from bourne.engine.grouping import group, group_inputs, merger, timestamper
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError, KeyEncodingError
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.pane import ONLY_PANE, PANE_INFO_UNKNOWN
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import (
    BoundedWindow,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    NonMergingWindowFn,
    Sessions,
    SlidingWindows,
    TimestampCombiner,
    WindowFn,
)
from bourne.sdk.testing import strategies

PAIRS = st.lists(st.tuples(strategies.keys(), st.integers(0, 9), strategies.timestamps(-20, 20)), max_size=20)
WINDOWINGS = st.builds(lambda windowfn, combiner: Windowing(windowfn, timestamp_combiner=combiner),
                       strategies.windowfns(), st.sampled_from(TimestampCombiner.ALL))


def rows_of(pairs: list[tuple[Any, int, Timestamp]], windowing: Windowing) -> list[tuple[Any, int, Any, Any]]:
    raw = raw_windows(windowing.windowfn)
    return [((key, value), time.micros, raw.encode(window), PANE_INFO_UNKNOWN) for key, value, time in pairs
            for window in windowing.windowfn.assign(WindowFn.AssignContext(time))]


def in_bundles(rows: list[Any], sizes: list[int]) -> list[Bundle]:
    """The rows cut into bundles, and their columns made constants where they are."""
    bundles = []
    while rows:
        size = sizes.pop() if sizes else len(rows)
        bundle = from_rows(rows[:size])
        rows = rows[size:]
        for column in ('timestamps', 'windows'):
            values = getattr(bundle, column)
            if all(value == values[0] and type(value) is type(values[0]) for value in values):
                setattr(bundle, column, values[0])
        bundle.panes = PANE_INFO_UNKNOWN
        bundles.append(bundle)
    return bundles


def naive(rows: list[Any], windowing: Windowing) -> Any:
    """Key, window, time and sorted values of each group."""
    raw = raw_windows(windowing.windowfn)
    by_key: dict[bytes, list[Any]] = defaultdict(list)
    for (key, value), time, window, _ in rows:
        by_key[encode_key(key)].append((value, time, raw.decode(window)))
    found = []
    for key, members in by_key.items():
        final = _merged({window for _, _, window in members}, windowing.windowfn)
        by_window: dict[BoundedWindow, list[Any]] = defaultdict(list)
        for value, time, window in members:
            by_window[final[window]].append((value, time))
        for window, group_ in by_window.items():
            times = [time for _, time in group_]
            time = {TimestampCombiner.OUTPUT_AT_EOW: window.max_timestamp().micros,
                    TimestampCombiner.OUTPUT_AT_LATEST: max(times)}.get(windowing.timestamp_combiner, min(times))
            found.append((key, repr(window), time, sorted(value for value, _ in group_)))
    return sorted(found)


def _merged(windows: set[BoundedWindow], windowfn: WindowFn) -> dict[BoundedWindow, BoundedWindow]:
    final = {window: window for window in windows}

    class Context(WindowFn.MergeContext):
        def merge(self, to_be_merged: Any, merge_result: BoundedWindow) -> None:
            final.update(dict.fromkeys(to_be_merged, merge_result))

    if windowfn.is_merging():
        windowfn.merge(Context(windows))
    return final


def found_in(bundles: Any, windowing: Windowing) -> Any:
    raw = raw_windows(windowing.windowfn)
    found = []
    for bundle in bundles:
        for (key, values), time, window, pane in bundle.rows():
            assert pane == ONLY_PANE
            found.append((encode_key(key), repr(raw.decode(window)), time, sorted(values)))
    return sorted(found)


@given(PAIRS, WINDOWINGS, st.lists(st.integers(1, 4), max_size=10), st.randoms())
def test_neither_order_nor_bundles_matter(pairs: Any, windowing: Windowing, sizes: list[int], random: Any) -> None:
    rows = rows_of(pairs, windowing)
    expected = naive(rows, windowing)
    random.shuffle(rows)
    assert found_in(group(in_bundles(rows, sizes), windowing), windowing) == expected


@given(PAIRS, PAIRS, WINDOWINGS, st.booleans())
def test_several_inputs(left: Any, right: Any, windowing: Windowing, as_dict: bool) -> None:
    names: Any = ('a', 'b') if as_dict else range(2)
    rows = [rows_of(pairs, windowing) for pairs in (left, right)]
    parts = [(port, bundle) for port in (1, 0) for bundle in in_bundles(rows[port], [3, 3])]
    tagged = [((key, (port, value)), *rest) for port in (0, 1) for (key, value), *rest in rows[port]]
    raw = raw_windows(windowing.windowfn)
    found = sorted((encode_key(key), repr(raw.decode(window)), time, sorted(
        (port, value) for port, name in enumerate(names) for value in lists[name]))
        for bundle in group_inputs(parts, windowing, names, as_dict) for (key, lists), time, window, _ in bundle.rows())
    assert found == naive(tagged, windowing)


SESSION = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.sets(SESSION, min_size=1, max_size=8))
def test_sessions_merge_as_their_function_says(windows: set[tuple[int, int]]) -> None:
    raw = raw_windows(Sessions(1))
    expected = _merged({raw.decode(window) for window in windows}, Sessions(1))
    found = merger(Sessions(1))(windows)
    assert {raw.decode(one): raw.decode(other) for one, other in found.items()} == expected
    merged = sorted(set(found.values()))
    assert all(one[1] <= other[0] for one, other in pairwise(merged))


@pytest.mark.parametrize(('windows', 'merged'), [
    ([(0, 5)], [(0, 5)]), ([(0, 5), (4, 9)], [(0, 9)]), ([(0, 5), (5, 9)], [(0, 5), (5, 9)]),
    ([(0, 9), (2, 3), (8, 12)], [(0, 12)]), ([(0, 20), (1, 2), (3, 4)], [(0, 20)]),
    ([(10, 12), (0, 5), (11, 14), (4, 6)], [(0, 6), (10, 14)]),
])
def test_sessions(windows: list[tuple[int, int]], merged: list[tuple[int, int]]) -> None:
    assert sorted(set(merger(Sessions(1))(set(windows)).values())) == merged


def test_a_merge_of_windows_that_are_not_there() -> None:
    class Confused(WindowFn):
        def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
            return [IntervalWindow(0, 1)]

        def merge(self, merge_context: WindowFn.MergeContext) -> None:
            merge_context.merge([IntervalWindow(5, 6)], IntervalWindow(0, 6))

    with pytest.raises(ExecutionError, match=r'merges \[5.0, 6.0\), which is not a window of the key'):
        merger(Confused())({IntervalWindow(0, 1)})


class Shifted(NonMergingWindowFn):
    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        return [IntervalWindow(0, 10)]

    def get_transformed_output_time(self, window: BoundedWindow, input_timestamp: Timestamp) -> Timestamp:
        return input_timestamp + 100


@pytest.mark.parametrize(('combiner', 'time'), [
    (TimestampCombiner.OUTPUT_AT_EOW, 9_999_999), (TimestampCombiner.OUTPUT_AT_EARLIEST, 2_000_000),
    (TimestampCombiner.OUTPUT_AT_LATEST, 7_000_000), (TimestampCombiner.OUTPUT_AT_EARLIEST_TRANSFORMED, 102_000_000),
])
def test_timestamps_of_results(combiner: str, time: int) -> None:
    windowing = Windowing(Shifted(), timestamp_combiner=combiner)
    assert timestamper(windowing)(IntervalWindow(0, 10), [7_000_000, 2_000_000, 5_000_000]) == time


@pytest.mark.parametrize('windowing', [Windowing(), Windowing(Sessions(1)), Windowing(FixedWindows(1))])
@pytest.mark.parametrize(('element', 'words'), [
    (5, 'grouping needs (key, value) pairs, got 5 (int)'), ('abc', "got 'abc' (str)"),
    ((1, 2, 3), 'got (1, 2, 3) (tuple)'), ((1,), 'got (1,) (tuple)'), (None, 'got None (NoneType)'),
])
def test_what_is_no_pair(windowing: Windowing, element: Any, words: str) -> None:
    window: Any = (0, 1) if isinstance(windowing.windowfn, Sessions) else 0
    with pytest.raises(ExecutionError) as caught:
        list(group([Bundle([(1, 2), element], 0, window)], windowing))
    assert words in str(caught.value)


class Unhashable:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize('key', [[1], {1: 2}, {1}, Unhashable(), ([1],)])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(KeyEncodingError) as caught:
        list(group([Bundle([(key, 1)])], Windowing()))
    assert type(key).__name__ in str(caught.value) or 'list' in str(caught.value)


def test_all_nans_are_one() -> None:
    for windowing in (Windowing(), Windowing(GlobalWindows(), timestamp_combiner=TimestampCombiner.OUTPUT_AT_LATEST)):
        pairs: list[Any] = [(float('nan'), 1), (math.nan, 2), (float('nan'), 3)]
        bundle, = group([Bundle(pairs[:2]), Bundle(pairs[2:])], windowing)
        (_, values), = bundle.values
        assert sorted(values) == [1, 2, 3]


def test_many_windows_share_bundles_and_large_ones_do_not() -> None:
    raw = raw_windows(SlidingWindows(10, 5))
    small = [((key, 1), 0, raw.encode(IntervalWindow(start, start + 10)), PANE_INFO_UNKNOWN)
             for start in range(0, 500, 5) for key in range(3)]
    large = [((key, 1), 0, raw.encode(IntervalWindow(1000, 1010)), PANE_INFO_UNKNOWN) for key in range(500)]
    bundles = list(group([from_rows(small + large)], Windowing(SlidingWindows(10, 5))))
    assert sorted(len(bundle) for bundle in bundles) == [300, 500]
