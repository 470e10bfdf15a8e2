"""Transforms that are given the wrong arguments or applied to the wrong thing say so where they are written."""

from __future__ import annotations

from typing import Any

import pytest

from bourne.errors import PipelineError, TransformError, TypeCheckError
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.timestamp import MIN_TIMESTAMP, Timestamp
from bourne.sdk.model.trigger import AccumulationMode, AfterCount, AfterWatermark, Repeatedly
from bourne.sdk.model.window import FixedWindows, GlobalWindows, Sessions, SlidingWindows, TimestampedValue
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing import TestPipeline, assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey, CombineValues
from bourne.sdk.transforms.create import Create, Impulse
from bourne.sdk.transforms.flatten import Flatten, FlattenWith
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple, ParDo
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.sideinput import AsDict, AsList, AsSingleton
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from bourne.sdk.transforms.write import Write


class Identity(DoFn):
    def process(self, element: Any) -> list[Any]:
        return [element]


def two(a: Any, b: Any) -> Any:
    return a, b


@pytest.mark.parametrize(('make', 'words'), [
    (lambda: Create('abc'), "Create takes an iterable of elements, got the str 'abc'; write Create(['abc']) for one"),
    (lambda: Create(b'abc'), "got the bytes b'abc'"),
    (lambda: Create(5), 'Create takes an iterable of elements, got 5'),
    (lambda: ParDo(Identity), 'ParDo takes a DoFn instance, got the class Identity: write Identity()'),
    (lambda: Map(Identity()), 'Map takes a function, got the DoFn'),
    (lambda: Map(5), 'Map takes a function, got 5'),
    (lambda: ParDo(5), 'ParDo takes a function or DoFn, got 5'),
    (lambda: Filter(None), 'Filter takes a function, got None'),
    (lambda: FlatMap('abc'), "FlatMap takes a function, got 'abc'"),
    (lambda: CombinePerKey(CombineFn), 'a CombineFn instance is needed, got the class CombineFn: write CombineFn()'),
    (lambda: CombineGlobally(5), 'a CombineFn or a callable is needed to combine with, got 5'),
    (lambda: CombinePerKey(sum).with_hot_key_fanout('2'), "takes an int or a function of the key, got '2'"),
    (lambda: CombinePerKey(sum, 1).with_hot_key_fanout(2), 'hot-key fanout does not go with arguments'),
    (lambda: WindowInto(FixedWindows), 'WindowInto takes a WindowFn, got'),
    (lambda: WindowInto(5), 'WindowInto takes a WindowFn, got 5'),
    (lambda: WindowInto(FixedWindows(1), trigger=5), 'trigger must be a trigger, got 5'),
    (lambda: WindowInto(FixedWindows(1), accumulation_mode='x'), 'accumulation_mode must be one of'),
    (lambda: WindowInto(FixedWindows(1), allowed_lateness=-3), 'allowed_lateness must not be negative, got -3'),
    (lambda: WindowInto(FixedWindows(1), timestamp_combiner='x'), 'timestamp_combiner must be one of'),
    (lambda: WindowInto(FixedWindows(1), trigger=Repeatedly(AfterCount(1))),
     'accumulation_mode is needed with the trigger'),
    (lambda: WindowInto(FixedWindows(1), trigger=AfterWatermark(early=AfterCount(1))),
     'which may fire more than once: AccumulationMode.DISCARDING or AccumulationMode.ACCUMULATING'),
    (lambda: WithTimestamps(5), 'WithTimestamps takes a function from an element to its time, got 5'),
    (lambda: Reshuffle(0), 'num_buckets must be a positive integer, got 0'),
    (lambda: Read(5), 'Read takes a Source, got 5'),
    (lambda: Write(5), 'Write takes a Sink, got 5'),
    (lambda: FlattenWith(5), 'FlattenWith takes PCollections and PTransforms, got 5'),
    (lambda: AsList([1]), 'AsList takes a PCollection, got [1]'),
    (lambda: AsSingleton(5), 'AsSingleton takes a PCollection, got 5'),
])
def test_wrong_arguments(make: Any, words: str) -> None:
    with pytest.raises(TransformError) as caught:
        make()
    assert words in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(('make', 'words'), [
    (lambda: FixedWindows(0), 'FixedWindows: size must be positive, got Duration(0)'),
    (lambda: SlidingWindows(5, -1), 'SlidingWindows: period must be positive, got Duration(-1)'),
    (lambda: Sessions(0), 'Sessions: gap_size must be positive'),
])
def test_windows_that_cannot_be(make: Any, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert words in str(caught.value)


@pytest.mark.parametrize('transform', [
    Map(str), FlatMap(list), Filter(str), ParDo(Identity()), GroupByKey(), CombinePerKey(sum), CombineGlobally(sum),
    CombineValues(sum), WindowInto(FixedWindows(1)), Reshuffle(), WithTimestamps(int), FlattenWith(),
], ids=repr)
def test_transforms_of_one_collection(transform: Any) -> None:
    p = Pipeline()
    with pytest.raises(TransformError) as caught:
        p | 'mine' >> transform
    text = str(caught.value)
    assert text == ('mine takes one PCollection, but was applied to the pipeline itself '
                    '(start with Create or a Read transform)')
    numbers = p | Create([1])
    with pytest.raises(TransformError, match='yours takes one PCollection, but was applied to'):
        (numbers, numbers) | 'yours' >> transform


@pytest.mark.parametrize('transform', [Create([1]), Impulse()], ids=repr)
def test_transforms_that_start_a_pipeline(transform: Any) -> None:
    p = Pipeline()
    numbers = p | 'numbers' >> Create([1])
    with pytest.raises(TransformError, match=r'starts a pipeline, but was applied to <PCollection .* write `pipeline'):
        numbers | transform


def test_transforms_of_several_collections() -> None:
    p = Pipeline()
    numbers = p | Create([(1, 1)])
    with pytest.raises(TransformError, match='Flatten takes a tuple or list of PCollections, but was applied to'):
        numbers | Flatten()
    with pytest.raises(TransformError, match='CoGroupByKey takes a dict, tuple or list of PCollections, but was'):
        numbers | CoGroupByKey()
    with pytest.raises(TransformError, match='two takes PCollections, but one of its inputs is 5'):
        p.apply('two' >> Flatten(), (numbers, 5))


@pytest.mark.parametrize(('transform', 'words'), [
    (Map(lambda a, b: a), 'test_transform_inputs.py:'), (Map(lambda a, b: a), "needs an argument for 'b'"),
    (Map(lambda a, *, b: a), "needs an argument for 'b', and is given none"), (Map(lambda: 1), 'takes 0 argument(s)'),
    (Map(lambda a, b: a, 1, 2), 'takes 2 argument(s), and is given 3'),
    (Map(lambda a: a, c=1), "has no parameter named 'c'"), (Map(lambda a, b=1: a, c=1), "has no parameter named 'c'"),
    (MapTuple(lambda a, b: a, c=1), "has no parameter named 'c'"),
    (Map(two, 1, 2), 'takes 2 argument(s), and is given 3'),
    (ParDo(Identity(), 1), 'takes 1 argument(s), and is given 2'),
])
def test_arguments_that_do_not_fit_the_function(transform: Any, words: str) -> None:
    p = Pipeline()
    numbers = p | Create([(1, 1)])
    with pytest.raises((TransformError, TypeCheckError)) as caught:
        numbers | 'mine' >> transform
    text = str(caught.value)
    assert 'mine' in text
    assert words in text


@pytest.mark.parametrize('transform', [GroupByKey(), CombinePerKey(sum), CombineValues(sum)], ids=repr)
def test_grouping_what_has_no_key(transform: Any) -> None:
    p = Pipeline()
    numbers = p | Create([1, 2])
    with pytest.raises(TypeCheckError) as caught:
        numbers | 'mine' >> transform
    text = str(caught.value)
    assert 'mine' in text
    assert 'needs elements that are pairs (key, value), but got a collection of <int>' in text
    assert 'Map(lambda x: (key, x))' in text


def test_joining_what_has_no_key() -> None:
    p = Pipeline()
    with pytest.raises(TypeCheckError, match=r'needs elements that are pairs \(key, value\)'):
        (p | 'a' >> Create([(1, 1)]), p | 'b' >> Create([1])) | CoGroupByKey()


def test_types_are_not_checked_when_told_not_to() -> None:
    p = Pipeline(argv=['--no_pipeline_type_check'])
    p | Create([1, 2]) | Map(str).with_input_types(str)


def test_times_for_some_elements_only() -> None:
    with TestPipeline() as p:
        timed = p | Create([TimestampedValue(1, 1), 2]) | Map(lambda x, t=DoFn.TimestampParam: (x, t))
        assert_that(timed, equal_to([(1, Timestamp(1)), (2, MIN_TIMESTAMP)]))


def test_a_coroutine_function() -> None:
    async def later(x: int) -> int:
        return x

    with pytest.raises(TransformError, match=r'Map takes a function, got the coroutine function .*later'):
        Map(later)


def test_a_trigger_that_may_lose_data() -> None:
    unsafe = WindowInto(FixedWindows(1), trigger=AfterCount(1), accumulation_mode=AccumulationMode.DISCARDING)
    numbers = Pipeline() | Create([1])
    with pytest.raises(TransformError, match=r'may finish, and everything that arrives .* --allow_unsafe_triggers'):
        numbers | unsafe
    Pipeline(argv=['--allow_unsafe_triggers']) | Create([1]) | unsafe


def test_a_global_default_in_other_windows() -> None:
    numbers = Pipeline() | Create([1]) | WindowInto(FixedWindows(1))
    with pytest.raises(TransformError, match=r'Use CombineGlobally\(...\).without_defaults\(\), or .as_singleton_view'):
        numbers | CombineGlobally(sum)


def test_a_label_in_the_wrong_place() -> None:
    p = Pipeline()
    with pytest.raises(TransformError, match=r"a PTransform is needed after .*got 'label'"):
        p | 'label'  # type: ignore[operator]
    with pytest.raises(TransformError, match='was applied to'):
        p | 'a' >> Map(AsDict) | Flatten()


def test_grouping_what_never_ends() -> None:
    p = Pipeline()
    endless = p | Create([(1, 1)])
    endless.is_bounded = False
    for transform in (GroupByKey(), CombinePerKey(sum)):
        with pytest.raises(TransformError, match='is unbounded and in the global window, which ends'):
            endless | transform
    endless | WindowInto(GlobalWindows(), trigger=Repeatedly(AfterCount(1)),
                         accumulation_mode=AccumulationMode.DISCARDING) | 'fine' >> GroupByKey()


def test_the_reader_of_an_error_is_led_to_the_pipeline() -> None:
    assert issubclass(PipelineError, RuntimeError)
    assert issubclass(TypeCheckError, TypeError)
