"""Matchers for panes: which results came early, on time and late.

::

    assert_that(counts, equal_to_panes([
        early(('a', 1), window=IntervalWindow(0, 10)),
        on_time(('a', 3), window=IntervalWindow(0, 10)),
        late(('a', 4), is_last=True),
    ]))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from bourne.errors import AssertionFailed, TransformError
from bourne.sdk.model.known import short
from bourne.sdk.model.pane import PaneInfoTiming
from bourne.sdk.model.portable import portable
from bourne.sdk.model.timestamp import Timestamp, TimestampTypes
from bourne.sdk.model.window import BoundedWindow
from bourne.sdk.testing.compare import BRIEF, describe, differences, row_namedtuple_equals_fn, show
from bourne.sdk.testing.util import Matcher, ReifiedMatcher, TestWindowedValue

__all__ = ['Pane', 'early', 'equal_to_panes', 'late', 'on_time']


@portable
@attrs.frozen
class Pane:
    """An element that is expected in a pane. What is ``None`` is not looked at.

    Attributes:
      value: the element; an object with a method ``matches`` says itself whether an element will do.
      window: its window.
      timing: one of :class:`~bourne.sdk.model.pane.PaneInfoTiming`.
      index: the number of the pane among those of its key and window.
      nonspeculative_index: its number among those that are not early.
      is_first: nothing came for the key and window before.
      is_last: nothing comes for them afterwards.
      timestamp: the element's event time, in seconds or as a ``Timestamp``.
    """

    value: Any
    window: BoundedWindow | None = None
    timing: int | None = None
    index: int | None = None
    nonspeculative_index: int | None = None
    is_first: bool | None = None
    is_last: bool | None = None
    timestamp: TimestampTypes | None = None

    def fits(self, actual: TestWindowedValue) -> bool:
        """Whether it is this one."""
        found = actual.pane_info
        wanted = (
            (self.window, actual.windows[0]), (self.timing, found.timing), (self.index, found.index),
            (self.nonspeculative_index, found.nonspeculative_index), (self.is_first, found.is_first),
            (self.is_last, found.is_last),
            (None if self.timestamp is None else Timestamp.of(self.timestamp), actual.timestamp))
        return all(one is None or one == other for one, other in wanted) and _same(self.value, actual.value)

    def __repr__(self) -> str:
        parts = [short(self.value)]
        for field in attrs.fields(type(self))[1:]:
            value = getattr(self, field.name)
            if value is not None:
                text = PaneInfoTiming.to_string(value) if field.name == 'timing' else repr(value)
                parts.append(f'{field.name}={text}')
        return f'Pane({", ".join(parts)})'


def _same(expected: Any, actual: Any) -> bool:
    matches = getattr(expected, 'matches', None)
    return bool(matches(actual)) if callable(matches) else row_namedtuple_equals_fn(expected, actual)


def early(value: Any, window: BoundedWindow | None = None, **more: Any) -> Pane:
    """An element in a pane that fires before the watermark passes the end of the window. Arguments as for ``Pane``."""
    return Pane(value, window, PaneInfoTiming.EARLY, **more)


def on_time(value: Any, window: BoundedWindow | None = None, **more: Any) -> Pane:
    """An element in the pane that fires when the watermark passes the end of the window. Arguments as for ``Pane``."""
    return Pane(value, window, PaneInfoTiming.ON_TIME, **more)


def late(value: Any, window: BoundedWindow | None = None, **more: Any) -> Pane:
    """An element in a pane that fires after that. Arguments as for ``Pane``."""
    return Pane(value, window, PaneInfoTiming.LATE, **more)


class _EqualToPanes(ReifiedMatcher):
    """See :func:`equal_to_panes`."""

    def __init__(self, expected: list[Pane]) -> None:
        self.expected = expected

    def __call__(self, actual: Iterable[Any]) -> None:
        elements = list(actual)
        missing, unexpected = differences(self.expected, elements, Pane.fits)
        if missing or unexpected:
            raise AssertionFailed(f'Failed assert: {show(self.expected, BRIEF)} == {show(elements, BRIEF)}, '
                                  f'{describe(missing, unexpected)}')


def equal_to_panes(expected: Iterable[Pane]) -> Matcher:
    """Matches exactly these elements in these panes, in any order.

    Args:
      expected: what :func:`early`, :func:`on_time` and :func:`late` make, or :class:`Pane` itself.

    Raises:
      TransformError: if there is anything else among them.
    """
    panes = list(expected)
    for pane in panes:
        if not isinstance(pane, Pane):
            raise TransformError(f'equal_to_panes takes what early(...), on_time(...), late(...) or Pane(...) make; '
                                 f'got {short(pane)}')
    return _EqualToPanes(panes)
