"""The data between programs: a struct of arrays.

``values`` is a list. Beside it stand the elements' timestamps, windows and panes, each either one constant for the
whole bundle or a parallel list, so that bounded, globally windowed data carries just its values. Windows are in the
raw form of ``engine/windows.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
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

    def pick(self, positions: list[int]) -> Bundle:
        """The elements at these positions as a bundle of their own."""
        columns = ([column[i] for i in positions] if type(column) is list else column
                   for column in (self.timestamps, self.windows, self.panes))
        return Bundle([self.values[i] for i in positions], *columns)

    def cut(self, size: int | None) -> Iterator[Bundle]:
        """The same elements in bundles of at most ``size``; itself if that is ``None``."""
        if size is None or len(self.values) <= size:
            yield self
            return
        for start in range(0, len(self.values), size):
            yield self.take(slice(start, start + size))


def join(bundles: Sequence[Bundle]) -> Bundle:
    """The elements of several bundles, at least one, as one bundle."""
    if len(bundles) == 1:
        return bundles[0]
    lengths = [len(bundle.values) for bundle in bundles]
    return Bundle(list(chain.from_iterable(bundle.values for bundle in bundles)),
                  _column([bundle.timestamps for bundle in bundles], lengths),
                  _column([bundle.windows for bundle in bundles], lengths),
                  _column([bundle.panes for bundle in bundles], lengths))


def _column(columns: list[Any], lengths: list[int]) -> Any:
    first = columns[0]
    if type(first) is not list and all(type(column) is not list and column == first for column in columns):
        return first
    return list(chain.from_iterable(column if type(column) is list else [column] * length
                                    for column, length in zip(columns, lengths, strict=True)))


def from_rows(rows: Iterable[tuple[Any, int, Any, Any]]) -> Bundle:
    """The bundle of such tuples as :meth:`Bundle.rows` gives, every column a list."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return Bundle(*columns)
