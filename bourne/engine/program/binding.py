"""The names that a stage's generated source uses, and what they stand for.

======================  ======================================================================
name                    what it is, for operator ``n``, side input ``i``, collection ``c``
======================  ======================================================================
``fn``                  the user's function
``siden_i``             looks a side input up
``as_windowc``          from a raw window to a window
``assignn``             from an element to its new raw windows
``iterablen``           checks what a function of many outputs returned
``check_inn``           checks the type of an element, ``check_outn`` that of an output
``caughtn``             the exceptions that a guard takes, ``failedn`` and ``guardn`` what it does
``tablesn``             the accumulators of a PreCombine, by raw window and key
======================  ======================================================================

Besides, those of :data:`bourne.engine.program.runtime.NAMES`, of ``reductions.py`` and ``stateful.py``, and what the
program itself has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bourne.engine.plan.stage import Op, PreCombine
from bourne.engine.program import runtime
from bourne.engine.program.layout import Layout
from bourne.engine.program.reductions import bound_names
from bourne.engine.windows import raw_windows
from bourne.sdk.graph.nodes import ParDo, WindowInto
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.window import WindowFn

#: Looks a side input up, by operator and side input: takes a raw window of the main input (``None`` if it does not
#: matter).
Views = Mapping[tuple[int, int], Callable[[Any], Any]]


def bind(layout: Layout, views: Views, tables: Mapping[int, Any]) -> dict[str, Any]:
    """The names of a stage's source, without those of its program.

    Args:
      layout: the stage's layout.
      views: its side inputs.
      tables: the accumulators of each PreCombine, by its number.
    """
    names = dict(runtime.NAMES)
    for name, number in ((name, layout.number(name)) for name in layout.collections):
        names[f'as_window{number}'] = raw_windows(layout.windowfn(name)).decode
    for (number, index), view in views.items():
        names[f'side{number}_{index}'] = view
    for number, op in enumerate(layout.ops):
        names.update(_of_op(number, op, layout, tables))
    return names


def _of_op(number: int, op: Op, layout: Layout, tables: Mapping[int, Any]) -> dict[str, Any]:
    match op.payload:
        case ParDo(style='timestamp'):
            windowfn = layout.windowfn(op.inputs[0])
            return _of_pardo(number, op.payload) | _assigner(number, windowfn, windowfn)
        case ParDo():
            return _of_pardo(number, op.payload)
        case WindowInto(windowfn=windowfn) if op.inputs:
            return _assigner(number, windowfn, layout.windowfn(op.inputs[0]))
        case PreCombine(fn=fn):
            return {f'tables{number}': tables[number], **bound_names(number, fn)}
    return {}


def _assigner(number: int, windowfn: WindowFn, before: WindowFn) -> dict[str, Any]:
    return {f'assign{number}': runtime.assigner(windowfn, before)}


def _of_pardo(number: int, payload: ParDo) -> dict[str, Any]:
    names: dict[str, Any] = {
        f'f{number}': payload.fn.process if isinstance(payload.fn, DoFn) else payload.fn,
        f'iterable{number}': runtime.check_iterable,
        f'check_in{number}': payload.check_input, f'check_out{number}': payload.check_output}
    if payload.guard is not None:
        failed = runtime.failure(payload.guard)
        names[f'caught{number}'] = payload.guard.exceptions
        names[f'failed{number}'] = failed
        names[f'guard{number}'] = runtime.guard(payload.style, payload.guard.partial, payload.guard.exceptions, failed)
    return names
