"""Raw windows: between windows and the form in which the engine holds them nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.windows import raw_windows
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    WindowFn,
)
from bourne.sdk.testing import strategies

WINDOWS = st.one_of(strategies.interval_windows(), st.just(GLOBAL_WINDOW))


@given(strategies.windowfns(), WINDOWS)
def test_there_and_back(windowfn: WindowFn, window: IntervalWindow) -> None:
    raw = raw_windows(windowfn)
    assert raw.decode(raw.encode(window)) == window
    assert raw.end(raw.encode(window)) == window.max_timestamp().micros


@given(strategies.windowfns(), WINDOWS, WINDOWS)
def test_raw_windows_are_equal_exactly_if_the_windows_are(windowfn: WindowFn, one: IntervalWindow,
                                                          other: IntervalWindow) -> None:
    raw = raw_windows(windowfn)
    assert (raw.encode(one) == raw.encode(other)) == (one == other)
    if one == other:
        assert hash(raw.encode(one)) == hash(raw.encode(other))


@given(strategies.windowfns(), strategies.timestamps())
def test_windows_of_the_function_have_a_small_form(windowfn: WindowFn, time: Timestamp) -> None:
    for window in windowfn.assign(WindowFn.AssignContext(time)):
        raw = raw_windows(windowfn).encode(window)
        assert type(raw) in (int, tuple) or isinstance(windowfn, GlobalWindows)


@pytest.mark.parametrize(('windowfn', 'window', 'raw'), [
    (FixedWindows(10), IntervalWindow(20, 30), 20_000_000),
    (FixedWindows(10, 5), IntervalWindow(5, 15), 5_000_000),
    (FixedWindows(10), IntervalWindow(5, 15), IntervalWindow(5, 15)),
    (FixedWindows(10), IntervalWindow(0, 20), IntervalWindow(0, 20)),
    (FixedWindows(10), GLOBAL_WINDOW, GLOBAL_WINDOW),
    (SlidingWindows(10, 5), IntervalWindow(5, 15), 5_000_000),
    (SlidingWindows(10, 5), IntervalWindow(6, 16), IntervalWindow(6, 16)),
    (Sessions(10), IntervalWindow(1, 5), (1_000_000, 5_000_000)),
    (GlobalWindows(), GLOBAL_WINDOW, GLOBAL_WINDOW),
])
def test_forms(windowfn: WindowFn, window: IntervalWindow, raw: object) -> None:
    assert raw_windows(windowfn).encode(window) == raw
    assert type(raw_windows(windowfn).encode(window)) is type(raw)
