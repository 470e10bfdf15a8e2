"""``Flatten`` and ``FlattenWith``: several collections as one."""

from __future__ import annotations

from typing import Any

from bourne.errors import PipelineError, TransformError
from bourne.sdk import typehints
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing
from bourne.sdk.pcollection import PBegin, PCollection
from bourne.sdk.ptransform import PTransform, many_inputs, one_input
from bourne.sdk.transforms.create import nothing


class Flatten(PTransform):
    """All elements of several collections: ``(a, b, c) | Flatten()``. They must have the same windows.

    Args:
      pipeline: the pipeline, needed where there may be no collection at all.
    """

    def __init__(self, *, pipeline: Any = None) -> None:
        super().__init__()
        self.pipeline = pipeline

    def expand(self, pcolls: Any) -> PCollection[Any]:
        inputs = many_inputs(self, () if isinstance(pcolls, PBegin) else pcolls)
        pipeline = inputs[0].pipeline if inputs else getattr(pcolls, 'pipeline', None) or self.pipeline
        if pipeline is None:
            raise TransformError(f'{self.full_label()} was applied to no collection and knows no pipeline; '
                                 f'write Flatten(pipeline=p)')
        if not inputs:
            return nothing(pipeline)
        same_windows(self, inputs)
        types = {typehints.describe(item.element_type): item.element_type for item in inputs}
        element_type = next(iter(types.values())) if len(types) == 1 else typehints.union(types.values())
        made = pipeline.add(nodes.Flatten(), inputs, element_type=element_type)[MAIN]
        assert isinstance(made, PCollection)
        return made


def same_windows(transform: PTransform, inputs: list[PCollection[Any]]) -> Windowing:
    """The windowing of several inputs.

    Raises:
      PipelineError: if their windows differ.
    """
    windowings = {item.windowing.windowfn: item.windowing for item in inputs}
    if len(windowings) > 1:
        raise PipelineError(f'{transform.full_label()}: the inputs must have the same windows, got '
                            + ' and '.join(sorted(map(repr, windowings))) + '; apply WindowInto before')
    return next(iter(windowings.values()), DEFAULT_WINDOWING)


class FlattenWith(PTransform):
    """The elements of the input together with those of others: ``a | FlattenWith(b, Create([0]))``.

    Args:
      others: collections, or transforms that start a pipeline.
    """

    def __init__(self, *others: Any) -> None:
        super().__init__()
        for other in others:
            if not isinstance(other, (PCollection, PTransform)):
                raise TransformError(f'FlattenWith takes PCollections and PTransforms, got {other!r}')
        self.others = others

    def expand(self, pcoll: Any) -> PCollection[Any]:
        first = one_input(self, pcoll)
        inputs = [first]
        for other in self.others:
            inputs.append(first.pipeline | other if isinstance(other, PTransform) else other)
        made = tuple(inputs) | Flatten()
        assert isinstance(made, PCollection)
        return made
