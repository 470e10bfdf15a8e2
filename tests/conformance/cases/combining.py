"""CombinePerKey, CombineGlobally, CombineValues: reductions that may be done in parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampCombiner,
    TimestampedValue,
)
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, equal_to_per_window, is_empty
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey, CombineValues
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check

PAIRS = [('a', 1), ('b', 2), ('a', 3), ('b', 4), ('a', 5)]


class Sorted(CombineFn):
    """All values, sorted. Its accumulators complain when they are used wrongly."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        assert isinstance(mutable_accumulator, list)
        return [*mutable_accumulator, element]

    def merge_accumulators(self, accumulators: Iterable[list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
        return [value for accumulator in accumulators for value in accumulator]

    def extract_output(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tuple(sorted(accumulator))


@case
def per_key_with_a_builtin(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    for fn, expected in ((sum, [('a', 9), ('b', 6)]), (min, [('a', 1), ('b', 2)]), (max, [('a', 5), ('b', 4)])):
        check(pairs | CombinePerKey(fn), expected)


@case
def any_and_all(p: TestPipeline) -> None:
    pairs = p | Create([('a', 0), ('a', 2), ('b', 0), ('c', 3)])
    check(pairs | CombinePerKey(any), [('a', True), ('b', False), ('c', True)])
    check(pairs | CombinePerKey(all), [('a', False), ('b', False), ('c', True)])


@case
def per_key_with_a_lambda(p: TestPipeline) -> None:
    check(p | Create(PAIRS) | CombinePerKey(lambda values: sum(values)), [('a', 9), ('b', 6)])


@case
def per_key_with_a_combine_fn(p: TestPipeline) -> None:
    check(p | Create(PAIRS) | CombinePerKey(Sorted()), [('a', (1, 3, 5)), ('b', (2, 4))])


@case
def counting_and_means(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | CombinePerKey(CountCombineFn()), [('a', 3), ('b', 2)])
    check(pairs | CombinePerKey(MeanCombineFn()), [('a', 3.0), ('b', 3.0)])


@case
def sums_of_what_is_not_a_number(p: TestPipeline) -> None:
    check(p | Create([('a', Timestamp(1) - Timestamp(0)), ('a', 2)]) | CombinePerKey(sum), [('a', 3)])


@case
def smallest_and_largest_of_other_things(p: TestPipeline) -> None:
    check(p | Create([('k', 'b'), ('k', 'a')]) | CombinePerKey(min), [('k', 'a')])


@case
def per_key_of_nothing(p: TestPipeline) -> None:
    assert_that(p | Create([]) | CombinePerKey(sum), is_empty())


@case
def globally(p: TestPipeline) -> None:
    numbers = p | Create([1, 2, 3])
    check(numbers | 'sum' >> CombineGlobally(sum), [6])
    check(numbers | 'max' >> CombineGlobally(max), [3])
    check(numbers | 'count' >> CombineGlobally(CountCombineFn()), [3])
    check(numbers | 'all' >> CombineGlobally(Sorted()), [(1, 2, 3)])


@case
def globally_of_nothing_is_the_combination_of_nothing(p: TestPipeline) -> None:
    none = p | Create([])
    check(none | 'sum' >> CombineGlobally(sum), [0])
    check(none | 'count' >> CombineGlobally(CountCombineFn()), [0])
    check(none | 'all' >> CombineGlobally(Sorted()), [()])


@case
def the_combination_of_nothing_has_a_time_and_a_window(p: TestPipeline) -> None:
    assert_that(p | Create([]) | CombineGlobally(sum) | Map(lambda x: x), lambda found: None if [
        tuple(one[:3]) for one in found] == [(0, GLOBAL_WINDOW.max_timestamp(), [GLOBAL_WINDOW])] else 1 / 0,
        reify_windows=True)


@case
def globally_of_nothing_without_defaults(p: TestPipeline) -> None:
    assert_that(p | Create([]) | CombineGlobally(sum).without_defaults(), is_empty())


@case
def globally_of_one_empty_side(p: TestPipeline) -> None:
    both = (p | 'none' >> Create([]), p | 'some' >> Create([1])) | Flatten()
    check(both | CombineGlobally(sum), [1])


@case
def globally_per_window(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(t, t) for t in (1, 2, 11)]) | WindowInto(FixedWindows(10))
    assert_that(timed | CombineGlobally(sum).without_defaults(), equal_to_per_window({
        IntervalWindow(0, 10): [3], IntervalWindow(10, 20): [11]}))


@case
def globally_with_fanout(p: TestPipeline) -> None:
    check(p | Create(range(100)) | CombineGlobally(sum).with_fanout(7), [4950])
    check(p | 'none' >> Create([]) | 'of nothing' >> CombineGlobally(sum).with_fanout(7), [0])


@case
def per_key_with_hot_key_fanout(p: TestPipeline) -> None:
    pairs = p | Create([(n % 3, n) for n in range(99)])
    expected = [(key, tuple(range(key, 99, 3))) for key in range(3)]
    check(pairs | 'always' >> CombinePerKey(Sorted()).with_hot_key_fanout(5), expected)
    check(pairs | 'sometimes' >> CombinePerKey(Sorted()).with_hot_key_fanout(lambda key: 4 if key == 1 else 0),
          expected)
    check(pairs | 'mean' >> CombinePerKey(MeanCombineFn()).with_hot_key_fanout(2), [(0, 48.0), (1, 49.0), (2, 50.0)])


@case
def hot_key_fanout_per_window(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(('k', t), t) for t in range(20)]) | WindowInto(FixedWindows(10))
    assert_that(timed | CombinePerKey(sum).with_hot_key_fanout(3), equal_to_per_window({
        IntervalWindow(0, 10): [('k', 45)], IntervalWindow(10, 20): [('k', 145)]}))


@case
def values_of_a_grouping(p: TestPipeline) -> None:
    groups = p | Create(PAIRS) | GroupByKey()
    check(groups | 'sum' >> CombineValues(sum), [('a', 9), ('b', 6)])
    check(groups | 'sorted' >> CombineValues(Sorted()), [('a', (1, 3, 5)), ('b', (2, 4))])


class Weighted(CombineFn):
    """The sum of values times a weight, plus an offset."""

    def create_accumulator(self, weight: int, offset: int = 0) -> int:
        return 0

    def add_input(self, mutable_accumulator: int, element: int, weight: int, offset: int = 0) -> int:
        return mutable_accumulator + element * weight

    def merge_accumulators(self, accumulators: Iterable[int], weight: int, offset: int = 0) -> int:
        return sum(accumulators)

    def extract_output(self, accumulator: int, weight: int, offset: int = 0) -> int:
        return accumulator + offset


@case
def arguments_of_the_combine_fn(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    weight = p | 'weight' >> Create([10])
    check(pairs | 'plain' >> CombinePerKey(Weighted(), 10), [('a', 90), ('b', 60)])
    check(pairs | 'named' >> CombinePerKey(Weighted(), weight=10, offset=1), [('a', 91), ('b', 61)])
    check(pairs | 'side input' >> CombinePerKey(Weighted(), AsSingleton(weight)), [('a', 90), ('b', 60)])
    check(p | 'numbers' >> Create([1, 2]) | CombineGlobally(Weighted(), 10, offset=AsSingleton(weight)), [40])
    check(p | 'none' >> Create([]) | 'nothing' >> CombineGlobally(Weighted(), 10, offset=5), [5])


class Lives(CombineFn):
    """Checks its lifecycle: setup comes first, accumulators are compacted before they move."""

    def __init__(self) -> None:
        self.ready = False

    def setup(self, *args: Any, **kwargs: Any) -> None:
        self.ready = True

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[int]:
        assert self.ready, 'setup was not called'
        return []

    def add_input(self, mutable_accumulator: list[int], element: int, *args: Any, **kwargs: Any) -> list[int]:
        mutable_accumulator.append(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[list[int]], *args: Any, **kwargs: Any) -> list[int]:
        first, *others = accumulators
        for other in others:
            first.extend(other)
        return first

    def compact(self, accumulator: list[int], *args: Any, **kwargs: Any) -> list[int]:
        assert self.ready
        return [sum(accumulator)]

    def extract_output(self, accumulator: list[int], *args: Any, **kwargs: Any) -> int:
        assert self.ready, 'setup was not called where results are extracted'
        return sum(accumulator)

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        assert self.ready
        self.ready = False


@case
def the_life_of_a_combine_fn(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | CombinePerKey(Lives()), [('a', 9), ('b', 6)])
    check(pairs | 'fanout' >> CombinePerKey(Lives()).with_hot_key_fanout(2), [('a', 9), ('b', 6)])
    check(pairs | 'values' >> Map(lambda kv: kv[1]) | CombineGlobally(Lives()), [15])
    check(pairs | GroupByKey() | CombineValues(Lives()), [('a', 9), ('b', 6)])


@case
def the_life_of_a_combine_fn_without_elements(p: TestPipeline) -> None:
    check(p | Create([]) | CombineGlobally(Lives()), [0])


@case
def in_sliding_windows(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(('k', t), t) for t in (1, 6, 11)]) | WindowInto(SlidingWindows(10, 5))
    assert_that(timed | CombinePerKey(sum), equal_to_per_window({
        IntervalWindow(-5, 5): [('k', 1)], IntervalWindow(0, 10): [('k', 7)], IntervalWindow(5, 15): [('k', 17)],
        IntervalWindow(10, 20): [('k', 11)]}))


@case
def in_sessions(p: TestPipeline) -> None:
    timed = [TimestampedValue((key, t), t) for key, t in (('a', 1), ('a', 4), ('b', 5), ('a', 20))]
    made = p | Create(timed) | WindowInto(Sessions(10)) | CombinePerKey(sum)
    assert_that(made, equal_to_per_window({
        IntervalWindow(1, 14): [('a', 5)], IntervalWindow(5, 15): [('b', 5)], IntervalWindow(20, 30): [('a', 20)]}))


@case
def with_the_earliest_timestamp(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(('k', t), t) for t in (3, 2, 7)])
    window = IntervalWindow(0, 10)
    made = timed | WindowInto(FixedWindows(10), timestamp_combiner=TimestampCombiner.OUTPUT_AT_EARLIEST)
    assert_that(made | CombinePerKey(sum), equal_to([TestWindowedValue(('k', 12), Timestamp(2), [window])],
                                                    lambda wanted, got: wanted[:3] == got[:3]), reify_windows=True)


@case
def several_combinations_of_one_collection(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    sums = pairs | 'sums' >> CombinePerKey(sum)
    counts = pairs | 'counts' >> CombinePerKey(CountCombineFn())
    check(sums, [('a', 9), ('b', 6)])
    check(counts, [('a', 3), ('b', 2)])
    check(sums | 'total' >> Map(lambda kv: kv[1]) | CombineGlobally(sum), [15])


@case
def of_a_flatten(p: TestPipeline) -> None:
    both = (p | 'a' >> Create(PAIRS), p | 'b' >> Create([('a', 100)])) | Flatten()
    check(both | CombinePerKey(sum), [('a', 109), ('b', 6)])


@case
def combination_after_combination(p: TestPipeline) -> None:
    made = (p | Create(range(20)) | Map(lambda n: (n % 4, n)) | 'first' >> CombinePerKey(sum)
            | 'rekey' >> Map(lambda kv: (kv[0] % 2, kv[1])) | 'second' >> CombinePerKey(max))
    check(made, [(0, 50), (1, 55)])


@case
def accumulators_that_are_changed_in_place_are_not_shared(p: TestPipeline) -> None:
    class Appends(Sorted):
        def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
            mutable_accumulator.append(element)
            return mutable_accumulator

        def merge_accumulators(self, accumulators: Iterable[list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
            merged: list[Any] = self.create_accumulator()
            for accumulator in accumulators:
                merged.extend(accumulator)
            return merged

    timed = p | Create([TimestampedValue(('k', t), t) for t in (1, 6)]) | WindowInto(SlidingWindows(10, 5))
    assert_that(timed | CombinePerKey(Appends()), equal_to_per_window({
        IntervalWindow(-5, 5): [('k', (1,))], IntervalWindow(0, 10): [('k', (1, 6))],
        IntervalWindow(5, 15): [('k', (6,))]}))
