"""A hint seen as one of its supertypes: what ``dict[str, int]`` or a user's class is as an ``Iterable``."""

from __future__ import annotations

import collections
import functools
import typing
from collections import abc
from typing import Any, TypeVar, get_args, get_origin

from bourne.sdk.typehints.normal import BARE, normalize, substitute, union

_PAIRED: Any = (abc.Mapping, abc.ItemsView)
_OF_INTS = (bytes, bytearray, memoryview, range)


def is_subclass(cls: Any, base: Any) -> bool:
    """``issubclass``, and true where Python cannot tell (a protocol with attributes): a hint is no proof."""
    try:
        return issubclass(cls, base)
    except TypeError:
        return True


def view_as(hint: Any, base: Any) -> tuple[Any, ...] | None:
    """The arguments that a type gives to one of its generic supertypes.

    Args:
      hint: a class or ``origin[arguments]`` in the normal form.
      base: a class.

    Returns:
      The arguments of ``base``; ``()`` if they are not known or ``base`` has none; ``None`` if the type is no
      subclass of it. For ``base=tuple`` the arguments as ``tuple[...]`` takes them, ``(Any, ...)`` if not
      known.
    """
    origin, args = get_origin(hint) or hint, get_args(hint)
    if origin is base:
        return args
    if not isinstance(origin, type) or not is_subclass(origin, base):
        return None
    fields = fields_of(origin)
    if fields is not None:
        return fields if base is tuple else _view_of_known(tuple, fields, base)
    if origin in BARE:
        return _view_of_known(origin, args, base)
    found = _view_of_class(origin, args, base)
    if found:
        return found
    if base is tuple:
        return (Any, ...)
    if base in BARE and base not in _PAIRED and issubclass(origin, (str, *_OF_INTS)):
        return (str if issubclass(origin, str) else int,)
    return ()


def _view_of_known(origin: Any, args: tuple[Any, ...], base: Any) -> tuple[Any, ...]:
    """See :func:`view_as`, for the generic builtins and ABCs."""
    if origin is tuple:
        return (item_of_tuple(args),)
    if origin is collections.Counter:
        args = (args[0], int)
    if origin is abc.ItemsView and not issubclass(base, abc.ItemsView):
        return (tuple[args],)  # type: ignore[valid-type]
    return args[:2] if issubclass(base, _PAIRED) else args[:1]


def _view_of_class(origin: Any, args: tuple[Any, ...], base: Any) -> tuple[Any, ...]:
    """See :func:`view_as`, for a user's class: through the bases that it was declared with."""
    params: tuple[TypeVar, ...] = getattr(origin, '__parameters__', ())
    bindings = dict(zip(params, args))
    for declared in origin.__dict__.get('__orig_bases__', origin.__bases__):
        parent = normalize(declared)
        if isinstance(get_origin(parent) or parent, type) and parent is not object:
            found = view_as(substitute(parent, bindings), base)
            if found:
                return found
    return ()


def item_of_tuple(args: tuple[Any, ...]) -> Any:
    """The type of a tuple's items, whichever: the union of ``tuple``'s arguments."""
    return union(arg for arg in args if arg is not ...)


@functools.lru_cache(maxsize=512)
def fields_of(cls: type) -> tuple[Any, ...] | None:
    """The types of a named tuple's fields, ``Any`` where there are none; ``None`` for other classes."""
    names = getattr(cls, '_fields', None)
    if not isinstance(names, tuple) or not issubclass(cls, tuple):
        return None
    try:
        hints = typing.get_type_hints(cls)
    except Exception:  # a name that does not exist at run time
        hints = {}
    return tuple(normalize(hints.get(name, Any)) for name in names)
