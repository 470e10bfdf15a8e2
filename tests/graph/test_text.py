"""The graph's forms for people: text, Mermaid, the picture; and JSON as a method."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import GraphError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Collection, Composite, ParDo, Read, Transform
from bourne.sdk.graph.outline import outline, spelled, windowing
from bourne.sdk.model.timestamp import Duration
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterAny,
    AfterCount,
    AfterProcessingTime,
    AfterWatermark,
    Repeatedly,
    Windowing,
)
from bourne.sdk.model.window import FixedWindows, GlobalWindows, Sessions, SlidingWindows, TimestampCombiner
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create, CreateSource
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto

GOLDEN = Path(__file__).parent.parent / 'golden' / 'graph'


def pair(x: int) -> tuple[int, int]:
    return x % 2, x


def spread(x: int) -> list[int]:
    return [x]


@pytest.fixture
def pipeline() -> Pipeline:
    """One of everything that a form shows: composites, side inputs, tags, windows, odd labels, a long arrow."""
    pipeline = Pipeline()
    numbers = pipeline | 'all <the> "numbers" & more' >> Create([1, 2, 3])
    total = numbers | 'total' >> CombineGlobally(sum)
    pairs = numbers | 'pair' >> Map(pair)
    parts = numbers | 'spread' >> FlatMap(spread).with_outputs('odd', main='even')
    windowed = pairs | 'window' >> WindowInto(
        FixedWindows(60), trigger=Repeatedly(AfterCount(10)), accumulation_mode=AccumulationMode.ACCUMULATING,
        allowed_lateness=5)
    windowed | 'group' >> GroupByKey() | 'divide' >> Map(lambda x, y: x, AsSingleton(total))
    (parts.even, parts.odd, numbers) | 'join' >> Flatten() | Map(pair) | 'most' >> CombinePerKey(max)
    return pipeline


def test_text(pipeline: Pipeline, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / 'everything.txt', pipeline.to_graph().to_text())


def test_mermaid(pipeline: Pipeline, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / 'everything.mermaid', pipeline.to_graph().to_mermaid())


def test_every_form_survives_json(pipeline: Pipeline) -> None:
    graph = pipeline.to_graph()
    again = Graph.from_json(graph.to_json(indent=1))
    assert again.isolated
    assert (again.to_text(), again.to_mermaid(), again.to_svg()) == (
        graph.to_text(), graph.to_mermaid(), graph.to_svg())
    assert again.to_json() == Graph.from_json(again.to_json()).to_json()


def test_what_is_not_a_graph_is_refused() -> None:
    with pytest.raises(GraphError) as caught:
        Graph.from_json('{"format": "something else"}')
    assert 'not a graph: the JSON has no "format": "bourne-graph"' in str(caught.value)


def test_forms_hold_no_addresses_and_no_paths(pipeline: Pipeline) -> None:
    graph = pipeline.to_graph()
    for form in (graph.to_text(), graph.to_mermaid(), graph.to_svg()):
        assert ' at 0x' not in form
        assert str(Path(__file__).parent) not in form


@given(st.text(min_size=1, max_size=20))
def test_labels_of_any_characters_are_escaped(label: str) -> None:
    graph = Graph((Transform(label, Read(CreateSource((1,))), outputs={'': 'c'}),), {'c': Collection('c')})
    drawn = re.sub(r'#\d+;', '', graph.to_mermaid().replace('<br/>', ''))
    assert re.fullmatch(r'flowchart TD\n  n0\["[^"<>&`#{}|\n]*"\]\n', drawn)
    if label.isprintable():
        assert ElementTree.fromstring(graph.to_svg()) is not None


def test_the_picture_is_one_svg_without_scripts_or_links(pipeline: Pipeline) -> None:
    html = pipeline._repr_html_()
    svg = ElementTree.fromstring(html.removeprefix('<div style="overflow: auto">').removesuffix('</div>'))
    names = {element.tag.partition('}')[2] for element in svg.iter()}
    assert names == {'svg', 'defs', 'marker', 'path', 'g', 'title', 'rect', 'text'}
    assert 'href' not in html


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    """Left edge and top of each box, by the first word that is written in it."""
    root = ElementTree.fromstring(svg)
    found = {}
    for group in root.iter('{http://www.w3.org/2000/svg}g'):
        rect = group.find('{http://www.w3.org/2000/svg}rect')
        text = group.find('{http://www.w3.org/2000/svg}text')
        assert rect is not None
        assert text is not None
        assert text.text
        found[text.text.split()[0]] = (float(rect.attrib['x']), float(rect.attrib['y']))
    return found


def test_the_picture_shows_outermost_transforms_below_what_they_read(pipeline: Pipeline) -> None:
    places = boxes(pipeline.to_graph().to_svg())
    assert places.keys() == {'all', 'total', 'pair', 'spread', 'window', 'group', 'divide', 'join', 'Map(pair)', 'most'}
    layers = [['all'], ['total', 'pair', 'spread'], ['window', 'join'], ['group', 'Map(pair)'], ['divide', 'most']]
    tops = [{places[name][1] for name in layer} for layer in layers]
    assert all(len(top) == 1 for top in tops)
    assert tops == sorted(tops, key=min)


def test_boxes_of_a_layer_do_not_overlap() -> None:
    pipeline = Pipeline()
    root = pipeline | Create([1])
    for number in range(7):
        root | f'{number} {"x" * number * 9}' >> Map(pair)
    svg = ElementTree.fromstring(pipeline.to_graph().to_svg())
    rects = [rect.attrib for rect in svg.iter('{http://www.w3.org/2000/svg}rect')][1:]
    spans = sorted((float(rect['x']), float(rect['x']) + float(rect['width'])) for rect in rects)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    assert spans[0][0] >= 0
    assert spans[-1][1] <= float(svg.attrib['width'])


def test_arrows_that_would_cross_are_untangled() -> None:
    pipeline = Pipeline()
    first, second = pipeline | 'A' >> Create([1]), pipeline | 'B' >> Create([1])
    second | 'below-B' >> Map(pair)
    first | 'below-A' >> Map(pair)
    places = boxes(pipeline.to_graph().to_svg())
    assert (places['A'] < places['B']) == (places['below-A'] < places['below-B'])


def test_an_empty_pipeline_has_every_form() -> None:
    graph = Pipeline().to_graph()
    assert graph.to_text() == ''
    assert graph.to_mermaid() == 'flowchart TD\n'
    assert ElementTree.fromstring(graph.to_svg()) is not None


def test_the_outline_keeps_what_is_odd() -> None:
    graph = Graph(
        (Transform('a/b/read', Read(CreateSource((1,))), outputs={'': 'c'}, parent='a/b'),
         Transform('lost/map', ParDo('map', pair), ('c',), outputs={'': 'd'}, parent='lost')),
        {'c': Collection('c'), 'd': Collection('d')},
        (Composite('a', '', 'Outer'), Composite('a/b', 'a', 'Inner'), Composite('empty', '', 'Nothing')))
    [outer, lost, empty] = outline(graph)
    assert [(outer.name, outer.words()), (lost.name, lost.words()), (empty.name, empty.words())] == [
        ('a', 'Outer'), ('lost/map', 'Map'), ('empty', 'Nothing')]
    [inner] = outer.children
    assert (inner.name, [leaf.label for leaf in outer.leaves()]) == ('b', ['a/b/read'])


@pytest.mark.parametrize(('value', 'expected'), [
    (FixedWindows(60), 'FixedWindows(60)'),
    (FixedWindows(60, 5), 'FixedWindows(60, offset=5)'),
    (SlidingWindows(1.5, 0.25), 'SlidingWindows(1.5, 0.25)'),
    (Sessions(Duration(micros=1)), 'Sessions(1e-06)'),
    (AfterWatermark(early=AfterProcessingTime(3)), 'AfterWatermark(early=AfterProcessingTime(delay=3))'),
    (AfterAny(AfterCount(1), Repeatedly(AfterCount(2))), 'AfterAny(AfterCount(1), Repeatedly(AfterCount(2)))'),
    (object(), 'object'),
])
def test_values_are_spelled_as_a_user_writes_them(value: object, expected: str) -> None:
    assert spelled(value) == expected


def test_only_what_differs_from_the_default_windowing_is_told() -> None:
    assert windowing(Windowing()) == ''
    assert windowing(Windowing(
        GlobalWindows(), AfterCount(1), AccumulationMode.RETRACTING, TimestampCombiner.OUTPUT_AT_LATEST, 7,
    )) == 'trigger AfterCount(1), retracting, timestamps latest, lateness 7'
