"""Graphs as text for people and golden files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bourne.sdk.graph import outline
from bourne.sdk.graph.nodes import ParDo, Transform
from bourne.sdk.graph.outline import Branch

if TYPE_CHECKING:
    from bourne.sdk.graph.graph import Graph


def to_text(graph: Graph) -> str:
    """The graph as an indented tree, the same for the same pipeline on every machine::

        lines: Read CreateSource
          gives lines: str
        count: PerElement
          pair: Map pair_with
            reads lines
            gives count/pair: tuple[str, int]

    A composite is followed by its parts, a primitive transform by what it reads and gives: the collections with
    their element types, their windowing where it is not the default, and ``unbounded`` where they have no end.
    """
    found = [line for branch in outline.outline(graph) for line in lines(graph, branch)]
    return '\n'.join([*found, ''])


def lines(graph: Graph, branch: Branch) -> Iterator[str]:
    """The lines of one transform, with all that is in it."""
    yield f'{branch.name}: {branch.words()}'
    if isinstance(branch.node, Transform):
        yield from (f'  {line}' for line in _leaf(graph, branch.node))
    for child in branch.children:
        yield from (f'  {line}' for line in lines(graph, child))


def _leaf(graph: Graph, transform: Transform) -> Iterator[str]:
    if transform.inputs:
        yield f'reads {", ".join(transform.inputs)}'
    views = transform.payload.side_views if isinstance(transform.payload, ParDo) else ()
    for name, view in zip(transform.side_inputs, views):
        yield f'side input as {view.view}: {name}'
    for tag, name in transform.outputs.items():
        tagged = f' as {tag!r}' if tag else ''
        yield f'gives {name}{tagged}: {outline.traits(graph.collections[name])}'
