"""Exceptions on their way from a worker to the coordinator: type, notes, cause and traceback arrive."""

from __future__ import annotations

import io
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
        data = _dumps(_parts(error))
        unpack(data)
    except Exception:
        text = ''.join(traceback.format_exception(error))
        replacement = ExecutionError(f'{type(error).__name__}, which cannot be sent from a worker, said:\n{text}')
        for note in getattr(error, '__notes__', ()):
            replacement.add_note(note)
        data = _dumps((replacement, ([], {}), None))
    return data


def _dumps(data: Any) -> bytes:
    file = io.BytesIO()
    _Pickler(file, protocol=5).dump(data)
    return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """Has exceptions made again without their ``__init__``.

    Python would call it with the arguments of the message, and many a one takes others, or makes a message of them.
    """

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, BaseException) and _is_plain(type(obj)):
            return _made, (type(obj), obj.args, obj.__dict__)
        return super().reducer_override(obj)


def _is_plain(cls: type[BaseException]) -> bool:
    """True if an exception of the class is its arguments and its attributes."""
    return cls.__reduce__ is BaseException.__reduce__ and cls.__reduce_ex__ is BaseException.__reduce_ex__ and not any(
        '__slots__' in base.__dict__ for base in cls.__mro__)


def _made(cls: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = cls.__new__(cls, *args)
    builtin = next(base for base in cls.__mro__ if base.__module__ == 'builtins')
    builtin.__init__(error, *args)  # type: ignore[misc]  # some of Python's own keep more than args
    error.__dict__.update(attributes)
    return error


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
