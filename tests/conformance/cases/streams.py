"""Unbounded data, by scripts: watermarks, panes, the clock, side inputs that wait, what is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bourne.sdk.metric_results import MetricsFilter
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.metric import DROPPED_LATE
from bourne.sdk.model.trigger import AccumulationMode, AfterCount, AfterProcessingTime, AfterWatermark, Repeatedly
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampedValue,
)
from bourne.sdk.testing.panes import early, equal_to_panes, late, on_time
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.test_stream import TestStream
from bourne.sdk.testing.util import TestWindowedValue, assert_that
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
from bourne.sdk.transforms.pardo import Filter, Map
from bourne.sdk.transforms.sideinput import AsIter, AsList, AsSingleton
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.conformance.case import case, check

ACCUMULATING, DISCARDING = AccumulationMode.ACCUMULATING, AccumulationMode.DISCARDING
EARLY_AND_LATE = AfterWatermark(early=AfterCount(1), late=AfterCount(1))


def at(value: Any, seconds: float) -> TimestampedValue[Any]:
    return TimestampedValue(value, seconds)


def window(start: float, end: float) -> IntervalWindow:
    return IntervalWindow(start, end)


def of_key(*times: float) -> list[TimestampedValue[Any]]:
    """Ones with the key a, at these times."""
    return [at(('a', 1), time) for time in times]


@case(streams=True)
def a_window_closes_when_the_watermark_has_passed_it(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1, 12, 9))
              .advance_watermark_to(9.999999)
              .add_elements(of_key(9.999999))
              .advance_watermark_to(10)
              .add_elements(of_key(9, 13)))
    check(p | script | WindowInto(FixedWindows(10)) | CombinePerKey(sum)
          | Map(lambda item, window=DoFn.WindowParam: (window, item)),
          [(window(0, 10), ('a', 3)), (window(10, 20), ('a', 2))])


@case(streams=True)
def what_is_dropped_is_counted(p: TestPipeline) -> Callable[[Any], None]:
    script = (TestStream()
              .add_elements(of_key(1))
              .advance_watermark_to(12)
              .add_elements(of_key(2, 3, 11))
              .advance_watermark_to(14)
              .add_elements(of_key(4, 5)))
    windows = WindowInto(FixedWindows(10), trigger=AfterWatermark(late=AfterCount(1)), accumulation_mode=DISCARDING,
                         allowed_lateness=4)
    check(p | script | windows | GroupByKey() | Map(lambda pair: (pair[0], sorted(pair[1]))),
          [('a', [1]), ('a', [1]), ('a', [1]), ('a', [1])])

    def after(result: Any) -> None:
        wanted = MetricsFilter().with_namespace(DROPPED_LATE.namespace).with_name(DROPPED_LATE.name)
        dropped = result.metrics().query(wanted)['counters']
        assert [(counter.key.step, counter.committed) for counter in dropped] == [('GroupByKey', 2)]

    return after


def early_on_time_and_late(p: TestPipeline, mode: str, sums: tuple[int, ...]) -> None:
    script = (TestStream()
              .add_elements(of_key(1))
              .add_elements(of_key(2))
              .advance_watermark_to(10)
              .advance_watermark_to(12)
              .add_elements(of_key(3))
              .advance_watermark_to(30)
              .add_elements(of_key(4)))
    windows = WindowInto(FixedWindows(10), trigger=EARLY_AND_LATE, accumulation_mode=mode, allowed_lateness=5)
    first, second, third, fourth = sums
    assert_that(p | script | windows | CombinePerKey(sum), equal_to_panes([
        early(('a', first), window(0, 10), index=0, is_first=True, nonspeculative_index=-1),
        early(('a', second), window(0, 10), index=1, is_first=False, nonspeculative_index=-1),
        on_time(('a', third), window(0, 10), index=2, nonspeculative_index=0),
        late(('a', fourth), window(0, 10), index=3, nonspeculative_index=1)]))


@case(streams=True)
def accumulating_panes_early_on_time_and_late(p: TestPipeline) -> None:
    early_on_time_and_late(p, ACCUMULATING, (1, 2, 2, 3))


@case(streams=True)
def discarding_panes_early_on_time_and_late(p: TestPipeline) -> None:
    early_on_time_and_late(p, DISCARDING, (1, 1, 0, 1))


@case(streams=True)
def elements_that_arrive_together_count_one_by_one(p: TestPipeline) -> None:
    windows = WindowInto(GlobalWindows(), trigger=Repeatedly(AfterCount(3)), accumulation_mode=DISCARDING)
    found = p | TestStream().add_elements(of_key(*range(7))) | windows | CombinePerKey(sum)
    assert_that(found, equal_to_panes([
        early(('a', 3), GLOBAL_WINDOW, index=0), early(('a', 3), GLOBAL_WINDOW, index=1),
        on_time(('a', 1), GLOBAL_WINDOW, index=2, is_last=True)]))


@case(streams=True)
def panes_go_by_the_clock(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1))
              .advance_processing_time(9)
              .add_elements(of_key(2))
              .advance_processing_time(1)
              .add_elements(of_key(3))
              .advance_processing_time(5)
              .add_elements(of_key(4)))
    windows = WindowInto(GlobalWindows(), trigger=Repeatedly(AfterProcessingTime(10)), accumulation_mode=DISCARDING)
    assert_that(p | script | windows | CombinePerKey(sum), equal_to_panes([
        early(('a', 2), index=0), on_time(('a', 2), index=1, is_last=True)]))


@case(streams=True)
def sessions_grow_until_they_are_closed(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1))
              .add_elements(of_key(8))
              .advance_watermark_to(5)
              .add_elements(of_key(4))
              .advance_watermark_to(13)
              .add_elements(of_key(20)))
    assert_that(p | script | WindowInto(Sessions(5)) | GroupByKey() | Map(lambda pair: (pair[0], len(list(pair[1])))),
                equal_to_panes([on_time(('a', 3), window(1, 13)), on_time(('a', 1), window(20, 25))]))


@case(streams=True)
def sliding_windows_close_one_after_the_other(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(6))
              .advance_watermark_to(10)
              .add_elements(of_key(7)))
    check(p | script | WindowInto(SlidingWindows(10, 5)) | CombinePerKey(sum)
          | Map(lambda item, window=DoFn.WindowParam: (window, item)),
          [(window(0, 10), ('a', 1)), (window(5, 15), ('a', 2))])


@case(streams=True)
def the_slowest_of_several_inputs_is_waited_for(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1), tag='fast')
              .advance_watermark_to(100, tag='fast')
              .add_elements(of_key(2, 3), tag='slow')
              .advance_watermark_to(100, tag='slow')
              .add_elements(of_key(4), tag='slow'))
    outputs = p | script
    windowed = {tag: outputs[tag] | tag >> WindowInto(FixedWindows(10)) for tag in ('fast', 'slow')}
    joined = windowed | CoGroupByKey() | Map(lambda pair: (pair[0], {tag: list(ones) for tag, ones in pair[1].items()}))
    check(joined, [('a', {'fast': [1], 'slow': [1, 1]})])
    check(tuple(windowed.values()) | Flatten() | CombinePerKey(sum), [('a', 3)], 'flattened')


@case(streams=True)
def bounded_data_joins_a_stream(p: TestPipeline) -> None:
    script = TestStream().advance_watermark_to(5).add_elements(of_key(6)).advance_watermark_to(50)
    bounded = p | Create(of_key(1, 2, 33)) | 'there' >> WindowInto(FixedWindows(10))
    stream = p | script | 'comes' >> WindowInto(FixedWindows(10))
    check((bounded, stream) | Flatten() | CombinePerKey(sum), [('a', 3), ('a', 1)])


@case(streams=True)
def elements_wait_for_the_window_of_their_side_input(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements([at('m1', 1), at('m2', 11)], tag='main')
              .advance_watermark_to_infinity(tag='main')
              .add_elements([at('s1', 2), at('s2', 3)], tag='side')
              .advance_watermark_to(10, tag='side')
              .add_elements([at('s3', 12)], tag='side'))
    outputs = p | script
    main, side = (outputs[tag] | tag >> WindowInto(FixedWindows(10)) for tag in ('main', 'side'))
    check(main | Map(lambda element, seen: (element, sorted(seen)), AsList(side)),
          [('m1', ['s1', 's2']), ('m2', ['s3'])])


@case(streams=True)
def an_empty_window_of_a_side_input_is_waited_for_as_well(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements([at('m', 1)], tag='main')
              .add_elements([at('s', 12)], tag='side')
              .advance_watermark_to(10, tag='side'))
    outputs = p | script
    main, side = (outputs[tag] | tag >> WindowInto(FixedWindows(10)) for tag in ('main', 'side'))
    check(main | Map(lambda element, seen: (element, list(seen)), AsIter(side)), [('m', [])])


@case(streams=True)
def later_panes_of_a_side_input_replace_earlier_ones(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements([at(1, 0)], tag='rate')
              .add_elements([at('a', 1)], tag='main')
              .add_elements([at(2, 0)], tag='rate')
              .add_elements([at('b', 1)], tag='main'))
    outputs = p | script
    rates = (outputs['rate'] | Map(lambda rate: ('rate', rate))
             | WindowInto(GlobalWindows(), trigger=Repeatedly(AfterCount(1)), accumulation_mode=DISCARDING)
             | CombinePerKey(max) | 'alone' >> Map(lambda pair: pair[1]))
    check(outputs['main'] | 'look' >> Map(lambda element, rate: (element, rate), AsSingleton(rates)),
          [('a', 1), ('b', 2)])


@case(streams=True)
def the_watermark_may_come_from_the_data(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements([5, 1, 12])
              .add_elements([2])
              .add_elements([16])
              .add_elements([3, 17]))
    # With elements at most 5 seconds behind the latest, [0, 10) is complete once there is one at 15 or later.
    found = (p | script | WithTimestamps(lambda second: second, out_of_orderness=5)
             | Map(lambda second: ('a', second)) | WindowInto(FixedWindows(10)) | GroupByKey()
             | 'sort' >> Map(lambda pair: sorted(pair[1])))
    check(found, [[1, 2, 5], [12, 16, 17]])


@case(streams=True)
def a_grouping_of_a_grouping_passes_panes_on(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements([at(('a', 1), 1)])
              .add_elements([at(('b', 1), 2)])
              .advance_watermark_to_infinity())
    windows = WindowInto(FixedWindows(10), trigger=EARLY_AND_LATE, accumulation_mode=ACCUMULATING)
    total = (p | script | windows | CombinePerKey(sum) | Map(lambda pair: ('all', pair[1]))
             | 'all' >> CombinePerKey(sum) | Filter(lambda pair: pair[1]))
    assert_that(total, lambda panes: max_of_timing(panes), reify_windows=True)


def max_of_timing(panes: list[TestWindowedValue]) -> None:
    """The sums of early panes come early: there are some before the last one, which is on time."""
    ordered = sorted(panes, key=lambda item: item.pane_info.index)
    assert [item.pane_info.index for item in ordered] == list(range(len(ordered)))
    assert len(ordered) > 1
    assert ordered[-1].pane_info.is_last
