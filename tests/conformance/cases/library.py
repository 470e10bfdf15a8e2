"""The transforms that come with bourne, each at least once in every mode."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import bourne as beam
from bourne.sdk.model.window import FixedWindows, IntervalWindow, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, is_empty
from bourne.sdk.transforms import combiners, util
from bourne.sdk.transforms.error_handling import ErrorHandler
from bourne.sdk.transforms.stats import ApproximateQuantiles, ApproximateUnique
from tests.conformance.case import case, check

PAIRS = (('a', 3), ('b', 1), ('a', 1), ('b', 4), ('a', 2))


def sorted_value(pair: Any) -> Any:
    return pair[0], sorted(pair[1])


@case
def keys_values_and_swapped_pairs(p: TestPipeline) -> None:
    pairs = p | beam.Create(PAIRS[:2])
    check(pairs | beam.Keys(), ['a', 'b'])
    check(pairs | beam.Values(), [3, 1])
    check(pairs | beam.KvSwap(), [(3, 'a'), (1, 'b')])


@case
def with_keys(p: TestPipeline) -> None:
    numbers = p | beam.Create([1, 2, 3])
    check(numbers | 'constant' >> beam.WithKeys('k'), [('k', 1), ('k', 2), ('k', 3)])
    check(numbers | 'computed' >> beam.WithKeys(lambda x: x % 2), [(1, 1), (0, 2), (1, 3)])


@case
def distinct(p: TestPipeline) -> None:
    made = p | beam.Create([1, 'a', 1.0, True, None, 'a', None]) | beam.Distinct()
    assert_that(made, equal_to([1, 'a', None]))


@case
def partition(p: TestPipeline) -> None:
    small, large, _ = p | beam.Create([1, 5, 9, 2]) | beam.Partition(lambda x, n: 0 if x < 4 else 1, 3)
    check(small, [1, 2])
    check(large, [5, 9])


@case
def counting(p: TestPipeline) -> None:
    pairs = p | beam.Create(PAIRS)
    check(pairs | combiners.Count.Globally(), [5])
    check(pairs | combiners.Count.PerKey(), [('a', 3), ('b', 2)])
    check(pairs | beam.Keys() | combiners.Count.PerElement(), [('a', 3), ('b', 2)])
    check(p | 'none' >> beam.Create([]) | 'of none' >> combiners.Count.Globally(), [0])


@case
def means(p: TestPipeline) -> None:
    pairs = p | beam.Create(PAIRS)
    check(pairs | combiners.Mean.PerKey(), [('a', 2.0), ('b', 2.5)])
    check(pairs | beam.Values() | combiners.Mean.Globally(), [2.2])
    check(p | 'none' >> beam.Create([]) | 'of none' >> combiners.Mean.Globally()
          | 'nan' >> beam.Map(math.isnan), [True])


@case
def the_largest_and_smallest(p: TestPipeline) -> None:
    pairs = p | beam.Create(PAIRS)
    numbers = pairs | beam.Values()
    check(numbers | combiners.Top.Largest(2), [[4, 3]])
    check(numbers | combiners.Top.Smallest(3), [[1, 1, 2]])
    check(numbers | combiners.Top.Of(2, key=lambda x: -abs(x - 3)) | 'sorted' >> beam.Map(len), [2])
    check(pairs | combiners.Top.LargestPerKey(2), [('a', [3, 2]), ('b', [4, 1])])
    check(pairs | combiners.Top.SmallestPerKey(1), [('a', [1]), ('b', [1])])


@case
def samples(p: TestPipeline) -> None:
    numbers = p | beam.Create(range(100))

    def matcher(found: list[Any]) -> None:
        sample, = found
        assert len(set(sample)) == 5
        assert set(sample) <= set(range(100))

    assert_that(numbers | combiners.Sample.FixedSizeGlobally(5), matcher)
    check(numbers | 'all' >> combiners.Sample.FixedSizeGlobally(200) | 'sorted' >> beam.Map(sorted), [list(range(100))])
    check(numbers | beam.Map(lambda n: (n % 2, n)) | combiners.Sample.FixedSizePerKey(3)
          | 'sizes' >> beam.Map(lambda kv: (kv[0], len(kv[1]))), [(0, 3), (1, 3)])


@case
def everything_as_one_element(p: TestPipeline) -> None:
    pairs = p | beam.Create(PAIRS)
    check(pairs | beam.Values() | combiners.ToList() | 'sorted' >> beam.Map(sorted), [[1, 1, 2, 3, 4]])
    check(pairs | 'values' >> beam.Values() | combiners.ToSet(), [{1, 2, 3, 4}])
    check(p | 'unique' >> beam.Create([('a', 1), ('b', 2)]) | combiners.ToDict(), [{'a': 1, 'b': 2}])


@case
def the_latest(p: TestPipeline) -> None:
    timed = p | beam.Create([TimestampedValue((key, time), time) for key, time in (('a', 3), ('b', 9), ('a', 5))])
    check(timed | combiners.Latest.PerKey(), [('a', 5), ('b', 9)])
    check(timed | combiners.Latest.Globally(), [('b', 9)])


@case
def several_combinations_at_once(p: TestPipeline) -> None:
    numbers = p | beam.Create([(1, 10), (2, 20)])
    check(numbers | beam.CombineGlobally(combiners.TupleCombineFn(max, combiners.MeanCombineFn())), [(2, 15.0)])
    single = combiners.SingleInputTupleCombineFn(min, max, sum)
    check(p | 'single' >> beam.Create([3, 1, 2]) | 'combined' >> beam.CombineGlobally(single), [(1, 3, 6)])


@case
def approximately_how_many_are_distinct(p: TestPipeline) -> None:
    numbers = p | beam.Create([n % 50 for n in range(500)])
    check(numbers | ApproximateUnique.Globally(size=100), [50])
    check(numbers | beam.Map(lambda n: (n % 2, n)) | ApproximateUnique.PerKey(size=100), [(0, 25), (1, 25)])


@case
def approximate_quantiles(p: TestPipeline) -> None:
    numbers = p | beam.Create(range(101))
    check(numbers | ApproximateQuantiles.Globally(num_quantiles=5), [[0, 25, 50, 75, 100]])
    check(numbers | beam.Map(lambda n: ('k', n)) | ApproximateQuantiles.PerKey(num_quantiles=3), [('k', [0, 50, 100])])


@case
def batches(p: TestPipeline) -> None:
    made = p | beam.Create(range(10)) | beam.BatchElements(min_batch_size=3, max_batch_size=3)

    def matcher(found: list[list[int]]) -> None:
        assert sorted(n for batch in found for n in batch) == list(range(10))
        assert all(1 <= len(batch) <= 3 for batch in found)

    assert_that(made, matcher)


@case
def batches_in_windows(p: TestPipeline) -> None:
    timed = p | beam.Create([TimestampedValue(n, n) for n in range(20)]) | beam.WindowInto(FixedWindows(10))
    made = timed | beam.BatchElements(min_batch_size=100, max_batch_size=100)
    assert_that(made | beam.FlatMap(lambda batch: batch), equal_to(
        [TestWindowedValue(n, IntervalWindow(n // 10 * 10, n // 10 * 10 + 10).max_timestamp(),
                           [IntervalWindow(n // 10 * 10, n // 10 * 10 + 10)]) for n in range(20)],
        lambda wanted, got: (wanted.value, wanted.windows) == (got.value, got.windows)), reify_windows=True)


@case
def text(p: TestPipeline) -> None:
    pairs = p | beam.Create([('a', 1)])
    check(pairs | beam.ToString.Element(), ["('a', 1)"])
    check(pairs | beam.ToString.Kvs(), ['a,1'])
    check(pairs | 'dashed' >> beam.ToString.Iterables('-'), ['a-1'])


@case
def regular_expressions(p: TestPipeline) -> None:
    lines = p | beam.Create(['ab 12', 'cd', '7 x'])
    check(lines | beam.Regex.find(r'\d+'), ['12', '7'])
    check(lines | beam.Regex.matches('[a-z]+'), ['ab', 'cd'])
    check(lines | beam.Regex.split(' '), [['ab', '12'], ['cd'], ['7', 'x']])
    check(lines | beam.Regex.replace_all('[0-9]', '#'), ['ab ##', 'cd', '# x'])
    check(lines | beam.Regex.find_all('[a-z]'), [['a', 'b'], ['c', 'd'], ['x']])


@case
def reified(p: TestPipeline) -> None:
    timed = p | beam.Create([TimestampedValue(('k', 1), 5)]) | beam.WindowInto(FixedWindows(10))
    check(timed | beam.Reify.Timestamp(), [('k', 1)])  # a value with its own time is just that value
    check(timed | beam.Reify.Window() | 'parts' >> beam.Map(lambda one: (one[0], one[2])),
          [(('k', 1), IntervalWindow(0, 10))])
    check(timed | beam.Reify.TimestampInValue() | 'value' >> beam.Map(lambda kv: (kv[0], kv[1].value)), [('k', 1)])


@case
def tee_passes_on(p: TestPipeline) -> None:
    numbers = p | beam.Create([1, 2])
    seen: list[Any] = []
    made = numbers | beam.Tee(lambda pcoll: seen.append(pcoll | 'inside' >> beam.Map(lambda x: x * 10)))
    check(made, [1, 2])
    check(seen[0], [10, 20])


@case
def waiting_on_others(p: TestPipeline) -> None:
    numbers = p | beam.Create([1, 2])
    other = p | 'other' >> beam.Create([3])
    none = p | 'none' >> beam.Create([])
    check(numbers | beam.WaitOn(other, none), [1, 2])


@case
def logging_passes_on(p: TestPipeline) -> None:
    check(p | beam.Create([1, 2]) | beam.LogElements(), [1, 2])


class Sale(NamedTuple):
    fruit: str
    price: float
    weight: int


@case
def grouped_by_fields(p: TestPipeline) -> None:
    sales = p | beam.Create([Sale('apple', 2.0, 3), Sale('pear', 1.0, 5), Sale('apple', 4.0, 1)])
    made = sales | beam.GroupBy('fruit').aggregate_field('price', sum, 'total').aggregate_field('weight', max, 'most')
    check(made | beam.Map(lambda row: (row.fruit, row.total, row.most)), [('apple', 6.0, 3), ('pear', 1.0, 5)])
    check(sales | 'by letter' >> beam.GroupBy(lambda sale: sale.fruit[0]) | 'sizes' >> beam.Map(
        lambda kv: (kv[0], len(list(kv[1])))), [('a', 2), ('p', 1)])


@case
def selected_fields(p: TestPipeline) -> None:
    sales = p | beam.Create([Sale('apple', 2.0, 3)])
    check(sales | beam.Select('fruit', double=lambda sale: sale.price * 2) | beam.Map(
        lambda row: (row.fruit, row.double)), [('apple', 4.0)])


@case
def an_error_handler(p: TestPipeline) -> None:
    with ErrorHandler(beam.Map(lambda bad: bad[0])) as handler:
        numbers = p | beam.Create([1, 0])
        made = numbers | beam.Map(lambda x: 1 / x).with_exception_handling(error_handler=handler)
        more = numbers | 'more' >> beam.Map(lambda x: 2 // x).with_exception_handling(error_handler=handler)
    check(made, [1.0])
    check(more, [2])
    check(handler.output(), [0, 0])


@case
def word_count(p: TestPipeline) -> None:
    made = (p | beam.Create(['to be', 'or not to be'])
            | beam.FlatMap(str.split)
            | combiners.Count.PerElement()
            | beam.MapTuple(lambda word, count: f'{word}: {count}'))
    check(made, ['to: 2', 'be: 2', 'or: 1', 'not: 1'])


@case
def everything_of_nothing(p: TestPipeline) -> None:
    none = p | beam.Create([])
    for number, transform in enumerate((
            beam.Keys(), beam.Values(), beam.Distinct(), beam.WithKeys(1), combiners.Count.PerElement(),
            combiners.Count.PerKey(), combiners.Mean.PerKey(), combiners.Top.LargestPerKey(2),
            combiners.Sample.FixedSizePerKey(2), beam.BatchElements(), beam.ToString.Element(), beam.Regex.find('x'),
            beam.GroupBy('x'), beam.Select('x'), beam.Reshuffle(), util.LogElements(), beam.Tee())):
        assert_that(none | f'{number}' >> transform, is_empty())
