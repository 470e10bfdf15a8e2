"""``Read``: a source becomes a collection."""

from __future__ import annotations

from typing import Any

from bourne.errors import TransformError
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.source import Source
from bourne.sdk.pcollection import PBegin, PCollection
from bourne.sdk.ptransform import PTransform


class Read(PTransform):
    """Emits the elements of a source.

    Args:
      source: a :class:`~bourne.sdk.model.source.Source`.
      element_type: what its elements are.
    """

    def __init__(self, source: Source[Any], element_type: Any = Any) -> None:
        super().__init__()
        if not isinstance(source, Source):
            raise TransformError(f'Read takes a Source, got {source!r}')
        self.source = source
        self.element_type = element_type

    def default_label(self) -> str:
        return f'Read({type(self.source).__name__})'

    def expand(self, pbegin: Any) -> PCollection[Any]:
        return read(self, pbegin, self.source, self.element_type)


def read(transform: PTransform, pbegin: Any, source: Source[Any], element_type: Any) -> PCollection[Any]:
    """Expands ``transform`` to a reading of ``source``."""
    if not isinstance(pbegin, PBegin):
        raise TransformError(f'{transform.full_label()} starts a pipeline, but was applied to {pbegin!r}; '
                             f'write `pipeline | {type(transform).__name__}(...)`')
    return pbegin.pipeline.add(nodes.Read(source), bounded=source.bounded, element_type=element_type)[MAIN]
