"""The readers of one source in one host: a poll of each in turn, bounded in records."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from bourne.engine.bundle import Bundle
from bourne.errors import SourceError
from bourne.sdk.model.source import DEFAULT_RECORDS, POLL_MICROS, Backlog, Idle, Reader, Source
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS

#: Calls what belongs to the source, so that errors and metrics are its own.
Step = Callable[..., Any]


class Polled(NamedTuple):
    """What one poll of a split gave.

    Attributes:
      split: the split's number.
      bundle: the elements, at least one.
    """

    split: int
    bundle: Bundle


class Readers:
    """Reads the splits that a host was given. A reader is opened when it is polled for the first time.

    Args:
      source: the source.
      splits: its splits here, each with the position to start from (``None``: its beginning).
      step: calls the source's methods.
      limit: the most records that all of them return in an epoch; a single poll may use it up.
    """

    def __init__(self, source: Source[Any], splits: Sequence[tuple[Any, Any]], step: Step,
                 limit: int | None = None) -> None:
        self._source = source
        self._splits = list(splits)
        self._step = step
        self._limit = limit or DEFAULT_RECORDS
        self._open: dict[int, Reader[Any]] = {}
        self._turn = deque(range(len(self._splits)))
        self._watermarks = dict.fromkeys(range(len(self._splits)), MIN_MICROS)
        self._idle: dict[int, Idle] = {}
        #: A poll of the last epoch gave elements, or not every split had its turn.
        self.busy = True

    @property
    def ended(self) -> bool:
        """True once every split has ended."""
        return not self._turn

    @property
    def watermark(self) -> int:
        """The least watermark of all splits."""
        return min(self._watermarks.values(), default=MAX_MICROS)

    def slowest(self) -> Any:
        """The split whose watermark is the least, or ``None`` if all have ended."""
        number = min(self._watermarks, key=self._watermarks.__getitem__, default=None)
        return None if number is None or self._watermarks[number] == MAX_MICROS else self._splits[number][0]

    def poll(self, now: int, ended: Callable[[int], None]) -> Iterable[Polled]:
        """Polls each split once, in turn, as far as the limit allows.

        Args:
          now: processing time, in microseconds.
          ended: is told the number of each split that has ended.
        """
        left = self._limit
        self._idle.clear()
        for _ in range(len(self._turn)):
            if left <= 0:
                break
            number = self._turn.popleft()
            records = self._poll(number, now, left)
            if records is None:
                ended(number)
                continue
            self._turn.append(number)
            if records.values:
                left -= len(records.values)
                yield Polled(number, Bundle(records.values, records.timestamps))
            else:
                self._idle[number] = self._open[number].idle()
        self.busy = len(self._idle) < len(self._turn)

    def _poll(self, number: int, now: int, limit: int) -> Any:
        reader = self._open.get(number)
        if reader is None:
            reader = self._open[number] = self._step(self._source.open, *self._splits[number])
        reader.now = now
        records = self._step(reader.poll, limit)
        if records is None:
            self._end(number)
        else:
            self._step(self._advance, number, reader.watermark)
        return records

    def _advance(self, number: int, watermark: int) -> None:
        if watermark < self._watermarks[number]:
            raise SourceError(f'the watermark of the split {self._splits[number][0]!r} went back from '
                              f'{self._watermarks[number]} to {watermark} (microseconds); a source must not promise '
                              f'what it cannot keep')
        self._watermarks[number] = watermark

    def _end(self, number: int) -> None:
        self._watermarks[number] = MAX_MICROS
        self._open.pop(number).close()

    def stop(self, ended: Callable[[int], None]) -> None:
        """Ends every split where it stands."""
        for number in self._turn:
            self._watermarks[number] = MAX_MICROS
            ended(number)
        self._turn.clear()
        self._idle.clear()
        self.busy = False
        self.close()

    def due(self, now: int) -> int | None:
        """When a poll may give something, in microseconds of processing time; ``None`` if a descriptor tells."""
        found = [idle.until if idle.until is not None else now + POLL_MICROS
                 for idle in self._idle.values() if idle.until is not None or idle.fileno is None]
        return min(found, default=None)

    def filenos(self) -> list[int]:
        """Descriptors that become readable when a poll may give something."""
        return [idle.fileno for idle in self._idle.values() if idle.fileno is not None]

    def backlog(self) -> dict[int, tuple[Any, int, Backlog]]:
        """Split, watermark and what is left, for each split that has not ended, by its number."""
        return {number: (self._splits[number][0], self._watermarks[number], self._left(number))
                for number in sorted(self._turn)}

    def _left(self, number: int) -> Backlog:
        if number in self._open:
            return self._open[number].backlog
        split, position = self._splits[number]
        return Backlog(size=self._source.size(split) if position is None else None)

    def close(self) -> None:
        """Closes all readers."""
        while self._open:
            self._open.popitem()[1].close()
