"""Functions that fail: the run ends with the user's own exception, or the element goes to another output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bourne.errors import ExceptionThresholdError, ExecutionError, TypeCheckError
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp
from bourne.sdk.model.window import FixedWindows, IntervalWindow, TimestampedValue, WindowedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, is_empty
from bourne.sdk.transforms import deadletter  # noqa: F401 - loads with_exception_handling
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, ParDo
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.conformance.case import case, check


class Odd(Exception):
    """An exception of the user."""


@case(raises=ZeroDivisionError)
def of_map(p: TestPipeline) -> None:
    p | Create([1, 0]) | Map(lambda x: 1 / x)


@case(raises=Odd, match='three')
def of_flat_map_half_way(p: TestPipeline) -> None:
    def some(x: int) -> Iterator[int]:
        yield x
        raise Odd('three')

    p | Create([3]) | FlatMap(some)


@case(raises=KeyError)
def of_filter(p: TestPipeline) -> None:
    p | Create(['a']) | Filter(lambda x: {}[x])


@case(raises=Odd)
def of_process(p: TestPipeline) -> None:
    class Fails(DoFn):
        def process(self, element: int) -> None:
            raise Odd('no')

    p | Create([1]) | ParDo(Fails())


@case(raises=ExecutionError, match=r'timestamp of 1\.7e\+15 seconds is outside of event time.* microseconds\?')
def of_a_time_in_microseconds(p: TestPipeline) -> None:
    p | Create([1_700_000_000_000_000]) | WithTimestamps(lambda x: x)


@case(raises=ExecutionError, match='outside of event time')
def of_a_time_with_a_fraction(p: TestPipeline) -> None:
    p | Create([-1e16]) | WithTimestamps(lambda x: x) | WindowInto(FixedWindows(10))


@case(raises=ExecutionError, match='outside of event time')
def of_the_time_of_an_output(p: TestPipeline) -> None:
    p | Create([1, 10**14]) | Map(lambda x: TimestampedValue(x, x)) | WindowInto(FixedWindows(10)) | Map(str)


@case(raises=ExecutionError, match='outside of event time')
def of_the_time_of_an_output_with_windows(p: TestPipeline) -> None:
    p | Create([10**14]) | FlatMap(lambda x: [WindowedValue(x, x, [IntervalWindow(0, 1)])])


@case(raises=ExecutionError, match='outside of event time')
def of_the_time_of_an_element_of_a_source(p: TestPipeline) -> None:
    p | Create([TimestampedValue('a', 5), TimestampedValue('b', 10**13)]) | Map(str)


@case
def times_at_the_ends_of_event_time(p: TestPipeline) -> None:
    ends = [MIN_TIMESTAMP, MAX_TIMESTAMP, Timestamp(0)]
    check(p | Create(ends) | WithTimestamps(lambda x: x) | Map(lambda x, time=DoFn.TimestampParam: time), ends)
    check(p | 'again' >> Create(ends) | 'stamp' >> Map(lambda x: TimestampedValue(x, x))
          | 'look' >> Map(lambda x, time=DoFn.TimestampParam: time), ends, 'of values')


@case(raises=ValueError)
def of_the_function_of_times(p: TestPipeline) -> None:
    p | Create(['soon']) | WithTimestamps(float)


class Breaks(CombineFn):
    """Fails at one step."""

    def __init__(self, step: str) -> None:
        self.step = step

    def create_accumulator(self, *args: Any, **kwargs: Any) -> int:
        return self._do('create', 0)

    def add_input(self, mutable_accumulator: int, element: int, *args: Any, **kwargs: Any) -> int:
        return self._do('add', mutable_accumulator + element)

    def merge_accumulators(self, accumulators: Iterable[int], *args: Any, **kwargs: Any) -> int:
        return sum(accumulators)

    def extract_output(self, accumulator: int, *args: Any, **kwargs: Any) -> int:
        return self._do('extract', accumulator)

    def _do(self, step: str, value: int) -> int:
        if step == self.step:
            raise Odd(step)
        return value


@case(raises=Odd, match='create')
def of_making_an_accumulator(p: TestPipeline) -> None:
    p | Create([('k', 1)]) | CombinePerKey(Breaks('create'))


@case(raises=Odd, match='add')
def of_adding_to_an_accumulator(p: TestPipeline) -> None:
    p | Create([('k', 1)]) | CombinePerKey(Breaks('add'))


@case(raises=Odd, match='extract')
def of_extracting_a_result(p: TestPipeline) -> None:
    p | Create([('k', 1)]) | CombinePerKey(Breaks('extract'))


@case(raises=Exception, match='unpack|pair')
def combining_what_is_no_pair(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x: [x, x, x]) | CombinePerKey(sum)


@case(raises=Odd)
def an_assert_of_the_user(p: TestPipeline) -> None:
    def matcher(elements: list[Any]) -> None:
        raise Odd('not as it should be')

    assert_that(p | Create([1]), matcher)


# Failures that go to an output.


def reports(bad: Any) -> Any:
    """The failed elements with the class of their failure."""
    return bad | 'reports' >> Map(lambda pair: (pair[0], pair[1][0].__name__, pair[1][1]))


@case
def dead_letters_of_map(p: TestPipeline) -> None:
    good, bad = p | Create([1, 0, 2]) | Map(lambda x: 2 / x).with_exception_handling()
    check(good, [2.0, 1.0])
    check(reports(bad), [(0, 'ZeroDivisionError', "ZeroDivisionError('division by zero')")])


@case
def dead_letters_tell_the_traceback(p: TestPipeline) -> None:
    _, bad = p | Create([0]) | Map(lambda x: 2 / x).with_exception_handling()
    check(bad | Map(lambda pair: 'ZeroDivisionError' in ''.join(pair[1][2]) and 'Traceback' in pair[1][2][0]), [True])


@case
def dead_letters_of_filter_and_flat_map(p: TestPipeline) -> None:
    good, bad = p | 'a' >> Create([1, 0]) | Filter(lambda x: 1 / x).with_exception_handling()
    check(good, [1])
    check(bad | 'filtered' >> Map(lambda pair: pair[0]), [0])
    good, bad = p | 'b' >> Create([(1, 2), (3, 0), 5]) | FlatMap(lambda x: [1 / y for y in x]).with_exception_handling()
    check(good, [1.0, 0.5])
    check(bad | 'mapped' >> Map(lambda pair: pair[0]), [(3, 0), 5])


@case
def dead_letters_are_all_or_nothing(p: TestPipeline) -> None:
    def some(x: int) -> Iterator[int]:
        yield x
        yield 1 // (x - 2)

    numbers = p | Create([1, 2, 3])
    good, bad = numbers | 'whole' >> FlatMap(some).with_exception_handling()
    check(good, [1, -1, 3, 1])
    check(bad | 'failed' >> Map(lambda pair: pair[0]), [2])
    good, _ = numbers | 'partial' >> FlatMap(some).with_exception_handling(partial=True)
    check(good, [1, -1, 2, 3, 1])


@case
def dead_letters_of_a_dofn_with_other_outputs(p: TestPipeline) -> None:
    class Splits(DoFn):
        def process(self, element: int) -> Iterator[Any]:
            yield TaggedOutput('odd' if element % 2 else 'even', 6 / element)
            yield element

    out = p | Create([0, 1, 2]) | ParDo(Splits()).with_outputs('odd', 'even').with_exception_handling()
    check(out.good, [1, 2])
    check(out.odd, [6.0])
    check(out.even, [3.0])
    check(out.bad | Map(lambda pair: pair[0]), [0])


@case
def dead_letters_with_names(p: TestPipeline) -> None:
    out = p | Create([1, 0]) | Map(lambda x: 1 / x).with_exception_handling(main_tag='ok', dead_letter_tag='ko')
    check(out.ok, [1.0])
    check(out.ko | Map(lambda pair: pair[0]), [0])


@case(raises=ZeroDivisionError)
def only_these_exceptions_are_dead_letters(p: TestPipeline) -> None:
    p | Create([0]) | Map(lambda x: 1 / x).with_exception_handling(exc_class=ValueError)


@case
def dead_letters_keep_time_and_window(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(0, 12)]) | WindowInto(FixedWindows(10))
    _, bad = timed | Map(lambda x: 1 / x).with_exception_handling()
    assert_that(bad | 'element' >> Map(lambda pair: pair[0]), equal_to([
        TestWindowedValue(0, Timestamp(12), [IntervalWindow(10, 20)])]), reify_windows=True)


@case
def dead_letters_with_side_inputs_and_arguments(p: TestPipeline) -> None:
    two = p | 'two' >> Create([2])
    good, bad = p | Create([1, 2]) | Map(lambda x, y, z: z / (x - y), AsSingleton(two), z=1).with_exception_handling()
    check(good, [-1.0])
    check(bad | 'element' >> Map(lambda pair: pair[0]), [2])


@case
def no_dead_letters(p: TestPipeline) -> None:
    good, bad = p | Create([1]) | Map(lambda x: x).with_exception_handling()
    check(good, [1])
    assert_that(bad, is_empty())


@case
def dead_letters_are_grouped(p: TestPipeline) -> None:
    _, bad = p | Create([1, 'x', None]) | Map(lambda x: x + 1).with_exception_handling()
    check(bad | Map(lambda pair: (pair[1][0].__name__, repr(pair[0]))) | GroupByKey()
          | 'sorted' >> Map(lambda kv: (kv[0], sorted(kv[1]))), [('TypeError', ["'x'", 'None'])])


@case
def a_share_of_failures_that_is_allowed(p: TestPipeline) -> None:
    good, _ = p | Create([1, 1, 0, 1]) | Map(lambda x: 1 / x).with_exception_handling(threshold=0.25)
    check(good, [1.0] * 3)


@case(raises=ExceptionThresholdError)
def too_many_failures(p: TestPipeline) -> None:
    p | Create([1, 0, 0, 1]) | Map(lambda x: 1 / x).with_exception_handling(threshold=0.25)


# Types that are checked while the pipeline runs.


@case(raises=TypeCheckError, flags=['--runtime_type_check'])
def an_output_of_the_wrong_type(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x: str(x)).with_output_types(int)


@case(raises=TypeCheckError, flags=['--runtime_type_check'])
def an_output_of_the_wrong_type_with_a_time(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x: TimestampedValue(str(x), 5)).with_output_types(int)


@case(flags=['--runtime_type_check'])
def outputs_of_the_right_type(p: TestPipeline) -> None:
    made = (p | Create([1]) | Map(lambda x: str(x)).with_output_types(str)
            | 'pair' >> Map(lambda x: (x, 1)).with_output_types(tuple[str, int]) | GroupByKey())
    check(made, [('1', [1])])
