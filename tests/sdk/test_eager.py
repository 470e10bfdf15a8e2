"""Elements that are put through transforms at once, without a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bourne.errors import TransformError
from bourne.sdk import eager
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.dofn import TaggedOutput
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline, override
from bourne.sdk.ptransform import PTransform
from bourne.sdk.runner import PipelineResult, PipelineRunner
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.partition import Partition
from tests.runners import EngineRunner


def by_parity(x: int) -> Iterator[Any]:
    yield x
    yield TaggedOutput('odd' if x % 2 else 'even', x * 10)


def test_a_list_comes_back() -> None:
    assert [1, 2, 3] | Map(lambda x: x * 2) == [2, 4, 6]
    assert range(3) | Map(str) == ['0', '1', '2']
    assert sorted({1, 2} | Map(lambda x: -x)) == [-2, -1]
    assert [] | Map(str) == []


def test_the_result_goes_on() -> None:
    assert [('a', 1), ('a', 2)] | GroupByKey() | Map(lambda kv: (kv[0], sum(kv[1]))) == [('a', 3)]
    assert [1, 2] | Map(lambda x: x + 1) | CombineGlobally(sum) == [5]


def test_labels_and_composites() -> None:
    class Twice(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return (pcoll, pcoll | Map(lambda x: -x)) | Flatten()

    assert sorted([1, 2] | 'label' >> Twice()) == [-2, -1, 1, 2]


def test_tuples_and_dicts_are_several_collections() -> None:
    assert ([1], [2, 3]) | Flatten() == [1, 2, 3]
    assert {'a': [(1, 2)], 'b': [(1, 3)]} | CoGroupByKey() == [(1, {'a': [2], 'b': [3]})]


def test_several_outputs() -> None:
    out = [1, 2, 3] | FlatMap(by_parity).with_outputs('odd', 'even')
    assert out.odd == out['odd'] == [10, 30]
    assert out[None] == [1, 2, 3]
    odd, even = out
    assert (odd, even) == ([10, 30], [20])
    assert len(out) == 2
    assert repr(out) == "Outputs({None: [1, 2, 3], 'odd': [10, 30], 'even': [20]})"


def test_a_partition_has_no_main_output() -> None:
    out = [1, 2, 3] | Partition(lambda x, n: x % n, 2)
    assert repr(out) == "Outputs({'0': [2], '1': [1, 3]})"
    assert [part | Map(str) for part in out] == [['2'], ['1', '3']]


def test_several_outputs_with_a_main_name() -> None:
    out = [1, 2] | FlatMap(by_parity).with_outputs('odd', 'even', main='all')
    assert out.all == out['all'] == out[None] == out[0] == [1, 2]
    assert list(out) == [[1, 2], [10], [20]]


def test_an_output_that_was_not_declared() -> None:
    out = [1] | FlatMap(by_parity).with_outputs()
    with pytest.raises(AttributeError, match=r"no output is tagged 'odd'.*with_outputs\('odd', ...\)"):
        _ = out.odd
    with pytest.raises(KeyError, match='no output is tagged'):
        out['odd']


def test_outputs_in_dicts_and_tuples() -> None:
    class Split(PTransform):
        def expand(self, pcoll: Any) -> Any:
            same = pcoll | 'same' >> Map(lambda x: x)
            return {'same': same, 'pair': (same, pcoll | 'minus' >> Map(lambda x: -x))}

    assert [1] | Split() == {'same': [1], 'pair': ([1], [-1])}


def test_a_transform_without_output() -> None:
    class Ends(PTransform):
        def expand(self, pcoll: Any) -> None:
            pcoll | Map(str)

    assert [1] | Ends() is None


def test_the_users_exception_comes_out() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        [0] | Map(lambda x: 1 / x)
    assert 'test_eager.py' in caught.value.__notes__[0]
    assert not eager._committed


@pytest.mark.parametrize('elements', ['text', b'bytes', 5, None])
def test_what_is_not_elements_is_refused(elements: Any) -> None:
    with pytest.raises(TransformError, match='neither a pipeline, nor a PCollection, nor an iterable of elements'):
        elements | Map(str)


def test_no_collections_at_all() -> None:
    with pytest.raises(TransformError, match=r'applied to no collection and knows no pipeline.*Flatten\(pipeline=p\)'):
        () | Flatten()
    p = Pipeline()
    made = () | Flatten(pipeline=p)
    assert made.pipeline is p


def test_elements_are_not_mixed_with_collections() -> None:
    p = Pipeline()
    with pytest.raises(TransformError, match=r'takes PCollections, but one of its inputs is \[1\]'):
        (p | Create([1]), [1]) | Flatten()


def test_on_several_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Spread(PipelineRunner):
        def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
            return EngineRunner(slots=3, bundle_size=2).run(graph, options)

    monkeypatch.setattr(override, 'runner', Spread())
    assert sorted([(n % 5, n) for n in range(50)] | CombinePerKey(sum)) == [
        (key, sum(range(key, 50, 5))) for key in range(5)]


def test_a_graph_that_runs_later_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs: list[Graph] = []

    class Keeps(PipelineRunner):
        def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
            graphs.append(graph)
            return EngineRunner().run(graph, options)

    monkeypatch.setattr(override, 'runner', Keeps())
    assert [1] | Map(lambda x: x) == [1]
    EngineRunner().run(Graph.from_json(graphs[0].to_json()), PipelineOptions([]))
    assert not eager._committed
