"""A user's exception keeps its type and traceback, and gains a note that says where in the pipeline it came from."""

from __future__ import annotations

from contextlib import suppress
from types import CodeType, TracebackType

from bourne.engine.plan.stage import Stage
from bourne.engine.program.source import Origin
from bourne.errors import ExecutionError
from bourne.sdk.model.known import short

_MARK = '__bourne_noted__'
_AT_HAND = '__bourne_at_hand__'


def concerning(error: BaseException, what: str, value: object) -> None:
    """Remembers for the note what was at hand where no generated line tells. The first call counts.

    Args:
      error: the exception.
      what: what it is: ``element`` or ``key``.
      value: the thing itself.
    """
    if not hasattr(error, _AT_HAND):
        with suppress(AttributeError, TypeError):  # an exception class with slots
            setattr(error, _AT_HAND, f'{what}: {short(value)}')


def annotate(error: BaseException, stage: Stage, lines: dict[CodeType, tuple[Origin | None, ...]],
             during: tuple[int, str] | None = None) -> None:
    """Adds the note, once.

    Args:
      error: the exception, caught where its traceback still leads through the generated function.
      stage: the stage that ran.
      lines: for the code of each generated function, what its lines do.
      during: an operator's number and the method that was called, where no generated function did that.
    """
    if getattr(error, _MARK, False):
        return
    found = _find(error.__traceback__, lines)
    if found is not None:
        number, at_hand = found
        method = ''
    elif during is not None:
        number, method = during
        at_hand = getattr(error, _AT_HAND, '')
    else:
        return
    op = stage.ops[number]
    kind = 'Combine' if op.kind in ('PreCombine', 'MergeCombine') else op.kind
    note = f'in {kind} {op.user_label!r}'
    note += f', applied at {op.location}' if op.location else ''
    note += f', in {method}' if method else ''
    note += f'\n  stage: {stage.name}'
    note += f'\n  {at_hand}' if at_hand else ''
    if kind == 'Combine' and isinstance(error, TypeError) and 'unhashable type' in str(error):
        note += '\n  A key must be hashable: use a tuple in place of a list, a frozenset in place of a set or dict.'
    error.add_note(note)
    with suppress(AttributeError, TypeError):  # an exception class with slots
        setattr(error, _MARK, True)


def ended(error: BaseException) -> ExecutionError:
    """What to raise in place of an exception that would end the program, or a generator, without a word."""
    made = ExecutionError(f'a function of the pipeline raised {error!r}. To end a run, raise an ordinary exception')
    for note in getattr(error, '__notes__', ()):
        made.add_note(note)
    with suppress(AttributeError):
        setattr(made, _MARK, True)
    return made


def _find(traceback: TracebackType | None, lines: dict[CodeType, tuple[Origin | None, ...]]) -> tuple[int, str] | None:
    """The operator and the element at hand at the first generated line of a traceback."""
    while traceback is not None:
        frame = traceback.tb_frame
        origins = lines.get(frame.f_code)
        if origins is not None and traceback.tb_lineno < len(origins):
            origin = origins[traceback.tb_lineno]
            return None if origin is None else (origin.op, _show(origin.element, frame.f_locals))
        traceback = traceback.tb_next
    return None


def _show(expression: str, variables: dict[str, object]) -> str:
    try:
        return f'element: {short(eval(expression, {}, variables))}'
    except Exception:
        return ''
