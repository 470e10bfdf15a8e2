"""What stands at the head of a keyed stage and holds something for each key and window: the contract.

The same object serves batch and stream. In batch everything is added while the watermark is at the minimum, and then
the watermark advances once, to the maximum. In a stream both happen in every epoch::

    for bundle in bundles_of_this_epoch:
        outputs += keyed.add(port, bundle, now)      # under the watermark of the last epoch
    outputs += keyed.advance(watermark, now)         # under the new one
    output_watermark = min(watermark, keyed.hold().micros)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from bourne.engine.bundle import Bundle

#: What windows with triggers need; imported only for them.
PANES = 'bourne.engine.panes'


class Hold(NamedTuple):
    """Why an output watermark stays behind the input's.

    Attributes:
      micros: the output watermark is not later than this.
      window: the raw window of what will still be emitted.
      key: its key.
    """

    micros: int
    window: Any
    key: Any


class Size(NamedTuple):
    """What is held.

    Attributes:
      entries: pairs of a key and a window.
      bytes: about how many bytes they take.
    """

    entries: int
    bytes: int


class Keyed(Protocol):
    """Holds something for each key and window. Used by one thread."""

    #: How many elements were dropped because their window had expired.
    dropped: int

    def add(self, port: int, bundle: Bundle, now: int) -> Iterable[Bundle]:
        """Takes elements.

        Args:
          port: the number of the input that they belong to.
          bundle: pairs.
          now: processing time, in microseconds.

        Returns:
          What they made due at once.
        """

    def advance(self, watermark: int, now: int) -> Iterable[Bundle]:
        """Lets time pass.

        Args:
          watermark: the input watermark, in microseconds; never less than before.
          now: processing time, in microseconds; never less than before.

        Returns:
          What is due; what has expired is forgotten.
        """

    def hold(self) -> Hold | None:
        """The earliest of what will still be emitted, if that is before the end of all windows that are still open."""

    def due(self) -> int | None:
        """The processing time, in microseconds, at which :meth:`advance` should be called again at the latest."""

    def size(self) -> Size:
        """What is held at the moment."""
