"""Gives a run functions of its own, as a cluster would: what they change is not seen outside, on any runner."""

from __future__ import annotations

from types import BuiltinFunctionType, ModuleType
from typing import Any

import attrs

from bourne.errors import PickleError
from bourne.sdk.graph import pickling
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Combine, ParDo, Transform, WindowInto
from bourne.sdk.model.combinefn import known_name
from bourne.sdk.model.known import Known
from bourne.sdk.model.portable import is_portable


def isolate(graph: Graph) -> Graph:
    """The same graph with copies of all user functions, made by pickling them.

    A graph that was read from JSON has its own functions already and is returned as it is.

    Raises:
      bourne.errors.PickleError: if a function cannot be serialised; names transform and variable.
    """
    if graph.isolated:
        return graph
    return attrs.evolve(graph, transforms=tuple(map(_isolate, graph.transforms)), isolated=True)


def _isolate(transform: Transform) -> Transform:
    payload = transform.payload
    what = transform.label + (f' ({transform.location})' if transform.location else '')
    match payload:
        case ParDo(fn=fn, args=args, kwargs=kwargs, guard=guard, check_input=None, check_output=None):
            if not args and not kwargs and guard is None and _is_harmless(fn):
                return transform
            views = payload.side_views
            copied: Any = attrs.evolve(payload, **_copy_fields(
                {'fn': fn, 'args': args, 'kwargs': dict(kwargs), 'side_views': views, 'guard': guard}, what))
        case ParDo():
            copied = _copy(payload, what)
        case Combine(fn=fn) if known_name(fn) is None:
            copied = attrs.evolve(payload, fn=_copy(fn, what))
        case WindowInto(windowfn=windowfn) if not is_portable(type(windowfn)):
            copied = _copy(payload, what)
        case _:
            return transform
    return attrs.evolve(transform, payload=copied)


def _is_harmless(fn: Any) -> bool:
    """True for what cannot carry state."""
    if isinstance(fn, BuiltinFunctionType):  # len, or str.maketrans; but [].append is one, too, and carries the list
        return fn.__self__ is None or isinstance(fn.__self__, (ModuleType, type))
    return isinstance(fn, Known) or is_portable(type(fn)) or type(fn) is type


def _copy(value: Any, what: str) -> Any:
    return pickling.loads(pickling.dumps(value, what))


def _copy_fields(fields: dict[str, Any], what: str) -> dict[str, Any]:
    """The fields copied as one, so that what they share stays shared."""
    try:
        copied: dict[str, Any] = _copy(fields, what)
        return copied
    except PickleError:
        for item in fields.values():
            pickling.dumps(item, what)  # of the one that fails alone, the error says more plainly what is wrong
        raise
