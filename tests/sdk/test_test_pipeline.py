"""``TestPipeline``: where its options come from, and that graphs go through JSON."""

from __future__ import annotations

import sys
import threading
from typing import Any
from unittest import SkipTest

import pytest

from bourne.errors import AssertionFailed, OptionsError, PickleError, TransformError
from bourne.runners.local import LocalRunner
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Combine
from bourne.sdk.model.combinefn import CombineFn, MeanCombineFn
from bourne.sdk.options import LocalOptions, PipelineOptions, StandardOptions, TestOptions
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState
from bourne.sdk.testing.merging import InTwoParts
from bourne.sdk.testing.pipeline import ENVIRONMENT, TestPipeline, running_on
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.combiners import Largest, ToListCombineFn
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from tests.reference import ReferenceRunner


class Recorder(PipelineRunner):
    """Keeps what it is given, and runs it."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.options: list[PipelineOptions] = []

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        self.graphs.append(graph)
        self.options.append(options)
        return LocalRunner().run(graph, options)


def workers(pipeline: TestPipeline) -> int:
    return pipeline.options.view_as(LocalOptions).workers


def test_the_runner_gets_a_graph_that_was_json() -> None:
    runner = Recorder()
    with TestPipeline(runner) as p:
        p | Create([1]) | Map(lambda x: x)
    mine, = (one for one in p.to_graph().transforms if one.label != 'Create')
    its, = (one for one in runner.graphs[0].transforms if one.label != 'Create')
    assert its.payload.fn is not mine.payload.fn
    assert runner.graphs[0].isolated


def test_what_cannot_be_written_fails_the_test() -> None:
    lock = threading.Lock()
    with pytest.raises(PickleError, match="captured variable 'lock'"), TestPipeline() as p:
        p | Create([1]) | Map(lambda x: lock)


def test_the_flags_of_the_process_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', ['pytest', '--workers=7', '--nonsense'])
    assert workers(TestPipeline()) is None
    TestPipeline().run()


def test_options_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, '--workers=2')
    assert workers(TestPipeline()) == 2
    monkeypatch.setattr(TestPipeline, 'pytest_test_pipeline_options', '--workers=3')
    assert workers(TestPipeline()) == 3
    with running_on(flags=['--workers=4']):
        assert workers(TestPipeline()) == 4
        assert workers(TestPipeline(argv=['--workers=5'])) == 5
        assert workers(TestPipeline(argv=['--test-pipeline-options=--workers=6'])) == 6
        assert workers(TestPipeline(argv=['--test-pipeline-options', '--workers=7'])) == 7
        assert workers(TestPipeline(options=PipelineOptions(['--workers=8']))) == 8
        assert workers(TestPipeline(additional_pipeline_args=['--workers=9'])) == 9
        with running_on(Recorder()):
            assert workers(TestPipeline()) == 4


def test_flags_are_split_as_a_shell_would() -> None:
    pipeline = TestPipeline(argv=['--test-pipeline-options=--job_name="two words" --streaming'])
    view = pipeline.get_pipeline_options().view_as(StandardOptions)
    assert view.job_name == 'two words'
    assert view.streaming


def test_running_on_a_runner() -> None:
    outer, inner, own = Recorder(), Recorder(), Recorder()
    with running_on(outer):
        with running_on(inner):
            TestPipeline().run()
            TestPipeline(own).run()
        TestPipeline().run()
    TestPipeline().run()
    assert [len(one.graphs) for one in (outer, inner, own)] == [1, 1, 1]


def test_integration_tests_need_options() -> None:
    with pytest.raises(SkipTest, match='--test-pipeline-options'):
        TestPipeline(is_integration_test=True)
    assert workers(TestPipeline(is_integration_test=True, argv=['--test-pipeline-options=--workers=2'])) == 2


def test_unknown_options_are_reported() -> None:
    with pytest.raises(OptionsError, match='--wrokers'):
        TestPipeline(argv=['--wrokers=2']).run()


def test_options_as_flags() -> None:
    pipeline = TestPipeline(argv=['--workers=2', '--streaming', '--job_name', 'x'])
    assert pipeline.get_full_options_as_args(more=1, flag=True, none=None) == [
        '--workers=2', '--streaming', '--job_name', 'x', '--more=1', '--flag']
    assert pipeline.get_option('workers') == '2'
    assert pipeline.get_option('--job_name') == 'x'
    assert pipeline.get_option('other') is None
    assert pipeline.get_option('streaming', bool_option=True) is True
    assert pipeline.get_option('other', bool_option=True) is False


class Slow(PipelineRunner):
    """Starts runs that never end."""

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        class Result(PipelineResult):
            state = PipelineState.RUNNING  # type: ignore[assignment]
            waited: float | None = None

            def wait_until_finish(self, duration: float | None = None) -> str:
                self.waited = duration
                return self.state

            def cancel(self) -> str:
                return PipelineState.CANCELLED

            def metrics(self) -> None:  # type: ignore[override]
                return None

        return Result()


def test_a_run_that_takes_too_long() -> None:
    with pytest.raises(AssertionError, match='the pipeline is in the state RUNNING after 50 ms'):
        TestPipeline(Slow(), timeout=50).run()


def test_a_run_that_is_not_waited_for() -> None:
    assert TestPipeline(Slow(), blocking=False).run().waited is None  # type: ignore[attr-defined]


def test_pytest_does_not_take_it_for_a_test() -> None:
    assert TestPipeline.__test__ is False


def test_a_virtual_clock_is_an_option() -> None:
    for pipeline in (TestPipeline(virtual_clock=True), TestPipeline(options=PipelineOptions([]), virtual_clock=True),
                     TestPipeline(argv=['--virtual_clock'])):
        assert pipeline.options.view_as(TestOptions).virtual_clock
    assert not TestPipeline().options.view_as(TestOptions).virtual_clock


class Joined(CombineFn):
    """Texts in any order, as one. Its merging is what a test says."""

    def __init__(self, merge: Any) -> None:
        self.merge = merge

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[str]:
        return []

    def add_input(self, mutable_accumulator: list[str], element: str, *args: Any, **kwargs: Any) -> list[str]:
        return [*mutable_accumulator, element]

    def merge_accumulators(self, accumulators: Any, *args: Any, **kwargs: Any) -> Any:
        return self.merge(list(accumulators))

    def extract_output(self, accumulator: list[str], *args: Any, **kwargs: Any) -> str:
        return ''.join(sorted(accumulator))


def flat(parts: list[list[str]]) -> list[str]:
    return [text for part in parts for text in part]


@pytest.mark.parametrize('values', ['abc', 'ab', 'a', ''])
@pytest.mark.parametrize('runner', [None, ReferenceRunner()], ids=['local', 'reference'])
def test_few_elements_are_merged(values: str, runner: Any) -> None:
    with TestPipeline(runner) as p:
        texts = p | Create(list(values), reshuffle=False)
        assert_that(texts | CombineGlobally(Joined(flat)), equal_to([values]), 'all')
        assert_that(texts | Map(lambda x: ('k', x)) | CombinePerKey(Joined(flat)),
                    equal_to([('k', values)] if values else []), 'of k')


@pytest.mark.parametrize('runner', [None, ReferenceRunner()], ids=['local', 'reference'])
def test_a_merge_that_gives_nothing_is_reported(runner: Any) -> None:
    for values in ('abc', 'ab'):
        p = TestPipeline(runner)
        p | Create(list(values)) | CombineGlobally(Joined(lambda parts: None))
        with pytest.raises(TransformError, match=r'Joined\.merge_accumulators returned None for 2 accumulators'):
            p.run()
    with TestPipeline(runner) as p:
        assert_that(p | Create(['a']) | CombineGlobally(Joined(lambda parts: None)), equal_to(['a']))


def test_a_merge_that_drops_something_gives_a_wrong_result() -> None:
    p = TestPipeline()
    assert_that(p | Create([('k', 'a'), ('k', 'b')]) | CombinePerKey(Joined(lambda parts: parts[0])),
                equal_to([('k', 'ab')]))
    with pytest.raises(AssertionFailed):
        p.run()


def test_known_functions_stay_known() -> None:
    runner = Recorder()
    fns = [sum, len, Largest(3), MeanCombineFn(), ToListCombineFn()]
    with TestPipeline(runner) as p:
        for number, fn in enumerate(fns):
            p | f'create {number}' >> Create([('k', 1)]) | f'combine {number}' >> CombinePerKey(fn)
    assert not any(isinstance(one.payload.fn, InTwoParts) for one in runner.graphs[0].transforms
                   if isinstance(one.payload, Combine))
