"""The lifecycle of user functions: setup, start and end of bundles, teardown."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from bourne.engine.plan.stage import MergeCombine, Op, PreCombine
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import Combine, ParDo
from bourne.sdk.model.dofn import BundleFinalizer, DoFn, DoFnParam, TaggedOutput, overrides
from bourne.sdk.model.known import short
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN
from bourne.sdk.model.signature import Call, plan_call
from bourne.sdk.model.stateful import stateful_parts
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.model.window import GLOBAL_WINDOW, GlobalWindows, TimestampedValue, WindowedValue, WindowFn

#: Values that context managers gave, by the parameter that asked for them.
Contexts = dict[DoFnParam, Any]


class _Bundled:
    """What has to be done for a DoFn at the start and end of each bundle."""

    def __init__(self, payload: ParDo) -> None:
        fn = payload.fn
        self.start = plan_call(fn.start_bundle, lead=False) if overrides(fn, 'start_bundle') else None
        self.finish = plan_call(fn.finish_bundle, lead=False) if overrides(fn, 'finish_bundle') else None
        process = plan_call(fn.process, payload.args, payload.kwargs)
        calls = [call for call in (process, self.start, self.finish, *_callbacks(fn)) if call is not None]
        self.contexts = [param for call in calls for param in call.params() if param.name == 'BundleContextParam']
        self.fn = fn
        self.open: list[Any] = []

    def __bool__(self) -> bool:
        return bool(self.start or self.finish or self.contexts)

    def leave(self) -> None:
        """Leaves the bundle's contexts; also when the bundle failed."""
        while self.open:
            self.open.pop().__exit__(None, None, None)


def _callbacks(fn: DoFn) -> list[Call]:
    """How the methods of a function's timers are called."""
    parts = stateful_parts(fn)
    names = [] if parts is None else [*parts.callbacks.values(), *filter(None, (parts.expiration,))]
    return [plan_call(getattr(fn, name), lead=False) for name in dict.fromkeys(names)]


def dofns_of(ops: Iterable[Op]) -> list[tuple[int, _Bundled]]:
    """The DoFns among operators that have something to do at the start or end of a bundle, with their numbers."""
    found = [(number, _Bundled(op.payload)) for number, op in enumerate(ops)
             if isinstance(op.payload, ParDo) and isinstance(op.payload.fn, DoFn) and not _is_plain(op.payload.fn)]
    return [(number, bundled) for number, bundled in found if bundled]


def _is_plain(fn: DoFn) -> bool:
    """True for the common DoFn that has nothing but a ``process`` without bundle contexts."""
    asks = getattr(type(fn).process, '__defaults__', None) or getattr(type(fn).process, '__kwdefaults__', None)
    return not (overrides(fn, 'start_bundle') or overrides(fn, 'finish_bundle') or asks)


def start(bundled: _Bundled, contexts: Contexts, finalizer: BundleFinalizer) -> Any:
    """Enters a bundle; returns what ``start_bundle`` did."""
    for param in bundled.contexts:
        manager = param.create()  # type: ignore[attr-defined]
        contexts[param] = manager.__enter__()
        bundled.open.append(manager)
    if bundled.start is None:
        return None
    return _call(bundled.fn.start_bundle, bundled.start, contexts, finalizer)


def finish(bundled: _Bundled, contexts: Contexts, finalizer: BundleFinalizer) -> Any:
    """Leaves a bundle; returns what ``finish_bundle`` did, complete."""
    outputs = None
    if bundled.finish is not None:
        outputs = _call(bundled.fn.finish_bundle, bundled.finish, contexts, finalizer)
        outputs = None if outputs is None else list(outputs)
    bundled.leave()
    return outputs


def _call(method: Any, call: Call, contexts: Contexts, finalizer: BundleFinalizer) -> Any:
    def resolve(item: Any) -> Any:
        if not isinstance(item, DoFnParam):
            return item
        if item.name == 'BundleFinalizerParam':
            return finalizer
        if item in contexts:
            return contexts[item]
        raise ExecutionError(f'{method.__qualname__} asks for {item!r}, which exists only in process')

    return method(*map(resolve, call.positional), **{name: resolve(item) for name, item in call.keyword.items()})


def as_row(output: Any, windowfn: WindowFn) -> tuple[Any, int, Any, Any]:
    """An output of the start or end of a bundle with a time and window to begin with.

    Raises:
      ExecutionError: if it brings no window of its own, and the collection is not globally windowed.
    """
    inner = output.value if isinstance(output, TaggedOutput) else output
    if not isinstance(inner, WindowedValue) and not isinstance(windowfn, GlobalWindows):
        kind = 'a TimestampedValue' if isinstance(inner, TimestampedValue) else 'a plain value'
        raise ExecutionError(f'outputs of start_bundle and finish_bundle have no element to take a window from: give '
                             f'WindowedValue(value, timestamp, [window]), not {kind} ({short(inner)})')
    return output, MIN_MICROS, GLOBAL_WINDOW, PANE_INFO_UNKNOWN


def set_up(op: Op, contexts: Contexts, stack: ExitStack) -> None:
    """Sets up an operator's user function, if it has one with a lifecycle; ``stack`` gets what has to be left."""
    match op.payload:
        case ParDo(fn=DoFn() as fn, args=args, kwargs=kwargs):
            for param in _setup_params(fn, args, kwargs):
                if param not in contexts:
                    contexts[param] = stack.enter_context(param.create())  # type: ignore[attr-defined]
            fn.setup()
        case Combine(fn=fn) | PreCombine(fn=fn) | MergeCombine(fn=fn):
            fn.setup()


def tear_down(op: Op) -> None:
    """Tears down an operator's user function."""
    match op.payload:
        case ParDo(fn=DoFn() as fn):
            fn.teardown()
        case Combine(fn=fn) | PreCombine(fn=fn) | MergeCombine(fn=fn):
            fn.teardown()


def _setup_params(fn: DoFn, args: Any, kwargs: Any) -> list[DoFnParam]:
    if not getattr(type(fn).process, '__defaults__', None) and not getattr(type(fn).process, '__kwdefaults__', None):
        return []
    calls = [plan_call(fn.process, args, kwargs), *_callbacks(fn)]
    return [param for call in calls for param in call.params() if param.name == 'SetupContextParam']
