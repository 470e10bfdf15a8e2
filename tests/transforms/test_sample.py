"""Sample: uniform, whatever the way elements are spread and merged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest

from bourne.errors import TransformError
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, is_empty, matches_all
from bourne.sdk.transforms.combiners import Count, Sample, SampleCombineFn
from bourne.sdk.transforms.create import Create
from tests.transforms.combining import combine, combine_in_tree

#: The 0.001 quantile of chi-squared with 14 degrees of freedom, from above: what chance exceeds once in 1000 times.
CHI_SQUARED_14 = 36.12


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    state = random.getstate()
    random.seed(20)
    yield
    random.setstate(state)


@pytest.mark.parametrize('way', [combine, combine_in_tree])
@pytest.mark.parametrize('parts', [[[0, 1, 2, 3, 4, 5]], [[0], [1, 2], [3, 4, 5], []], [[0, 1, 2, 3, 4], [5]]])
def test_every_pair_of_six_is_equally_likely(way: Callable[[CombineFn, Any], Any], parts: list[list[int]]) -> None:
    trials = 6_000
    seen = Counter(tuple(sorted(way(SampleCombineFn(2), parts))) for _ in range(trials))
    expected = trials / 15
    distance = sum((seen[pair] - expected) ** 2 / expected for pair in combinations(range(6), 2))
    assert distance < CHI_SQUARED_14


def test_a_long_input_is_sampled_evenly() -> None:
    hits: Counter[int] = Counter()
    for _ in range(300):
        hits.update(x // 100 for x in SampleCombineFn(10).apply(range(1_500)))
    expected = 300 * 10 / 15
    assert sum((hits[part] - expected) ** 2 / expected for part in range(15)) < CHI_SQUARED_14


def test_elements_need_no_order() -> None:
    assert len(SampleCombineFn(3).apply([1j, {}, 'a', None, object()])) == 3


def test_globally_and_per_key() -> None:
    with TestPipeline() as p:
        letters = p | Create(list('abcdef'))
        sample = letters | Sample.FixedSizeGlobally(3)
        assert_that(sample, equal_to([3], lambda size, found: len(set(found) & set('abcdef')) == size), 'three')
        assert_that(letters | 'all' >> Sample.FixedSizeGlobally(9),
                    equal_to(['abcdef'], lambda all_, found: sorted(found) == list(all_)), 'all')
        pairs = p | 'pairs' >> Create([('a', 1), ('a', 1), ('a', 1), ('b', 2)])
        assert_that(pairs | Sample.FixedSizePerKey(2), equal_to([('a', [1, 1]), ('b', [2])]), 'per key')


def test_any_gives_elements() -> None:
    with TestPipeline() as p:
        letters = p | Create(list('aaaa'))
        assert_that(letters | Sample.Any(3), matches_all(['a', 'a', 'a']), 'three')
        assert_that(letters | 'more' >> Sample.Any(9) | Count.Globally(), equal_to([4]), 'all')
        assert_that(letters | 'none' >> Sample.Any(0), is_empty(), 'none')
        assert_that(p | 'nothing' >> Create([]) | 'empty' >> Sample.Any(2), is_empty(), 'empty')


def test_an_empty_input_gives_an_empty_sample() -> None:
    with TestPipeline() as p:
        assert_that(p | Create([]) | Sample.FixedSizeGlobally(2), equal_to([[]]))


@pytest.mark.parametrize('make', [Sample.FixedSizeGlobally, Sample.FixedSizePerKey, Sample.Any, SampleCombineFn])
def test_n_is_a_number_of_elements(make: Callable[[Any], Any]) -> None:
    with pytest.raises(TransformError, match='an int of at least 0; got -1'):
        make(-1)


def test_types() -> None:
    p = TestPipeline()
    letters = p | Create(['a'])
    assert (letters | Sample.FixedSizeGlobally(1)).element_type == list[str]
    assert (letters | Sample.Any(1)).element_type is str
