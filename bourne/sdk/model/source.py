"""The contract of everything that can be read: files, tables, logs, generators; bounded and unbounded alike.

A *source* is a description. It names its *splits* (a byte range of a file, a partition of a log), and each split
is read by one *reader* in bounded *polls*. Between two polls a reader stands still and can say where it is
(``position``), how far event time has come (``watermark``) and what is left (``backlog``). A new reader opened at a
position goes on exactly where the old one stood: that is what checkpoints and retries rest on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import attrs

from bourne.sdk.model.clock import Clock
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS

T = TypeVar('T')

#: The most that one poll returns unless the caller says otherwise: elements, and about as many bytes.
DEFAULT_RECORDS = 16_384
DEFAULT_BYTES = 4 << 20
#: How soon a reader that has nothing is polled again if it does not say when.
POLL_MICROS = 10_000


@attrs.define(slots=True)
class Records(Generic[T]):
    """What one poll returned: elements, and their event times if the source knows them.

    Attributes:
      values: the elements, in the order in which they were read.
      timestamps: microseconds since the epoch: one for each element, or one int for all of them. The default
        says "not known", which is the minimum of event time.
    """

    values: list[T]
    timestamps: list[int] | int = MIN_MICROS


@attrs.frozen(slots=True)
class Backlog:
    """What a reader has still to read, as far as it can tell. ``None`` is "not known".

    Attributes:
      elements: a number of elements.
      size: a number of bytes.
    """

    elements: int | None = None
    size: int | None = None


@attrs.frozen(slots=True)
class Idle:
    """When a reader that has nothing now may have something again: whichever comes first.

    Attributes:
      until: an instant of processing time, in microseconds; ``None`` to poll again in ``POLL_MICROS``.
      fileno: a descriptor that becomes readable, or ``None``. Alone, it is all that is waited for.
    """

    until: int | None = None
    fileno: int | None = None


class Reader(ABC, Generic[T]):
    """Reads one split, in bounded polls. Used by one thread; never pickled.

    Attributes:
      now: processing time, in microseconds; set by the engine before each poll. Readers whose elements depend on
        time go by it and not by a clock of their own, so that tests own their time.
    """

    now: int = 0

    @abstractmethod
    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[T] | None:
        """The next elements, at once.

        Args:
          max_records: at most so many elements are returned.
          max_bytes: a hint: about so many bytes of input are taken in one poll, at least one element's.

        Returns:
          The elements (perhaps none, if there are none *now*), or ``None`` once the split has ended for good.

        Raises:
          bourne.errors.SourceError: if the data cannot be read; it names the split and the line or offset.
        """

    @property
    @abstractmethod
    def position(self) -> Any:
        """Where the reader stands: small, picklable data that :meth:`Source.open` takes to go on after
        the last element returned."""

    @property
    def watermark(self) -> int:
        """Microseconds: no element still to come from this split is expected with a smaller timestamp.

        Never goes back. A bounded split without event time stays at the minimum until it has ended, which
        the engine treats as the maximum.
        """
        return MIN_MICROS

    @property
    def backlog(self) -> Backlog:
        """What is left in this split."""
        return Backlog()

    def idle(self) -> Idle:
        """How to learn when there is more. Asked only after a poll that returned no elements.

        The default is a look every ten milliseconds.
        """
        return Idle()

    def close(self) -> None:
        """Frees files and connections. May be called twice."""


class Source(ABC, Generic[T]):
    """Describes what is read. Instances are small, immutable and picklable; most are ``@portable``."""

    @property
    def bounded(self) -> bool:
        """False if the data has no end."""
        return True

    @property
    def clock(self) -> Clock | None:
        """For scripts of tests: the clock that the whole run goes by."""
        return None

    def check(self) -> None:
        """Refuses a source that cannot be read, such as files that are not there, before anything runs.

        Called once for a run, in the coordinating process.
        """

    @abstractmethod
    def splits(self, desired: int = 1) -> Sequence[Any]:
        """The parts that can be read independently, each small picklable data, together the whole.

        Called in the coordinating process once for a run, or once more if their sizes ask for another number.

        Args:
          desired: about how many would suit the workers. More, fewer or larger ones are fine; a bounded source
            should cut what is large so that none is a hundred times the size of the others, and what is small, too:
            how long its elements take is not known.
        """

    @abstractmethod
    def open(self, split: Any, position: Any = None) -> Reader[T]:
        """A reader for one split, from its start or from a position that an earlier reader told.

        A retried task opens the same split again: what is read must be the same.
        """

    def size(self, split: Any) -> int | None:
        """About how many bytes the split holds, if that is cheap to know. Serves progress and scheduling."""
        return None


class BoundedReader(Reader[T]):
    """A reader over a list that is already in memory; the base of small sources and of tests."""

    def __init__(self, values: Sequence[T], timestamps: Sequence[int] | None = None, start: int = 0) -> None:
        self._values = values
        self._timestamps = timestamps
        self._next = start

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[T] | None:
        start = self._next
        if start >= len(self._values):
            return None
        stop = self._next = min(start + max_records, len(self._values))
        values = list(self._values[start:stop])
        return Records(values) if self._timestamps is None else Records(values, list(self._timestamps[start:stop]))

    @property
    def position(self) -> int:
        return self._next

    @property
    def watermark(self) -> int:
        return MAX_MICROS if self._next >= len(self._values) else MIN_MICROS

    @property
    def backlog(self) -> Backlog:
        return Backlog(elements=len(self._values) - self._next)
