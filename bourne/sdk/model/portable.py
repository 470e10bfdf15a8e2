"""Marks the classes whose instances are plain data and may stand in a graph as readable JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

import attrs

T = TypeVar('T')

MARK = '__bourne_portable__'


@overload
def portable(cls: type[T]) -> type[T]: ...
@overload
def portable(**options: Any) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def portable(cls: type[Any] | None = None, **options: Any) -> Any:
    """A frozen attrs class that the graph writes field by field, never pickled.

    The graph records it as ``{"$type": "module:Class", fields...}`` and reads it back only if the class it
    finds there carries the mark of this very decorator (a subclass must be decorated itself). Fields may
    hold JSON's types, tuples, bytes, other portable objects and, for user functions, anything that
    cloudpickle takes. Fields of frozen portable classes are public and named as the constructor's arguments.

    Args:
      cls: the class to decorate, when used without arguments.
      options: passed to :func:`attrs.frozen`.
    """

    def decorate(target: type[T]) -> type[T]:
        made = attrs.frozen(target, **options)
        setattr(made, MARK, f'{made.__module__}:{made.__qualname__}')
        return made

    return decorate if cls is None else decorate(cls)


def is_portable(cls: type) -> bool:
    """True if ``cls`` itself, not just a base of it, was decorated with :func:`portable`."""
    return cls.__dict__.get(MARK) == f'{cls.__module__}:{cls.__qualname__}'
