"""ApproximateUnique: exact for few values, within its error for many, the same however values are spread."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import KeyEncodingError, TransformError
from bourne.sdk.model.coders import FastPrimitivesCoder, StrUtf8Coder
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.stats import ApproximateUnique, ApproximateUniqueCombineFn
from bourne.sdk.transforms.window import WindowInto
from tests.transforms.combining import combine, combine_in_tree, flat, parts_of


@given(parts_of(st.integers(0, 60)))
def test_the_result_depends_on_the_set_of_values_alone(parts: list[list[int]]) -> None:
    fn = ApproximateUniqueCombineFn(16)
    distinct = set(flat(parts))
    estimate = fn.apply(sorted(distinct))
    assert combine(fn, parts) == combine_in_tree(fn, parts) == estimate
    if len(distinct) <= 16:
        assert estimate == len(distinct)


@pytest.mark.parametrize('size', [16, 64, 400])
def test_the_error_is_as_said(size: int) -> None:
    """2 / sqrt(size) is two standard errors: about 5 in 100 results are farther off."""
    fn = ApproximateUniqueCombineFn(size)
    errors = [abs(fn.apply((number, value) for value in range(2_000)) / 2_000 - 1) for number in range(100)]
    assert sum(error > 2 / math.sqrt(size) for error in errors) <= 10
    assert sum(errors) / 100 < 1 / math.sqrt(size)


def test_an_accumulator_stays_small() -> None:
    fn = ApproximateUniqueCombineFn(20)
    accumulator = fn.create_accumulator()
    for value in range(5_000):
        accumulator = fn.add_input(accumulator, value)
        assert len(accumulator.hashes) < 40
    assert len(fn.compact(accumulator).hashes) == 20


def test_equal_keys_are_one_value() -> None:
    assert ApproximateUniqueCombineFn(16).apply([1, 1.0, True, 'a', (1, 2), (1.0, 2)]) == 3


def test_transforms() -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('a', 2), ('a', 1), ('b', 1)])
        assert_that(pairs | ApproximateUnique.Globally(size=16), equal_to([3]), 'globally')
        assert_that(pairs | ApproximateUnique.PerKey(error=0.1), equal_to([('a', 2), ('b', 1)]), 'per key')
        assert_that(p | 'none' >> Create([]) | 'zero' >> ApproximateUnique.Globally(error=0.5), equal_to([0]), 'zero')
        windowed = p | 'timed' >> Create([TimestampedValue(x % 3, x) for x in range(10)]) | WindowInto(FixedWindows(5))
        assert_that(windowed | 'each' >> ApproximateUnique.Globally(size=16).without_defaults(), equal_to([3, 3]),
                    'windows')


def test_the_error_gives_the_size() -> None:
    assert ApproximateUnique.parse_input_params(error=0.5) == 16
    assert ApproximateUnique.parse_input_params(error=0.01) == 40_000
    assert ApproximateUnique.parse_input_params(size=30) == 30


@pytest.mark.parametrize(('arguments', 'message'), [
    ({}, 'takes either size or error, got neither'),
    ({'size': 20, 'error': 0.1}, 'takes either size or error, got both, size=20 and error=0.1'),
    ({'size': 15}, 'size must be an int of at least 16, which has an error of up to 0.5'),
    ({'size': 20.0}, 'Got 20.0'),
    ({'error': 0.001}, 'error must be between 0.01 and 0.5, got 0.001'),
    ({'error': 'much'}, "error must be between 0.01 and 0.5, got 'much'"),
])
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    for make in (ApproximateUnique.Globally, ApproximateUnique.PerKey):
        with pytest.raises(TransformError) as error:
            make(**arguments)
        assert message in str(error.value)


def test_values_that_cannot_be_compared() -> None:
    p = TestPipeline()
    with pytest.raises(TransformError, match=r'ApproximateUnique.Globally compares elements .* list\[int\] cannot be'):
        p | Create([[1]]) | ApproximateUnique.Globally(size=16)
    with pytest.raises(KeyEncodingError, match='list'):
        ApproximateUniqueCombineFn(16).apply([[1]])


def test_a_coder_may_encode() -> None:
    assert ApproximateUniqueCombineFn(16, StrUtf8Coder()).apply(['a', 'b', 'a']) == 2
    with pytest.raises(TransformError, match='is not deterministic'):
        ApproximateUniqueCombineFn(16, FastPrimitivesCoder())
