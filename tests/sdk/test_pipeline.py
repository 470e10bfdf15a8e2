"""Building and running pipelines: labels, scopes, owners, results."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest

from bourne.errors import OptionsError, PipelineError, TransformError
from bourne.runners.local import LocalRunner
from bourne.sdk.graph.graph import Graph
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.options import PipelineOptions, StandardOptions
from bourne.sdk.pcollection import PCollection
from bourne.sdk.pipeline import Pipeline, override
from bourne.sdk.ptransform import PTransform, ptransform_fn
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState, find_runner
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, Map, ParDo
from bourne.sdk.transforms.sideinput import AsList
from tests.runners import EngineRunner


class Recorder(PipelineRunner):
    """Notes that it runs."""

    runs = 0
    waits = 0

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        type(self).runs += 1
        recorder = type(self)

        class Result(type(result)):  # type: ignore[misc]
            def wait_until_finish(self, duration: float | None = None) -> str:
                recorder.waits += 1
                return PipelineState.DONE

        result.__class__ = Result
        return result


result = LocalRunner().run(Graph(), PipelineOptions([]))


def labels(pipeline: Pipeline) -> list[str]:
    return [transform.label for transform in pipeline.to_graph().transforms]


def test_a_block_runs_at_its_end() -> None:
    with Pipeline() as p:
        numbers = p | Create([1])
        assert p.result is None
        numbers | Map(lambda x: x)
    assert p.result is not None
    assert p.result.state == PipelineState.DONE
    assert p.result.wait_until_finish() == PipelineState.DONE
    assert isinstance(p.result.metrics(), MetricResults)


def test_a_block_that_fails_does_not_run() -> None:
    def fail(p: Pipeline) -> None:
        with p:
            p | Create([1])
            raise ValueError('mine')

    p = Pipeline()
    with pytest.raises(ValueError, match='mine'):
        fail(p)
    assert p.result is None


def test_a_block_waits_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, 'waits', 0)
    with Pipeline(Recorder()):
        pass
    assert Recorder.waits == 1


def test_runners_by_instance_class_name_and_option() -> None:
    for runner in (LocalRunner(), LocalRunner, 'local', 'DirectRunner', None):
        assert Pipeline(runner).run().state == PipelineState.DONE
    assert Pipeline(options=PipelineOptions(['--runner=local'])).run().state == PipelineState.DONE


def test_a_runner_that_is_not_there() -> None:
    with pytest.raises(OptionsError, match=r"there is no runner 'marsrover'; installed: .*local"):
        Pipeline('MarsRover').run()
    with pytest.raises(OptionsError, match="there is no runner 'x'"):
        find_runner('x')


def test_a_runner_for_every_pipeline_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, 'runs', 0)
    monkeypatch.setattr(override, 'runner', Recorder())
    Pipeline('nowhere').run()
    assert Recorder.runs == 1


def test_options_must_be_options() -> None:
    with pytest.raises(TransformError, match=r"options must be PipelineOptions, got \['--runner=local'\]"):
        Pipeline(options=['--runner=local'])  # type: ignore[arg-type]


def test_unknown_options_are_reported_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, 'runs', 0)
    with pytest.raises(OptionsError, match='--speeed'):
        Pipeline(Recorder(), argv=['--speeed=9']).run()
    assert Recorder.runs == 0


# Labels.


def test_default_labels() -> None:
    class Counts(DoFn):
        def process(self, element: int) -> None:
            pass

    class Mine(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return pcoll | Map(str)

    @ptransform_fn
    def Made(pcoll: Any) -> Any:
        return pcoll | Map(str)

    p = Pipeline()
    numbers = p | Create([1])
    numbers | ParDo(Counts())
    numbers | Map(len)
    numbers | FlatMap(lambda x: [x])
    numbers | Mine()
    numbers | Made()
    numbers | CombineGlobally(sum)
    found = labels(p)
    assert found[:3] == ['Create', 'ParDo(Counts)', 'Map(len)']
    assert found[3].startswith('FlatMap(<lambda at test_pipeline.py:')
    assert found[4:6] == ['Mine/Map(str)', 'Made/Map(str)']
    assert found[6].startswith('CombineGlobally(sum)/')


def test_a_label_that_is_taken() -> None:
    p = Pipeline()
    numbers = p | Create([1])
    numbers | 'mine' >> Map(str)
    with pytest.raises(PipelineError) as caught:
        numbers | 'mine' >> FlatMap(str)
    text = str(caught.value)
    assert "a transform with the label 'mine' already exists in the pipeline (applied at " in text
    assert 'test_pipeline.py:' in text
    assert text.endswith('Give this one another label: "some label" >> FlatMap(...)')
    assert isinstance(caught.value, RuntimeError)


def test_labels_are_unique_within_their_scope_only() -> None:
    class Twice(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return pcoll | 'again' >> Map(str)

    p = Pipeline()
    numbers = p | Create([1])
    numbers | 'again' >> Map(str)
    numbers | 'a' >> Twice()
    numbers | 'b' >> Twice()
    assert labels(p) == ['Create', 'again', 'a/again', 'b/again']


def test_labels_are_numbered_on_request() -> None:
    p = Pipeline(argv=['--auto_unique_labels'])
    numbers = p | Create([1])
    for _ in range(3):
        numbers | 'mine' >> Map(str)
    assert labels(p) == ['Create', 'mine', 'mine (2)', 'mine (3)']
    p.run()


def test_a_label_must_be_a_string() -> None:
    with pytest.raises(TransformError, match='the label on the left of >> must be a string, got 5'):
        5 >> Map(str)


def test_a_label_does_not_change_the_transform() -> None:
    double = Map(lambda x: x * 2)
    assert ('named' >> double).label == 'named'
    assert double.label is None


def test_labels_and_ids_are_stable() -> None:
    def build() -> Graph:
        p = Pipeline()
        pairs = p | Create([(1, 2)])
        out = pairs | FlatMap(lambda kv: [kv]).with_outputs('x')
        (out[None], out.x) | Flatten() | GroupByKey() | CombineGlobally(len)
        return p.to_graph()

    assert build().to_json() == build().to_json()


# Inputs and outputs.


def test_collections_of_another_pipeline() -> None:
    mine, other = Pipeline(), Pipeline()
    numbers = other | Create([1])
    with pytest.raises(PipelineError, match="Map\\(str\\): the input <PCollection from 'Create'> belongs to another"):
        mine.apply(Map(str), numbers)
    with pytest.raises(PipelineError, match=r'Flatten: the input .* belongs to another pipeline'):
        (mine | Create([1]), numbers) | Flatten()


def test_side_inputs_of_another_pipeline() -> None:
    mine, other = Pipeline(), Pipeline()
    numbers = other | Create([1])
    with pytest.raises(PipelineError, match="mine: the input <PCollection from 'Create'> belongs to another pipeline"):
        mine | Create([1]) | 'mine' >> Map(lambda x, y: x, AsList(numbers))


@pytest.mark.parametrize(('transform', 'words'), [
    (Map, 'a PTransform instance is needed after |, got the class Map: write Map()'),
    (GroupByKey, 'a PTransform instance is needed after |, got the class GroupByKey: write GroupByKey()'),
    (str, "a PTransform is needed after |, got the function <class 'str'>: write Map(...) or ParDo(...) around it"),
    (len, 'got the function <built-in function len>: write Map(...) or ParDo(...) around it'),
    (None, 'a PTransform is needed after |, got None'),
    (5, 'a PTransform is needed after |, got 5'),
])
def test_what_is_no_transform(transform: Any, words: str) -> None:
    p = Pipeline()
    for left in (p, p | Create([1])):
        with pytest.raises(TransformError) as caught:
            left | transform
        assert words in str(caught.value)
        p = Pipeline()


def test_apply_in_its_forms() -> None:
    p = Pipeline()
    numbers = p.apply(Create([1]))
    numbers.apply(Map(str))
    numbers.apply('named', Map(str))
    p.apply(Map(str), numbers, label='labelled')
    assert labels(p) == ['Create', 'Map(str)', 'named', 'labelled']


def test_a_composite_that_gives_nothing() -> None:
    class Ends(PTransform):
        def expand(self, pcoll: Any) -> None:
            pcoll | Map(str)

    p = Pipeline()
    assert (p | Create([1]) | Ends()) is None
    assert [one.label for one in p.to_graph().composites] == ['Ends']


def test_composites_stand_around_their_parts() -> None:
    class Inner(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return pcoll | 'a' >> Map(str) | 'b' >> Map(str)

    class Outer(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return {'x': pcoll | Inner(), 'y': pcoll | 'c' >> Map(str)}

    p = Pipeline()
    p | Create([1]) | Outer()
    graph = p.to_graph()
    assert [(one.label, one.parent, one.name) for one in graph.composites] == [
        ('Outer', '', 'Outer'), ('Outer/Inner', 'Outer', 'Inner')]
    assert [(one.label, one.parent) for one in graph.transforms] == [
        ('Create', ''), ('Outer/Inner/a', 'Outer/Inner'), ('Outer/Inner/b', 'Outer/Inner'), ('Outer/c', 'Outer')]
    assert graph.composites[0].outputs == {'': 'Outer/Inner/b', '1': 'Outer/c'}


def test_an_expand_that_is_missing() -> None:
    class Nothing(PTransform):
        pass

    with pytest.raises(NotImplementedError, match=r'Nothing must define expand\(self, pcoll\)'):
        Pipeline() | Nothing()


def test_a_primitive_is_added_once() -> None:
    p = Pipeline()
    numbers = p | Create([1])
    with pytest.raises(PipelineError, match='a primitive is added once'):
        p.add(p.to_graph().transforms[0].payload)
    assert isinstance(numbers, PCollection)


def test_a_pipeline_runs_again() -> None:
    p = Pipeline()
    p | Create([1]) | Map(lambda x: x)
    assert p.run() is not p.run()


def test_checks_before_the_run() -> None:
    p = Pipeline()

    def refuse() -> None:
        raise PipelineError('not like this')

    p.before_run(refuse)
    with pytest.raises(PipelineError, match='not like this'):
        p.run()


def test_free_labels() -> None:
    p = Pipeline()
    assert p.free_label('Create') == 'Create'
    p | Create([1])
    assert p.free_label('Create') == 'Create_2'
    p | 'Create_2' >> Create([1])
    assert p.free_label('Create') == 'Create_3'


def test_shows_itself() -> None:
    p = Pipeline()
    p | Create([1]) | Map(str)
    assert repr(p) == '<Pipeline of 2 transforms>'
    assert '<svg' in p._repr_html_()


def test_options_are_in_the_graph() -> None:
    p = Pipeline(options=PipelineOptions(['--job_name=mine']))
    assert p.to_graph().options == {'job_name': 'mine'}
    assert p.options.view_as(StandardOptions).job_name == 'mine'


def test_options_are_not_taken_from_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', ['x', '--job_name=other'])
    assert Pipeline().options.view_as(StandardOptions).job_name is None


def test_transforms_are_copied_freely() -> None:
    transform = Map(str)
    assert labels_of(copy.deepcopy(transform)) == labels_of(transform) == ['Create', 'Map(str)']


def labels_of(transform: PTransform) -> list[str]:
    p = Pipeline()
    p | Create([1]) | transform
    return labels(p)


def test_functions_of_a_script_run_isolated() -> None:
    """A lambda that changes a list outside changes nothing there: it was copied as on any cluster."""
    code = ('import bourne as beam\nseen = []\n'
            'with beam.Pipeline() as p:\n'
            '    p | beam.Create([1, 2]) | beam.Map(lambda x: seen.append(x))\n'
            'print(seen)\n')
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert found.stdout == '[]\n'


def test_a_run_leaves_the_users_objects_alone() -> None:
    seen: list[int] = []

    class Notes(DoFn):
        def __init__(self) -> None:
            self.count = 0

        def process(self, element: int) -> None:
            self.count += 1
            seen.append(element)

    notes = Notes()
    p = Pipeline(EngineRunner())
    p | Create([1, 2]) | ParDo(notes)
    p.run()
    assert (notes.count, seen) == (0, [])
