"""ApproximateQuantiles: exact for few values, and never wronger than said."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.quantile_sketch import FAN, Sketch, Sketcher, size_for
from bourne.sdk.transforms.stats import ApproximateQuantiles, ApproximateQuantilesCombineFn
from bourne.sdk.transforms.window import WindowInto
from tests.transforms.combining import combine, parts_of

Weighted = tuple[Any, float]


@pytest.mark.parametrize(('values', 'count', 'expected'), [
    (range(101), 5, [0, 25, 50, 75, 100]),
    (range(100), 5, [0, 24, 49, 74, 99]),  # the first value that reaches a quarter of 100 values is the 25th
    (range(10), 5, [0, 2, 4, 7, 9]),
    (range(1, 8), 4, [1, 3, 5, 7]),
    (range(7), 2, [0, 6]),
    ([1, 2], 5, [1, 1, 1, 2, 2]),
    ([7], 3, [7, 7, 7]),
    ([], 3, []),
])
def test_few_values_are_exact(values: Sequence[int], count: int, expected: list[int]) -> None:
    shuffled = random.Random(1).sample(values, len(values))
    assert ApproximateQuantilesCombineFn.create(count).apply(shuffled) == expected
    backwards = ApproximateQuantilesCombineFn.create(count, key=lambda x: -x, reverse=True).apply(shuffled)
    assert backwards == expected


def test_key_and_order() -> None:
    words = ['aaa', 'b', 'cc']
    assert ApproximateQuantilesCombineFn.create(3, key=len).apply(words) == ['b', 'cc', 'aaa']
    assert ApproximateQuantilesCombineFn.create(3, key=len, reverse=True).apply(words) == ['aaa', 'cc', 'b']


@pytest.mark.parametrize(('pairs', 'expected'), [
    ([(x, 1) for x in range(10)], [0, 2, 4, 7, 9]),
    ([(x, 2.5) for x in range(10)], [0, 2, 4, 7, 9]),
    ([(x, 1 if x < 10 else 1e-5) for x in range(101)], [0, 2, 5, 7, 100]),
    ([(x, x < 10) for x in range(101)], [0, 2, 4, 7, 100]),
    ([(1, 0), (2, 0)], [1, 1, 1, 1, 2]),
])
def test_weights(pairs: list[Weighted], expected: list[int]) -> None:
    assert ApproximateQuantilesCombineFn.create(5, weighted=True).apply(pairs) == expected


def test_batches() -> None:
    fn = ApproximateQuantilesCombineFn.create(3, input_batched=True)
    assert fn.apply([[1, 2], [3], [], list(range(9))]) == [0, 3, 8]
    fn = ApproximateQuantilesCombineFn.create(5, weighted=True, input_batched=True)
    assert fn.apply([(list(range(10)), [1] * 10), (list(range(10, 101)), [0] * 91)]) == [0, 2, 4, 7, 100]


VALUES = st.one_of(
    st.lists(st.integers(-10**6, 10**6), max_size=400),
    st.lists(st.sampled_from([0, 0, 0, 1, 2]), max_size=400),
    st.integers(0, 400).map(lambda n: list(range(n))),
    st.integers(0, 400).map(lambda n: list(range(n, 0, -1))),
    st.integers(0, 400).map(lambda n: [x ** 5 % 1009 for x in range(n)]),
    st.integers(0, 400).map(lambda n: [2 ** (x % 40) for x in range(n)]),
)


def sketch(sketcher: Sketcher, pairs: Sequence[Weighted]) -> Sketch:
    made = Sketch()
    for value, weight in pairs:
        made.values.append(value)
        if sketcher.weighted:
            made.weights.append(weight)
        sketcher.settle(made)
    return made


def merge_by_chance(sketcher: Sketcher, sketches: list[Sketch], chance: random.Random) -> Sketch:
    waiting = list(sketches)
    while len(waiting) > 1:
        number = chance.randint(2, 3)
        chance.shuffle(waiting)
        waiting = [sketcher.merge(waiting[:number]), *waiting[number:]]
    return waiting[0]


def check(sketcher: Sketcher, made: Sketch, pairs: Sequence[Weighted], count: int) -> None:
    """No quantile is farther off than the sketch says, nor that farther than the formula says."""
    whole = sum(weight for _, weight in pairs)
    allowed = sketcher.rank_error(made) * (1 + 1e-9) + 1e-9
    levels = max(0.0, math.log(max(len(pairs), 1) / sketcher.k, FAN))
    assert allowed <= whole * levels / (2 * sketcher.k) * (1 + 1e-9) + 1e-6
    found = sketcher.quantiles(made, count)
    assert found[0] == min(value for value, _ in pairs)
    assert found[-1] == max(value for value, _ in pairs)
    for number, value in enumerate(found[1:-1], 1):
        target = number * whole / (count - 1)
        below = sum(weight for other, weight in pairs if other < value)
        reached = sum(weight for other, weight in pairs if other <= value)
        assert below - allowed <= target <= reached + allowed, (number, value, below, target, reached, allowed)


@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(2, 12), st.integers(2, 11), st.randoms())
def test_the_error_bound_holds_for_every_merge_tree(parts: list[list[int]], k: int, count: int,
                                                    chance: random.Random) -> None:
    sketcher = Sketcher(k, None, False, False)
    weighted = [[(value, 1.0) for value in part] for part in parts]
    made = merge_by_chance(sketcher, [sketch(sketcher, part) for part in weighted], chance)
    pairs = [pair for part in weighted for pair in part]
    if pairs:
        check(sketcher, made, pairs, count)
    else:
        assert sketcher.quantiles(made, count) == []


@given(st.lists(VALUES, min_size=1, max_size=4), st.integers(2, 12), st.randoms(),
       st.sampled_from([[1.0], [0.0, 1.0], [1e-5, 1.0, 1.0, 1000.0], [0.1, 0.2, 0.3]]))
def test_the_error_bound_holds_for_weights(parts: list[list[int]], k: int, chance: random.Random,
                                           weights: list[float]) -> None:
    sketcher = Sketcher(k, None, False, True)
    weighted = [[(value, chance.choice(weights)) for value in part] for part in parts]
    made = merge_by_chance(sketcher, [sketch(sketcher, part) for part in weighted], chance)
    pairs = [pair for part in weighted for pair in part]
    if pairs:
        check(sketcher, made, pairs, 5)


@given(st.floats(0.0005, 0.5), st.integers(1, 10**9))
def test_the_size_keeps_the_error(epsilon: float, most: int) -> None:
    k = size_for(epsilon, most)
    for count in {most, most // 2, min(most, FAN * k), min(most, FAN ** 5 * k)}:
        levels = 0
        while FAN ** (levels + 1) * k <= count:
            levels += 1
        assert levels / (2 * k) <= epsilon * (1 + 1e-9)


def test_a_long_input_keeps_its_error_and_little_memory() -> None:
    chance = random.Random(5)
    values = [chance.gauss(0, 1) for _ in range(40_000)]
    fn = ApproximateQuantilesCombineFn.create(11, epsilon=0.02, max_num_elements=40_000)
    accumulator = fn.add_inputs(fn.create_accumulator(), values)
    held = len(accumulator.values) + sum(len(part) for level in accumulator.levels for part, _ in level)
    assert held < 2_000
    ordered = sorted(values)
    for number, value in enumerate(fn.extract_output(accumulator)[1:-1], 1):
        assert abs(ordered.index(value) - number * 4_000) <= 0.02 * 40_000


@given(parts_of(st.integers(0, 100)))
def test_parts_travel(parts: list[list[int]]) -> None:
    fn = ApproximateQuantilesCombineFn.create(4)
    assert combine(fn, parts) == fn.apply([value for part in parts for value in part])


def test_transforms() -> None:
    with TestPipeline() as p:
        numbers = p | Create(range(101))
        assert_that(numbers | ApproximateQuantiles.Globally(5), equal_to([[0, 25, 50, 75, 100]]), 'globally')
        pairs = p | 'pairs' >> Create([('a', (x, 1)) for x in range(3)] + [('b', (9, 2))])
        assert_that(pairs | ApproximateQuantiles.PerKey(3, weighted=True),
                    equal_to([('a', [0, 1, 2]), ('b', [9, 9, 9])]), 'per key')
        assert_that(p | 'none' >> Create([]) | 'empty' >> ApproximateQuantiles.Globally(3), equal_to([[]]), 'empty')
        windowed = p | 'timed' >> Create([TimestampedValue(x, x) for x in range(10)]) | WindowInto(FixedWindows(5))
        assert_that(windowed | 'each' >> ApproximateQuantiles.Globally(2).without_defaults(),
                    equal_to([[0, 4], [5, 9]]), 'windows')


def test_types() -> None:
    p = TestPipeline()
    assert (p | 'a' >> Create([1]) | ApproximateQuantiles.Globally(3)).element_type == list[int]
    batches = p | 'b' >> Create([('k', ([1], [0.5]))])
    made = batches | ApproximateQuantiles.PerKey(3, weighted=True, input_batched=True)
    assert made.element_type == tuple[str, list[int]]


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'num_quantiles': 1}, 'num_quantiles must be an int of at least 2'),
    ({'num_quantiles': '5'}, "got '5'"),
    ({'num_quantiles': 3, 'epsilon': 0}, 'epsilon must be between 0 and 1, got 0'),
    ({'num_quantiles': 3, 'max_num_elements': 0}, 'max_num_elements must be at least 1, got 0'),
    ({'num_quantiles': 3, 'key': 'name'}, "key is a function of a value, got 'name'"),
])
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as error:
        ApproximateQuantilesCombineFn.create(**arguments)
    assert message in str(error.value)


@pytest.mark.parametrize('element', [3, (1, -1), (1, float('nan')), (1, 'much'), (1, 2, 3)])
def test_bad_weights(element: Any) -> None:
    with pytest.raises(TransformError) as error:
        ApproximateQuantilesCombineFn.create(3, weighted=True).apply([element])
    assert 'takes pairs of a value and its weight' in str(error.value)
    assert f'got {element!r}' in str(error.value)
