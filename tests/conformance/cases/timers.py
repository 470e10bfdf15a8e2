"""Timers of both domains, with tags, in windows, and what happens when these expire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bourne.errors import ExecutionError
from bourne.sdk.metric_results import MetricsFilter
from bourne.sdk.metrics import Metrics
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.state import BagStateSpec, CombiningValueStateSpec, ReadModifyWriteStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer, on_window_expiration
from bourne.sdk.model.timestamp import Duration, Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    IntervalWindow,
    SlidingWindows,
    TimestampedValue,
    WindowedValue,
)
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.conformance.case import case, check, in_order

BAG = BagStateSpec('bag')
EVENT = TimerSpec('event', TimeDomain.WATERMARK)
REAL = TimerSpec('real', TimeDomain.REAL_TIME)
PAIRS = [('a', 1), ('b', 2), ('a', 3), ('a', 12), ('b', 14)]
FIRST, SECOND = IntervalWindow(0, 10), IntervalWindow(10, 20)


def timed(p: TestPipeline, pairs: Any = tuple(PAIRS)) -> Any:
    """Pairs whose value is their time."""
    return p | Create(pairs) | WithTimestamps(lambda pair: pair[1])


class AtTheEnd(DoFn):
    """Gives what came in a window when that is over."""

    def process(self, element: Any, window: Any = DoFn.WindowParam, bag: Any = DoFn.StateParam(BAG),
                event: Any = DoFn.TimerParam(EVENT)) -> None:
        bag.add(element[1])
        event.set(window.end)

    @on_timer(EVENT)
    def over(self, key: Any = DoFn.KeyParam, bag: Any = DoFn.StateParam(BAG)) -> Iterator[Any]:
        yield key, sorted(bag.read())


@case
def at_the_end_of_windows(p: TestPipeline) -> None:
    found = timed(p) | WindowInto(FixedWindows(10)) | ParDo(AtTheEnd())
    last, later = Timestamp(10).predecessor(), Timestamp(20).predecessor()
    assert_that(found, equal_to([
        TestWindowedValue(('a', [1, 3]), last, [FIRST]), TestWindowedValue(('b', [2]), last, [FIRST]),
        TestWindowedValue(('a', [12]), later, [SECOND]), TestWindowedValue(('b', [14]), later, [SECOND])]),
        reify_windows=True)


@case
def in_windows_that_overlap(p: TestPipeline) -> None:
    found = timed(p, [('a', 1), ('a', 3)]) | WindowInto(SlidingWindows(4, 2)) | ParDo(AtTheEnd())
    check(found, [('a', [1]), ('a', [1, 3]), ('a', [3])])


@case
def in_the_global_window(p: TestPipeline) -> None:
    check(timed(p) | ParDo(AtTheEnd()), [('a', [1, 3, 12]), ('b', [2, 14])])


@case
def what_they_give_is_grouped_in_its_window(p: TestPipeline) -> None:
    found = timed(p) | WindowInto(FixedWindows(10)) | ParDo(AtTheEnd()) | Map(lambda pair: ('all', pair)) | GroupByKey()
    check(found | in_order(), [('all', [('a', [1, 3]), ('b', [2])]), ('all', [('a', [12]), ('b', [14])])])


class Waiting(DoFn):
    """Some steps of what a function does with an element's timer; then what fired, with all there is to know."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def process(self, element: Any, time: Any = DoFn.TimestampParam, event: Any = DoFn.TimerParam(EVENT),
                real: Any = DoFn.TimerParam(REAL)) -> None:
        self.act(event, real, time, element[1])

    @on_timer(EVENT)
    def of_event(self, key: Any = DoFn.KeyParam, window: Any = DoFn.WindowParam, time: Any = DoFn.TimestampParam,
                 tag: Any = DoFn.DynamicTimerTagParam) -> Iterator[Any]:
        yield 'event', key, window, int(time), tag

    @on_timer(REAL)
    def of_real(self, key: Any = DoFn.KeyParam, window: Any = DoFn.WindowParam,
                tag: Any = DoFn.DynamicTimerTagParam) -> Iterator[Any]:
        yield 'real', key, window, tag


def at(value: Any, micros: Timestamp | int, window: Any = GLOBAL_WINDOW) -> TestWindowedValue:
    return TestWindowedValue(value, Timestamp.of(micros), [window])


@case
def set_anew(p: TestPipeline) -> None:
    def later(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(time + 100)
        event.set(time + 100)

    assert_that(timed(p, [('a', 1), ('a', 3), ('a', 2)]) | ParDo(Waiting(later)),
                equal_to([at(('event', 'a', GLOBAL_WINDOW, 102, ''), 102)]), reify_windows=True)


@case
def cleared(p: TestPipeline) -> None:
    def some(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(50)
        event.set(60, 'x')
        real.set_relative(1)
        if value == 3:
            event.clear()
            event.clear('nothing')
            real.clear()

    check(timed(p, [('a', 1), ('a', 3), ('b', 1)]) | ParDo(Waiting(some)), [
        ('event', 'a', GLOBAL_WINDOW, 60, 'x'), ('event', 'b', GLOBAL_WINDOW, 50, ''),
        ('event', 'b', GLOBAL_WINDOW, 60, 'x'), ('real', 'b', GLOBAL_WINDOW, '')])


@case
def with_tags(p: TestPipeline) -> None:
    def each(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(time + 10, f'tag {value}')
        event.set(Timestamp(value + 20), dynamic_timer_tag='one')
        if value == 2:
            event.clear('tag 1')

    check(timed(p, [('a', 1), ('a', 2), ('a', 3)]) | ParDo(Waiting(each)), [
        ('event', 'a', GLOBAL_WINDOW, 12, 'tag 2'), ('event', 'a', GLOBAL_WINDOW, 13, 'tag 3'),
        ('event', 'a', GLOBAL_WINDOW, 23, 'one')])


@case
def of_real_time(p: TestPipeline) -> None:
    """What they give has the time of the element that set them."""

    def wait(event: Any, real: Any, time: Timestamp, value: int) -> None:
        real.set_relative(Duration(0.01), str(value))

    found = timed(p, [('a', 1), ('a', 12)]) | WindowInto(FixedWindows(10)) | ParDo(Waiting(wait))
    assert_that(found, equal_to([at(('real', 'a', FIRST, '1'), 1, FIRST), at(('real', 'a', SECOND, '12'), 12, SECOND)]),
                reify_windows=True)


@case
def with_an_output_timestamp(p: TestPipeline) -> None:
    def hold(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(9, output_timestamp=5)
        real.set_relative(0.01, output_timestamp=Timestamp(7))

    found = timed(p, [('a', 3)]) | WindowInto(FixedWindows(10)) | ParDo(Waiting(hold))
    assert_that(found, equal_to([at(('event', 'a', FIRST, 9, ''), 5, FIRST), at(('real', 'a', FIRST, ''), 7, FIRST)]),
                reify_windows=True)


@case
def later_than_their_window(p: TestPipeline) -> None:
    """They fire when it expires."""

    def later(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(1000)

    last = Timestamp(10).predecessor()
    found = timed(p, [('a', 3)]) | WindowInto(FixedWindows(10)) | ParDo(Waiting(later))
    assert_that(found, equal_to([at(('event', 'a', FIRST, 10, ''), last, FIRST)]), reify_windows=True)


@case
def earlier_than_their_element(p: TestPipeline) -> None:
    """They are due at once, and what they give is not earlier than the element."""

    def earlier(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(2)

    found = timed(p, [('a', 3)]) | ParDo(Waiting(earlier))
    assert_that(found, equal_to([at(('event', 'a', GLOBAL_WINDOW, 2, ''), 3)]), reify_windows=True)


class Steps(DoFn):
    """A timer that sets itself every ten seconds, until half a minute after the last element."""

    LAST = CombiningValueStateSpec('last', max)
    STEP = TimerSpec('step', TimeDomain.WATERMARK)
    START = BagStateSpec('start')

    def process(self, element: Any, time: Any = DoFn.TimestampParam, last: Any = DoFn.StateParam(LAST),
                start: Any = DoFn.StateParam(START), step: Any = DoFn.TimerParam(STEP)) -> None:
        last.add(element[1])
        if start.is_empty():
            start.add(time)
            step.set(time + 10)

    @on_timer(STEP)
    def next_step(self, time: Any = DoFn.TimestampParam, key: Any = DoFn.KeyParam, last: Any = DoFn.StateParam(LAST),
                  step: Any = DoFn.TimerParam(STEP)) -> Iterator[Any]:
        yield key, int(time)
        if time + 10 <= last.read() + 30:
            step.set(time + 10)


@case
def that_set_themselves(p: TestPipeline) -> None:
    check(timed(p, [('a', 1), ('b', 5), ('a', 15)]) | ParDo(Steps()), [
        *(('a', time) for time in (11, 21, 31, 41)), *(('b', time) for time in (15, 25, 35))])


@case
def that_set_themselves_until_the_end_of_the_window(p: TestPipeline) -> None:
    class Endless(DoFn):
        STEP = TimerSpec('step', TimeDomain.WATERMARK)

        def process(self, element: Any, time: Any = DoFn.TimestampParam, step: Any = DoFn.TimerParam(STEP)) -> None:
            step.set(time)

        @on_timer(STEP)
        def again(self, time: Any = DoFn.TimestampParam, step: Any = DoFn.TimerParam(STEP)) -> Iterator[Any]:
            yield int(time)
            step.set(time + 3)

    check(timed(p, [('a', 1)]) | WindowInto(FixedWindows(10)) | ParDo(Endless()), [1, 4, 7, 10])


@case
def one_that_sets_another(p: TestPipeline) -> None:
    class Chain(DoFn):
        ONE, OTHER = TimerSpec('one', TimeDomain.WATERMARK), TimerSpec('other', TimeDomain.WATERMARK)
        DONE = BagStateSpec('done')

        def process(self, element: Any, one: Any = DoFn.TimerParam(ONE), other: Any = DoFn.TimerParam(OTHER)) -> None:
            one.set(10)
            other.set(30)

        @on_timer(ONE)
        def first(self, time: Any = DoFn.TimestampParam, other: Any = DoFn.TimerParam(OTHER),
                  real: Any = DoFn.TimerParam(REAL), done: Any = DoFn.StateParam(DONE)) -> None:
            done.add('one')
            other.set(time)
            real.set_relative(0)

        @on_timer(OTHER)
        def second(self, time: Any = DoFn.TimestampParam, done: Any = DoFn.StateParam(DONE)) -> None:
            done.add(f'other at {int(time)}')

        @on_timer(REAL)
        def third(self, done: Any = DoFn.StateParam(DONE)) -> Iterator[Any]:
            yield done.read()

    check(timed(p, [('a', 1)]) | ParDo(Chain()), [['one', 'other at 10']])


@case
def two_of_one_method(p: TestPipeline) -> None:
    class Both(DoFn):
        ONE, OTHER = TimerSpec('one', TimeDomain.WATERMARK), TimerSpec('other', TimeDomain.WATERMARK)

        def process(self, element: Any, one: Any = DoFn.TimerParam(ONE), other: Any = DoFn.TimerParam(OTHER)) -> None:
            one.set(10)
            other.set(20)

        @on_timer(OTHER)
        @on_timer(ONE)
        def fired(self, time: Any = DoFn.TimestampParam) -> list[int]:
            return [int(time)]

    check(timed(p, [('a', 1)]) | ParDo(Both()), [10, 20])


@case
def several_outputs(p: TestPipeline) -> None:
    class Tagged(DoFn):
        def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(5)

        @on_timer(EVENT)
        def fired(self, key: Any = DoFn.KeyParam) -> Iterator[Any]:
            yield key
            yield TaggedOutput('times', TimestampedValue(key, 8))
            yield TimestampedValue(key * 2, 12)
            yield WindowedValue(key * 3, 7, [SECOND])

    outputs = (timed(p, [('a', 1)]) | WindowInto(FixedWindows(10)) | ParDo(Tagged()).with_outputs('times', main='main'))
    assert_that(outputs.main, equal_to([at('a', 5, FIRST), at('aa', 12, SECOND), at('aaa', 7, SECOND)]), 'main',
                reify_windows=True)
    assert_that(outputs.times, equal_to([at('a', 8, FIRST)]), 'times', reify_windows=True)


# The end of windows.


class Expiring(DoFn):
    VALUE = ReadModifyWriteStateSpec('value')

    def process(self, element: Any, value: Any = DoFn.StateParam(VALUE), bag: Any = DoFn.StateParam(BAG),
                event: Any = DoFn.TimerParam(EVENT), real: Any = DoFn.TimerParam(REAL)) -> None:
        bag.add(element[1])
        value.write(element[1])
        event.set(5)
        real.set_relative(0.01)
        if element[1] == 2:
            bag.clear()
            value.clear()
            event.clear()
            real.clear()

    @on_timer(EVENT)
    def of_event(self, bag: Any = DoFn.StateParam(BAG)) -> None:
        bag.add('event')

    @on_timer(REAL)
    def of_real(self, bag: Any = DoFn.StateParam(BAG)) -> None:
        bag.add('real')

    @on_window_expiration
    def expire(self, key: Any = DoFn.KeyParam, window: Any = DoFn.WindowParam, time: Any = DoFn.TimestampParam,
               bag: Any = DoFn.StateParam(BAG)) -> Iterator[Any]:
        yield key, window, time, bag.read()


@case
def expiration_is_the_last_thing(p: TestPipeline) -> None:
    last, later = Timestamp(10).predecessor(), Timestamp(20).predecessor()
    found = timed(p, [('a', 1), ('b', 2), ('a', 12)]) | WindowInto(FixedWindows(10)) | ParDo(Expiring())

    def matches(values: list[Any]) -> None:
        found = [(*one.value[:3], one.value[3][0], sorted(one.value[3][1:]), one.timestamp, one.windows)
                 for one in values]
        assert sorted(found, key=str) == [('a', FIRST, last, 1, ['event', 'real'], last, [FIRST]),
                                          ('a', SECOND, later, 12, ['event', 'real'], later, [SECOND])]

    assert_that(found, matches, reify_windows=True)


@case
def expiration_of_the_global_window(p: TestPipeline) -> None:
    class Sums(DoFn):
        SUM = CombiningValueStateSpec('sum', sum)

        def process(self, element: Any, total: Any = DoFn.StateParam(SUM)) -> None:
            total.add(element[1])

        @on_window_expiration
        def emit(self, key: Any = DoFn.KeyParam, total: Any = DoFn.StateParam(SUM)) -> Iterator[Any]:
            yield key, total.read()

    check(timed(p) | ParDo(Sums()) | CombinePerKey(sum), [('a', 16), ('b', 16)])


# What surrounds the methods.


@contextmanager
def opened() -> Iterator[str]:
    yield 'open'


OPENED = DoFn.SetupContextParam(opened)


@case
def around_methods(p: TestPipeline) -> None:
    """Methods of timers are called within a bundle, on the instance that was set up, with its contexts."""

    class Ready(DoFn):
        def setup(self) -> None:
            self.ready = True

        def start_bundle(self) -> None:
            self.bundle: list[Any] | None = []

        def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(5)

        @on_timer(EVENT)
        def fired(self, context: Any = OPENED, pane: Any = DoFn.PaneInfoParam) -> None:
            assert self.ready
            assert context == 'open'
            assert self.bundle is not None
            self.bundle.append(pane.index)

        def finish_bundle(self) -> Iterator[Any]:
            yield from (WindowedValue('fired', 5, [GLOBAL_WINDOW]) for _ in self.bundle or ())
            self.bundle = None

    check(timed(p, [('a', 1), ('b', 1)]) | ParDo(Ready()), ['fired', 'fired'])


@case
def metrics_are_counted_for_the_step(p: TestPipeline) -> Any:
    class Counted(DoFn):
        def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(5)

        @on_timer(EVENT)
        def fired(self) -> None:
            Metrics.counter('test', 'fired').inc()

    timed(p) | 'counted' >> ParDo(Counted()) | Map(str)

    def after(result: Any) -> None:
        found = result.metrics().query(MetricsFilter().with_name('fired'))['counters']
        assert [(one.key.step, one.committed) for one in found] == [('counted', 2)]

    return after


class Fails(DoFn):
    def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
        event.set(5)

    @on_timer(EVENT)
    def fired(self) -> None:
        raise KeyError('mine')


@case(raises=KeyError, match='mine')
def failures_are_the_users_own(p: TestPipeline) -> None:
    timed(p) | ParDo(Fails())


@case(raises=TypeError, match='must return an iterable of outputs, and returned the str')
def a_text_is_no_output(p: TestPipeline) -> None:
    class Text(DoFn):
        def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(5)

        @on_timer(EVENT)
        def fired(self) -> str:
            return 'text'

    timed(p) | ParDo(Text())


@case(raises=ExecutionError, match=r"back: for the key 'a', the output 'old' has the timestamp Timestamp\(4\), which "
                                   r'is before Timestamp\(5\)')
def outputs_do_not_go_back(p: TestPipeline) -> None:
    class Back(DoFn):
        def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(5)

        @on_timer(EVENT)
        def fired(self) -> Iterator[Any]:
            yield TimestampedValue('old', 4)

    timed(p, [('a', 1)]) | 'back' >> ParDo(Back())


@case(raises=ExecutionError, match=r"waiting: the timer 'event' of the key 'a': the output timestamp Timestamp\(2\) is "
                                   r'before that of the input, Timestamp\(3\)')
def output_timestamps_do_not_go_back(p: TestPipeline) -> None:
    def back(event: Any, real: Any, time: Timestamp, value: int) -> None:
        event.set(9, output_timestamp=2)

    timed(p, [('a', 3)]) | 'waiting' >> ParDo(Waiting(back))
