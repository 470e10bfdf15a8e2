"""Windows: assignment, merging, and the timestamps of what is grouped in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.timestamp import MIN_TIMESTAMP, Duration, Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    BoundedWindow,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    NonMergingWindowFn,
    Sessions,
    SlidingWindows,
    TimestampCombiner,
    TimestampedValue,
    WindowFn,
)
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, equal_to_per_window, is_empty
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check, in_order


def at(*times: Any) -> Create:
    """Elements that are their own time, in seconds."""
    return Create([TimestampedValue(time, time) for time in times])


def keyed_at(*times: Any) -> Create:
    """The same as pairs of one key."""
    return Create([TimestampedValue(('k', time), time) for time in times])


def same_but_pane(wanted: TestWindowedValue, got: TestWindowedValue) -> bool:
    return wanted[:3] == got[:3]


@case
def fixed(p: TestPipeline) -> None:
    assert_that(p | at(0, 9, 9.999999, 10, 25) | WindowInto(FixedWindows(10)), equal_to_per_window({
        IntervalWindow(0, 10): [0, 9, 9.999999], IntervalWindow(10, 20): [10], IntervalWindow(20, 30): [25]}))


@case
def fixed_before_the_epoch(p: TestPipeline) -> None:
    assert_that(p | at(-1, -10, -11) | WindowInto(FixedWindows(10)), equal_to_per_window({
        IntervalWindow(-10, 0): [-1, -10], IntervalWindow(-20, -10): [-11]}))


@case
def fixed_with_an_offset(p: TestPipeline) -> None:
    assert_that(p | at(0, 3, 4, 14) | WindowInto(FixedWindows(10, offset=4)), equal_to_per_window({
        IntervalWindow(-6, 4): [0, 3], IntervalWindow(4, 14): [4], IntervalWindow(14, 24): [14]}))


@case
def fixed_of_fractions_of_a_second(p: TestPipeline) -> None:
    assert_that(p | at(0.1, 0.3, 0.6) | WindowInto(FixedWindows(Duration(0.25))), equal_to_per_window({
        IntervalWindow(0, 0.25): [0.1], IntervalWindow(0.25, 0.5): [0.3], IntervalWindow(0.5, 0.75): [0.6]}))


@case
def elements_without_a_time_are_in_the_first_window(p: TestPipeline) -> None:
    made = p | Create(['x']) | WindowInto(FixedWindows(10)) | Map(lambda x, w=DoFn.WindowParam: w)
    assert_that(made, lambda windows: None if [one.start <= MIN_TIMESTAMP < one.end for one in windows] == [True]
                else 1 / 0)


@case
def sliding(p: TestPipeline) -> None:
    assert_that(p | at(0, 6) | WindowInto(SlidingWindows(10, 5)), equal_to_per_window({
        IntervalWindow(-5, 5): [0], IntervalWindow(0, 10): [0, 6], IntervalWindow(5, 15): [6]}))


@case
def sliding_with_an_offset(p: TestPipeline) -> None:
    assert_that(p | at(6) | WindowInto(SlidingWindows(10, 5, offset=2)), equal_to_per_window({
        IntervalWindow(2, 12): [6], IntervalWindow(-3, 7): [6]}))


@case
def sliding_with_gaps_drops_what_is_between(p: TestPipeline) -> None:
    assert_that(p | at(0, 4, 5, 9, 12) | WindowInto(SlidingWindows(5, 10)), equal_to_per_window({
        IntervalWindow(0, 5): [0, 4], IntervalWindow(10, 15): [12]}))


@case
def sliding_grouped(p: TestPipeline) -> None:
    made = p | keyed_at(1, 6, 7) | WindowInto(SlidingWindows(10, 5)) | GroupByKey() | in_order()
    assert_that(made, equal_to_per_window({
        IntervalWindow(-5, 5): [('k', [1])], IntervalWindow(0, 10): [('k', [1, 6, 7])],
        IntervalWindow(5, 15): [('k', [6, 7])]}))


@case
def sliding_with_functions_in_between(p: TestPipeline) -> None:
    made = (p | at(1, 6) | WindowInto(SlidingWindows(10, 5)) | Map(lambda x: x * 10) | Filter(lambda x: x > 10)
            | FlatMap(lambda x: [('k', x), ('k', x + 1)]) | GroupByKey() | in_order())
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 10): [('k', [60, 61])], IntervalWindow(5, 15): [('k', [60, 61])]}))


@case
def sessions_of_one_key(p: TestPipeline) -> None:
    made = p | keyed_at(1, 5, 14, 30, 39.5) | WindowInto(Sessions(10)) | GroupByKey() | in_order()
    assert_that(made, equal_to_per_window({
        IntervalWindow(1, 24): [('k', [1, 5, 14])], IntervalWindow(30, 49.5): [('k', [30, 39.5])]}))


@case
def sessions_end_where_the_gap_ends(p: TestPipeline) -> None:
    made = p | keyed_at(0, 10) | WindowInto(Sessions(10)) | GroupByKey()
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 10): [('k', [0])], IntervalWindow(10, 20): [('k', [10])]}))


@case
def sessions_of_several_keys(p: TestPipeline) -> None:
    pairs = [('a', 0), ('b', 3), ('a', 6), ('b', 20), ('a', 13)]
    made = (p | Create([TimestampedValue((key, time), time) for key, time in pairs]) | WindowInto(Sessions(8))
            | GroupByKey() | in_order())
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 21): [('a', [0, 6, 13])], IntervalWindow(3, 11): [('b', [3])],
        IntervalWindow(20, 28): [('b', [20])]}))


@case
def sessions_grouped_again(p: TestPipeline) -> None:
    made = (p | keyed_at(0, 5, 30) | WindowInto(Sessions(10)) | 'first' >> GroupByKey()
            | MapTuple(lambda key, values: (key, sum(values))) | 'second' >> GroupByKey())
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 15): [('k', [5])], IntervalWindow(30, 40): [('k', [30])]}))


@case
def sessions_combined(p: TestPipeline) -> None:
    made = p | keyed_at(0, 5, 30) | WindowInto(Sessions(10)) | CombinePerKey(sum)
    assert_that(made, equal_to_per_window({IntervalWindow(0, 15): [('k', 5)], IntervalWindow(30, 40): [('k', 30)]}))


@case
def timestamp_combiners(p: TestPipeline) -> None:
    pairs = p | keyed_at(3, 1, 2)
    window = IntervalWindow(0, 10)
    for name, time in ((TimestampCombiner.OUTPUT_AT_EOW, window.max_timestamp()),
                       (TimestampCombiner.OUTPUT_AT_EARLIEST, Timestamp(1)),
                       (TimestampCombiner.OUTPUT_AT_LATEST, Timestamp(3))):
        made = (pairs | name >> WindowInto(FixedWindows(10), timestamp_combiner=name)
                | f'group at {name}' >> GroupByKey() | f'keys at {name}' >> MapTuple(lambda key, values: key))
        assert_that(made, equal_to([TestWindowedValue('k', time, [window])], same_but_pane), reify_windows=True)


@case
def timestamp_combiners_of_sessions(p: TestPipeline) -> None:
    pairs = p | keyed_at(3, 1, 9)
    for name, time in ((TimestampCombiner.OUTPUT_AT_EOW, IntervalWindow(1, 19).max_timestamp()),
                       (TimestampCombiner.OUTPUT_AT_EARLIEST, Timestamp(1)),
                       (TimestampCombiner.OUTPUT_AT_LATEST, Timestamp(9))):
        made = (pairs | name >> WindowInto(Sessions(10), timestamp_combiner=name)
                | f'group at {name}' >> GroupByKey() | f'keys at {name}' >> MapTuple(lambda key, values: key))
        assert_that(made, equal_to([TestWindowedValue('k', time, [IntervalWindow(1, 19)])], same_but_pane),
                    reify_windows=True)


@case
def a_timestamp_combiner_in_the_global_window(p: TestPipeline) -> None:
    made = (p | keyed_at(3, 1) | WindowInto(GlobalWindows(), timestamp_combiner=TimestampCombiner.OUTPUT_AT_LATEST)
            | GroupByKey() | in_order())
    assert_that(made, equal_to([TestWindowedValue(('k', [1, 3]), Timestamp(3), [GLOBAL_WINDOW])], same_but_pane),
                reify_windows=True)


class Shifted(NonMergingWindowFn):
    """Counts transformed output times from the start of the window."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        return FixedWindows(10).assign(assign_context)

    def get_transformed_output_time(self, window: BoundedWindow, input_timestamp: Timestamp) -> Timestamp:
        return window.start + 5


@case
def the_earliest_transformed_timestamp(p: TestPipeline) -> None:
    made = (p | keyed_at(13, 11) | WindowInto(
        Shifted(), timestamp_combiner=TimestampCombiner.OUTPUT_AT_EARLIEST_TRANSFORMED) | GroupByKey()
            | in_order())
    assert_that(made, equal_to([TestWindowedValue(('k', [11, 13]), Timestamp(15), [IntervalWindow(10, 20)])],
                               same_but_pane), reify_windows=True)


class Parity(NonMergingWindowFn):
    """Windows by the element and not by its time: odd numbers in one, even ones in two, multiples of ten in none."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        if assign_context.element % 10 == 0:
            return []
        if assign_context.element % 2:
            return [IntervalWindow(0, 100)]
        return [IntervalWindow(0, 100), IntervalWindow(100, 200)]


class OffTheHour(FixedWindows):
    """Fixed windows that start three seconds late."""

    def assign(self, context: WindowFn.AssignContext) -> list[BoundedWindow]:
        found = super().assign(WindowFn.AssignContext(context.timestamp - 3))
        return [IntervalWindow(window.start + 3, window.end + 3) for window in found]


class Patient(Sessions):
    """Sessions whose gap is longer after odd elements."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = assign_context.timestamp
        return [IntervalWindow(start, start + (100 if assign_context.element[1] % 2 else 5))]


@case
def windows_of_a_subclass_of_what_is_there(p: TestPipeline) -> None:
    found = p | 'fixed' >> keyed_at(2, 3, 12, 13) | WindowInto(OffTheHour(10)) | GroupByKey() | in_order()
    assert_that(found, equal_to([
        TestWindowedValue(('k', [2]), Timestamp(micros=2_999_999), [IntervalWindow(-7, 3)]),
        TestWindowedValue(('k', [3, 12]), Timestamp(micros=12_999_999), [IntervalWindow(3, 13)]),
        TestWindowedValue(('k', [13]), Timestamp(micros=22_999_999), [IntervalWindow(13, 23)])], same_but_pane),
        reify_windows=True, label='fixed windows')
    merged = (p | 'sessions' >> keyed_at(2, 8, 13, 111, 130) | 'patient' >> WindowInto(Patient(5))
              | 'group' >> GroupByKey() | 'sorted' >> in_order())
    assert_that(merged, equal_to([
        TestWindowedValue(('k', [2]), Timestamp(micros=6_999_999), [IntervalWindow(2, 7)]),
        TestWindowedValue(('k', [8]), Timestamp(micros=12_999_999), [IntervalWindow(8, 13)]),
        TestWindowedValue(('k', [13, 111, 130]), Timestamp(micros=210_999_999), [IntervalWindow(13, 211)])],
        same_but_pane), reify_windows=True, label='sessions')


@case
def custom_windows(p: TestPipeline) -> None:
    made = p | at(1, 2, 10, 3) | WindowInto(Parity())
    assert_that(made, equal_to_per_window({IntervalWindow(0, 100): [1, 2, 3], IntervalWindow(100, 200): [2]}))
    assert_that(made | CombineGlobally(sum).without_defaults(),
                equal_to_per_window({IntervalWindow(0, 100): [6], IntervalWindow(100, 200): [2]}))


class Named(BoundedWindow):
    """A window with a name."""

    def __init__(self, name: str, end: float) -> None:
        super().__init__(end)
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and (self.name, self.end) == (other.name, other.end)

    def __hash__(self) -> int:
        return hash((self.name, self.end))

    def __repr__(self) -> str:
        return f'Named({self.name!r})'


class ByName(NonMergingWindowFn):
    """A window for each first letter."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        return [Named(assign_context.element[1][0], 50)]


@case
def windows_of_a_class_of_the_user(p: TestPipeline) -> None:
    made = p | Create([('k', 'ab'), ('k', 'ac'), ('k', 'b')]) | WindowInto(ByName()) | GroupByKey() | in_order()
    assert_that(made, equal_to_per_window({Named('a', 50): [('k', ['ab', 'ac'])], Named('b', 50): [('k', ['b'])]}))
    check(made | Map(lambda x, t=DoFn.TimestampParam: t), [Timestamp(49.999999)] * 2)


class Shared(WindowFn):
    """Merges all windows of a key that begin in the same hundred seconds."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = assign_context.timestamp
        return [IntervalWindow(start, start + 1)]

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        hundreds: dict[int, list[IntervalWindow]] = {}
        for window in merge_context.windows:
            assert isinstance(window, IntervalWindow)
            hundreds.setdefault(int(window.start) // 100, []).append(window)
        for windows in hundreds.values():
            if len(windows) > 1:
                merge_context.merge(windows, IntervalWindow(min(one.start for one in windows),
                                                            max(one.end for one in windows)))


@case
def custom_merging_windows(p: TestPipeline) -> None:
    made = p | keyed_at(1, 50, 99, 150) | WindowInto(Shared()) | GroupByKey() | in_order()
    assert_that(made, equal_to_per_window({
        IntervalWindow(1, 100): [('k', [1, 50, 99])], IntervalWindow(150, 151): [('k', [150])]}))


@case
def custom_merging_windows_combined(p: TestPipeline) -> None:
    made = p | keyed_at(1, 50, 99, 150) | WindowInto(Shared()) | CombinePerKey(max)
    assert_that(made, equal_to_per_window({
        IntervalWindow(1, 100): [('k', 99)], IntervalWindow(150, 151): [('k', 150)]}))


class Interval(Sessions.__base__):  # type: ignore[misc,name-defined]
    """Windows as long as the element says; they merge with those they overlap."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = assign_context.timestamp
        return [IntervalWindow(start, start + assign_context.element[1])]

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        Sessions(1).merge(merge_context)


@case
def merging_windows_of_several_lengths(p: TestPipeline) -> None:
    timed = [TimestampedValue(('k', length), time) for time, length in ((0, 100), (10, 5), (99, 3), (102, 1))]
    made = p | Create(timed) | WindowInto(Interval()) | GroupByKey() | in_order()
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 102): [('k', [3, 5, 100])], IntervalWindow(102, 103): [('k', [1])]}))


@case
def rewindowing(p: TestPipeline) -> None:
    made = p | at(1, 7, 12) | 'five' >> WindowInto(FixedWindows(5)) | 'twenty' >> WindowInto(FixedWindows(20))
    assert_that(made, equal_to_per_window({IntervalWindow(0, 20): [1, 7, 12]}))


@case
def rewindowing_what_was_grouped(p: TestPipeline) -> None:
    made = (p | keyed_at(1, 7, 12) | 'five' >> WindowInto(FixedWindows(5)) | CombinePerKey(sum)
            | 'ten' >> WindowInto(FixedWindows(10)) | GroupByKey() | in_order())
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 10): [('k', [1, 7])], IntervalWindow(10, 20): [('k', [12])]}))


@case
def rewindowing_an_element_in_several_windows(p: TestPipeline) -> None:
    """It is an element of each of its windows, so it comes out as often."""
    made = p | at(6) | 'sliding' >> WindowInto(SlidingWindows(10, 5))
    check(made | 'global' >> WindowInto(GlobalWindows()), [6, 6])
    assert_that(made | 'fixed' >> WindowInto(FixedWindows(2)), equal_to_per_window({IntervalWindow(6, 8): [6, 6]}))
    assert_that(made | 'again' >> WindowInto(SlidingWindows(4, 2)), equal_to_per_window({
        IntervalWindow(6, 10): [6, 6], IntervalWindow(4, 8): [6, 6]}))
    assert_that(made | 'custom' >> WindowInto(Shifted()), equal_to_per_window({IntervalWindow(0, 10): [6, 6]}))
    check(made | 'spread' >> Reshuffle() | 'then global' >> WindowInto(GlobalWindows()), [6, 6])


@case
def back_to_the_global_window(p: TestPipeline) -> None:
    made = (p | at(1, 12) | 'fixed' >> WindowInto(FixedWindows(10)) | 'global' >> WindowInto(GlobalWindows())
            | CombineGlobally(sum))
    check(made, [13])


@case
def a_custom_window_function_sees_the_present_window(p: TestPipeline) -> None:
    class Halves(NonMergingWindowFn):
        def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
            window = assign_context.window
            middle = Timestamp(micros=(window.start.micros + window.end.micros) // 2)
            if assign_context.timestamp < middle:
                return [IntervalWindow(window.start, middle)]
            return [IntervalWindow(middle, window.end)]

    made = p | at(1, 7) | 'fixed' >> WindowInto(FixedWindows(10)) | WindowInto(Halves())
    assert_that(made, equal_to_per_window({IntervalWindow(0, 5): [1], IntervalWindow(5, 10): [7]}))


@case
def windows_of_nothing(p: TestPipeline) -> None:
    none = p | Create([])
    for windowfn in (FixedWindows(1), SlidingWindows(2, 1), Sessions(1), GlobalWindows(), Parity()):
        name = type(windowfn).__name__
        assert_that(none | name >> WindowInto(windowfn) | f'pairs {name}' >> Map(lambda x: (x, x))
                    | f'group {name}' >> GroupByKey(), is_empty())


@case
def a_flatten_keeps_windows(p: TestPipeline) -> None:
    a = p | 'a' >> keyed_at(1) | 'aw' >> WindowInto(FixedWindows(10))
    b = p | 'b' >> keyed_at(2, 11) | 'bw' >> WindowInto(FixedWindows(10))
    assert_that((a, b) | Flatten() | GroupByKey() | in_order(), equal_to_per_window({
        IntervalWindow(0, 10): [('k', [1, 2])], IntervalWindow(10, 20): [('k', [11])]}))


@case
def many_windows(p: TestPipeline) -> None:
    made = p | keyed_at(*range(500)) | WindowInto(FixedWindows(1)) | CombinePerKey(sum)
    assert_that(made, equal_to_per_window({IntervalWindow(t, t + 1): [('k', t)] for t in range(500)}))


@case
def many_keys_in_few_windows(p: TestPipeline) -> None:
    timed = [TimestampedValue((n % 100, n), n) for n in range(1000)]
    made = p | Create(timed) | WindowInto(FixedWindows(500)) | CombinePerKey(sum)

    def expected(start: int) -> Iterable[tuple[int, int]]:
        return [(key, sum(range(start + key, start + 500, 100))) for key in range(100)]

    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 500): expected(0), IntervalWindow(500, 1000): expected(500)}))
