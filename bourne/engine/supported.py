"""What the engine cannot do yet, found in a graph before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from bourne.engine.program.calls import unsupported
from bourne.errors import UnsupportedError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Combine, GroupByKey, ParDo, Transform
from bourne.sdk.model.trigger import AccumulationMode


def check_supported(graph: Graph) -> None:
    """Refuses a graph that asks for something that the engine does not have.

    Raises:
      UnsupportedError: one message that lists all of it, with the transforms' labels and the user's lines.
    """
    found = []
    for transform in graph.transforms:
        where = f'{transform.label} ({transform.location})' if transform.location else transform.label
        found += [f'  - {where}: {what}' for what in _unsupported(graph, transform)]
    if found:
        raise UnsupportedError('\n'.join(['this pipeline uses what bourne does not support yet:', *found]))


def _unsupported(graph: Graph, transform: Transform) -> Iterator[str]:
    match transform.payload:
        case ParDo() as payload:
            yield from unsupported(payload)
        case GroupByKey() | Combine():
            if graph.collections[transform.inputs[0]].windowing.accumulation_mode == AccumulationMode.RETRACTING:
                yield 'the accumulation mode RETRACTING'
