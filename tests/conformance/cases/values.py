"""Elements of every kind: they come out as they went in, also through exchanges and groupings."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import math
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Duration, Timestamp
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, Map, MapTuple
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check, in_order


class Colour(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Mutable:
    n: int


VALUES: list[Any] = [
    None, True, False, 0, -1, 10 ** 30, 1.5, float('inf'), '', 'äöü €', '\x00', b'\xff', (), (1,), [], [[1]], {},
    {'a': {1}}, set(), frozenset({1}), Colour.RED, Point(1, 2), Mutable(3), Row(a=1, b='x'), Timestamp(1.5),
    Duration(2), datetime.date(2020, 2, 29), datetime.timedelta(1), decimal.Decimal('1.10'), uuid.UUID(int=5), range(3),
    collections.OrderedDict(a=1), 2 + 3j, Ellipsis, NotImplemented, int, len,
]


@case
def through_a_reshuffle(p: TestPipeline) -> None:
    check(p | Create(VALUES) | Reshuffle() | Map(lambda x: x), VALUES)


@case
def as_values_of_a_key(p: TestPipeline) -> None:
    made = p | Create(VALUES) | Map(lambda x: (0, x)) | GroupByKey()
    check(made | 'values' >> Map(lambda kv: len(kv[1])), [len(VALUES)])


@case
def nan_is_an_element(p: TestPipeline) -> None:
    made = p | Create([float('nan'), 1.0]) | Reshuffle() | Map(lambda x: 'nan' if math.isnan(x) else x)
    check(made, ['nan', 1.0])


@case
def types_are_kept(p: TestPipeline) -> None:
    made = p | Create([1, 1.0, True, '1']) | Reshuffle() | Map(lambda x: type(x).__name__)
    check(made, ['int', 'float', 'bool', 'str'])


@case
def elements_that_compare_oddly(p: TestPipeline) -> None:
    class Rude:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError('do not compare me')

        def __bool__(self) -> bool:
            raise RuntimeError('I am neither true nor false')

        __hash__ = None  # type: ignore[assignment]

    made = p | Create([1, 2]) | Map(lambda n: Rude()) | Reshuffle() | 'type' >> Map(lambda x: type(x).__name__)
    check(made, ['Rude', 'Rude'])


@case
def iterables_are_single_elements(p: TestPipeline) -> None:
    check(p | Create(['ab', [1, 2], (3, 4), {5: 6}]) | Filter(lambda x: True), ['ab', [1, 2], (3, 4), {5: 6}])


@case
def pairs_that_are_no_tuples(p: TestPipeline) -> None:
    pairs = p | Create([['a', 1], 'bc', Point(5, 6)]) | Map(lambda x: x).with_output_types(Any)
    check(pairs | GroupByKey(), [('a', [1]), ('b', ['c']), (5, [6])])
    check(pairs | CombinePerKey(lambda values: next(iter(values))), [('a', 1), ('b', 'c'), (5, 6)])


@case
def a_large_element(p: TestPipeline) -> None:
    made = p | Create([5_000_000]) | Map(lambda n: 'x' * n) | Reshuffle() | 'len' >> Map(len)
    check(made, [5_000_000])


@case
def many_elements(p: TestPipeline) -> None:
    made = p | Create(range(20_000)) | Map(lambda x: x % 7) | Filter(lambda x: x) | CombineGlobally(sum)
    check(made, [sum(x % 7 for x in range(20_000))])


@case
def unicode_keys_and_values(p: TestPipeline) -> None:
    pairs = [('ключ', 'значение'), ('键', '值'), ('🔑', '💎'), ('e\u0301', 1), ('é', 2)]
    check(p | Create(pairs) | GroupByKey(), [(key, [value]) for key, value in pairs])


@case
def nothing_everywhere(p: TestPipeline) -> None:
    none = p | Create([])
    made = none | Map(lambda x: (x, 1)) | GroupByKey() | MapTuple(lambda k, vs: k)
    assert_that(made, lambda found: None if found == [] else 1 / 0)
    other = (none, p | 'other' >> Create([])) | Flatten() | 'pairs' >> Map(lambda x: (x, x)) | CombinePerKey(sum)
    assert_that(other, lambda found: None if found == [] else 1 / 0)


@case
def timestamped_values_are_no_elements(p: TestPipeline) -> None:
    made = p | Create([TimestampedValue(('k', 1), 1)]) | WindowInto(FixedWindows(5)) | GroupByKey() | in_order()
    check(made, [('k', [1])])
