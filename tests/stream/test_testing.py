"""What users test streams with: scripts, panes, final results, batch against stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bourne.errors import AssertionFailed, TransformError
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterCount,
    AfterProcessingTime,
    AfterWatermark,
    Repeatedly,
)
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampedValue,
)
from bourne.sdk.pcollection import PCollection
from bourne.sdk.testing import (
    TestPipeline,
    TestStream,
    assert_batch_equals_stream,
    assert_final,
    assert_that,
    early,
    equal_to,
    equal_to_panes,
    is_empty,
    late,
    on_time,
    strategies,
)
from bourne.sdk.testing.test_stream import ElementEvent, WatermarkEvent
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.window import WindowInto

ways = pytest.mark.parametrize('flags', [(), ('--bundle_size=1',), ('--workers=2',)], ids=' '.join)
W = IntervalWindow(0, 10)
ACCUMULATING, DISCARDING = AccumulationMode.ACCUMULATING, AccumulationMode.DISCARDING


def at(key: str, seconds: int, value: int = 1) -> TimestampedValue[tuple[str, int]]:
    return TimestampedValue((key, value), seconds)


def script() -> TestStream:
    return (TestStream()
            .add_elements([at('a', 1), at('b', 3)])
            .add_elements([at('a', 2)])
            .advance_watermark_to(10)
            .add_elements([at('a', 4)])
            .advance_watermark_to(25)
            .add_elements([at('a', 5)]))


@ways
@pytest.mark.parametrize(('mode', 'sums'), [(ACCUMULATING, (1, 2, 2, 3)), (DISCARDING, (1, 1, 0, 1))])
def test_panes_of_a_script(flags: tuple[str, ...], mode: str, sums: tuple[int, ...]) -> None:
    windows = WindowInto(FixedWindows(10), trigger=AfterWatermark(early=AfterCount(1), late=AfterCount(1)),
                         accumulation_mode=mode, allowed_lateness=5)
    first, second, third, fourth = sums
    with TestPipeline(argv=list(flags)) as p:
        found = p | script() | windows | CombinePerKey(sum)
        assert_that(found, equal_to_panes([
            early(('a', first), W, index=0, is_first=True, is_last=False), early(('b', 1), W, index=0),
            early(('a', second), W, index=1, nonspeculative_index=-1),
            on_time(('a', third), W, index=2, nonspeculative_index=0),
            on_time(('b', 1 if mode == ACCUMULATING else 0), W, index=1),
            late(('a', fourth), W, index=3, nonspeculative_index=1, timestamp=Timestamp(10).predecessor()),
        ]))


@ways
def test_final_results_of_a_script(flags: tuple[str, ...]) -> None:
    windows = WindowInto(FixedWindows(10), trigger=AfterWatermark(early=AfterCount(1), late=AfterCount(1)),
                         accumulation_mode=DISCARDING, allowed_lateness=5)
    with TestPipeline(argv=list(flags)) as p:
        assert_final(p | script() | windows | CombinePerKey(sum), {W: [('a', 3), ('b', 1)]})
    wrong = pytest.raises(AssertionFailed, match=r"final results are not those .*missing .*\('a', 5\)")
    with wrong, TestPipeline(argv=list(flags)) as p:
        assert_final(p | script() | windows | CombinePerKey(sum), {W: [('a', 5), ('b', 1)]})


@ways
def test_outputs_with_watermarks_of_their_own(flags: tuple[str, ...]) -> None:
    events = (TestStream()
              .add_elements([at('a', 1, 1)], tag='left')
              .advance_watermark_to(20, tag='left')
              .add_elements([at('a', 2, 2)], tag='right')
              .advance_watermark_to_infinity(tag='left')
              .add_elements([at('a', 3, 3)], tag='right'))
    with TestPipeline(argv=list(flags)) as p:
        outputs = p | events
        windowed = {tag: outputs[tag] | f'{tag} windows' >> WindowInto(FixedWindows(10)) for tag in ('left', 'right')}
        # Only when both watermarks have passed is the window complete.
        joined = windowed | CoGroupByKey()
        assert_that(joined, equal_to_panes([
            on_time(('a', {'left': [1], 'right': [2, 3]}), W, is_last=True)]))
        assert_that(tuple(windowed.values()) | Flatten() | 'sum' >> CombinePerKey(sum), equal_to([('a', 6)]))


@ways
def test_the_clock_of_a_script(flags: tuple[str, ...]) -> None:
    windows = WindowInto(GlobalWindows(), trigger=Repeatedly(AfterProcessingTime(10)), accumulation_mode=DISCARDING)
    events = (TestStream()
              .add_elements([at('a', 1)])
              .advance_processing_time(9)
              .add_elements([at('a', 1)])
              .advance_processing_time(1)
              .add_elements([at('a', 1)])
              .advance_processing_time(5)
              .add_elements([at('a', 1), at('a', 1)]))
    with TestPipeline(argv=list(flags)) as p:
        assert_that(p | events | windows | CombinePerKey(sum), equal_to_panes([
            early(('a', 2), GLOBAL_WINDOW, index=0), on_time(('a', 3), GLOBAL_WINDOW, index=1)]))


@ways
def test_asserts_look_at_all_there_is(flags: tuple[str, ...]) -> None:
    with TestPipeline(argv=list(flags)) as p:
        stream = p | script()
        assert_that(stream, equal_to([('a', 1)] * 4 + [('b', 1)]))
        assert_that(stream | FlatMap(lambda _: ()), is_empty(), 'nothing')
    with pytest.raises(AssertionFailed, match='unexpected elements'), TestPipeline(argv=list(flags)) as p:
        assert_that(p | script(), equal_to([('a', 1)]))


ELEMENTS = [at(key, time, value) for value, (key, time) in enumerate(
    [('a', 1), ('b', 2), ('a', 14), ('a', 9), ('b', 30), ('c', 12), ('a', 11), ('b', 3), ('c', 28), ('a', 1)])]


@pytest.mark.parametrize('windowfn', [FixedWindows(10), SlidingWindows(10, 5), Sessions(4)], ids=repr)
@pytest.mark.parametrize(('trigger', 'mode'), [
    (None, None),
    (AfterWatermark(early=AfterCount(2), late=AfterCount(1)), ACCUMULATING),
    (AfterWatermark(early=AfterCount(2), late=AfterCount(1)), DISCARDING),
    (Repeatedly(AfterProcessingTime(30)), ACCUMULATING),
], ids=repr)
@pytest.mark.parametrize('grouping', [CombinePerKey(sum), GroupByKey()], ids=lambda one: type(one).__name__)
def test_batch_equals_stream(windowfn: Any, trigger: Any, mode: Any, grouping: Any) -> None:
    windows = WindowInto(windowfn, trigger=trigger, accumulation_mode=mode)
    assert_batch_equals_stream(windows | grouping, ELEMENTS, count=5)


def test_batch_equals_stream_with_late_elements() -> None:
    windows = WindowInto(FixedWindows(10), trigger=AfterWatermark(late=AfterCount(1)), accumulation_mode=ACCUMULATING,
                         allowed_lateness=15)
    assert_batch_equals_stream(windows | GroupByKey(), ELEMENTS, lateness=15)
    assert_batch_equals_stream(windows | 'values' >> Map(lambda pair: pair[1] / 3)
                               | CombineGlobally(sum).without_defaults(), ELEMENTS, lateness=15, key=lambda _: None)


@settings(max_examples=15)
@given(st.data())
def test_batch_equals_stream_by_drawn_arrivals(data: st.DataObject) -> None:
    elements = data.draw(st.lists(strategies.timestamped(st.tuples(st.sampled_from('ab'), st.integers(0, 9))),
                                  max_size=8))
    scripts = [data.draw(strategies.arrivals(elements))]
    windows = WindowInto(data.draw(strategies.windowfns().filter(lambda one: not isinstance(one, GlobalWindows))))
    assert_batch_equals_stream(windows | GroupByKey(), elements, scripts=scripts)


def first_of_window(values: PCollection[Any]) -> PCollection[Any]:
    """What it gives depends on the order of arrival."""
    found: PCollection[Any] = values | WindowInto(FixedWindows(100)) | GroupByKey() | Map(
        lambda pair: (pair[0], next(iter(pair[1]))))
    return found


def test_what_depends_on_the_order_of_arrival_is_found() -> None:
    with pytest.raises(AssertionFailed) as caught:
        assert_batch_equals_stream(first_of_window, ELEMENTS)
    message = str(caught.value)
    assert 'by the arrival number 2, the stream ends with other results than the batch: unexpected elements' in message
    assert 'The events were:\n  ElementEvent(' in message
    assert_batch_equals_stream(first_of_window, ELEMENTS, count=2)


def test_what_is_dropped_is_missed() -> None:
    scripts = [[WatermarkEvent(50), ElementEvent(ELEMENTS)]]
    with pytest.raises(AssertionFailed, match='by the arrival number 0'):
        assert_batch_equals_stream(WindowInto(FixedWindows(10)) | GroupByKey(), ELEMENTS, scripts=scripts)


def test_a_transform_has_one_output() -> None:
    with pytest.raises(TransformError, match=r'takes a transform with one output, and .*: give it a function that'):
        assert_batch_equals_stream(lambda values: (values, values), ELEMENTS)
