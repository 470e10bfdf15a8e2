"""State: every kind of cell, by key and window, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bourne.errors import BourneError, ExecutionError, KeyEncodingError
from bourne.sdk.metric_results import MetricsFilter
from bourne.sdk.metrics import Metrics
from bourne.sdk.model.coders import StrUtf8Coder, VarIntCoder
from bourne.sdk.model.combinefn import CombineFn, MeanCombineFn
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.state import (
    BagStateSpec,
    CombiningValueStateSpec,
    MapStateSpec,
    OrderedListStateSpec,
    ReadModifyWriteStateSpec,
    SetStateSpec,
)
from bourne.sdk.model.timestamp import Timestamp
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
from bourne.sdk.transforms import deadletter  # noqa: F401 - loads with_exception_handling
from bourne.sdk.transforms.collect import ToListCombineFn
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, Map, ParDo
from bourne.sdk.transforms.sideinput import AsDict, AsSingleton
from bourne.sdk.transforms.top import TopCombineFn
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.conformance.case import case, check

PAIRS = [('a', 1), ('b', 2), ('a', 3), ('c', 4), ('b', 5), ('a', 6)]
COUNT = CombiningValueStateSpec('count', sum)


class Counting(DoFn):
    """Each element with the number of those of its key so far, itself included."""

    def process(self, element: Any, count: Any = DoFn.StateParam(COUNT)) -> Iterator[Any]:
        count.add(1)
        yield element[0], count.read()


COUNTED = [('a', 1), ('a', 2), ('a', 3), ('b', 1), ('b', 2), ('c', 1)]


@case
def a_count_for_each_key(p: TestPipeline) -> None:
    check(p | Create(PAIRS) | ParDo(Counting()), COUNTED)


@case
def of_one_key_with_many_elements(p: TestPipeline) -> None:
    counted = p | Create([(None, x) for x in range(500)]) | ParDo(Counting()) | Map(lambda pair: pair[1])
    check(counted, range(1, 501))


@case
def without_any_element(p: TestPipeline) -> None:
    check(p | Create([]) | ParDo(Counting()), [])


@case
def of_keys_that_are_equal(p: TestPipeline) -> None:
    keys = [1, 1.0, True, (2, 'x'), (2.0, 'x'), float('nan'), float('nan'), None, 'None', b'1', '1']
    counted = p | Create([(key, 0) for key in keys]) | ParDo(Counting()) | Map(lambda pair: pair[1])
    check(counted, [1, 2, 3, 1, 2, 1, 2, 1, 1, 1, 1])


class Cell(DoFn):
    """Calls a function with the cell and the value of each element; its outputs are the function's."""

    def __init__(self, act: Callable[[Any, Any], Iterable[Any] | None]) -> None:
        self.act = act


class Value(Cell):
    CELL = ReadModifyWriteStateSpec('value')

    def process(self, element: Any, cell: Any = DoFn.StateParam(CELL)) -> Any:
        return self.act(cell, element[1])


@case
def a_value(p: TestPipeline) -> None:
    def since(cell: Any, value: int) -> Iterator[Any]:
        yield cell.read(), cell.is_empty(), value
        cell.write(value)
        assert cell.read() == value
        assert not cell.is_empty()
        if value == 2:
            cell.clear()
            assert cell.read() is None
        if value == 4:
            cell.write(None)

    one = p | Create([('k', x) for x in (1, 2, 3, 4, 5)]) | ParDo(Value(since))
    check(one, [(None, True, 1), (1, False, 2), (None, True, 3), (3, False, 4), (None, True, 5)])


@case
def a_value_is_the_writers_own(p: TestPipeline) -> None:
    """Changing what was read changes neither the state nor what was emitted."""

    def all_so_far(cell: Any, value: int) -> Iterator[Any]:
        values = cell.read() or []
        values.append(value)
        cell.write(values)
        cell.read().append('lost')
        yield values

    check(p | Create([('k', x) for x in (1, 2, 3)]) | ParDo(Value(all_so_far)), [[1], [1, 2], [1, 2, 3]])


class Bag(Cell):
    CELL = BagStateSpec('bag')

    def process(self, element: Any, cell: Any = DoFn.StateParam(CELL)) -> Any:
        return self.act(cell, element[1])


@case
def a_bag(p: TestPipeline) -> None:
    def batches(cell: Any, value: int) -> Iterator[Any]:
        assert cell.is_empty() is (not cell.read())
        before = cell.read()
        cell.add(value)
        cell.add(value)
        assert before == cell.read()[:-2]
        if len(cell.read()) == 4:
            yield sorted(cell.read())
            cell.clear()
            assert cell.read() == []

    check(p | Create([('k', x) for x in range(5)]) | ParDo(Bag(batches)), [[0, 0, 1, 1], [2, 2, 3, 3]])


class Set(Cell):
    CELL = SetStateSpec('set')

    def process(self, element: Any, cell: Any = DoFn.StateParam(CELL)) -> Any:
        return self.act(cell, element[1])


@case
def a_set(p: TestPipeline) -> None:
    def new_ones(cell: Any, value: int) -> Iterator[Any]:
        if not cell.contains(value):
            cell.add(value)
            cell.add(value)
            yield value, sorted(cell.read())
        if value == 3:
            cell.remove(1)
            cell.remove(99)
            cell.read().add('lost')
        if value == 4:
            cell.clear()
            assert cell.is_empty()

    # What one task makes comes in its order.
    made = p | Create(['k']) | FlatMap(lambda key: [(key, x) for x in (1, 2, 1, 3, 1, 3, 4, 4)])
    found = made | ParDo(Set(new_ones))
    check(found, [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (1, [1, 2, 3]), (4, [2, 3, 4]), (4, [4])])


class Longest(CombineFn):
    """The longest text; of none, nothing at all, which is also what its accumulator begins as."""

    def setup(self) -> None:
        self.ready = True

    def create_accumulator(self) -> Any:
        assert self.ready
        return None

    def add_input(self, mutable_accumulator: Any, element: str) -> Any:
        return None if element == 'reset' else max(mutable_accumulator or '', element, key=len)

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        return max((one or '' for one in accumulators), key=len)

    def extract_output(self, accumulator: Any) -> Any:
        return accumulator


class Combining(DoFn):
    SUM = CombiningValueStateSpec('sum', VarIntCoder(), sum)
    MEAN = CombiningValueStateSpec('mean', MeanCombineFn())
    TOP = CombiningValueStateSpec('top', combine_fn=TopCombineFn(2))
    LIST = CombiningValueStateSpec('list', ToListCombineFn())
    LONGEST = CombiningValueStateSpec('longest', Longest())

    def process(self, element: Any, total: Any = DoFn.StateParam(SUM), mean: Any = DoFn.StateParam(MEAN),
                top: Any = DoFn.StateParam(TOP), every: Any = DoFn.StateParam(LIST),
                longest: Any = DoFn.StateParam(LONGEST)) -> Iterator[Any]:
        value = element[1]
        for cell in (total, mean, top, every):
            cell.add(value)
        longest.add('reset' if value == 3 else 'x' * value)
        yield total.read(), mean.read(), sorted(top.read()), every.read(), longest.read()
        if value == 4:
            for cell in (total, mean, top, every, longest):
                cell.clear()
            assert total.read() == 0
            assert top.read() == []
            assert longest.read() is None


@case
def combinations(p: TestPipeline) -> None:
    found = p | Create([('k', x) for x in (1, 2, 3, 4, 5)]) | ParDo(Combining())
    check(found, [(1, 1.0, [1], [1], 'x'), (3, 1.5, [1, 2], [1, 2], 'xx'), (6, 2.0, [2, 3], [1, 2, 3], None),
                  (10, 2.5, [3, 4], [1, 2, 3, 4], 'xxxx'), (5, 5.0, [5], [5], 'xxxxx')])


class Ordered(Cell):
    CELL = OrderedListStateSpec('ordered')

    def process(self, element: Any, cell: Any = DoFn.StateParam(CELL)) -> Any:
        return self.act(cell, element[1])


@case
def an_ordered_list(p: TestPipeline) -> None:
    def steps(cell: Any, value: int) -> Iterator[Any]:
        cell.add((10 - value, value))
        cell.add((Timestamp(5), f'five {value}'))
        if value == 3:
            yield 'all', [(int(time), one) for time, one in cell.read()]
            yield 'some', [one for _, one in cell.read_range(Timestamp(5), Timestamp(9))]
            yield 'none', cell.read_range(9, 5)
            cell.clear_range(5, 8)
            yield 'rest', [one for _, one in cell.read()]
            cell.clear_range(Timestamp(0), Timestamp(100))
            assert cell.is_empty()

    check(p | Create([('k', x) for x in (1, 2, 3)]) | ParDo(Ordered(steps)), [
        ('all', [(5, 'five 1'), (5, 'five 2'), (5, 'five 3'), (7, 3), (8, 2), (9, 1)]),
        ('some', ['five 1', 'five 2', 'five 3', 3, 2]), ('none', []), ('rest', [2, 1])])


class Mapping(Cell):
    CELL = MapStateSpec('map', StrUtf8Coder(), VarIntCoder())

    def process(self, element: Any, cell: Any = DoFn.StateParam(CELL)) -> Any:
        return self.act(cell, element[1])


@case
def a_map(p: TestPipeline) -> None:
    def steps(cell: Any, word: str) -> Iterator[Any]:
        cell.put(word, cell.get(word, 0) + 1)
        if word == 'end':
            assert cell.contains('to')
            assert cell.get('nothing') is None
            assert cell.put_if_absent('to', 7) == 2
            assert cell.put_if_absent('or', 7) is None
            cell.remove('end')
            cell.remove('nothing')
            yield sorted(cell.items()), sorted(cell.keys()), sorted(cell.values()), cell.read() == dict(cell.items())
            cell.clear()
            assert cell.is_empty()

    found = p | Create([('k', x) for x in ('to', 'be', 'to', 'end')]) | ParDo(Mapping(steps))
    check(found, [([('be', 1), ('or', 7), ('to', 2)], ['be', 'or', 'to'], [1, 2, 7], True)])


# Keys, windows, inputs and outputs.


@case
def for_each_window(p: TestPipeline) -> None:
    counted = (p | Create(PAIRS) | WithTimestamps(lambda pair: pair[1]) | WindowInto(FixedWindows(3))
               | ParDo(Counting()))
    first, second, third = IntervalWindow(0, 3), IntervalWindow(3, 6), IntervalWindow(6, 9)
    expected = [TestWindowedValue(('a', 1), 1, [first]), TestWindowedValue(('b', 1), 2, [first]),
                TestWindowedValue(('a', 1), 3, [second]), TestWindowedValue(('c', 1), 4, [second]),
                TestWindowedValue(('b', 1), 5, [second]), TestWindowedValue(('a', 1), 6, [third])]
    assert_that(counted, equal_to(expected), reify_windows=True)


@case
def for_each_window_of_an_element(p: TestPipeline) -> None:
    counted = (p | Create([('k', 1), ('k', 3), ('k', 5)]) | WithTimestamps(lambda pair: pair[1])
               | WindowInto(SlidingWindows(4, 2)) | ParDo(Counting()))
    windows = {start: [IntervalWindow(start, start + 4)] for start in (-2, 0, 2, 4)}
    expected = [TestWindowedValue(('k', count), time, windows[start]) for time, start, count in (
        (1, -2, 1), (1, 0, 1), (3, 0, 2), (3, 2, 1), (5, 2, 2), (5, 4, 1))]
    assert_that(counted, equal_to(expected), reify_windows=True)


@case
def with_side_inputs(p: TestPipeline) -> None:
    class Scaled(DoFn):
        def process(self, element: Any, factors: Any, plus: int, total: Any = DoFn.StateParam(COUNT),
                    key: Any = DoFn.KeyParam) -> Iterator[Any]:
            total.add(element[1] * factors[key] + plus)
            yield key, total.read()

    factors = p | 'factors' >> Create([('a', 10), ('b', 100)])
    one = p | 'one' >> Create([1])
    scaled = p | Create([('a', 1), ('b', 1), ('a', 2)]) | ParDo(Scaled(), AsDict(factors), plus=AsSingleton(one))
    check(scaled, [('a', 11), ('b', 101), ('a', 32)])


class Sorting(DoFn):
    SEEN = SetStateSpec('seen')

    def process(self, element: Any, time: Any = DoFn.TimestampParam,
                seen: Any = DoFn.StateParam(SEEN)) -> Iterator[Any]:
        if seen.contains(element[1]):
            yield TaggedOutput('again', element)
        else:
            seen.add(element[1])
            yield element
        yield TaggedOutput('later', TimestampedValue(element[1], time + 10))


@case
def with_several_outputs(p: TestPipeline) -> None:
    outputs = (p | Create([('a', 1), ('a', 1), ('b', 1), ('a', 2), ('a', 1)]) | WithTimestamps(lambda pair: pair[1])
               | ParDo(Sorting()).with_outputs('again', 'later', main='first'))
    check(outputs.first, [('a', 1), ('b', 1), ('a', 2)], 'first')
    check(outputs.again, [('a', 1), ('a', 1)], 'again')
    assert_that(outputs.later, equal_to([TestWindowedValue(x, x + 10, [GLOBAL_WINDOW]) for x in (1, 1, 1, 2, 1)]),
                'later', reify_windows=True)


@case
def of_several_inputs(p: TestPipeline) -> None:
    both = (p | 'one' >> Create([('a', 1), ('b', 2)]), p | 'other' >> Create([('a', 3)])) | Flatten()
    check(both | ParDo(Counting()), [('a', 1), ('a', 2), ('b', 1)])


@case
def one_after_the_other(p: TestPipeline) -> None:
    twice = p | Create(PAIRS) | 'once' >> ParDo(Counting()) | 'twice' >> ParDo(Counting())
    check(twice | CombinePerKey(max), [('a', 3), ('b', 2), ('c', 1)])


@case
def two_of_one_input(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | 'one' >> ParDo(Counting()), COUNTED, 'one')
    check(pairs | 'other' >> ParDo(Counting()) | Map(lambda pair: pair[1]), [1, 1, 1, 2, 2, 3], 'other')


@case
def behind_a_grouping_and_before_one(p: TestPipeline) -> None:
    grouped = p | Create(PAIRS) | GroupByKey() | ParDo(Counting()) | 'again' >> GroupByKey()
    check(grouped | Map(lambda pair: (pair[0], list(pair[1]))), [('a', [1]), ('b', [1]), ('c', [1])])


@case
def nobody_reads_the_output(p: TestPipeline) -> None:
    p | Create(PAIRS) | ParDo(Counting())


@case
def around_bundles(p: TestPipeline) -> None:
    """Instance attributes live for a bundle, state for a key."""

    class Both(DoFn):
        def setup(self) -> None:
            self.ready = True

        def start_bundle(self) -> None:
            self.here = 0

        def process(self, element: Any, count: Any = DoFn.StateParam(COUNT)) -> None:
            assert self.ready
            self.here += 1
            count.add(1)
            assert count.read() >= 1

        def finish_bundle(self) -> Iterator[Any]:
            yield WindowedValue(self.here, 0, [GLOBAL_WINDOW])

    def all_elements(counts: list[int]) -> None:
        assert sum(counts) == len(PAIRS)

    assert_that(p | Create(PAIRS) | ParDo(Both()), all_elements)


@case
def metrics_are_counted_for_the_step(p: TestPipeline) -> Any:
    class Counted(DoFn):
        def process(self, element: Any, count: Any = DoFn.StateParam(COUNT)) -> None:
            count.add(1)
            if count.read() == 1:
                Metrics.counter('test', 'keys').inc()

    p | Create(PAIRS) | 'counted' >> ParDo(Counted())

    def after(result: Any) -> None:
        found = result.metrics().query(MetricsFilter().with_name('keys'))['counters']
        assert [(one.key.step, one.committed) for one in found] == [('counted', 3)]

    return after


@case
def failures_become_outputs(p: TestPipeline) -> None:
    """What was written before the failure stays."""

    class Fails(DoFn):
        def process(self, element: Any, total: Any = DoFn.StateParam(COUNT)) -> Iterator[Any]:
            total.add(element[1])
            if element[1] == 2:
                raise ValueError('two')
            yield total.read()

    good, bad = p | Create([('k', 1), ('k', 2), ('k', 3)]) | ParDo(Fails()).with_exception_handling()
    check(good, [1, 6], 'good')
    check(bad | Map(lambda failure: failure[0]), [('k', 2)], 'bad')


# What is refused.


@case(raises=ExecutionError, match=r'pairs.*\(key, value\)|\(key, value\) pairs')
def of_elements_without_a_key(p: TestPipeline) -> None:
    p | Create([('a', 1)]) | Map(lambda pair: 7) | ParDo(Counting())


@case(raises=BourneError, match='list')
def of_keys_that_cannot_be_hashed(p: TestPipeline) -> None:
    p | Create([('a', 1)]) | Map(lambda pair: ([1], 1)) | ParDo(Counting())


@case(raises=KeyEncodingError, match='object')
def of_keys_without_an_encoding(p: TestPipeline) -> None:
    p | Create([('a', 1)]) | Map(lambda pair: (object(), 1)) | ParDo(Counting())


@case(raises=ExecutionError, match=r"typed: the value state 'value' of the key 'k' was given a value of the wrong "
                                   r"type, 'three' \(str\): VarIntCoder cannot encode")
def of_a_value_of_the_wrong_type(p: TestPipeline) -> None:
    class Typed(DoFn):
        VALUE = ReadModifyWriteStateSpec('value', VarIntCoder())

        def process(self, element: Any, value: Any = DoFn.StateParam(VALUE)) -> None:
            value.write(element[1])

    p | Create([('k', 1), ('k', 'three')]) | 'typed' >> ParDo(Typed())


@case(raises=ExecutionError, match=r"keeping: the combining state 'count' of the key 'k' was used while another "
                                   r'window of that key is at hand \(5000000\).*ask for them by parameters')
def of_another_window(p: TestPipeline) -> None:
    class Keeping(DoFn):
        def __init__(self) -> None:
            self.kept: Any = None

        def process(self, element: Any, count: Any = DoFn.StateParam(COUNT)) -> None:
            self.kept = self.kept or count
            self.kept.add(1)

    (p | Create([('k', 1), ('k', 7)]) | WithTimestamps(lambda pair: pair[1]) | WindowInto(FixedWindows(5))
     | 'keeping' >> ParDo(Keeping()))


@case(raises=ExecutionError, match=r"back: for the key 'k', the output 'early' has the timestamp Timestamp\(4\), which "
                                   r'is before Timestamp\(5\)')
def of_an_output_before_its_input(p: TestPipeline) -> None:
    class Back(DoFn):
        def process(self, element: Any, count: Any = DoFn.StateParam(COUNT)) -> Iterator[Any]:
            yield TimestampedValue('same', 5)
            yield TaggedOutput('other', TimestampedValue('early', 4))

    p | Create([('k', 1)]) | WithTimestamps(lambda pair: 5) | 'back' >> ParDo(Back())


@case(raises=ExecutionError, match=r"back: for the key 'k', the output 5 has the timestamp Timestamp\(4\), which is "
                                   r'before Timestamp\(5\)')
def of_an_output_before_its_input_when_others_were_not(p: TestPipeline) -> None:
    class Back(DoFn):
        def process(self, element: Any, count: Any = DoFn.StateParam(COUNT)) -> Iterator[Any]:
            yield TimestampedValue(element[1], 4)

    p | Create([('k', x) for x in range(6)]) | WithTimestamps(lambda pair: pair[1]) | 'back' >> ParDo(Back())
