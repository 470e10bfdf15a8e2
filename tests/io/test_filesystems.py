"""File patterns, and files by path or URL."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SinkError, SourceError, TransformError, UnsupportedError
from bourne.io import compression, files, globs
from bourne.io.compression import CompressionTypes
from bourne.io.files import open_file
from bourne.io.filesystems import EmptyMatchTreatment, FileSystems, match

_numbers = itertools.count()


@pytest.fixture
def memory() -> Iterator[str]:
    """A directory of the file system in memory, of this test alone."""
    root = f'memory://test{next(_numbers)}'
    yield root
    fsspec.filesystem('memory').rm(root, recursive=True)


def fill(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def names_of(root: str, pattern: str) -> list[str]:
    return [found.path.removeprefix(f'{root}/') for found in match(f'{root}/{pattern}')]


FILES = ('a.txt', 'b.txt', 'b.csv', '.hidden.txt', 'x/a.txt', 'x/y/a.txt', 'x/y/z.md', 'x2/a.txt', '[b].txt')


@pytest.mark.parametrize(('pattern', 'expected'), [
    ('a.txt', ['a.txt']),
    ('*.txt', ['.hidden.txt', '[b].txt', 'a.txt', 'b.txt']),
    ('?.txt', ['a.txt', 'b.txt']),
    ('[ac].txt', ['a.txt']),
    ('[!a].txt', ['b.txt']),
    ('[a-b].*', ['a.txt', 'b.csv', 'b.txt']),
    ('[[]b].txt', ['[b].txt']),
    ('[b].txt', ['[b].txt']),
    ('*/a.txt', ['x/a.txt', 'x2/a.txt']),
    ('x*/*', ['x/a.txt', 'x2/a.txt']),
    ('x/**', ['x/a.txt', 'x/y/a.txt', 'x/y/z.md']),
    ('**/a.txt', ['a.txt', 'x/a.txt', 'x/y/a.txt', 'x2/a.txt']),
    ('x/**/*.md', ['x/y/z.md']),
    ('**.md', ['x/y/z.md']),
    ('x/', ['x/a.txt']),
    ('x', []),
    ('nothing/*', []),
    ('a.txt/*', []),
])
def test_patterns_mean_the_same_in_every_file_system(
        tmp_path: Path, memory: str, pattern: str, expected: list[str]) -> None:
    fill(tmp_path, *FILES, f'{globs.HIDDEN}run/a.txt')
    for name in (*FILES, f'{globs.HIDDEN}run/a.txt'):
        with fsspec.open(f'{memory}/{name}', 'w') as file:
            file.write(name)
    assert names_of(str(tmp_path), pattern) == expected
    assert match(f'file://{tmp_path}/{pattern}') == match(f'{tmp_path}/{pattern}')
    assert names_of(memory, pattern) == expected


PARTS = st.text('ab.[', min_size=1, max_size=2).filter(lambda name: name.strip('.'))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map('/'.join)
PATTERNS = st.lists(
    st.sampled_from(['a', 'b', '.', '*', '**', '?', '[ab]', '[!a]', '[', '/', '/**/', '*/']), min_size=1, max_size=5,
).map(''.join)


@given(files=st.sets(PATHS, max_size=6), pattern=PATTERNS)
def test_a_local_pattern_finds_what_its_expression_matches(
        tmp_path_factory: pytest.TempPathFactory, files: set[str], pattern: str) -> None:
    import re

    root = tmp_path_factory.mktemp('tree')
    for name in files:
        try:
            fill(root, name)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
    pattern = re.sub('/+', '/', pattern).strip('/')
    if not globs.has_wildcard(pattern) or (root / pattern).is_file() or {'.', '..'} & {*pattern.split('/')}:
        return
    there = sorted(path.relative_to(root).as_posix() for path in root.rglob('*') if path.is_file())
    assert names_of(str(root), pattern) == [
        name for name in there if re.fullmatch(globs.translate(pattern), name)]


def test_what_is_known_of_a_file(tmp_path: Path, memory: str) -> None:
    fill(tmp_path, 'a.txt')
    (found,) = match(str(tmp_path / '*'))
    status = (tmp_path / 'a.txt').stat()
    assert (found.path, found.size_in_bytes) == (str(tmp_path / 'a.txt'), 5)
    assert found.last_updated_in_seconds == status.st_mtime == FileSystems.last_updated(found.path)
    with FileSystems.create(f'{memory}/deep/a.txt') as file:
        file.write(b'hello')
    (found,) = match(f'{memory}/**')
    assert (found.path, found.size_in_bytes) == (f'{memory}/deep/a.txt', 5)
    assert found.last_updated_in_seconds > 0
    assert files.size_of(found.path) == 5
    assert files.size_of(f'{memory}/other') is None


def test_relative_patterns_give_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 'a.txt', 'x/a.txt')
    monkeypatch.chdir(tmp_path)
    assert [found.path for found in match('*.txt')] == ['a.txt']
    assert [found.path for found in match('**/*.txt')] == ['a.txt', 'x/a.txt']
    assert [found.path for found in match('a.txt')] == ['a.txt']


def test_links_to_directories_are_followed_only_where_they_are_named(tmp_path: Path) -> None:
    fill(tmp_path, 'real/a.txt')
    (tmp_path / 'link').symlink_to(tmp_path / 'real')
    (tmp_path / 'real' / 'up').symlink_to(tmp_path)
    (tmp_path / 'real' / 'broken').symlink_to(tmp_path / 'nowhere')
    assert names_of(str(tmp_path), 'l*/*') == ['link/a.txt']
    assert names_of(str(tmp_path), '**') == ['real/a.txt']


@pytest.mark.parametrize('kind', [kind for kind in CompressionTypes.ALL if kind != CompressionTypes.AUTO])
@pytest.mark.parametrize('size', [0, 1, 300_000])
def test_what_is_written_is_read_again(tmp_path: Path, kind: str, size: int) -> None:
    data = bytes(number * 7919 % 251 for number in range(size))
    path = str(tmp_path / 'file')
    for name in (path, f'{path}2'):
        with open_file(name, 'wb', kind) as file:
            for start in range(0, size, 10_007):
                file.write(data[start:start + 10_007])
    assert Path(path).read_bytes() == Path(f'{path}2').read_bytes()
    with open_file(path, 'rb', kind) as file:
        assert file.read() == data
    with open_file(path, 'rb', kind) as file:
        assert b''.join(iter(lambda: file.read(9973), b'')) == data
    with io.TextIOWrapper(open_file(path, 'rb', kind), encoding='latin-1', newline='') as text:
        assert text.read() == data.decode('latin-1')


def test_closing_a_compressed_file_closes_the_file_below(tmp_path: Path) -> None:
    for kind in CompressionTypes.ALL[1:]:
        with open(tmp_path / 'file', 'wb') as raw:
            compression.writing(raw, kind).close()
            assert raw.closed
        with open(tmp_path / 'file', 'rb') as raw:
            compression.reading(raw, kind).close()
            assert raw.closed


@pytest.mark.parametrize(('name', 'kind'), [
    ('a.txt', 'uncompressed'), ('a.gz', 'gzip'), ('a.TXT.GZ', 'gzip'), ('a.bz2', 'bzip2'), ('a.xz', 'lzma'),
    ('a.lzma', 'lzma'), ('a.deflate', 'deflate'), ('a.zst', 'zstd'), ('a.zstd', 'zstd'), ('gz', 'uncompressed'),
    ('dir.gz/a', 'uncompressed'),
])
def test_compression_goes_by_the_extension(name: str, kind: str) -> None:
    assert CompressionTypes.detect_compression_type(name) == kind


def test_zstd_names_the_extra_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'zstandard', None)
    for mode in ('rb', 'wb'):
        with pytest.raises(UnsupportedError) as caught:
            open_file(str(tmp_path / 'a.zst'), mode)  # type: ignore[arg-type]
        assert 'pip install "bourne[zstd]"' in str(caught.value)
    assert not (tmp_path / 'a.zst').exists()


def test_files_are_moved_copied_and_removed(tmp_path: Path, memory: str) -> None:
    for root in (str(tmp_path), memory):
        one, two, three = (FileSystems.join(root, 'd', name) for name in ('1.gz', '2.gz', '3.gz'))
        with FileSystems.create(one) as file:
            file.write(b'content')
        FileSystems.copy([one], [two])
        with FileSystems.create(three) as file:
            file.write(b'other')
        FileSystems.rename([two], [three])
        assert not FileSystems.exists(two)
        with FileSystems.open(three) as file:
            assert file.read() == b'content'
        assert FileSystems.split(three) == (FileSystems.join(root, 'd'), '3.gz')
        FileSystems.delete([one, FileSystems.join(root, 'd'), FileSystems.join(root, 'not there')])
        assert not FileSystems.exists(FileSystems.join(root, 'd'))
    results = FileSystems.match([str(tmp_path / '*')], limits=[1])
    assert (results[0].pattern, results[0].metadata_list) == (str(tmp_path / '*'), [])


def test_when_a_pattern_may_match_nothing() -> None:
    allow = EmptyMatchTreatment.allow_empty_match
    assert allow('a', EmptyMatchTreatment.ALLOW)
    assert not allow('*', EmptyMatchTreatment.DISALLOW)
    assert allow('*', EmptyMatchTreatment.ALLOW_IF_WILDCARD)
    assert not allow('a', EmptyMatchTreatment.ALLOW_IF_WILDCARD)
    with pytest.raises(TransformError) as caught:
        allow('*', 'MAYBE')
    assert "must be ALLOW, DISALLOW or ALLOW_IF_WILDCARD; got 'MAYBE'" in str(caught.value)


class TestErrors:
    def test_a_range_that_ends_before_it_begins(self, tmp_path: Path, memory: str) -> None:
        fill(tmp_path, 'a')
        with fsspec.open(f'{memory}/a', 'w') as file:
            file.write('a')
        for root in (str(tmp_path), memory):
            with pytest.raises(SourceError, match=r'z-a\]\.txt. is not valid: bad character range z-a'):
                match(f'{root}/[z-a].txt')

    def test_they_name_the_path_and_the_reason(self, tmp_path: Path) -> None:
        missing = str(tmp_path / 'no' / 'file')
        with pytest.raises(SourceError) as read:
            open_file(missing)
        assert str(read.value) == f'cannot open {missing}: No such file or directory'
        with pytest.raises(SinkError) as written:
            open_file(missing, 'wb')
        assert str(written.value) == f'cannot write {missing}: No such file or directory'
        with pytest.raises(SinkError) as moved:
            files.rename(missing, f'{missing}2')
        assert str(moved.value) == f'cannot move {missing} to {missing}2: No such file or directory'
        (tmp_path / 'file').touch()
        with pytest.raises(SinkError) as made:
            files.mkdirs(str(tmp_path / 'file' / 'below'))
        assert str(made.value) == f'cannot make the directory {tmp_path}/file/below: Not a directory'

    def test_an_unknown_scheme(self) -> None:
        with pytest.raises(SourceError) as caught:
            match('nosuch://bucket/*')
        assert 'cannot use nosuch://bucket/*: no file system for it' in str(caught.value)
        with pytest.raises(SinkError, match='cannot use nosuch://bucket/x: no file system for it'):
            open_file('nosuch://bucket/x', 'wb')

    def test_a_target_that_is_no_directory(self, tmp_path: Path) -> None:
        (tmp_path / 'file').touch()
        with pytest.raises(SinkError) as caught:
            files.check_writable(str(tmp_path / 'file' / 'below' / 'deep'))
        assert str(caught.value) == f'cannot write to {tmp_path}/file/below/deep: {tmp_path}/file is not a directory'
        files.check_writable(str(tmp_path / 'new' / 'deep'))
