"""Count and Mean."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.plan.compile import compile_plan
from bourne.engine.program.program import describe_program
from bourne.errors import TransformError
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, is_empty
from bourne.sdk.transforms.combiners import Count, Mean
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto


@given(st.lists(st.sampled_from('abc')))
def test_counts_are_those_of_a_counter(words: list[str]) -> None:
    with TestPipeline() as p:
        read = p | Create(words)
        pairs = read | Map(lambda word: (word, 1))
        assert_that(read | Count.Globally(), equal_to([len(words)]), 'globally')
        assert_that(read | Count.PerElement(), equal_to(Counter(words).items()), 'per element')
        assert_that(pairs | Count.PerKey(), equal_to(Counter(words).items()), 'per key')


def test_a_count_that_is_all_that_its_stage_does() -> None:
    with TestPipeline() as p:
        assert_that(p | Create([1, 2]) | Count.Globally(), equal_to([2]))


def test_mean() -> None:
    with TestPipeline() as p:
        numbers = p | Create([1, 2, 6])
        pairs = numbers | Map(lambda x: (x % 2, x))
        assert_that(numbers | Mean.Globally(), equal_to([3.0]), 'globally')
        assert_that(pairs | Mean.PerKey(), equal_to([(1, 1.0), (0, 4.0)]), 'per key')


def test_what_an_empty_input_gives() -> None:
    with TestPipeline() as p:
        nothing = p | Create([])
        assert_that(nothing | Count.Globally(), equal_to([0]), 'zero')
        assert_that(nothing | Mean.Globally(), equal_to([True], lambda want, mean: math.isnan(mean)), 'nan')
        assert_that(nothing | 'without' >> Count.Globally().without_defaults(), is_empty(), 'nothing')
        assert_that(nothing | 'again' >> Count.Globally(has_defaults=False).with_defaults(), equal_to([0]), 'back')


def test_windows_have_no_default() -> None:
    with TestPipeline() as p:
        windowed = p | Create([TimestampedValue('x', 1), TimestampedValue('y', 11)]) | WindowInto(FixedWindows(10))
        with pytest.raises(TransformError, match=r'CountCombineFn.*without_defaults\(\)'):
            windowed | Count.Globally()
        assert_that(windowed | 'each' >> Count.Globally().without_defaults(), equal_to([1, 1]))


def test_types_and_labels() -> None:
    p = TestPipeline()
    words = p | Create(['a'])
    pairs = p | 'pairs' >> Create([('a', 1)])
    assert (words | Count.Globally()).element_type is int
    assert (words | Count.PerElement()).element_type == tuple[str, int]
    assert (pairs | Count.PerKey()).element_type == tuple[str, int]
    assert (pairs | Mean.PerKey()).element_type == tuple[str, float]
    assert [item.label for item in p.to_graph().composites if '/' not in item.label] == [
        'Count.Globally', 'Count.PerElement', 'Count.PerKey', 'Mean.PerKey']


def test_counting_elements_is_one_dict_update() -> None:
    p = TestPipeline()
    p | Create(['a']) | Count.PerElement() | Map(print)
    plan = compile_plan(p.to_graph())
    source = describe_program(plan, plan.stages[0])
    assert any('[x] = get' in line and ', 0) + 1' in line for line in source.splitlines()), source
