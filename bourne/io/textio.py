"""Text files: ``ReadFromText``, ``ReadAllFromText``, ``WriteToText``.

The transforms for JSON and CSV have their own modules. As in Beam they can be had from here too; their
modules are imported when they are.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from bourne.errors import TransformError
from bourne.io.arguments import bounded_input, path_argument
from bourne.io.compression import CompressionTypes
from bourne.io.filesink import ShardedFileSink, sharded_sink
from bourne.io.globs import has_wildcard
from bourne.io.matching import FileMetadata, match, nothing_matches
from bourne.io.naming import DEFAULT_TEMPLATE, ShardNaming
from bourne.io.splitting import FileRange, cut
from bourne.io.textsource import LineSource, TextFormat
from bourne.io.watching import MatchContinuously
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.value_coders import StrUtf8Coder, ToBytesCoder
from bourne.sdk.pcollection import PBegin, PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.group import Reshuffle
from bourne.sdk.transforms.pardo import ParDo
from bourne.sdk.transforms.read import read
from bourne.sdk.transforms.write import Write

if TYPE_CHECKING:
    from bourne.io.csvio import ReadFromCsv, WriteToCsv
    from bourne.io.jsonio import ReadFromJson, WriteToJson

__all__ = [
    'ReadAllFromText', 'ReadAllFromTextContinuously', 'ReadFromCsv', 'ReadFromJson', 'ReadFromText',
    'ReadFromTextWithFilename', 'WriteToCsv', 'WriteToJson', 'WriteToText',
]


class ReadFromText(PTransform):
    r"""Reads the lines of text files as strings.

    A line ends with ``\n`` or ``\r\n``, or with the delimiter given. Text is UTF-8 (a byte order mark at its
    start stays part of the first line, as in Beam). Large files are read in parts, in parallel, unless they
    are compressed; small ones are put together.

    Args:
      file_pattern: a path or URL, perhaps with wildcards (:mod:`bourne.io.globs`).
      min_bundle_size: the least size in bytes of a part that a file is cut into.
      compression_type: how the files are compressed; ``AUTO`` goes by the extension.
      strip_trailing_newlines: whether lines come without what ends them.
      coder: decodes a line from bytes, in place of UTF-8; the file is still cut at line ends as bytes, so
        that UTF-16 and UTF-32 cannot be read.
      validate: whether it is an error if no file matches, found out at once. If not, files are looked for
        when the pipeline runs, and having none means having no elements.
      skip_header_lines: how many lines at the start of each file are left out.
      delimiter: bytes that end a line in place of a newline. They must not overlap themselves.
      escapechar: one byte that takes the meaning from a delimiter right after it, and from itself. It stays
        part of the line.

    Raises:
      TransformError: if an argument is not valid.
      SourceError: if there is no such file, and ``validate`` is true.
    """

    _with_filename: ClassVar[bool] = False

    def __init__(
        self,
        file_pattern: Any = None,
        min_bundle_size: int = 0,
        compression_type: str = CompressionTypes.AUTO,
        strip_trailing_newlines: bool = True,
        coder: Any = None,
        validate: bool = True,
        skip_header_lines: int = 0,
        delimiter: bytes | None = None,
        escapechar: bytes | None = None,
    ) -> None:
        super().__init__()
        self._source = LineSource(
            path_argument(type(self).__name__, 'file_pattern', file_pattern), compression_type,
            strip_trailing_newlines, text_coder(coder), skip_header_lines, delimiter, escapechar,
            self._with_filename, min_bundle_size, validate)
        self._source.check()
        self._coder = coder

    def expand(self, pbegin: Any) -> PCollection[Any]:
        return read(self, pbegin, self._source, element_type(self._coder, self._with_filename))

    def display_data(self) -> dict[str, Any]:
        return {
            'file_pattern': str(self._source.pattern),
            'compression': self._source.compression_type,
            'strip_newline': self._source.strip,
        }


class ReadFromTextWithFilename(ReadFromText):
    """Reads the lines of text files as pairs of file name and line. The arguments are those of
    :class:`ReadFromText`.
    """

    _with_filename = True


class ReadAllFromText(PTransform):
    """Reads the lines of the files that the input names.

    The input's elements are paths, URLs, patterns, or the ``FileMetadata`` that ``MatchFiles`` and
    ``MatchAll`` emit. A pattern that matches nothing is read as empty; a plain name must exist.

    Args:
      min_bundle_size: the least size in bytes of a part that a file is cut into.
      desired_bundle_size: the size in bytes above which a file is cut into parts.
      compression_type: how the files are compressed; ``AUTO`` goes by the extension.
      strip_trailing_newlines: whether lines come without what ends them.
      validate: whether a pattern must match something.
      coder: decodes a line from bytes, in place of UTF-8.
      skip_header_lines: how many lines at the start of each file are left out.
      with_filename: whether to emit pairs of file name and line.
      delimiter: bytes that end a line in place of a newline.
      escapechar: one byte that takes the meaning from a delimiter right after it.

    Raises:
      TransformError: if an argument is not valid.
    """

    DEFAULT_DESIRED_BUNDLE_SIZE = 64 * 1024 * 1024

    def __init__(
        self,
        min_bundle_size: int = 0,
        desired_bundle_size: int = DEFAULT_DESIRED_BUNDLE_SIZE,
        compression_type: str = CompressionTypes.AUTO,
        strip_trailing_newlines: bool = True,
        validate: bool = False,
        coder: Any = None,
        skip_header_lines: int = 0,
        with_filename: bool = False,
        delimiter: bytes | None = None,
        escapechar: bytes | None = None,
    ) -> None:
        super().__init__()
        self._source = LineSource(
            '', compression_type, strip_trailing_newlines, text_coder(coder), skip_header_lines, delimiter,
            escapechar, with_filename, min_bundle_size, validate)
        self._source.check()
        if desired_bundle_size < 1:
            raise TransformError(
                f'desired_bundle_size must be a number of bytes from 1; got {desired_bundle_size!r}')
        self._part_size = max(desired_bundle_size, min_bundle_size)
        self._coder = coder

    def expand(self, pcoll: Any) -> PCollection[Any]:
        found: PCollection[Any] = (
            one_input(self, pcoll)
            | 'FindFiles' >> ParDo(_FindRanges(self._source, self._part_size))
            | 'Reshuffle' >> Reshuffle()
            | 'ReadFiles' >> ParDo(_ReadRange(self._source)).with_output_types(
                element_type(self._coder, self._source.with_filename)))
        return found


class _FindRanges(DoFn):
    """From a pattern to the parts of the files that match."""

    def __init__(self, source: LineSource, part_size: int) -> None:
        self._source = source
        self._part_size = part_size

    def process(self, element: Any) -> Iterator[FileRange]:
        files = [element] if isinstance(element, FileMetadata) else self._match(element)
        for file in files:
            yield from cut(file, self._part_size, self._source.compression_type)

    def _match(self, pattern: Any) -> list[FileMetadata]:
        if not isinstance(pattern, str):
            raise TransformError(
                f'ReadAllFromText takes paths, patterns or FileMetadata; got {pattern!r} '
                f'({type(pattern).__name__})')
        found = match(pattern)
        if not found and (self._source.must_exist or not has_wildcard(pattern)):
            raise nothing_matches(pattern)
        return found


class _ReadRange(DoFn):
    """From a part of a file to its lines."""

    def __init__(self, source: LineSource) -> None:
        self._source = source

    def process(self, element: FileRange) -> Iterator[Any]:
        reader = self._source.open((element,))
        try:
            while (records := reader.poll()) is not None:
                yield from records.values
        finally:
            reader.close()


class ReadAllFromTextContinuously(ReadAllFromText):
    """Reads the lines of the files that match a pattern, as the files appear: an unbounded collection.

    Args:
      file_pattern: a path or URL with wildcards.
      kwargs: the arguments of :class:`~bourne.io.fileio.MatchContinuously` and of :class:`ReadAllFromText`.

    Raises:
      TransformError: if an argument is not valid.
    """

    _HOW_TO_MATCH = frozenset(inspect.signature(MatchContinuously).parameters)

    def __init__(self, file_pattern: Any, **kwargs: Any) -> None:
        watched = {name: kwargs.pop(name) for name in list(kwargs) if name in self._HOW_TO_MATCH}
        super().__init__(**kwargs)
        self._files = MatchContinuously(file_pattern, **watched)

    def expand(self, pbegin: Any) -> PCollection[Any]:
        if not isinstance(pbegin, PBegin):
            raise TransformError(f'{self.full_label()} starts a pipeline, but was applied to {pbegin!r}')
        return super().expand(pbegin | self._files)


class WriteToText(PTransform):
    r"""Writes each element as a line of text: a string in UTF-8, bytes as they are, others as ``str()`` of
    them.

    The files appear under their names when all of them are complete, or not at all; until then they are in a
    directory beside them whose name begins with ``.bourne-temp-``. Files of an earlier run with the same
    prefix, template and suffix are replaced, also if they were more or fewer. The output is the files'
    names.

    Args:
      file_path_prefix: a path or URL: the directory and how the files' names begin.
      file_name_suffix: how they end.
      append_trailing_newlines: whether a ``\n`` follows each element (and header and footer).
      num_shards: how many files there are; 0 leaves it to the runner.
      shard_name_template: what is between prefix and suffix: a run of ``S`` is the number of the file, one of
        ``N`` how many there are. By default ``-SSSSS-of-NNNNN``; with ``''`` there is one file.
      coder: encodes an element as bytes.
      compression_type: how files are compressed; ``AUTO`` goes by their names, that is by the suffix.
      header: the first line of each file.
      footer: the last line of each file.
      max_records_per_shard: how many elements a file has at most; more files are made as needed.
      max_bytes_per_shard: after how many bytes (not compressed) a file is full.
      skip_if_empty: whether there is no file, rather than an empty one, if there are no elements. Files of an
        earlier run are removed all the same.
      triggering_frequency: how often unbounded collections would be written, which cannot be yet; no meaning for
        bounded ones.

    Raises:
      TransformError: if an argument is not valid.
      UnsupportedError: if the collection is unbounded.
    """

    def __init__(
        self,
        file_path_prefix: Any,
        file_name_suffix: str = '',
        append_trailing_newlines: bool = True,
        num_shards: int = 0,
        shard_name_template: str | None = None,
        coder: Any = None,
        compression_type: str = CompressionTypes.AUTO,
        header: str | bytes | None = None,
        footer: str | bytes | None = None,
        *,
        max_records_per_shard: int | None = None,
        max_bytes_per_shard: int | None = None,
        skip_if_empty: bool = False,
        triggering_frequency: float | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(file_name_suffix, str):
            raise TransformError(f'WriteToText: file_name_suffix must be a string; got {file_name_suffix!r}')
        prefix = path_argument('WriteToText', 'file_path_prefix', file_path_prefix)
        template = DEFAULT_TEMPLATE if shard_name_template is None else shard_name_template
        self._sink: ShardedFileSink = sharded_sink(
            ShardNaming(prefix, template, file_name_suffix),
            TextFormat(text_coder(coder), '\n' if append_trailing_newlines else '', header, footer),
            num_shards=num_shards, compression_type=compression_type, max_records=max_records_per_shard,
            max_bytes=max_bytes_per_shard, skip_if_empty=skip_if_empty)

    def expand(self, pcoll: Any) -> PCollection[str]:
        written: PCollection[str] = bounded_input(self, pcoll) | 'Write' >> Write(self._sink).with_output_types(str)
        return written

    def display_data(self) -> dict[str, Any]:
        naming = self._sink.naming
        return {
            'file_pattern': f'{getattr(naming, "prefix", "")}{getattr(naming, "template", "")}',
            'shards': self._sink.num_shards,
            'compression': self._sink.compression_type,
        }


def text_coder(coder: Any) -> Any:
    """A coder given by the user, or ``None`` where the fast way for UTF-8 text does the same."""
    return None if type(coder) in (StrUtf8Coder, ToBytesCoder) else coder


def element_type(coder: Any, with_filename: bool) -> Any:
    """What the elements of a text source are, as far as the coder tells."""
    kind: Any = str
    if coder is not None:
        try:
            kind = coder.to_type_hint()
        except (AttributeError, NotImplementedError):
            kind = Any
    return GenericAlias(tuple, (str, kind)) if with_filename else kind


_ELSEWHERE = {
    'ReadFromCsv': 'bourne.io.csvio',
    'WriteToCsv': 'bourne.io.csvio',
    'ReadFromJson': 'bourne.io.jsonio',
    'WriteToJson': 'bourne.io.jsonio',
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    found = globals()[name] = getattr(importlib.import_module(_ELSEWHERE[name]), name)
    return found
