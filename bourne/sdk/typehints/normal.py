"""The normal form of type hints: Python's own typing objects, each kind spelled in one way.

In the normal form there are only

- ``typing.Any`` and ``typing.Never``;
- classes, ``NoneType`` among them; a generic builtin or ABC always carries its arguments (``list`` is
  ``list[Any]``, ``tuple`` is ``tuple[Any, ...]``), other generic classes may stand without;
- ``origin[arguments]`` with a class as origin: ``list[int]``, ``tuple[int, ...]``, ``tuple[()]``, ``Box[T]``;
- ``typing.Union`` of at least two different members, flat and without ``Any``;
- ``typing.Literal`` and ``typing.TypeVar``.
"""

from __future__ import annotations

import collections
import functools
import types
import typing
from collections import abc
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Literal, Never, TypeVar, Union, get_args, get_origin

_Bindings = Mapping[TypeVar, Any]

#: Generic builtins and ABCs, with the arguments that they have when none are given.
BARE: dict[Any, tuple[Any, ...]] = {
    tuple: (Any, ...),
    collections.Counter: (Any,),
    **dict.fromkeys((
        list, set, frozenset, collections.deque, abc.Iterable, abc.Iterator, abc.Reversible, abc.Collection,
        abc.Container, abc.Sequence, abc.MutableSequence, abc.Set, abc.MutableSet, abc.KeysView,
        abc.ValuesView), (Any,)),
    **dict.fromkeys((
        dict, collections.defaultdict, collections.OrderedDict, collections.ChainMap, abc.Mapping,
        abc.MutableMapping, abc.ItemsView), (Any, Any)),
    abc.Generator: (Any, Any, Any),
}

_UNIONS: tuple[Any, ...] = (Union, types.UnionType)
#: Forms around one hint that say nothing about the type of the values.
_QUALIFIERS = frozenset(
    getattr(typing, name) for name in ('ClassVar', 'Final', 'Required', 'NotRequired', 'ReadOnly')
    if hasattr(typing, name))
#: Generic forms whose arguments cannot be checked against a value or another hint.
_UNPARAMETERISED = (type, abc.Callable)
_NO_ALIAS = type('_NoAlias', (), {})
_TypeAlias: Any = getattr(typing, 'TypeAliasType', _NO_ALIAS)


class Form:
    """A name that is subscripted like a class where ``typing`` has none that fits: ``KV[K, V]``.

    Args:
      name: how it is called.
      arities: how many arguments it takes.
      make: the hint for the arguments.
      bare: the hint where no arguments are given.
    """

    def __init__(self, name: str, arities: tuple[int, ...], make: Any, bare: Any) -> None:
        self.name = name
        self.arities = arities
        self.make = make
        self.bare = bare

    def __getitem__(self, params: Any) -> Any:
        params = params if isinstance(params, tuple) else (params,)
        if len(params) not in self.arities:
            wanted = ' or '.join(map(str, self.arities))
            raise TypeError(f'{self.name}[...] takes {wanted} types, got {len(params)}: {params!r}')
        return self.make(*params)

    def __repr__(self) -> str:
        return f'bourne.typehints.{self.name}'


def normalize(hint: Any) -> Any:
    """The normal form of a type hint, in any spelling.

    Args:
      hint: ``None``, a class, a typing object, ``X | Y``, a ``NewType`` (stands for its supertype), an
        ``Annotated`` (its type), a type alias, a ``TypedDict`` class (``dict[str, Any]``), a string or a
        forward reference (``Any``: nothing says where to resolve it), or anything else.

    Returns:
      The hint in the normal form; ``Any`` for what is not understood. Never raises.
    """
    if type(hint) is type:
        return generic(hint, BARE[hint]) if hint in BARE else hint
    if hint is None:
        return types.NoneType
    try:
        return _normalize_cached(hint)
    except TypeError:  # not hashable: Annotated[int, []], or no hint at all
        return _normalize(hint, ())


def _normalize(hint: Any, aliases: tuple[Any, ...]) -> Any:
    """See :func:`normalize`; ``aliases`` are the type aliases around: one within itself is ``Any``."""
    if hint is Any or hint is None or isinstance(hint, TypeVar):
        return types.NoneType if hint is None else hint
    origin = get_origin(hint)
    if origin is not None:
        return _normalize_generic(hint, origin, get_args(hint), aliases)
    if isinstance(hint, type):
        return _normalize_class(hint)
    if isinstance(hint, Form):
        return hint.bare
    if isinstance(hint, typing.NewType):
        return _normalize(hint.__supertype__, aliases)
    if isinstance(hint, _TypeAlias):
        return _normalize_alias(hint, (), aliases)
    if hint is Never or hint is typing.NoReturn:
        return Never
    return str if hint is typing.LiteralString else Any


_normalize_cached = functools.lru_cache(maxsize=4096)(functools.partial(_normalize, aliases=()))


def _normalize_class(cls: type) -> Any:
    if cls in BARE:
        return generic(cls, BARE[cls])
    if typing.is_typeddict(cls):
        return dict[str, Any]
    if getattr(cls, '_is_protocol', False) and not getattr(cls, '_is_runtime_protocol', False):
        return Any  # neither isinstance nor issubclass works with it
    return cls


def _normalize_alias(alias: Any, args: tuple[Any, ...], aliases: tuple[Any, ...]) -> Any:
    if alias in aliases:
        return Any
    try:
        value = alias.__value__  # evaluated at the first use, and may name what does not exist
    except Exception:
        return Any
    inner = _normalize(value, (*aliases, alias))
    params = getattr(alias, '__type_params__', ())
    given = (_normalize(arg, aliases) for arg in args)
    return substitute(inner, dict(zip(params, given))) if params else inner


def _normalize_generic(hint: Any, origin: Any, args: tuple[Any, ...], aliases: tuple[Any, ...]) -> Any:
    if origin is Literal:
        return hint
    if origin is typing.Annotated:
        return _normalize(hint.__origin__, aliases)
    if origin in _UNIONS:
        return union(_normalize(arg, aliases) for arg in args)
    if origin in _QUALIFIERS:
        return _normalize(args[0], aliases)
    if isinstance(origin, _TypeAlias):
        return _normalize_alias(origin, args, aliases)
    if origin in _UNPARAMETERISED:
        return origin
    if not isinstance(origin, type):
        return Any
    if (not args and origin is not tuple) or hint is typing.Tuple:  # noqa: UP006
        return _normalize_class(origin)  # typing.List without arguments
    if any(_is_unpacked(arg) for arg in args):
        return normalize(origin)
    return generic(origin, tuple(arg if arg is ... else _normalize(arg, aliases) for arg in args))


def generic(origin: Any, args: tuple[Any, ...]) -> Any:
    """``origin[args]`` for a class and arguments in the normal form."""
    if origin is abc.Generator and len(args) < 3:
        args = (*args, types.NoneType, types.NoneType)[:3]
    if origin not in BARE and issubclass(origin, Generic):
        try:
            return origin[args]
        except TypeError:  # parameters that are no types
            return origin
    return types.GenericAlias(origin, args)


def _is_unpacked(arg: Any) -> bool:
    """True for ``*Ts`` and ``*tuple[int, ...]`` within a tuple's arguments."""
    return bool(getattr(arg, '__unpacked__', False)) or get_origin(arg) is typing.Unpack


def union(members: Iterable[Any]) -> Any:
    """The union of hints in the normal form: one stays itself, ``Any`` swallows all, ``Never`` goes.

    The order is always the same, ``None`` last: equal unions, which caches mix up, are spelled alike.
    """
    flat: dict[Any, None] = {}
    for member in members:
        flat.update(dict.fromkeys(members_of(member)))
    flat.pop(Never, None)
    if Any in flat:
        return Any
    if len(flat) < 2:
        return next(iter(flat), Never)
    return Union[tuple(sorted(flat, key=lambda member: (member is types.NoneType, repr(member))))]  # noqa: UP007


def is_union(hint: Any) -> bool:
    """True for a union, in any spelling."""
    return get_origin(hint) in _UNIONS


def members_of(hint: Any) -> tuple[Any, ...]:
    """The members of a union; of another hint itself."""
    return get_args(hint) if is_union(hint) else (hint,)


def substitute(hint: Any, bindings: _Bindings) -> Any:
    """The hint with its type variables replaced.

    Args:
      hint: in the normal form.
      bindings: what stands for each variable, as :func:`~bourne.sdk.typehints.relate.bind` finds it.

    Returns:
      The concrete hint; a variable without a binding becomes ``Any``.
    """
    if isinstance(hint, TypeVar):
        return bindings.get(hint, Any)
    args = get_args(hint)
    if not args or not getattr(hint, '__parameters__', ()):
        return hint
    replaced = tuple(arg if arg is ... else substitute(arg, bindings) for arg in args)
    return union(replaced) if is_union(hint) else generic(get_origin(hint), replaced)
