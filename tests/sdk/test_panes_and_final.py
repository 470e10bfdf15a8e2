"""Matchers for panes, and what is left of panes in the end."""

from __future__ import annotations

import operator
from typing import Any

import pytest

from bourne.errors import AssertionFailed, TransformError
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN, PaneInfo, PaneInfoTiming
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import AccumulationMode, Windowing
from bourne.sdk.model.window import FixedWindows, GlobalWindows, IntervalWindow, Sessions
from bourne.sdk.testing.final import final_results
from bourne.sdk.testing.panes import Pane, early, equal_to_panes, late, on_time
from bourne.sdk.testing.util import TestWindowedValue

WINDOW = IntervalWindow(0, 10)
EARLY, ON_TIME, LATE = PaneInfoTiming.EARLY, PaneInfoTiming.ON_TIME, PaneInfoTiming.LATE


def emitted(value: Any, timing: int = ON_TIME, index: int = 0, window: Any = WINDOW, *, first: bool | None = None,
            last: bool = False) -> TestWindowedValue:
    speculative = -1 if timing == EARLY else index
    pane = PaneInfo(index == 0 if first is None else first, last, timing, index, speculative)
    return TestWindowedValue(value, Timestamp(9), [window], pane)


class Positive:
    def matches(self, item: Any) -> bool:
        return item[1] > 0


def test_panes_are_told_apart() -> None:
    elements = [emitted(('a', 1), EARLY), emitted(('a', 3), ON_TIME, 1), emitted(('a', 4), LATE, 2, last=True)]
    for expected in (
        [early(('a', 1), WINDOW), on_time(('a', 3), window=WINDOW), late(('a', 4))],
        [late(('a', 4), is_last=True, nonspeculative_index=2), Pane(('a', 1), index=0, is_first=True),
         Pane(('a', 3), timestamp=9)],
        [early(Positive()), on_time(Positive()), late(Positive())],
    ):
        equal_to_panes(expected)(elements)


@pytest.mark.parametrize(('expected', 'message'), [
    (on_time(('a', 1)), r"unexpected elements \[TestWindowedValue\(.*missing elements \[Pane\(\('a', 1\), timing=ON"),
    (early(('a', 2)), 'missing elements'),
    (early(('a', 1), IntervalWindow(0, 5)), 'missing elements'),
    (early(('a', 1), index=1), 'index=1'),
    (early(('a', 1), is_first=False), 'is_first=False'),
    (early(('a', 1), is_last=True), 'is_last=True'),
    (early(('a', 1), nonspeculative_index=0), 'nonspeculative_index=0'),
    (early(('a', 1), timestamp=8), 'timestamp=8'),
])
def test_another_pane_is_refused(expected: Pane, message: str) -> None:
    with pytest.raises(AssertionFailed, match=message):
        equal_to_panes([expected])([emitted(('a', 1), EARLY)])


def test_panes_are_matched_by_panes() -> None:
    with pytest.raises(TransformError, match=r"takes what early\(...\), .* make; got \('a', 1\)"):
        equal_to_panes([('a', 1)])  # type: ignore[list-item]


def finals(elements: list[TestWindowedValue], mode: str, windowfn: Any = None, **how: Any) -> list[tuple[Any, Any]]:
    windowing = Windowing(windowfn or FixedWindows(10), accumulation_mode=mode)
    return final_results(elements, windowing, **how)


ACCUMULATING, DISCARDING = AccumulationMode.ACCUMULATING, AccumulationMode.DISCARDING


def test_of_accumulating_panes_the_last_is_left() -> None:
    elements = [emitted(('a', 3), ON_TIME, 1), emitted(('a', 1), EARLY), emitted(('b', 5), EARLY),
                emitted(('a', 7), ON_TIME, 0, IntervalWindow(10, 20))]
    assert finals(elements, ACCUMULATING) == [
        (WINDOW, ('a', 3)), (IntervalWindow(10, 20), ('a', 7)), (WINDOW, ('b', 5))]


def test_discarding_panes_add_up() -> None:
    elements = [emitted(('a', 3), ON_TIME, 1), emitted(('a', 1), EARLY), emitted(('b', [1]), EARLY),
                emitted(('b', iter([2])), LATE, 1)]
    assert finals(elements, DISCARDING) == [(WINDOW, ('a', 4)), (WINDOW, ('b', [1, 2]))]
    elements = [emitted(('a', 3), ON_TIME, 1), emitted(('a', 4), EARLY)]
    assert finals(elements, DISCARDING, merge=operator.mul) == [(WINDOW, ('a', 12))]


def test_what_went_through_no_grouping_is_final() -> None:
    elements = [TestWindowedValue(1, Timestamp(1), [WINDOW], PANE_INFO_UNKNOWN)] * 2
    assert finals(elements, DISCARDING) == [(WINDOW, 1)] * 2
    only = [emitted('x', last=True), emitted('y', last=True)]
    assert finals(only, DISCARDING) == finals(only, ACCUMULATING) == [(WINDOW, 'x'), (WINDOW, 'y')]


def test_a_key_must_be_known() -> None:
    elements = [emitted(1, EARLY), emitted(5, ON_TIME, 1)]
    with pytest.raises(TransformError, match=r'1 is in one of several panes, and is no pair .*: the argument key says'):
        finals(elements, ACCUMULATING)
    assert finals(elements, ACCUMULATING, GlobalWindows(), key=lambda _: None) == [(WINDOW, 5)]
    assert finals(elements, DISCARDING, key=lambda _: ['unhashable']) == [(WINDOW, 6)]


def test_windows_that_became_one() -> None:
    small, large, other = IntervalWindow(0, 5), IntervalWindow(0, 8), IntervalWindow(20, 25)
    elements = [emitted(('a', 3), ON_TIME, 1, large), emitted(('a', 1), EARLY, 0, small),
                emitted(('a', 9), ON_TIME, 0, other)]
    assert finals(elements, ACCUMULATING, Sessions(5)) == [(large, ('a', 3)), (other, ('a', 9))]
    assert finals(elements, DISCARDING, Sessions(5)) == [(large, ('a', 4)), (other, ('a', 9))]
    touching = [emitted(('a', 1), window=small, last=True), emitted(('a', 2), window=IntervalWindow(5, 9), last=True)]
    assert len(finals(touching, ACCUMULATING, Sessions(5))) == 2
