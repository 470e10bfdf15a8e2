"""The data between programs: a struct of arrays.

``values`` is a list. Beside it stand the elements' timestamps, windows and panes, each either one constant for the
whole bundle or a parallel list, so that bounded, globally windowed data carries just its values. Windows are in the
raw form of ``engine/windows.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from bourne.sdk.model.pane import PANE_INFO_UNKNOWN
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.model.window import GLOBAL_WINDOW


@attrs.define(slots=True)
class Bundle:
    """Elements that are processed together.

    Attributes:
      values: the elements.
      timestamps: microseconds; one int for all, or a list with one for each.
      windows: raw windows; one for all, or a list. A window itself is never a list.
      panes: ``PaneInfo``; one for all, or a list.
    """

    values: list[Any]
    timestamps: int | list[int] = MIN_MICROS
    windows: Any = GLOBAL_WINDOW
    panes: Any = PANE_INFO_UNKNOWN

    def __len__(self) -> int:
        return len(self.values)

    @property
    def form(self) -> int:
        """Which columns are lists, as bits: 1 timestamps, 2 windows, 4 panes."""
        return ((type(self.timestamps) is list) | (type(self.windows) is list) << 1 | (type(self.panes) is list) << 2)

    def rows(self) -> Iterator[tuple[Any, int, Any, Any]]:
        """``(value, timestamp, window, pane)`` of each element. For slow paths and tests."""
        columns = [column if type(column) is list else [column] * len(self.values)
                   for column in (self.timestamps, self.windows, self.panes)]
        return zip(self.values, *columns, strict=True)

    def take(self, part: slice) -> Bundle:
        """The elements of a slice as a bundle of their own."""
        columns = (column[part] if type(column) is list else column
                   for column in (self.timestamps, self.windows, self.panes))
        return Bundle(self.values[part], *columns)

    def cut(self, size: int | None) -> Iterator[Bundle]:
        """The same elements in bundles of at most ``size``; itself if that is ``None``."""
        if size is None or len(self.values) <= size:
            yield self
            return
        for start in range(0, len(self.values), size):
            yield self.take(slice(start, start + size))


def from_rows(rows: Iterable[tuple[Any, int, Any, Any]]) -> Bundle:
    """The bundle of such tuples as :meth:`Bundle.rows` gives, every column a list."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return Bundle(*columns)
