"""ToList, ToSet and ToDict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, is_empty
from bourne.sdk.transforms.combiners import (
    ToDict,
    ToDictCombineFn,
    ToList,
    ToListCombineFn,
    ToSet,
    ToSetCombineFn,
)
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.window import WindowInto
from tests.transforms.combining import combine, combine_in_tree, flat, parts_of


@given(parts_of(st.integers(0, 9)))
def test_everything_is_collected(parts: list[list[int]]) -> None:
    values = sorted(flat(parts))
    assert sorted(combine(ToListCombineFn(), parts)) == sorted(combine_in_tree(ToListCombineFn(), parts)) == values
    assert combine(ToSetCombineFn(), parts) == combine_in_tree(ToSetCombineFn(), parts) == set(values)


@given(parts_of(st.tuples(st.integers(0, 3), st.integers())))
def test_a_dict_has_every_key_with_one_of_its_values(parts: list[list[tuple[int, int]]]) -> None:
    pairs = flat(parts)
    for made in (combine(ToDictCombineFn(), parts), combine_in_tree(ToDictCombineFn(), parts)):
        assert made.keys() == dict(pairs).keys()
        assert made.items() <= set(pairs)


def test_transforms() -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('b', 2), ('b', 2)])
        assert_that(pairs | ToList(), equal_to([[('a', 1), ('b', 2), ('b', 2)]]), 'list')
        assert_that(pairs | ToSet(), equal_to([{('a', 1), ('b', 2)}]), 'set')
        assert_that(pairs | ToDict(), equal_to([{'a': 1, 'b': 2}]), 'dict')


def test_empty_and_windowed_inputs() -> None:
    with TestPipeline() as p:
        nothing = p | Create([])
        assert_that(nothing | ToList(), equal_to([[]]), 'list')
        assert_that(nothing | ToSet(), equal_to([set()]), 'set')
        assert_that(nothing | ToDict(), equal_to([{}]), 'dict')
        assert_that(nothing | 'none' >> ToList().without_defaults(), is_empty(), 'none')
        windowed = p | 'timed' >> Create([TimestampedValue(x, x) for x in (1, 11)]) | WindowInto(FixedWindows(10))
        assert_that(windowed | 'each' >> ToList().without_defaults(), equal_to([[1], [11]]), 'windows')


def test_types() -> None:
    p = TestPipeline()
    pairs = p | Create([('a', 1)])
    assert (pairs | ToList()).element_type == list[tuple[str, int]]
    assert (pairs | ToSet()).element_type == set[tuple[str, int]]
    assert (pairs | ToDict()).element_type == dict[str, int]
