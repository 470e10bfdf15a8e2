"""Exceptions on their way from a worker to the coordinator: type, notes, cause and traceback arrive."""

from __future__ import annotations

import linecache
import pickle
import traceback
from types import TracebackType
from typing import Any

import cloudpickle

from bourne.errors import ExecutionError


def pack(error: BaseException) -> bytes:
    """An exception as bytes, with its traceback and its cause.

    One that does not survive pickling becomes an :class:`ExecutionError` with its text.
    """
    try:
        data: bytes = cloudpickle.dumps(_parts(error), protocol=5)
        unpack(data)
    except Exception:
        text = ''.join(traceback.format_exception(error))
        replacement = ExecutionError(f'{type(error).__name__}, which cannot be sent from a worker, said:\n{text}')
        for note in getattr(error, '__notes__', ()):
            replacement.add_note(note)
        data = cloudpickle.dumps((replacement, None, None), protocol=5)
    return data


def _parts(error: BaseException) -> tuple[BaseException, Any, Any]:
    from tblib import Traceback

    trace = None
    if error.__traceback__ is not None:
        trace = Traceback(error.__traceback__).to_dict(), _generated(error.__traceback__)
    cause = error.__cause__
    return error, trace, _parts(cause) if cause is not None else None


def _generated(trace: TracebackType | None) -> dict[str, Any]:
    """The sources that only this process has, so that the coordinator can show their lines."""
    found = {}
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith('<') and name in linecache.cache:
            found[name] = linecache.cache[name]
        trace = trace.tb_next
    return found


def unpack(data: bytes) -> BaseException:
    """The exception of :func:`pack`'s bytes."""
    return _join(*pickle.loads(data))


def _join(error: BaseException, trace: Any, cause: Any) -> BaseException:
    from tblib import Traceback

    if trace is not None:
        error = error.with_traceback(Traceback.from_dict(trace[0]).as_traceback())
        linecache.cache.update(trace[1])
    if cause is not None:
        error.__cause__ = _join(*cause)
    return error
