"""Labels and names of arguments are the user's text; in generated source they stand where they can do no harm."""

from __future__ import annotations

from typing import Any

import pytest

from bourne.sdk.model.window import IntervalWindow, NonMergingWindowFn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto

LABELS = ('two\nraise SystemExit', 'two\rraise SystemExit', 'a\0b', 'a\fb', 'a\u2028b', '{x} "q" \'s\' \\', 'a  # b')


class OneWindow(NonMergingWindowFn):
    """Everything in one window, which the engine does not know."""

    def assign(self, context: Any) -> list[Any]:
        return [IntervalWindow(0, 10)]


@pytest.mark.parametrize('label', LABELS)
def test_any_text_is_a_label(label: str) -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('a', 2)])
        sums = pairs | f'key {label}' >> CombinePerKey(sum)
        lists = pairs | f'list {label}' >> CombinePerKey(max)
        total = pairs | Map(lambda kv: kv[1]) | f'all {label}' >> CombineGlobally(sum)
        windowed = pairs | f'window {label}' >> WindowInto(OneWindow()) | f'map {label}' >> Map(lambda kv: kv[1])
        assert_that(sums, equal_to([('a', 3)]), 'sums')
        assert_that(lists, equal_to([('a', 2)]), 'lists')
        assert_that(total, equal_to([3]), 'total')
        assert_that(windowed, equal_to([1, 2]), 'windowed')


def test_a_label_like_that_of_a_lifted_combiner_is_no_clash() -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('a', 2)])
        assert_that(pairs | 'sum' >> CombinePerKey(sum), equal_to([('a', 3)]), 'sums')
        assert_that(pairs | 'sum/lifted' >> Map(lambda kv: kv[1]), equal_to([1, 2]), 'values')


def test_keyword_arguments_have_any_name() -> None:
    def named(x: int, **more: int) -> tuple[int, dict[str, int]]:
        return x, more

    more = {'class': 1, 'two words': 2, 'plain': 3}
    with TestPipeline() as p:
        assert_that(p | Create([0]) | Map(named, **more), equal_to([(0, more)]))
