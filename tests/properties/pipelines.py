"""Pipelines drawn by hypothesis: small programs, and how each becomes a pipeline.

Every collection holds pairs of a small key and a number, so that every step can follow every other. A program is plain
data, so that a failure shows it. No step depends on the order of elements or on how they are bundled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import (
    BoundedWindow,
    GlobalWindows,
    IntervalWindow,
    NonMergingWindowFn,
    SlidingWindows,
    TimestampCombiner,
    TimestampedValue,
    WindowedValue,
    WindowFn,
)
from bourne.sdk.pcollection import PCollection
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing import strategies
from bourne.sdk.transforms import deadletter  # noqa: F401 - loads with_exception_handling
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple, ParDo
from bourne.sdk.transforms.sideinput import AsDict, AsList, AsMultiMap, AsSingleton
from bourne.sdk.transforms.window import WindowInto, WithTimestamps

Pair = tuple[Any, int]

# What the steps call. All of it is in this module, so that graphs that were to JSON and back are equal.


def add(pair: Pair, n: int) -> Pair:
    return pair[0], pair[1] + n


def rekey(pair: Pair, n: int) -> Pair:
    return pair[1] % n, pair[1]


def is_not(pair: Pair, n: int) -> bool:
    return pair[1] % 5 != n


def repeat(pair: Pair, n: int) -> list[Pair]:
    return [(pair[0], pair[1] + number) for number in range((pair[1] + n) % 4)]


def generate(pair: Pair, n: int) -> Iterator[Pair]:
    yield pair
    if pair[1] % 2:
        yield pair[0], pair[1] + n


def as_tuple(pair: Pair, n: int) -> tuple[Pair, ...]:
    return (pair,) * (n % 3)


def as_iterator(pair: Pair, n: int) -> Iterator[Pair]:
    return iter([pair, (pair[0], n)])


def only_small(pair: Pair, n: int) -> Pair:
    if pair[1] % 4 == n % 4:
        raise ValueError(f'{pair} is not small')
    return pair


def swap_parts(key: Any, value: int) -> Pair:
    return value, key if isinstance(key, int) else 3


def reported(bad: Any) -> Pair:
    return bad[0][0], -len(bad[1][0].__name__)


def retime(pair: Pair, n: int) -> Any:
    return TimestampedValue(pair, pair[1] + n)


def sometimes_retime(pair: Pair, n: int) -> Any:
    return TimestampedValue(pair, pair[1] - n) if pair[1] % 3 == n % 3 else pair


def time_of(pair: Pair) -> float:
    return pair[1] / 2


def in_time(pair: Pair, timestamp: Any = DoFn.TimestampParam) -> Pair:
    return pair[0], pair[1] + timestamp.micros % 7


def in_window(pair: Pair, window: Any = DoFn.WindowParam) -> Pair:
    return pair[0], pair[1] + window.end.micros // 1_000_000 % 11


def total(group: tuple[Any, Iterable[int]]) -> Pair:
    return group[0], sum(group[1])


def joined(group: tuple[Any, Any]) -> Pair:
    left, right = group[1]
    return group[0], sum(left) * 100 + len(list(right))


def number_of(pair: Pair) -> int:
    return pair[1]


def to_pair(value: Any) -> Pair:
    return 0, int(value)


def whole(pair: Pair) -> Pair:
    return pair[0], int(pair[1])


def plus_all(pair: Pair, others: list[Pair]) -> Pair:
    return pair[0], pair[1] + sum(value for _, value in others)


def plus_one(pair: Pair, other: Pair) -> Pair:
    return pair[0], pair[1] + other[1]


def plus_found(pair: Pair, found: dict[Any, int]) -> Pair:
    return pair[0], pair[1] + found.get(pair[0], 1000)


def plus_many(pair: Pair, found: Any) -> Pair:
    return pair[0], pair[1] + sum(found[pair[0]])


def split(pair: Pair, n: int) -> Iterator[Any]:
    yield TaggedOutput('odd', pair) if pair[1] % 2 else pair
    if pair[1] % 5 == 0:
        yield TaggedOutput('timed', TimestampedValue((pair[0], n), n))


@attrs.frozen
class ByLength(NonMergingWindowFn):
    """Windows that the engine does not know, by the element: one, two or none."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = assign_context.timestamp.micros // 1_000_000
        return [IntervalWindow(start - number, start + 5) for number in range(assign_context.element[1] % 3)]


class Placed(DoFn):
    """Puts elements where its collection has no windows of its own."""

    def start_bundle(self) -> None:
        self.count = 0

    def process(self, element: Pair, n: int, timestamp: Any = DoFn.TimestampParam,
                window: Any = DoFn.WindowParam) -> Iterator[Any]:
        self.count += 1
        yield element if element[1] % 2 else WindowedValue(element, timestamp, [window])


class Buffer(DoFn):
    """Holds elements back until the end of their bundle."""

    def start_bundle(self) -> None:
        self.held: list[Any] = []

    def process(self, element: Pair, n: int, timestamp: Any = DoFn.TimestampParam,
                window: Any = DoFn.WindowParam) -> Iterator[Pair]:
        if element[1] % 3 == n % 3:
            yield element
        else:
            self.held.append(WindowedValue(element, timestamp, [window]))

    def finish_bundle(self) -> list[Any]:
        return self.held


class Extremes(CombineFn):
    """The smallest plus a thousand times the largest value; its accumulators are changed in place."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[int]:
        return []

    def add_input(self, mutable_accumulator: list[int], element: int, *args: Any, **kwargs: Any) -> list[int]:
        mutable_accumulator.append(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[list[int]], *args: Any, **kwargs: Any) -> list[int]:
        first, *others = accumulators
        for other in others:
            first.extend(other)
        return first

    def compact(self, accumulator: list[int], *args: Any, **kwargs: Any) -> list[int]:
        return [min(accumulator), max(accumulator)] if accumulator else accumulator

    def extract_output(self, accumulator: list[int], *args: Any, **kwargs: Any) -> int:
        return min(accumulator) + 1000 * max(accumulator) if accumulator else 0


def largest(values: Iterable[int]) -> int:
    """A plain function as a combiner."""
    return max(values, default=-1)


COMBINERS = (sum, min, max, largest, Extremes(), CountCombineFn(), MeanCombineFn())


@attrs.frozen
class Step:
    """One step of a program.

    Attributes:
      kind: what it does: a name in ``SIMPLE`` or ``_apply``.
      inputs: numbers of the collections that it reads.
      argument: a number or other parameter.
    """

    kind: str
    inputs: tuple[int, ...]
    argument: Any = None


#: Steps of one input without conditions, as a function from their argument to the transform.
SIMPLE: dict[str, Any] = {
    'add': lambda n: Map(add, n),
    'rekey': lambda n: Map(rekey, 1 + n),
    'filter': lambda n: Filter(is_not, n),
    'repeat': lambda n: FlatMap(repeat, n),
    'generate': lambda n: FlatMap(generate, n),
    'tuples': lambda n: FlatMap(as_tuple, n),
    'iterators': lambda n: FlatMap(as_iterator, n),
    'swap': lambda n: MapTuple(swap_parts),
    'placed': lambda n: ParDo(Placed(), n),
    'retime': lambda n: Map(retime, n),
    'sometimes retime': lambda n: Map(sometimes_retime, n),
    'with timestamps': lambda n: WithTimestamps(time_of),
    'in time': lambda n: Map(in_time),
    'in window': lambda n: Map(in_window),
    'buffer': lambda n: ParDo(Buffer(), n),
    'reshuffle': lambda n: Reshuffle(),
    'group': lambda n: GroupByKey() | Map(total),
    'combine': lambda n: CombinePerKey(COMBINERS[n % len(COMBINERS)]) | Map(whole),
    'hot combine': lambda n: CombinePerKey(Extremes()).with_hot_key_fanout(1 + n),
    'combine globally': lambda n: Map(number_of) | CombineGlobally(COMBINERS[n % 5]).without_defaults() | Map(to_pair),
}
KINDS = (*SIMPLE, 'create', 'window', 'flatten', 'flatten', 'join', 'side input', 'split', 'guard')
#: What becomes one generated loop as long as nothing is grouped, where what is kept for the loop could be mixed up.
IN_A_LOOP = ('add', 'filter', 'repeat', 'generate', 'tuples', 'iterators', 'sometimes retime', 'split', 'guard',
             'placed', 'flatten', 'flatten',
             'combine globally', 'combine globally', 'combine')
SIDE_VIEWS = ('list', 'dict', 'multimap', 'singleton')


#: More elements than this in a collection show nothing new, and take their time.
MANY = 200


@attrs.frozen
class _Size:
    """How many elements a collection has at most, and in how many windows its window function puts one."""

    elements: int
    spread: int = 1


@st.composite
def programs(draw: DrawFn, max_steps: int = 10, kinds: tuple[str, ...] = KINDS) -> tuple[Step, ...]:
    """Programs of a few steps; step number n makes collection number n.

    Each is made of a few kinds of steps only, so that these meet often: Groce et al., "Swarm Testing" (ISSTA 2012).
    """
    steps = [Step('create', (), tuple(draw(_pairs())))]
    sizes = [_size(steps[0], [])]
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=5))
    for _ in range(draw(st.integers(2, max_steps))):
        step = draw(_step(draw(st.sampled_from(chosen)), len(steps)))
        if _size(step, sizes).elements > MANY:
            step = Step('add', step.inputs[:1], 1)
        steps.append(step)
        sizes.append(_size(step, sizes))
    return tuple(steps)


def _size(step: Step, sizes: list[_Size]) -> _Size:
    inputs = [sizes[number] for number in step.inputs]
    if step.kind == 'create':
        return _Size(len(step.argument))
    spread = inputs[0].spread
    match step.kind:
        case 'window':
            spread = _spread(step.argument[0])
            return _Size(inputs[0].elements * spread, spread)
        case 'flatten' | 'join':
            return _Size(sum(one.elements * (1 if one == inputs[0] else spread) for one in inputs), spread)
    factor = {'repeat': 3, 'generate': 2, 'tuples': 2, 'iterators': 2, 'retime': spread, 'sometimes retime': spread,
              'with timestamps': spread, 'split': 1 + spread}.get(step.kind, 1)
    return _Size(inputs[0].elements * factor, spread)


def _spread(windowfn: WindowFn) -> int:
    if isinstance(windowfn, ByLength):
        return 2
    return -(-windowfn.size.micros // windowfn.period.micros) if isinstance(windowfn, SlidingWindows) else 1


def _pairs() -> SearchStrategy[list[tuple[Pair, Timestamp]]]:
    pair = st.tuples(st.integers(0, 3), st.integers(-20, 20))
    return st.lists(st.tuples(pair, strategies.timestamps(-20, 20)), max_size=8)


@st.composite
def _step(draw: DrawFn, kind: str, made: int) -> Step:
    # Mostly the latest collection, so that chains grow; sometimes an older one, so that graphs branch.
    collection = st.one_of(st.just(made - 1), st.integers(0, made - 1))
    match kind:
        case 'create':
            return Step(kind, (), tuple(draw(_pairs())))
        case 'window':
            combiner = draw(st.sampled_from([None, *TimestampCombiner.ALL]))
            windowfn = draw(st.one_of(strategies.windowfns(), st.just(ByLength())))
            return Step(kind, (draw(collection),), (windowfn, combiner))
        case 'flatten':
            latest, other = made - 1, draw(collection)
            shapes = [(latest, latest), (latest, other), (other, latest, other), (other,)]
            return Step(kind, draw(st.sampled_from(shapes)))
        case 'join':
            return Step(kind, (draw(collection), draw(collection)))
        case 'side input':
            return Step(kind, (draw(collection), draw(collection)), draw(st.sampled_from(SIDE_VIEWS)))
    return Step(kind, (draw(collection),), draw(st.integers(0, 5)))


def build(pipeline: Pipeline, program: Iterable[Step]) -> list[PCollection[Any]]:
    """Adds a program to a pipeline; returns all of its collections."""
    made: list[PCollection[Any]] = []
    for number, step in enumerate(program):
        inputs = [made[index] for index in step.inputs]
        made.append(_apply(pipeline, f'{number} {step.kind}', step, inputs))
    return made


def _apply(pipeline: Pipeline, label: str, step: Step, inputs: list[PCollection[Any]]) -> PCollection[Any]:
    if step.kind in SIMPLE:
        return inputs[0] | label >> SIMPLE[step.kind](step.argument)
    match step.kind:
        case 'create':
            return pipeline | label >> Create([TimestampedValue(pair, time) for pair, time in step.argument])
        case 'window':
            windowfn, combiner = step.argument
            return inputs[0] | label >> WindowInto(windowfn, timestamp_combiner=combiner)
        case 'flatten':
            return tuple(_alike(label, inputs)) | label >> Flatten()
        case 'join':
            return tuple(_alike(label, inputs)) | label >> CoGroupByKey() | f'{label} total' >> Map(joined)
        case 'split':
            out = inputs[0] | label >> FlatMap(split, step.argument).with_outputs('odd', 'timed')
            return (out[None], out.odd, out.timed) | f'{label} together' >> Flatten()
        case 'guard':
            good, bad = inputs[0] | label >> Map(only_small, step.argument).with_exception_handling()
            return (good, bad | f'{label} reports' >> Map(reported)) | f'{label} both' >> Flatten()
    assert step.kind == 'side input', step.kind
    return inputs[0] | label >> _with_side_input(label, inputs[1], step.argument)


def _alike(label: str, inputs: list[PCollection[Any]]) -> Iterator[PCollection[Any]]:
    """The collections in the windows of the first, without triggers of different kinds."""
    for number, collection in enumerate(inputs):
        if collection.windowing == inputs[0].windowing:
            yield collection
        else:
            yield collection | f'{label} window {number}' >> WindowInto(inputs[0].windowing)


def _with_side_input(label: str, side: PCollection[Any], view: str) -> Map:
    if side.windowing.windowfn.is_merging():
        side = side | f'{label} globally' >> WindowInto(GlobalWindows())
    match view:
        case 'list':
            return Map(plus_all, AsList(side))
        case 'multimap':
            return Map(plus_many, AsMultiMap(side))
        case 'dict':
            return Map(plus_found, AsDict(side | f'{label} sums' >> CombinePerKey(sum)))
    one = side | f'{label} one' >> SIMPLE['combine globally'](4)
    return Map(plus_one, AsSingleton(one, (0, 7)))
