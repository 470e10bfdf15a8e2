"""Event times: values with a time or with windows, from wherever they are emitted."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from bourne.errors import ExecutionError
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.pane import PaneInfo, PaneInfoTiming
from bourne.sdk.model.timestamp import MIN_TIMESTAMP, Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    IntervalWindow,
    SlidingWindows,
    TimestampedValue,
    WindowedValue,
)
from bourne.sdk.pcollection import PCollection
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, equal_to_per_window
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple, ParDo
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.conformance.case import case, in_order


def check_times(collection: PCollection[Any], *expected: tuple[Any, Any]) -> None:
    """Asserts the elements and their times, in the global window."""
    assert_that(collection, equal_to([
        TestWindowedValue(value, Timestamp.of(time), [GLOBAL_WINDOW]) for value, time in expected]), 'times',
        reify_windows=True)


@case
def from_map(p: TestPipeline) -> None:
    check_times(p | Create([1, 2]) | Map(lambda x: TimestampedValue(x * 10, x)), (10, 1), (20, 2))


@case
def of_every_type_of_time(p: TestPipeline) -> None:
    day = datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)
    times = [1, 2.5, Timestamp(3), day, -1, 0]
    check_times(p | Create(range(6)) | Map(lambda n, times: TimestampedValue(n, times[n]), times),
                (0, 1), (1, 2.5), (2, 3), (3, 86400), (4, -1), (5, 0))


@case
def from_flat_map_and_dofn(p: TestPipeline) -> None:
    class Times(DoFn):
        def process(self, element: int) -> Iterator[Any]:
            yield TimestampedValue(element, element)

    numbers = p | Create([1, 2])
    check_times(numbers | FlatMap(lambda x: [TimestampedValue(x, x), TimestampedValue(-x, 9)]),
                (1, 1), (-1, 9), (2, 2), (-2, 9))
    check_times(numbers | ParDo(Times()), (1, 1), (2, 2))


@case
def mixed_with_plain_values(p: TestPipeline) -> None:
    times = [5, None, 7, None, 8]
    made = p | Create(range(5)) | Map(lambda n: n if times[n] is None else TimestampedValue(n, times[n]))
    check_times(made, (0, 5), (1, MIN_TIMESTAMP), (2, 7), (3, MIN_TIMESTAMP), (4, 8))


@case
def first_plain_and_then_timed(p: TestPipeline) -> None:
    made = p | Create(range(4)) | FlatMap(lambda n: [n] if n < 2 else [TimestampedValue(n, n), n])
    check_times(made, (0, MIN_TIMESTAMP), (1, MIN_TIMESTAMP), (2, 2), (2, MIN_TIMESTAMP), (3, 3), (3, MIN_TIMESTAMP))


@case
def times_go_through_functions(p: TestPipeline) -> None:
    made = (p | Create([1, 2, 3]) | 'time' >> Map(lambda x: TimestampedValue(x, x)) | 'plain' >> Map(lambda x: x * 10)
            | Filter(lambda x: x > 10) | FlatMap(lambda x: [x, x + 1]))
    check_times(made, (20, 2), (21, 2), (30, 3), (31, 3))


@case
def times_set_several_times(p: TestPipeline) -> None:
    made = (p | Create([1])
            | 'a' >> Map(lambda x: TimestampedValue(x, 1))
            | 'b' >> Map(lambda x: TimestampedValue(x, 2))
            | 'c' >> FlatMap(lambda x, t=DoFn.TimestampParam: [TimestampedValue(t, t + 1)]))
    check_times(made, (Timestamp(2), 3))


@case
def a_time_and_then_windows(p: TestPipeline) -> None:
    made = p | Create([1, 11]) | Map(lambda x: TimestampedValue(('k', x), x)) | WindowInto(FixedWindows(10))
    assert_that(made | GroupByKey(), equal_to_per_window({
        IntervalWindow(0, 10): [('k', [1])], IntervalWindow(10, 20): [('k', [11])]}))


@case
def a_new_time_has_its_own_window(p: TestPipeline) -> None:
    """As in Beam's Python SDK, where a new time in a windowed collection is windowed by the collection's function."""
    timed = p | Create([TimestampedValue(x, x) for x in (1, 2, 3)]) | WindowInto(FixedWindows(10))
    expected = {IntervalWindow(10, 20): [1], IntervalWindow(20, 30): [2], IntervalWindow(30, 40): [3]}
    assert_that(timed | 'map' >> Map(lambda x: TimestampedValue(x, x * 10)), equal_to_per_window(expected))
    assert_that(timed | 'flat map' >> FlatMap(lambda x: [TimestampedValue(x, x * 10)]), equal_to_per_window(expected))
    assert_that(timed | WithTimestamps(lambda x: x * 10), equal_to_per_window(expected))


@case
def new_times_among_plain_values_in_windows(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(x, x) for x in (1, 2, 3, 4)]) | WindowInto(FixedWindows(10))
    made = timed | Map(lambda x: x if x % 2 else TimestampedValue(x, x * 10)) | 'minus' >> Map(lambda x: -x)
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 10): [-1, -3], IntervalWindow(20, 30): [-2], IntervalWindow(40, 50): [-4]}))


@case
def a_new_time_in_sliding_windows(p: TestPipeline) -> None:
    """An element in two windows is two elements, each of which is windowed anew."""
    timed = p | Create([TimestampedValue('x', 1)]) | WindowInto(SlidingWindows(10, 5))
    assert_that(timed | Map(lambda x: TimestampedValue(x, 101)), equal_to_per_window({
        IntervalWindow(95, 105): ['x', 'x'], IntervalWindow(100, 110): ['x', 'x']}))


@case
def inside_of_tagged_outputs(p: TestPipeline) -> None:
    def split(x: int) -> Iterator[Any]:
        yield TaggedOutput('timed', TimestampedValue(x, x))
        yield TaggedOutput('plain', x)
        yield TimestampedValue(-x, x + 1)

    out = p | Create([1, 2]) | FlatMap(split).with_outputs('timed', 'plain')
    check_times(out.timed, (1, 1), (2, 2))
    check_times(out.plain, (1, MIN_TIMESTAMP), (2, MIN_TIMESTAMP))
    check_times(out[None], (-1, 2), (-2, 3))


@case
def tagged_times_in_windows(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(1, 1)]) | WindowInto(FixedWindows(10))
    out = timed | Map(lambda x: TaggedOutput('t', TimestampedValue(x, 25))).with_outputs('t')
    assert_that(out.t, equal_to_per_window({IntervalWindow(20, 30): [1]}))


@case
def windowed_values_set_everything(p: TestPipeline) -> None:
    pane = PaneInfo(True, False, PaneInfoTiming.EARLY, 3, -1)
    windows = [IntervalWindow(0, 10), IntervalWindow(5, 15)]

    class Places(DoFn):
        def process(self, element: str) -> Iterator[Any]:
            yield WindowedValue(element, 7, windows, pane)

    timed = p | Create([TimestampedValue('x', 1)]) | WindowInto(SlidingWindows(10, 5))
    made = timed | ParDo(Places())
    # One element in two windows is two elements, and each of them is placed in two.
    assert_that(made, equal_to([TestWindowedValue('x', Timestamp(7), [window], pane) for window in windows] * 2),
                reify_windows=True)


@case
def windowed_values_are_grouped_where_they_are(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(1, 1), TimestampedValue(2, 2)]) | WindowInto(FixedWindows(10))
    made = timed | FlatMap(lambda x: [WindowedValue(('k', x), 100 * x, [IntervalWindow(100 * x, 100 * x + 10)])])
    assert_that(made | GroupByKey(), equal_to_per_window({
        IntervalWindow(100, 110): [('k', [1])], IntervalWindow(200, 210): [('k', [2])]}))


@case
def a_window_off_the_grid(p: TestPipeline) -> None:
    odd = IntervalWindow(3, 7)
    timed = p | Create([TimestampedValue(1, 1)]) | WindowInto(FixedWindows(10))
    made = timed | FlatMap(lambda x: [WindowedValue(('k', x), 5, [odd]), ('k', 2)]) | GroupByKey()
    assert_that(made, equal_to_per_window({odd: [('k', [1])], IntervalWindow(0, 10): [('k', [2])]}))


@case
def with_timestamps(p: TestPipeline) -> None:
    numbers = p | Create([1, 2])
    check_times(numbers | 'int' >> WithTimestamps(lambda x: x), (1, 1), (2, 2))
    check_times(numbers | 'float' >> WithTimestamps(lambda x: x / 2), (1, 0.5), (2, 1))
    check_times(numbers | 'timestamp' >> WithTimestamps(Timestamp), (1, 1), (2, 2))


@case
def a_reshuffle_keeps_times_windows_and_panes(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(('k', x), x) for x in (1, 2, 11)]) | WindowInto(FixedWindows(10))
    made = timed | Reshuffle()
    first, second = IntervalWindow(0, 10), IntervalWindow(10, 20)
    assert_that(made, equal_to([TestWindowedValue(('k', x), Timestamp(x), [first if x < 10 else second])
                                for x in (1, 2, 11)]), reify_windows=True)
    grouped = made | GroupByKey() | in_order() | 'again' >> Reshuffle()
    check_panes = PaneInfo(True, True, PaneInfoTiming.ON_TIME, 0, 0)
    assert_that(grouped, equal_to([
        TestWindowedValue(('k', values), window.max_timestamp(), [window], check_panes)
        for window, values in ((first, [1, 2]), (second, [11]))]), reify_windows=True)


@case
def the_extremes_of_time(p: TestPipeline) -> None:
    latest = GLOBAL_WINDOW.max_timestamp()
    check_times(p | Create([TimestampedValue('first', MIN_TIMESTAMP), TimestampedValue('last', latest)]),
                ('first', MIN_TIMESTAMP), ('last', latest))


@case(raises=ExecutionError, match='a TimestampedValue inside of another one')
def a_time_inside_of_a_time(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x: TimestampedValue(TimestampedValue(x, 1), 2)) | Map(str)


@case(raises=ExecutionError, match='a TaggedOutput inside of another one')
def a_tag_inside_of_a_time(p: TestPipeline) -> None:
    out = p | Create([1]) | Map(lambda x: TimestampedValue(TaggedOutput('t', x), 2)).with_outputs('t')
    out.t | Map(str)


@case
def map_tuple_with_a_time(p: TestPipeline) -> None:
    check_times(p | Create([('a', 1)]) | MapTuple(lambda value, time: TimestampedValue(value, time)), ('a', 1))
