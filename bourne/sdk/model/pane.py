"""Panes: which of a window's results an element belongs to."""

from __future__ import annotations

import attrs

from bourne.sdk.model.portable import portable


class PaneInfoTiming:
    """When a pane was emitted, relative to the watermark's passing of the end of its window."""

    EARLY = 0
    ON_TIME = 1
    LATE = 2
    UNKNOWN = 3

    @classmethod
    def to_string(cls, value: int) -> str:
        """The timing's name, such as ``'ON_TIME'``."""
        return ('EARLY', 'ON_TIME', 'LATE', 'UNKNOWN')[value]

    @classmethod
    def from_string(cls, value: str) -> int:
        """The timing of that name."""
        return int(getattr(cls, value))


@portable
@attrs.frozen(repr=False)
class PaneInfo:
    """Describes one firing of a key and window.

    Attributes:
      is_first: nothing was emitted for the key and window before.
      is_last: nothing will be emitted for them again.
      timing: one of :class:`PaneInfoTiming`.
      index: counts the firings, from 0.
      nonspeculative_index: counts the firings that were not early, from 0; -1 in an early pane.
    """

    is_first: bool = True
    is_last: bool = True
    timing: int = PaneInfoTiming.UNKNOWN
    index: int = 0
    nonspeculative_index: int = 0


#: The pane of an element that no grouping has touched.
PANE_INFO_UNKNOWN = PaneInfo()
#: The only pane of a key and window whose data was complete when it was emitted: batch, default trigger.
ONLY_PANE = PaneInfo(True, True, PaneInfoTiming.ON_TIME, 0, 0)
