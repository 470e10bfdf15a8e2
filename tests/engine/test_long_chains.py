"""Chains of operators that are longer than Python lets a program nest."""

from __future__ import annotations

from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map


def test_a_chain_of_five_hundred_maps() -> None:
    with TestPipeline() as p:
        numbers = p | Create([1, 2])
        for number in range(500):
            numbers |= f'map {number}' >> Map(lambda x: x + 1)
        assert_that(numbers, equal_to([501, 502]))
