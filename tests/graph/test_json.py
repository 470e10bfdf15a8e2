"""Graphs as JSON: what is in them, and what is refused."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bourne.errors import GraphError
from bourne.sdk.graph.check import check_structure
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.trigger import DEFAULT_WINDOWING
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto


def a_graph() -> Graph:
    p = Pipeline(argv=['--job_name=mine'])
    pairs = p | Create([TimestampedValue(('a', 1), 1), TimestampedValue(('b', 2), 2)])
    total = pairs | Map(lambda kv: kv[1]) | CombineGlobally(sum)
    windows = pairs | WindowInto(FixedWindows(10))
    out = windows | FlatMap(lambda kv, n: [kv] * n, AsSingleton(total)).with_outputs('other')
    (out[None], out.other) | CoGroupByKey()
    windows | 'sums' >> CombinePerKey(sum)
    windows | GroupByKey()
    return p.to_graph()


GRAPH = a_graph()
DOCUMENT = json.loads(GRAPH.to_json())


def test_a_graph_says_what_it_is() -> None:
    assert DOCUMENT['format'] == 'bourne-graph'
    assert DOCUMENT['version'] == 1
    assert DOCUMENT['options'] == {'job_name': 'mine'}


def test_plain_parts_are_readable() -> None:
    by_label = {entry['label']: entry for entry in DOCUMENT['transforms']}
    assert by_label['Create']['payload']['source']['values'] == {'$tuple': [{'$tuple': ['a', 1]}, {'$tuple': ['b', 2]}]}
    assert by_label['Create']['payload']['source']['timestamps'] == {'$tuple': [1_000_000, 2_000_000]}
    windowfn = by_label['WindowInto']['payload']['windowfn']
    assert windowfn['$type'] == 'bourne.sdk.model.window:FixedWindows'
    assert windowfn['size'] == {'$duration': 10_000_000}
    assert by_label['GroupByKey']['kind'] == 'bourne:group_by_key:v1'
    assert 'payload' not in by_label['GroupByKey']
    assert by_label['GroupByKey']['location'].partition(':')[0].endswith('test_json.py')


def test_the_windowing_of_collections_comes_back_shared() -> None:
    again = Graph.from_json(GRAPH.to_json())
    assert again.collections == GRAPH.collections
    assert again.collections['Create'].windowing is DEFAULT_WINDOWING
    assert again.composites == GRAPH.composites


def test_indentation_is_for_people() -> None:
    assert GRAPH.to_json(indent=2).count('\n') > 50
    assert '\n' not in GRAPH.to_json()
    assert Graph.from_json(GRAPH.to_json(indent=2)).to_json() == GRAPH.to_json()


@pytest.mark.parametrize(('text', 'words'), [
    ('', 'not a graph: the text is not JSON'),
    ('{', 'not a graph: the text is not JSON'),
    ('[]', 'not a graph: the JSON has no "format": "bourne-graph"'),
    ('{"format": "beam"}', 'not a graph'),
    ('{"format": "bourne-graph"}', 'the graph has version None, and this bourne reads version 1'),
    ('{"format": "bourne-graph", "version": 2}', 'the graph has version 2, and this bourne reads version 1'),
    ('{"format": "bourne-graph", "version": 1}', 'the graph is not well formed'),
])
def test_what_is_no_graph(text: str, words: str) -> None:
    with pytest.raises(GraphError) as caught:
        Graph.from_json(text)
    assert words in str(caught.value)


def test_a_kind_that_is_not_known() -> None:
    document = copy.deepcopy(DOCUMENT)
    document['transforms'][0]['kind'] = 'bourne:teleport:v9'
    with pytest.raises(GraphError, match="Create: unknown kind of transform 'bourne:teleport:v9'; known: bourne:co"):
        Graph.from_json(json.dumps(document))


def test_a_field_that_is_not_known() -> None:
    document = copy.deepcopy(DOCUMENT)
    document['transforms'][0]['payload']['speed'] = 'fast'
    with pytest.raises(GraphError, match="Read has no field 'speed'; the graph may come from another version"):
        Graph.from_json(json.dumps(document))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to everything in a document except into what is pickled."""
    found = [path] if path else []
    if isinstance(value, dict) and '$pickle' not in value:
        found += [deeper for key, item in value.items() for deeper in _paths(item, (*path, key))]
    elif isinstance(value, list):
        found += [deeper for number, item in enumerate(value) for deeper in _paths(item, (*path, number))]
    return found


DAMAGE = ['remove', None, True, 0, -1, 1.5, '', 'x', [], {}, [[]], {'$x': 1}]


@settings(max_examples=3 * settings().max_examples)
@given(st.sampled_from(_paths(DOCUMENT)), st.sampled_from(DAMAGE))
def test_damaged_graphs_are_refused_or_read_but_nothing_else(path: tuple[Any, ...], damage: Any) -> None:
    document = copy.deepcopy(DOCUMENT)
    target = document
    for key in path[:-1]:
        target = target[key]
    if damage == 'remove':
        del target[path[-1]]
    else:
        target[path[-1]] = damage
    with suppress(GraphError):
        check_structure(Graph.from_json(json.dumps(document)))


def test_combiners_that_are_known_are_readable() -> None:
    payload = next(entry for entry in DOCUMENT['transforms'] if entry['label'] == 'sums')['payload']
    assert payload['fn']['$type'] == 'bourne.sdk.model.combinefn:CallableCombineFn'
    assert payload['fn']['fn']['is'] == 'sum'
