"""Side inputs: collections as arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bourne.errors import ExecutionError
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.window import FixedWindows, GlobalWindows, SlidingWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, is_empty
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple, ParDo
from bourne.sdk.transforms.sideinput import AsDict, AsIter, AsList, AsMultiMap, AsSingleton
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check


@case
def singleton(p: TestPipeline) -> None:
    one = p | 'one' >> Create([10])
    check(p | Create([1, 2]) | Map(lambda x, y: x + y, AsSingleton(one)), [11, 12])


@case
def singleton_default(p: TestPipeline) -> None:
    none = p | 'none' >> Create([])
    check(p | Create([1, 2]) | Map(lambda x, y: (x, y), AsSingleton(none, None)), [(1, None), (2, None)])


@case
def singleton_with_an_element_and_a_default(p: TestPipeline) -> None:
    one = p | 'one' >> Create([10])
    check(p | Create([1]) | Map(lambda x, y: x + y, AsSingleton(one, 0)), [11])


@case(raises=ExecutionError, match='AsSingleton, but has no element in the window; give it a default')
def singleton_of_nothing(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x, y: x, AsSingleton(p | 'none' >> Create([])))


@case(raises=ExecutionError, match='AsSingleton, but has 2 elements in the window, such as 10 and 20')
def singleton_of_several(p: TestPipeline) -> None:
    p | Create([1]) | Map(lambda x, y: x, AsSingleton(p | 'two' >> Create([10, 20])))


@case
def iterable_and_list(p: TestPipeline) -> None:
    numbers = p | 'numbers' >> Create([1, 2, 3])
    check(p | 'a' >> Create([0]) | 'iter' >> Map(lambda x, ys: sorted(y for y in ys) + sorted(ys), AsIter(numbers)),
          [[1, 2, 3, 1, 2, 3]])
    check(p | 'b' >> Create([0]) | 'list' >> Map(lambda x, ys: (len(ys), sorted(ys)), AsList(numbers)),
          [(3, [1, 2, 3])])


@case
def empty_iterable_list_dict_and_multimap(p: TestPipeline) -> None:
    none = p | 'none' >> Create([])
    one = p | Create([1])
    for name, view in {'iter': AsIter, 'list': AsList}.items():
        check(one | name >> Map(lambda x, ys: list(ys), view(none)), [[]])
    check(one | 'dict' >> Map(lambda x, d: dict(d), AsDict(none)), [{}])
    check(one | 'multimap' >> Map(lambda x, d: (list(d['k']), 'k' in d, list(d)), AsMultiMap(none)), [([], False, [])])


@case
def dictionary(p: TestPipeline) -> None:
    names = p | 'names' >> Create([(1, 'one'), (2, 'two')])
    check(p | Create([1, 2, 3]) | Map(lambda x, d: d.get(x, 'many'), AsDict(names)), ['one', 'two', 'many'])


@case(raises=ExecutionError, match='AsDict, but has the key 1 twice; use AsMultiMap')
def dictionary_with_a_key_twice(p: TestPipeline) -> None:
    p | Create([0]) | Map(lambda x, d: x, AsDict(p | 'pairs' >> Create([(1, 'a'), (1, 'b')])))


@case
def multimap(p: TestPipeline) -> None:
    pairs = p | 'pairs' >> Create([('a', 1), ('b', 2), ('a', 3)])

    def look(x: str, m: Mapping[str, Iterable[int]]) -> Any:
        return x, x in m, sorted(m[x])

    check(p | Create(['a', 'b', 'c']) | Map(look, AsMultiMap(pairs)),
          [('a', True, [1, 3]), ('b', True, [2]), ('c', False, [])])
    check(p | 'once' >> Create([0]) | 'all' >> Map(lambda x, m: sorted(m), AsMultiMap(pairs)), [['a', 'b']])


@case
def in_every_kind_of_function(p: TestPipeline) -> None:
    limit = AsSingleton(p | 'limit' >> Create([2]))
    numbers = p | Create([1, 2, 3])
    check(numbers | Filter(lambda x, m: x <= m, limit), [1, 2])
    check(numbers | FlatMap(lambda x, m: [x] * m, limit), [1, 1, 2, 2, 3, 3])
    check(numbers | 'pairs' >> Map(lambda x: (x, x)) | MapTuple(lambda a, b, m: a + b + m, limit), [4, 6, 8])
    check(numbers | ParDo(lambda x, m: range(m), limit), [0, 1] * 3)


@case
def several_of_one_function_also_by_name(p: TestPipeline) -> None:
    a = p | 'a' >> Create([1])
    b = p | 'b' >> Create([2, 3])
    c = p | 'c' >> Create([('k', 4)])
    made = p | Create([0]) | Map(lambda x, one, plain, two, three: (x, one, plain, sorted(two), three['k']),
                                 AsSingleton(a), 'plain', three=AsDict(c), two=AsList(b))
    check(made, [(0, 1, 'plain', [2, 3], 4)])


@case
def of_process(p: TestPipeline) -> None:
    class Compares(DoFn):
        def process(self, element: int, limit: int, names: Any = None, w: Any = DoFn.WindowParam) -> Iterator[Any]:
            if element > limit:
                yield names[element]

    limit = p | 'limit' >> Create([1])
    names = p | 'names' >> Create([(2, 'two'), (3, 'three')])
    check(p | Create([1, 2, 3]) | ParDo(Compares(), AsSingleton(limit), names=AsDict(names)), ['two', 'three'])


@case
def of_the_main_input_itself(p: TestPipeline) -> None:
    numbers = p | Create([1, 2, 3])
    check(numbers | Map(lambda x, all: x / sum(all), AsList(numbers)), [1 / 6, 2 / 6, 3 / 6])


@case
def made_by_the_stage_that_needs_it(p: TestPipeline) -> None:
    """The side input is made by what would otherwise be fused with its reader."""
    numbers = p | Create([1, 2, 3]) | Map(lambda x: x + 1)
    doubled = numbers | 'double' >> Map(lambda x: x * 2)
    check(numbers | Map(lambda x, ys: (x, sorted(ys)), AsList(doubled)),
          [(2, [4, 6, 8]), (3, [4, 6, 8]), (4, [4, 6, 8])])


@case
def chains_of_side_inputs(p: TestPipeline) -> None:
    numbers = p | Create([1, 2, 3])
    total = numbers | 'total' >> CombineGlobally(sum)
    shares = numbers | 'share' >> Map(lambda x, t: x / t, AsSingleton(total))
    largest = shares | 'largest' >> CombineGlobally(max)
    check(shares | Map(lambda x, m: x == m, AsSingleton(largest)), [False, False, True])


@case
def combined_as_a_singleton_view(p: TestPipeline) -> None:
    numbers = p | Create([1, 2, 3])
    check(numbers | Map(lambda x, total: x / total, numbers | CombineGlobally(sum).as_singleton_view()),
          [1 / 6, 2 / 6, 3 / 6])


@case
def a_singleton_view_of_nothing_is_the_combination_of_nothing(p: TestPipeline) -> None:
    none = p | 'none' >> Create([])
    check(p | Create([1]) | Map(lambda x, total: x + total, none | CombineGlobally(sum).as_singleton_view()), [1])


@case
def of_a_grouping(p: TestPipeline) -> None:
    pairs = p | 'pairs' >> Create([('a', 1), ('a', 2), ('b', 3)])
    groups = pairs | GroupByKey()
    check(p | Create(['a', 'b']) | Map(lambda k, d: (k, sorted(d[k])), AsDict(groups)), [('a', [1, 2]), ('b', [3])])


@case
def of_a_flatten(p: TestPipeline) -> None:
    both = (p | 'a' >> Create([1, 2]), p | 'b' >> Create([3])) | Flatten()
    check(p | Create([0]) | Map(lambda x, ys: sorted(ys), AsList(both)), [[1, 2, 3]])


@case
def one_collection_in_several_views(p: TestPipeline) -> None:
    pairs = p | 'pairs' >> Create([('a', 1)])
    made = p | Create([0]) | Map(lambda x, a, b, c: (a, dict(b), c), AsList(pairs), AsDict(pairs), AsSingleton(pairs))
    check(made, [([('a', 1)], {'a': 1}, ('a', 1))])


@case
def of_an_empty_main_input(p: TestPipeline) -> None:
    made = p | Create([]) | Map(lambda x, y: y, AsSingleton(p | 'one' >> Create([1])))
    assert_that(made, is_empty())


@case
def in_the_window_of_the_element(p: TestPipeline) -> None:
    side = (p | 'side' >> Create([TimestampedValue(10, 1), TimestampedValue(20, 11), TimestampedValue(30, 12)])
            | 'side windows' >> WindowInto(FixedWindows(10)))
    main = p | Create([TimestampedValue('a', 2), TimestampedValue('b', 12), TimestampedValue('c', 22)])
    made = main | WindowInto(FixedWindows(10)) | Map(lambda x, ys: (x, sorted(ys)), AsList(side))
    check(made, [('a', [10]), ('b', [20, 30]), ('c', [])])


@case
def in_a_larger_window_than_the_element(p: TestPipeline) -> None:
    side = (p | 'side' >> Create([TimestampedValue(10, 1), TimestampedValue(20, 11), TimestampedValue(30, 21)])
            | 'side windows' >> WindowInto(FixedWindows(20)))
    main = p | Create([TimestampedValue('a', 2), TimestampedValue('b', 12), TimestampedValue('c', 22)])
    made = main | WindowInto(FixedWindows(10)) | Map(lambda x, ys: (x, sorted(ys)), AsList(side))
    check(made, [('a', [10, 20]), ('b', [10, 20]), ('c', [30])])


@case
def of_the_global_window_for_windowed_elements(p: TestPipeline) -> None:
    side = p | 'side' >> Create([TimestampedValue(10, 1), TimestampedValue(20, 11)])
    main = p | Create([TimestampedValue('a', 2), TimestampedValue('b', 12)])
    made = main | WindowInto(FixedWindows(10)) | Map(lambda x, ys: (x, sorted(ys)), AsList(side))
    check(made, [('a', [10, 20]), ('b', [10, 20])])


@case
def with_elements_in_several_windows(p: TestPipeline) -> None:
    side = (p | 'side' >> Create([TimestampedValue(10, 1), TimestampedValue(20, 6)])
            | 'side windows' >> WindowInto(FixedWindows(5)))
    main = p | Create([TimestampedValue('a', 6)]) | WindowInto(SlidingWindows(10, 5))
    # The windows are [0, 10) and [5, 15); the side windows that hold their last instants, [5, 10) and [10, 15).
    check(main | Map(lambda x, ys: (x, sorted(ys)), AsList(side)), [('a', [20]), ('a', [])])


@case
def a_default_in_windows_without_elements(p: TestPipeline) -> None:
    side = (p | 'side' >> Create([TimestampedValue(10, 1)]) | 'side windows' >> WindowInto(FixedWindows(10)))
    main = p | Create([TimestampedValue('a', 2), TimestampedValue('b', 12)]) | WindowInto(FixedWindows(10))
    check(main | Map(lambda x, y: (x, y), AsSingleton(side, -1)), [('a', 10), ('b', -1)])


@case
def of_sliding_windows(p: TestPipeline) -> None:
    side = (p | 'side' >> Create([TimestampedValue(1, 1), TimestampedValue(2, 6), TimestampedValue(3, 11)])
            | 'side windows' >> WindowInto(SlidingWindows(10, 5)))
    main = p | Create([TimestampedValue('a', 6)]) | WindowInto(FixedWindows(5))
    # The main window is [5, 10), its last instant in [0, 10) and [5, 15): the earlier one of them counts.
    check(main | Map(lambda x, ys: (x, sorted(ys)), AsList(side)), [('a', [1, 2])])


@case
def of_sliding_windows_with_gaps(p: TestPipeline) -> None:
    side = p | 'side' >> Create([TimestampedValue(1, 1)]) | 'side windows' >> WindowInto(SlidingWindows(5, 10))
    main = p | Create([TimestampedValue('a', 2), TimestampedValue('b', 7)]) | WindowInto(FixedWindows(5))
    # The main window [5, 10) ends where no side window is.
    check(main | Map(lambda x, ys: (x, list(ys)), AsList(side)), [('a', [1]), ('b', [])])


@case
def after_a_reshuffle(p: TestPipeline) -> None:
    side = p | 'side' >> Create([1, 2]) | 'a' >> Reshuffle()
    check(p | Create([0]) | 'b' >> Reshuffle() | Map(lambda x, ys: sorted(ys), AsList(side)), [[1, 2]])


@case
def two_functions_that_need_each_others_collections(p: TestPipeline) -> None:
    a = p | 'a' >> Create([1, 2])
    b = p | 'b' >> Create([10, 20])
    check(a | 'a with b' >> Map(lambda x, ys: x + sum(ys), AsIter(b)), [31, 32])
    check(b | 'b with a' >> Map(lambda x, ys: x + sum(ys), AsIter(a)), [13, 23])


@case
def in_the_global_window_after_windows(p: TestPipeline) -> None:
    side = (p | 'side' >> Create([TimestampedValue(1, 1), TimestampedValue(2, 11)])
            | 'windows' >> WindowInto(FixedWindows(10)) | 'back' >> WindowInto(GlobalWindows()))
    check(p | Create([0]) | Map(lambda x, ys: sorted(ys), AsList(side)), [[1, 2]])
