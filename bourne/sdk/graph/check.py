"""Two levels of checks on a graph: is it well formed, and does it make sense in the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bourne.errors import GraphError, PipelineError, TransformError, UnsupportedError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Combine, Flatten, GroupByKey, ParDo, Read, Transform
from bourne.sdk.model.trigger import AccumulationMode, AfterWatermark, DefaultTrigger


def check_structure(graph: Graph) -> None:
    """Level one: labels are unique, every id leads somewhere, producers come before consumers.

    Raises:
      GraphError: naming the transform that is wrong.
    """
    labels: set[str] = set()
    produced: set[str] = set()
    for transform in graph.transforms:
        label = transform.label
        if label in labels:
            raise GraphError(f'two transforms are labelled {label!r}')
        labels.add(label)
        for name in (*transform.inputs, *transform.side_inputs):
            if name not in graph.collections:
                raise GraphError(f'{label}: reads the collection {name!r}, which the graph does not have')
            if name not in produced:
                raise GraphError(f'{label}: reads the collection {name!r} before anything produced it')
        for name in transform.outputs.values():
            if name not in graph.collections:
                raise GraphError(f'{label}: writes the collection {name!r}, which the graph does not have')
            if name in produced:
                raise GraphError(f'{label}: writes the collection {name!r}, which another transform writes too')
            produced.add(name)
        _check_arity(transform)
    orphan = next((name for name in graph.collections if name not in produced), None)
    if orphan is not None:
        raise GraphError(f'nothing produces the collection {orphan!r}')


def _check_arity(transform: Transform) -> None:
    wanted = 0 if isinstance(transform.payload, Read) else 1
    if isinstance(transform.payload, GroupByKey) and transform.payload.tags is not None:
        wanted = len(transform.payload.tags)
    if isinstance(transform.payload, Flatten) and transform.inputs:
        wanted = len(transform.inputs)
    if len(transform.inputs) != wanted or (not wanted and not isinstance(transform.payload, Read)):
        raise GraphError(f'{transform.label}: a {transform.kind} has {wanted or "some"} main input(s), '
                         f'not {len(transform.inputs)}')
    views = transform.payload.side_views if isinstance(transform.payload, ParDo) else ()
    if len(views) != len(transform.side_inputs):
        raise GraphError(f'{transform.label}: {len(transform.side_inputs)} side inputs but {len(views)} views of them')


def check_semantics(graph: Graph) -> None:
    """Level two: the windowing of inputs agrees, groupings of unbounded data can fire, and what this version cannot
    run is refused, all of it in one message.

    Raises:
      PipelineError: if the pipeline makes no sense in the model.
      UnsupportedError: listing every feature in the pipeline that is not supported.
    """
    for transform in graph.transforms:
        _check_windowing(graph, transform)
    unsupported = [line for check in _UNSUPPORTED for line in check(graph)]
    if unsupported:
        raise UnsupportedError('this pipeline uses what bourne does not support yet:\n' +
                               '\n'.join(f'  - {line}' for line in unsupported))


def _check_windowing(graph: Graph, transform: Transform) -> None:
    payload = transform.payload
    if isinstance(payload, (Flatten, GroupByKey)):
        windowfns = {graph.collections[name].windowing.windowfn for name in transform.inputs}
        if len(windowfns) > 1:
            raise PipelineError(f'{transform.label}: all inputs must have the same windows, got '
                                + ' and '.join(sorted(map(repr, windowfns))))
    for name in transform.side_inputs:
        if graph.collections[name].windowing.windowfn.is_merging():
            raise TransformError(f'{transform.label}: the side input {name!r} has merging windows '
                                 f'({graph.collections[name].windowing.windowfn!r}), which cannot be looked up; '
                                 f'apply WindowInto with other windows to it first')


#: Triggers that fire one pane for each key and window once the data is complete.
_ONE_PANE = (DefaultTrigger(), AfterWatermark())


def _unsupported_triggers(graph: Graph) -> Iterator[str]:
    for transform in graph.transforms:
        if not isinstance(transform.payload, (GroupByKey, Combine)):
            continue
        windowing = graph.collections[transform.inputs[0]].windowing
        if windowing.accumulation_mode == AccumulationMode.RETRACTING:
            yield f'{transform.label}: the accumulation mode RETRACTING'
        if windowing.trigger not in _ONE_PANE:
            yield f'{transform.label}: the trigger {windowing.trigger!r} (only the default trigger runs so far)'


def _unbounded(graph: Graph) -> Iterator[str]:
    for transform in graph.transforms:
        if isinstance(transform.payload, Read) and not transform.payload.source.bounded:
            yield f'{transform.label}: an unbounded source ({transform.payload.source!r})'


_UNSUPPORTED: tuple[Callable[[Graph], Iterator[str]], ...] = (_unsupported_triggers, _unbounded)
