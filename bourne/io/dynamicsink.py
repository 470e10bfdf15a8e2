"""The sink behind ``WriteToFiles``: files by destination and window, prepared aside, that appear together."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, NamedTuple

import attrs

from bourne.errors import BourneError, SinkError, TransformError
from bourne.io import compression
from bourne.io.arguments import text_of
from bourne.io.compression import EXTENSION_OF, CompressionTypes
from bourne.io.filenaming import FileNaming, FileResult
from bourne.io.files import check_writable, join, mkdirs
from bourne.io.staging import Move, Staged, create, directory_for, discard, publish, staged, staged_name
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.value_provider import ValueProvider

#: The most files that a writer keeps open. When there are more, the oldest is finished and its destination
#: gets another file.
MOST_OPEN = 128


class FileMetadata(NamedTuple):
    """What a :class:`FileSink` says of the files it writes. ``mime_type`` has no meaning here."""

    mime_type: str
    compression_type: str


class FileSink:
    """How elements become the content of a file. A copy of it is made for each file.

    Subclasses define :meth:`open`, :meth:`write` and :meth:`flush`.
    """

    def create_metadata(self, destination: Any, full_file_name: str) -> FileMetadata:
        """How the file is to be compressed.

        Args:
          destination: the destination of its elements.
          full_file_name: where it is prepared; not its final name.
        """
        return FileMetadata('application/octet-stream', CompressionTypes.AUTO)

    def open(self, fh: BinaryIO) -> None:
        """Begins a file.

        Args:
          fh: the file, open for writing bytes. It is closed by others, after :meth:`flush`.
        """
        raise NotImplementedError(f'{type(self).__name__} must define open(self, fh)')

    def write(self, record: Any) -> None:
        """Writes an element."""
        raise NotImplementedError(f'{type(self).__name__} must define write(self, record)')

    def flush(self) -> None:
        """Writes what is still to be written."""
        raise NotImplementedError(f'{type(self).__name__} must define flush(self)')


@portable
@attrs.frozen
class SinkMaker:
    """Makes the sink of each file.

    Attributes:
      given: what the user gave: a class, an instance to copy, or a function of the destination.
    """

    given: Any

    def __call__(self, destination: Any) -> FileSink:
        if isinstance(self.given, FileSink):
            return copy.deepcopy(self.given)
        made = self.given() if isinstance(self.given, type) else self.given(destination)
        if not isinstance(made, FileSink):
            raise TransformError(f'the sink for the destination {destination!r} must be a FileSink; got {made!r}')
        return made


class Addressed(NamedTuple):
    """Elements, and where they go: the input of :class:`DynamicFileSink`.

    ``alone`` says that they are all there is for a file of their own.
    """

    destination: Any
    window: Any
    values: Iterable[Any]
    alone: bool = False


class Prepared(NamedTuple):
    """A prepared file, and what it is."""

    destination: Any
    window: Any
    staged: Staged
    extension: str


class OpenFile:
    """A file that is being prepared.

    Args:
      path: where.
      item: the first elements for it, or others of the same destination and window.
      sink: writes them.
    """

    def __init__(self, path: str, item: Addressed, sink: FileSink) -> None:
        kind = compression.resolve(path, sink.create_metadata(item.destination, path).compression_type)
        self.path = path
        self._item = item
        self._extension = EXTENSION_OF.get(kind, '')
        self._file = create(path, kind, f'the destination {item.destination!r}')
        self._sink = sink
        self._call(sink.open, self._file)

    def write(self, values: Iterable[Any]) -> None:
        """Writes elements."""
        write = self._sink.write
        try:
            for value in values:
                write(value)
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> Prepared:
        """Closes the file."""
        self._call(self._sink.flush)
        self._call(self._file.close)
        return Prepared(self._item.destination, self._item.window, staged(self.path), self._extension)

    def _call(self, method: Callable[..., Any], *args: Any) -> None:
        try:
            method(*args)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Exception:
        if isinstance(error, BourneError):
            return error
        return SinkError(
            f'cannot write {self.path}, which is for the destination {self._item.destination!r}: '
            f'{error.strerror or error}')

    def abandon(self) -> None:
        """Closes and removes the file; never raises."""
        try:
            self._file.close()
        except Exception:
            # What is still in the buffer is not wanted any more.
            return
        finally:
            discard([self.path])


@portable
@attrs.frozen
class DynamicFileSink(Sink[Addressed]):
    """Writes elements to files by destination and window.

    Attributes:
      path: the directory.
      naming: names the files.
      maker: makes what writes them.
      temp_directory: where files are prepared, if not in a directory in ``path``; on the same file system.
      identity: tells this output from others in the same directory.
    """

    path: str | ValueProvider[str]
    naming: FileNaming
    maker: SinkMaker
    temp_directory: str | ValueProvider[str] | None = None
    identity: str = ''

    def check(self) -> None:
        check_writable(text_of(self.path))
        if self.temp_directory is not None:
            check_writable(text_of(self.temp_directory))

    def open(self, task: WriteTask) -> DynamicWriter:
        return DynamicWriter(self, task, self.directory(task.run))

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> list[FileResult]:
        groups: dict[tuple[Any, Any], list[Prepared]] = {}
        for _, token in prepared:
            for file in map(Prepared._make, token):
                groups.setdefault((file.destination, file.window), []).append(file)
        named = [pair for files in groups.values() for pair in self._named(files)]
        self._check_names([result.file_name for _, result in named])
        moves = [Move(Staged(*file.staged), join(text_of(self.path), result.file_name)) for file, result in named]
        publish(self.directory(run), moves, ())
        return [result for _, result in named]

    def _named(self, files: list[Prepared]) -> list[tuple[Prepared, FileResult]]:
        total = len(files)
        results = []
        for index, file in enumerate(files):
            name = self.naming(file.window, None, index, total, file.extension, file.destination)
            results.append((file, FileResult(name, index, total, file.window, None, file.destination)))
        return results

    @staticmethod
    def _check_names(names: list[str]) -> None:
        # Names are made of destinations, and these of data: they must not lead anywhere else.
        astray = next((name for name in names if name.startswith(('/', '\\')) or '://' in name
                       or '..' in name.replace('\\', '/').split('/')), None)
        if astray is not None:
            raise SinkError(f'file_naming gave the name {astray!r}, which leads out of the directory written to; '
                            f'names are relative to it and have no ".."')
        double = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if double is not None:
            raise SinkError(
                f'file_naming gave the name {double!r} to more than one file; it must differ for each combination '
                'of window, shard index and destination')

    def abort(self, run: str, tokens: Sequence[Any]) -> None:
        discard(Prepared._make(file).staged[0] for token in tokens for file in token)

    def cleanup(self, run: str) -> None:
        discard([self.directory(run)])

    def directory(self, run: str) -> str:
        """Where a run's files are prepared."""
        place = self.path if self.temp_directory is None else self.temp_directory
        return directory_for(text_of(place), run, f'{text_of(self.path)}|{self.identity}')


class DynamicWriter(Writer[Addressed]):
    """Writes one task's elements, with a file for each destination and window.

    Args:
      sink: what is written to.
      task: which part this is.
      directory: where files are prepared.
    """

    def __init__(self, sink: DynamicFileSink, task: WriteTask, directory: str) -> None:
        self._sink = sink
        self._task = task
        self._directory = directory
        self._open: dict[tuple[Any, Any], OpenFile] = {}
        self._finished: list[Prepared] = []
        self._count = 0

    def write(self, values: Sequence[Addressed]) -> None:
        for item in values:
            key = (item.destination, item.window)
            if item.alone:
                self._write_alone(item)
            elif key in self._open:
                self._open[key].write(item.values)
            else:
                self._begin(key, item).write(item.values)

    def _write_alone(self, item: Addressed) -> None:
        file = self._new_file(item)
        try:
            file.write(item.values)
            self._finished.append(file.finish())
        except BaseException:
            file.abandon()
            raise

    def _begin(self, key: tuple[Any, Any], item: Addressed) -> OpenFile:
        if len(self._open) >= MOST_OPEN:
            oldest = next(iter(self._open))
            self._finished.append(self._open[oldest].finish())
            del self._open[oldest]
        file = self._open[key] = self._new_file(item)
        return file

    def _new_file(self, item: Addressed) -> OpenFile:
        if not self._count:
            mkdirs(self._directory)
        path = join(self._directory, staged_name(self._task, self._count))
        self._count += 1
        return OpenFile(path, item, self._sink.maker(item.destination))

    def prepare(self) -> tuple[Prepared, ...] | None:
        while self._open:
            key = next(iter(self._open))
            self._finished.append(self._open[key].finish())
            del self._open[key]
        return tuple(self._finished) or None

    def abort(self) -> None:
        for file in self._open.values():
            file.abandon()
        discard(file.staged.path for file in self._finished)
