"""Laws of whole pipelines: no plan, no bundling and no partitioning changes what a graph means."""

from __future__ import annotations

from itertools import combinations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from bourne.engine.plan.compile import OPTIONAL
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Flatten
from bourne.sdk.pipeline import Pipeline
from tests.properties.collecting import collect, contents
from tests.properties.pipelines import Step, build, programs
from tests.reference import ReferenceRunner
from tests.runners import EngineRunner

_BY_NAME = sorted(OPTIONAL, key=lambda one: one.__name__)
SUBSETS = [frozenset(chosen) for size in range(len(_BY_NAME) + 1) for chosen in combinations(_BY_NAME, size)]


def runners() -> st.SearchStrategy[EngineRunner]:
    """The engine with any passes left out, any small bundles and a few partitions."""
    return st.builds(EngineRunner, st.sampled_from(SUBSETS), st.sampled_from([1, 1, 2, 3]),
                     st.sampled_from([None, 1, 2, 3, 7]))


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
