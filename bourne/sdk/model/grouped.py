"""The values of a key where they are too many for a list in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any


class _Brief(threading.local):
    """Whether what this thread shows is cut off anyway."""

    inside = False


#: Set ``inside`` while showing what is to be short.
BRIEF = _Brief()


class GroupedValues(Sequence[Any]):
    """Equal to a list of the same values and shown like one, as those of smaller keys are lists.

    Output must not depend on how much memory there was, so a sink that writes a list writes one for this.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, GroupedValues)):
            return NotImplemented
        # As lists do it: an object is equal to itself, such as a NaN.
        return len(self) == len(other) and all(one is item or one == item for one, item in zip(self, other))

    def __repr__(self) -> str:
        if not BRIEF.inside:
            try:
                return repr(list(self))
            except OSError:  # the run is over, and they are gone
                pass
        return f'<{len(self)} values on disk>'
