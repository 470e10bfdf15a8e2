"""Sharded files: their names, their content, and that they appear whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SinkError, TransformError, UnsupportedError
from bourne.io import filesink
from bourne.io.files import open_file
from bourne.io.filesink import ShardedFileSink, sharded_sink
from bourne.io.globs import HIDDEN
from bourne.io.matching import match
from bourne.io.naming import ShardNaming, named_by
from bourne.io.textio import WriteToText
from bourne.io.textsource import TextFormat
from bourne.sdk.graph import codec
from bourne.sdk.model.sink import WriteTask
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from tests.io.writing import Crash, commit_again, contents, crashing_at, prepare, write


def text_sink(root: Path, suffix: str = '', template: str = '-SS-of-NN', **options: Any) -> ShardedFileSink:
    form = {name: options.pop(name) for name in ('coder', 'newline', 'header', 'footer') if name in options}
    return sharded_sink(ShardNaming(str(root / 'out'), template, suffix), TextFormat(**form), **options)


def test_a_file_for_each_task_that_wrote_something(tmp_path: Path) -> None:
    sink = text_sink(tmp_path / 'deep' / 'er', '.txt')
    names = write(sink, [['a', 'b'], [], ['c']])
    assert names == [f'{tmp_path}/deep/er/out-00-of-02.txt', f'{tmp_path}/deep/er/out-01-of-02.txt']
    assert contents(tmp_path) == {'deep/er/out-00-of-02.txt': 'a\nb\n', 'deep/er/out-01-of-02.txt': 'c\n'}
    assert sorted(os.listdir(tmp_path / 'deep' / 'er')) == ['out-00-of-02.txt', 'out-01-of-02.txt']


@pytest.mark.parametrize(('options', 'tasks', 'expected'), [
    ({}, [], {'out-00-of-01': ''}),
    ({'skip_if_empty': True}, [[], []], {}),
    ({'header': 'H', 'footer': b'F'}, [], {'out-00-of-01': 'H\nF\n'}),
    ({'header': 'H', 'footer': 'F', 'newline': ''}, [['a', 'b']], {'out-00-of-01': 'HabF'}),
    ({'num_shards': 3}, [['a'], [], ['b']], {'out-00-of-03': 'a\n', 'out-01-of-03': 'b\n', 'out-02-of-03': ''}),
    ({'template': ''}, [['a']], {'out': 'a\n'}),
    ({'template': '_NN_SSS', 'suffix': '.x'}, [['a']], {'out_01_000.x': 'a\n'}),
    ({'max_records': 2}, [list('abcde'), list('fg')],
     {'out-00-of-04': 'a\nb\n', 'out-01-of-04': 'c\nd\n', 'out-02-of-04': 'e\n', 'out-03-of-04': 'f\ng\n'}),
    ({'max_bytes': 4, 'header': 'H'}, [['aa', 'b', 'c']],
     {'out-00-of-03': 'H\naa\n', 'out-01-of-03': 'H\nb\n', 'out-02-of-03': 'H\nc\n'}),
    ({'max_bytes': 100, 'max_records': 3}, [list('abcd')], {'out-00-of-02': 'a\nb\nc\n', 'out-01-of-02': 'd\n'}),
])
def test_shards(tmp_path: Path, options: dict[str, Any], tasks: list[list[str]], expected: dict[str, str]) -> None:
    names = write(text_sink(tmp_path, **options), tasks)
    assert contents(tmp_path) == expected
    assert [Path(name).name for name in names] == list(expected)


@given(
    tasks=st.lists(st.lists(st.text('xé\n', max_size=3), max_size=12), max_size=4),
    block=st.integers(1, 5), max_records=st.none() | st.integers(1, 4), max_bytes=st.none() | st.integers(1, 9))
def test_nothing_is_lost_doubled_or_out_of_order(
        tmp_path_factory: pytest.TempPathFactory, tasks: list[list[str]], block: int, max_records: int | None,
        max_bytes: int | None) -> None:
    root = tmp_path_factory.mktemp('sink')
    write(text_sink(root, max_records=max_records, max_bytes=max_bytes), tasks, block=block)
    texts = list(contents(root).values())
    assert ''.join(texts) == ''.join(f'{value}\n' for task in tasks for value in task)
    if max_bytes and any(tasks):
        assert all(len(text.encode()) < max_bytes + 8 for text in texts)


def test_elements_that_are_not_strings(tmp_path: Path) -> None:
    write(text_sink(tmp_path), [['a', b'b', 3, None, ('x', 1)]])
    assert contents(tmp_path)['out-00-of-01'] == "a\nb\n3\nNone\n('x', 1)\n"


def test_compression_goes_by_the_suffix(tmp_path: Path) -> None:
    (name,) = write(text_sink(tmp_path, '.txt.gz'), [['a'] * 1000])
    with open_file(name) as file:
        assert file.read() == b'a\n' * 1000
    assert Path(name).stat().st_size < 100
    (name,) = write(text_sink(tmp_path, '.txt', compression_type='bzip2'), [['a'] * 1000])
    with open_file(name, 'rb', 'bzip2') as file:
        assert file.read() == b'a\n' * 1000


def test_the_shards_of_an_earlier_run_are_replaced_however_many_they_were(tmp_path: Path) -> None:
    others = ('out-00-of-01.csv', 'other-00-of-02', 'out-00-of-02.bak', 'out-1-of-2', 'outer-00-of-02')
    for name in others:
        (tmp_path / name).write_text('other')
    write(text_sink(tmp_path), [['1'], ['2'], ['3']])
    write(text_sink(tmp_path), [['4'], ['5']])
    assert contents(tmp_path) == dict(
        sorted({**dict.fromkeys(others, 'other'), 'out-00-of-02': '4\n', 'out-01-of-02': '5\n'}.items()))
    write(text_sink(tmp_path, skip_if_empty=True), [])
    assert contents(tmp_path) == dict.fromkeys(sorted(others), 'other')


def test_wildcards_in_the_output_path_are_ordinary_characters(tmp_path: Path) -> None:
    root = tmp_path / 'a[1]*'
    write(text_sink(root), [['1'], ['2']])
    write(text_sink(root), [['3']])
    assert contents(root) == {'out-00-of-01': '3\n'}


def test_what_is_prepared_is_seen_by_no_pattern_and_removed_by_abort(tmp_path: Path) -> None:
    sink = text_sink(tmp_path, '.txt')
    prepared = prepare(sink, [['a'], ['b']])
    assert len(list(tmp_path.rglob('*.txt*'))) == 0
    assert len(contents(tmp_path)) == 2
    assert match(str(tmp_path / '**')) == []
    sink.abort('run', [token for _, token in prepared])
    sink.abort('run', [token for _, token in prepared])
    assert contents(tmp_path) == {}
    sink.cleanup('run')
    sink.cleanup('run')
    assert os.listdir(tmp_path) == []


def test_an_attempt_that_lost_does_not_get_into_the_output(tmp_path: Path) -> None:
    sink = text_sink(tmp_path)
    lost = prepare(sink, [['a']], attempt='0')
    won = prepare(sink, [['a']], attempt='1')
    sink.abort('run', [token for _, token in lost])
    sink.commit('run', won)
    sink.cleanup('run')
    assert contents(tmp_path) == {'out-00-of-01': 'a\n'}


def test_two_outputs_in_one_directory_do_not_disturb_each_other(tmp_path: Path) -> None:
    one, two = text_sink(tmp_path, '.1'), text_sink(tmp_path, '.2')
    first, second = prepare(one, [['a']]), prepare(two, [['b']])
    one.commit('run', first)
    one.cleanup('run')
    two.commit('run', second)
    two.cleanup('run')
    assert contents(tmp_path) == {'out-00-of-01.1': 'a\n', 'out-00-of-01.2': 'b\n'}


def test_two_writes_with_the_same_output_are_refused(tmp_path: Path) -> None:
    one, two = text_sink(tmp_path), text_sink(tmp_path)
    writer = one.open(WriteTask('run', 0))
    writer.write(['a'])
    with pytest.raises(SinkError) as caught:
        prepare(two, [['b']])
    assert f'two writes of the pipeline have the same output, which is {tmp_path}/out-00-of-01' in str(caught.value)
    writer.abort()


class TestCrashes:
    @pytest.mark.parametrize('step', range(12))
    def test_a_commit_that_fails_leaves_what_was_there_before(
            self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        write(text_sink(tmp_path), [['old 1'], ['old 2'], ['old 3']], run='before')
        before = contents(tmp_path)
        sink = text_sink(tmp_path)
        prepared = prepare(sink, [['new 1'], ['new 2'], ['new 3'], ['new 4']])
        with monkeypatch.context() as patch:
            steps = crashing_at(step, patch, SinkError)
            with suppress(SinkError):
                sink.commit('run', prepared)
        after = {f'out-0{number}-of-04': f'new {number + 1}\n' for number in range(4)}
        expected = after if steps() <= step else before
        sink.cleanup('run')
        assert contents(tmp_path) == expected

    @pytest.mark.parametrize('step', range(12))
    def test_a_commit_that_is_cut_off_is_completed_when_it_is_called_again(
            self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        write(text_sink(tmp_path), [['old 1'], ['old 2'], ['old 3']], run='before')
        sink = text_sink(tmp_path, num_shards=4)
        prepared = prepare(sink, [['new 1'], ['new 2'], ['new 3']])
        with monkeypatch.context() as patch:
            crashing_at(step, patch, Crash)
            # A process that is gone moves nothing back.
            patch.setattr('bourne.io.staging.reversed', lambda steps: (), raising=False)
            try:
                names = sink.commit('run', prepared)
            except Crash:
                names = commit_again(sink, 'run', prepared)
        assert sink.commit('run', prepared) == names
        sink.cleanup('run')
        assert sink.commit('run', prepared) == names
        sink.cleanup('run')
        assert contents(tmp_path) == {
            'out-00-of-04': 'new 1\n', 'out-01-of-04': 'new 2\n', 'out-02-of-04': 'new 3\n', 'out-03-of-04': ''}

    def test_a_task_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        sink = text_sink(tmp_path, max_records=2)
        with pytest.raises(SinkError) as caught:
            prepare(sink, [['a', 'b', 'c', '\udcff']], block=1)
        assert "cannot write '\\udcff' as UTF-8: surrogates not allowed at character 0" in str(caught.value)
        assert contents(tmp_path) == {}

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full:
            def write(self, data: bytes) -> None:
                raise OSError(errno.ENOSPC, 'No space left on device')

            close = write

        sink = text_sink(tmp_path)
        monkeypatch.setattr(filesink, 'create', lambda *_: Full())
        writer = sink.open(WriteTask('run', 0))
        with pytest.raises(SinkError) as caught:
            writer.write(['a'])
        writer.abort()
        assert 'No space left on device' in str(caught.value)
        assert f'which is to become part of {tmp_path}/out-00-of-01' in str(caught.value)

    def test_prepared_files_that_are_gone(self, tmp_path: Path) -> None:
        sink = text_sink(tmp_path)
        prepared = prepare(sink, [['a']])
        sink.cleanup('run')
        with pytest.raises(SinkError) as caught:
            sink.commit('run', prepared)
        assert f'which was prepared to become {tmp_path}/out-00-of-01, is gone' in str(caught.value)

    def test_a_target_that_is_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / 'out-01-of-02' / 'below').mkdir(parents=True)
        (tmp_path / 'out-00-of-02').write_text('before')
        with pytest.raises(SinkError, match='out-01-of-02: Is a directory'):
            write(text_sink(tmp_path), [['a'], ['b']])
        assert contents(tmp_path) == {'out-00-of-02': 'before'}
        assert sorted(os.listdir(tmp_path)) == ['out-00-of-02', 'out-01-of-02']


_numbers = itertools.count()


def test_other_file_systems(tmp_path: Path) -> None:
    root = f'memory://sink{next(_numbers)}'
    sink = sharded_sink(ShardNaming(f'{root}/d/out', '-SS-of-NN', '.gz'), TextFormat())
    write(sink, [['old 1'], ['old 2']])
    names = write(sink, [['new']])
    assert names == [f'{root}/d/out-00-of-01.gz']
    assert [found.path for found in match(f'{root}/**')] == names
    with open_file(names[0]) as file:
        assert file.read() == b'new\n'
    system = fsspec.filesystem('memory')
    assert not [name for name in system.find(root.removeprefix('memory:/')) if HIDDEN in name]
    prepared = prepare(sink, [['newer']])
    assert sink.commit('run', prepared) == sink.commit('run', prepared)
    sink.cleanup('run')
    system.rm(root, recursive=True)


def test_a_naming_function(tmp_path: Path) -> None:
    def name(window: Any, pane: Any, index: int, total: int, compression: str, destination: Any) -> str:
        return f'{index}/{total}.txt'

    naming = named_by(str(tmp_path), name)
    write(sharded_sink(naming, TextFormat()), [['a'], ['b']])
    assert contents(tmp_path) == {'0/2.txt': 'a\n', '1/2.txt': 'b\n'}
    same = named_by(str(tmp_path), lambda *_: 'same')
    with pytest.raises(SinkError, match='2 files were prepared, but the naming gives some of them the same name'):
        write(sharded_sink(same, TextFormat()), [['a'], ['b']])
    assert contents(tmp_path) == {'0/2.txt': 'a\n', '1/2.txt': 'b\n'}


def test_a_sink_survives_the_graph(tmp_path: Path) -> None:
    sink = text_sink(tmp_path, '.txt', header='H', num_shards=2, max_records=5)
    assert codec.decode(codec.encode(sink)) == sink


@pytest.mark.parametrize(('options', 'error', 'message'), [
    ({'template': '-of-NN'}, TransformError, "'-of-NN' has no S for the number of the shard"),
    ({'template': '-W-SS'}, UnsupportedError, "'-W-SS': W (the window) is not supported yet"),
    ({'template': '', 'num_shards': 2}, TransformError, "shard_name_template='' means a single file"),
    ({'template': '', 'max_records': 2}, TransformError, "shard_name_template='' means a single file"),
    ({'num_shards': -1}, TransformError, 'num_shards must be a number from 0; got -1'),
    ({'max_bytes': 0}, TransformError, 'max_bytes must be a number from 1; got 0'),
    ({'compression_type': 'zip'}, TransformError, "got 'zip'"),
])
def test_arguments_that_cannot_be_used(
        tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        text_sink(tmp_path, **options)
    assert message in str(caught.value)


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(SinkError, match='is not a directory'):
        text_sink(tmp_path / 'file').check()


def test_what_a_killed_run_prepared_goes_after_a_week(tmp_path: Path) -> None:
    quiet, busy = (tmp_path / f'{HIDDEN}{name}' for name in ('quiet', 'busy'))
    for folder in (quiet, busy):
        folder.mkdir()
        (folder / 'shard').touch()
    os.utime(quiet / 'shard', (0, 0))
    for folder in (quiet, busy):
        os.utime(folder, (0, 0))
    with Pipeline() as p:
        p | Create(['a']) | WriteToText(str(tmp_path / 'out'))
    assert sorted(path.name for path in tmp_path.iterdir()) == [busy.name, 'out-00000-of-00001']
