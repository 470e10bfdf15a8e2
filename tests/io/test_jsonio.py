"""JSON lines, read and written."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SinkError, SourceError, TransformError, UnsupportedError
from bourne.io import blocks
from bourne.io.jsonio import JsonFormat, JsonSource, ReadFromJson, WriteToJson
from bourne.io.splitting import FileRange
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from tests.io.reading import cuts, read_all, read_split

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


@given(
    objects=st.lists(OBJECTS, max_size=8), blanks=st.lists(st.sampled_from(['', ' ', '\t', '\r']), max_size=4),
    at=st.lists(st.integers(0, 300), max_size=3), counts=st.lists(st.integers(1, 3), max_size=3),
    block=st.sampled_from([1, 16, 1 << 16]), force_ascii=st.booleans())
def test_what_is_written_is_read_wherever_files_are_cut(
        tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, Any]], blanks: list[str], at: list[int],
        counts: list[int], block: int, force_ascii: bool) -> None:
    encoder = JsonFormat(force_ascii).encoder()
    lines = [f'{line}\n' for line in encoder.body(objects).decode().split('\n')[:-1]] if objects else []
    assert len(lines) == len(objects)
    for number, blank in enumerate(blanks):
        lines.insert(number * 2, f'{blank}\n')
    content = ''.join(lines).replace('\n', '\r\n' if len(blanks) % 2 else '\n').encode()
    path = tmp_path_factory.mktemp('json') / 'file'
    path.write_bytes(content)
    source = JsonSource(str(path), as_rows=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, 'BLOCK', block)
        found = [
            value for start, stop in cuts(len(content), at)
            for value in read_split(source, (FileRange(str(path), start, stop, stop - start),), counts, max_records=2)]
    assert found == objects


def test_rows_have_the_fields_of_their_line(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    path.write_text('{"a": 1, "b": {"c": [null]}}\n\n  {"b": "x", "self": true} \n\ufeff{"a": 2.5}')
    assert read_all(JsonSource(str(path))) == [
        Row(a=1, b={'c': [None]}), Row(b='x', self=True), Row(a=2.5)]
    types = {'a': str, 'b': len}
    path.write_text('{"a": 1, "b": "xyz"}\n{"a": null}\n')
    assert read_all(JsonSource(str(path), types=types)) == [Row(a='1', b=3), Row(a=None)]


class Point(NamedTuple):
    x: int
    y: Any


@dataclasses.dataclass
class Data:
    x: int
    y: Any


@attrs.define
class Thing:
    x: int
    y: Any


def encoded(*values: Any, **options: Any) -> list[Any]:
    return [json.loads(line) for line in JsonFormat(**options).encoder().body(values).decode().splitlines()]


def test_everything_with_named_fields_is_an_object() -> None:
    values = (Row(x=1, y='é'), Point(1, 'é'), {'x': 1, 'y': 'é'}, Data(1, 'é'), Thing(1, 'é'))
    assert JsonFormat().encoder().body(values).decode() == '{"x":1,"y":"é"}\n' * 5
    assert JsonFormat(force_ascii=True).encoder().body(values[:1]) == b'{"x":1,"y":"\\u00e9"}\n'


def test_values_that_json_does_not_have() -> None:
    day = datetime.date(2024, 2, 29)
    assert encoded({'d': day, 't': datetime.datetime(2024, 2, 29, 1, 2, 3), 's': Timestamp(0)}) == [
        {'d': '2024-02-29', 't': '2024-02-29T01:02:03', 's': Timestamp(0).to_rfc3339()}]
    assert encoded({'n': math.nan, 'i': [-math.inf, 1.0]}, {'n': 1}) == [{'n': None, 'i': [None, 1.0]}, {'n': 1}]
    assert encoded({'inner': Row(a=1), 'data': Data(1, 2)}) == [{'inner': {'a': 1}, 'data': {'x': 1, 'y': 2}}]
    assert encoded({'z': 1 + 2j}, default_handler=str) == [{'z': '(1+2j)'}]
    assert encoded({'half': '\udcff', 'é': 'é'}) == [{'half': '\udcff', 'é': 'é'}]


@pytest.mark.parametrize(('value', 'message'), [
    (3, 'an element must have named fields (a Row, a NamedTuple, a dict, a data class); got 3 (int)'),
    ({'z': 1j}, "cannot write {'z': 1j} as JSON: 1j (complex) has no form in JSON. Convert it before, or pass"),
    ({1j: 'z'}, "cannot write {1j: 'z'} as JSON: keys must be str, int, float, bool or None, not complex"),
])
def test_elements_that_cannot_be_written(value: Any, message: str) -> None:
    with pytest.raises(SinkError) as caught:
        encoded({'a': 1}, value)
    assert message in str(caught.value)


@pytest.mark.parametrize(('line', 'reason'), [
    ('{"a": 1', "not a JSON object: Expecting ',' delimiter (character 7): '{\"a\": 1'"),
    ('{"a": 1} x', 'not a JSON object: Extra data (character 9)'),
    ('{"a": 1}, {"b": 2}', 'not a JSON object: Extra data (character 8)'),
    ('[1]', "not a JSON object: the line is a list, not an object: '[1]'"),
    ('null', "not a JSON object: the line is null, not an object: 'null'"),
    (' 1', "not a JSON object: the line is a number, not an object: ' 1'"),
])
def test_a_malformed_line_is_located(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / 'a.json'
    path.write_text(f'{{"ok": 1}}\n\n{line}\n{{"ok": 2}}\n')
    with pytest.raises(SourceError) as caught:
        read_all(JsonSource(str(path)))
    assert str(caught.value).startswith(f'{path}, line 3, byte 11: {reason}')


def test_a_value_that_does_not_suit_its_type_is_located(tmp_path: Path) -> None:
    path = tmp_path / 'a.json'
    path.write_text('{"n": "1"}\n{"n": "x"}\n')
    with pytest.raises(SourceError) as caught:
        read_all(JsonSource(str(path), types={'n': int}))
    assert f"{path}, line 2, byte 11: not a JSON object: the field 'n' is 'x': invalid literal" in str(caught.value)


def test_through_pipelines(tmp_path: Path) -> None:
    with Pipeline() as p:
        outputs = p | Create([Row(id=number, name=f'n{number}') for number in range(5)]) | WriteToJson(
            str(tmp_path / 'out'), num_shards=2)
        outputs['files_written'] | Map(lambda name: name) | WriteToJsonNames(str(tmp_path / 'names'))
    assert sorted(path.name for path in tmp_path.glob('out*')) == ['out-00000-of-00002', 'out-00001-of-00002']
    assert sorted(json.loads((tmp_path / 'names-00000-of-00001').read_text().split('\n')[0])) == ['name']
    with Pipeline() as p:
        rows = p | ReadFromJson(str(tmp_path / 'out*'), dtype={'id': 'float64'})
        rows | Map(lambda row: {'text': f'{row.id}:{row.name}'}) | WriteToJson(
            str(tmp_path), file_naming=lambda *_: 'all.json')
    lines = (tmp_path / 'all.json').read_text().splitlines()
    assert sorted(json.loads(line)['text'] for line in lines) == [f'{number}.0:n{number}' for number in range(5)]


def WriteToJsonNames(prefix: str) -> Any:
    return Map(lambda name: {'name': name}) | WriteToJson(prefix)


@pytest.mark.parametrize(('make', 'error', 'message'), [
    (lambda: ReadFromJson('x', lines=False), UnsupportedError, 'ReadFromJson supports one object a line'),
    (lambda: ReadFromJson('x', orient='split'), UnsupportedError, "got orient='split' and lines=True"),
    (lambda: ReadFromJson('x', nrows=3, chunksize=1), UnsupportedError,
     'ReadFromJson does not support the arguments chunksize, nrows; it supports orient, lines, dtype, as_rows'),
    (lambda: ReadFromJson('x', dtype=True), UnsupportedError, 'dtype must be False or a dict'),
    (lambda: ReadFromJson('x', dtype={'a': 'date'}), TransformError, "got 'date'"),
    (lambda: ReadFromJson(None), TransformError, 'path must be a path or URL as a non-empty string; got None'),
    (lambda: ReadFromJson('/nothing/here'), SourceError, "there is no file '/nothing/here'"),
    (lambda: WriteToJson('x', orient='columns'), UnsupportedError, "got orient='columns' and lines=True"),
    (lambda: WriteToJson('x', indent=2), UnsupportedError, 'WriteToJson does not support the argument indent'),
    (lambda: WriteToJson('x', file_naming='n'), TransformError, 'file_naming must be a function that returns'),
])
def test_arguments_that_cannot_be_used(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert message in str(caught.value)
