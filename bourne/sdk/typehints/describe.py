"""Hints as short text, for messages and the graph's JSON, and back."""

from __future__ import annotations

import ast
import functools
import types
from collections import abc
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Never, TypeVar, get_args, get_origin

from bourne.sdk.typehints.normal import BARE, generic, is_union, normalize, union

_SCALARS = (bool, int, float, complex, str, bytes, bytearray, memoryview, range, slice, object, type)
#: What a name in a description stands for.
_NAMES: dict[str, Any] = {
    'Any': Any,
    'Never': Never,
    'None': types.NoneType,
    'Callable': abc.Callable,
    'AbstractSet': abc.Set,
    **{cls.__name__: cls for cls in _SCALARS},
    **{cls.__name__: cls for cls in BARE if cls is not abc.Set},
}
_NAME_OF: dict[Any, str] = {hint: name for name, hint in _NAMES.items()}


def describe(hint: Any, full: bool = False) -> str:
    """A short readable spelling of a hint: ``tuple[str, int]``, ``int | None``, ``Iterable[Point]``.

    Args:
      hint: in any spelling.
      full: give classes with their module, to tell two of one name apart.
    """
    return _describe(normalize(hint), full)


def _describe(hint: Any, full: bool) -> str:
    if hint is ...:
        return '...'
    if is_union(hint):
        return ' | '.join(_describe(member, full) for member in get_args(hint))
    origin = get_origin(hint)
    if origin is Literal:
        return f'Literal[{", ".join(map(repr, get_args(hint)))}]'
    if origin is None:
        return _name(hint, full)
    args = ', '.join(_describe(arg, full) for arg in get_args(hint))
    return f'{_name(origin, full)}[{args or "()"}]'


def _name(hint: Any, full: bool) -> str:
    if hint in _NAME_OF:
        return _NAME_OF[hint]
    if isinstance(hint, TypeVar):
        return hint.__name__
    name = str(hint.__qualname__).rpartition('<locals>.')[2]
    return f'{hint.__module__}.{name}' if full or name in _NAMES else name


def describe_call(args: Iterable[Any], kwargs: Mapping[str, Any]) -> str:
    """The types of a call's arguments: ``(int, times=str)``."""
    by_name = (f'{name}={describe(hint)}' for name, hint in kwargs.items())
    return f'({", ".join([*map(describe, args), *by_name])})'


def describe_apart(one: Any, other: Any) -> tuple[str, str]:
    """Descriptions of two different hints that differ: with modules where the short ones are the same."""
    short = describe(one), describe(other)
    return short if short[0] != short[1] else (describe(one, full=True), describe(other, full=True))


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Any:
    """The hint that :func:`describe` spelled.

    Args:
      text: a description.

    Returns:
      The hint in the normal form. A class that is neither builtin nor an ABC of containers is ``Any``, and so
      is text that is no description: types in a graph are advice.
    """
    try:
        return _parse(ast.parse(text.strip(), mode='eval').body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Any


def _parse(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return normalize(_NAMES.get(node.id, Any))
    if isinstance(node, ast.Constant):
        return ... if node.value is ... else types.NoneType if node.value is None else Any
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return union((_parse(node.left), _parse(node.right)))
    if isinstance(node, ast.Subscript):
        args = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _parse_generic(node.value, args)
    return Any


def _parse_generic(name: ast.expr, args: list[ast.expr]) -> Any:
    if not isinstance(name, ast.Name):
        return Any
    if name.id == 'Literal':
        return Literal[tuple(ast.literal_eval(arg) for arg in args)]  # ValueError for the member of an enum
    origin = _NAMES.get(name.id)
    if origin not in BARE:
        return Any
    parsed = tuple(_parse(arg) for arg in args)
    if origin is not tuple and len(parsed) != len(BARE[origin]):
        return Any
    return generic(origin, parsed)
