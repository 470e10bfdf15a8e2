"""The transforms over text files, in pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bourne.io
from bourne.errors import SourceError, TransformError
from bourne.io import textio
from bourne.io.compression import CompressionTypes
from bourne.io.fileio import MatchFiles
from bourne.io.files import open_file
from bourne.io.matching import FileMetadata
from bourne.io.textio import (
    ReadAllFromText,
    ReadFromText,
    ReadFromTextWithFilename,
    WriteToText,
)
from bourne.sdk.model.value_coders import BytesCoder, StrUtf8Coder, ToBytesCoder, VarIntCoder
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.value_provider import RuntimeValueProvider, StaticValueProvider
from tests.io.writing import contents


def lines_of(tmp_path: Path, transform: Any, patterns: list[Any] | None = None) -> list[str]:
    """What a reading transform emits, as texts, by way of a file."""
    with Pipeline() as p:
        start = p if patterns is None else p | Create(patterns)
        start | transform | 'show' >> Map(repr) | WriteToText(str(tmp_path / 'out' / 'x'), shard_name_template='')
    return sorted((tmp_path / 'out' / 'x').read_text().splitlines())


def test_from_text_to_text(tmp_path: Path) -> None:
    (tmp_path / 'a.txt').write_text('header\none\r\ntwo')
    with Pipeline() as p:
        p | ReadFromText(str(tmp_path / '*.txt'), skip_header_lines=1) | Map(str.upper) | WriteToText(
            str(tmp_path / 'out'), '.txt', num_shards=1, header='H', footer='F')
    assert contents(tmp_path)['out-00000-of-00001.txt'] == 'H\nONE\nTWO\nF\n'


def test_the_output_is_the_names_of_the_files(tmp_path: Path) -> None:
    with Pipeline() as p:
        names = p | Create(['a']) | WriteToText(str(tmp_path / 'out'))
        assert names.element_type is str
        names | 'names' >> WriteToText(str(tmp_path / 'names'), shard_name_template='')
    assert (tmp_path / 'names').read_text() == f'{tmp_path}/out-00000-of-00001\n'


def test_file_names_go_with_the_lines_if_asked_for(tmp_path: Path) -> None:
    (tmp_path / 'a.txt').write_text('x\n')
    expected = [repr((str(tmp_path / 'a.txt'), 'x'))]
    assert lines_of(tmp_path, ReadFromTextWithFilename(str(tmp_path / '*.txt'))) == expected
    assert lines_of(tmp_path, ReadAllFromText(with_filename=True), [str(tmp_path / '*.txt')]) == expected


def test_coders(tmp_path: Path) -> None:
    path = tmp_path / 'a.bin'
    path.write_bytes(b'\xff\r\n\xfe\n')
    assert lines_of(tmp_path, ReadFromText(str(path), coder=BytesCoder())) == [repr(b'\xfe'), repr(b'\xff')]
    path.write_text('é\n')
    assert lines_of(tmp_path, ReadFromText(str(path), coder=StrUtf8Coder())) == [repr('é')]
    with Pipeline() as p:
        p | Create(['é', 1]) | WriteToText(str(tmp_path / 'bytes'), coder=ToBytesCoder(), num_shards=1)
        p | 'numbers' >> Create([300]) | 'ints' >> WriteToText(
            str(tmp_path / 'ints'), coder=VarIntCoder(), append_trailing_newlines=False)
    assert (tmp_path / 'bytes-00000-of-00001').read_text() == 'é\n1\n'
    assert (tmp_path / 'ints-00000-of-00001').read_bytes() == VarIntCoder().encode(300)


def test_read_all_takes_patterns_paths_and_metadata(tmp_path: Path) -> None:
    for name in ('a.txt', 'b.txt'):
        (tmp_path / name).write_text(f'{name}\n')
    with open_file(str(tmp_path / 'c.gz'), 'wb') as file:
        file.write(b'c\n' * 3)
    patterns = [str(tmp_path / '*.txt'), str(tmp_path / 'c.gz'), str(tmp_path / '*.none'),
                FileMetadata(str(tmp_path / 'a.txt'), 6), FileMetadata(str(tmp_path / 'a.txt'), 0)]
    assert lines_of(tmp_path, ReadAllFromText(), patterns) == sorted(
        map(repr, ['a.txt', 'b.txt', 'a.txt', 'a.txt', 'c', 'c', 'c']))
    assert lines_of(tmp_path, MatchFiles(str(tmp_path / '*.txt')) | ReadAllFromText()) == ["'a.txt'", "'b.txt'"]


def test_read_all_cuts_large_files(tmp_path: Path) -> None:
    (tmp_path / 'a.txt').write_text('0123456\n' * 1000)
    transform = ReadAllFromText(desired_bundle_size=100, skip_header_lines=1)
    assert lines_of(tmp_path, transform, [str(tmp_path / 'a.txt')]) == ["'0123456'"] * 999


def test_delimiters_and_escapes(tmp_path: Path) -> None:
    (tmp_path / 'a').write_bytes(b'a||b\\||c||d')
    transform = ReadFromText(str(tmp_path / 'a'), delimiter=b'|+')
    assert lines_of(tmp_path, transform) == [repr('a||b\\||c||d')]
    (tmp_path / 'a').write_bytes(b'a|+b\\|+c|+d')
    transform = ReadFromText(str(tmp_path / 'a'), delimiter=b'|+', escapechar=b'\\', strip_trailing_newlines=False)
    assert lines_of(tmp_path, transform) == sorted(map(repr, ['a|+', 'b\\|+c|+', 'd']))


def test_files_that_come_later_are_not_validated(tmp_path: Path) -> None:
    later = ReadFromText(str(tmp_path / 'later*.txt'), validate=False)
    assert lines_of(tmp_path, later) == []
    (tmp_path / 'later.txt').write_text('x\n')
    assert lines_of(tmp_path, later) == ["'x'"]


def test_value_providers_and_path_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a.txt').write_text('x\n')
    assert lines_of(tmp_path, ReadFromText(StaticValueProvider(str, str(tmp_path / 'a.txt')))) == ["'x'"]
    with Pipeline() as p:
        p | ReadFromText(tmp_path / 'a.txt') | WriteToText(tmp_path / 'b', shard_name_template='')
    assert (tmp_path / 'b').read_text() == 'x\n'
    runtime: Any = RuntimeValueProvider('input', str, '')
    source = ReadFromText(runtime)._source
    monkeypatch.setattr(RuntimeValueProvider, 'runtime_options', {'input': str(tmp_path / 'a.txt')})
    assert [len(split) for split in source.splits()] == [1]


def test_the_element_types_are_known() -> None:
    p = Pipeline()
    assert (p | ReadFromText('x*', validate=False)).element_type is str
    assert (p | ReadFromTextWithFilename('x*', validate=False)).element_type == tuple[str, str]
    assert (p | 'b' >> ReadFromText('x*', validate=False, coder=BytesCoder())).element_type is bytes


def test_the_names_of_the_package() -> None:
    for name in bourne.io.__all__:
        assert getattr(bourne.io, name).__name__ == name
    assert bourne.io.fileio.MatchFiles is MatchFiles
    assert {'fileio', 'ReadFromText'} <= set(dir(bourne.io))
    for name in textio.__all__:
        assert getattr(textio, name) is getattr(bourne.io, name)
    with pytest.raises(AttributeError, match=r"module 'bourne\.io' has no attribute 'Nothing'"):
        bourne.io.Nothing  # noqa: B018


class TestErrors:
    @pytest.mark.parametrize(('make', 'error', 'message'), [
        (lambda: ReadFromText('/nothing/here*'), SourceError, "no file matches '/nothing/here*'"),
        (lambda: ReadFromText(None), TransformError, 'ReadFromText: file_pattern must be a path or URL'),
        (lambda: ReadFromText(''), TransformError, "as a non-empty string; got ''"),
        (lambda: ReadFromTextWithFilename(3), TransformError, 'ReadFromTextWithFilename: file_pattern must be'),
        (lambda: ReadFromText('x', skip_header_lines=-1), TransformError, 'skip_header_lines must be a number'),
        (lambda: ReadAllFromText(desired_bundle_size=0), TransformError, 'desired_bundle_size must be a number'),
        (lambda: ReadAllFromText(compression_type='lz4'), TransformError, "got 'lz4'"),
        (lambda: WriteToText(3), TransformError, 'WriteToText: file_path_prefix must be a path or URL'),
        (lambda: WriteToText('x', 3), TransformError, 'file_name_suffix must be a string; got 3'),
        (lambda: WriteToText('x', compression_type=CompressionTypes), TransformError, 'compression_type must be'),
    ])
    def test_arguments_that_cannot_be_used(self, make: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error) as caught:
            make()
        assert message in str(caught.value)

    def test_read_all_of_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=rf"there is no file '{tmp_path}/none\.txt'"):
            lines_of(tmp_path, ReadAllFromText(), [f'{tmp_path}/none.txt'])
        with pytest.raises(SourceError, match='no file matches'):
            lines_of(tmp_path, ReadAllFromText(validate=True), [f'{tmp_path}/none*'])
        with pytest.raises(TransformError, match=r'takes paths, patterns or FileMetadata; got 3 \(int\)'):
            lines_of(tmp_path, ReadAllFromText(), [3])

    def test_a_failing_pipeline_leaves_no_output(self, tmp_path: Path) -> None:
        (tmp_path / 'a.txt').write_text('1\n2\nx\n')
        before = contents(tmp_path)
        with pytest.raises(ValueError, match='invalid literal'), Pipeline() as p:
            p | ReadFromText(str(tmp_path / 'a.txt')) | Map(int) | WriteToText(str(tmp_path / 'out'))
        assert contents(tmp_path) == before
        assert [path.name for path in tmp_path.iterdir()] == ['a.txt']
