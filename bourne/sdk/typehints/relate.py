"""How types relate: consistency, type variables, elements of iterables, keys and values.

Consistency is that of gradual typing (PEP 483 and 484): ``Any`` fits everywhere and everything fits ``Any``.
What cannot be decided counts as consistent, so that only a provable mismatch is an error.
"""

from __future__ import annotations

import types
from collections import abc
from typing import Any, Literal, Never, TypeVar, get_args, get_origin, overload

from bourne.errors import TypeCheckError
from bourne.sdk.typehints.describe import describe
from bourne.sdk.typehints.normal import is_union, members_of, normalize, union
from bourne.sdk.typehints.supertypes import is_subclass, item_of_tuple, view_as

Bindings = dict[TypeVar, Any]

_UNKNOWN = (Any, object)
#: PEP 484: where the first is wanted, the others will do.
PROMOTIONS: dict[Any, tuple[type, ...]] = {float: (int,), complex: (float, int)}


def is_consistent_with(sub: Any, base: Any) -> bool:
    """Whether a value of type ``sub`` may be used where ``base`` is wanted.

    Args:
      sub: the type that there is, in any spelling.
      base: the type that is wanted, in any spelling.

    Returns:
      False if the two provably do not fit. Containers are covariant; the members of a union must all fit, and
      fit into any member of another; a type variable stands for its bound or constraints.
    """
    return sub is base or base is Any or sub is Any or _consistent(normalize(sub), normalize(base))


def _consistent(sub: Any, base: Any) -> bool:
    if sub is base or sub is Any or base in _UNKNOWN or sub is Never:
        return True
    if is_union(sub):
        return all(_consistent(member, base) for member in get_args(sub))
    if isinstance(sub, TypeVar):
        return _consistent(bound_of(sub), base)
    if isinstance(base, TypeVar):
        return _consistent(sub, bound_of(base))
    if get_origin(sub) is Literal:
        return _literal_consistent(sub, base)
    if is_union(base):
        return any(_consistent(sub, member) for member in get_args(base))
    if get_origin(base) is Literal:
        # A wider type may hold one of the literals: infer('a') is str, and str is fine for Literal['a'].
        return any(_consistent(sub, type(value)) for value in get_args(base))
    return _classes_consistent(sub, base)


def _literal_consistent(sub: Any, base: Any) -> bool:
    if get_origin(base) is not Literal:
        return all(_consistent(type(value), base) for value in get_args(sub))
    allowed = {(type(value), value) for value in get_args(base)}
    return all((type(value), value) in allowed for value in get_args(sub))


def _classes_consistent(sub: Any, base: Any) -> bool:
    origin = get_origin(base) or base
    if origin in PROMOTIONS and isinstance(sub, type) and issubclass(sub, PROMOTIONS[origin]):
        return True
    if not isinstance(origin, type):
        return origin is not Never
    found, wanted = view_as(sub, origin), get_args(base)
    if found is None:
        return False
    if origin is tuple:
        return _tuples_consistent(found, wanted)
    return all(_consistent(one, other) for one, other in zip(found, wanted))


def _tuples_consistent(sub: tuple[Any, ...], base: tuple[Any, ...]) -> bool:
    if ... in base or ... in sub:  # of one length that is not known
        # An empty tuple fits tuple[X, ...]; whether tuple[X, ...] has the length of tuple[X, Y] nobody knows.
        return all(one is ... or other is ... or _consistent(one, other) for one in sub for other in base)
    return len(sub) == len(base) and all(_consistent(one, other) for one, other in zip(sub, base))


def bound_of(variable: TypeVar) -> Any:
    """What a type variable stands for at most: its bound, the union of its constraints, or ``Any``."""
    if variable.__constraints__:
        return union(normalize(constraint) for constraint in variable.__constraints__)
    return Any if variable.__bound__ is None else normalize(variable.__bound__)


def bind(hint: Any, actual: Any, into: Bindings | None = None) -> Bindings:
    """Finds what the type variables of a hint stand for: ``tuple[K, V]`` and ``tuple[str, int]`` give both.

    Args:
      hint: a hint with type variables.
      actual: the type that it is matched with.
      into: bindings found before; changed and returned.

    Returns:
      The bindings. A variable that is met twice stands for the union; one that meets ``Any`` or nothing has
      none.
    """
    into = {} if into is None else into
    _bind(normalize(hint), normalize(actual), into)
    return into


def _bind(hint: Any, actual: Any, into: Bindings) -> None:
    if isinstance(hint, TypeVar):
        if actual is not Any:
            into[hint] = union((into[hint], actual)) if hint in into else actual
    elif not getattr(hint, '__parameters__', ()) or not get_args(hint):
        return
    elif is_union(hint):
        _bind_union(get_args(hint), actual, into)
    elif is_union(actual):
        for member in get_args(actual):
            _bind(hint, member, into)
    else:
        origin = get_origin(hint)
        found = view_as(actual, origin) or ()
        wanted = get_args(hint)
        if origin is tuple:
            found, wanted = _aligned(found, wanted)
        for one, other in zip(wanted, found):
            _bind(one, other, into)


def _aligned(found: tuple[Any, ...], wanted: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The arguments of two tuple types, item by item."""
    if ... in wanted:
        return (item_of_tuple(found),), wanted[:1]
    if ... in found:
        return found[:1] * len(wanted), wanted
    return (found, wanted) if len(found) == len(wanted) else ((), ())


def _bind_union(wanted: tuple[Any, ...], actual: Any, into: Bindings) -> None:
    """``Optional[T]`` with ``Optional[int]``: what the members without variables do not take is for the others."""
    closed = union(member for member in wanted if not _is_open(member))
    variables = [member for member in wanted if isinstance(member, TypeVar)]
    generics = [member for member in wanted if _is_open(member) and not isinstance(member, TypeVar)]
    for part in members_of(actual):
        if part is not Any and not _consistent(part, closed):
            for member in [each for each in generics if _consistent(part, each)] or variables:
                _bind(member, part, into)


def _is_open(hint: Any) -> bool:
    return isinstance(hint, TypeVar) or bool(get_args(hint) and getattr(hint, '__parameters__', ()))


def element_of(hint: Any, name: str = 'the function') -> Any:
    """The element type of what a function for ``FlatMap`` or a ``process`` method returns.

    Args:
      hint: the annotated return type: any iterable of T, or ``Optional`` of one. ``None`` gives ``Any``:
        there are no elements, as of a function that works by side effects.
      name: the function, for the message.

    Returns:
      T, or ``Any`` where it is not known.

    Raises:
      TypeCheckError: the type is not iterable, or is one that is never meant to be iterated over (a string,
        bytes, a mapping).
    """
    hint = normalize(hint)
    if hint in _UNKNOWN or hint is types.NoneType or hint is Never or isinstance(hint, TypeVar):
        return Any
    if is_union(hint):
        return union(element_of(member, name) for member in get_args(hint) if member is not types.NoneType)
    origin = get_origin(hint) or hint
    found = items_of(hint)
    if found is None:
        raise TypeCheckError(
            f'the return value of {name} is annotated as <{describe(hint)}>, which is not iterable: a '
            f'function for FlatMap or ParDo returns an iterable of outputs. Return [value], or use Map')
    if isinstance(origin, type) and issubclass(origin, (str, bytes, bytearray, abc.Mapping)):
        raise TypeCheckError(
            f'the return value of {name} is annotated as <{describe(hint)}>, which is not iterable here: '
            f'FlatMap or ParDo would take it apart. Return [value] to emit it whole, or list(value)')
    return found[0] if found else Any


def items_of(hint: Any) -> tuple[Any, ...] | None:
    """The type of an iterable's items, in a tuple; ``()`` if it is not known, ``None`` if it has none."""
    origin = get_origin(hint) or hint
    if not isinstance(origin, type):
        return ()
    found = view_as(hint, abc.Iterable)
    return () if found is None and hasattr(origin, '__getitem__') else found  # the old way to be iterable


@overload
def key_value_types(element_type: Any) -> tuple[Any, Any] | None: ...
@overload
def key_value_types(element_type: Any, label: str, what: str = ...) -> tuple[Any, Any]: ...


def key_value_types(element_type: Any, label: str | None = None,
                    what: str = 'GroupByKey') -> tuple[Any, Any] | None:
    """The types of key and value of a collection's elements.

    Args:
      element_type: what is known of the elements.
      label: that of the transform that needs pairs, so that anything else is an error.
      what: the kind of that transform, for the message.

    Returns:
      Both types, ``Any`` where they are not known; ``None`` if the elements cannot be pairs and no label is
      given.

    Raises:
      TypeCheckError: the elements cannot be pairs.
    """
    pair = _pair(normalize(element_type))
    if pair is None and label is not None:
        raise TypeCheckError(
            f'{what} {label!r} needs elements that are pairs (key, value), but got a collection of '
            f'<{describe(element_type)}>. Make pairs first: Map(lambda x: (key, x)), or WithKeys(fn)')
    return pair


def _pair(hint: Any) -> tuple[Any, Any] | None:
    if hint in _UNKNOWN or hint is Never:
        return Any, Any
    if isinstance(hint, TypeVar):
        return _pair(bound_of(hint))
    if not is_union(hint):
        return _pair_of_class(hint)
    pairs = [_pair(member) for member in get_args(hint)]
    known = [pair for pair in pairs if pair is not None]
    if len(known) < len(pairs):
        return None
    return union(key for key, _ in known), union(value for _, value in known)


def _pair_of_class(hint: Any) -> tuple[Any, Any] | None:
    origin = get_origin(hint) or hint
    if not isinstance(origin, type):
        return None
    as_tuple = view_as(hint, tuple)
    if as_tuple is not None:
        item, *rest = as_tuple if as_tuple else (Never,)
        return (item, item if rest[0] is ... else rest[0]) if len(rest) == 1 else None
    if is_subclass(origin, (str, bytes, bytearray, abc.Mapping, abc.Set)):
        return None
    # Anything else that can be unpacked in two may be a pair: a list that came from JSON, a user's class.
    items = items_of(hint)
    return None if items is None else (items[0], items[0]) if items else (Any, Any)
