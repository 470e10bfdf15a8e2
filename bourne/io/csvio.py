"""CSV files: ``ReadFromCsv``, ``WriteToCsv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from bourne.errors import SinkError, TransformError, UnsupportedError
from bourne.io.arguments import bounded_input, is_known, path_argument, reject_unknown
from bourne.io.csvfile import CsvLayout
from bourne.io.csvsource import CsvSource
from bourne.io.fields import as_dict, kind_of
from bourne.io.filesink import FileEncoder, FileFormat, ShardedFileSink, sharded_sink
from bourne.io.naming import ShardNaming, named_by
from bourne.sdk.model.portable import portable
from bourne.sdk.model.row import Row
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.read import read
from bourne.sdk.transforms.write import Write

__all__ = ['ReadFromCsv', 'WriteToCsv']


class ReadFromCsv(PTransform):
    """Reads CSV files as rows with the columns as fields.

    A column without a given type is ``bool``, ``int``, ``float`` or ``str``, the first of these that suits
    all its values in the first thousand rows of the first file; that holds for all files. A value that does
    not suit later is an error that says where it is. Missing values are ``None`` in every type; what counts
    as missing is what pandas takes for it. A row with too few or too many fields is an error.

    An empty field is a missing value whether it is quoted or not, as in pandas; Python's csv module does not tell
    them apart. To keep empty texts, have a word for missing values: ``WriteToCsv(path, na_rep='NULL')`` and
    ``ReadFromCsv(path, na_values='NULL', keep_default_na=False)``.

    Args:
      path: a path or URL, perhaps with wildcards (:mod:`bourne.io.globs`).
      splittable: whether a large file may be cut at ends of lines and read in parallel. Say true only if no
        quoted field holds a line end. (In Beam it is true unless said otherwise, and then reads such files
        wrong.)
      filename_column: the name of a further field that holds the file's name.
      sep: what is between fields, one character; ``delimiter`` is the same.
      header: ``'infer'`` or 0: the first row has the names (with ``names`` and ``'infer'``: it has not);
        ``None``: there is no such row.
      names: the names of the columns.
      usecols: the names of the columns to keep.
      dtype: a type or function of the text for all columns, or a dict of them by column.
      converters: the same as a dict in ``dtype``.
      skiprows: how many lines before the header are left out.
      na_values: further texts that stand for a missing value.
      keep_default_na: whether those of pandas do.
      quotechar: what fields are quoted with.
      quoting: ``csv.QUOTE_NONE`` if quotes have no meaning.
      doublequote: whether a doubled quote in a quoted field stands for a quote.
      escapechar: a character that takes the meaning from the next one.
      skipinitialspace: whether spaces after a delimiter are left out.
      on_bad_lines: ``'error'``, or ``'skip'`` to leave out rows with a wrong number of fields.
      encoding: of the text; not UTF-16 or UTF-32.
      kwargs: Beam hands other arguments to pandas; of these there are none here.

    Raises:
      TransformError: if an argument is not valid.
      UnsupportedError: if an argument of pandas is given that has no meaning here.
      SourceError: if there is no such file.
    """

    def __init__(
        self,
        path: Any,
        *,
        splittable: bool = False,
        filename_column: str | None = None,
        sep: str | None = None,
        delimiter: str | None = None,
        header: int | str | None = 'infer',
        names: Iterable[str] | None = None,
        usecols: Iterable[str] | None = None,
        dtype: Any = None,
        converters: Mapping[str, Callable[[str], Any]] | None = None,
        skiprows: int | None = None,
        na_values: str | Iterable[str] = (),
        keep_default_na: bool = True,
        quotechar: str = '"',
        quoting: int = csv.QUOTE_MINIMAL,
        doublequote: bool = True,
        escapechar: str | None = None,
        skipinitialspace: bool = False,
        on_bad_lines: str = 'error',
        encoding: str = 'utf-8',
        **kwargs: Any,
    ) -> None:
        super().__init__()
        reject_unknown('ReadFromCsv', kwargs, _READ_ARGUMENTS)
        named = None if names is None else tuple(names)
        layout = CsvLayout(
            delimiter=sep or delimiter or ',', quotechar=None if quoting == csv.QUOTE_NONE else quotechar,
            doublequote=doublequote, escapechar=escapechar, skipinitialspace=skipinitialspace,
            skiprows=skiprows or 0, header=_has_header(header, named), names=named,
            skip_bad_lines=_skips(on_bad_lines), encoding=encoding)
        _check_layout(layout)
        types, default = _types(dtype, converters)
        given = (na_values,) if isinstance(na_values, str) else tuple(na_values)
        self._source = CsvSource(
            path_argument('ReadFromCsv', 'path', path), layout, types, default, given, keep_default_na,
            None if usecols is None else tuple(usecols), splittable, filename_column)
        if is_known(self._source.pattern):
            self._source.files()

    def expand(self, pbegin: Any) -> PCollection[Row]:
        return read(self, pbegin, self._source, Row)


_READ_ARGUMENTS = (
    'splittable', 'filename_column', 'sep', 'delimiter', 'header', 'names', 'usecols', 'dtype', 'converters',
    'skiprows', 'na_values', 'keep_default_na', 'quotechar', 'quoting', 'doublequote', 'escapechar',
    'skipinitialspace', 'on_bad_lines', 'encoding')


def _has_header(header: int | str | None, names: tuple[str, ...] | None) -> bool:
    if header is None and names is None:
        raise TransformError('ReadFromCsv: header=None needs names, which the fields of the rows will have')
    if header not in ('infer', 0, None):
        raise UnsupportedError(f"ReadFromCsv: header must be 'infer', 0 or None; got {header!r}")
    return header == 0 or (header == 'infer' and names is None)


def _skips(on_bad_lines: str) -> bool:
    if on_bad_lines not in ('error', 'skip'):
        raise UnsupportedError(f"ReadFromCsv: on_bad_lines must be 'error' or 'skip'; got {on_bad_lines!r}")
    return on_bad_lines == 'skip'


def _check_layout(layout: CsvLayout) -> None:
    try:
        layout.reader(iter(()))
    except (TypeError, ValueError, csv.Error) as error:
        raise TransformError(f'ReadFromCsv: {error}; got {layout}') from error
    try:
        plain = 'a,"\n'.encode(layout.encoding) == b'a,"\n'
    except LookupError as error:
        raise TransformError(f'ReadFromCsv: {error}') from error
    if not plain:
        raise UnsupportedError(
            f'ReadFromCsv: the encoding {layout.encoding!r} has other bytes than ASCII for a comma or a line '
            'end; convert the files to UTF-8')
    skiprows: Any = layout.skiprows
    if not isinstance(skiprows, int) or skiprows < 0:
        raise UnsupportedError(f'ReadFromCsv: skiprows must be a number of lines from 0; got {skiprows!r}')


def _types(dtype: Any, converters: Mapping[str, Any] | None) -> tuple[dict[str, Any], Any]:
    by_column = dict(dtype) if isinstance(dtype, Mapping) else {}
    by_column.update(converters or {})
    types = {name: kind_of('ReadFromCsv', given) for name, given in by_column.items()}
    default = None if dtype is None or isinstance(dtype, Mapping) else kind_of('ReadFromCsv', dtype)
    return types, default


class WriteToCsv(PTransform):
    """Writes each element as a row of a CSV file; each file begins with the names of the columns.

    Elements are rows, named tuples, dicts, data classes or attrs classes. The columns are those of
    ``columns``, or else the fields of a file's first element, and all others must have the same. A file
    without elements has a header only if ``columns`` is given. Files appear as
    :class:`~bourne.io.textio.WriteToText` says.

    Args:
      path: a path or URL: the directory and how the files' names begin. With ``file_naming``, the directory.
      num_shards: how many files there are; by default that is left to the runner.
      file_naming: names the files (see :mod:`bourne.io.fileio`); by default ``path-00000-of-00001`` and so
        on.
      sep: what is between fields, one character.
      columns: the fields to write, in this order.
      header: whether to write names, or the names to write in place of the fields'.
      na_rep: what is written for ``None`` and NaN. If it is empty, as it is by default, an empty text and ``None``
        are both read back as ``None``.
      float_format: how floats are written, such as ``'%.3f'``.
      quoting: when fields are quoted, one of the csv module's constants.
      quotechar: what they are quoted with.
      doublequote: whether a quote in a field is doubled.
      escapechar: what makes a quote or delimiter lose its meaning, where it is not quoted.
      lineterminator: what ends a row.
      index: only false.
      kwargs: Beam hands other arguments to pandas; of these there are none here.

    Returns:
      When applied, a dict whose ``files_written`` are the files' names.

    Raises:
      TransformError: if an argument is not valid.
      UnsupportedError: if an argument of pandas is given that has no meaning here.
    """

    def __init__(
        self,
        path: Any,
        num_shards: int | None = None,
        file_naming: Callable[..., str] | None = None,
        *,
        sep: str = ',',
        columns: Iterable[str] | None = None,
        header: bool | Iterable[str] = True,
        na_rep: str = '',
        float_format: str | None = None,
        quoting: int = csv.QUOTE_MINIMAL,
        quotechar: str = '"',
        doublequote: bool = True,
        escapechar: str | None = None,
        lineterminator: str = '\n',
        index: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        reject_unknown('WriteToCsv', {**kwargs, **({'index': index} if index else {})}, _WRITE_ARGUMENTS)
        chosen = None if columns is None else tuple(columns)
        names = header if isinstance(header, bool) else tuple(header)
        if isinstance(names, tuple) and chosen is not None and len(names) != len(chosen):
            raise TransformError(
                f'WriteToCsv: header has {len(names)} names for {len(chosen)} columns: '
                f'{names!r} for {chosen!r}')
        form = CsvFormat(
            chosen, names, na_rep, float_format, sep, quoting, quotechar, doublequote, escapechar,
            lineterminator)
        try:
            form.writer(io.StringIO())
        except (TypeError, ValueError, csv.Error) as error:
            raise TransformError(f'WriteToCsv: {error}; got {form}') from error
        place = path_argument('WriteToCsv', 'path', path)
        naming = named_by(place, file_naming) if file_naming is not None else ShardNaming(place)
        self._sink: ShardedFileSink = sharded_sink(naming, form, num_shards=num_shards or 0)

    def expand(self, pcoll: Any) -> dict[str, PCollection[str]]:
        return {'files_written': bounded_input(self, pcoll) | 'Write' >> Write(self._sink).with_output_types(str)}


_WRITE_ARGUMENTS = (
    'num_shards', 'file_naming', 'sep', 'columns', 'header', 'na_rep', 'float_format', 'quoting', 'quotechar',
    'doublequote', 'escapechar', 'lineterminator')


@portable
@attrs.frozen
class CsvFormat(FileFormat):
    """Elements as rows of CSV; the fields are the arguments of :class:`WriteToCsv`."""

    columns: tuple[str, ...] | None = None
    header: bool | tuple[str, ...] = True
    na_rep: str = ''
    float_format: str | None = None
    sep: str = ','
    quoting: Any = csv.QUOTE_MINIMAL
    quotechar: str = '"'
    doublequote: bool = True
    escapechar: str | None = None
    lineterminator: str = '\n'

    def writer(self, target: Any) -> Any:
        """A writer of the csv module."""
        return csv.writer(
            target, delimiter=self.sep, quoting=self.quoting, quotechar=self.quotechar,
            doublequote=self.doublequote, escapechar=self.escapechar, lineterminator=self.lineterminator)

    def encoder(self) -> CsvEncoder:
        return CsvEncoder(self)


class CsvEncoder(FileEncoder):
    """Writes rows.

    Args:
      form: how.
    """

    def __init__(self, form: CsvFormat) -> None:
        self._form = form
        self._columns = form.columns

    def head(self, first: Any) -> bytes:
        columns = self._columns
        if columns is None and first is not None:
            columns = tuple(as_dict(first))
        names = columns if self._form.header is True else self._form.header
        return self._encode([names]) if names else b''

    def body(self, values: Sequence[Any]) -> bytes:
        return self._encode([self._row(value) for value in values])

    def _encode(self, rows: Iterable[Iterable[Any]]) -> bytes:
        text = io.StringIO(newline='')
        try:
            self._form.writer(text).writerows(rows)
            return text.getvalue().encode('utf-8')
        except (csv.Error, UnicodeEncodeError) as error:
            raise SinkError(f'cannot write a row as CSV: {error}') from error

    def _row(self, value: Any) -> Iterable[Any]:
        fields = as_dict(value)
        if self._columns is None:
            self._columns = tuple(fields)
        if len(fields) == len(self._columns) or self._form.columns is not None:
            try:
                return [self._text(fields[name]) for name in self._columns]
            except KeyError:
                pass
        raise SinkError(
            f'{value!r} has the fields {", ".join(fields)}, but the columns of the file are '
            f'{", ".join(self._columns)}: all elements must have the same fields, or pass columns')

    def _text(self, value: Any) -> Any:
        if value is None:
            return self._form.na_rep
        if isinstance(value, float):
            if value != value:
                return self._form.na_rep
            if self._form.float_format is not None:
                return self._form.float_format % value
        return value
