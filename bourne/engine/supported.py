"""What the engine cannot do yet, found in a graph before anything runs."""

from __future__ import annotations

from bourne.engine.program.calls import unsupported
from bourne.errors import UnsupportedError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import ParDo


def check_supported(graph: Graph) -> None:
    """Refuses a graph that asks for something that the engine does not have.

    Raises:
      UnsupportedError: one message that lists all of it, with the transforms' labels and the user's lines.
    """
    found = [f'{transform.label} ({transform.location}): {what}' for transform in graph.transforms
             if isinstance(transform.payload, ParDo) for what in unsupported(transform.payload)]
    if found:
        raise UnsupportedError('this pipeline uses what bourne does not support yet:\n'
                               + '\n'.join(f'  - {line}' for line in found))
