"""What a ``DoFn`` says of its state and timers, found in the parameters and marks of its methods."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bourne.errors import TransformError
from bourne.sdk.model.dofn import DoFn, DoFnParam
from bourne.sdk.model.signature import parameters
from bourne.sdk.model.state import StateSpec
from bourne.sdk.model.timer import EXPIRATION, TIMERS, TimerSpec

#: Methods around a bundle and around the life of an instance. They belong to no key.
_KEYLESS = ('setup', 'start_bundle', 'finish_bundle', 'teardown')
#: What exists only while an element is processed, or belongs to something else.
_OF_ELEMENTS = ('ElementParam', 'SideInputParam', 'WindowedValueParam', 'RestrictionParam', 'WatermarkEstimatorParam',
                'WatermarkReporterParam')
#: What ties a method to a key.
_KEYED = ('StateParam', 'TimerParam')


class Stateful(NamedTuple):
    """The state and timers of a ``DoFn``.

    Attributes:
      states: the specifications of its cells, by name.
      timers: those of its timers, by name.
      callbacks: by the name of a timer, that of the method that is called when it fires.
      expiration: the name of the method that is called when a window expires; ``''`` if there is none.
    """

    states: Mapping[str, StateSpec]
    timers: Mapping[str, TimerSpec]
    callbacks: Mapping[str, str]
    expiration: str


#: What was found in a class, as far as its instances do not say anything else.
_KNOWN: weakref.WeakKeyDictionary[type, Stateful | None] = weakref.WeakKeyDictionary()


def stateful_parts(fn: Any) -> Stateful | None:
    """The state and timers of a function; ``None`` if it has neither, or is no ``DoFn``."""
    if not isinstance(fn, DoFn):
        return None
    cls = type(fn)
    if any(callable(value) for value in vars(fn).values() if not isinstance(value, type)):
        return _found(fn)  # it may have methods that its class does not have
    if cls not in _KNOWN:
        _KNOWN[cls] = _found(fn)
    return _KNOWN[cls]


def is_stateful_dofn(dofn: Any) -> bool:
    """True if a ``DoFn`` has state or timers, so that it needs pairs and is called with all those of a key."""
    return stateful_parts(dofn) is not None


def get_dofn_specs(dofn: DoFn) -> tuple[set[StateSpec], set[TimerSpec]]:
    """The specifications of a function's state and of its timers."""
    parts = stateful_parts(dofn)
    return (set(), set()) if parts is None else (set(parts.states.values()), set(parts.timers.values()))


def _found(fn: DoFn) -> Stateful | None:
    specs: dict[str, dict[str, Any]] = {'StateParam': {}, 'TimerParam': {}}
    callbacks: dict[str, str] = {}
    expiration = ''
    for name, method in _methods(fn):
        for param in _asked(method):
            if param.name in _KEYED:
                spec = param.spec  # type: ignore[attr-defined]
                specs[param.name].setdefault(spec.name, spec)
        callbacks |= {spec.name: name for spec in getattr(method, TIMERS, ())}
        expiration = name if getattr(method, EXPIRATION, False) else expiration
    if not any(specs.values()):
        return None
    return Stateful(specs['StateParam'], specs['TimerParam'], callbacks, expiration)


def _methods(fn: DoFn) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods that are called by the engine, with their names. No property is looked at."""
    found: dict[str, Any] = {}
    for holder in (vars(fn), *map(vars, type(fn).__mro__)):
        found = {**holder, **found}
    for name, value in found.items():
        method = getattr(value, '__func__', value)
        if not callable(method) or isinstance(method, type):
            continue
        if name == 'process' or name in _KEYLESS or hasattr(method, TIMERS) or hasattr(method, EXPIRATION):
            yield name, getattr(fn, name)


def _asked(method: Callable[..., Any]) -> list[DoFnParam]:
    """The parameters that ask the engine for something."""
    if not (getattr(method, '__defaults__', None) or getattr(method, '__kwdefaults__', None)
            or hasattr(method, '__wrapped__')):
        return []
    return [item.default for item in parameters(method) or () if isinstance(item.default, DoFnParam)]


def check_stateful(fn: Any) -> None:
    """Checks that a function's state and timers fit together.

    Raises:
      TransformError: if a method asks for what it cannot have, two cells or timers share a name, or a timer has no
        method or several.
    """
    if not isinstance(fn, DoFn):
        _check_plain(fn)
        return
    methods = dict(_methods(fn))
    asked = {name: _asked(method) for name, method in methods.items()}
    for name, params in asked.items():
        _check_method(fn, name, methods[name], params)
    _check_names(fn, [param.spec for params in asked.values() for param in params  # type: ignore[attr-defined]
                      if param.name in _KEYED])
    _check_ends(fn, methods)
    if stateful_parts(fn) is not None:
        _check_callbacks(fn, methods)


def validate_stateful_dofn(dofn: DoFn) -> None:
    """Beam's name for :func:`check_stateful`."""
    check_stateful(dofn)


def _check_plain(fn: Any) -> None:
    asked = next((param for param in _asked(fn) if param.name in (*_KEYED, 'DynamicTimerTagParam')), None) \
        if callable(fn) else None
    if asked is not None:
        raise TransformError(f'a plain function asks for {_shown(asked)}, which only methods of a DoFn can have; write '
                             f'a class with process(self, element, ...) and apply it by ParDo')


def _check_method(fn: DoFn, name: str, method: Callable[..., Any], params: list[DoFnParam]) -> None:
    where = f'{type(fn).__name__}.{name}'
    keyed = [param for param in params if param.name in _KEYED]
    twice = next((param for number, param in enumerate(keyed) if param in keyed[:number]), None)
    if twice is not None:
        raise TransformError(f'{where} has two parameters for {_shown(twice)}; one is enough')
    if name in _KEYLESS and keyed:
        raise TransformError(f'{where} asks for {_shown(keyed[0])}, but it is called for no key; state and timers '
                             f'belong to process, to methods with @on_timer, and to one with @on_window_expiration')
    fires, expires = hasattr(method, TIMERS), hasattr(method, EXPIRATION)
    tag = next((param for param in params if param.name == 'DynamicTimerTagParam'), None)
    if tag is not None and not fires:
        raise TransformError(f'{where} asks for DoFn.DynamicTimerTagParam, which only a method with @on_timer can have')
    timer = next((param for param in keyed if param.name == 'TimerParam'), None)
    if expires and timer is not None:
        raise TransformError(f'{where} asks for {_shown(timer)}, but a timer that is set when the window has expired '
                             f'would never fire')
    if fires or expires:
        _check_callback(where, method, params)


def _check_callback(where: str, method: Callable[..., Any], params: list[DoFnParam]) -> None:
    mark = '@on_timer' if hasattr(method, TIMERS) else '@on_window_expiration'
    wrong = next((param for param in params if param.name in _OF_ELEMENTS), None)
    if wrong is not None:
        raise TransformError(f'{where} with {mark} asks for {wrong!r}, which exists only while an element is processed')
    empty, variadic = inspect.Parameter.empty, (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = next((item.name for item in parameters(method) or ()
                    if item.default is empty and item.kind not in variadic), None)
    if missing is not None:
        raise TransformError(f'{where} with {mark} needs an argument for {missing!r}, and there is no element to give '
                             f'it; keep in state what it needs, and ask for the key by key=DoFn.KeyParam')


def _check_names(fn: DoFn, specs: list[Any]) -> None:
    for kind, text in ((StateSpec, 'state'), (TimerSpec, 'timer')):
        known: dict[str, Any] = {}
        for spec in specs:
            if isinstance(spec, kind) and known.setdefault(spec.name, spec) != spec:
                raise TransformError(f'{type(fn).__name__} has two specifications of a {text} named {spec.name!r}: '
                                     f'{known[spec.name]!r} and {spec!r} differ; give one of them another name')


def _check_callbacks(fn: DoFn, methods: Mapping[str, Callable[..., Any]]) -> None:
    name = type(fn).__name__
    parts = stateful_parts(fn)
    assert parts is not None
    callers: dict[str, list[str]] = {}
    for method_name, method in methods.items():
        for spec in getattr(method, TIMERS, ()):
            callers.setdefault(spec.name, []).append(method_name)
    for timer in parts.timers:
        if timer not in callers:
            raise TransformError(f'{name} has the timer {timer!r}, but no method with @on_timer for it: nothing would '
                                 f'happen when it fires. (Another method of the same name may have replaced it.)')
        if len(callers[timer]) > 1:
            raise TransformError(f'{name} has several methods with @on_timer for the timer {timer!r}: '
                                 f'{", ".join(callers[timer])}; there must be one')


def _check_ends(fn: DoFn, methods: Mapping[str, Callable[..., Any]]) -> None:
    ends = [name for name, method in methods.items() if hasattr(method, EXPIRATION)]
    if len(ends) > 1:
        raise TransformError(f'{type(fn).__name__} has several methods with @on_window_expiration: {", ".join(ends)}; '
                             f'there must be one')
    parts = stateful_parts(fn)
    if ends and (parts is None or not parts.states):
        raise TransformError(f'{type(fn).__name__}.{ends[0]} with @on_window_expiration is called for keys that have '
                             f'state left, and no method asks for any by DoFn.StateParam')


def _shown(param: Any) -> str:
    spec = getattr(param, 'spec', None)
    return f'DoFn.{param.name}' + (f'({spec!r})' if spec is not None else '')
