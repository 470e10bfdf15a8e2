"""``TailText``: files that grow are followed, as ``tail -F`` does.

A file is known by its inode and by its first bytes, not by its name, so that renaming does not matter:

==============================  =====================================================================
what happens                    what is read
==============================  =====================================================================
bytes are appended              the records that are complete; the beginning of one waits for the rest
the file is renamed (rotated)   its end, then the new file of that name from its start
it is removed                   its end
it is truncated or rewritten    the new content from its start
==============================  =====================================================================

A file that was renamed away from the pattern or removed ends once nothing has been appended to it for five seconds; its
last record then counts as complete. A truncation is noticed if the file is shorter than what was read of it, or begins
with other bytes. What it has cut off before it was read is lost; that is logged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from io import FileIO
from typing import Any, NamedTuple

import attrs

from bourne.errors import SourceError, TransformError
from bourne.io import globs
from bourne.io.arguments import is_known, path_argument, text_of
from bourne.io.blocks import BLOCK
from bourne.io.files import is_local, local_path
from bourne.io.framing import Framing
from bourne.io.growing import Block, Growing, Tail
from bourne.io.textio import element_type, text_coder
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Backlog, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MIN_MICROS, Duration
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.read import read
from bourne.sdk.value_provider import ValueProvider

_LOG = logging.getLogger(__name__)

#: How many of its first bytes tell a file from another one with the same inode.
HEAD = 256
#: A file that is gone ends after so many microseconds in which nothing was appended to it.
GONE_MICROS = 5_000_000
#: A directory is searched for new files at most so often, in microseconds.
MATCH_MICROS = 1_000_000
BEGINNING, END = 'beginning', 'end'


class TailText(PTransform):
    """Reads the lines of files that grow, as they are appended: an unbounded collection.

    It follows the files that match the pattern now and those that appear later; a name need not exist yet. Files may be
    rotated, by renaming or by copying and truncating them, or removed (:mod:`bourne.io.tailing` has the details). Only
    local files grow; for a store of objects, see :class:`~bourne.io.fileio.MatchContinuously`.

    The order of the lines of one file is kept, not that between files.

    Args:
      file_pattern: a path, perhaps with wildcards (:mod:`bourne.io.globs`).
      read_from: ``'beginning'``, or ``'end'`` for only what is appended to the files that there are when the pipeline
        starts. Files that appear later are read from their beginning.
      poll_interval: how often files are looked at while nothing is appended, in seconds.
      strip_trailing_newlines: whether lines come without what ends them.
      coder: decodes a line from bytes, in place of UTF-8.
      delimiter: bytes that end a line in place of a newline.
      escapechar: one byte that takes the meaning from a delimiter right after it.
      with_filename: whether to emit pairs of file name and line.
      arrival_times: lines have the time at which they are read as event time, and the watermark follows the clock. If
        False, times are not known, and ``WithTimestamps(..., out_of_orderness=...)`` says what they are.

    Raises:
      TransformError: if an argument is not valid.
      SourceError: if the pattern is a URL or a directory.
    """

    def __init__(
        self,
        file_pattern: Any,
        read_from: str = BEGINNING,
        poll_interval: float | Duration = 0.1,
        strip_trailing_newlines: bool = True,
        coder: Any = None,
        delimiter: bytes | None = None,
        escapechar: bytes | None = None,
        with_filename: bool = False,
        arrival_times: bool = True,
    ) -> None:
        super().__init__()
        pattern = path_argument('TailText', 'file_pattern', file_pattern)
        if read_from not in (BEGINNING, END):
            raise TransformError(f"TailText: read_from must be 'beginning' or 'end'; got {read_from!r}")
        interval = Duration.of(poll_interval).micros
        if interval <= 0:
            raise TransformError(f'TailText: poll_interval must be a positive number of seconds; got {poll_interval!r}')
        how = Growing(strip_trailing_newlines, text_coder(coder), delimiter, escapechar, arrival_times)
        how.check()
        self._source = TailSource(pattern, how, read_from == END, interval, with_filename)
        if is_known(pattern):
            self._source.check()
        self._coder = coder

    def expand(self, pbegin: Any) -> PCollection[Any]:
        return read(self, pbegin, self._source, element_type(self._coder, self._source.with_filename))


@portable
@attrs.frozen
class TailSource(Source[Any]):
    """The records of files that grow.

    Attributes:
      pattern: which files.
      how: how they are cut.
      from_end: what the first look finds is not read.
      interval: how often to look, in microseconds.
      with_filename: elements are pairs of file name and record.
    """

    pattern: str | ValueProvider[str]
    how: Growing = attrs.field(factory=Growing)
    from_end: bool = False
    interval: int = 100_000
    with_filename: bool = False

    @property
    def bounded(self) -> bool:
        return False

    def check(self) -> None:
        pattern = text_of(self.pattern)
        if not is_local(pattern):
            raise SourceError(f'only local files can be followed, and {pattern!r} is a URL: MatchContinuously finds '
                              'the new files of a store')
        path = local_path(pattern)
        if os.path.isdir(path):
            raise SourceError(f'{path!r} is a directory: {os.path.join(path, "*")!r} stands for the files in it')

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        # Each split has the files whose inodes leave the same remainder: a file stays where it is when it is renamed.
        count = max(desired, 1) if globs.has_wildcard(text_of(self.pattern)) else 1
        return [(number, count) for number in range(count)]

    def open(self, split: tuple[int, int], position: tuple[Place, ...] | None = None) -> TailReader:
        return TailReader(self, split, position)


class Identity(NamedTuple):
    """What a file is, whatever it is called: the device, and the number of its inode there."""

    device: int
    inode: int


class Place(NamedTuple):
    """Where a reader stands in one file.

    Attributes:
      path: what it was called.
      inode: the number of its inode.
      offset: where the next record starts.
      head: its first bytes.
    """

    path: str
    inode: int
    offset: int
    head: bytes


class Followed:
    """One file that is followed.

    Args:
      path: what it is called.
      file: the file, open.
      inode: the number of its inode.
      framing: where records end.

    Attributes:
      tail: the record that is not complete.
      head: its first bytes.
      gone: since when it is gone and nothing was appended to it, in microseconds; ``None`` if it is there.
    """

    def __init__(self, path: str, file: FileIO, inode: int, framing: Framing) -> None:
        self.path = path
        self.file = file
        self.tail = Tail(framing, path)
        self.head = b''
        self.gone: int | None = None
        self._inode = inode
        self._framing = framing
        self._size = self._changed = 0

    def check(self) -> None:
        """Notices what was appended, and that the file was truncated or rewritten."""
        status = os.fstat(self.file.fileno())
        if (status.st_size, status.st_mtime_ns) == (self._size, self._changed):
            return
        self._size, self._changed = status.st_size, status.st_mtime_ns
        if self._size >= self._end and self._at(0, len(self.head)) == self.head:
            if len(self.head) < HEAD:
                self.head = self._at(0, HEAD)
            return
        lost = f'; {len(self.tail.rest)} bytes of an incomplete record are lost' if self.tail.rest else ''
        _LOG.warning('%s was truncated or rewritten: it is read again from its start%s', self.path, lost)
        self.tail = Tail(self._framing, self.path)
        self.head = self._at(0, HEAD)

    def read(self, size: int) -> bytes:
        """More bytes, if there are any."""
        return self._at(self._end, size)

    @property
    def _end(self) -> int:
        return self.tail.offset + len(self.tail.rest)

    def _at(self, offset: int, size: int) -> bytes:
        try:
            self.file.seek(offset)
            return self.file.read(size)
        except OSError as error:
            raise SourceError(f'cannot read {self.path} after byte {offset}: {error.strerror or error}') from error

    @property
    def left(self) -> int:
        """How many bytes are not read."""
        return max(0, self._size - self._end)

    def place(self, offset: int) -> Place:
        """The position in this file, given the offset of the next record to emit."""
        return Place(self.path, self._inode, offset, self.head)


class TailReader(Reader[Any]):
    """Follows a share of the files of a source.

    Args:
      source: the source.
      split: the number of the share, and how many there are.
      position: where to go on.
    """

    def __init__(self, source: TailSource, split: tuple[int, int], position: tuple[Place, ...] | None = None) -> None:
        self._source = source
        self._share, self._shares = split
        self._form = source.how.form(source.with_filename)
        self._pattern = local_path(text_of(source.pattern))
        self._files: dict[Identity, Followed] = {}
        self._turns: list[Followed] = []
        self._block: tuple[Followed, Block] | None = None
        self._restore = position
        self._from_end = source.from_end and position is None
        self._look = self._match = MIN_MICROS
        self._watermark = MIN_MICROS

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any]:
        values: list[Any] = []
        taken = 0
        while len(values) < max_records:
            if self._block is None:
                data = self._next_block(min(BLOCK, max(1, max_bytes - taken))) if taken < max_bytes else 0
                if not data:
                    break
                taken += data
            if self._block is not None:
                values += self._block[1].take(max_records - len(values))
                if not self._block[1].left:
                    self._block = None
        if self._source.how.arrival:
            self._watermark = max(self._watermark, self.now)
        return Records(values, self.now if self._source.how.arrival else MIN_MICROS)

    def _next_block(self, size: int) -> int:
        """Reads on, in the file whose turn it is; returns how many bytes that were, 0 if all are read."""
        if not self._turns:
            if self.now < self._look:
                return 0
            self._begin_look()
        while self._turns:
            file = self._turns.pop()
            data = file.read(size)
            if data:
                # The end of a file comes before what was written under its name afterwards; else all take turns.
                self._turns.insert(len(self._turns) if file.gone is not None else 0, file)
                file.gone = None if file.gone is None else self.now
                self._keep(file, *file.tail.add(data))
                return len(data)
            if file.gone is not None and self.now >= file.gone + GONE_MICROS:
                self._keep(file, *file.tail.finish())
                self._forget(file)
                if self._block is not None:
                    return 1
        return 0

    def _keep(self, file: Followed, base: int, data: bytes) -> None:
        if data:
            self._block = file, Block(self._form, file.path, base, data)

    def _begin_look(self) -> None:
        if self._restore is not None:
            for place in self._restore:
                self._find(place)
            self._restore = None
        if self.now >= self._match:
            self._match_files()
            self._match = self.now + (MATCH_MICROS if globs.has_wildcard(self._pattern) else 0)
        for file in self._files.values():
            file.check()
        self._turns = [file for file in self._files.values() if file.left or file.gone is not None][::-1]
        self._turns.sort(key=lambda file: file.gone is not None)
        self._look = self.now + self._source.interval

    def _match_files(self) -> None:
        """Notices files that have appeared, have got another name, or have gone."""
        found = dict(self._list())
        for identity, file in self._files.items():
            if identity in found:
                file.path, file.gone = found[identity], None
            elif file.gone is None:
                file.gone = self.now
        for identity, path in sorted(found.items(), key=lambda item: item[1]):
            if identity not in self._files:
                self._follow(path)
        if not self._files and self._look == MIN_MICROS:
            _LOG.info('nothing matches %s yet: waiting for it', self._pattern)
        self._from_end = False

    def _list(self) -> Iterator[tuple[Identity, str]]:
        """The files of this share that match now."""
        if globs.has_wildcard(self._pattern):
            matches = globs.local_files(self._pattern)
        else:
            try:
                status = os.stat(self._pattern)
            except OSError:
                return
            matches = iter([(self._pattern, status)])
        for path, status in matches:
            if status.st_ino % self._shares == self._share:
                yield Identity(status.st_dev, status.st_ino), path

    def _follow(self, path: str) -> Followed | None:
        """Opens a file; ``None`` if it has vanished meanwhile."""
        try:
            file = FileIO(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f'cannot follow {path}: {error.strerror or error}') from error
        status = os.fstat(file.fileno())
        identity = Identity(status.st_dev, status.st_ino)
        if identity in self._files:
            file.close()
            return None
        followed = self._files[identity] = Followed(path, file, status.st_ino, self._form.framing)
        if self._from_end:
            followed.tail.offset = self._last_record(followed, status.st_size)
        return followed

    def _last_record(self, file: Followed, size: int) -> int:
        """Where the record starts that the end of the file is in the middle of; the end itself if it is not."""
        start = max(0, size - BLOCK)
        file.tail.offset = start
        end = self._form.framing.last(file.read(size - start))
        return start + end if end >= 0 else start if start == 0 else size

    def _find(self, place: Place) -> None:
        """Goes on in a file that an earlier reader followed, whatever it is called by now."""
        for path in self._names(place):
            followed = self._follow(path)
            if followed is not None:
                if followed.read(len(place.head)) == place.head:
                    followed.head = place.head
                    followed.tail.offset = place.offset
                return
        _LOG.warning('%s was read up to byte %d and is gone: what was appended to it after that is not read',
                     place.path, place.offset)

    def _names(self, place: Place) -> Iterator[str]:
        """Where a file may be: under its name, or beside it under another one."""
        directory = os.path.dirname(place.path)
        try:
            names = [name for name in os.listdir(directory or '.') if name != os.path.basename(place.path)]
        except OSError:
            return
        for path in (place.path, *(os.path.join(directory, name) for name in sorted(names))):
            try:
                if os.stat(path).st_ino == place.inode:
                    yield path
            except OSError:
                continue

    def _forget(self, file: Followed) -> None:
        self._files = {identity: one for identity, one in self._files.items() if one is not file}
        file.file.close()

    @property
    def position(self) -> tuple[Place, ...]:
        if self._restore is not None:
            return self._restore
        offsets = {}
        if self._block is not None:
            offsets[self._block[0]] = self._block[1].offset
        return tuple(file.place(offsets.get(file, file.tail.offset)) for file in self._files.values())

    @property
    def watermark(self) -> int:
        return self._watermark

    @property
    def backlog(self) -> Backlog:
        return Backlog(size=sum(file.left for file in self._files.values()))

    def idle(self) -> Idle:
        return Idle(until=self._look)

    def close(self) -> None:
        self._turns = []
        for file in self._files.values():
            file.file.close()
