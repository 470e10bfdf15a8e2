"""Exceptions on their way from a worker to the coordinator: type, notes, cause and traceback arrive."""

from __future__ import annotations

import linecache
import pickle
import traceback
from types import SimpleNamespace, TracebackType
from typing import Any

import cloudpickle

from bourne.errors import ExecutionError

#: File, function, what is known of the module, the frame's line, and the line of the traceback.
_Frame = tuple[str, str, dict[str, Any], int, int]


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
        data = cloudpickle.dumps((replacement, ([], {}), None), protocol=5)
    return data


def _parts(error: BaseException) -> tuple[BaseException, Any, Any]:
    trace = error.__traceback__
    cause = error.__cause__
    return error, (_frames(trace), _generated(trace)), _parts(cause) if cause is not None else None


def _frames(trace: TracebackType | None) -> list[_Frame]:
    """The frames of a traceback as a flat list: nested data as deep as a recursion could not be pickled."""
    found = []
    while trace is not None:
        frame, code = trace.tb_frame, trace.tb_frame.f_code
        known = {name: value for name, value in frame.f_globals.items() if name in ('__file__', '__name__')}
        found.append((code.co_filename, code.co_name, known, frame.f_lineno, trace.tb_lineno))
        trace = trace.tb_next
    return found


def _traceback(frames: list[_Frame]) -> TracebackType | None:
    """The traceback of :func:`_frames`' list."""
    from tblib import Traceback

    trace: Any = None
    for filename, name, known, frame_line, line in reversed(frames):
        code = SimpleNamespace(co_filename=filename, co_name=name)
        frame = SimpleNamespace(f_code=code, f_globals=known, f_lineno=frame_line)
        trace = SimpleNamespace(tb_frame=frame, tb_lineno=line, tb_next=trace)
    return Traceback(trace).as_traceback() if trace is not None else None


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


def _join(error: BaseException, trace: tuple[list[_Frame], dict[str, Any]], cause: Any) -> BaseException:
    frames, sources = trace
    linecache.cache.update(sources)
    error = error.with_traceback(_traceback(frames))
    if cause is not None:
        error.__cause__ = _join(*cause)
    return error
