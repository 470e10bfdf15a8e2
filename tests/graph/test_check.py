"""Checks of graphs: what is not well formed, and what makes no sense in the model."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from bourne.errors import GraphError, PipelineError, TransformError
from bourne.sdk.graph.check import check_semantics, check_structure
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import MAIN, Collection, Flatten, GroupByKey, ParDo, Read, SideView, Transform
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import FixedWindows, Sessions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.create import Create, CreateSource
from bourne.sdk.transforms.flatten import Flatten as FlattenTransform
from bourne.sdk.transforms.group import CoGroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.sideinput import AsList
from bourne.sdk.transforms.window import WindowInto

READ = Transform('read', Read(CreateSource((1,))), outputs={MAIN: 'read'})
MAP = Transform('map', ParDo('map', str), ('read',), outputs={MAIN: 'map'})

WITH_SIDE = attrs.evolve(MAP, payload=ParDo('map', str, side_views=(SideView('list'),)), side_inputs=('read',))


def graph_of(*transforms: Transform, more: tuple[str, ...] = (), **windowings: Windowing) -> Graph:
    names = [name for transform in transforms for name in transform.outputs.values()]
    return Graph(transforms, {name: Collection(name, windowings.get(name, Windowing())) for name in (*names, *more)})


def test_a_good_graph() -> None:
    check_structure(graph_of(READ, MAP))
    check_semantics(graph_of(READ, MAP))


@pytest.mark.parametrize(('graph', 'words'), [
    (graph_of(READ, attrs.evolve(READ, outputs={MAIN: 'other'})), "two transforms are labelled 'read'"),
    (graph_of(READ, attrs.evolve(MAP, inputs=('gone',))),
     "map: reads the collection 'gone', which the graph does not have"),
    (graph_of(READ, attrs.evolve(WITH_SIDE, side_inputs=('gone',))),
     "map: reads the collection 'gone', which the graph does not have"),
    (graph_of(MAP, READ), "map: reads the collection 'read' before anything produced it"),
    (graph_of(READ, attrs.evolve(MAP, inputs=('map',))), "map: reads the collection 'map' before anything produced it"),
    (Graph((READ,), {}), "read: writes the collection 'read', which the graph does not have"),
    (graph_of(READ, attrs.evolve(MAP, outputs={MAIN: 'read'})),
     "map: writes the collection 'read', which another transform writes too"),
    (graph_of(READ, more=('orphan',)), "nothing produces the collection 'orphan'"),
    (graph_of(READ, attrs.evolve(MAP, inputs=())), 'map: a bourne:pardo:v1 has one main input(s), not 0'),
    (graph_of(READ, attrs.evolve(MAP, inputs=('read', 'read'))), 'map: a bourne:pardo:v1 has one main input(s), not 2'),
    (graph_of(READ, Transform('again', Read(CreateSource(())), ('read',), outputs={MAIN: 'again'})),
     'again: a bourne:read:v1 has no main input(s), not 1'),
    (graph_of(Transform('flat', Flatten(), outputs={MAIN: 'flat'})),
     'flat: a bourne:flatten:v1 has at least one main input(s), not 0'),
    (graph_of(READ, Transform('join', GroupByKey(('a', 'b')), ('read',), outputs={MAIN: 'join'})),
     'join: a bourne:group_by_key:v1 has 2 main input(s), not 1'),
    (graph_of(Transform('join', GroupByKey(()), outputs={MAIN: 'join'})),
     'join: a bourne:group_by_key:v1 has 0 main input(s), not 0'),
    (graph_of(READ, Transform('join', GroupByKey(5), ('read',), outputs={MAIN: 'join'})),  # type: ignore[arg-type]
     'join: its payload is not well formed: '),
    (graph_of(READ, Transform('group', GroupByKey(), ('read',), ('read',), outputs={MAIN: 'group'})),
     'group: a bourne:group_by_key:v1 has no side inputs'),
    (graph_of(READ, attrs.evolve(WITH_SIDE, payload=ParDo('map', str, side_views=(SideView('sideways'),)))),
     "map: a side input is looked at as 'sideways'; known: singleton, iter, list, dict, multimap"),
    (graph_of(READ, attrs.evolve(MAP, payload=ParDo('dance', str))),
     "map: a function is called in the style 'dance'; known: map, flat_map, filter, timestamp, dofn"),
    (graph_of(READ, attrs.evolve(MAP, side_inputs=('read',))), 'map: 1 side inputs but 0 views of them'),
])
def test_graphs_that_are_not_well_formed(graph: Graph, words: str) -> None:
    with pytest.raises(GraphError) as caught:
        check_structure(graph)
    assert words in str(caught.value)


def test_inputs_with_several_windows() -> None:
    other = Transform('other', Read(CreateSource((1,))), outputs={MAIN: 'other'})
    for payload in (Flatten(), GroupByKey(('a', 'b'))):
        both = Transform('both', payload, ('read', 'other'), outputs={MAIN: 'both'})
        graph = graph_of(READ, other, both, other=Windowing(FixedWindows(5)))
        with pytest.raises(PipelineError, match='both: all inputs must have the same windows, got FixedWindows'):
            check_semantics(graph)


def test_a_side_input_with_merging_windows() -> None:
    with pytest.raises(TransformError, match="map: the side input 'read' has merging windows"):
        check_semantics(graph_of(READ, WITH_SIDE, read=Windowing(Sessions(5))))


def windowed(p: Pipeline, label: str, windowfn: Any) -> Any:
    return p | f'create {label}' >> Create([(1, 1)]) | label >> WindowInto(windowfn)


@pytest.mark.parametrize('transform', [FlattenTransform(), CoGroupByKey()])
def test_windows_that_differ_are_refused_at_construction(transform: Any) -> None:
    p = TestPipeline()
    inputs = (windowed(p, 'a', FixedWindows(5)), windowed(p, 'b', FixedWindows(6)))
    with pytest.raises(PipelineError, match=r'the inputs must have the same windows, got .*; apply WindowInto before'):
        inputs | transform


def test_a_side_input_in_sessions_is_refused_before_the_run() -> None:
    p = TestPipeline()
    p | Create([1]) | Map(lambda x, y: x, AsList(windowed(p, 'side', Sessions(5))))
    with pytest.raises(TransformError, match=r'has merging windows .* apply WindowInto with other windows to it first'):
        p.run()
