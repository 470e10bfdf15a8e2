"""What generated source calls by name, apart from the user's own functions."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.program.notes import concerning
from bourne.engine.windows import RawWindows, raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import MAIN, Guard
from bourne.sdk.model.dofn import TaggedOutput
from bourne.sdk.model.dressed import DRESSED, Dressed
from bourne.sdk.model.known import short
from bourne.sdk.model.timestamp import MAX_MICROS, MICROS, MIN_MICROS, Timestamp, as_timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, TimestampedValue, WindowedValue, WindowFn

PLAIN_ITERABLES = frozenset({list, tuple, set, frozenset, range, GeneratorType})
_SIZED = frozenset({tuple, set, frozenset, range})
MISSING: Any = object()

#: A value with its time, raw window and pane.
OutputRow = tuple[Any, int, Any, Any]
#: From the time, value and raw window of an element to its new raw windows.
Assign = Callable[[int, Any, Any], list[Any]]


def to_micros(value: Any) -> int:
    """Microseconds of what a ``WithTimestamps`` function returned."""
    if type(value) is float:  # without a Timestamp, which costs three times as much
        return in_time(round(value * MICROS))
    return in_time(Timestamp.of(value).micros)


def in_time(micros: int) -> int:
    """The microseconds, if event time goes so far.

    Raises:
      ExecutionError: if not.
    """
    if MIN_MICROS <= micros <= MAX_MICROS:
        return micros
    raise ExecutionError(f'a timestamp of {micros / MICROS:g} seconds is outside of event time, which goes from '
                         f'{MIN_MICROS // MICROS} to {MAX_MICROS // MICROS} seconds since 1970 (year -290,308 to '
                         f'294,247). Are these milliseconds or microseconds? Timestamps are given in seconds')


def check_times(bundle: Bundle) -> None:
    """Refuses elements that a source gave with a timestamp outside of event time.

    Raises:
      ExecutionError: names the element.
    """
    times = bundle.timestamps
    if type(times) is not list:
        in_time(times)  # type: ignore[arg-type]
    elif times and (min(times) < MIN_MICROS or max(times) > MAX_MICROS):
        for element, time in zip(bundle.values, times, strict=True):
            try:
                in_time(time)
            except ExecutionError as error:
                concerning(error, 'element', element)
                raise


def check_iterable(results: Any) -> Any:
    """What a function that gives any number of outputs returned, ``None`` meaning none.

    Raises:
      TypeError: for a string, bytes or a dict, which are rarely meant to be taken apart, and for what cannot be
        iterated over.
    """
    if results is None:
        return ()
    if isinstance(results, (str, bytes, bytearray, dict)):
        raise TypeError(f'the function must return an iterable of outputs, and returned the {type(results).__name__} '
                        f'{short(results)}. Return [output] for one output, or list(...) if its parts are meant')
    if not isinstance(results, Iterable) and not hasattr(results, '__getitem__'):
        raise TypeError(f'the function must return an iterable of outputs or None, and returned the '
                        f'{type(results).__name__} {short(results)}. Use Map for one output, or return [output]')
    return results


class Counted:
    """Counts outputs that come in something else than a list."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, results: Any) -> Iterable[Any]:
        if type(results) in _SIZED:
            self.count += len(results)
            return results  # type: ignore[no-any-return]
        return self._iterate(check_iterable(results))

    def _iterate(self, results: Iterable[Any]) -> Iterator[Any]:
        for one in results:
            self.count += 1
            yield one


def guard(style: str, partial: bool, caught: Any, failed: Callable[[BaseException, Any], list[Any]]) -> Any:
    """A function from what a guarded function returned, and the element, to a list of outputs."""

    def keep_what_came(results: Any, element: Any) -> Iterator[Any]:
        try:
            yield from check_iterable(results)
        except caught as error:
            yield from failed(error, element)

    match style:
        case 'map':
            return lambda result, element: [result]
        case 'filter':
            return lambda result, element: [element] if result else []
    return keep_what_came if partial else lambda results, element: list(check_iterable(results))


def failure(spec: Guard) -> Callable[[BaseException, Any], list[Any]]:
    """A function from an exception and the element to the output that reports them."""

    def failed(error: BaseException, element: Any) -> list[Any]:
        if spec.callback is not None:
            try:
                spec.callback(error, element)
            except Exception:
                logging.getLogger('bourne').warning('on_failure_callback failed for the element %s', short(element),
                                                    exc_info=True)
        report = (type(error), repr(error), traceback.format_exception(error))
        return [TaggedOutput(spec.tag, (element, report))]

    return failed


def assigner(windowfn: WindowFn, before: WindowFn) -> Assign:
    """A function from an element's time, value and raw window to its new raw windows."""
    encode = raw_windows(windowfn).encode
    decode = raw_windows(before).decode

    def assign(time: int, element: Any, window: Any) -> list[Any]:
        context = WindowFn.AssignContext(as_timestamp(time), element, decode(window))
        return [encode(one) for one in windowfn.assign(context)]

    return assign


def undress(row: OutputRow, raw: RawWindows, assign: Assign | None) -> tuple[str, list[OutputRow], bool]:
    """Takes a tagged, timestamped or windowed output apart.

    Args:
      row: the output, and the time, window and pane of the element that it was made from.
      raw: the raw form of the collection's windows.
      assign: gives an output with a time of its own its windows; ``None`` if all are in the global window.

    Returns:
      Its tag, a row for each of its windows, and whether it brought its own time.
    """
    output, time, window, pane = row
    tag, timed = MAIN, False
    if isinstance(output, TaggedOutput):
        tag, output = output.tag, output.value
    windows = list(window) if isinstance(window, (range, list)) else [window]
    if isinstance(output, WindowedValue):
        time, pane = in_time(output.timestamp.micros), output.pane_info
        windows = [raw.encode(one) for one in output.windows] * len(windows)
        output = output.value
    elif isinstance(output, TimestampedValue):
        time, output, timed = in_time(output.micros), output.value, True
        if assign is not None and not isinstance(output, Dressed):
            windows = [new for old in windows for new in assign(time, output, old)]
    if isinstance(output, Dressed):
        raise ExecutionError(f'a {type(output).__name__} inside of another one: {short(output)}. A TaggedOutput may '
                             f'hold a TimestampedValue or WindowedValue, and these hold plain values')
    return tag, [(output, time, one, pane) for one in windows], timed


#: The names that every generated function can use.
NAMES: dict[str, Any] = {
    'Bundle': Bundle, 'Counted': Counted, 'GLOBAL_WINDOW': GLOBAL_WINDOW, 'MISSING': MISSING,
    'PLAIN_ITERABLES': PLAIN_ITERABLES, 'SPECIAL': DRESSED, 'TaggedOutput': TaggedOutput,
    'TimestampedValue': TimestampedValue, 'WindowedValue': WindowedValue, 'as_timestamp': as_timestamp,
    'in_time': in_time, 'micros': to_micros,
}
