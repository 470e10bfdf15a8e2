"""Files as elements, and elements to files by destination and window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from bourne.errors import SinkError, SourceError, TransformError
from bourne.io import dynamicsink, fileio
from bourne.io.compression import CompressionTypes
from bourne.io.dynamicsink import Addressed, DynamicFileSink, FileMetadata, FileSink, SinkMaker
from bourne.io.fileio import (
    EmptyMatchTreatment,
    FileResult,
    MatchAll,
    MatchFiles,
    ReadableFile,
    ReadMatches,
    TextSink,
    WriteToFiles,
    default_file_naming,
    destination_prefix_naming,
    single_file_naming,
)
from bourne.io.files import open_file
from bourne.io.matching import FileMetadata as FoundFile
from bourne.io.textio import WriteToText
from bourne.sdk.graph import codec
from bourne.sdk.model.window import FixedWindows, GlobalWindow, IntervalWindow, TimestampedValue
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing import TestPipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto
from tests.io.writing import Crash, commit_again, contents, crashing_at, prepare, write


def shown(tmp_path: Path, build: Callable[[Pipeline], Any]) -> list[str]:
    """What a pipeline emits, as texts, by way of a file."""
    with Pipeline() as p:
        build(p) | 'show' >> Map(repr) | 'out' >> WriteToText(str(tmp_path / 'shown' / 'x'), shard_name_template='')
    return sorted((tmp_path / 'shown' / 'x').read_text().splitlines())


class TestMatching:
    def test_files_are_found_and_read(self, tmp_path: Path) -> None:
        (tmp_path / 'a.txt').write_text('é')
        with open_file(str(tmp_path / 'b.gz'), 'wb') as file:
            file.write(b'b')
        found = shown(tmp_path, lambda p: (
            p | MatchFiles(str(tmp_path / '*')) | ReadMatches()
            | Map(lambda file: (file.metadata.path, file.metadata.size_in_bytes > 0, file.read_utf8()))))
        assert found == sorted(map(repr, [(f'{tmp_path}/a.txt', True, 'é'), (f'{tmp_path}/b.gz', True, 'b')]))

    def test_all_patterns_of_the_input(self, tmp_path: Path) -> None:
        for name in ('a.txt', 'b.csv'):
            (tmp_path / name).touch()
        patterns = [str(tmp_path / name) for name in ('*.txt', 'b.csv', 'none')]
        found = shown(tmp_path, lambda p: p | Create(patterns) | MatchAll() | Map(lambda file: file.path))
        assert found == [repr(f'{tmp_path}/a.txt'), repr(f'{tmp_path}/b.csv')]

    @pytest.mark.parametrize(('pattern', 'treatment', 'allowed'), [
        ('none*', EmptyMatchTreatment.ALLOW_IF_WILDCARD, True),
        ('none', EmptyMatchTreatment.ALLOW_IF_WILDCARD, False),
        ('none*', EmptyMatchTreatment.DISALLOW, False),
        ('none', EmptyMatchTreatment.ALLOW, True),
    ])
    def test_patterns_without_a_match(self, tmp_path: Path, pattern: str, treatment: str, allowed: bool) -> None:
        def build(p: Pipeline) -> Any:
            return p | MatchFiles(str(tmp_path / pattern), treatment)

        if allowed:
            assert shown(tmp_path, build) == []
        else:
            with pytest.raises(SourceError, match=f"'{tmp_path}/none"):
                shown(tmp_path, build)

    def test_directories(self, tmp_path: Path) -> None:
        files = ['a/', FoundFile('b', 1)]
        assert shown(tmp_path, lambda p: p | Create(files) | ReadMatches() | Map(lambda file: file.metadata.path)) == [
            "'b'"]
        with pytest.raises(SourceError, match='a/ is a directory, and skip_directories is false'):
            shown(tmp_path, lambda p: p | Create(files) | ReadMatches(skip_directories=False))

    def test_compression_and_errors_of_a_readable_file(self, tmp_path: Path) -> None:
        path = tmp_path / 'data'
        with open_file(str(path), 'wb', 'gzip') as packed:
            packed.write(b'\xff')
        found = FoundFile(str(path), 1)
        assert ReadableFile(found, CompressionTypes.GZIP).read() == b'\xff'
        with ReadableFile(found).open(compression_type='gzip') as file:
            assert file.read() == b'\xff'
        assert ReadableFile(found).read().startswith(b'\x1f\x8b')
        with pytest.raises(SourceError, match='data is not UTF-8 text'):
            ReadableFile(found, 'gzip').read_utf8()
        with pytest.raises(SourceError, match=f'cannot read {path}: '):
            ReadableFile(found, 'bzip2').read()

    @pytest.mark.parametrize(('make', 'error', 'message'), [
        (lambda: MatchFiles(3), TransformError, 'MatchFiles: file_pattern must be'),
        (lambda: MatchAll('NEVER'), TransformError, "got 'NEVER'"),
        (lambda: ReadMatches('zip'), TransformError, "got 'zip'"),
    ])
    def test_arguments_that_cannot_be_used(self, make: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error) as caught:
            make()
        assert message in str(caught.value)


WINDOW = IntervalWindow(0, 60)


@pytest.mark.parametrize(('naming', 'arguments', 'name'), [
    (default_file_naming('out'), (GlobalWindow(), None, 1, 3, '', None), 'out-00001-of-00003'),
    (default_file_naming('out', '.txt'), (WINDOW, None, 0, 1, 'gz', None),
     'out-1970-01-01T00:00:00-1970-01-01T00:01:00-00000-of-00001.txt.gz'),
    (destination_prefix_naming('.csv'), (GlobalWindow(), None, 0, 1, '', 'dest'), 'dest-00000-of-00001.csv'),
    (single_file_naming('out', '.txt'), (GlobalWindow(), None, 0, 1, '', None), 'out.txt'),
    (default_file_naming('out'), (GlobalWindow(), None, None, None, '', None), 'out'),
    (fileio.prefix_naming('out'), (None, None, 7, 9, '', None), 'out-00007-of-00009'),
])
def test_names(naming: Any, arguments: tuple[Any, ...], name: str) -> None:
    assert naming(*arguments) == name
    assert codec.decode(codec.encode(naming)) == naming


class TestWriteToFiles:
    def test_a_file_for_each_destination(self, tmp_path: Path) -> None:
        results = shown(tmp_path, lambda p: (
            p | Create(['apple', 'avocado', 'banana', 'cherry', 'blueberry'])
            | WriteToFiles(str(tmp_path / 'out'), destination=lambda name: name[0],
                           file_naming=destination_prefix_naming('.txt'))))
        texts = contents(tmp_path / 'out')
        assert {name: sorted(text.split()) for name, text in texts.items()} == {
            'a-00000-of-00001.txt': ['apple', 'avocado'], 'b-00000-of-00001.txt': ['banana', 'blueberry'],
            'c-00000-of-00001.txt': ['cherry']}
        assert results == [
            repr(FileResult(f'{letter}-00000-of-00001.txt', 0, 1, GlobalWindow(), None, letter)) for letter in 'abc']

    @pytest.mark.parametrize('writers', [0, 1, 2, 20])
    def test_with_few_writers_the_rest_is_gathered_in_shards(self, tmp_path: Path, writers: int) -> None:
        values = [f'{number % 7}:{number}' for number in range(200)]
        with Pipeline() as p:
            p | Create(values) | WriteToFiles(
                str(tmp_path), destination=lambda value: value[0], file_naming=destination_prefix_naming(),
                shards=3, max_writers_per_bundle=writers)
        texts = contents(tmp_path)
        assert sorted(''.join(texts.values()).split()) == sorted(values)
        for name, text in texts.items():
            assert {line[0] for line in text.split()} == {name[0]}
        files = [name for name in texts if name.startswith('6')]
        assert sorted(files) == [f'6-0000{number}-of-0000{len(files)}' for number in range(len(files))]
        assert len(files) == (1 if writers == 20 else 3)

    def test_windows_have_their_own_files(self, tmp_path: Path) -> None:
        for writers in (0, 20):
            with Pipeline() as p:
                (p | Create([TimestampedValue(f'v{time}', time) for time in (1, 61, 62)])
                 | WindowInto(FixedWindows(60))
                 | WriteToFiles(str(tmp_path), shards=1, max_writers_per_bundle=writers))
            texts = contents(tmp_path)
            assert {name: sorted(text.split()) for name, text in texts.items()} == {
                'output-1970-01-01T00:00:00-1970-01-01T00:01:00-00000-of-00001': ['v1'],
                'output-1970-01-01T00:01:00-1970-01-01T00:02:00-00000-of-00001': ['v61', 'v62']}

    def test_sinks_by_destination(self, tmp_path: Path) -> None:
        class Joined(FileSink):
            def __init__(self, separator: str = ',') -> None:
                self.separator = separator

            def create_metadata(self, destination: Any, full_file_name: str) -> FileMetadata:
                return FileMetadata('text/plain', 'gzip' if destination == 'g' else 'auto')

            def open(self, fh: BinaryIO) -> None:
                self.fh, self.values = fh, list[str]()

            def write(self, record: str) -> None:
                self.values.append(record)

            def flush(self) -> None:
                self.fh.write(self.separator.join(sorted(self.values)).encode())

        for given in (lambda destination: Joined('-') if destination == 'a' else Joined(), Joined, Joined(',')):
            with Pipeline() as p:
                p | Create(['a1', 'a2', 'b1', 'b2', 'g1']) | WriteToFiles(
                    str(tmp_path), destination=lambda value: value[0], sink=given,
                    file_naming=destination_prefix_naming())
            assert (tmp_path / 'a-00000-of-00001').read_text() == ('a1-a2' if callable(given) and not isinstance(
                given, type) else 'a1,a2')
            assert (tmp_path / 'b-00000-of-00001').read_text() == 'b1,b2'
            with open_file(str(tmp_path / 'g-00000-of-00001.gz')) as file:
                assert file.read() == b'g1'

    def test_one_destination_no_elements_and_a_directory_of_its_own(self, tmp_path: Path) -> None:
        (tmp_path / 'tmp').mkdir()
        with Pipeline() as p:
            p | Create(['x']) | WriteToFiles(
                str(tmp_path / 'out'), destination='d', file_naming=destination_prefix_naming(),
                temp_directory=str(tmp_path / 'tmp'))
            p | 'none' >> Create([]) | 'empty' >> WriteToFiles(str(tmp_path / 'empty'))
        assert contents(tmp_path) == {'out/d-00000-of-00001': 'x\n'}
        assert list((tmp_path / 'tmp').iterdir()) == []

    def test_files_of_an_earlier_run(self, tmp_path: Path) -> None:
        """Those of the same names are replaced, others are not ours to know."""
        for elements in (['one', 'two'], ['two and more']):
            with Pipeline() as p:
                p | Create(elements) | WriteToFiles(
                    str(tmp_path), destination_prefix_naming('.txt'), lambda element: element[:3])
        assert contents(tmp_path) == {'one-00000-of-00001.txt': 'one\n', 'two-00000-of-00001.txt': 'two and more\n'}

    def test_names_that_are_not_unique(self, tmp_path: Path) -> None:
        with pytest.raises(SinkError, match="file_naming gave the name 'same' to more than one file"), Pipeline() as p:
            p | Create(['a', 'b']) | WriteToFiles(
                str(tmp_path), destination=lambda value: value, file_naming=lambda *_: 'same')
        with pytest.raises(TransformError, match='single_file_naming has one name for 2 files'):
            single_file_naming('x')(GlobalWindow(), None, 0, 2, '', None)
        assert contents(tmp_path) == {}

    @pytest.mark.parametrize(('arguments', 'message'), [
        ({'file_naming': 'x'}, "file_naming must be a function; got 'x'"),
        ({'sink': 'x'}, "sink must be a FileSink, or a function that makes one; got 'x'"),
        ({'shards': -1}, 'shards must be a number from 1; got -1'),
        ({'max_writers_per_bundle': None}, 'max_writers_per_bundle must be a number from 0; got None'),
        ({'path': None}, 'WriteToFiles: path must be a path or URL'),
    ])
    def test_arguments_that_cannot_be_used(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(TransformError) as caught:
            WriteToFiles(**{'path': 'out', **arguments})
        assert message in str(caught.value)

    def test_a_failing_pipeline_leaves_no_output(self, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError), Pipeline() as p:
            p | Create([2, 1, 0]) | Map(lambda value: str(1 / value)) | WriteToFiles(str(tmp_path))
        assert list(tmp_path.iterdir()) == []

    def test_a_function_that_makes_no_sink(self, tmp_path: Path) -> None:
        with pytest.raises(TransformError, match='the sink for the destination None must be a FileSink; got 3'):
            SinkMaker(lambda destination: 3)(None)


def sink_for(root: Path) -> DynamicFileSink:
    return DynamicFileSink(str(root), destination_prefix_naming(), SinkMaker(TextSink))


def addressed(*values: str) -> Iterable[Addressed]:
    return [Addressed(value[0], GlobalWindow(), [value]) for value in values]


class TestDynamicSink:
    def test_never_too_many_files_are_open(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dynamicsink, 'MOST_OPEN', 2)
        write(sink_for(tmp_path), [list(addressed('a1', 'b1', 'c1', 'b2', 'a2'))])
        assert contents(tmp_path) == {
            'a-00000-of-00002': 'a1\n', 'a-00001-of-00002': 'a2\n', 'b-00000-of-00001': 'b1\nb2\n',
            'c-00000-of-00001': 'c1\n'}

    @pytest.mark.parametrize('step', range(10))
    @pytest.mark.parametrize('error', [SinkError, Crash])
    def test_a_commit_that_fails_changes_nothing_and_can_be_repeated(
            self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, error: type[BaseException]) -> None:
        write(sink_for(tmp_path), [list(addressed('a-old', 'b-old'))])
        before = contents(tmp_path)
        sink = sink_for(tmp_path)
        prepared = prepare(sink, [list(addressed('a1', 'b1')), list(addressed('c1'))])
        with monkeypatch.context() as patch:
            crashing_at(step, patch, error)
            try:
                results = sink.commit('run', prepared)
            except (SinkError, Crash):
                finals = {name: text for name, text in contents(tmp_path).items() if not name.startswith('.')}
                assert finals == before
                results = commit_again(sink, 'run', prepared)
        assert sink.commit('run', prepared) == results
        sink.cleanup('run')
        assert contents(tmp_path) == {
            'a-00000-of-00001': 'a1\n', 'b-00000-of-00001': 'b1\n', 'c-00000-of-00001': 'c1\n'}

    def test_abort_removes_what_was_prepared(self, tmp_path: Path) -> None:
        sink = sink_for(tmp_path)
        prepared = prepare(sink, [list(addressed('a1')), list(addressed('b1'))])
        sink.abort('run', [token for _, token in prepared])
        assert contents(tmp_path) == {}

        class Broken(TextSink):
            def write(self, record: str) -> None:
                raise OSError(28, 'No space left on device')

        broken = DynamicFileSink(str(tmp_path), destination_prefix_naming(), SinkMaker(Broken))
        for alone in (False, True):
            with pytest.raises(SinkError, match="for the destination 'a': No space left on device"):
                prepare(broken, [[Addressed('a', GlobalWindow(), ['x'], alone)]])
        assert contents(tmp_path) == {}


@pytest.mark.parametrize('destination', ['../victim', '/victim', 'a/../../victim'])
def test_a_destination_cannot_lead_out_of_the_directory(tmp_path: Path, destination: str) -> None:
    victim = tmp_path / 'victim-00000-of-00001.txt'
    victim.write_text('mine')
    p = TestPipeline()
    p | Create([destination]) | fileio.WriteToFiles(
        str(tmp_path / 'out'), destination=lambda x: x, file_naming=fileio.destination_prefix_naming('.txt'))
    with pytest.raises(SinkError, match=r'leads out of the directory written to'):
        p.run()
    assert victim.read_text() == 'mine'
    assert [path for path in tmp_path.rglob('*') if path.is_file()] == [victim]
