"""What a callable says about its types: its signature and annotations, resolved as far as they can be."""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import types
import typing
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, get_args, get_origin

from bourne.errors import TypeCheckError
from bourne.sdk.model.dofn import DoFn, DoFnParam
from bourne.sdk.model.signature import signature_of
from bourne.sdk.typehints.builtin_functions import types_of_builtin
from bourne.sdk.typehints.describe import describe, describe_call
from bourne.sdk.typehints.normal import generic, normalize, union
from bourne.sdk.typehints.supertypes import fields_of

_EMPTY = inspect.Parameter.empty
_UNKNOWN_SIGNATURE = inspect.Signature([
    inspect.Parameter('element', inspect.Parameter.POSITIONAL_ONLY),
    inspect.Parameter('args', inspect.Parameter.VAR_POSITIONAL),
    inspect.Parameter('kwargs', inspect.Parameter.VAR_KEYWORD),
])


class Annotations(NamedTuple):
    """The annotations of a callable, in the normal form.

    Attributes:
      args: the types of the positional parameters in order; ``None`` if nothing is known of any parameter.
      kwargs: the types of those that are passed by keyword.
      output: the return type, or ``None`` if it is not known.
      origin: the signature in one line with where it is, for messages.
    """

    args: tuple[Any, ...] | None
    kwargs: dict[str, Any]
    output: Any
    origin: str


def get_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """The signature of a callable, without the parameters that the engine fills (``ts=DoFn.TimestampParam``).

    Args:
      fn: any callable. One that has no signature (some builtins) takes an element and anything else.
    """
    try:
        signature = signature_of(fn)
    except (ValueError, TypeError, NameError):  # NameError: Python 3.14 evaluates annotations only now
        return _UNKNOWN_SIGNATURE
    params = list(signature.parameters.values())
    if not any(isinstance(param.default, DoFnParam) for param in params):
        return signature
    element = [param.replace(default=_EMPTY) for param in params if param.default == DoFn.ElementParam]
    others = [param for param in params if not _is_filled(param.default)]
    return signature.replace(parameters=element + others)


def _is_filled(default: Any) -> bool:
    """True for what is not the user's to pass; the element has its place already."""
    return isinstance(default, DoFnParam) and default != DoFn.SideInputParam


_Known = weakref.WeakKeyDictionary[types.FunctionType, Annotations | None]
_of_functions: _Known = weakref.WeakKeyDictionary()
_of_methods: _Known = weakref.WeakKeyDictionary()


def annotations_of(fn: Callable[..., Any]) -> Annotations | None:
    """The annotations of a callable: of a function, method, class, partial, callable object or some builtins.

    A name in an annotation that cannot be resolved stands for ``Any``. Parameters with a ``DoFn`` parameter
    as default are left out, and so is ``self``.

    Args:
      fn: a callable.

    Returns:
      The annotations, or ``None`` if there are none or all are ``Any``. A function is looked at once.
    """
    if isinstance(fn, types.FunctionType):
        return _remembered(_of_functions, fn, fn)
    if isinstance(fn, types.MethodType) and isinstance(fn.__func__, types.FunctionType):
        return _remembered(_of_methods, fn.__func__, fn)
    call = getattr(type(fn), '__call__', None)  # noqa: B004  (the function itself is wanted)
    if isinstance(call, types.FunctionType) and not isinstance(fn, type):
        return _remembered(_of_methods, call, types.MethodType(call, fn))
    builtin = types_of_builtin(fn)
    if builtin is not None:
        args, output = builtin
        return Annotations(args, {}, output, getattr(fn, '__qualname__', ''))
    return _annotations_of_object(fn)


def _remembered(known: _Known, function: types.FunctionType, fn: Callable[..., Any]) -> Annotations | None:
    if not function.__annotations__:
        return None
    if function not in known:
        known[function] = _annotations(fn, function)
    return known[function]


def _annotations_of_object(fn: Any) -> Annotations | None:
    """See :func:`annotations_of`, for classes, partials and what wraps a function."""
    if isinstance(fn, type):
        return _annotations_of_class(fn)
    function = _function_of(fn)
    if function is None and isinstance(fn, functools.partial):
        inner = annotations_of(fn.func)
        return inner and inner._replace(args=None, kwargs={})
    return _annotations(fn, function) if function is not None and function.__annotations__ else None


def _annotations_of_class(cls: type) -> Annotations:
    """Called, a class takes what its constructor does and makes an instance."""
    fields = fields_of(cls)
    if fields is not None:
        return Annotations(fields, {}, cls, _short_name(cls))
    made_by = (cls.__init__, cls.__new__)  # type: ignore[misc]
    function = next((made for made in made_by if isinstance(made, types.FunctionType)), None)
    found = _annotations(cls, function) if function is not None and function.__annotations__ else None
    return (found or Annotations(None, {}, None, _short_name(cls)))._replace(output=normalize(cls))


def _function_of(fn: Any) -> types.FunctionType | None:
    """The Python function whose annotations a callable has."""
    if isinstance(fn, functools.partial):
        return _function_of(fn.func)
    fn = inspect.unwrap(fn)
    if isinstance(fn, types.MethodType):
        fn = fn.__func__
    return fn if isinstance(fn, types.FunctionType) else None


def _annotations(fn: Callable[..., Any], function: types.FunctionType) -> Annotations | None:
    signature = get_signature(fn)
    hints = resolve(function)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for param in signature.parameters.values():
        if param.kind in (param.KEYWORD_ONLY, param.VAR_KEYWORD):
            if param.annotation is not _EMPTY:
                kwargs[param.name] = _type_of(param, hints)
        elif param.kind is not param.VAR_POSITIONAL or param.annotation is not _EMPTY:
            args.append(_type_of(param, hints))
    returned = signature.return_annotation
    output = Any if returned is _EMPTY else normalize(hints.get('return', returned))
    known = any(hint is not Any for hint in (*args, *kwargs.values()))
    if not known and output is Any:
        return None
    origin = _origin(function, signature, hints)
    return Annotations(tuple(args) if known else None, kwargs, None if output is Any else output, origin)


def _type_of(param: inspect.Parameter, hints: dict[str, Any]) -> Any:
    if param.annotation is _EMPTY:
        return Any
    hint = normalize(hints.get(param.name, param.annotation))
    return union((hint, types.NoneType)) if param.default is None else hint  # x: int = None


def resolve(function: types.FunctionType) -> dict[str, Any]:
    """The annotations of a function with strings resolved, to ``Any`` where a name does not exist.

    Args:
      function: a Python function. Names are looked up in its closure and its module.
    """
    function = inspect.unwrap(function)
    closure = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            closure[name] = cell.cell_contents
        except ValueError:  # not yet bound: the class that the function is defined in, say
            continue
    module = vars(sys.modules.get(function.__module__, types))
    names = closure if module is function.__globals__ else {**module, **closure}
    try:
        return typing.get_type_hints(function, localns=names)
    except Exception:  # any of the names; the others may be known
        known = _Names({**vars(builtins), **function.__globals__, **names})
        return {name: _evaluate(hint, known) for name, hint in function.__annotations__.items()}


class _Names(dict[str, Any]):
    """A namespace in which a name that does not exist (imported for type checkers only, say) is ``Any``."""

    def __missing__(self, name: str) -> Any:
        return Any


def _evaluate(hint: Any, names: _Names) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, {}, names)
    except Exception:  # an attribute or index of what does not exist
        return Any


def _origin(function: types.FunctionType, signature: inspect.Signature, hints: dict[str, Any]) -> str:
    """``upper(s: str, times: int = 3) -> str (words.py:12)``."""
    params: list[str] = []
    for param in signature.parameters.values():
        if param.kind is param.KEYWORD_ONLY and not any(text.startswith('*') for text in params):
            params.append('*')
        star = '*' if param.kind is param.VAR_POSITIONAL else '**' if param.kind is param.VAR_KEYWORD else ''
        hint = '' if param.annotation is _EMPTY else f': {describe(hints.get(param.name, Any))}'
        default = '' if param.default is _EMPTY else f'{" = " if hint else "="}{_short(param.default)}'
        params.append(f'{star}{param.name}{hint}{default}')
    arrow = '' if signature.return_annotation is _EMPTY else f' -> {describe(hints.get("return", Any))}'
    code = function.__code__
    return f'{_short_name(function)}({", ".join(params)}){arrow} ({code.co_filename}:{code.co_firstlineno})'


def _short_name(fn: Any) -> str:
    return str(getattr(fn, '__qualname__', repr(fn))).rpartition('<locals>.')[2]


def _short(default: Any) -> str:
    return repr(default) if isinstance(default, (bool, int, float, str, types.NoneType)) else '...'


def getcallargs_forhints(fn: Callable[..., Any], *type_args: Any, **type_kwargs: Any) -> dict[str, Any]:
    """Binds types to the parameters of a callable, as a call with values of these types would.

    Args:
      fn: a callable.
      type_args: the types of the positional arguments.
      type_kwargs: the types of the keyword arguments.

    Returns:
      The type of each parameter: ``tuple[T, ...]`` for ``*args``, ``dict[str, T]`` for ``**kwargs``, the
      annotation, or ``Any``, for one that is not bound.

    Raises:
      TypeCheckError: the callable does not take these arguments.
    """
    return bind_types(fn, type_args, type_kwargs)


def bind_types(fn: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any],
               partial: bool = False) -> dict[str, Any]:
    """As :func:`getcallargs_forhints`; ``partial`` if types may be missing."""
    signature = get_signature(fn)
    try:
        bound = (signature.bind_partial if partial else signature.bind)(*args, **kwargs).arguments
    except TypeError as error:
        name = _short_name(fn)
        raise TypeCheckError(f'{name}{describe_call(args, kwargs)} does not fit the signature '
                             f'{name}{signature}: {error}') from None
    return {param.name: _bound_type(param, bound) for param in signature.parameters.values()}


def _bound_type(param: inspect.Parameter, bound: dict[str, Any]) -> Any:
    if param.kind is param.VAR_POSITIONAL:
        found = tuple(map(normalize, bound.get(param.name, (Any,))))
        each = generic(tuple, (union(found), ...))
        # with_input_types(str, tuple[int, ...]) may mean all of *args, as in Beam, or each.
        return union((*found, each)) if len(found) == 1 and _is_homogeneous_tuple(found[0]) else each
    if param.kind is param.VAR_KEYWORD:
        named = {name: normalize(hint) for name, hint in bound.get(param.name, {'': Any}).items()}
        by_name = generic(dict, (str, union(named.values())))
        whole = named.get(param.name) if len(named) == 1 else None  # likewise dict[str, int]
        return union((whole, by_name)) if get_origin(whole) is dict else by_name
    if param.name in bound:
        return normalize(bound[param.name])
    return Any if param.annotation is _EMPTY else normalize(param.annotation)


def _is_homogeneous_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple and get_args(hint)[1:] == (...,)
