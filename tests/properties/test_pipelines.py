"""Laws of whole pipelines: no plan, no bundling and no partitioning changes what a graph means."""

from __future__ import annotations

from itertools import combinations

import attrs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bourne.engine.plan.compile import OPTIONAL, PASSES
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.graph.nodes import Flatten
from bourne.sdk.model.window import SlidingWindows
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from tests.properties.collecting import collect, contents
from tests.properties.pipelines import IN_A_LOOP, ByLength, Step, build, programs
from tests.reference import ReferenceRunner, evaluate
from tests.runners import EngineRunner, StreamRunner

_BY_NAME = sorted(OPTIONAL.intersection(PASSES), key=lambda one: one.__name__)
SUBSETS = [frozenset(chosen) for size in range(len(_BY_NAME) + 1) for chosen in combinations(_BY_NAME, size)]


def runners() -> st.SearchStrategy[EngineRunner]:
    """The engine with any passes left out, any small bundles, a few partitions and perhaps little memory."""
    return st.builds(EngineRunner, st.sampled_from(SUBSETS), st.sampled_from([1, 1, 2, 3]),
                     st.sampled_from([None, 1, 2, 3, 7]), st.sampled_from([1 << 30, 1 << 30, 2000, 200]))


@settings(max_examples=2 * settings().max_examples)
@given(programs(), runners())
def test_every_way_to_run_a_pipeline_gives_what_the_reference_gives(program: tuple[Step, ...],
                                                                    runner: EngineRunner) -> None:
    pipeline = Pipeline()
    names = collect(build(pipeline, program))
    graph = pipeline.to_graph()
    expected = contents(ReferenceRunner(), graph, names)
    for one in (EngineRunner(), runner):
        assert contents(one, graph, names) == expected, one


@settings(max_examples=2 * settings().max_examples)
@given(programs(max_steps=6, kinds=IN_A_LOOP), runners())
def test_every_way_to_run_one_loop_gives_what_the_reference_gives(program: tuple[Step, ...],
                                                                  runner: EngineRunner) -> None:
    """Only what is made last is looked at, so that nothing stands between the operators."""
    pipeline = Pipeline()
    names = collect(build(pipeline, program)[-2:])
    graph = pipeline.to_graph()
    expected = contents(ReferenceRunner(), graph, names)
    for one in (EngineRunner(), runner):
        assert contents(one, graph, names) == expected, one


@settings(max_examples=2 * settings().max_examples)
@given(programs(), st.integers(1, 3), st.sampled_from([None, 1, 2, 3]))
def test_a_stream_gives_what_the_reference_gives(program: tuple[Step, ...], hosts: int, size: int | None) -> None:
    """Bounded data in as many epochs as it takes, in several hosts: the answers of batch."""
    pipeline = Pipeline()
    names = collect(build(pipeline, program))
    graph = pipeline.to_graph()
    assert contents(StreamRunner(hosts, size), graph, names) == contents(ReferenceRunner(), graph, names)


@given(programs(max_steps=6))
def test_only_the_collections_that_are_read_matter(program: tuple[Step, ...]) -> None:
    """The last collection is the same whether or not somebody looks at those before it, which changes the fusion."""
    seen = []
    for everything in (True, False):
        pipeline = Pipeline()
        made = build(pipeline, program)
        names = collect(made if everything else made[-1:])
        seen.append(contents(EngineRunner(), pipeline.to_graph(), names)[-1])
    assert seen[0] == seen[1]


@given(programs())
def test_graphs_go_to_json_and_back(program: tuple[Step, ...]) -> None:
    pipeline = Pipeline()
    names = collect(build(pipeline, program))
    graph = pipeline.to_graph()
    text = graph.to_json()
    again = Graph.from_json(text)
    assert again.to_json() == text
    # User functions are copies, and need not compare.
    assert _without_payloads(again) == _without_payloads(graph)
    assert contents(EngineRunner(), again, names) == contents(EngineRunner(), graph, names)


def _without_payloads(graph: Graph) -> Graph:
    payload = Flatten()
    return attrs.evolve(graph, transforms=tuple(attrs.evolve(one, payload=payload) for one in graph.transforms))


@given(programs(), runners())
def test_every_transform_counts_its_outputs(program: tuple[Step, ...], runner: EngineRunner) -> None:
    """An element in several windows counts once or as often: none is here. Neither are hot keys, spread at random."""
    assume(not any(_slides(step) or step.kind == 'hot combine' for step in program))
    pipeline = Pipeline()
    collect(build(pipeline, program))
    graph = pipeline.to_graph()
    expected = evaluate(isolate(graph))
    metrics = runner.run(graph, PipelineOptions([])).metrics()
    for transform in graph.transforms:
        if isinstance(transform.payload, Flatten):  # not there when the plan runs
            continue
        found = {tag or '': count for tag, count in metrics.elements(transform.label).items()}
        for tag, name in transform.outputs.items():
            assert found.get(tag, 0) == len(expected[name]), (transform.label, tag, found)


def _slides(step: Step) -> bool:
    return step.kind == 'window' and isinstance(step.argument[0], (SlidingWindows, ByLength))
