"""The sink behind text, JSON and CSV files: shards that are prepared aside and appear together.

A task writes its elements, encoded a block at a time, to a file in the run's staging directory; where a
limit is set, to several. The commit numbers all files of all tasks densely, in the order of the tasks,
gives them their names, and removes the shards of earlier runs with the same prefix, template and suffix,
however many these were, so that old and new shards are never mixed. (Beam removes them only if their number
is the same.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import attrs

from bourne.errors import SinkError, TransformError
from bourne.io import compression
from bourne.io.compression import CompressionTypes
from bourne.io.files import check_writable, join, mkdirs
from bourne.io.naming import Naming, ShardNaming
from bourne.io.staging import Move, Staged, create, directory_for, discard, discard_old, publish, staged, staged_name
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask


class FileEncoder(ABC):
    """Turns the elements of one file into bytes."""

    def head(self, first: Any) -> bytes:
        """What the file begins with.

        Args:
          first: the file's first element; ``None`` for a file without elements.
        """
        return b''

    @abstractmethod
    def body(self, values: Sequence[Any]) -> bytes:
        """The bytes of the next elements.

        Raises:
          SinkError: if one of them cannot be written in this format; it shows the element.
        """

    def tail(self) -> bytes:
        """What the file ends with."""
        return b''


class FileFormat(ABC):
    """How elements become the content of files. Portable data."""

    @abstractmethod
    def encoder(self) -> FileEncoder:
        """An encoder for one file."""


class StagedFile:
    """A file that is being prepared.

    Args:
      path: where it is prepared.
      kind: how it is compressed, not ``AUTO``.
      encoder: encodes its elements.
      target: what it is for, for errors.

    Raises:
      SinkError: if it cannot be written; the same from all methods.
    """

    def __init__(self, path: str, kind: str, encoder: FileEncoder, target: str) -> None:
        self.path = path
        self.records = 0
        self.size = 0
        self._encoder = encoder
        self._target = target
        self._file: BinaryIO = create(path, kind, target)

    def write(self, values: Sequence[Any]) -> None:
        """Writes elements, at least one."""
        data = self._encoder.body(values)
        if not self.records:
            self._put(self._encoder.head(values[0]))
        self._put(data)
        self.records += len(values)

    def finish(self) -> Staged:
        """Writes what the file ends with and closes it."""
        if not self.records:
            self._put(self._encoder.head(None))
        self._put(self._encoder.tail())
        try:
            self._file.close()
        except Exception as error:
            raise self._failed(error) from error
        return staged(self.path)

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        try:
            self._file.write(data)
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> SinkError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return SinkError(f'cannot write {self.path}, which is to become part of {self._target}: {reason}')

    def abandon(self) -> None:
        """Closes and removes the file; never raises."""
        # A full disk cannot take what is still in the buffer, but nobody wants that.
        with suppress(Exception):
            self._file.close()
        discard([self.path])


@portable
@attrs.frozen
class ShardedFileSink(Sink[Any]):
    """Writes elements to numbered files.

    Attributes:
      naming: the names of the files.
      form: how elements become bytes.
      num_shards: how many files there are to be; 0 for one a task (more if a limit is set).
      compression_type: how they are compressed; ``AUTO`` goes by their names.
      max_records: how many elements a file has at most, if that is limited.
      max_bytes: after how many bytes (not compressed) a file is full, if that is limited.
      skip_if_empty: whether there is no file at all, rather than an empty one, if there are no elements.
    """

    naming: Naming
    form: FileFormat
    num_shards: int = 0
    compression_type: str = CompressionTypes.AUTO
    max_records: int | None = None
    max_bytes: int | None = None
    skip_if_empty: bool = False

    @property
    def shards(self) -> int | None:
        return self.num_shards or None

    @property
    def kind(self) -> str:
        """How the files are compressed, never ``AUTO``."""
        return compression.resolve(self.naming.name(0, 1), self.compression_type)

    def check(self) -> None:
        self.naming.check()
        compression.check_available(self.kind)
        check_writable(self.naming.directory)

    def open(self, task: WriteTask) -> ShardWriter:
        return ShardWriter(self, task)

    def open_file(self, run: str, name: str) -> StagedFile:
        """A file to be prepared, under a name that is unique in the run."""
        directory = self._directory(run)
        mkdirs(directory)
        return StagedFile(join(directory, name), self.kind, self.form.encoder(), self.naming.name(0, 1))

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> list[str]:
        files: list[Staged] = [Staged(*file) for _, token in prepared for file in token]
        if files or not self.skip_if_empty:
            files += [self._empty_file(run, number) for number in range(len(files), max(1, self.num_shards))]
        names = [self.naming.name(number, len(files)) for number in range(len(files))]
        if len(set(names)) < len(names):
            raise SinkError(
                f'{len(names)} files were prepared, but the naming gives some of them the same name: '
                f'{sorted(set(names))[:3]}')
        publish(self._directory(run), [Move(*pair) for pair in zip(files, names)], self.naming.existing())
        return names

    def _empty_file(self, run: str, number: int) -> Staged:
        # One that is there was made by a commit that was cut off.
        path = join(self._directory(run), f'empty-{number}')
        discard([path])
        return self.open_file(run, f'empty-{number}').finish()

    def abort(self, run: str, tokens: Sequence[Any]) -> None:
        discard(file[0] for token in tokens for file in token)

    def cleanup(self, run: str) -> None:
        discard([self._directory(run)])
        discard_old(self.naming.directory)

    def _directory(self, run: str) -> str:
        return directory_for(self.naming.directory, run, self.naming.identity)


class ShardWriter(Writer[Any]):
    """Writes one task's elements to one file, or to several where a limit is set.

    Args:
      sink: what is written to.
      task: which part this is.
    """

    def __init__(self, sink: ShardedFileSink, task: WriteTask) -> None:
        self._sink = sink
        self._task = task
        self._file: StagedFile | None = None
        self._finished: list[Staged] = []
        self._limited = bool(sink.max_records or sink.max_bytes)

    def write(self, values: Sequence[Any]) -> None:
        if self._limited:
            self._write_limited(values)
        elif values:
            (self._file or self._next_file()).write(values)

    def _write_limited(self, values: Sequence[Any]) -> None:
        start = 0
        while start < len(values):
            file = self._file or self._next_file()
            # How many bytes an element takes is known once it is written.
            step = 1 if self._sink.max_bytes else len(values)
            if self._sink.max_records:
                step = min(step, self._sink.max_records - file.records)
            file.write(values[start:start + step])
            start += step
            if (self._sink.max_records and file.records >= self._sink.max_records) or (
                    self._sink.max_bytes and file.size >= self._sink.max_bytes):
                self._finished.append(file.finish())
                self._file = None

    def _next_file(self) -> StagedFile:
        task = self._task
        self._file = self._sink.open_file(task.run, staged_name(task, len(self._finished)))
        return self._file

    def prepare(self) -> tuple[Staged, ...] | None:
        if self._file is not None:
            self._finished.append(self._file.finish())
            self._file = None
        return tuple(self._finished) or None

    def abort(self) -> None:
        if self._file is not None:
            self._file.abandon()
        discard(file.path for file in self._finished)


def sharded_sink(naming: Naming, form: FileFormat, **options: Any) -> ShardedFileSink:
    """A sink with checked arguments.

    Args:
      naming: the names of the files.
      form: how elements become bytes.
      options: the other attributes of :class:`ShardedFileSink`.

    Raises:
      TransformError: if an argument is not valid or two of them contradict each other.
    """
    compression.check_compression(options.get('compression_type', CompressionTypes.AUTO))
    for name in ('num_shards', 'max_records', 'max_bytes'):
        value = options.get(name)
        if value is not None and (not isinstance(value, int) or value < (name != 'num_shards')):
            raise TransformError(f'{name} must be a number from {int(name != "num_shards")}; got {value!r}')
    naming.check()
    if isinstance(naming, ShardNaming) and not naming.template:
        if options.get('num_shards', 0) > 1 or options.get('max_records') or options.get('max_bytes'):
            raise TransformError(
                "shard_name_template='' means a single file: num_shards must not be more than 1, and the "
                'size of the file cannot be limited')
        options['num_shards'] = 1
    return ShardedFileSink(naming, form, **options)


