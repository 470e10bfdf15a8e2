"""State and timers while time goes by: lateness, holds, the clock, and the transforms that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bourne.sdk.metric_results import MetricsFilter
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.metric import DROPPED_LATE
from bourne.sdk.model.state import BagStateSpec, CombiningValueStateSpec, ReadModifyWriteStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer, on_window_expiration
from bourne.sdk.model.trigger import AccumulationMode, AfterCount, AfterWatermark, Repeatedly
from bourne.sdk.model.window import FixedWindows, GlobalWindows, IntervalWindow, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.test_stream import TestStream
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to
from bourne.sdk.transforms.batch import BatchElements
from bourne.sdk.transforms.deduplicate import Deduplicate
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.group_batches import GroupIntoBatches
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check

BAG = BagStateSpec('bag')
EVENT, REAL = TimerSpec('event', TimeDomain.WATERMARK), TimerSpec('real', TimeDomain.REAL_TIME)


def of_key(*times: float, key: str = 'a') -> list[TimestampedValue[Any]]:
    """Pairs of a key and the time at which they are."""
    return [TimestampedValue((key, time), time) for time in times]


class Quiet(DoFn):
    """What came of a key, when nothing has come for ten seconds."""

    def process(self, element: Any, time: Any = DoFn.TimestampParam, bag: Any = DoFn.StateParam(BAG),
                event: Any = DoFn.TimerParam(EVENT)) -> None:
        bag.add(element[1])
        event.set(time + 10)

    @on_timer(EVENT)
    def quiet(self, key: Any = DoFn.KeyParam, bag: Any = DoFn.StateParam(BAG)) -> Iterator[Any]:
        yield key, sorted(bag.read())
        bag.clear()


@case(streams=True)
def timers_fire_as_the_watermark_comes(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1))
              .advance_watermark_to(5)
              .add_elements(of_key(6))
              .advance_watermark_to(15.9)
              .add_elements(of_key(20, key='b'))
              .advance_watermark_to(16)
              .add_elements(of_key(17)))
    check(p | script | ParDo(Quiet()), [('a', [1, 6]), ('a', [17]), ('b', [20])])


@case(streams=True)
def what_is_late_is_due_at_once(p: TestPipeline) -> None:
    script = (TestStream()
              .advance_watermark_to(50)
              .add_elements(of_key(1, 2))
              .add_elements(of_key(3))
              .advance_watermark_to(51)
              .add_elements(of_key(47)))
    check(p | script | ParDo(Quiet()), [('a', [1, 2]), ('a', [3]), ('a', [47])])


@case(streams=True)
def what_is_too_late_is_dropped_and_counted(p: TestPipeline) -> Callable[[Any], None]:
    script = (TestStream()
              .add_elements(of_key(1))
              .advance_watermark_to(13)
              .add_elements(of_key(2))
              .advance_watermark_to(14)
              .add_elements(of_key(3, 4, 15)))
    windows = WindowInto(FixedWindows(10), trigger=AfterWatermark(late=AfterCount(1)), allowed_lateness=4,
                         accumulation_mode=AccumulationMode.DISCARDING)
    check(p | script | windows | 'quiet' >> ParDo(Quiet()), [('a', [1]), ('a', [2]), ('a', [15])])

    def after(result: Any) -> None:
        wanted = MetricsFilter().with_namespace(DROPPED_LATE.namespace).with_name(DROPPED_LATE.name)
        dropped = result.metrics().query(wanted)['counters']
        assert [(counter.key.step, counter.committed) for counter in dropped] == [('quiet', 2)]

    return after


class Waits(DoFn):
    """Gives each value some real time after it came."""

    def process(self, element: Any, real: Any = DoFn.TimerParam(REAL)) -> None:
        real.set_relative(10, str(element[1]))

    @on_timer(REAL)
    def after(self, tag: Any = DoFn.DynamicTimerTagParam) -> Iterator[Any]:
        yield 'k', tag


@case(streams=True)
def timers_fire_as_the_clock_goes(p: TestPipeline) -> None:
    """They hold the watermark at their element: the window below, which is over by then, is still open."""
    script = (TestStream()
              .add_elements(of_key(1))
              .advance_processing_time(5)
              .add_elements(of_key(2))
              .advance_watermark_to(30)
              .advance_processing_time(5)
              .advance_processing_time(5)
              .advance_watermark_to(40)
              .add_elements(of_key(45)))
    grouped = p | script | ParDo(Waits()) | WindowInto(FixedWindows(10)) | GroupByKey()
    check(grouped | Map(lambda pair, window=DoFn.WindowParam: (window, sorted(pair[1]))),
          [(IntervalWindow(0, 10), ['1', '2']), (IntervalWindow(40, 50), ['45'])])


@case(streams=True)
def an_output_timestamp_holds_the_watermark(p: TestPipeline) -> None:
    class Later(DoFn):
        def process(self, element: Any, time: Any = DoFn.TimestampParam, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(time + 20, output_timestamp=time)

        @on_timer(EVENT)
        def fire(self, key: Any = DoFn.KeyParam, time: Any = DoFn.TimestampParam) -> Iterator[Any]:
            yield key, int(time)

    script = (TestStream()
              .add_elements(of_key(1))
              .advance_watermark_to(12)
              .add_elements(of_key(13, key='b'))
              .advance_watermark_to(25)
              .advance_watermark_to(30))
    grouped = p | script | ParDo(Later()) | WindowInto(FixedWindows(10)) | GroupByKey()
    check(grouped | Map(lambda pair, window=DoFn.WindowParam: (window, pair[0], list(pair[1]))),
          [(IntervalWindow(0, 10), 'a', [21]), (IntervalWindow(10, 20), 'b', [33])])


@case(streams=True)
def a_window_expires_once_and_its_state_is_forgotten(p: TestPipeline) -> None:
    class Sums(DoFn):
        SUM = CombiningValueStateSpec('sum', sum)

        def process(self, element: Any, total: Any = DoFn.StateParam(SUM)) -> Iterator[Any]:
            total.add(element[1])
            yield 'so far', total.read()

        @on_window_expiration
        def end(self, total: Any = DoFn.StateParam(SUM)) -> Iterator[Any]:
            yield 'end', total.read()

    script = (TestStream()
              .add_elements(of_key(1))
              .advance_watermark_to(12)
              .add_elements(of_key(2))
              .advance_watermark_to(15)
              .add_elements(of_key(3, 16))
              .advance_watermark_to(20))
    windows = WindowInto(FixedWindows(10), allowed_lateness=5)
    sums = p | script | windows | ParDo(Sums())
    first, second = IntervalWindow(0, 10), IntervalWindow(10, 20)
    assert_that(sums, equal_to([
        TestWindowedValue(('so far', 1), 1, [first]), TestWindowedValue(('so far', 3), 2, [first]),
        TestWindowedValue(('end', 3), first.max_timestamp(), [first]),
        TestWindowedValue(('so far', 16), 16, [second]),
        TestWindowedValue(('end', 16), second.max_timestamp(), [second])]), reify_windows=True)


@case(streams=True)
def a_timer_that_sets_itself_fills_gaps(p: TestPipeline) -> None:
    class Minutes(DoFn):
        """The last value of a key, every ten seconds, until half a minute after it came."""

        LAST = ReadModifyWriteStateSpec('last')

        def process(self, element: Any, last: Any = DoFn.StateParam(LAST), event: Any = DoFn.TimerParam(EVENT)) -> None:
            if last.is_empty():
                event.set(element[1] // 10 * 10 + 10)
            last.write(element[1])

        @on_timer(EVENT)
        def tick(self, time: Any = DoFn.TimestampParam, last: Any = DoFn.StateParam(LAST),
                 event: Any = DoFn.TimerParam(EVENT)) -> Iterator[Any]:
            yield int(time), last.read()
            if time < last.read() + 30:
                event.set(time + 10)
            else:
                last.clear()

    script = (TestStream()
              .add_elements(of_key(3))
              .advance_watermark_to(25)
              .add_elements(of_key(27))
              .advance_watermark_to(70)
              .add_elements(of_key(75))
              .advance_watermark_to(90))
    check(p | script | ParDo(Minutes()), [
        (10, 3), (20, 3), (30, 27), (40, 27), (50, 27), (60, 27), (80, 75), (90, 75), (100, 75), (110, 75)])


# What is made of state.


@case(streams=True)
def batches_wait_by_the_clock(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1, 2, 3))
              .add_elements(of_key(4))
              .advance_processing_time(5)
              .add_elements(of_key(5))
              .advance_processing_time(5)
              .add_elements(of_key(6))
              .advance_watermark_to(10)
              .add_elements(of_key(11)))
    batches = p | script | WindowInto(FixedWindows(10)) | GroupIntoBatches(3, 10)
    check(batches | Map(lambda pair: sorted(pair[1])), [[1, 2, 3], [4, 5], [6], [11]])


@case(streams=True)
def batches_without_keys_wait_by_the_clock(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements(of_key(1, 2, 3))
              .add_elements(of_key(4))
              .advance_processing_time(10)
              .add_elements(of_key(5)))
    batches = p | script | BatchElements(3, 3, max_batch_duration_secs=10)
    check(batches | Map(lambda batch: sorted(time for _, time in batch)), [[1, 2, 3], [4], [5]])


@case(streams=True)
def duplicates_by_the_clock_and_by_event_time(p: TestPipeline) -> None:
    script = (TestStream()
              .add_elements([TimestampedValue('x', 1), TimestampedValue('x', 2), TimestampedValue('y', 2)])
              .advance_processing_time(10)
              .advance_watermark_to(3)
              .add_elements([TimestampedValue('x', 5)])
              .advance_watermark_to(20)
              .add_elements([TimestampedValue('y', 25), TimestampedValue('x', 26)]))
    words = p | script
    check(words | 'real' >> Deduplicate(processing_time_duration=10), ['x', 'y', 'x', 'y'], 'real?')
    check(words | 'event' >> Deduplicate(event_time_duration=15), ['x', 'y', 'x', 'y'], 'event?')
    counted = (words | 'once' >> Deduplicate(1000) | Map(lambda word: (word, 1))
               | WindowInto(GlobalWindows(), trigger=Repeatedly(AfterCount(1)),
                            accumulation_mode=AccumulationMode.DISCARDING) | GroupByKey())
    check(counted | 'pairs' >> Map(lambda pair: (pair[0], list(pair[1]))), [('x', [1]), ('y', [1])], 'once?')
