"""The types of values: what ``Create`` knows of its elements, and what an extra argument is.

The work is bounded: of a container only the first items are looked at. The result is evidence and no proof:
whatever is seen is in the type, a value further on may not be.
"""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Iterable
from typing import Any, Never, get_args, get_origin

from bourne.sdk.typehints.normal import generic, is_union, members_of, normalize, union
from bourne.sdk.typehints.relate import is_consistent_with

_ITEMS = 10  # of a container
_VALUES = 100  # of a collection
_DEPTH = 4  # of containers in containers
_WORK = 2_000  # values of any depth in one call
_MEMBERS = 3  # of a union

_PLAIN = frozenset((bool, int, float, complex, str, bytes, types.NoneType))


def infer(value: Any) -> Any:
    """The type of a value: ``tuple[str, int]`` for ``('a', 1)``, ``list[int | str]`` for ``[1, 'a']``.

    Args:
      value: anything; iterators are not touched.

    Returns:
      The type in the normal form. Of a container the first ten items are looked at, to a depth of four; a
      union of more than three types is ``Any``.
    """
    cls = type(value)
    return cls if cls in _PLAIN else _settled(_infer(value, _DEPTH, _Work(_WORK)))


def infer_all(values: Iterable[Any]) -> Any:
    """The common type of values.

    Args:
      values: a collection (not an iterator: it would lose what is looked at). The first hundred count.

    Returns:
      The type in the normal form, ``Any`` for no values.
    """
    work = _Work(_WORK)
    return _settled(_join(_infer(value, _DEPTH, work) for value in itertools.islice(values, _VALUES)))


class _Work:
    """How many values may still be looked at."""

    __slots__ = ('left',)

    def __init__(self, left: int) -> None:
        self.left = left


def _infer(value: Any, depth: int, work: _Work) -> Any:
    """The type of a value, with ``Never`` for the items of what is empty."""
    cls = type(value)
    if cls in _PLAIN:
        return cls
    if cls in (list, set, frozenset):
        return generic(cls, (_items(value, depth, work),))
    if cls is tuple:
        return _tuple(value, depth, work)
    if cls is dict:
        return generic(dict, (_items(value, depth, work), _items(value.values(), depth, work)))
    return type if issubclass(cls, type) else normalize(cls)


def _items(values: Iterable[Any], depth: int, work: _Work) -> Any:
    if depth == 0 or work.left <= 0:
        return Any
    seen = list(itertools.islice(values, _ITEMS))
    work.left -= len(seen)
    return _join(_infer(item, depth - 1, work) for item in seen)


def _tuple(value: tuple[Any, ...], depth: int, work: _Work) -> Any:
    classes = tuple(map(type, value[:_ITEMS + 1]))
    if len(classes) <= _ITEMS and _PLAIN.issuperset(classes):
        return _plain_tuple(classes)
    if depth == 0 or work.left <= 0 or len(value) > _ITEMS:
        item = _items(value, depth, work)
        return generic(tuple, (item, ...))
    work.left -= len(value)
    return generic(tuple, tuple(_infer(item, depth - 1, work) for item in value))


@functools.lru_cache(maxsize=256)
def _plain_tuple(classes: tuple[type, ...]) -> Any:
    return generic(tuple, classes)


def _join(found: Iterable[Any]) -> Any:
    """The union of types, without those of empty containers that others say more of.

    Containers of one kind are not merged into ``list[int | str]``: a function of ``list[int] | list[str]``
    would be refused then.
    """
    hints = list(dict.fromkeys(found))
    if len(hints) > 1:
        hints = [hint for hint in hints if not (_is_partial(hint) and _is_covered(hint, hints))]
    joined = union(hints)
    return Any if len(members_of(joined)) > _MEMBERS else joined


def _is_partial(hint: Any) -> bool:
    return hint is Never or any(_is_partial(arg) for arg in get_args(hint))


def _is_covered(hint: Any, hints: list[Any]) -> bool:
    others = (other for other in hints if other is not hint and not _is_partial(other))
    return any(is_consistent_with(hint, other) for other in others)


def _settled(hint: Any) -> Any:
    """The hint with ``Any`` where nothing was seen."""
    if hint is Never:
        return Any
    args = get_args(hint)
    if not args:
        return hint
    settled = tuple(arg if arg is ... else _settled(arg) for arg in args)
    return union(settled) if is_union(hint) else generic(get_origin(hint), settled)
