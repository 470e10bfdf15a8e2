"""CSV files, read and written."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SinkError, SourceError, TransformError, UnsupportedError
from bourne.io import blocks
from bourne.io.columns import NA_VALUES, convert, infer
from bourne.io.csvfile import CsvLayout
from bourne.io.csvio import CsvFormat, ReadFromCsv, WriteToCsv
from bourne.io.csvsource import CsvSource, CsvSplit
from bourne.io.files import open_file
from bourne.io.splitting import FileRange
from bourne.sdk.model.row import Row
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from tests.io.reading import cuts, positions, read_all, read_split
from tests.io.writing import contents

FIELDS = st.text('aé,;"\n\r\t |\\', max_size=4)


@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS), max_size=12), blanks=st.integers(0, 2), delimiter=st.sampled_from(',;|\t'),
    newline=st.sampled_from(['\n', '\r\n']), quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    header=st.booleans(), skip=st.integers(0, 2), bom=st.booleans(), counts=st.lists(st.integers(1, 4), max_size=4),
    block=st.sampled_from([1, 7, 1 << 16]))
def test_fields_may_hold_anything_and_reading_goes_on_at_any_position(
        tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], blanks: int, delimiter: str,
        newline: str, quoting: Any, header: bool, skip: int, bom: bool, counts: list[int], block: int) -> None:
    text = io.StringIO(newline='')
    text.write('skipped "\n' * skip)
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerows([('x', 'line\nend')] * header)
    for row in rows:
        text.write(newline * blanks)
        writer.writerow(row)
    path = tmp_path_factory.mktemp('csv') / 'file'
    path.write_bytes(('\ufeff' * bom + text.getvalue()).encode())
    layout = CsvLayout(delimiter=delimiter, header=header, names=None if header else ('x', 'line\nend'), skiprows=skip)
    source = CsvSource(str(path), layout, default_type='str', default_na=False)
    expected = [Row(**dict(zip(('x', 'line\nend'), row))) for row in rows]
    split = CsvSplit((FileRange(str(path), 0, None, 0),), ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, 'BLOCK', block)
        assert read_split(source, split, counts, max_records=3) == expected
        for count, position in positions(source, split, max_records=1):
            reader = source.open(split, position)
            records = reader.poll()
            reader.close()
            assert (records.values if records else []) == expected[count:]


@given(
    rows=st.lists(st.tuples(st.text('aé,"', max_size=3), st.text('b|', min_size=1, max_size=3)), max_size=12),
    at=st.lists(st.integers(0, 200), max_size=3), counts=st.lists(st.integers(1, 4), max_size=3),
    block=st.sampled_from([1, 7, 1 << 16]))
def test_lines_may_be_cut_anywhere_where_no_field_holds_a_line_end(
        tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], at: list[int], counts: list[int],
        block: int) -> None:
    text = io.StringIO(newline='')
    csv.writer(text).writerows([('x', 'y'), *rows])
    content = text.getvalue().encode()
    path = tmp_path_factory.mktemp('csv') / 'file'
    path.write_bytes(content)
    source = CsvSource(str(path), CsvLayout(), default_type='str', default_na=False, splittable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, 'BLOCK', block)
        found = [
            row for start, stop in cuts(len(content), at)
            for row in read_split(
                source, CsvSplit((FileRange(str(path), start, stop, stop - start),), ()), counts, max_records=2)]
    assert found == [Row(x=x, y=y) for x, y in rows]


@pytest.mark.parametrize(('texts', 'kind', 'values'), [
    (['1', '-2', '+3', ' 4 ', ''], 'int', [1, -2, 3, 4, None]),
    (['1', '2.5', '1e3', '.5', 'inf', 'NaN', 'NA'], 'float', [1.0, 2.5, 1000.0, 0.5, math.inf, None, None]),
    (['True', 'false', 'TRUE', 'null'], 'bool', [True, False, True, None]),
    (['1', 'x', ''], 'str', ['1', 'x', None]),
    (['1_000'], 'str', ['1_000']),
    (['٣'], 'str', ['٣']),
    (['', 'NA'], 'str', [None, None]),
    (['99999999999999999999999'], 'int', [99999999999999999999999]),
])
def test_what_a_column_is_taken_for(texts: list[str], kind: str, values: list[Any]) -> None:
    assert infer(texts, NA_VALUES) == kind
    assert list(convert(texts, kind, NA_VALUES)) == values


def read_text(tmp_path: Path, text: str, **arguments: Any) -> list[Any]:
    """The rows of a file with this content, read by the transform's own source."""
    path = tmp_path / 'a.csv'
    path.write_text(text)
    return read_all(ReadFromCsv(str(path), **arguments)._source)


@pytest.mark.parametrize(('text', 'arguments', 'rows'), [
    ('a,b\n1,x\n,y\n', {}, [Row(a=1, b='x'), Row(a=None, b='y')]),
    ('a;b\n1;"x;""y"\n', {'sep': ';'}, [Row(a=1, b='x;"y')]),
    ('a\tb\n1\t"x\n', {'delimiter': '\t', 'quoting': csv.QUOTE_NONE}, [Row(a=1, b='"x')]),
    ("a,b\n1,'x,y'\n", {'quotechar': "'"}, [Row(a=1, b='x,y')]),
    ('a,b\n1,x\\,y\n', {'escapechar': '\\'}, [Row(a=1, b='x,y')]),
    ('a, b\n1, x\n', {'skipinitialspace': True}, [Row(a=1, b='x')]),
    ('# note\n\na,b\n1,x\n', {'skiprows': 1}, [Row(a=1, b='x')]),
    ('1,x\n', {'names': ['a', 'b']}, [Row(a=1, b='x')]),
    ('1,x\n', {'names': ['a', 'b'], 'header': None}, [Row(a=1, b='x')]),
    ('p,q\n1,x\n', {'names': ['a', 'b'], 'header': 0}, [Row(a=1, b='x')]),
    ('a,b,c\n1,x,2\n', {'usecols': ['c', 'a']}, [Row(a=1, c=2)]),
    ('a,b\n1,2\n', {'dtype': str}, [Row(a='1', b='2')]),
    ('a,b\n1,2\n', {'dtype': {'a': 'float64'}}, [Row(a=1.0, b=2)]),
    ('a,b\nFalse,2\n', {'dtype': {'a': bool}}, [Row(a=False, b=2)]),
    ('a,b\n1,ff\n', {'converters': {'b': lambda text: int(text, 16)}}, [Row(a=1, b=255)]),
    ('a,b\n-,NA\n', {'na_values': '-', 'keep_default_na': False}, [Row(a=None, b='NA')]),
    ('a,b\n1\n1,2\n1,2,3\n', {'on_bad_lines': 'skip'}, [Row(a=1, b=2)]),
    ('a,b\n', {}, []),
    ('', {}, []),
])
def test_the_arguments_of_pandas(tmp_path: Path, text: str, arguments: dict[str, Any], rows: list[Row]) -> None:
    assert read_text(tmp_path, text, **arguments) == rows


def test_the_first_rows_that_there_are_decide_for_all_files(tmp_path: Path) -> None:
    for name, text in (('1', 'a,b\n'), ('2', 'a,b\n1,1\n'), ('3', 'b,a\n2,3\n'), ('4', 'a,b\n5,6.5\n')):
        (tmp_path / f'{name}.csv').write_text(text)
    source = ReadFromCsv(str(tmp_path / '[123].csv'), filename_column='file')._source
    assert read_all(source) == [
        Row(a=1, b=1, file=f'{tmp_path}/2.csv'), Row(b=2, a=3, file=f'{tmp_path}/3.csv')]
    with pytest.raises(SourceError) as caught:
        read_all(ReadFromCsv(str(tmp_path / '*.csv'))._source)
    assert str(caught.value) == (
        f"{tmp_path}/4.csv, line 2, byte 4: '6.5' in the column 'b' is no int. The column was taken for int after "
        "the first rows of the first file: pass dtype={'b': ...} with the type it has")


def test_compressed_and_other_encodings(tmp_path: Path) -> None:
    with open_file(str(tmp_path / 'a.csv.gz'), 'wb') as file:
        file.write('a\né\n'.encode('latin-1'))
    assert read_all(ReadFromCsv(str(tmp_path / 'a.csv.gz'), encoding='latin-1')._source) == [Row(a='é')]


def test_many_files_make_one_split_and_one_poll(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f'{number:03d}.csv').write_text(f'n\n{number}\n')
    source = ReadFromCsv(str(tmp_path / '*'))._source
    (split,) = source.splits(1)
    reader = source.open(split)
    records = reader.poll()
    assert records is not None
    assert records.values == [Row(n=number) for number in range(100)]
    assert reader.backlog.size == 0
    assert reader.poll() is None


def test_a_large_file_is_cut_only_where_that_is_allowed(tmp_path: Path) -> None:
    text = 'n,text\n' + ''.join(f'{number},"text {number}"\n' for number in range(150_000))
    path = tmp_path / 'large.csv'
    path.write_text(text)
    assert len(ReadFromCsv(str(path))._source.splits(3)) == 1
    source = ReadFromCsv(str(path), splittable=True)._source
    assert len(source.splits(3)) == 3
    assert read_all(source, 3) == [Row(n=number, text=f'text {number}') for number in range(150_000)]


class TestErrors:
    @pytest.mark.parametrize(('text', 'message'), [
        ('a,b\n1,2\n\n3\n', "a.csv, line 4, byte 9: the row has 1 field, but there are 2 columns (a, b): '3'"),
        ('a,b\n1,2\n1,2,3\n', "a.csv, line 3, byte 8: the row has 3 fields, but there are 2 columns (a, b): '1,2,3'"),
        ('a,b\n1,"2\n3,4\n', 'a.csv, line 2, byte 4: a quoted field of this row is not closed'),
        ('a,b\n1,2\n1,\r2\n', 'a.csv, line 4, byte 13: not valid CSV before here: new-line character seen in'),
        ('a,a\n1,2\n', "a.csv, line 1, byte 0: the header has more than one column 'a': pass names"),
    ])
    def test_malformed_rows_are_located(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(SourceError) as caught:
            read_text(tmp_path, text)
        assert message in str(caught.value)

    def test_text_in_another_encoding(self, tmp_path: Path) -> None:
        (tmp_path / 'a.csv').write_bytes(b'a\nx\n\xe9\n')
        with pytest.raises(SourceError) as caught:
            read_all(ReadFromCsv(str(tmp_path / 'a.csv'))._source)
        assert 'a.csv, line 3, byte 4: the byte 0xe9 is not utf-8 text: encoding says how' in str(caught.value)

    def test_a_column_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="there is no column 'z'; there are a, b"):
            read_text(tmp_path, 'a,b\n1,2\n', usecols=['a', 'z'])

    def test_a_given_type_that_does_not_suit(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError) as caught:
            read_text(tmp_path, 'a\n1\n\nx\n', dtype={'a': int})
        assert "a.csv, line 4, byte 5: 'x' in the column 'a' is no int" in str(caught.value)

        with pytest.raises(SourceError, match="'zz' in the column 'a' cannot be converted: invalid literal"):
            read_text(tmp_path, 'a\nzz\n', converters={'a': lambda text: int(text, 16)})

    def test_line_ends_in_fields_of_a_file_that_was_cut(self, tmp_path: Path) -> None:
        text = 'a,b\n' + '1,"2\n3"\n' * 10
        (tmp_path / 'a.csv').write_text(text)
        source = ReadFromCsv(str(tmp_path / 'a.csv'), splittable=True, dtype=str)._source
        split = CsvSplit((FileRange(str(tmp_path / 'a.csv'), 0, 14, 14),), ())
        with pytest.raises(SourceError, match=r'is not closed\. If fields hold .* pass splittable=False'):
            read_split(source, split)

    @pytest.mark.parametrize(('arguments', 'error', 'message'), [
        ({'sep': '||'}, TransformError, 'ReadFromCsv: "delimiter" must be a 1-character string'),
        ({'header': None}, TransformError, 'header=None needs names'),
        ({'header': 3}, UnsupportedError, "header must be 'infer', 0 or None; got 3"),
        ({'skiprows': [1]}, UnsupportedError, 'skiprows must be a number of lines from 0; got [1]'),
        ({'on_bad_lines': 'warn'}, UnsupportedError, "on_bad_lines must be 'error' or 'skip'; got 'warn'"),
        ({'encoding': 'utf-16'}, UnsupportedError, "the encoding 'utf-16' has other bytes than ASCII"),
        ({'encoding': 'klingon'}, TransformError, 'unknown encoding: klingon'),
        ({'dtype': {'a': 'category'}}, TransformError, "got 'category'"),
        ({'nrows': 5}, UnsupportedError, 'ReadFromCsv does not support the argument nrows; it supports splittable'),
    ])
    def test_arguments_that_cannot_be_used(
            self, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
        with pytest.raises(error) as caught:
            ReadFromCsv('x.csv', **arguments)
        assert message in str(caught.value)

    def test_a_missing_file(self) -> None:
        with pytest.raises(SourceError, match=r"there is no file '/nothing/here\.csv'"):
            ReadFromCsv('/nothing/here.csv')


def encoded(*values: Any, **options: Any) -> str:
    encoder = CsvFormat(**options).encoder()
    body = encoder.body(values) if values else b''
    return (encoder.head(values[0] if values else None) + body + encoder.tail()).decode()


@pytest.mark.parametrize(('values', 'options', 'text'), [
    ([Row(a=1, b='x,"y'), {'b': None, 'a': 2.5}], {}, 'a,b\n1,"x,""y"\n2.5,\n'),
    ([Row(a=math.nan, b=None)], {'na_rep': '-'}, 'a,b\n-,-\n'),
    ([Row(a=1 / 3, b=1)], {'float_format': '%.2f', 'sep': ';'}, 'a;b\n0.33;1\n'),
    ([Row(a=1, b=2, c=3)], {'columns': ('c', 'a')}, 'c,a\n3,1\n'),
    ([Row(a=1)], {'header': False}, '1\n'),
    ([Row(a=1)], {'header': ('A',)}, 'A\n1\n'),
    ([Row(a='x', b=1)], {'quoting': csv.QUOTE_NONNUMERIC, 'quotechar': "'"}, "'a','b'\n'x',1\n"),
    ([], {}, ''),
    ([], {'columns': ('a', 'b')}, 'a,b\n'),
])
def test_what_is_written(values: list[Any], options: dict[str, Any], text: str) -> None:
    assert encoded(*values, **options) == text


@pytest.mark.parametrize(('values', 'message'), [
    ([Row(a=1), Row(b=1)], 'Row(b=1) has the fields b, but the columns of the file are a: all elements must have'),
    ([Row(a=1), Row(a=1, b=2)], 'Row(a=1, b=2) has the fields a, b, but the columns of the file are a'),
    ([1], 'an element must have named fields (a Row, a NamedTuple, a dict, a data class); got 1 (int)'),
])
def test_elements_that_cannot_be_written(values: list[Any], message: str) -> None:
    with pytest.raises(SinkError) as caught:
        encoded(*values)
    assert message in str(caught.value)


@pytest.mark.parametrize(('arguments', 'error', 'message'), [
    ({'index': True}, UnsupportedError, 'WriteToCsv does not support the argument index'),
    ({'mode': 'a'}, UnsupportedError, 'WriteToCsv does not support the argument mode'),
    ({'sep': '--'}, TransformError, 'WriteToCsv: "delimiter" must be a 1-character string'),
    ({'columns': ['a'], 'header': ['x', 'y']}, TransformError, 'header has 2 names for 1 columns'),
])
def test_arguments_for_writing_that_cannot_be_used(
        arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        WriteToCsv('x', **arguments)
    assert message in str(caught.value)


def test_empty_texts_and_missing_values(tmp_path: Path) -> None:
    """By default both are read as missing, quoted or not, as pandas does. With a word for missing values both stay."""
    rows = [Row(a='', b=1), Row(a=None, b=2), Row(a='x', b=3)]
    for name, write, read, found in (
            ('default', {}, {}, [None, None, 'x']),
            ('quoted', {'quoting': csv.QUOTE_ALL}, {}, [None, None, 'x']),
            ('word', {'na_rep': 'NULL'}, {'na_values': 'NULL', 'keep_default_na': False}, ['', None, 'x'])):
        with TestPipeline() as p:
            p | Create(rows) | WriteToCsv(str(tmp_path / name), **write)
        with TestPipeline() as p:
            back = p | ReadFromCsv(str(tmp_path / f'{name}-*'), **read) | Map(lambda row: (row.a, row.b))
            assert_that(back, equal_to(list(zip(found, (1, 2, 3), strict=True))))


def test_through_pipelines(tmp_path: Path) -> None:
    rows = [Row(id=number, name=f'"{number}",\n') for number in range(5)]
    with Pipeline() as p:
        p | Create(rows) | WriteToCsv(str(tmp_path / 'out'), num_shards=2)
    assert sorted(contents(tmp_path)) == ['out-00000-of-00002', 'out-00001-of-00002']
    with Pipeline() as p:
        outputs = (
            p | ReadFromCsv(str(tmp_path / 'out-*'))
            | Map(lambda row: {'double': row.id * 2, 'name': row.name})
            | WriteToCsv(str(tmp_path / 'done'), file_naming=lambda *_: 'all.csv'))
        assert list(outputs) == ['files_written']
    with open(tmp_path / 'done' / 'all.csv', newline='') as file:
        found = sorted(csv.reader(file))
    assert found == sorted([['double', 'name'], *([str(row.id * 2), row.name] for row in rows)])
