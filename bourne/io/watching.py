"""``MatchContinuously``: a pattern that is matched again and again, for files as they appear.

Looks are due at ``start + k * interval``. What look ``k`` finds has its time as event time, and after it the watermark
is that of the next look. Looks that were missed are made up for by the last of them, unless every look counts.

With a cursor, files have the time of their last change instead. The watermark then is the newest change, or the time of
the look if that brought nothing newer, so that windows close although nothing appears.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import attrs

from bourne.errors import SourceError, TransformError
from bourne.io.arguments import path_argument, text_of
from bourne.io.matching import EmptyMatchTreatment, FileMetadata, match, nothing_matches
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MAX_TIMESTAMP, MIN_MICROS, Duration, Timestamp, TimestampTypes
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.periodicsequence import periods
from bourne.sdk.transforms.read import Read, read
from bourne.sdk.transforms.window import WindowInto
from bourne.sdk.value_provider import ValueProvider


class MatchContinuously(PTransform):
    """The files that match a pattern, as they appear: an unbounded collection of ``FileMetadata``.

    The pattern is matched at ``start_timestamp`` and every ``interval`` seconds after it, and a file has the time of
    the look that found it as its event time. A file should appear under its name when it is complete: write it under
    another name, which the pattern does not match, and rename it.

    The paths that were emitted are remembered for as long as the pipeline runs, unless ``timestamp_cursor`` is used.

    Args:
      file_pattern: a path or URL with wildcards (:mod:`bourne.io.globs`).
      interval: how often to look, in seconds.
      has_deduplication: a file is emitted once, and not by every look.
      start_timestamp: when to look first, in seconds since the epoch or as a ``Timestamp``; by default when the
        transform is made.
      stop_timestamp: there are no looks then or later; by default there is no end.
      match_updated_files: a file is emitted again when it has another time of change or size than before.
      apply_windowing: files are in fixed windows of ``interval``, and not in the global one.
      empty_match_treatment: whether the pattern may match nothing.
      timestamp_cursor: files have the time of their last change as event time, and what was changed before the newest
        one that was emitted is taken as seen, so that only the newest have to be remembered. With it, files that change
        are emitted again.

    Raises:
      TransformError: if an argument is not valid.
    """

    def __init__(
        self,
        file_pattern: Any,
        interval: float | Duration = 360.0,
        has_deduplication: bool = True,
        start_timestamp: TimestampTypes | None = None,
        stop_timestamp: TimestampTypes = MAX_TIMESTAMP,
        match_updated_files: bool = False,
        apply_windowing: bool = False,
        empty_match_treatment: str = EmptyMatchTreatment.ALLOW,
        timestamp_cursor: bool = False,
    ) -> None:
        super().__init__()
        if timestamp_cursor and not has_deduplication:
            raise TransformError('MatchContinuously: timestamp_cursor=True says which files were seen, so that it '
                                 'needs has_deduplication=True')
        EmptyMatchTreatment.allow_empty_match('', empty_match_treatment)
        start = Timestamp.now() if start_timestamp is None else start_timestamp
        looks = periods('MatchContinuously', start, stop_timestamp, interval)
        begin = Timestamp.of(start).micros
        self._source = WatchSource(
            path_argument('MatchContinuously', 'file_pattern', file_pattern), begin, looks.interval,
            looks.count_from(begin), has_deduplication, match_updated_files or timestamp_cursor, timestamp_cursor,
            empty_match_treatment)
        self._windows = FixedWindows(interval) if apply_windowing else None

    def expand(self, pbegin: Any) -> PCollection[FileMetadata]:
        if self._windows is None:
            return read(self, pbegin, self._source, FileMetadata)
        found: PCollection[FileMetadata] = (
            pbegin | 'Watch' >> Read(self._source, FileMetadata) | 'Windows' >> WindowInto(self._windows))
        return found


#: What a file looked like: when it was last changed, in seconds, and its size in bytes.
State = tuple[float, int]


class Position(NamedTuple):
    """Where a watch stands.

    Attributes:
      look: the number of the next look, or of the one whose files are not all emitted.
      seen: the files that were emitted and must be remembered.
      cursor: microseconds: the newest change so far.
      watermark: microseconds.
    """

    look: int
    seen: dict[str, State]
    cursor: int
    watermark: int


@portable
@attrs.frozen
class WatchSource(Source[FileMetadata]):
    """The files that match a pattern, as they appear.

    Attributes:
      pattern: the pattern.
      start: the time of the first look, in microseconds.
      interval: the distance between two looks, in microseconds.
      count: how many looks there are; ``None`` for no end.
      deduplicate: a file is emitted once, and not by every look.
      updated: a file is emitted again once it has changed.
      cursor: files have the time of their last change, and what is older than the newest one is taken as seen.
      treatment: whether the pattern may match nothing.
    """

    pattern: str | ValueProvider[str]
    start: int
    interval: int
    count: int | None = None
    deduplicate: bool = True
    updated: bool = False
    cursor: bool = False
    treatment: str = EmptyMatchTreatment.ALLOW

    @property
    def bounded(self) -> bool:
        return False

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: Position | None = None) -> WatchReader:
        return WatchReader(self, position)


class WatchReader(Reader[FileMetadata]):
    """Looks when it is time.

    A reader that goes on at a position in the middle of a look makes that look again.

    Args:
      source: what to watch.
      position: where to go on.
    """

    def __init__(self, source: WatchSource, position: Position | None = None) -> None:
        self._source = source
        self._look, seen, self._cursor, self._watermark = position or Position(0, {}, MIN_MICROS, source.start)
        if source.cursor and position is None:
            self._watermark = MIN_MICROS
        self._seen = dict(seen)
        # What the look that is under way found and has not emitted, the next one last.
        self._found: list[FileMetadata] = []
        self._open = False

    def poll(
        self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES,
    ) -> Records[FileMetadata] | None:
        if not self._open and not self._begin():
            return None if self._ended() else Records([], [])
        files = [self._found.pop() for _ in range(min(max_records, len(self._found)))]
        times = [self._time_of(file) for file in files]
        self._seen.update((file.path, _state(file)) for file in files)
        if not self._found:
            self._end()
        return Records(files, times)

    def _ended(self) -> bool:
        count = self._source.count
        return count is not None and self._look >= count

    def _begin(self) -> bool:
        """Makes the next look, if it is due."""
        source = self._source
        due = (self.now - source.start) // source.interval
        if self._ended() or due < self._look:
            return False
        if source.deduplicate:
            self._look = due if source.count is None else min(due, source.count - 1)
        pattern = text_of(source.pattern)
        files = match(pattern)
        if not files and not EmptyMatchTreatment.allow_empty_match(pattern, source.treatment):
            raise nothing_matches(pattern)
        self._found = sorted(filter(self._is_new, files), key=lambda file: (self._time_of(file), file.path),
                             reverse=True)
        self._open = True
        return True

    def _is_new(self, file: FileMetadata) -> bool:
        if self._source.cursor and _changed(file) < self._cursor:
            return False
        seen = self._seen.get(file.path)
        return seen is None or (self._source.updated and seen != _state(file))

    def _time_of(self, file: FileMetadata) -> int:
        return _changed(file) if self._source.cursor else self._time

    @property
    def _time(self) -> int:
        """The time of the look that is under way, or of the next one."""
        return self._source.start + self._look * self._source.interval

    def _end(self) -> None:
        """All that the look found was emitted."""
        source = self._source
        if source.cursor:
            newest = max((_micros(changed) for changed, _ in self._seen.values()), default=MIN_MICROS)
            self._watermark = max(self._watermark, min(newest, self._time) if newest > self._cursor else self._time)
            self._cursor = max(self._cursor, newest)
            self._seen = {path: state for path, state in self._seen.items() if _micros(state[0]) >= self._cursor}
        elif not source.deduplicate:
            self._seen = {}
        self._look += 1
        self._open = False
        if not source.cursor:
            self._watermark = self._time

    @property
    def position(self) -> Position:
        return Position(self._look, dict(self._seen), self._cursor, self._watermark)

    @property
    def watermark(self) -> int:
        return self._watermark

    @property
    def backlog(self) -> Backlog:
        return Backlog(len(self._found))

    def idle(self) -> Idle:
        return Idle(until=self._time)


def _state(file: FileMetadata) -> State:
    return file.last_updated_in_seconds, file.size_in_bytes


def _changed(file: FileMetadata) -> int:
    """When a file was last changed, in microseconds."""
    if not file.last_updated_in_seconds:
        raise SourceError(f'{file.path} cannot be watched with timestamp_cursor=True: its file system does not say '
                          'when it was last changed')
    return _micros(file.last_updated_in_seconds)


def _micros(seconds: float) -> int:
    return Timestamp.of(seconds).micros
