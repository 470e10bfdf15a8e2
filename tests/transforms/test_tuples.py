"""Several combinations at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.combiners import (
    CountCombineFn,
    MeanCombineFn,
    SingleInputTupleCombineFn,
    ToListCombineFn,
    TupleCombineFn,
)
from bourne.sdk.transforms.create import Create
from tests.transforms.combining import combine, combine_in_tree, flat, parts_of


@given(parts_of(st.integers(-9, 9), max_size=100).filter(any))
def test_each_function_sees_all_values(parts: list[list[int]]) -> None:
    values = flat(parts)
    fn = SingleInputTupleCombineFn(sum, max, CountCombineFn(), merge_accumulators_batch_size=2)
    full = [part for part in parts if part]  # max of nothing is an error, as it is in plain Python
    assert combine(fn, full) == combine_in_tree(fn, full) == (sum(values), max(values), len(values))


def test_each_function_has_its_part() -> None:
    with TestPipeline() as p:
        pairs = p | Create([(1, 2.0), (3, 4.0)])
        assert_that(pairs | CombineGlobally(TupleCombineFn(sum, MeanCombineFn())), equal_to([(4, 3.0)]), 'parts')
        assert_that(pairs | 'common' >> CombineGlobally(TupleCombineFn(CountCombineFn(), ToListCombineFn())
                                                        .with_common_input()),
                    equal_to([(2, [(1, 2.0), (3, 4.0)])]), 'whole')


def test_the_lifecycle_is_passed_on() -> None:
    calls: list[str] = []

    class Noted(CombineFn):
        def __init__(self, name: str) -> None:
            self.name = name

        def setup(self) -> None:
            calls.append(f'setup {self.name}')

        def create_accumulator(self) -> int:
            return 0

        def add_input(self, mutable_accumulator: int, element: int) -> int:
            return mutable_accumulator + element

        def compact(self, accumulator: int) -> int:
            calls.append(f'compact {self.name}')
            return accumulator

        def extract_output(self, accumulator: int) -> int:
            return accumulator

        def teardown(self) -> None:
            calls.append(f'teardown {self.name}')

    fn = TupleCombineFn(Noted('a'), Noted('b'))
    fn.setup()
    assert fn.apply([(1, 2), (3, 4)]) == (4, 6)
    fn.teardown()
    assert calls == ['setup a', 'setup b', 'compact a', 'compact b', 'teardown b', 'teardown a']


def test_merging_nothing_gives_a_new_accumulator() -> None:
    assert TupleCombineFn(sum, CountCombineFn()).merge_accumulators([]) == [[], 0]


def test_bad_arguments() -> None:
    with pytest.raises(TransformError, match='TupleCombineFn needs at least one CombineFn'):
        TupleCombineFn()
    with pytest.raises(TransformError, match='write MeanCombineFn'):
        TupleCombineFn(MeanCombineFn)
    with pytest.raises(TransformError, match='merge_accumulators_batch_size must be a positive int, got 0'):
        TupleCombineFn(sum, merge_accumulators_batch_size=0)
    with pytest.raises(TransformError, match='has 2 functions, and got an element of 3 parts'):
        TupleCombineFn(sum, sum).apply([(1, 2, 3)])
