"""How a user's function is called: which parameter gets the element, an argument, or something of the engine's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from bourne.errors import TransformError
from bourne.sdk.model.dofn import DoFn, DoFnParam


class _Element:
    """Stands for the element itself in a :class:`Call`."""

    def __repr__(self) -> str:
        return 'element'


ELEMENT = _Element()
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_signatures: WeakKeyDictionary[FunctionType, inspect.Signature] = WeakKeyDictionary()


class Call(NamedTuple):
    """The arguments of a call, in order. Each is ``ELEMENT``, a :class:`DoFnParam`, or a value as the user gave it.

    Attributes:
      positional: the positional arguments.
      keyword: the keyword arguments.
    """

    positional: tuple[Any, ...]
    keyword: Mapping[str, Any]

    def params(self) -> list[DoFnParam]:
        """What the function asks the engine for."""
        return [item for item in (*self.positional, *self.keyword.values()) if isinstance(item, DoFnParam)]


def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """``inspect.signature``, which takes its time; a plain function is looked at once.

    Raises:
      ValueError: if ``fn`` does not tell, as some builtins.
      TypeError: if it is of a kind that has no signature.
    """
    if type(fn) is not FunctionType:
        return inspect.signature(fn)
    found = _signatures.get(fn)
    if found is None:
        found = _signatures[fn] = inspect.signature(fn)
    return found


def parameters(fn: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """A callable's parameters, or ``None`` if it does not tell (some builtins)."""
    try:
        return list(signature_of(fn).parameters.values())
    except (ValueError, TypeError):
        return None


def asks_for_nothing(fn: Callable[..., Any]) -> bool:
    """True for a plain function without defaults, by far the most common case; saves the inspection."""
    code = getattr(fn, '__code__', None)
    return code is not None and not getattr(fn, '__defaults__', True) and not getattr(fn, '__kwdefaults__', True)


def plan_call(fn: Callable[..., Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None,
              star: bool = False, lead: bool = True) -> Call:
    """How ``fn`` is called for an element.

    The element comes first, the user's arguments fill the other parameters in order, and a parameter whose default
    is a ``DoFn`` parameter gets what that stands for.

    Args:
      fn: a function, or a bound method such as ``dofn.process``.
      args: the user's positional arguments.
      kwargs: the user's keyword arguments.
      star: the element's parts are passed as the first arguments, so only keywords can follow for the engine's.
      lead: pass the element at all (not to ``start_bundle`` and its like).

    Raises:
      TransformError: if the arguments do not fit the parameters.
    """
    kwargs = dict(kwargs or {})
    first: tuple[Any, ...] = (ELEMENT,) if lead else ()
    if not args and not kwargs and asks_for_nothing(fn) and (star or _takes(fn, len(first))):
        return Call(first, {})
    found = parameters(fn)
    if found is None:
        return Call((*first, *args), kwargs)
    if star:
        _check_names(fn, found, kwargs)
        own = {item.name: item.default for item in found if isinstance(item.default, DoFnParam)}
        return Call((*first, *args), {**own, **kwargs})
    return _bind(fn, found, [*first, *args], kwargs)


def _takes(fn: Callable[..., Any], count: int) -> bool:
    """True if a plain function without defaults takes so many positional arguments and nothing else."""
    code = fn.__code__
    own = code.co_argcount - (getattr(fn, '__self__', None) is not None)
    return own == count and not code.co_kwonlyargcount


def _bind(fn: Callable[..., Any], found: list[inspect.Parameter], waiting: list[Any],
          kwargs: dict[str, Any]) -> Call:
    positional: list[Any] = []
    keyword: dict[str, Any] = {}
    gap = False
    explicit = any(item.default == DoFn.ElementParam for item in found if isinstance(item.default, DoFnParam))
    if explicit and waiting and waiting[0] is ELEMENT:
        waiting = waiting[1:]
    for item in found:
        value = _value_for(item, waiting, kwargs)
        if value is inspect.Parameter.empty:
            _check_default(fn, item)
            gap = True
        elif item.kind in _POSITIONAL and not gap:
            positional.append(value)
        else:
            keyword[item.name] = value
    variadic = any(item.kind is inspect.Parameter.VAR_POSITIONAL for item in found)
    if waiting and not variadic:
        raise TransformError(f'{_describe(fn)} takes {len(positional)} argument(s), and is given '
                             f'{len(positional) + len(waiting)}: the element and what was passed besides')
    positional.extend(waiting)
    _check_names(fn, found, kwargs)
    return Call(tuple(positional), {**keyword, **kwargs})


def _check_default(fn: Callable[..., Any], item: inspect.Parameter) -> None:
    if item.default is inspect.Parameter.empty and item.kind not in _VARIADIC:
        raise TransformError(f'{_describe(fn)} needs an argument for {item.name!r}, and is given none')


def _check_names(fn: Callable[..., Any], found: list[inspect.Parameter], kwargs: Mapping[str, Any]) -> None:
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in found):
        return
    known = {item.name for item in found if item.kind in _NAMED}
    unknown = next((name for name in sorted(kwargs) if name not in known), None)
    if unknown is not None:
        raise TransformError(f'{_describe(fn)} has no parameter named {unknown!r}')


def _value_for(item: inspect.Parameter, waiting: list[Any], kwargs: dict[str, Any]) -> Any:
    """What a parameter gets: takes it from ``waiting`` or ``kwargs``; empty if its own default shall do."""
    if item.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        return inspect.Parameter.empty
    if item.name in kwargs and item.kind is not inspect.Parameter.POSITIONAL_ONLY:
        return kwargs.pop(item.name)
    if isinstance(item.default, DoFnParam):
        return ELEMENT if item.default == DoFn.ElementParam else item.default
    if waiting and item.kind in _POSITIONAL:
        return waiting.pop(0)
    return inspect.Parameter.empty


def _describe(fn: Callable[..., Any]) -> str:
    code = getattr(fn, '__code__', None)
    place = f' ({code.co_filename}:{code.co_firstlineno})' if code else ''
    return f'{getattr(fn, "__qualname__", fn)!s}{place}'
