"""``Write``: a collection goes to a sink."""

from __future__ import annotations

from typing import Any

from bourne.errors import TransformError
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.sink import Sink
from bourne.sdk.model.trigger import DEFAULT_WINDOWING
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input


class Write(PTransform):
    """Writes the elements to a sink, whole or not at all.

    The output is what the sink's commit returns, such as the names of files, in the global window. A sink whose
    output is used is committed as soon as its input is complete; all others at the end of the run, together.

    Args:
      sink: a :class:`~bourne.sdk.model.sink.Sink`.
    """

    def __init__(self, sink: Sink[Any]) -> None:
        super().__init__()
        if not isinstance(sink, Sink):
            raise TransformError(f'Write takes a Sink, got {sink!r}')
        self.sink = sink

    def default_label(self) -> str:
        return f'Write({type(self.sink).__name__})'

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        return source.pipeline.add(nodes.Write(self.sink), [source], windowing=DEFAULT_WINDOWING)[MAIN]
