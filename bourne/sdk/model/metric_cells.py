"""Cells: each holds one metric of one step.

Cells of the same kind merge: the updates of bundles, in any grouping and order, come to the same value. For a
counter that is ``+``, for a distribution ``+, +, min, max``, for a gauge the latest, for a string set the
union (and see there what bounds it). For a bounded trie this holds as long as it is within its bound.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from bourne.sdk.model.bounded_trie import BoundedTrie


class DistributionResult(NamedTuple):
    """The numbers given to a distribution, in brief; ``min`` and ``max`` are None if there were none."""

    sum: float
    count: int  # type: ignore[assignment]
    min: float | None
    max: float | None

    @property
    def mean(self) -> float | None:
        """The mean, or None if there were no numbers."""
        # By position: a named tuple is still a tuple, whose own count() is a method.
        return self[0] / self[1] if self[1] else None

    def __repr__(self) -> str:
        return (f'DistributionResult(sum={self.sum}, count={self.count}, min={self.min}, max={self.max}, '
                f'mean={self.mean})')


class GaugeResult(NamedTuple):
    """The latest value of a gauge, and when it was set (seconds since the epoch, 0 if never)."""

    value: float | None
    timestamp: float


class Cell:
    """One metric of one step. Not thread-safe: a container belongs to the thread that runs the bundle."""

    __slots__ = ()
    kind: ClassVar[str]

    def merge(self, other: Any) -> None:
        """Takes over the updates of another cell of the same class, which stays as it is."""
        raise NotImplementedError

    def result(self) -> Any:
        """The value as users see it: immutable, or a copy."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bool(self.result() == other.result())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.result()!r})'


class CounterCell(Cell):
    """A sum of whole numbers."""

    __slots__ = ('value',)
    kind = 'counter'

    def __init__(self) -> None:
        self.value = 0

    def update(self, n: int = 1) -> None:
        """Adds ``n``, which may be negative."""
        self.value += n

    inc = update

    def dec(self, n: int = 1) -> None:
        """Subtracts ``n``."""
        self.value -= n

    def merge(self, other: CounterCell) -> None:
        self.value += other.value

    def result(self) -> int:
        return self.value


class DistributionCell(Cell):
    """Sum, count, least and greatest of numbers."""

    __slots__ = ('sum', 'count', 'min', 'max')
    kind = 'distribution'

    def __init__(self) -> None:
        self.sum: float = 0
        self.count = 0
        self.min: float = float('inf')
        self.max: float = float('-inf')

    def update(self, value: float) -> None:
        """Adds one number."""
        # First, for it fails if the value is not a number: then nothing has changed.
        self.sum += value
        self.count += 1
        if value < self.min:
            self.min = value
        if value > self.max:
            self.max = value

    def merge(self, other: DistributionCell) -> None:
        self.sum += other.sum
        self.count += other.count
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)

    def result(self) -> DistributionResult:
        bounds = (self.min, self.max) if self.count else (None, None)
        return DistributionResult(self.sum, self.count, *bounds)


class GaugeCell(Cell):
    """The value set last; of two set at the same time the greater one, so that merges have no order."""

    __slots__ = ('value', 'timestamp')
    kind = 'gauge'

    def __init__(self) -> None:
        self.value: float | None = None
        self.timestamp: float = 0

    def update(self, value: float, timestamp: float) -> None:
        """Sets the value as of ``timestamp``, in seconds since the epoch."""
        # Within a bundle the later call is later, whatever the resolution of the clock.
        if self.value is None or timestamp >= self.timestamp:
            self.value, self.timestamp = value, timestamp

    def merge(self, other: GaugeCell) -> None:
        if other.value is not None and (
                self.value is None or (other.timestamp, other.value) > (self.timestamp, self.value)):
            self.value, self.timestamp = other.value, other.timestamp

    def result(self) -> GaugeResult:
        return GaugeResult(self.value, self.timestamp)


class StringSetCell(Cell):
    """A set of texts of bounded size.

    At most ``LIMIT`` characters are kept: the texts before a cut-off, which is the first text ``c`` in order
    for which the texts up to and including ``c`` have more than ``LIMIT`` characters. The cut-off depends on
    nothing but the set of all texts given, so cells merge to the same value in any grouping and order.
    """

    __slots__ = ('_texts', '_characters', '_cut')
    kind = 'string_set'
    #: Characters, as in Beam.
    LIMIT: ClassVar[int] = 1_000_000

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._characters = 0
        self._cut: str | None = None

    def update(self, text: str) -> None:
        """Adds a text."""
        if text not in self._texts and (self._cut is None or text < self._cut):
            self._texts.add(text)
            self._characters += len(text)
            # Cutting means sorting, so not at each addition.
            if self._characters > 2 * self.LIMIT:
                self._trim()

    add = update

    def merge(self, other: StringSetCell) -> None:
        for text in other._texts:
            self.update(text)
        if other._cut is not None and (self._cut is None or other._cut < self._cut):
            self._cut = other._cut
        self._trim()

    def result(self) -> frozenset[str]:
        self._trim()
        return frozenset(self._texts)

    @property
    def truncated(self) -> bool:
        """True if texts were left out for the limit."""
        self._trim()
        return self._cut is not None

    def _trim(self) -> None:
        if self._characters <= self.LIMIT and self._cut is None:
            return
        kept: set[str] = set()
        total = 0
        for text in sorted(self._texts):
            if total + len(text) > self.LIMIT or (self._cut is not None and text >= self._cut):
                self._cut = text if self._cut is None else min(text, self._cut)
                break
            kept.add(text)
            total += len(text)
        self._texts, self._characters = kept, total


class BoundedTrieCell(Cell):
    """A set of paths of bounded size; see :class:`BoundedTrie`."""

    __slots__ = ('trie',)
    kind = 'bounded_trie'

    def __init__(self) -> None:
        self.trie = BoundedTrie()

    def update(self, segments: tuple[str, ...]) -> None:
        """Adds a path."""
        self.trie.add(segments)

    add = update

    def merge(self, other: BoundedTrieCell) -> None:
        self.trie.merge(other.trie)

    def result(self) -> BoundedTrie:
        return self.trie.copy()


#: The classes of cells by kind.
CELLS: dict[str, type[Cell]] = {
    cls.kind: cls for cls in (CounterCell, DistributionCell, GaugeCell, StringSetCell, BoundedTrieCell)
}
