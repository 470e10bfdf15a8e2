"""Marks the classes whose instances are plain data and may stand in a graph as readable JSON."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

T = TypeVar('T')

MARK = '__bourne_portable__'


def portable(cls: type[T]) -> type[T]:
    """Marks a frozen attrs class that the graph writes field by field, never pickled::

        @portable
        @attrs.frozen
        class FixedWindows: ...

    The graph records it as ``{"$type": "module:Class", fields...}`` and reads it back only if the class that it
    finds there carries this mark itself; a subclass must be marked on its own. Fields may hold JSON's types, tuples,
    bytes, other portable objects and, for user functions, anything that cloudpickle takes.

    With ``@attrs.frozen(repr=False)`` the class gets the same ``repr`` from here, without a function of its own that
    attrs has to write and compile: a third of what such a class costs when it is imported.

    Raises:
      TypeError: if the class is not an attrs class.
    """
    if '__attrs_attrs__' not in cls.__dict__ and not attrs.has(cls):
        raise TypeError(f'@portable goes on top of @attrs.frozen, and {cls.__qualname__} is not an attrs class')
    setattr(cls, MARK, f'{cls.__module__}:{cls.__qualname__}')
    if cls.__repr__ is object.__repr__:
        cls.__repr__ = _shown  # type: ignore[method-assign]
    return cls


def is_portable(cls: type) -> bool:
    """True if ``cls`` itself, not just a base of it, was marked with :func:`portable`."""
    return cls.__dict__.get(MARK) == f'{cls.__module__}:{cls.__qualname__}'


def _shown(self: Any) -> str:
    fields = ', '.join(f'{field.name}={getattr(self, field.name)!r}' for field in attrs.fields(type(self)))
    return f'{type(self).__name__}({fields})'
