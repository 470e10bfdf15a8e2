"""Graphs of every shape: diamonds, unions, composites, long chains, many siblings."""

from __future__ import annotations

import functools
from typing import Any

from bourne.sdk.model.combinefn import CountCombineFn
from bourne.sdk.model.window import TimestampedValue
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, ptransform_fn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, is_empty, is_not_empty
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten, FlattenWith
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map
from bourne.sdk.transforms.sideinput import AsList
from tests.conformance.case import case, check, in_order


@case
def a_flatten(p: TestPipeline) -> None:
    a, b, c = (p | f'{n}' >> Create(range(n)) for n in (1, 2, 3))
    check((a, b, c) | Flatten(), [0, 0, 1, 0, 1, 2])
    check([a, b] | 'list' >> Flatten(), [0, 0, 1])


@case
def a_flatten_of_one_and_of_none(p: TestPipeline) -> None:
    check((p | Create([1]),) | 'one' >> Flatten(), [1])
    assert_that(() | 'none' >> Flatten(pipeline=p), is_empty())


@case
def a_flatten_of_the_same_collection_twice(p: TestPipeline) -> None:
    a = p | Create([1, 2])
    check((a, a) | 'read' >> Flatten() | Map(lambda x: x * 10), [10, 20, 10, 20])
    mapped = a | 'map' >> Map(lambda x: x + 1)
    check((mapped, mapped, a) | 'mapped' >> Flatten() | 'after' >> Map(str), ['2', '3', '2', '3', '1', '2'])


@case
def sums_of_a_collection_that_is_read_twice(p: TestPipeline) -> None:
    a = p | Create([1, 2])
    twice = (a, a) | Flatten()
    check(twice | 'plain' >> CombineGlobally(sum), [6])
    check(twice | 'tuples' >> FlatMap(lambda x: (x, x)) | 'sum of tuples' >> CombineGlobally(sum), [12])
    check(twice | 'iterators' >> FlatMap(lambda x: iter([x])) | 'sum of iterators' >> CombineGlobally(sum), [6])
    check(twice | 'times' >> Map(lambda x: x if x == 1 else TimestampedValue(x, 5))
          | 'sum of times' >> CombineGlobally(sum), [6])
    check(twice | 'filter' >> Filter(lambda x: x > 1) | 'count' >> CombineGlobally(CountCombineFn()), [2])


@case
def sums_of_a_union_of_what_is_made_in_one_loop(p: TestPipeline) -> None:
    a = p | Create([1, 2])
    b = a | 'one' >> Filter(lambda x: x == 1) | 'ten' >> Map(lambda x: int(x) * 10)
    both = (a, b, a) | Flatten() | 'times' >> Map(lambda x: x if x != 2 else TimestampedValue(x, 5))
    check(both | CombineGlobally(sum), [16])
    check(both | 'count' >> CombineGlobally(CountCombineFn()), [5])


@case
def a_flatten_of_flattens(p: TestPipeline) -> None:
    a, b, c = (p | f'{n}' >> Create([n]) for n in (1, 2, 3))
    inner = (a, b) | 'inner' >> Flatten()
    check((inner, c, inner) | 'outer' >> Flatten(), [1, 2, 3, 1, 2])


@case
def a_flatten_that_is_read_by_several(p: TestPipeline) -> None:
    both = (p | 'a' >> Create([1]), p | 'b' >> Create([2])) | Flatten()
    check(both | 'map' >> Map(lambda x: -x), [-1, -2])
    check(both | 'pairs' >> Map(lambda x: (0, x)) | GroupByKey() | in_order(), [(0, [1, 2])])
    check(both | CombineGlobally(sum), [3])
    check(both, [1, 2])


@case
def flatten_with(p: TestPipeline) -> None:
    a = p | 'a' >> Create([1])
    b = p | 'b' >> Create([2])
    check(a | FlattenWith(b, Create([3])), [1, 2, 3])


@case
def a_diamond(p: TestPipeline) -> None:
    top = p | Create([1, 2, 3]) | 'top' >> Map(lambda x: x * 10)
    left = top | 'left' >> Filter(lambda x: x > 10)
    right = top | 'right' >> Map(lambda x: x + 1)
    check((left, right) | Flatten() | 'bottom' >> Map(lambda x: -x), [-20, -30, -11, -21, -31])


@case
def a_diamond_with_a_grouping_on_one_side(p: TestPipeline) -> None:
    top = p | Create([('a', 1), ('b', 2), ('a', 3)])
    left = top | CombinePerKey(sum)
    check((left, top) | Flatten(), [('a', 4), ('b', 2), ('a', 1), ('b', 2), ('a', 3)])


@case
def a_chain_of_diamonds(p: TestPipeline) -> None:
    made = p | Create([1])
    for number in range(8):
        a = made | f'a{number}' >> Map(lambda x: x + 1)
        b = made | f'b{number}' >> Map(lambda x: x * 2)
        made = (a, b) | f'both{number}' >> Flatten()
    expected = [1]
    for _ in range(8):
        expected = [x + 1 for x in expected] + [x * 2 for x in expected]
    check(made, expected)


class AddAndMultiply(PTransform):
    """A composite with a composite in it."""

    def __init__(self, add: int, times: int) -> None:
        super().__init__()
        self.add = add
        self.times = times

    def expand(self, pcoll: Any) -> Any:
        return pcoll | 'Add' >> Map(lambda x, n: x + n, self.add) | Times(self.times)


@ptransform_fn
def Times(pcoll: Any, n: int) -> Any:
    return pcoll | Map(lambda x: x * n)


@case
def composites_in_composites(p: TestPipeline) -> None:
    made = p | Create([1, 2]) | 'first' >> AddAndMultiply(1, 10) | 'second' >> AddAndMultiply(-1, 2)
    check(made, [38, 58])


@case
def composites_of_every_form(p: TestPipeline) -> None:
    class Start(PTransform):
        def expand(self, pbegin: Any) -> Any:
            return pbegin | Create([1, 2, 3])

    class Split(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return {'small': pcoll | 'small' >> Filter(lambda x: x < 2),
                    'large': pcoll | 'large' >> Filter(lambda x: x > 1)}

    class Join(PTransform):
        def expand(self, pcolls: Any) -> Any:
            return (pcolls['small'], pcolls['large'] | 'negate' >> Map(lambda x: -x)) | Flatten()

    class Same(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return pcoll

    check(p | Start() | Split() | Join() | Same(), [1, -2, -3])


@case
def transforms_joined_before_they_are_applied(p: TestPipeline) -> None:
    chain = Map(lambda x: x + 1) | Filter(lambda x: x % 2 == 0) | 'last' >> Map(str)
    check(p | Create([1, 2, 3]) | 'chain' >> chain, ['2', '4'])


@case
def one_transform_applied_twice(p: TestPipeline) -> None:
    double = Map(lambda x: x * 2)
    made = p | Create([1]) | 'once' >> double | 'twice' >> double
    check(made, [4])


@case
def two_hundred_maps(p: TestPipeline) -> None:
    made: PCollection[Any] = p | Create([0])
    for number in range(200):
        made = made | f'map {number}' >> Map(lambda x: x + 1)
    check(made, [200])


@case
def thirty_nested_flat_maps(p: TestPipeline) -> None:
    made: PCollection[Any] = p | Create([0])
    for number in range(30):
        made = made | f'flat {number}' >> FlatMap(lambda x: [x + 1] if x % 3 else [x + 1, -100])
    check(made | Filter(lambda x: x > 0), [30])


@case
def a_hundred_filters(p: TestPipeline) -> None:
    made: PCollection[Any] = p | Create(range(200))
    for number in range(100):
        made = made | f'filter {number}' >> Filter(lambda x, n: x != n, number)
    check(made, range(100, 200))


@case
def a_hundred_siblings(p: TestPipeline) -> None:
    source = p | Create([1, 2])
    made = [source | f'sibling {number}' >> Map(lambda x, n: x * n, number) for number in range(100)]
    check(made[99], [99, 198])
    check(made | Flatten() | CombineGlobally(sum), [3 * 4950])


@case
def groupings_in_a_row(p: TestPipeline) -> None:
    made: PCollection[Any] = p | Create(range(16))
    for number in range(5):
        made = (made | f'key {number}' >> Map(lambda x, n: (x % (16 >> n), x), number)
                | f'group {number}' >> GroupByKey() | f'sum {number}' >> Map(lambda kv: sum(kv[1])))
    check(made, [120])


@case
def a_tree_of_unions_and_groupings(p: TestPipeline) -> None:
    leaves = [p | f'leaf {n}' >> Create([(n % 2, n)]) for n in range(8)]
    level = 0
    while len(leaves) > 1:
        level += 1
        leaves = [(a, b) | f'union {level}.{n}' >> Flatten() | f'sum {level}.{n}' >> CombinePerKey(sum)
                  for n, (a, b) in enumerate(zip(leaves[::2], leaves[1::2], strict=True))]
    check(leaves[0], [(0, 12), (1, 16)])


@case
def a_reshuffle_changes_nothing(p: TestPipeline) -> None:
    check(p | Create(range(100)) | Reshuffle() | Map(lambda x: x), range(100))
    assert_that(p | 'none' >> Create([]) | 'of nothing' >> Reshuffle(), is_empty())


@case
def reshuffles_in_a_row(p: TestPipeline) -> None:
    made = p | Create([('k', 1), ('k', 2)]) | 'a' >> Reshuffle() | 'b' >> Reshuffle() | GroupByKey() | in_order()
    check(made, [('k', [1, 2])])


@case
def branches_that_nobody_reads(p: TestPipeline) -> None:
    source = p | Create([1, 2])
    source | 'unread' >> Map(lambda x: x) | 'unread pairs' >> Map(lambda x: (x, x)) | GroupByKey()
    check(source | Map(lambda x: -x), [-1, -2])


@case
def independent_pipelines_in_one(p: TestPipeline) -> None:
    for number in range(5):
        check(p | f'create {number}' >> Create([number]) | f'map {number}' >> Map(lambda x: x * x), [number * number])


@case
def a_pipeline_without_asserts(p: TestPipeline) -> None:
    p | Create([1, 2]) | Map(lambda x: x)


@case
def an_empty_pipeline(p: TestPipeline) -> None:
    pass


@case
def labels_with_odd_characters(p: TestPipeline) -> None:
    for label in ('a/b', "quote's", 'double"', 'new\nline', '#{x}', 'ünïcode', '\\', '%s', '"""', "'''"):
        check(p | f'create {label}' >> Create([1]) | label >> Map(lambda x: x + 1), [2])


@case
def outputs_of_many_unions(p: TestPipeline) -> None:
    sources = [p | f'source {n}' >> Create([n]) for n in range(10)]
    unions = [tuple(sources[:n + 1]) | f'union {n}' >> Flatten() for n in range(10)]
    check(tuple(unions) | 'all' >> Flatten(), [n for size in range(1, 11) for n in range(size)])


@case
def the_input_also_as_a_side_input_of_its_grandchild(p: TestPipeline) -> None:
    source = p | Create([1, 2])
    child = source | 'child' >> Map(lambda x: x * 10)
    check(child | 'grandchild' >> Map(lambda x, all: (x, sorted(all)), AsList(source)), [(10, [1, 2]), (20, [1, 2])])


@case
def asserts_go_through_composites(p: TestPipeline) -> None:
    @ptransform_fn
    def Checked(pcoll: Any) -> Any:
        assert_that(pcoll, is_not_empty(), 'not empty')
        return pcoll | Map(lambda x: x)

    check(p | Create([1]) | 'one' >> Checked() | 'two' >> Checked(), [1])


@case
def functions_made_in_a_loop(p: TestPipeline) -> None:
    functions = [functools.partial(lambda n, x: x + n, n) for n in range(3)]
    made: PCollection[Any] = p | Create([0])
    for number, function in enumerate(functions):
        made = made | f'add {number}' >> Map(function)
    check(made, [3])
