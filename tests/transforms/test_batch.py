"""Elements in lists: how large, of which window, at which time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.metrics import MetricsFilter
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import (
    FixedWindows,
    GlobalWindow,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampedValue,
)
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, is_empty
from bourne.sdk.transforms.batch import BatchElements, SortAndBatchElements, WithLengthBucketKey
from bourne.sdk.transforms.batch_size import BatchSizeEstimator, fit
from bourne.sdk.transforms.count import Count
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group_batches import GroupIntoBatches
from bourne.sdk.transforms.keys import Distinct
from bourne.sdk.transforms.pardo import FlatMap, Map, ParDo
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from bourne.sdk.typehints import ShardedKey


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


#: Of this module, so that all copies of functions that look at it see the same one.
CLOCK = Clock()


def clock() -> float:
    return CLOCK.now


def take_time(batch: list[int]) -> int:
    CLOCK.now += 10 + len(batch)
    return len(batch)


def estimator(clock: Callable[[], float], least: int = 1, most: int = 10_000, overhead: float | None = None,
              duration: float | None = None, whole: float | None = None, variance: float = 0.0) -> BatchSizeEstimator:
    return BatchSizeEstimator(least, most, overhead, duration, whole, variance, clock, False)


def work(tested: BatchSizeEstimator, clock: Clock, batches: int, fixed: float, each: float) -> list[int]:
    """The sizes that are suggested while batches take ``fixed + each * size`` seconds."""
    sizes = []
    for _ in range(batches):
        size = tested.next_size()
        sizes.append(size)
        with tested.measure(size):
            clock.now += fixed + each * size
    return sizes


@pytest.mark.parametrize(('targets', 'size'), [
    ({'overhead': 0.05}, 190),  # 10 / 1 * (1 / 0.05 - 1)
    ({'overhead': 0.5}, 10),
    ({'duration': 100.0}, 100),
    ({'whole': 100.0}, 90),
    ({'overhead': 0.05, 'duration': 1_000.0, 'whole': 60.0}, 50),
    ({'overhead': 0.001}, 1_000),  # the greatest size
    ({'whole': 5.0}, 3),  # the least size: nothing smaller is asked for
])
def test_the_size_that_the_targets_ask_for_is_found(targets: dict[str, float], size: int) -> None:
    clock = Clock()
    tested = estimator(clock, least=3, most=1_000, **targets)
    sizes = work(tested, clock, 40, fixed=10.0, each=1.0)
    assert sizes[0] == 3
    assert all(after <= 2 * before for before, after in pairwise(sizes[1:]))
    assert max(abs(found - size) for found in sizes[-6:]) <= 1


def test_sizes_vary_around_the_target() -> None:
    clock = Clock()
    tested = estimator(clock, overhead=0.05, variance=0.25)
    sizes = work(tested, clock, 60, fixed=10.0, each=1.0)[-30:]
    assert min(sizes) >= 140
    assert max(sizes) <= 240
    assert len(set(sizes)) > 5


def test_without_measurable_cost_batches_are_large() -> None:
    clock = Clock()
    assert max(work(estimator(clock, most=500, overhead=0.05, duration=1.0), clock, 20, 0.0, 0.0)) == 500


def test_a_fixed_size_is_kept() -> None:
    clock = Clock()
    assert set(work(estimator(clock, 7, 7, overhead=0.05), clock, 20, 3.0, 1.0)) == {7}


def test_the_fit_leaves_out_what_is_odd() -> None:
    timings = [(size, 4.0 + 0.5 * size) for size in range(10, 30)]
    assert fit(timings) == pytest.approx((4.0, 0.5))
    assert fit([*timings, (12, 500.0)]) == pytest.approx((4.0, 0.5), rel=0.3)
    assert fit([(5, 2.0), (5, 4.0)]) == (0.0, 0.6)


@pytest.mark.parametrize('seconds', [None, 60], ids=['in a bundle', 'kept open'])
def test_what_is_fused_below_is_what_is_measured(seconds: float | None) -> None:
    """Batches of x elements take 10 + x seconds downstream, of which 10 are 5 percent if x is 190."""
    with TestPipeline() as p:
        sizes = (p | Create(range(12_000))
                 | BatchElements(target_batch_overhead=0.05, target_batch_duration_secs=None, variance=0, clock=clock,
                                 max_batch_duration_secs=seconds)
                 | Map(take_time))
        assert_that(sizes, mostly_near(190))


def mostly_near(size: int) -> Callable[[list[int]], None]:
    def check(sizes: list[int]) -> None:
        assert sum(sizes) == 12_000
        assert sum(abs(one - size) < 20 for one in sizes) >= len(sizes) / 2, sizes

    return check


@given(st.lists(st.integers(), max_size=50), st.integers(1, 9))
def test_batches_hold_every_element_once_and_are_full(numbers: list[int], size: int) -> None:
    with TestPipeline() as p:
        batches = p | Create(numbers) | BatchElements(size, size)
        lengths = [size] * (len(numbers) // size) + [len(numbers) % size] * (len(numbers) % size > 0)
        assert_that(batches | Map(len), equal_to(lengths), 'lengths')
        assert_that(batches | FlatMap(), equal_to(numbers), 'elements')


def end_and_window(batch: list[Any], time: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam) -> Any:
    return batch, time == window.max_timestamp(), window


def test_batches_are_emitted_at_the_end_of_their_window() -> None:
    with TestPipeline() as p:
        timed = p | Create([TimestampedValue(x, x) for x in (1, 11, 2, 12, 3)])
        globally = timed | 'global' >> BatchElements(2, 2) | 'g' >> Map(end_and_window)
        window = GlobalWindow()
        assert_that(globally, equal_to([([1, 11], True, window), ([2, 12], True, window), ([3], True, window)]), 'g?')
        fixed = timed | WindowInto(FixedWindows(10)) | 'fixed' >> BatchElements(2, 2) | 'f' >> Map(end_and_window)
        assert_that(fixed, equal_to([([1, 2], True, IntervalWindow(0, 10)), ([3], True, IntervalWindow(0, 10)),
                                     ([11, 12], True, IntervalWindow(10, 20))]), 'f?')


@pytest.mark.parametrize('windowfn', [SlidingWindows(10, 5), Sessions(3), FixedWindows(1)])
def test_batches_stay_in_their_window(windowfn: Any) -> None:
    def window_of(element: int, window: Any = DoFn.WindowParam) -> tuple[int, Any]:
        return element, window

    with TestPipeline() as p:
        windowed = p | Create([TimestampedValue(x % 40, x % 40) for x in range(200)]) | WindowInto(windowfn)
        batched = windowed | BatchElements(3, 3) | FlatMap() | 'after' >> Map(window_of)
        before: Any = [*range(40)] * 5
        assert_that(batched | Map(lambda x: x[0]),
                    equal_to(before * (2 if isinstance(windowfn, SlidingWindows) else 1)), 'elements')
        assert_that(batched | 'misplaced' >> FlatMap(
            lambda x: [] if x[1].start <= x[0] < x[1].end else [x]), is_empty(), 'windows')


def test_sizes_and_lengths() -> None:
    words = ['a', 'bbbbb', 'cc', 'dddddddd', 'e']
    with TestPipeline() as p:
        read = p | Create(words)
        assert_that(read | 'sizes' >> BatchElements(6, 6, element_size_fn=len),
                    equal_to([['a', 'bbbbb'], ['cc'], ['dddddddd'], ['e']]), 'sizes?')
        assert_that(read | 'lengths' >> BatchElements(9, 9, length_fn=len, bucket_boundaries=[2, 5]),
                    equal_to([['a', 'e'], ['cc'], ['bbbbb', 'dddddddd']]), 'lengths?')
        assert_that(read | 'default' >> BatchElements(9, 9, length_fn=len), equal_to([words]), 'default?')


def test_metrics() -> None:
    p = TestPipeline()
    p | Create(range(10)) | BatchElements(4, 4) | 'off' >> BatchElements(2, 2, record_metrics=False)
    found = p.run().metrics().query(MetricsFilter().with_namespace('BatchElements'))['distributions']
    sizes = {result.key.metric.name: result.committed for result in found}
    assert (sizes['batch_size'].count, sizes['batch_size'].sum, sizes['batch_size'].max) == (3, 10, 4)
    assert sizes['msec_per_batch'].count == 2  # the last batch of a bundle is not measured


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'min_batch_size': 5, 'max_batch_size': 4}, 'min_batch_size=5 is greater than max_batch_size=4'),
    ({'min_batch_size': 0}, 'min_batch_size must be a positive int, got 0'),
    ({'target_batch_overhead': 2}, 'target_batch_overhead is a share from 0 to 1, got 2'),
    ({'target_batch_duration_secs': -1}, 'target_batch_duration_secs must be positive, got -1'),
    ({'target_batch_overhead': None, 'target_batch_duration_secs': None}, 'at least one target is needed'),
    ({'variance': 1}, 'variance is a share below 1, got 1'),
    ({'bucket_boundaries': [1]}, 'bucket_boundaries bound what length_fn gives, and there is none'),
    ({'bucket_boundaries': [2, 1], 'length_fn': len}, 'bucket_boundaries must be positive and increasing, got [2, 1]'),
])
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as error:
        BatchElements(**arguments)
    assert message in str(error.value)


def test_batches_that_are_kept_open() -> None:
    with TestPipeline(options=PipelineOptions(['--bundle_size=2'])) as p:
        words = ['a', 'b', 'cc', 'dd', 'eee', 'fff', 'g']
        read = p | Create(words)
        assert_that(read | 'kept' >> BatchElements(3, 3, max_batch_duration_secs=60) | 'l' >> Map(len),
                    equal_to([3, 3, 1]), 'kept?')
        assert_that(read | 'sizes' >> BatchElements(6, 6, max_batch_duration_secs=60, element_size_fn=len)
                    | 's' >> Map(lambda batch: sum(map(len, batch)) <= 6), equal_to([True, True, True]), 'sizes?')
        assert_that(read | 'lengths' >> BatchElements(9, 9, max_batch_duration_secs=60, length_fn=len,
                                                      bucket_boundaries=[2, 3]),
                    equal_to([['a', 'b', 'g'], ['cc', 'dd'], ['eee', 'fff']]), 'lengths?')
        timed = read | WithTimestamps(lambda word: 5 * len(word)) | WindowInto(FixedWindows(10))
        batched = timed | 'windows' >> BatchElements(9, 9, max_batch_duration_secs=60)
        assert batched.element_type == list[str]
        assert_that(batched | 'w' >> Map(end_and_window), equal_to([
            (['a', 'b', 'g'], True, IntervalWindow(0, 10)),
            (['cc', 'dd', 'eee', 'fff'], True, IntervalWindow(10, 20))]), 'windows?')


def test_sorted_batches() -> None:
    words = ['aaa', 'b', 'cc', 'ddddd', 'e']
    with TestPipeline() as p:
        read = p | Create(words)
        assert_that(read | 'count' >> SortAndBatchElements(1, 2, 100),
                    equal_to([['b', 'e'], ['cc', 'aaa'], ['ddddd']]), 'count?')
        assert_that(read | 'weight' >> SortAndBatchElements(1, 9, 4),
                    equal_to([['b', 'e', 'cc'], ['aaa'], ['ddddd']]), 'weight?')
        assert_that(read | 'size' >> SortAndBatchElements(1, 9, 9, element_size_fn=lambda word: -ord(word[0]) + 105),
                    equal_to([['e', 'ddddd'], ['cc'], ['b'], ['aaa']]), 'size?')
        assert_that(p | 'numbers' >> Create([3, 1]) | SortAndBatchElements(1, 9, 9), equal_to([[3, 1]]), 'no length')
        timed = p | 'timed' >> Create([TimestampedValue('a' * x, x) for x in (3, 12, 1)]) | WindowInto(FixedWindows(10))
        assert_that(timed | 'windows' >> SortAndBatchElements(1, 9, 99) | Map(end_and_window), equal_to([
            (['a', 'aaa'], True, IntervalWindow(0, 10)), (['a' * 12], True, IntervalWindow(10, 20))]), 'windows?')


@pytest.mark.parametrize(('arguments', 'message'), [
    ((0, 1, 1), 'min_batch_size must be at least 1, got 0'),
    ((2, 1, 1), 'max_batch_size=1 is less than min_batch_size=2'),
    ((1, 1, 0), 'max_batch_weight must be at least 1, got 0'),
    ((1, 1, 1, 3), 'element_size_fn is a function, got 3'),
])
def test_bad_arguments_of_sorted_batches(arguments: Any, message: str) -> None:
    with pytest.raises(TransformError) as error:
        SortAndBatchElements(*arguments)
    assert message in str(error.value)


def test_length_bucket_keys() -> None:
    with TestPipeline() as p:
        keyed = p | Create(['a', 'bb', 'ccc']) | ParDo(WithLengthBucketKey(len, [2, 3]))
        assert_that(keyed | 'bucket' >> Map(lambda x: (x[0][1], x[1])), equal_to([(0, 'a'), (1, 'bb'), (2, 'ccc')]))


@given(st.lists(st.tuples(st.sampled_from('ab'), st.integers()), max_size=30), st.integers(1, 5))
def test_groups_in_batches(pairs: list[tuple[str, int]], size: int) -> None:
    with TestPipeline() as p:
        batches = p | Create(pairs) | GroupIntoBatches(size, max_buffering_duration_secs=10)
        counts = [len([key for key, _ in pairs if key == one]) for one in 'ab']
        lengths = [length for count in counts for length in [size] * (count // size) + [count % size] if length]
        assert_that(batches | Map(lambda x: len(x[1])), equal_to(lengths), 'lengths')
        assert_that(batches | FlatMap(lambda x: [(x[0], value) for value in x[1]]), equal_to(pairs), 'values')


def test_groups_in_batches_by_window_and_shard() -> None:
    with TestPipeline() as p:
        timed = p | Create([TimestampedValue(('k', x), x) for x in (1, 2, 3, 11)]) | WindowInto(FixedWindows(10))
        assert_that(timed | GroupIntoBatches(2) | 'lengths' >> Map(lambda x: len(x[1])), equal_to([2, 1, 1]), 'windows')
        pairs = p | 'pairs' >> Create([('k', x) for x in range(5)])
        sharded = pairs | GroupIntoBatches.WithShardedKey(3)
        assert sharded.element_type == tuple[ShardedKey[str], list[int]]
        assert_that(sharded | 'all' >> FlatMap(lambda x: [(x[0].key, value) for value in x[1]]),
                    equal_to([('k', x) for x in range(5)]), 'sharded')


def test_groups_in_batches_wait_by_a_clock() -> None:
    """All that was set to wait comes to its end with the input, whatever the clock says."""
    with TestPipeline() as p:
        pairs = p | Create([('k', x) for x in range(5)])
        for number, options in enumerate([{}, {'clock': clock}, {'clock': lambda: Timestamp(5)}]):
            batches = pairs | f'{number}' >> GroupIntoBatches(3, 100, **options)
            assert_that(batches | f'{number} lengths' >> Map(lambda x: len(x[1])), equal_to([3, 2]), f'{number}?')


@pytest.mark.parametrize(('size', 'bundle_size', 'shards'), [(3, 100, 1), (3, 1, 4), (2, 5, 3), (50, 1, 1)])
def test_shards_follow_each_other_when_they_got_enough_for_a_batch(size: int, bundle_size: int, shards: int) -> None:
    with TestPipeline(options=PipelineOptions([f'--bundle_size={bundle_size}'])) as p:
        sharded = p | Create([('k', x) for x in range(12)]) | GroupIntoBatches.WithShardedKey(size)
        assert_that(sharded | 'shards' >> Map(lambda x: x[0]) | Distinct() | Count.Globally(), equal_to([shards]), 's')
        assert_that(sharded | FlatMap(lambda x: x[1]), equal_to(range(12)), 'all')


@pytest.mark.parametrize(('arguments', 'message'), [
    ((0,), 'batch_size must be a positive int, got 0'),
    ((1, -1), 'max_buffering_duration_secs must be at least 0 (no limit), got -1'),
])
def test_bad_arguments_of_groups_in_batches(arguments: Any, message: str) -> None:
    for make in (GroupIntoBatches, GroupIntoBatches.WithShardedKey):
        with pytest.raises(TransformError) as error:
            make(*arguments)
        assert message in str(error.value)
