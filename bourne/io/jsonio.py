"""JSON lines: ``ReadFromJson``, ``WriteToJson``. Each line of a file is one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from bourne.errors import SinkError, UnsupportedError
from bourne.io.arguments import bounded_input, path_argument, reject_unknown
from bourne.io.fields import Kind, as_dict, kind_of, names_of, row_of
from bourne.io.filesink import FileEncoder, FileFormat, ShardedFileSink, sharded_sink
from bourne.io.framing import Framing
from bourne.io.naming import ShardNaming, named_by
from bourne.io.records import BadRecord, Format
from bourne.io.textsource import LineSource
from bourne.sdk.model.grouped import GroupedValues
from bourne.sdk.model.known import short
from bourne.sdk.model.portable import portable
from bourne.sdk.model.row import Row
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.read import read
from bourne.sdk.transforms.write import Write

__all__ = ['ReadFromJson', 'WriteToJson']

_DECODER = json.JSONDecoder()


class ReadFromJson(PTransform):
    """Reads files of JSON lines as rows: the fields of each line's object are the row's attributes.

    A row has the fields of its line, no more: a field that a line lacks is not there. Values are as JSON has
    them; nested objects are dicts. Blank lines are passed over.

    Args:
      path: a path or URL, perhaps with wildcards (:mod:`bourne.io.globs`).
      orient: only ``'records'``.
      lines: only true.
      dtype: types or functions for fields by name, applied to values other than null; ``False`` for none.
      as_rows: if false, elements are plain dicts, which is faster.
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
        orient: str = 'records',
        lines: bool = True,
        dtype: bool | dict[str, Any] = False,
        as_rows: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        reject_unknown('ReadFromJson', kwargs, ('orient', 'lines', 'dtype', 'as_rows'))
        _check_layout('ReadFromJson', orient, lines)
        if dtype is not False and not isinstance(dtype, dict):
            raise UnsupportedError(
                f'ReadFromJson: dtype must be False or a dict of types by field name; got {dtype!r}. Values '
                'have the types that JSON gives them')
        types = {name: kind_of('ReadFromJson', given) for name, given in (dtype or {}).items()}
        self._source = JsonSource(path_argument('ReadFromJson', 'path', path), types=types, as_rows=as_rows)
        self._source.check()

    def expand(self, pbegin: Any) -> PCollection[Any]:
        return read(self, pbegin, self._source, Row if self._source.as_rows else dict[str, Any])


def _check_layout(owner: str, orient: str, lines: bool | None) -> None:
    if orient != 'records' or not lines:
        raise UnsupportedError(
            f"{owner} supports one object a line, which is orient='records' and lines=True; "
            f'got orient={orient!r} and lines={lines!r}')


@portable
@attrs.frozen
class JsonSource(LineSource):
    """Reads JSON lines.

    Attributes:
      types: the types of values by field name, where they are not as JSON has them.
      as_rows: whether elements are rows rather than dicts.
    """

    types: Mapping[str, Kind] = {}
    as_rows: bool = True

    def form(self) -> Format:
        framing = Framing()
        lines = self.splitter(framing)
        make = _maker(self.types, self.as_rows)
        return Format(
            framing, lambda block: _parse(lines(block), make), self.compression_type, skip_blank=True)


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {'int': int, 'float': float, 'str': str, 'bool': bool}


def _maker(types: Mapping[str, Kind], as_rows: bool) -> Callable[[dict[str, Any]], Any]:
    functions = {name: _FUNCTIONS[kind] if isinstance(kind, str) else kind for name, kind in types.items()}

    def convert(fields: dict[str, Any]) -> dict[str, Any]:
        for name, function in functions.items():
            if fields.get(name) is not None:
                try:
                    fields[name] = function(fields[name])
                except (ValueError, TypeError) as error:
                    raise ValueError(f'the field {name!r} is {fields[name]!r}: {error}') from error
        return fields

    if not as_rows:
        return convert if types else lambda fields: fields
    return (lambda fields: row_of(convert(fields))) if types else row_of


def _parse(lines: list[str], make: Callable[[dict[str, Any]], Any]) -> list[Any]:
    decode = _DECODER.raw_decode
    values: list[Any] = []
    for line in lines:
        try:
            value, end = decode(line)
            plain = end == len(line) and type(value) is dict
        except ValueError:
            if not line or line.isspace():
                continue
            plain = False
        try:
            values.append(make(value if plain else _decode_slowly(line)))
        except ValueError as error:
            raise _bad_record(len(values), line, error) from error
    return values


def _decode_slowly(line: str) -> dict[str, Any]:
    """The object of a line that may begin or end with white space, or begin with a byte order mark."""
    value = _DECODER.decode(line.lstrip('\ufeff'))
    if type(value) is not dict:
        raise ValueError(f'the line is {_kind(value)}, not an object')
    return value


def _bad_record(number: int, line: str, error: ValueError) -> BadRecord:
    what = f'{error.msg} (character {error.pos})' if isinstance(error, json.JSONDecodeError) else str(error)
    shown = line if len(line) <= 80 else f'{line[:77]}...'
    return BadRecord(number, f'not a JSON object: {what}: {shown!r}', error)


def _kind(value: Any) -> str:
    names = {list: 'a list', str: 'a string', int: 'a number', float: 'a number', bool: 'a boolean'}
    return names.get(type(value), 'null')


class WriteToJson(PTransform):
    """Writes each element as a JSON object on a line of its own.

    Elements are rows, named tuples, dicts, data classes or attrs classes. Dates and times are written as
    ISO 8601, NaN and infinities as null, text as UTF-8. Files appear as
    :class:`~bourne.io.textio.WriteToText` says.

    Args:
      path: a path or URL: the directory and how the files' names begin. With ``file_naming``, the directory.
      num_shards: how many files there are; by default that is left to the runner.
      file_naming: names the files (see :mod:`bourne.io.fileio`); by default ``path-00000-of-00001`` and so
        on.
      orient: only ``'records'``.
      lines: only true.
      force_ascii: whether other characters than ASCII are written as escapes.
      default_handler: makes something that JSON can hold of a value that it cannot.
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
        *,
        num_shards: int | None = None,
        file_naming: Callable[..., str] | None = None,
        orient: str = 'records',
        lines: bool | None = None,
        force_ascii: bool = False,
        default_handler: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        known = ('num_shards', 'file_naming', 'orient', 'lines', 'force_ascii', 'default_handler')
        reject_unknown('WriteToJson', kwargs, known)
        _check_layout('WriteToJson', orient, True if lines is None else lines)
        place = path_argument('WriteToJson', 'path', path)
        naming = named_by(place, file_naming) if file_naming is not None else ShardNaming(place)
        self._sink: ShardedFileSink = sharded_sink(
            naming, JsonFormat(force_ascii, default_handler), num_shards=num_shards or 0)

    def expand(self, pcoll: Any) -> dict[str, PCollection[str]]:
        return {'files_written': bounded_input(self, pcoll) | 'Write' >> Write(self._sink).with_output_types(str)}


@portable
@attrs.frozen
class JsonFormat(FileFormat):
    """Elements as JSON lines.

    Attributes:
      force_ascii: whether other characters than ASCII are written as escapes.
      default_handler: makes something that JSON can hold of a value that it cannot.
    """

    force_ascii: bool = False
    default_handler: Callable[[Any], Any] | None = None

    def encoder(self) -> JsonEncoder:
        return JsonEncoder(self)


class JsonEncoder(FileEncoder):
    """Writes JSON lines.

    Args:
      form: how.
    """

    def __init__(self, form: JsonFormat) -> None:
        self._handler = form.default_handler
        self._encode = self._encoder(form.force_ascii)

    def _encoder(self, force_ascii: bool) -> Callable[[Any], str]:
        return json.JSONEncoder(
            ensure_ascii=force_ascii, separators=(',', ':'), allow_nan=False, default=self._default).encode

    def body(self, values: Sequence[Any]) -> bytes:
        encode = self._encode
        try:
            texts = [encode(as_dict(value)) for value in values]
        except (ValueError, TypeError):
            texts = [self._encode_one(value) for value in values]
        texts.append('')
        try:
            return '\n'.join(texts).encode('utf-8')
        except UnicodeEncodeError:
            # Half a surrogate pair has no UTF-8, but it can be escaped.
            self._encode = self._encoder(True)
            return self.body(values)

    def _encode_one(self, value: Any) -> str:
        fields = as_dict(value)
        try:
            try:
                return self._encode(fields)
            except ValueError:
                return self._encode(_without_nan(fields))
        except (ValueError, TypeError, RecursionError) as error:
            raise SinkError(
                f'cannot write {short(value)} as JSON: {error}. '
                'Convert it before, or pass default_handler') from error

    def _default(self, value: Any) -> Any:
        """What stands in JSON for a value that it does not know."""
        if isinstance(value, GroupedValues):
            return list(value)
        if self._handler is not None:
            return self._handler(value)
        for method in ('isoformat', 'to_rfc3339', 'tolist'):
            if hasattr(value, method):
                return getattr(value, method)()
        if isinstance(value, Row) or names_of(type(value)) is not None:
            return as_dict(value)
        raise TypeError(f'{value!r} ({type(value).__name__}) has no form in JSON')


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, GroupedValues)):
        return [_without_nan(item) for item in value]
    return value


