"""The only place where cloudpickle meets the graph: user functions to bytes and back, and why it failed."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

import cloudpickle

from bourne.errors import GraphError, PickleError


def dumps(value: Any, what: str = '') -> bytes:
    """The value as bytes; functions and classes of scripts and notebooks go by value, those of modules by name.

    Args:
      value: anything.
      what: what the value is, for the error: a transform's label, say.

    Raises:
      PickleError: naming ``what`` and the captured variable that cannot be serialised.
    """
    try:
        return bytes(cloudpickle.dumps(value, protocol=5))
    except Exception as error:
        raise PickleError(_explain(value, what, error)) from error


def loads(data: bytes) -> Any:
    """The value of :func:`dumps`' bytes.

    Raises:
      GraphError: if it cannot be loaded here, as when a module is missing.
    """
    try:
        return cloudpickle.loads(data)
    except Exception as error:
        raise GraphError(f'a user function of the graph cannot be loaded here: '
                         f'{type(error).__name__}: {error}') from error


def name_of(value: Any) -> str:
    """A short name with the place of definition, for messages: ``<lambda> (pipeline.py:12)``."""
    code = getattr(value, '__code__', None)
    name = getattr(value, '__qualname__', None) or type(value).__qualname__
    return f'{name} ({code.co_filename}:{code.co_firstlineno})' if code else str(name)


def _explain(value: Any, what: str, error: Exception) -> str:
    where = f'{what}: ' if what else ''
    culprit = next(_culprits(value, 'it', set(), 0), None)
    if culprit is None:
        return f'{where}cannot serialise {name_of(value)}: {type(error).__name__}: {error}'
    path, bad = culprit
    return (f'{where}cannot serialise {name_of(value)}: {path} is a {type(bad).__module__}.{type(bad).__qualname__}, '
            f'which cannot be pickled ({error}). Create it where it is used: in DoFn.setup, '
            f'or in the function itself.')


def _fails(value: Any) -> bool:
    try:
        cloudpickle.dumps(value, protocol=5)
    except Exception:
        return True
    return False


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value captures, with the words for it."""
    function = value.__func__ if isinstance(value, types.MethodType) else value
    if isinstance(value, types.MethodType):
        yield f'the instance of {type(value.__self__).__qualname__} whose method it is', value.__self__
    if isinstance(function, types.FunctionType):
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                yield f'the captured variable {name!r}', cell.cell_contents
            except ValueError:
                continue
        for name in function.__code__.co_names:
            if name in function.__globals__:
                yield f'the global variable {name!r}', function.__globals__[name]
        for position, default in enumerate(function.__defaults__ or ()):
            yield f'the default of its parameter {position + 1}', default
        return
    if isinstance(value, functools.partial):
        yield 'the function of the partial', value.func
        yield from ((f'the argument {number + 1} of the partial', item) for number, item in enumerate(value.args))
        yield from ((f'the argument {name!r} of the partial', item) for name, item in value.keywords.items())
    if isinstance(value, dict):
        yield from ((f'the entry {key!r}', item) for key, item in value.items())
        return
    if isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f'the element {number}', item) for number, item in enumerate(value))
        return
    attributes = getattr(value, '__dict__', {})
    slots = {name: getattr(value, name) for base in type(value).__mro__
             for name in getattr(base, '__slots__', ()) if isinstance(name, str) and hasattr(value, name)}
    if not isinstance(value, (type, types.ModuleType)):
        yield from ((f'the attribute {name!r}', item) for name, item in {**slots, **attributes}.items())


def _culprits(value: Any, path: str, seen: set[int], depth: int) -> Iterator[tuple[str, Any]]:
    """The innermost captured values that cannot be pickled, each with the way to it."""
    if depth > 8 or id(value) in seen:
        return
    seen.add(id(value))
    found = False
    for words, part in _parts(value):
        if _fails(part):
            found = True
            inner = words if path == 'it' else f'{words} of {path}'
            yield from _culprits(part, inner, seen, depth + 1)
    if not found and path != 'it':
        yield path, value
