"""Side inputs: all elements of a window of a collection, as the argument that the user asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import SideView
from bourne.sdk.model.known import short, unpack_pair
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, GlobalWindows, WindowFn


class MultiMap(Mapping[Any, list[Any]]):
    """From each key to the list of its values; a key that is not there has none."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._lists: dict[Any, list[Any]] = {}
        for pair in pairs:
            key, value = unpack_pair(pair)
            self._lists.setdefault(key, []).append(value)

    def __getitem__(self, key: Any) -> list[Any]:
        return self._lists.get(key, [])

    def __contains__(self, key: object) -> bool:
        return key in self._lists

    def __iter__(self) -> Iterator[Any]:
        return iter(self._lists)

    def __len__(self) -> int:
        return len(self._lists)

    def __repr__(self) -> str:
        return f'MultiMap({self._lists!r})'


def make_view(view: SideView, values: list[Any], what: str) -> Any:
    """The argument made of a window's elements.

    Args:
      view: how the user looks at them.
      values: the elements.
      what: the side input's name, for errors.

    Raises:
      ExecutionError: if the elements do not suit the view.
    """
    match view.view:
        case 'iter' | 'list':
            return list(values)
        case 'dict':
            return _make_dict(values, what)
        case 'multimap':
            return MultiMap(values)
    if len(values) == 1:
        return values[0]
    if values:
        raise ExecutionError(f'the side input {what} is looked at with AsSingleton, but has {len(values)} elements in '
                             f'the window, such as {short(values[0])} and {short(values[1])}')
    if not view.has_default:
        raise ExecutionError(f'the side input {what} is looked at with AsSingleton, but has no element in the window; '
                             f'give it a default: AsSingleton(pcoll, default_value=...)')
    return view.default


def _make_dict(values: list[Any], what: str) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for pair in values:
        key, value = unpack_pair(pair)
        if key in made:
            raise ExecutionError(f'the side input {what} is looked at with AsDict, but has the key {short(key)} twice; '
                                 f'use AsMultiMap')
        made[key] = value
    return made


def side_input(view: SideView, bundles: Iterable[Bundle], side_windowfn: WindowFn, main_windowfn: WindowFn,
               what: str) -> Callable[[Any], Any]:
    """A function from a raw window of the main input to the argument.

    The side window of a main window is the one that holds its last instant. Views are made when they are first
    asked for, and kept.

    Args:
      view: how the user looks at the side input.
      bundles: its elements.
      side_windowfn: its window function.
      main_windowfn: the main input's.
      what: its name, for errors.
    """
    by_window: dict[Any, list[Any]] = {}
    for bundle in bundles:
        if type(bundle.windows) is list:
            for value, window in zip(bundle.values, bundle.windows, strict=True):
                by_window.setdefault(window, []).append(value)
        else:
            by_window.setdefault(bundle.windows, []).extend(bundle.values)
    views: dict[Any, Any] = {}
    side_window = window_mapping(side_windowfn, main_windowfn)

    def look_up(window: Any) -> Any:
        if window not in views:
            views[window] = make_view(view, by_window.get(side_window(window), []), what)
        return views[window]

    return look_up


def window_mapping(side_windowfn: WindowFn, main_windowfn: WindowFn) -> Callable[[Any], Any]:
    """A function from a raw window of the main input to the raw window of the side input that belongs to it.

    That is the one that holds its last instant; ``None`` if there is no such window.

    Args:
      side_windowfn: the side input's window function.
      main_windowfn: the main input's.
    """
    if isinstance(side_windowfn, GlobalWindows):
        return lambda window: GLOBAL_WINDOW
    ends = raw_windows(main_windowfn).end
    encode = raw_windows(side_windowfn).encode

    def side_window(window: Any) -> Any:
        last = Timestamp(micros=ends(window))
        found = list(side_windowfn.assign(WindowFn.AssignContext(last)))
        return encode(found[-1]) if found else None  # between sliding windows with gaps there is nothing

    return side_window
