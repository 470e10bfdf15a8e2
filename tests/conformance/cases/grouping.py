"""GroupByKey and CoGroupByKey: what has the same key comes together."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from bourne.errors import ExecutionError, KeyEncodingError
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, FixedWindows, IntervalWindow, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, equal_to_per_window, is_empty
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check, in_order


@case
def values_of_a_key_come_together(p: TestPipeline) -> None:
    check(p | Create([('a', 1), ('b', 2), ('a', 3)]) | GroupByKey() | in_order(), [('a', [1, 3]), ('b', [2])])


@case
def nothing_grouped_is_nothing(p: TestPipeline) -> None:
    assert_that(p | Create([]) | GroupByKey(), is_empty())


@case
def values_are_iterable_again_and_have_a_length(p: TestPipeline) -> None:
    def twice(key: str, values: Any) -> Any:
        return key, sorted(values), sorted(values), len(list(values))

    check(p | Create([('a', 2), ('a', 1)]) | GroupByKey() | MapTuple(twice), [('a', [1, 2], [1, 2], 2)])


@case
def equal_values_are_all_there(p: TestPipeline) -> None:
    check(p | Create([('a', 1)] * 5) | GroupByKey(), [('a', [1] * 5)])


@case
def many_keys_and_values(p: TestPipeline) -> None:
    pairs = [(n % 97, n) for n in range(5000)]
    expected = [(key, [n for n in range(5000) if n % 97 == key]) for key in range(97)]
    check(p | Create(pairs) | GroupByKey() | in_order(), expected)


@case
def numbers_that_are_equal_are_one_key(p: TestPipeline) -> None:
    keys = [1, 1.0, True, Decimal(1), Fraction(1), complex(1)]
    made = p | Create([(key, number) for number, key in enumerate(keys)]) | GroupByKey()
    check(made | MapTuple(lambda key, values: (key == 1, sorted(values))), [(True, [0, 1, 2, 3, 4, 5])])


@case
def zeros_of_both_signs_are_one_key(p: TestPipeline) -> None:
    made = p | Create([(0.0, 1), (-0.0, 2), (0, 3), (False, 4)]) | GroupByKey()
    check(made | MapTuple(lambda key, values: sorted(values)), [[1, 2, 3, 4]])


@case
def all_nans_are_one_key(p: TestPipeline) -> None:
    made = p | Create([1, 2, 3]) | Map(lambda n: (float('nan'), n)) | GroupByKey()
    check(made | MapTuple(lambda key, values: (math.isnan(key), sorted(values))), [(True, [1, 2, 3])])


@case
def nans_inside_of_keys_are_one_key(p: TestPipeline) -> None:
    made = p | Create([1, 2]) | Map(lambda n: (('x', float('nan')), n)) | GroupByKey()
    check(made | MapTuple(lambda key, values: sorted(values)), [[1, 2]])


@case
def none_is_a_key(p: TestPipeline) -> None:
    check(p | Create([(None, 1), (None, None), ('', 3)]) | GroupByKey() | MapTuple(lambda k, vs: (k, set(vs))),
          [(None, {1, None}), ('', {3})])


class Suit(enum.Enum):
    CLUBS = 1
    HEARTS = 2


class Point(NamedTuple):
    x: int
    y: int


@case
def keys_of_every_kind(p: TestPipeline) -> None:
    keys = [None, 'ä', b'\x00', 2, 2.5, ('t', (1, None)), frozenset({1, 2}), Suit.HEARTS, Point(1, 2), Row(a=1),
            Timestamp(5), IntervalWindow(0, 1), GLOBAL_WINDOW, 'a' * 1000, 10 ** 40]
    made = p | Create([(key, number) for _ in range(2) for number, key in enumerate(keys)]) | GroupByKey()
    check(made, [(key, [number, number]) for number, key in enumerate(keys)])


@case
def keys_of_several_types_that_differ(p: TestPipeline) -> None:
    keys = ['1', 1, b'1', (1,), ((1,),), None, 'None', (), '']
    made = p | Create([(key, repr(key)) for key in keys]) | GroupByKey()
    check(made, [(key, [repr(key)]) for key in keys])


@case(raises=ExecutionError, match='pairs')
def grouping_what_is_no_pair(p: TestPipeline) -> None:
    p | Create(['abc']) | Map(lambda x: x) | GroupByKey()


@case(raises=KeyEncodingError, match='list')
def grouping_by_a_list(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x: ([x], x)) | GroupByKey()


@case(raises=KeyEncodingError)
def grouping_by_an_object_without_encoding(p: TestPipeline) -> None:
    class Opaque:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Opaque)

        def __hash__(self) -> int:
            return 0

    p | Create([1]) | Map(lambda x: (Opaque(), x)) | GroupByKey()


@case
def the_result_is_at_the_end_of_the_window(p: TestPipeline) -> None:
    made = p | Create([TimestampedValue(('k', 1), 5)]) | GroupByKey() | MapTuple(lambda k, vs: k)
    assert_that(made, lambda found: None if [(one.value, one.timestamp) for one in found] == [
        ('k', GLOBAL_WINDOW.max_timestamp())] else 1 / 0, reify_windows=True)


@case
def grouping_per_window(p: TestPipeline) -> None:
    timed = [TimestampedValue(('k', t), t) for t in (1, 2, 11, 12, 13)]
    made = p | Create(timed) | WindowInto(FixedWindows(10)) | GroupByKey() | in_order()
    assert_that(made, equal_to_per_window({
        IntervalWindow(0, 10): [('k', [1, 2])], IntervalWindow(10, 20): [('k', [11, 12, 13])]}))


@case
def grouping_what_was_grouped(p: TestPipeline) -> None:
    made = (p | Create([(n % 4, n) for n in range(12)]) | 'first' >> GroupByKey()
            | MapTuple(lambda key, values: (key % 2, sum(values))) | 'second' >> GroupByKey() | in_order())
    check(made, [(0, [12, 18]), (1, [15, 21])])


@case
def going_on_after_a_grouping(p: TestPipeline) -> None:
    made = (p | Create([('a', 1), ('b', 2), ('a', 3)]) | GroupByKey()
            | FlatMap(lambda kv: [(kv[0], v) for v in kv[1]]) | Filter(lambda kv: kv[1] > 1) | Map(lambda kv: kv[1]))
    check(made, [2, 3])


@case
def join_of_a_dict(p: TestPipeline) -> None:
    a = p | 'a' >> Create([('x', 1), ('y', 2), ('x', 3)])
    b = p | 'b' >> Create([('x', 'X'), ('z', 'Z')])
    made = {'left': a, 'right': b} | CoGroupByKey()
    check(made | MapTuple(lambda key, lists: (key, sorted(lists['left']), sorted(lists['right']))),
          [('x', [1, 3], ['X']), ('y', [2], []), ('z', [], ['Z'])])


@case
def join_of_a_tuple(p: TestPipeline) -> None:
    a = p | 'a' >> Create([('x', 1), ('y', 2)])
    b = p | 'b' >> Create([('x', 'X')])
    c = p | 'c' >> Create([])
    made = (a, b, c) | CoGroupByKey()
    check(made | MapTuple(lambda key, lists: (key, *map(list, lists))), [('x', [1], ['X'], []), ('y', [2], [], [])])


@case
def join_of_one(p: TestPipeline) -> None:
    check({'only': p | Create([('x', 1)])} | CoGroupByKey() | MapTuple(lambda k, d: (k, list(d['only']))),
          [('x', [1])])


@case
def join_of_a_collection_with_itself(p: TestPipeline) -> None:
    a = p | Create([('x', 1), ('y', 2)])
    check((a, a) | CoGroupByKey() | MapTuple(lambda k, lists: (k, *map(list, lists))),
          [('x', [1], [1]), ('y', [2], [2])])


@case
def join_of_keys_that_are_equal_but_of_other_types(p: TestPipeline) -> None:
    a = p | 'a' >> Create([(1, 'int')])
    b = p | 'b' >> Create([(1.0, 'float')])
    check((a, b) | CoGroupByKey() | MapTuple(lambda k, lists: (k == 1, *map(list, lists))),
          [(True, ['int'], ['float'])])


@case
def join_per_window(p: TestPipeline) -> None:
    def windowed(name: str, times: list[int]) -> Any:
        return (p | f'create {name}' >> Create([TimestampedValue(('k', f'{name}{t}'), t) for t in times])
                | f'windows of {name}' >> WindowInto(FixedWindows(10)))

    made = (windowed('a', [1, 12]), windowed('b', [2, 3])) | CoGroupByKey()
    assert_that(made | MapTuple(lambda k, lists: (k, *map(sorted, lists))), equal_to_per_window({
        IntervalWindow(0, 10): [('k', ['a1'], ['b2', 'b3'])], IntervalWindow(10, 20): [('k', ['a12'], [])]}))


@case
def join_of_nothing_at_all(p: TestPipeline) -> None:
    a = p | 'a' >> Create([])
    b = p | 'b' >> Create([])
    assert_that((a, b) | CoGroupByKey(), is_empty())


@case
def the_timestamp_and_window_of_what_was_joined(p: TestPipeline) -> None:
    a = p | 'a' >> Create([TimestampedValue((1, 1), 3)]) | 'aw' >> WindowInto(FixedWindows(10))
    b = p | 'b' >> Create([TimestampedValue((1, 2), 4)]) | 'bw' >> WindowInto(FixedWindows(10))
    window = IntervalWindow(0, 10)
    made = (a, b) | CoGroupByKey() | MapTuple(lambda key, lists: key)
    assert_that(made, equal_to([TestWindowedValue(1, window.max_timestamp(), [window])],
                               lambda wanted, got: wanted[:3] == got[:3]), reify_windows=True)


@case
def join_of_no_collections(p: TestPipeline) -> None:
    assert_that({} | CoGroupByKey(pipeline=p), is_empty())
