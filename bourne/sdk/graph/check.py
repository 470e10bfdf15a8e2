"""Two levels of checks on a graph: is it well formed, and does it make sense in the model."""

from __future__ import annotations

from bourne.errors import GraphError, PipelineError, TransformError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Flatten, GroupByKey, ParDo, Read, Transform

#: How a ParDo's function may be called, and how its side inputs may be looked at.
STYLES = ('map', 'flat_map', 'filter', 'timestamp', 'dofn')
VIEWS = ('singleton', 'iter', 'list', 'dict', 'multimap')


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
        try:
            _check_arity(transform)
            _check_views(transform)
        except (TypeError, AttributeError) as error:
            raise GraphError(f'{label}: its payload is not well formed: {error}') from error
    orphan = next((name for name in graph.collections if name not in produced), None)
    if orphan is not None:
        raise GraphError(f'nothing produces the collection {orphan!r}')


def _check_arity(transform: Transform) -> None:
    count = len(transform.inputs)
    match transform.payload:
        case Read():
            wanted, fits = 'no', count == 0
        case Flatten():
            wanted, fits = 'at least one', count > 0
        case GroupByKey(tags=tags) if tags is not None:
            wanted, fits = str(len(tags)), count == len(tags) > 0
        case _:
            wanted, fits = 'one', count == 1
    if not fits:
        raise GraphError(f'{transform.label}: a {transform.kind} has {wanted} main input(s), not {count}')


def _check_views(transform: Transform) -> None:
    if not isinstance(transform.payload, ParDo):
        if transform.side_inputs:
            raise GraphError(f'{transform.label}: a {transform.kind} has no side inputs')
        return
    views = transform.payload.side_views
    if len(views) != len(transform.side_inputs):
        raise GraphError(f'{transform.label}: {len(transform.side_inputs)} side inputs but {len(views)} views of them')
    unknown = next((view.view for view in views if view.view not in VIEWS), None)
    if unknown is not None:
        raise GraphError(f'{transform.label}: a side input is looked at as {unknown!r}; known: {", ".join(VIEWS)}')
    if transform.payload.style not in STYLES:
        raise GraphError(f'{transform.label}: a function is called in the style {transform.payload.style!r}; '
                         f'known: {", ".join(STYLES)}')


def check_semantics(graph: Graph) -> None:
    """Level two: the windowing of inputs agrees, and side inputs can be looked up. What a runner cannot do is the
    runner's to say.

    Raises:
      PipelineError: if inputs that come together have different windows.
      TransformError: if a side input has merging windows.
    """
    for transform in graph.transforms:
        _check_windowing(graph, transform)


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
