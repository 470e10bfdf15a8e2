"""Reductions that the generator writes out give what the general way gives, and what a loop over lists gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bourne.engine.plan.lifting import lift_combiners
from bourne.engine.program.reductions import GENERAL, REDUCTIONS, reduction
from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.pcollection import PCollection
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey, CombineValues
from bourne.sdk.transforms.combiners import Largest, Smallest, ToListCombineFn, TopCombineFn, ToSetCombineFn
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto
from tests.properties.collecting import values_of
from tests.runners import EngineRunner


class UnknownCount(CountCombineFn):
    """Subclasses are not known, whatever they do."""


class UnknownMean(MeanCombineFn):
    pass


class UnknownTop(TopCombineFn):
    pass


class UnknownList(ToListCombineFn):
    pass


class UnknownSet(ToSetCombineFn):
    pass


def mean(values: list[Any]) -> Any:
    return sum(values) / len(values) if values else float('nan')


def last_digit(value: Any) -> Any:
    return 5 if value == float('inf') else value % 10


def last_digits(values: Any) -> Any:
    """Of values that rank the same any may be kept."""
    return [last_digit(value) for value in values]


def itself(values: Any) -> Any:
    return values


@attrs.frozen
class Reducing:
    """A reduction that is known, one that is not, and the same in plain Python.

    Attributes:
      name: the name of its source.
      known: a function to combine with.
      unknown: another one.
      plain: from all values to the result.
      seen: from a result to what of it is compared.
    """

    name: str
    known: Any
    unknown: Any
    plain: Callable[[list[Any]], Any]
    seen: Callable[[Any], Any] = itself


REDUCING = (
    Reducing('count', CountCombineFn(), UnknownCount(), len),
    Reducing('count', len, UnknownCount(), len),
    Reducing('sum', sum, lambda values: sum(values), sum),
    Reducing('mean', MeanCombineFn(), UnknownMean(), mean),
    Reducing('min', min, lambda values: min(values), min),
    Reducing('max', max, lambda values: max(values), max),
    Reducing('any', any, lambda values: any(values), any),
    Reducing('all', all, lambda values: all(values), all),
    Reducing('largest', Largest(2), UnknownTop(2), lambda values: sorted(values, reverse=True)[:2]),
    Reducing('smallest', Smallest(1), UnknownTop(1, reverse=True), lambda values: sorted(values)[:1]),
    Reducing('largest by rank', TopCombineFn(3, last_digit), UnknownTop(3, last_digit),
             lambda values: sorted(values, key=last_digit, reverse=True)[:3], last_digits),
    Reducing('smallest by rank', Smallest(1, last_digit), UnknownTop(1, last_digit, reverse=True),
             lambda values: sorted(values, key=last_digit)[:1], last_digits),
    Reducing('list', ToListCombineFn(), UnknownList(), list,
             lambda values: sorted(values, key=lambda value: (type(value).__name__, value))),
    Reducing('set', ToSetCombineFn(), UnknownSet(), set),
)

# Sums of multiples of an eighth are exact in any order.
NUMBERS = st.one_of(st.integers(-50, 50), st.booleans(), st.integers(-400, 400).map(lambda n: n / 8))
VALUES = {
    'ints': st.integers(-50, 50), 'large ints': st.integers(), 'floats': st.integers(-400, 400).map(lambda n: n / 8),
    'infinite': st.sampled_from([float('inf'), 1.5]), 'bools': st.booleans(), 'numbers': NUMBERS,
    'texts': st.text('ab', max_size=2), 'nothing': st.none(), 'lists': st.lists(st.integers(0, 1), max_size=1),
    'anything': st.one_of(NUMBERS, st.none(), st.text('a', max_size=1)),
}
KEYS = st.sampled_from([None, 'a', 'b', 1])


@st.composite
def elements(draw: st.DrawFn) -> list[tuple[Any, Any]]:
    values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
    return draw(st.lists(st.tuples(KEYS, values), max_size=40))


def runners() -> st.SearchStrategy[EngineRunner]:
    """Accumulators that are merged at the end, after every bundle, after every element; and none at all."""
    return st.builds(EngineRunner, st.sampled_from([frozenset(), frozenset(), frozenset([lift_combiners])]),
                     st.sampled_from([1, 2, 3]), st.sampled_from([None, 1, 2, 5]),
                     st.sampled_from([1 << 30, 2000, 200]))


def per_key(pairs: PCollection[Any], fn: Any) -> Any:
    return pairs | CombinePerKey(fn)


def per_key_of_both(pairs: PCollection[Any], fn: Any) -> Any:
    """The operator stands in one loop twice."""
    return (pairs, pairs) | Flatten() | CombinePerKey(fn)


def as_pair() -> PTransform:
    return 'AsPair' >> Map(lambda one: (0, one))


def per_constant_key(pairs: PCollection[Any], fn: Any) -> Any:
    return pairs | Map(lambda pair: pair[1]) | CombineGlobally(fn).without_defaults() | as_pair()


def per_constant_key_of_both(pairs: PCollection[Any], fn: Any) -> Any:
    """Two places of a loop share a running accumulator."""
    return per_constant_key((pairs, pairs) | Flatten(), fn)


def globally(pairs: PCollection[Any], fn: Any) -> Any:
    return pairs | Map(lambda pair: pair[1]) | CombineGlobally(fn) | as_pair()


def with_window(pair: tuple[Any, Any], window: Any = DoFn.WindowParam) -> tuple[bool, Any]:
    return window.end == 10, pair[1]


def per_window(pairs: PCollection[Any], fn: Any) -> Any:
    timed = pairs | Map(lambda pair: TimestampedValue(('all', pair[1]), 5 if pair[0] == 'a' else 15))
    return timed | WindowInto(FixedWindows(10)) | CombinePerKey(fn) | Map(with_window)


def spread(pairs: PCollection[Any], fn: Any) -> Any:
    return pairs | CombinePerKey(fn).with_hot_key_fanout(3)


def some_spread_per_window(pairs: PCollection[Any], fn: Any) -> Any:
    timed = pairs | Map(lambda pair: TimestampedValue(('all', pair[1]), 5 if pair[0] == 'a' else 15))
    hot = CombinePerKey(fn).with_hot_key_fanout(lambda key: 4 if key == 'all' else 0)
    return timed | WindowInto(FixedWindows(10)) | hot | Map(with_window)


def of_groups(pairs: PCollection[Any], fn: Any) -> Any:
    return pairs | GroupByKey() | CombineValues(fn)


#: Ways to combine, with the key of a result from the key of an element, and how often each element comes.
SHAPES: dict[str, tuple[Callable[..., Any], Callable[[Any], Any], int]] = {
    'per key': (per_key, itself, 1), 'per key of both': (per_key_of_both, itself, 2),
    'per constant key': (per_constant_key, lambda key: 0, 1),
    'per constant key of both': (per_constant_key_of_both, lambda key: 0, 2), 'globally': (globally, lambda key: 0, 1),
    'per window': (per_window, lambda key: key == 'a', 1), 'spread': (spread, itself, 1),
    'some spread per window': (some_spread_per_window, lambda key: key == 'a', 1), 'of groups': (of_groups, itself, 1),
}


def found(runner: EngineRunner, shape: str, pairs: list[Any], fn: Any, seen: Callable[[Any], Any]) -> Any:
    """The results that a pipeline gives, or the class of its exception."""
    made = SHAPES[shape][0](Pipeline() | Create(pairs), fn)
    try:
        return in_order((key, seen(value)) for key, value in values_of(runner, made))
    except Exception as error:
        return type(error)


def expected(shape: str, pairs: list[Any], reducing: Reducing) -> Any:
    """The same by a loop over lists."""
    _, to_key, times = SHAPES[shape]
    groups: dict[Any, list[Any]] = {0: []} if shape == 'globally' else {}
    for key, value in pairs * times:
        groups.setdefault(to_key(key), []).append(value)
    try:
        return in_order((key, reducing.seen(reducing.plain(values))) for key, values in groups.items())
    except Exception as error:
        return type(error)


def in_order(results: Iterable[tuple[Any, Any]]) -> list[tuple[str, Any]]:
    """In an order that does not depend on the values, of which 1, 1.0 and True are equal. NaN gets equal to itself."""
    return sorted(((repr(key), 'nan' if value != value else value) for key, value in results), key=lambda one: one[0])


@pytest.mark.parametrize('reducing', REDUCING, ids=lambda one: f'{one.name} {getattr(one.known, "__name__", "")}')
@settings(max_examples=40)
@given(elements(), st.sampled_from(sorted(SHAPES)), runners())
def test_known_and_unknown_reductions_are_equal(reducing: Reducing, pairs: list[Any], shape: str,
                                                runner: EngineRunner) -> None:
    known = found(runner, shape, pairs, reducing.known, reducing.seen)
    assert known == found(runner, shape, pairs, reducing.unknown, reducing.seen)
    assert known == expected(shape, pairs, reducing)


def test_each_reduction_is_known_and_each_is_tested() -> None:
    for one in REDUCING:
        assert reduction(CombineFn.maybe_from_callable(one.known)) is REDUCTIONS[one.name]
        assert reduction(CombineFn.maybe_from_callable(one.unknown)) is GENERAL
    assert {one.name for one in REDUCING} == set(REDUCTIONS)


def test_the_best_none_of_some() -> None:
    made = Pipeline() | Create([3, 1, 2] * 10) | CombineGlobally(TopCombineFn(0)).without_defaults()
    assert values_of(EngineRunner(), made) == [[]]


class Reduced(CombineFn):
    """A function of the user whose names are its own affair."""

    reduction = 'sum'

    def create_accumulator(self, *args: Any, **kwargs: Any) -> int:
        return 1

    def add_input(self, mutable_accumulator: int, element: int, *args: Any, **kwargs: Any) -> int:
        return mutable_accumulator * element

    def merge_accumulators(self, accumulators: Iterable[int], *args: Any, **kwargs: Any) -> int:
        return math.prod(accumulators)

    def extract_output(self, accumulator: int, *args: Any, **kwargs: Any) -> int:
        return accumulator


def test_attributes_of_users_functions_say_nothing() -> None:
    made = Pipeline() | Create([('k', 3), ('k', 4)]) | CombinePerKey(Reduced())
    assert values_of(EngineRunner(), made) == [('k', 12)]
