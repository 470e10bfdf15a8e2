"""Raw windows: how the engine holds windows while nobody looks at them.

A window of fixed length is its start, an int; a session is ``(start, end)``; every other window is the user's object.
An interval that does not lie on its function's grid, as a ``DoFn`` may emit, stays an object, too. Raw windows are
equal exactly if the windows are, so they serve as keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from bourne.sdk.model.window import (
    BoundedWindow,
    FixedWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    WindowFn,
)


class RawWindows(NamedTuple):
    """Between windows and their raw form, for one window function.

    Attributes:
      encode: from a window to its raw form.
      decode: from the raw form to the window.
      end: the last instant of a raw window, in microseconds.
    """

    encode: Callable[[BoundedWindow], Any]
    decode: Callable[[Any], BoundedWindow]
    end: Callable[[Any], int]


def raw_windows(windowfn: WindowFn) -> RawWindows:
    """The raw form that is used for a function's windows."""
    if type(windowfn) is FixedWindows:
        return _grid(windowfn.size.micros, windowfn.size.micros, windowfn.offset.micros)
    if type(windowfn) is SlidingWindows:
        return _grid(windowfn.size.micros, windowfn.period.micros, windowfn.offset.micros)
    if type(windowfn) is Sessions:
        return RawWindows(_encode_session, _decode_session, _session_end)
    return RawWindows(_same, _same, _end)


def _same(window: Any) -> Any:
    return window


def _end(window: BoundedWindow) -> int:
    return window.max_timestamp().micros


def _encode_session(window: BoundedWindow) -> Any:
    return (window.start_micros, window.end_micros) if type(window) is IntervalWindow else window


def _decode_session(raw: Any) -> BoundedWindow:
    return IntervalWindow.of_micros(*raw) if type(raw) is tuple else raw


def _session_end(raw: Any) -> int:
    return int(raw[1]) - 1 if type(raw) is tuple else _end(raw)


@lru_cache(maxsize=64)
def _grid(size: int, period: int, offset: int) -> RawWindows:
    def encode(window: BoundedWindow) -> Any:
        if (type(window) is IntervalWindow and window.end_micros - window.start_micros == size
                and (window.start_micros - offset) % period == 0):
            return window.start_micros
        return window

    @lru_cache(maxsize=4096)
    def decode(raw: Any) -> BoundedWindow:
        return IntervalWindow.of_micros(raw, raw + size) if type(raw) is int else raw

    def end(raw: Any) -> int:
        return raw + size - 1 if isinstance(raw, int) else _end(raw)

    return RawWindows(encode, decode, end)
