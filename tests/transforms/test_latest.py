"""Latest: by event time."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, is_empty
from bourne.sdk.transforms.combiners import Latest, LatestCombineFn
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.window import WindowInto
from tests.transforms.combining import combine, combine_in_tree, flat, parts_of


@given(parts_of(st.integers(-100, 100)))
def test_the_greatest_time_wins(parts: list[list[int]]) -> None:
    timed = [[(f'at {time}', time) for time in part] for part in parts]
    times = flat(parts)
    expected = f'at {max(times)}' if times else None
    assert combine(LatestCombineFn(), timed) == combine_in_tree(LatestCombineFn(), timed) == expected


def test_timestamps_may_be_objects() -> None:
    assert LatestCombineFn().apply([('a', Timestamp(1)), ('b', Timestamp(3)), ('c', Timestamp(2))]) == 'b'


def test_transforms() -> None:
    pairs = [TimestampedValue((key, time), time) for key in 'ab' for time in (1, 5, 3)]
    random.Random(3).shuffle(pairs)
    with TestPipeline() as p:
        timed = p | Create([*pairs, TimestampedValue(('c', 9), 9)])
        assert_that(timed | Latest.PerKey(), equal_to([('a', 5), ('b', 5), ('c', 9)]), 'per key')
        assert_that(timed | Latest.Globally(), equal_to([('c', 9)]), 'globally')
        windowed = timed | WindowInto(FixedWindows(6))
        assert_that(windowed | 'each' >> Latest.PerKey(), equal_to([('a', 5), ('b', 5), ('c', 9)]), 'windows')


def test_an_empty_input() -> None:
    with TestPipeline() as p:
        nothing = p | Create([])
        assert_that(nothing | Latest.Globally(), equal_to([None]), 'none')
        assert_that(nothing | 'without' >> Latest.Globally().without_defaults(), is_empty(), 'nothing')


def test_types() -> None:
    p = TestPipeline()
    pairs = p | Create([('a', 1)])
    assert (pairs | Latest.Globally()).element_type == tuple[str, int]
    assert (pairs | Latest.PerKey()).element_type == tuple[str, int]
