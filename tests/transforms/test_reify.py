"""Reify: times and windows as data."""

from __future__ import annotations

from typing import Any

from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import (
    BoundedWindow,
    FixedWindows,
    IntervalWindow,
    SlidingWindows,
    TimestampedValue,
)
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.util import Reify
from bourne.sdk.transforms.window import WindowInto


def with_time(element: Any, time: Any = DoFn.TimestampParam) -> tuple[Any, float]:
    return element, float(time)


def test_reify() -> None:
    first, second = IntervalWindow(0, 10), IntervalWindow(10, 20)
    with TestPipeline() as p:
        pairs = (p | Create([TimestampedValue(('a', 1), 1), TimestampedValue(('b', 2), 12)])
                 | WindowInto(FixedWindows(10)))
        assert_that(pairs | Reify.Timestamp() | 'time' >> Map(with_time),
                    equal_to([(('a', 1), 1.0), (('b', 2), 12.0)]), 'timestamp')
        assert_that(pairs | Reify.Window() | 'still' >> Map(with_time),
                    equal_to([((('a', 1), Timestamp(1), first), 1.0), ((('b', 2), Timestamp(12), second), 12.0)]),
                    'window')
        assert_that(pairs | Reify.TimestampInValue(),
                    equal_to([('a', TimestampedValue(1, 1)), ('b', TimestampedValue(2, 12))]), 'timestamp in value')
        assert_that(pairs | Reify.WindowInValue(),
                    equal_to([('a', (1, Timestamp(1), first)), ('b', (2, Timestamp(12), second))]), 'window in value')


def test_an_element_in_several_windows_is_several() -> None:
    with TestPipeline() as p:
        sliding = p | Create([TimestampedValue('x', 5)]) | WindowInto(SlidingWindows(10, 5))
        assert_that(sliding | Reify.Window() | Map(lambda x: x[2]),
                    equal_to([IntervalWindow(0, 10), IntervalWindow(5, 15)]))


def test_types() -> None:
    p = TestPipeline()
    pairs = p | Create([('a', 1)])
    assert (pairs | Reify.Timestamp()).element_type == tuple[str, int]
    assert (pairs | Reify.Window()).element_type == tuple[tuple[str, int], Timestamp, BoundedWindow]
    assert (pairs | Reify.TimestampInValue()).element_type == tuple[str, TimestampedValue[int]]
