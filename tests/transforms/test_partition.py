"""Partition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.partition import Partition, PartitionFn
from bourne.sdk.transforms.sideinput import AsSingleton


class ByRemainder(PartitionFn):
    def partition_for(self, element: int, num_partitions: int, *args: Any, **kwargs: Any) -> int:
        return element % num_partitions


@given(st.lists(st.integers(-9, 9)), st.integers(1, 4))
def test_every_element_is_in_its_partition(numbers: list[int], n: int) -> None:
    with TestPipeline() as p:
        parts = p | Create(numbers) | Partition(lambda x, count: x % count, n)
        assert len(parts) == n
        for number, part in enumerate(parts):
            assert part.element_type == parts[number].element_type
            assert_that(part, equal_to([x for x in numbers if x % n == number]), f'part {number}')


def test_functions_and_arguments() -> None:
    with TestPipeline() as p:
        numbers = p | Create([1, 2, 3])
        bound = p | 'bound' >> Create([2])
        even, odd = numbers | Partition(ByRemainder(), 2)
        small, large = numbers | Partition(lambda x, n, limit, more: x > limit + more, 2, AsSingleton(bound), more=-1)
        assert_that(even, equal_to([2]), 'even')
        assert_that(odd, equal_to([1, 3]), 'odd')
        assert_that(small, equal_to([1]), 'small')
        assert_that(large, equal_to([2, 3]), 'large')
        assert even.element_type is int


@pytest.mark.parametrize(('number', 'message'), [
    (2, "there are partitions 0 to 1, and the function gave 2 for 'bad one'"),
    (-1, "there are partitions 0 to 1, and the function gave -1 for 'bad one'"),
    (0.5, "an int from 0 to 1, and the function gave 0.5 (float) for 'bad one'"),
    (None, 'gave None (NoneType)'),
])
def test_a_wrong_partition(number: Any, message: str) -> None:
    p = TestPipeline()
    p | Create(['good', 'bad one']) | Partition(lambda word, n: 0 if word == 'good' else number, 2)
    with pytest.raises(TransformError) as error:
        p.run()
    assert message in str(error.value)


@pytest.mark.parametrize(('arguments', 'message'), [
    ((3, 2), 'Partition takes a function of an element and the number of partitions, or a PartitionFn; got 3'),
    ((ByRemainder, 2), 'write ByRemainder()'),
    ((hash,), 'n is how many partitions there are, a positive int; got None'),
    ((hash, 0), 'got 0'),
    ((hash, True), 'got True'),
])
def test_bad_arguments(arguments: Any, message: str) -> None:
    with pytest.raises(TransformError) as error:
        Partition(*arguments)
    assert message in str(error.value)
