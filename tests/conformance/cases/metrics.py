"""What user functions count, wherever they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bourne.sdk.metrics import Metrics, MetricsFilter
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.runner import PipelineResult
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, ParDo
from tests.conformance.case import case

After = Callable[[PipelineResult], None]


def counters(result: PipelineResult, name: str) -> dict[str, int]:
    """The values of a counter by step."""
    found = result.metrics().query(MetricsFilter().with_name(name))['counters']
    return {one.key.step: one.committed for one in found}


@case
def of_functions_in_one_stage(p: TestPipeline) -> After:
    def count(x: int) -> int:
        Metrics.counter('mine', 'seen').inc()
        return x

    p | Create(range(10)) | 'a' >> Map(count) | Filter(lambda x: x % 2) | 'b' >> Map(count)

    def after(result: PipelineResult) -> None:
        assert counters(result, 'seen') == {'a': 10, 'b': 5}

    return after


@case
def of_a_dofn_in_all_its_methods(p: TestPipeline) -> After:
    class Counts(DoFn):
        def __init__(self) -> None:
            self.elements = Metrics.counter('mine', 'elements')

        def setup(self) -> None:
            pass

        def process(self, element: int) -> Iterator[int]:
            self.elements.inc(element)
            yield element

        def finish_bundle(self) -> None:
            self.elements.inc(0)

    p | Create([1, 2, 3]) | 'mine' >> ParDo(Counts())

    def after(result: PipelineResult) -> None:
        assert counters(result, 'elements') == {'mine': 6}

    return after


@case
def of_a_generator(p: TestPipeline) -> After:
    def repeat(x: int) -> Iterator[int]:
        for _ in range(x):
            Metrics.counter('mine', 'made').inc()
            yield x

    p | Create([1, 2, 3]) | 'mine' >> FlatMap(repeat) | Map(str)

    def after(result: PipelineResult) -> None:
        assert counters(result, 'made') == {'mine': 6}

    return after


class Counting(CombineFn):
    """A sum that counts its results."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> int:
        return 0

    def add_input(self, mutable_accumulator: int, element: int, *args: Any, **kwargs: Any) -> int:
        return mutable_accumulator + element

    def merge_accumulators(self, accumulators: Iterable[int], *args: Any, **kwargs: Any) -> int:
        return sum(accumulators)

    def extract_output(self, accumulator: int, *args: Any, **kwargs: Any) -> int:
        Metrics.counter('mine', 'results').inc()
        return accumulator


@case
def of_a_combine_fn(p: TestPipeline) -> After:
    p | Create([('a', 1), ('b', 2), ('a', 3)]) | 'mine' >> CombinePerKey(Counting())

    def after(result: PipelineResult) -> None:
        assert counters(result, 'results') == {'mine': 2}

    return after


@case
def distributions_and_sets(p: TestPipeline) -> After:
    def note(x: int) -> None:
        Metrics.distribution('mine', 'sizes').update(x)
        Metrics.string_set('mine', 'names').add(f'name {x % 2}')

    p | Create([3, 1, 5]) | Map(note)

    def after(result: PipelineResult) -> None:
        found = result.metrics().query(MetricsFilter().with_namespace('mine'))
        sizes = found['distributions'][0].committed
        assert (sizes.sum, sizes.count, sizes.min, sizes.max) == (9, 3, 1, 5)
        assert set(found['string_sets'][0].committed) == {'name 1'}

    return after
