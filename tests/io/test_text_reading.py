"""Laws of reading records: however files are cut, polled and resumed, the records are those of one plain pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SourceError, TransformError
from bourne.io import blocks
from bourne.io.compression import CompressionTypes
from bourne.io.files import open_file
from bourne.io.splitting import FileRange
from bourne.io.textsource import LineSource
from bourne.sdk.model.value_coders import BytesCoder, VarIntCoder
from tests.io.reading import cuts, positions, read_all, read_split

#: Pieces that make delimiters, broken delimiters, escapes and characters of several bytes likely.
PIECES = [b'a', b'bc', b'\n', b'\r\n', b'\r', b'\r\r\n', b'||', b'|', b'\\', b'\\\n', b'\\||', 'é€𝄞'.encode(),
          b'\x0b', b'\x0c', b'\x1c', ' \x85'.encode(), b' ', b'\xef\xbb\xbf', b'ab', b'aab']
CONTENT = st.lists(st.sampled_from(PIECES), max_size=40).map(b''.join)
DELIMITERS = st.sampled_from([None, b'\n', b'||a', b'ab', b'|', b'\r\n', 'é'.encode(), 'é'.encode()[1:]])


def reference(content: bytes, delimiter: bytes | None, escape: bytes | None, strip: bool, skip: int) -> list[bytes]:
    """The records of a file, one byte after the other."""
    mark = delimiter or b'\n'
    records, start, at = [], 0, 0
    while at < len(content):
        if not content.startswith(mark, at) or odd_escapes(content, at, escape):
            at += 1
            continue
        end = at + len(mark)
        carriage = delimiter is None and content[start:at].endswith(b'\r') and not odd_escapes(content, at - 1, escape)
        records.append(content[start:at - carriage] if strip else content[start:end])
        start = at = end
    return (records + [content[start:]] * (start < len(content)))[skip:]


def odd_escapes(content: bytes, at: int, escape: bytes | None) -> bool:
    count = 0
    while escape and content[at - count - 1:at - count] == escape:
        count += 1
    return count % 2 == 1


@attrs.frozen
class Case:
    """A file, and how it is read."""

    content: bytes
    source: LineSource
    at: tuple[int, ...]
    counts: tuple[int, ...]
    limits: dict[str, int]
    block: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    delimiter = draw(DELIMITERS)
    escapes = [None, b'\\'] if delimiter is None or b'\\' not in delimiter else [None]
    source = LineSource(
        coder=draw(st.sampled_from([None, BytesCoder()])), strip=draw(st.booleans()), delimiter=delimiter,
        escape=draw(st.sampled_from(escapes)), skip=draw(st.integers(0, 3)))
    return Case(
        draw(CONTENT), source,
        at=tuple(draw(st.lists(st.integers(0, 60), max_size=4))),
        counts=tuple(draw(st.lists(st.integers(1, 5), max_size=4))),
        limits={'max_records': draw(st.integers(1, 7)), 'max_bytes': draw(st.sampled_from([1, 3, 50, 1 << 20]))},
        block=draw(st.sampled_from([1, 2, 5, 64])))


@given(case=cases())
def test_cut_polled_and_resumed_anywhere_the_records_are_the_same(
        tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    path = str(tmp_path_factory.mktemp('law') / 'file')
    Path(path).write_bytes(case.content)
    source = case.source
    expected: list[Any] = reference(case.content, source.delimiter, source.escape, source.strip, source.skip)
    if source.coder is None:
        try:
            expected = [record.decode() for record in expected]
        except UnicodeDecodeError:  # A delimiter that is part of a character.
            return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, 'BLOCK', case.block)
        found = [
            value for start, stop in cuts(len(case.content), case.at)
            for value in read_split(source, (FileRange(path, start, stop, stop - start),), case.counts, **case.limits)]
        assert found == expected
        whole = (FileRange(path, 0, None, len(case.content)),)
        assert read_split(source, whole, **case.limits) == expected
        for count, position in positions(source, whole, max_records=2):
            rest = source.open(whole, position)
            values = []
            while (records := rest.poll()) is not None:
                values += records.values
            assert values == expected[count:]
            rest.close()


def test_files_are_read_in_the_order_of_their_paths_whatever_the_number_of_splits(tmp_path: Path) -> None:
    expected = []
    for number in range(20):
        lines = [f'{number}-{line}' for line in range(number)]
        (tmp_path / f'{number:02d}').write_text(''.join(f'{line}\n' for line in ['header', *lines]))
        expected += lines
    source = LineSource(str(tmp_path / '*'), skip=1)
    for desired in (1, 3, 100):
        assert read_all(source, desired) == expected


def test_small_files_share_a_split_and_a_poll(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f'{number:03d}.txt').write_text(f'{number}\n')
    source = LineSource(str(tmp_path / '*.txt'))
    (split,) = source.splits(1)
    assert len(split) == 300
    reader = source.open(split)
    records = reader.poll()
    assert records is not None
    assert records.values == [str(number) for number in range(300)]
    assert reader.poll() is None
    assert len(source.splits(8)) > 1


def test_a_small_file_is_cut_for_many_readers_and_not_for_one(tmp_path: Path) -> None:
    path = tmp_path / 'names'
    path.write_text(''.join(f'{number:04}\n' for number in range(1000)))
    source = LineSource(str(path))
    assert [len(source.splits(desired)) for desired in (1, 3, 100)] == [1, 3, 5]
    assert read_all(source, 100) == read_all(source, 1)


def test_a_large_file_is_cut_and_a_compressed_one_is_not(tmp_path: Path) -> None:
    text = ''.join(f'line {number}\n' for number in range(500_000))
    plain, packed = tmp_path / 'plain.txt', tmp_path / 'packed.txt.gz'
    plain.write_text(text)
    with open_file(str(packed), 'wb') as file:
        file.write(text.encode())
    source = LineSource(str(plain))
    splits = source.splits(5)
    assert [len(split) for split in splits] == [1] * 5
    sizes = [source.size(split) for split in splits]
    assert sum(sizes) == len(text)
    assert max(sizes) - min(sizes) <= 1
    assert read_all(source, 5) == text.splitlines()
    assert len(LineSource(str(packed)).splits(5)) == 1
    assert read_all(LineSource(str(packed)), 5) == text.splitlines()
    assert len(LineSource(str(plain), min_size=1 << 30).splits(5)) == 1


def test_the_backlog_shrinks_to_nothing(tmp_path: Path) -> None:
    for name in 'ab':
        (tmp_path / name).write_text('0123456789\n' * 30_000)
    source = LineSource(str(tmp_path / '*'))
    (split,) = source.splits(1)
    reader = source.open(split)
    left = [reader.backlog.size]
    while reader.poll() is not None:
        left.append(reader.backlog.size)
    assert left[0] == 660_000
    assert left == sorted(left, reverse=True)  # type: ignore[type-var]
    assert left[-1] == 0


@pytest.mark.parametrize('kind', [kind for kind in CompressionTypes.ALL if kind != CompressionTypes.AUTO])
def test_every_compression_is_read_and_resumed(tmp_path: Path, kind: str) -> None:
    lines = [f'{number} äöü' for number in range(2000)]
    path = tmp_path / 'data'
    for part in (lines[:1000], lines[1000:]):  # Two streams in one file, where the format has streams.
        with open_file(str(tmp_path / 'part'), 'wb', kind) as file:
            file.write(''.join(f'{line}\r\n' for line in part).encode())
        with path.open('ab') as file:
            file.write((tmp_path / 'part').read_bytes())
    source = LineSource(str(path), compression_type=kind)
    (split,) = source.splits(1)
    assert read_split(source, split, counts=[1, 7, 990, 500]) == lines


def test_a_byte_order_mark_is_kept_as_in_beam(tmp_path: Path) -> None:
    (tmp_path / 'bom').write_bytes(b'\xef\xbb\xbfa\nb\n')
    assert read_all(LineSource(str(tmp_path / 'bom'))) == ['\ufeffa', 'b']


def test_a_record_longer_than_many_blocks(tmp_path: Path) -> None:
    (tmp_path / 'long').write_bytes(b'x' * 1_000_000 + b'\nshort\n' + b'y' * 300_000)
    source = LineSource(str(tmp_path / 'long'))
    for at in ([], [5], [999_999], [1_000_000], [1_000_001], [1_000_002, 1_200_000]):
        found = [
            value for start, stop in cuts(1_300_007, at)
            for value in read_split(source, (FileRange(str(tmp_path / 'long'), start, stop, stop - start),))]
        assert [len(value) for value in found] == [1_000_000, 5, 300_000]


class TestErrors:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError) as caught:
            LineSource(str(tmp_path / 'nothing.txt')).check()
        assert str(caught.value) == f'there is no file {str(tmp_path / "nothing.txt")!r}'
        with pytest.raises(SourceError) as caught:
            LineSource(str(tmp_path / '*.txt')).splits()
        assert str(caught.value) == f'no file matches {str(tmp_path / "*.txt")!r}'
        assert LineSource(str(tmp_path / '*.txt'), must_exist=False).splits() == []

    def test_a_relative_path_comes_with_the_working_directory(
            self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SourceError) as caught:
            LineSource('nothing.txt').check()
        assert f'(the working directory is {str(tmp_path)!r})' in str(caught.value)

    def test_a_directory_is_told_from_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError) as caught:
            LineSource(str(tmp_path)).check()
        assert f'is a directory: {str(tmp_path / "*")!r} stands for the files in it' in str(caught.value)

    def test_bytes_that_are_no_text_are_located(self, tmp_path: Path) -> None:
        path = tmp_path / 'latin.txt'
        path.write_bytes(b'one\ntwo\nthr\xe9e\n')
        with pytest.raises(SourceError) as caught:
            read_all(LineSource(str(path)))
        message = str(caught.value)
        assert message.startswith(f'{path}, line 3, byte 11: the byte 0xe9 is not UTF-8 text')
        assert 'If the text has another encoding, pass a coder that decodes it.' in message
        with pytest.raises(SourceError, match='line 3, byte 8: the record cannot be decoded'):
            read_all(LineSource(str(path), escape=b'\\'))

    def test_compressed_data_without_the_extension_is_recognised(self, tmp_path: Path) -> None:
        with open_file(str(tmp_path / 'a.gz'), 'wb') as file:
            file.write(b'text\n')
        (tmp_path / 'a.gz').rename(tmp_path / 'a.txt')
        with pytest.raises(SourceError) as caught:
            read_all(LineSource(str(tmp_path / 'a.txt')))
        assert "The file looks like gzip data: pass compression_type='gzip'." in str(caught.value)

    @pytest.mark.parametrize('kind', ['gzip', 'bzip2', 'lzma', 'deflate', 'zstd'])
    def test_data_that_is_cut_off_or_damaged_is_an_error(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / 'file'
        with open_file(str(path), 'wb', kind) as file:
            file.write(b''.join(b'%d\n' % number for number in range(100_000)))
        whole = path.read_bytes()
        for bad in (whole[:-9], b'no ' + whole):
            path.write_bytes(bad)
            with pytest.raises(SourceError) as caught:
                read_all(LineSource(str(path), compression_type=kind))
            assert str(path) in str(caught.value)
            assert f'it is not {kind} data: compression_type says how to read it' in str(caught.value)

    def test_a_file_that_shrinks_under_the_reader_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / 'log'
        path.write_text('line\n' * 1000)
        source = LineSource(str(path))
        (split,) = source.splits(1)
        path.write_text('line\n' * 10)
        with pytest.raises(SourceError, match='ends at byte 50, but had at least 5000 bytes when the run began'):
            read_split(source, split)

    def test_the_exception_of_a_coder_keeps_its_type_and_says_where(self, tmp_path: Path) -> None:
        class Picky(VarIntCoder):
            def decode(self, encoded: bytes) -> int:
                return int(encoded)

        (tmp_path / 'n').write_text('1\n22\nx\n')
        with pytest.raises(ValueError, match='invalid literal') as caught:
            read_all(LineSource(str(tmp_path / 'n'), coder=Picky()))
        assert not isinstance(caught.value, SourceError)
        assert caught.value.__notes__ == [f'while decoding the record at byte 5 of {tmp_path / "n"}']

    @pytest.mark.parametrize(('changes', 'message'), [
        ({'delimiter': b''}, "the delimiter must be a non-empty bytes object; got b''"),
        ({'delimiter': ','}, "the delimiter must be a non-empty bytes object; got ','"),
        ({'delimiter': b'aba'}, "the delimiter must not self-overlap: b'aba'"),
        ({'escape': b'ab'}, "escapechar must be a bytes object of size 1; got b'ab'"),
        ({'escape': b'|', 'delimiter': b'||x'}, "escapechar b'|' must not be part of the delimiter b'||x'"),
        ({'escape': b'\r'}, "escapechar b'\\r' must not be part of the delimiter b'\\n'"),
        ({'skip': -1}, 'skip_header_lines must be a number from 0; got -1'),
        ({'compression_type': 'zip'}, 'compression_type must be one of CompressionTypes (auto, uncompressed, gzip'),
        ({'coder': 'utf-8'}, "coder must be a Coder with a decode method; got 'utf-8'"),
    ])
    def test_arguments_that_cannot_be_used(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(TransformError) as caught:
            LineSource(**changes).check()
        assert message in str(caught.value)
