"""``assert_that`` and its matchers: what they accept, and above all what they refuse."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bourne.errors import AssertionFailed, PipelineError, TransformError
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampedValue,
)
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import (
    AssertThat,
    BeamAssertException,
    SortLists,
    TestWindowedValue,
    assert_that,
    contains_in_any_order,
    equal_to,
    equal_to_approx,
    equal_to_per_window,
    has_at_least_one,
    is_empty,
    is_not_empty,
    matches_all,
    open_shards,
    row_namedtuple_equals_fn,
)
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto


class Point(NamedTuple):
    x: int
    y: int


class Swapped(NamedTuple):
    y: int
    x: int


class AtLeast:
    """A matcher of single elements, as hamcrest has them."""

    def __init__(self, low: int) -> None:
        self.low = low

    def matches(self, item: Any) -> bool:
        return isinstance(item, int) and item >= self.low


def refusal(matcher: Any, actual: list[Any]) -> str:
    with pytest.raises(BeamAssertException) as caught:
        matcher(actual)
    return str(caught.value)


@pytest.mark.parametrize(('expected', 'actual'), [
    ([], []), ([1, 2, 2], [2, 1, 2]), ([[1], {2: 3}], [{2: 3}, [1]]), ([1, 'a', None, [2]], [[2], None, 'a', 1]),
    ([1], [1.0]), ([frozenset({1})], [{1}]), ([{1}], [frozenset({1})]), (iter([1, 2]), [2, 1]), ('ab', ['b', 'a']),
    ([Row(a=1)], [Row(a=1)]), ([Row(x=1, y=2)], [Point(1, 2)]), ([Point(1, 2)], [Row(y=2, x=1)]),
    ([Point(1, 2)], [Swapped(2, 1)]), ([Row(p=Point(1, 2))], [Row(p=Row(x=1, y=2))]),
])
def test_equal_to_accepts(expected: Any, actual: list[Any]) -> None:
    equal_to(expected)(actual)


@pytest.mark.parametrize(('expected', 'actual', 'words'), [
    ([1, 2], [1], 'Failed assert: [1, 2] == [1], missing elements [2]'),
    ([1], [1, 2], 'Failed assert: [1] == [1, 2], unexpected elements [2]'),
    ([1, 2], [1, 3], 'Failed assert: [1, 2] == [1, 3], unexpected elements [3], missing elements [2]'),
    ([1], [1, 1], 'unexpected elements [1]'),
    ([1, 1], [1], 'missing elements [1]'),
    ([[1, 2]], [[2, 1]], 'unexpected elements [[2, 1]], missing elements [[1, 2]]'),
    ([(1, [2])], [(1, [3])], 'missing elements [(1, [2])]'),
    ([1], ['1'], "unexpected elements ['1'], missing elements [1]"),
    ([], [None], 'unexpected elements [None]'),
    ([Row(a=1)], [Row(a=2)], 'missing elements [Row(a=1)]'),
    ([Row(a=1)], [Row(b=1)], 'missing elements [Row(a=1)]'),
    ([(1, 2)], [Row(x=1, y=2)], 'missing elements [(1, 2)]'),
    ([{1: 2}, [3]], [[3], {1: 3}], 'unexpected elements [{1: 3}], missing elements [{1: 2}]'),
])
def test_equal_to_refuses(expected: list[Any], actual: list[Any], words: str) -> None:
    assert words in refusal(equal_to(expected), actual)


def test_equal_to_says_what_looks_alike_but_is_not() -> None:
    class Silent:
        def __repr__(self) -> str:
            return '7'

    assert 'which look alike but are not equal (a builtins.int was expected, and a ' in refusal(
        equal_to([7]), [Silent()])


def test_messages_are_bounded() -> None:
    text = refusal(equal_to(range(10_000)), ['x' * 10_000] * 500)
    assert len(text) < 3_500
    assert '(500 elements)' in text
    assert '(10000 elements)' in text


def test_equal_to_with_a_function() -> None:
    close = equal_to([1.0, 2.0], lambda wanted, got: abs(wanted - got) < 0.6)
    close([2.1, 0.9])
    assert 'unexpected elements [3]' in refusal(close, [1, 3])


def test_the_order_does_not_decide_where_equality_is_approximate() -> None:
    """1.5 is close to both, 1 only to the first: taking pairs as they come would leave one without a partner."""
    close = equal_to([1.0, 2.0], lambda wanted, got: abs(wanted - got) <= 0.5)
    close([1.5, 1.0])
    close([1.0, 1.5])
    assert 'missing' in refusal(close, [1.0, 1.0])


def test_approximate_numbers() -> None:
    equal_to_approx([1.0, (2.0, [3.0]), 'a', 5])([(2.0 + 1e-12, [3.0]), 1.0 + 1e-12, 'a', 5.0])
    equal_to_approx([100], rel_tol=0.1)([95])
    equal_to_approx([0.0], abs_tol=0.1)([0.05])
    assert 'missing elements [1.0]' in refusal(equal_to_approx([1.0]), [1.001])
    assert 'missing elements [[1.0]]' in refusal(equal_to_approx([[1.0]]), [(1.0,)])
    assert 'missing elements [(1.0, 2)]' in refusal(equal_to_approx([(1.0, 2)]), [(1.0,)])


def test_empty_and_not_empty() -> None:
    is_empty()([])
    is_not_empty()([None])
    assert refusal(is_empty(), [1]).startswith('Failed assert: [] == [1]')
    assert refusal(is_not_empty(), []) == 'Failed assert: the collection is empty'


def test_per_window() -> None:
    first, second = IntervalWindow(0, 10), IntervalWindow(10, 20)
    expected = {first: [1, 2], second: [3]}
    actual = [TestWindowedValue(value, Timestamp(0), [window]) for value, window in
              ((2, first), (3, second), (1, first))]
    matcher = equal_to_per_window(expected)
    matcher(actual)
    matcher(actual)  # it may be used again
    assert expected == {first: [1, 2], second: [3]}
    assert 'in window [10.0, 20.0): missing elements [3]' in refusal(matcher, actual[::2])
    moved = [*actual[:2], TestWindowedValue(1, Timestamp(0), [second])]
    text = refusal(matcher, moved)
    assert 'in window [0.0, 10.0): missing elements [1]' in text
    assert 'in window [10.0, 20.0): unexpected elements [1]' in text
    stray = [*actual, TestWindowedValue(9, Timestamp(0), [IntervalWindow(50, 60)])]
    assert 'in window [50.0, 60.0): unexpected elements [9]' in refusal(matcher, stray)
    assert 'does not say what window it is in; use assert_that(..., reify_windows=True)' in refusal(matcher, [1])


def test_matchers_of_single_elements() -> None:
    matches_all([AtLeast(5), 1, AtLeast(3)])([4, 6, 1])
    matches_all([AtLeast(3), AtLeast(5)])([6, 4])
    assert 'missing elements' in refusal(matches_all([AtLeast(5), AtLeast(3)]), [4, 3])


def test_contains_in_any_order() -> None:
    equal_to([('k', contains_in_any_order([1, 2, 2]))])([('k', [2, 1, 2])])
    assert contains_in_any_order([[1], 2]) == [2, [1]]
    assert contains_in_any_order([1]) != [1, 1]
    assert contains_in_any_order([1]) != 1
    assert contains_in_any_order([1, 2]) == contains_in_any_order([2, 1])
    assert hash(contains_in_any_order([1, 2])) == hash(contains_in_any_order([2, 1]))
    assert 'missing elements' in refusal(equal_to([contains_in_any_order([1])]), [[2]])


def test_rows_and_named_tuples() -> None:
    assert row_namedtuple_equals_fn(Row(x=1, y=2), Point(1, 2))
    assert not row_namedtuple_equals_fn(Row(x=1), Point(1, 2))
    assert row_namedtuple_equals_fn(1.0, 1.1, lambda wanted, got: round(wanted) == round(got))


def test_sort_lists() -> None:
    with TestPipeline() as p:
        made = p | Create([('k', [2, 1]), {'a': [3, 1]}, (4, 3), 'ba', {5}]) | SortLists
        assert_that(made, equal_to([('k', [1, 2]), {'a': [1, 3]}, (4, 3), 'ba', [5]]))


def test_open_shards(tmp_path: Path) -> None:
    for name, text in (('b', 'zwei\n'), ('a', 'äins\n')):
        (tmp_path / f'shard-{name}').write_text(text, encoding='utf-8')
    with open_shards(str(tmp_path / 'shard-*')) as text:
        assert text.read() == 'äins\nzwei\n'
    with open_shards(str(tmp_path / 'shard-*'), mode='rb') as data:
        assert data.read() == 'äins\nzwei\n'.encode()
    assert list(open_shards(str(tmp_path / 'none-*'))) == []


# In pipelines.


def run_assert(elements: list[Any], matcher: Any, windowfn: Any = None, **options: Any) -> None:
    with TestPipeline() as p:
        made = p | Create(elements)
        assert_that(made if windowfn is None else made | WindowInto(windowfn), matcher, **options)


@pytest.mark.parametrize(('elements', 'matcher'), [
    ([], equal_to([1])), ([], is_not_empty()), ([1], is_empty()), ([1], equal_to([])), ([1, 2], equal_to([1])),
    ([1], equal_to_approx([1.1])), ([1], equal_to_per_window({})), ([], equal_to_per_window({GLOBAL_WINDOW: [1]})),
    ([], matches_all([AtLeast(1)])), ([1], equal_to_per_window({IntervalWindow(0, 1): [1]})),
])
@pytest.mark.parametrize('windowfn', [None, FixedWindows(10), SlidingWindows(10, 10), Sessions(5)])
def test_wrong_expectations_fail(elements: list[Any], matcher: Any, windowfn: Any) -> None:
    with pytest.raises(AssertionFailed, match='Failed assert'):
        run_assert(elements, matcher, windowfn)


def test_failures_say_where_the_assert_is() -> None:
    with pytest.raises(AssertionFailed) as caught:
        run_assert([1], equal_to([2]), label='my check')
    note = caught.value.__notes__[0]
    assert "'my check/Match'" in note
    assert 'test_assert_that.py:' in note


def test_asserts_of_the_user_fail() -> None:
    def matcher(elements: list[int]) -> None:
        assert sum(elements) == 4, elements

    run_assert([1, 3], matcher)
    with pytest.raises(AssertionError, match=r'\[1, 2\]'):
        run_assert([1, 2], matcher)


def test_windows_are_told_on_request() -> None:
    timed = [TimestampedValue('a', 1), TimestampedValue('b', 12)]
    expected = [TestWindowedValue('a', Timestamp(1), [IntervalWindow(0, 10)]),
                TestWindowedValue('b', Timestamp(12), [IntervalWindow(10, 20)])]
    run_assert(timed, equal_to(expected), FixedWindows(10), reify_windows=True)
    with pytest.raises(AssertionFailed, match='missing elements'):
        run_assert(timed, equal_to(expected[:1] * 2), FixedWindows(10), reify_windows=True)


def test_matchers_of_each_window() -> None:
    expected = {IntervalWindow(0, 10): ['a'], IntervalWindow(10, 20): ['b', 'c']}

    def matcher(found: Any) -> None:
        elements, window = found
        assert sorted(elements) == expected[window], found

    timed = [TimestampedValue('a', 1), TimestampedValue('b', 12), TimestampedValue('c', 13)]
    run_assert(timed, matcher, FixedWindows(10), use_global_window=False)
    with pytest.raises(AssertionError, match='d'):
        run_assert([*timed, TimestampedValue('d', 14)], matcher, FixedWindows(10), use_global_window=False)


def test_a_matcher_of_each_window_is_called_even_if_there_is_none() -> None:
    def matcher(found: Any) -> None:
        raise RuntimeError(f'called with {found!r}')

    with pytest.raises(RuntimeError, match=r'called with \(\[\], GlobalWindow\)'):
        run_assert([], matcher, FixedWindows(10), use_global_window=False)


@pytest.mark.parametrize('matcher', [equal_to([1]), is_empty(), is_not_empty()])
def test_matchers_of_elements_are_not_for_each_window(matcher: Any) -> None:
    with TestPipeline() as p, pytest.raises(TransformError, match='use equal_to_per_window'):
        assert_that(p | Create([1]), matcher, use_global_window=False)


def test_at_least_one() -> None:
    def after(seconds: int) -> Any:
        return lambda element, timestamp, window, pane: timestamp > seconds

    with TestPipeline() as p:
        made = p | Create([TimestampedValue('a', 1), TimestampedValue('b', 12)])
        has_at_least_one(made, after(10))
        has_at_least_one(made, lambda e, t, w, p: e == 'a' and w == GLOBAL_WINDOW and p.is_first)
    with pytest.raises(AssertionFailed, match='nothing matches the criterion'), TestPipeline() as p:
        has_at_least_one(p | Create([TimestampedValue('a', 1)]), after(10))
    with pytest.raises(AssertionFailed, match='nothing matches the criterion'), TestPipeline() as p:
        has_at_least_one(p | Create([]), after(10))


def test_labels_that_are_taken_get_numbers() -> None:
    with TestPipeline() as p:
        made = p | Create([1])
        for _ in range(3):
            assert_that(made, equal_to([1]))
    labels = {composite.label for composite in p.to_graph().composites}
    assert {'assert_that', 'assert_that_2', 'assert_that_3'} <= labels


def test_as_a_transform() -> None:
    with pytest.raises(AssertionFailed), TestPipeline() as p:
        p | Create([1]) | AssertThat(equal_to([2]))


def test_a_step_may_wait_for_a_check() -> None:
    with TestPipeline() as p:
        checked = assert_that(p | Create([1]), equal_to([1]))
        assert_that(checked | Map(lambda nothing: 'checked'), equal_to(['checked']), 'after')


def test_grouped_results() -> None:
    with TestPipeline() as p:
        made = p | Create([('k', 2), ('k', 1)]) | GroupByKey()
        assert_that(made, equal_to([('k', contains_in_any_order([1, 2]))]))


def test_what_is_no_collection_is_refused() -> None:
    with pytest.raises(TransformError, match=r'assert_that takes a PCollection, got \[1\] \(list\)'):
        assert_that([1], equal_to([1]))  # type: ignore[arg-type]


def test_what_is_no_matcher_is_refused() -> None:
    with TestPipeline() as p, pytest.raises(TransformError, match=r'takes a matcher such as equal_to\(\[...\]\)'):
        assert_that(p | Create([1]), [1])  # type: ignore[arg-type]


def test_asserts_after_the_run_are_refused() -> None:
    with TestPipeline() as p:
        made = p | Create([1])
    with pytest.raises(PipelineError, match='has run already, so that nothing would be checked'):
        assert_that(made, equal_to([2]))


def test_windowed_values_are_short_in_messages() -> None:
    value = TestWindowedValue(1, Timestamp(2), [GLOBAL_WINDOW])
    assert repr(value) == 'TestWindowedValue(1, Timestamp(2), [GlobalWindow])'


def test_nan_equals_only_itself() -> None:
    equal_to([math.nan])([math.nan])
    assert 'unexpected elements [nan], missing elements [nan]' in refusal(equal_to([math.nan]), [float('nan')])
