"""Top: the greatest and least elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, is_empty
from bourne.sdk.transforms.combiners import Largest, Smallest, Top, TopCombineFn
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.window import WindowInto
from tests.transforms.combining import combine, combine_in_tree, flat, parts_of


@given(parts_of(st.integers(-50, 50)), st.integers(0, 7), st.booleans())
def test_top_is_the_begin_of_sorted(parts: list[list[int]], n: int, reverse: bool) -> None:
    fn = TopCombineFn(n, reverse=reverse)
    expected = sorted(flat(parts), reverse=not reverse)[:n]
    assert combine(fn, parts) == expected
    assert combine_in_tree(fn, parts) == expected


@given(parts_of(st.text('ab', max_size=5)), st.integers(0, 5), st.booleans())
def test_the_key_ranks(parts: list[list[str]], n: int, reverse: bool) -> None:
    expected = sorted(map(len, flat(parts)), reverse=not reverse)[:n]
    assert list(map(len, combine(TopCombineFn(n, len, reverse), parts))) == expected


def test_elements_are_compared_by_less_than_alone() -> None:
    class Version:
        def __init__(self, number: int) -> None:
            self.number = number

        def __lt__(self, other: Version) -> bool:
            return self.number < other.number

    fn = TopCombineFn(2)
    best = fn.apply(map(Version, range(100)))
    assert [version.number for version in best] == [99, 98]


def test_an_accumulator_stays_small() -> None:
    fn = TopCombineFn(3)
    accumulator = fn.add_inputs(fn.create_accumulator(), range(10_000))
    assert len(accumulator.kept) < 20
    assert len(fn.compact(accumulator).kept) == 3


def test_globally() -> None:
    with TestPipeline() as p:
        numbers = p | Create([4, 1, 3, 2])
        assert_that(numbers | Top.Of(2), equal_to([[4, 3]]), 'of')
        assert_that(numbers | 'r' >> Top.Of(2, reverse=True), equal_to([[1, 2]]), 'reverse')
        assert_that(numbers | Top.Largest(2, key=lambda x: -x), equal_to([[1, 2]]), 'largest')
        assert_that(numbers | Top.Smallest(9), equal_to([[1, 2, 3, 4]]), 'smallest')


def test_per_key() -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('a', 3), ('a', 2), ('b', 0)])
        assert_that(pairs | Top.PerKey(2), equal_to([('a', [3, 2]), ('b', [0])]), 'of')
        assert_that(pairs | Top.LargestPerKey(1), equal_to([('a', [3]), ('b', [0])]), 'largest')
        assert_that(pairs | Top.SmallestPerKey(2, key=lambda x: x), equal_to([('a', [1, 2]), ('b', [0])]), 'smallest')


def test_empty_and_windowed_inputs() -> None:
    with TestPipeline() as p:
        nothing = p | Create([])
        assert_that(nothing | Top.Of(2), equal_to([[]]), 'empty')
        assert_that(nothing | 'none' >> Top.Largest(2, has_defaults=False), is_empty(), 'nothing')
        windowed = (p | 'timed' >> Create([TimestampedValue(x, x) for x in (1, 2, 11)])
                    | WindowInto(FixedWindows(10)))
        assert_that(windowed | 'each' >> Top.Of(1).without_defaults(), equal_to([[2], [11]]), 'windows')


@pytest.mark.parametrize('make', [Top.Of, Top.PerKey, Top.Largest, Top.SmallestPerKey, TopCombineFn, Largest, Smallest])
@pytest.mark.parametrize('n', [-1, 1.5, True, '3', None])
def test_n_is_a_number_of_elements(make: Callable[[Any], Any], n: Any) -> None:
    with pytest.raises(TransformError) as error:
        make(n)
    assert f'n is the number of elements to keep, an int of at least 0; got {n!r}' in str(error.value)


def test_key_is_a_function() -> None:
    with pytest.raises(TransformError, match="key is a function of a value, got 'name'"):
        Top.Of(1, key='name')  # type: ignore[arg-type]


def test_labels_and_types() -> None:
    p = TestPipeline()
    numbers = p | Create([1])
    assert (numbers | Top.Largest(3)).element_type == list[int]
    assert [item.label for item in p.to_graph().composites] == [
        'Top.Largest(3)', 'Top.Largest(3)/CombineGlobally(TopCombineFn(3))']
