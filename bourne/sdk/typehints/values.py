"""Checks of values against hints, for ``--runtime_type_check``."""

from __future__ import annotations

import reprlib
from collections import abc
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Literal, Never, TypeVar, get_args, get_origin

from bourne.errors import TypeCheckError
from bourne.sdk.model.dofn import TaggedOutput
from bourne.sdk.model.window import TimestampedValue, WindowedValue
from bourne.sdk.typehints.describe import describe
from bourne.sdk.typehints.normal import is_union, normalize
from bourne.sdk.typehints.relate import PROMOTIONS, bound_of, is_consistent_with
from bourne.sdk.typehints.sharded import ShardedKey
from bourne.sdk.typehints.supertypes import view_as

T = TypeVar('T')

#: What is inside of an instance of a generic class: the attribute whose type is the class's last argument.
_INSIDE: dict[Any, str] = {
    TaggedOutput: 'value', TimestampedValue: 'value', WindowedValue: 'value', ShardedKey: 'key'}
#: Their class tells what their items are.
_ALIKE = (str, bytes, bytearray, range, memoryview)

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 60


def check_value(value: Any, hint: Any) -> str | None:
    """Says what is wrong with a value, if it is not of a type.

    Args:
      value: anything. Of containers all items are looked at; iterators, and iterables that are no containers,
        are not touched.
      hint: in any spelling.

    Returns:
      ``None`` if the value fits, else a reason: ``'expected str, got int 3; at [1]'``.
    """
    found = _mismatch(value, normalize(hint))
    if found is None:
        return None
    reason, path = found
    return f'{reason}; at {path}' if path else reason


def require_value(label: str, value: Any, hint: Any, what: str = 'element') -> None:
    """Raises for a value that is not of a type.

    Args:
      label: the transform's label.
      value: the value.
      hint: its type.
      what: what the value is, for the message.

    Raises:
      TypeCheckError: the value is of another type.
    """
    reason = check_value(value, hint)
    if reason is not None:
        raise TypeCheckError(f'Runtime type violation in {label!r}: {what}: {reason}')


_Mismatch = tuple[str, str]


def _mismatch(value: Any, hint: Any) -> _Mismatch | None:
    """The reason and the path from the value to the place; ``hint`` is in the normal form."""
    if hint is Any or type(value) is hint:
        return None
    if isinstance(hint, type) and get_origin(hint) is None:
        return None if _is_instance(value, hint) else _unexpected(value, hint)
    if is_union(hint):
        return _union_mismatch(value, get_args(hint))
    if isinstance(hint, TypeVar):
        return _mismatch(value, bound_of(hint))
    if get_origin(hint) is Literal:
        fits = any(type(value) is type(member) and value == member for member in get_args(hint))
        return None if fits else _unexpected(value, hint)
    if hint is Never or not _is_instance(value, get_origin(hint)):
        return _unexpected(value, hint)
    return _items_mismatch(value, hint)


def _is_instance(value: Any, cls: Any) -> bool:
    try:
        return isinstance(value, cls) or (cls in PROMOTIONS and isinstance(value, PROMOTIONS[cls]))
    except TypeError:  # a protocol that is for type checkers only
        return True


def _unexpected(value: Any, hint: Any) -> _Mismatch:
    return f'expected {describe(hint)}, got {_spelled(value)}', ''


def _spelled(value: Any) -> str:
    return 'None' if value is None else f'{describe(type(value)).partition("[")[0]} {_repr.repr(value)}'


def _union_mismatch(value: Any, members: tuple[Any, ...]) -> _Mismatch | None:
    found = [_mismatch(value, member) for member in members]
    if None in found:
        return None
    # A member that fails inside is what was meant: list[int] of list[int] | None for [1, 'a'].
    inside = [each for each in found if each is not None and each[1]]
    if len(inside) == 1:
        return inside[0]
    return f'expected {" or ".join(map(describe, members))}, got {_spelled(value)}', ''


def _items_mismatch(value: Any, hint: Any) -> _Mismatch | None:
    """The first item of a container, or of what is inside of a wrapper, that does not fit; the class does."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple_mismatch(value, args, hint)
    if origin in _INSIDE:
        name = _INSIDE[origin]
        return _at(f'.{name}', _mismatch(getattr(value, name), args[-1]))
    if isinstance(value, abc.Mapping):
        return _mapping_mismatch(value, hint)
    if not isinstance(value, (abc.Sequence, abc.Set)) or issubclass(origin, Generic):
        return None
    if isinstance(value, _ALIKE):
        return None if is_consistent_with(type(value), hint) else _unexpected(value, hint)
    item = (view_as(hint, abc.Iterable) or (Any,))[0]
    return _first(value, item, isinstance(value, abc.Sequence))


def _tuple_mismatch(value: tuple[Any, ...], args: tuple[Any, ...], hint: Any) -> _Mismatch | None:
    if args[1:] == (...,):
        return _first(value, args[0], True)
    if len(value) != len(args):
        return f'expected {describe(hint)}, got a tuple of {len(value)}: {_repr.repr(value)}', ''
    for place, (item, each) in enumerate(zip(value, args)):
        found = _mismatch(item, each)
        if found is not None:
            return _at(f'[{place}]', found)
    return None


def _mapping_mismatch(value: abc.Mapping[Any, Any], hint: Any) -> _Mismatch | None:
    pair = view_as(hint, abc.Mapping)
    if pair is None:  # Iterable[K], Collection[K]
        return _first(value, (view_as(hint, abc.Iterable) or (Any,))[0], False)
    if len(pair) != 2:
        return None
    for key, item in value.items():
        found = _at(f'key {_repr.repr(key)}', _mismatch(key, pair[0])) or \
            _at(f'[{_repr.repr(key)}]', _mismatch(item, pair[1]))
        if found is not None:
            return found
    return None


def _first(values: Iterable[Any], item: Any, ordered: bool) -> _Mismatch | None:
    if item is Any:
        return None
    for place, each in enumerate(values):
        if type(each) is not item:
            found = _mismatch(each, item)
            if found is not None:
                return _at(f'[{place}]' if ordered else f'item {_repr.repr(each)}', found)
    return None


def _at(place: str, found: _Mismatch | None) -> _Mismatch | None:
    return None if found is None else (found[0], f'{place}{found[1]}')


class GeneratorWrapper(Generic[T]):
    """An iterator that calls a function with each value before it gives it on, to check it, say.

    Attributes are those of the wrapped iterator.

    Args:
      internal_gen: the iterator.
      interleave_func: called with each value; what it raises is raised where the value would have come.
    """

    def __init__(self, internal_gen: Iterator[T], interleave_func: Callable[[T], Any]) -> None:
        self.internal_gen = internal_gen
        self.interleave_func = interleave_func

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        value = next(self.internal_gen)
        self.interleave_func(value)
        return value

    def __getattr__(self, name: str) -> Any:
        if name == 'internal_gen':  # not set yet: while it is copied or unpickled
            raise AttributeError(name)
        return getattr(self.internal_gen, name)
