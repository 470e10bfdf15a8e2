"""Graphs as Mermaid flowcharts, which GitHub, GitLab and many editors draw (https://mermaid.js.org)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from bourne.sdk.graph import outline
from bourne.sdk.graph.nodes import ParDo, Transform
from bourne.sdk.graph.outline import Branch

if TYPE_CHECKING:
    from bourne.sdk.graph.graph import Graph

# All but what means nothing in a Mermaid string and in the HTML that it becomes; Mermaid writes these as #code;.
_SPECIAL = r'[^\w ().,:/\[\]+*=\'-]'


def to_mermaid(graph: Graph) -> str:
    """The graph as a flowchart from top to bottom.

    Primitive transforms are nodes, composites are boxes around them, collections are arrows with their element
    type (and windowing) on them; side inputs are dotted.
    """
    numbers: dict[str, int] = {}
    boxes = count()
    lines = ['flowchart TD']
    for branch in outline.outline(graph):
        lines += _branch(branch, numbers, boxes)
    lines += _arrows(graph, numbers)
    return '\n'.join([*lines[:1], *(f'  {line}' for line in lines[1:]), ''])


def _branch(branch: Branch, numbers: dict[str, int], boxes: count[int]) -> Iterator[str]:
    if isinstance(branch.node, Transform):
        number = numbers[branch.node.label] = len(numbers)
        yield f'n{number}["{_escaped(branch.name)}<br/>{_escaped(branch.words())}"]'
        return
    yield f'subgraph c{next(boxes)}["{_escaped(branch.name)}"]'
    for child in branch.children:
        yield from (f'  {line}' for line in _branch(child, numbers, boxes))
    yield 'end'


def _arrows(graph: Graph, numbers: dict[str, int]) -> Iterator[str]:
    makers = {name: numbers[item.label] for item in graph.transforms for name in item.outputs.values()}
    tags = {name: tag for item in graph.transforms for tag, name in item.outputs.items() if tag}
    for transform in graph.transforms:
        target = numbers[transform.label]
        for name in transform.inputs:
            words = ': '.join(filter(None, (tags.get(name), outline.traits(graph.collections[name]))))
            yield f'n{makers[name]} -->|"{_escaped(words)}"| n{target}'
        views = transform.payload.side_views if isinstance(transform.payload, ParDo) else ()
        for name, view in zip(transform.side_inputs, views):
            yield f'n{makers[name]} -.->|"as {_escaped(view.view)}"| n{target}'


def _escaped(text: str) -> str:
    return re.sub(_SPECIAL, lambda found: f'#{ord(found[0])};', text)
