"""Files as elements: find them, read them, and write elements to files by destination and window.

``MatchFiles`` and ``MatchAll`` find files, ``MatchContinuously`` finds them as they appear, ``ReadMatches`` gives
access to their content, and ``WriteToFiles`` writes elements to files that depend on the element. How files are named
is in :mod:`bourne.io.filenaming`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import attrs

from bourne.errors import SourceError, TransformError
from bourne.io import matching
from bourne.io.arguments import bounded_input, path_argument, text_of
from bourne.io.compression import CompressionTypes, check_compression
from bourne.io.dynamicsink import Addressed, DynamicFileSink, FileMetadata, FileSink, SinkMaker
from bourne.io.filenaming import (
    FileNaming,
    FileResult,
    default_file_naming,
    destination_prefix_naming,
    prefix_naming,
    single_file_naming,
)
from bourne.io.files import digest, open_file
from bourne.io.matching import EmptyMatchTreatment, match, nothing_matches
from bourne.io.watching import MatchContinuously
from bourne.sdk.graph import pickling
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.portable import portable
from bourne.sdk.model.window import BoundedWindow
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import ParDo
from bourne.sdk.transforms.write import Write
from bourne.sdk.value_provider import ValueProvider

__all__ = [
    'EmptyMatchTreatment', 'FileMetadata', 'FileNaming', 'FileResult', 'FileSink', 'MatchAll', 'MatchContinuously',
    'MatchFiles', 'ReadMatches', 'ReadableFile', 'TextSink', 'WriteToFiles', 'default_file_naming',
    'destination_prefix_naming', 'prefix_naming', 'single_file_naming',
]


class MatchFiles(PTransform):
    """The files that match a pattern when the pipeline runs, as ``FileMetadata``.

    Args:
      file_pattern: a path or URL, perhaps with wildcards (:mod:`bourne.io.globs`).
      empty_match_treatment: whether it may match nothing; by default if it has a wildcard.

    Raises:
      TransformError: if an argument is not valid.
    """

    def __init__(
        self, file_pattern: Any, empty_match_treatment: str = EmptyMatchTreatment.ALLOW_IF_WILDCARD,
    ) -> None:
        super().__init__()
        self._pattern = path_argument('MatchFiles', 'file_pattern', file_pattern)
        self._match = MatchAll(empty_match_treatment)

    def expand(self, pbegin: Any) -> PCollection[matching.FileMetadata]:
        found: PCollection[matching.FileMetadata] = (
            pbegin.pipeline | 'Pattern' >> Create([self._pattern]) | self._match)
        return found


class MatchAll(PTransform):
    """The files that match each of the patterns of the input, as ``FileMetadata``.

    Args:
      empty_match_treatment: whether a pattern may match nothing.

    Raises:
      TransformError: if the argument is not valid.
    """

    def __init__(self, empty_match_treatment: str = EmptyMatchTreatment.ALLOW) -> None:
        super().__init__()
        EmptyMatchTreatment.allow_empty_match('', empty_match_treatment)
        self._treatment = empty_match_treatment

    def expand(self, pcoll: Any) -> PCollection[matching.FileMetadata]:
        matched = ParDo(_Match(self._treatment)).with_output_types(matching.FileMetadata)
        found: PCollection[matching.FileMetadata] = one_input(self, pcoll) | 'Match' >> matched
        return found


class _Match(DoFn):
    def __init__(self, treatment: str) -> None:
        self._treatment = treatment

    def process(self, element: Any) -> list[matching.FileMetadata]:
        pattern = text_of(element)
        if not isinstance(pattern, str):
            raise TransformError(f'MatchAll takes patterns as strings; got {element!r} ({type(element).__name__})')
        found = match(pattern)
        if not found and not EmptyMatchTreatment.allow_empty_match(pattern, self._treatment):
            raise nothing_matches(pattern)
        return found


@portable
@attrs.frozen
class ReadableFile:
    """A file that was found, for reading.

    Attributes:
      metadata: where it is, its size, and when it was changed.
      compression: how it is compressed; ``None`` goes by its name.
    """

    metadata: matching.FileMetadata
    compression: str | None = None

    def open(self, mime_type: str = 'text/plain', compression_type: str | None = None) -> BinaryIO:
        """Opens it for reading its decompressed content.

        Args:
          mime_type: has no meaning here.
          compression_type: how it is compressed, if not as said before.

        Raises:
          SourceError: if it cannot be opened.
        """
        kind = compression_type or self.compression or CompressionTypes.AUTO
        return open_file(self.metadata.path, 'rb', check_compression(kind))

    def read(self, mime_type: str = 'application/octet-stream') -> bytes:
        """Its whole content.

        Raises:
          SourceError: if it cannot be read.
        """
        with self.open(mime_type) as file:
            try:
                return file.read()
            except Exception as error:
                raise SourceError(f'cannot read {self.metadata.path}: {error}') from error

    def read_utf8(self) -> str:
        """Its whole content as text.

        Raises:
          SourceError: if it cannot be read or is not UTF-8.
        """
        data = self.read()
        try:
            return data.decode('utf-8')
        except UnicodeDecodeError as error:
            raise SourceError(f'{self.metadata.path} is not UTF-8 text: {error}') from error


class ReadMatches(PTransform):
    """A :class:`ReadableFile` for each ``FileMetadata`` (or path) of the input.

    Args:
      compression: how the files are compressed; by default that goes by their names.
      skip_directories: whether paths that end with ``/`` are left out, rather than an error.

    Raises:
      TransformError: if an argument is not valid.
    """

    def __init__(self, compression: str | None = None, skip_directories: bool = True) -> None:
        super().__init__()
        self._compression = None if compression is None else check_compression(compression)
        self._skip_directories = skip_directories

    def expand(self, pcoll: Any) -> PCollection[ReadableFile]:
        opened = ParDo(_Readable(self._compression, self._skip_directories)).with_output_types(ReadableFile)
        files: PCollection[ReadableFile] = one_input(self, pcoll) | 'Readable' >> opened
        return files


class _Readable(DoFn):
    def __init__(self, compression: str | None, skip_directories: bool) -> None:
        self._compression = compression
        self._skip_directories = skip_directories

    def process(self, element: Any) -> Iterator[ReadableFile]:
        metadata = matching.FileMetadata(element, 0) if isinstance(element, str) else element
        if not isinstance(metadata, matching.FileMetadata):
            raise TransformError(f'ReadMatches takes FileMetadata or paths; got {element!r}')
        if metadata.path.endswith(('/', '\\')):
            if not self._skip_directories:
                raise SourceError(f'{metadata.path} is a directory, and skip_directories is false')
            return
        yield ReadableFile(metadata, self._compression)


class TextSink(FileSink):
    """Writes strings as lines of text in UTF-8."""

    def open(self, fh: BinaryIO) -> None:
        self._fh = fh

    def write(self, record: str) -> None:
        self._fh.write(record.encode('utf-8'))
        self._fh.write(b'\n')

    def flush(self) -> None:
        self._fh.flush()


class WriteToFiles(PTransform):
    """Writes elements to files that depend on their window, and on a destination that a function says.

    The files appear under their names when all of them are complete, or not at all. A task writes the
    elements of its first destinations to files of their own; those of all further ones are brought together
    first, in ``shards`` groups for each destination, so that never many files are open.

    What an earlier run wrote under the same names is replaced. Its other files stay, for only the naming function
    knows which these are: write to a directory of its own for each run, or empty it beforehand, if a run may have
    other destinations, windows or numbers of shards than the one before.

    The output is a :class:`FileResult` for each file, in the global window.

    Args:
      path: the directory to write to, a path or URL.
      file_naming: names the files, see :mod:`bourne.io.filenaming`; by default ``output-00000-of-00001``.
      destination: a function from element to destination, or one destination for all. Elements are grouped by
        it, so that it must be a proper key.
      temp_directory: where files are prepared, on the same file system; by default a directory in ``path``.
      sink: how elements are written: a :class:`FileSink` class, an instance (copied for each file), or a
        function from destination to such an instance; by default :class:`TextSink`.
      shards: how many files there are at most for the destinations that are brought together.
      output_fn: has no effect, as in Beam.
      max_writers_per_bundle: for how many destinations a task writes files of its own. 0 brings all elements
        together: then there are at most ``shards`` files for each destination and window.

    Raises:
      TransformError: if an argument is not valid.
    """

    MAX_NUM_WRITERS_PER_BUNDLE = 20
    DEFAULT_SHARDING = 5

    def __init__(
        self,
        path: Any,
        file_naming: FileNaming | None = None,
        destination: Any = None,
        temp_directory: Any = None,
        sink: Any = None,
        shards: int | None = None,
        output_fn: Callable[[Any], Any] | None = None,
        max_writers_per_bundle: int = MAX_NUM_WRITERS_PER_BUNDLE,
    ) -> None:
        super().__init__()
        naming = file_naming or default_file_naming('output')
        if not callable(naming):
            raise TransformError(f'WriteToFiles: file_naming must be a function; got {naming!r}')
        if sink is not None and not callable(sink) and not isinstance(sink, FileSink):
            raise TransformError(f'WriteToFiles: sink must be a FileSink, or a function that makes one; got {sink!r}')
        for name, value, least in (('shards', shards or 1, 1), ('max_writers_per_bundle', max_writers_per_bundle, 0)):
            if not isinstance(value, int) or value < least:
                raise TransformError(f'WriteToFiles: {name} must be a number from {least}; got {value!r}')
        self._destination = destination
        self._shards = shards or self.DEFAULT_SHARDING
        self._writers = max_writers_per_bundle
        self._sink = DynamicFileSink(
            path_argument('WriteToFiles', 'path', path), naming, SinkMaker(TextSink if sink is None else sink),
            None if temp_directory is None else path_argument('WriteToFiles', 'temp_directory', temp_directory),
            digest(pickling.dumps(naming, 'file_naming').hex()))

    def expand(self, pcoll: Any) -> PCollection[FileResult]:
        source = bounded_input(self, pcoll)
        address = _Address(self._destination, self._writers, self._shards)
        outputs = source | 'Address' >> ParDo(address).with_outputs(_Address.GATHERED, main='direct')
        gathered = (
            outputs[_Address.GATHERED]
            | 'Gather' >> GroupByKey()
            | 'AddressAll' >> ParDo(_AddressAll()))
        written: PCollection[FileResult] = (
            (outputs['direct'], gathered) | Flatten() | 'Write' >> Write(self._sink).with_output_types(FileResult))
        return written


class _Address(DoFn):
    """Says where each element goes, and which ones are brought together with others of their destination
    first."""

    GATHERED = 'gathered'

    def __init__(self, destination: Any, writers: int, shards: int) -> None:
        self._destination = destination
        self._writers = writers
        self._shards = shards

    def setup(self) -> None:
        self._direct: set[Any] = set()
        self._turns: dict[Any, int] = {}

    def process(self, element: Any, window: BoundedWindow = DoFn.WindowParam) -> Iterator[Any]:
        given = self._destination
        if isinstance(given, ValueProvider):
            destination = given.get()
        else:
            destination = given(element) if callable(given) else given
        key = (destination, window)
        if key in self._direct or len(self._direct) < self._writers:
            self._direct.add(key)
            yield Addressed(destination, window, (element,))
        else:
            # In turn, so that the shards are of one size and a task that runs again gives the same.
            turn = self._turns[destination] = self._turns.get(destination, -1) + 1
            yield TaggedOutput(self.GATHERED, ((destination, turn % self._shards), element))


class _AddressAll(DoFn):
    def process(self, element: Any, window: BoundedWindow = DoFn.WindowParam) -> Iterator[Addressed]:
        (destination, _), values = element
        yield Addressed(destination, window, values, alone=True)
