"""Functions with state whose results do not depend on when elements arrive: the same in batch and as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.state import CombiningValueStateSpec, OrderedListStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer, on_window_expiration
from bourne.sdk.model.window import FixedWindows, SlidingWindows, TimestampedValue
from bourne.sdk.testing.final import assert_batch_equals_stream
from bourne.sdk.testing.strategies import arrivals
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.deduplicate import Deduplicate
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.group_batches import GroupIntoBatches
from bourne.sdk.transforms.pardo import FlatMap, Map, ParDo
from bourne.sdk.transforms.window import WindowInto

ELEMENTS = [TimestampedValue((key, time % 7), time) for time, key in enumerate('abacabbacaabcabbbaca')]
SUM = CombiningValueStateSpec('sum', sum)
END = TimerSpec('end', TimeDomain.WATERMARK)


class AtTheEnd(DoFn):
    """The sum of a key's values, by a timer when the window is over."""

    def process(self, element: Any, window: Any = DoFn.WindowParam, total: Any = DoFn.StateParam(SUM),
                end: Any = DoFn.TimerParam(END)) -> None:
        total.add(element[1])
        end.set(window.end)

    @on_timer(END)
    def over(self, key: Any = DoFn.KeyParam, total: Any = DoFn.StateParam(SUM)) -> Iterator[Any]:
        yield key, total.read()
        total.clear()


class AtExpiration(DoFn):
    """The values of a key in the order of their times, when the window expires."""

    LIST = OrderedListStateSpec('list')

    def process(self, element: Any, time: Any = DoFn.TimestampParam, values: Any = DoFn.StateParam(LIST)) -> None:
        values.add((time, element[1]))

    @on_window_expiration
    def expire(self, key: Any = DoFn.KeyParam, values: Any = DoFn.StateParam(LIST)) -> Iterator[Any]:
        yield key, tuple((int(time), value) for time, value in values.read())


class Changes(DoFn):
    """What was added of late, a few seconds after it was: the deltas add up to the sum of the window."""

    def process(self, element: Any, time: Any = DoFn.TimestampParam, total: Any = DoFn.StateParam(SUM),
                end: Any = DoFn.TimerParam(END)) -> None:
        total.add(element[1])
        end.set(time + 3)

    @on_timer(END)
    def over(self, key: Any = DoFn.KeyParam, total: Any = DoFn.StateParam(SUM)) -> Iterator[Any]:
        yield key, total.read()
        total.clear()


TRANSFORMS = {
    'timer': WindowInto(FixedWindows(6)) | ParDo(AtTheEnd()),
    'expiration': WindowInto(SlidingWindows(6, 3)) | ParDo(AtExpiration()),
    'changes': WindowInto(FixedWindows(6)) | ParDo(Changes()) | CombinePerKey(sum),
    'batches': WindowInto(FixedWindows(6)) | GroupIntoBatches(2, 5) | 'sums' >> Map(lambda x: (x[0], sum(x[1])))
               | CombinePerKey(sum),
    'distinct': WindowInto(FixedWindows(6)) | Deduplicate(100) | 'again' >> GroupByKey()
                | 'sorted' >> Map(lambda x: (x[0], sorted(x[1]))),
    'behind': WindowInto(FixedWindows(6)) | GroupByKey() | 'list' >> FlatMap(lambda x: [(x[0], sum(x[1]))])
              | ParDo(AtTheEnd()),
}


@pytest.mark.parametrize('name', TRANSFORMS)
def test_batch_and_stream_agree(name: str) -> None:
    assert_batch_equals_stream(TRANSFORMS[name], ELEMENTS, count=4)


@given(st.data())
def test_batch_and_stream_agree_for_any_arrival(data: st.DataObject) -> None:
    transform = TRANSFORMS[data.draw(st.sampled_from(sorted(TRANSFORMS)))]
    assert_batch_equals_stream(transform, ELEMENTS, scripts=[data.draw(arrivals(ELEMENTS))])
