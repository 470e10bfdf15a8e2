"""Map, FlatMap, Filter and their like: a function for every element."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, is_empty
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Filter, FlatMap, FlatMapTuple, Map, MapTuple, ParDo
from tests.conformance.case import case, check


@case
def map_gives_one_output_each(p: TestPipeline) -> None:
    check(p | Create([1, 2]) | Map(lambda x: x * 10), [10, 20])


@case
def map_keeps_none_and_iterables(p: TestPipeline) -> None:
    check(p | Create([1, 2]) | Map(lambda x: None if x == 1 else [x, x]), [None, [2, 2]])


@case
def builtins_methods_partials_and_callable_objects(p: TestPipeline) -> None:
    class Adds:
        def __init__(self, n: int) -> None:
            self.n = n

        def __call__(self, x: int) -> int:
            return x + self.n

        def minus(self, x: int) -> int:
            return x - self.n

    numbers = p | Create([1, 2])
    check(numbers | 'str' >> Map(str), ['1', '2'])
    check(numbers | 'float' >> Map(float), [1.0, 2.0])
    check(numbers | 'object' >> Map(Adds(5)), [6, 7])
    check(numbers | 'method' >> Map(Adds(5).minus), [-4, -3])
    check(numbers | 'partial' >> Map(functools.partial(pow, 2)), [2, 4])
    check(numbers | 'unbound' >> Map(str) | Map(str.zfill, 3), ['001', '002'])


@case
def further_arguments(p: TestPipeline) -> None:
    def join(x: int, a: str, b: str = 'b', *rest: str, c: str = 'c', **more: str) -> str:
        return ''.join([str(x), a, b, *rest, c, *more.values()])

    numbers = p | Create([1])
    check(numbers | 'a' >> Map(join, 'A'), ['1Abc'])
    check(numbers | 'ab' >> Map(join, 'A', 'B', 'R', 'S'), ['1ABRSc'])
    check(numbers | 'named' >> Map(join, a='A', c='C', d='D'), ['1AbCD'])
    check(numbers | 'both' >> Map(join, 'A', c='C'), ['1AbC'])


@case
def flat_map_takes_any_iterable_and_none(p: TestPipeline) -> None:
    def some(x: int) -> Any:
        return [None, [1, 2], (3,), {4}, (y for y in (5, 6)), range(7, 9), {9: 0}.keys(), iter('a')][x]

    check(p | Create(range(8)) | FlatMap(some), [1, 2, 3, 4, 5, 6, 7, 8, 9, 'a'])


@case
def flat_map_generator(p: TestPipeline) -> None:
    def twice(x: int) -> Iterator[int]:
        yield x
        if x > 1:
            yield -x

    check(p | Create([1, 2]) | FlatMap(twice), [1, 2, -2])


@case
def flat_map_of_the_elements_themselves(p: TestPipeline) -> None:
    check(p | Create([[1, 2], [], (3,)]) | FlatMap(), [1, 2, 3])


@case(raises=TypeError, match="must return an iterable of outputs, and returned the str 'ab'")
def flat_map_refuses_a_string(p: TestPipeline) -> None:
    p | Create(['a']) | FlatMap(lambda x: x + 'b')


@case(raises=TypeError, match='must return an iterable of outputs, and returned the dict')
def flat_map_refuses_a_dict(p: TestPipeline) -> None:
    p | Create(['a']) | FlatMap(lambda x: {x: 1})


@case(raises=TypeError, match='must return an iterable of outputs or None, and returned the int 3')
def flat_map_refuses_what_is_not_iterable(p: TestPipeline) -> None:
    p | Create([1]) | FlatMap(lambda x: x + 2)


@case
def filter_keeps_what_is_truthy(p: TestPipeline) -> None:
    check(p | Create(['', 'a', None, 0, 1, [], [0]]) | Filter(lambda x: x), ['a', 1, [0]])


@case
def filter_with_arguments(p: TestPipeline) -> None:
    check(p | Create([1, 2, 3]) | Filter(lambda x, low, high: low < x < high, 1, high=3), [2])


@case
def filter_that_keeps_nothing(p: TestPipeline) -> None:
    assert_that(p | Create([1, 2]) | Filter(lambda x: False) | Map(str) | FlatMap(str.split), is_empty())


@case
def map_tuple_and_flat_map_tuple(p: TestPipeline) -> None:
    pairs = p | Create([(1, 'a'), (2, 'b')])
    check(pairs | MapTuple(lambda n, s: s * n), ['a', 'bb'])
    check(pairs | FlatMapTuple(lambda n, s: [s] * n), ['a', 'b', 'b'])


@case
def map_tuple_with_arguments(p: TestPipeline) -> None:
    check(p | Create([(1, 2)]) | MapTuple(lambda a, b, c, d=0: (a, b, c, d), 3, d=4), [(1, 2, 3, 4)])


@case
def map_tuple_of_wider_tuples_and_lists(p: TestPipeline) -> None:
    check(p | Create([(1, 2, 3), [4, 5, 6]]) | MapTuple(lambda *parts: sum(parts)), [6, 15])


@case
def pardo_of_a_function(p: TestPipeline) -> None:
    check(p | Create([1, 2]) | ParDo(lambda x: range(x)), [0, 0, 1])


@case
def chains_mix_all_kinds(p: TestPipeline) -> None:
    made = (p | Create(['a b', 'c', ''])
            | FlatMap(str.split)
            | Map(lambda x: (x, len(x)))
            | Filter(lambda kv: kv[0] != 'b')
            | MapTuple(lambda k, v: k * (v + 1))
            | FlatMap(list))
    check(made, ['a', 'a', 'c', 'c'])


@case
def a_function_cannot_change_what_is_outside(p: TestPipeline) -> None:
    seen: list[int] = []

    def note(x: int) -> int:
        seen.append(x)
        return len(seen)

    class Outside:
        """Checked when the pipeline has run: see ``test_isolation`` in ``tests/sdk``; here only the values."""

    check(p | Create([5]) | Map(note), [1])


@case
def elements_are_passed_as_they_are(p: TestPipeline) -> None:
    class Thing:
        def __init__(self, n: int) -> None:
            self.n = n

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Thing) and self.n == other.n

        __hash__ = None  # type: ignore[assignment]

    check(p | Create([1, 2]) | Map(Thing) | Map(lambda thing: thing.n), [1, 2])


@case
def default_arguments_are_the_functions_own(p: TestPipeline) -> None:
    check(p | Create([1]) | Map(lambda x, y=[], *, z=3: (x, y, z)), [(1, [], 3)])
