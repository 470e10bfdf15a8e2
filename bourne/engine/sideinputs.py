"""Side inputs: all elements of a window of a collection, as the argument that the user asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import attrs

from bourne.engine.bundle import Bundle
from bourne.engine.keyed import PANES, Keyed
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import GroupByKey, SideView
from bourne.sdk.model.known import short, unpack_pair
from bourne.sdk.model.timestamp import MAX_MICROS, Timestamp
from bourne.sdk.model.trigger import AccumulationMode, AfterWatermark, DefaultTrigger, Windowing
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


def side_input(view: SideView, bundles: Iterable[Bundle], windowing: Windowing, main_windowfn: WindowFn,
               what: str) -> Callable[[Any], Any]:
    """A function from a raw window of the main input to the argument, when the side input is complete.

    The side window of a main window is the one that holds its last instant. Views are made when they are first
    asked for, and kept.

    Args:
      view: how the user looks at the side input.
      bundles: its elements.
      windowing: its windowing.
      main_windowfn: the main input's window function.
      what: its name, for errors.
    """
    by_window = _whole(bundles) if fires_once(windowing) else _latest(bundles, windowing)
    views: dict[Any, Any] = {}
    side_window = window_mapping(windowing.windowfn, main_windowfn)

    def look_up(window: Any) -> Any:
        if window not in views:
            views[window] = make_view(view, by_window.get(side_window(window), []), what)
        return views[window]

    return look_up


def fires_once(windowing: Windowing) -> bool:
    """True if a side input is all that there is in a window, and not what its trigger fired last."""
    return windowing.trigger in (DefaultTrigger(), AfterWatermark())


def panes_of(windowing: Windowing) -> Keyed:
    """Groups the elements of a side input, with ``None`` as the key: what is looked at are its panes.

    A pane replaces the one before it. So with the default trigger panes accumulate, and late elements come on top.
    """
    if fires_once(windowing):
        windowing = attrs.evolve(windowing, accumulation_mode=AccumulationMode.ACCUMULATING)
    made: Keyed = import_module(PANES).windowing_operator(GroupByKey(), windowing)
    return made


def as_pairs(bundle: Bundle) -> Bundle:
    """The elements of a side input as :func:`panes_of` takes them."""
    return Bundle([(None, value) for value in bundle.values], bundle.timestamps, bundle.windows, bundle.panes)


def take_panes(fired: Iterable[Bundle], into: dict[Any, list[Any]]) -> list[Any]:
    """Puts the values of panes in the place of those of earlier ones. A pane without values changes nothing.

    Args:
      fired: what :func:`panes_of` made.
      into: the values by raw window; changed in place.

    Returns:
      The windows that have changed.
    """
    changed = []
    for bundle in fired:
        for (_, values), _, window, _ in bundle.rows():
            if values:
                into[window] = list(values)
                changed.append(window)
    return changed


def _latest(bundles: Iterable[Bundle], windowing: Windowing) -> dict[Any, list[Any]]:
    """What the trigger fired last, by window."""
    panes = panes_of(windowing)
    values: dict[Any, list[Any]] = {}
    for bundle in bundles:
        take_panes(panes.add(0, as_pairs(bundle), 0), values)
    take_panes(panes.advance(MAX_MICROS, 0), values)
    return values


def _whole(bundles: Iterable[Bundle]) -> dict[Any, list[Any]]:
    by_window: dict[Any, list[Any]] = {}
    for bundle in bundles:
        if type(bundle.windows) is list:
            for value, window in zip(bundle.values, bundle.windows, strict=True):
                by_window.setdefault(window, []).append(value)
        else:
            by_window.setdefault(bundle.windows, []).extend(bundle.values)
    return by_window


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

    @lru_cache(maxsize=1024)  # it is asked for each element
    def side_window(window: Any) -> Any:
        last = Timestamp(micros=ends(window))
        found = list(side_windowfn.assign(WindowFn.AssignContext(last)))
        return encode(found[-1]) if found else None  # between sliding windows with gaps there is nothing

    return side_window
