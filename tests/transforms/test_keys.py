"""Keys, Values, KvSwap, WithKeys and Distinct."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TypeCheckError
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.util import Distinct, Keys, KvSwap, RemoveDuplicates, Values, WithKeys
from bourne.sdk.transforms.window import WindowInto


def length_of(word: str) -> int:
    return len(word)


def test_parts_of_pairs() -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('b', 2)])
        assert_that(pairs | Keys(), equal_to(['a', 'b']), 'keys')
        assert_that(pairs | Values(), equal_to([1, 2]), 'values')
        assert_that(pairs | KvSwap(), equal_to([(1, 'a'), (2, 'b')]), 'swapped')
        assert_that(pairs | Keys(label='again'), equal_to(['a', 'b']), 'labelled')


def test_with_keys() -> None:
    with TestPipeline() as p:
        words = p | Create(['a', 'bb'])
        two = p | 'two' >> Create([2])
        assert_that(words | WithKeys('k'), equal_to([('k', 'a'), ('k', 'bb')]), 'constant')
        assert_that(words | WithKeys(None), equal_to([(None, 'a'), (None, 'bb')]), 'none')
        assert_that(words | WithKeys(len), equal_to([(1, 'a'), (2, 'bb')]), 'function')
        assert_that(words | 'arguments' >> WithKeys(lambda word, a, b=0: len(word) * a + b, AsSingleton(two), b=5),
                    equal_to([(7, 'a'), (9, 'bb')]), 'side input and constant')


@given(st.lists(st.integers(0, 5)))
def test_distinct(numbers: list[int]) -> None:
    with TestPipeline() as p:
        assert_that(p | Create(numbers) | Distinct(), equal_to(set(numbers)))


def test_distinct_is_per_window_and_compares_as_keys() -> None:
    with TestPipeline() as p:
        timed = p | Create([TimestampedValue('x', time) for time in (1, 2, 11)]) | WindowInto(FixedWindows(10))
        assert_that(timed | RemoveDuplicates(), equal_to(['x', 'x']), 'windows')
        assert_that(p | 'one' >> Create([1, 1.0, True]) | Distinct(), equal_to([1]), 'one')


def test_types() -> None:
    p = TestPipeline()
    pairs = p | Create([('a', 1)])
    assert (pairs | Keys()).element_type is str
    assert (pairs | Values()).element_type is int
    assert (pairs | KvSwap()).element_type == tuple[int, str]
    words = pairs | 'words' >> Keys()
    assert (words | WithKeys(3)).element_type == tuple[int, str]
    assert (words | WithKeys(length_of)).element_type == tuple[int, str]
    assert (words | Distinct()).element_type is str
    assert [item.label for item in p.to_graph().transforms][:4] == ['Create', 'Keys', 'Values', 'KvSwap']


def test_pairs_are_needed() -> None:
    p = TestPipeline()
    with pytest.raises(TypeCheckError, match=r"'Keys'.*tuple"):
        p | Create([1]) | Keys()
