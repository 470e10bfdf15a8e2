"""``TailText``: what is read of files that grow, rotate, shrink and vanish."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SourceError, TransformError
from bourne.io import growing
from bourne.io.tailing import GONE_MICROS, TailReader, TailSource, TailText
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.coders import BytesCoder, FloatCoder
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.pipeline import Pipeline

Follow = Callable[..., 'Follower']


class Follower:
    """A reader with a clock that moves a second with each poll."""

    def __init__(self, pattern: Any, split: int = 0, desired: int = 1, **how: Any) -> None:
        pipeline = Pipeline()
        made = pipeline | TailText(str(pattern), poll_interval=1, **how)
        assert not made.is_bounded
        graph = Graph.from_json(pipeline.to_graph().to_json())
        source: TailSource = graph.transforms[0].payload.source
        assert not source.bounded
        self.source = source
        self.split = source.splits(desired)[split]
        self.now = 0
        self.reader = source.open(self.split)

    def poll(self, most: int = 100, seconds: float = 1) -> list[Any]:
        self.now += round(seconds * 1_000_000)
        self.reader.now = self.now
        return self.reader.poll(most).values

    def go_on(self) -> None:
        """Another reader at the position of this one."""
        position = pickle.loads(pickle.dumps(self.reader.position))
        self.reader.close()
        self.reader = self.source.open(self.split, position)
        assert isinstance(self.reader, TailReader)
        assert self.reader.position == position


@pytest.fixture
def follow() -> Iterator[Callable[..., Follower]]:
    """Makes followers, and closes them."""
    made: list[Follower] = []

    def make(*args: Any, **how: Any) -> Follower:
        made.append(Follower(*args, **how))
        return made[-1]

    yield make
    for follower in made:
        follower.reader.close()


def append(path: Path, text: str) -> None:
    with path.open('a', newline='') as file:
        file.write(text)


def test_lines_are_read_when_they_are_complete(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    follower = follow(path)
    assert follower.poll() == []
    append(path, 'a\nb')
    assert follower.poll() == ['a']
    append(path, 'c\r\nd\n')
    assert follower.poll() == ['bc', 'd']
    assert follower.poll() == []
    assert follower.reader.backlog.size == 0


def test_it_looks_again_after_the_interval(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    path.write_text('a\n')
    follower = follow(path)
    assert follower.poll() == ['a']
    append(path, 'b\n')
    assert follower.poll(seconds=0.9) == []
    assert follower.reader.idle().until == 2_000_000
    assert follower.poll(seconds=0.1) == ['b']


def test_polls_are_bounded(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    path.write_text('\n'.join('abcdef') + '\n')
    follower = follow(path)
    assert follower.poll(most=2) == ['a', 'b']
    assert follower.poll(most=3, seconds=0) == ['c', 'd', 'e']
    follower.reader.now += 1
    records = follower.reader.poll(max_bytes=1)
    assert records.values == ['f']


@pytest.mark.parametrize('arrival', [True, False])
def test_times(tmp_path: Path, follow: Follow, arrival: bool) -> None:
    path = tmp_path / 'log'
    path.write_text('a\n')
    reader = follow(path, arrival_times=arrival).reader
    assert reader.watermark == MIN_MICROS
    reader.now = 7
    assert reader.poll().timestamps == (7 if arrival else MIN_MICROS)
    reader.now = 9
    reader.poll()
    assert reader.watermark == (9 if arrival else MIN_MICROS)


def test_a_file_that_is_renamed_is_read_to_its_end(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    append(path, 'a\nb')
    follower = follow(path)
    assert follower.poll() == ['a']
    path.rename(tmp_path / 'log.1')
    append(path, 'new\n')
    append(tmp_path / 'log.1', 'c\nd')
    assert follower.poll() == ['bc', 'new']
    append(tmp_path / 'log.1', 'e\nf')
    assert follower.poll() == ['de']
    # The writer is given some time to turn to the new file; then the last line is complete as it is.
    assert follower.poll(seconds=GONE_MICROS / 1e6) == ['f']
    append(tmp_path / 'log.1', 'g\n')
    append(path, 'newer\n')
    assert follower.poll() == ['newer']


def test_a_renamed_file_that_still_matches_is_not_read_twice(tmp_path: Path, follow: Follow) -> None:
    append(tmp_path / 'log', 'a\n')
    follower = follow(tmp_path / 'log*', with_filename=True)
    assert follower.poll() == [(str(tmp_path / 'log'), 'a')]
    (tmp_path / 'log').rename(tmp_path / 'log.1')
    append(tmp_path / 'log.1', 'b\n')
    append(tmp_path / 'log', 'c\n')
    assert sorted(follower.poll()) == [(str(tmp_path / 'log'), 'c'), (str(tmp_path / 'log.1'), 'b')]


@pytest.mark.parametrize('content', ['x\n', 'something longer than what was there before\n'])
def test_a_file_that_is_truncated_is_read_again(
    tmp_path: Path, follow: Follow, content: str, caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / 'log'
    path.write_text('first\nsecond\npart')
    follower = follow(path)
    assert follower.poll() == ['first', 'second']
    path.write_text(content)
    assert follower.poll() == [content.strip()]
    assert 'log was truncated or rewritten: it is read again from its start; 4 bytes of an incomplete' in caplog.text


def test_a_file_that_is_removed_and_comes_again(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    path.write_text('a\nb')
    follower = follow(path)
    assert follower.poll() == ['a']
    path.unlink()
    assert follower.poll() == []
    assert follower.poll(seconds=10) == ['b']
    path.write_text('c\n')
    assert follower.poll() == ['c']


def test_files_that_appear_later(tmp_path: Path, follow: Follow) -> None:
    append(tmp_path / 'a.log', 'a\n')
    follower = follow(tmp_path / '*.log')
    assert follower.poll() == ['a']
    append(tmp_path / 'b.log', 'b\n')
    append(tmp_path / 'b.txt', 'b\n')
    assert follower.poll() == ['b']


def test_no_file_keeps_others_from_being_read(tmp_path: Path, follow: Follow) -> None:
    for name in 'ab':
        append(tmp_path / name, f'{name}{"x" * 99}\n' * 5000)
    follower = follow(tmp_path / '*')
    lines = follower.poll(4000)
    assert {line[0] for line in lines} == {'a', 'b'}


def test_what_is_there_can_be_passed_over(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / 'a').write_text('old\npart')
    (tmp_path / 'b').write_text('old\n')
    (tmp_path / 'c').write_text('part')
    (tmp_path / 'd').write_text('x' * 300_000)
    follower = follow(tmp_path / '*', read_from='end')
    assert follower.poll() == []
    for name in 'abcd':
        append(tmp_path / name, 'ial\n')
    append(tmp_path / 'e', 'new\n')
    assert follower.poll() == ['partial', 'ial', 'partial', 'ial', 'new']


def test_the_shares_are_the_whole(tmp_path: Path, follow: Follow) -> None:
    for number in range(20):
        append(tmp_path / f'{number}', f'{number}\n')
    shares = [follow(tmp_path / '*', split, desired=3).poll() for split in range(3)]
    assert sorted([line for share in shares for line in share], key=int) == [str(number) for number in range(20)]
    assert len(follow(tmp_path / '1', desired=3).source.splits(3)) == 1


def test_another_reader_finds_a_file_that_was_renamed_meanwhile(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    append(path, 'a\nb\n')
    follower = follow(path)
    assert follower.poll(most=1) == ['a']
    path.rename(tmp_path / 'log.1')
    append(tmp_path / 'log.1', 'c\n')
    append(path, 'd\n')
    follower.go_on()
    assert follower.poll() == ['b', 'c', 'd']


def test_another_reader_says_that_a_file_is_gone(
    tmp_path: Path, follow: Follow, caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / 'log'
    append(path, 'a\n')
    follower = follow(path)
    assert follower.poll() == ['a']
    path.rename(tmp_path.parent / f'{tmp_path.name}-elsewhere')
    append(path, 'b\n')
    follower.go_on()
    assert follower.poll() == ['b']
    assert 'log was read up to byte 2 and is gone' in caplog.text


def test_another_reader_knows_a_file_with_the_same_inode_by_its_content(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    append(path, 'a\n')
    follower = follow(path)
    assert follower.poll() == ['a']
    with path.open('r+') as file:
        file.write('other\nlines\n')
    follower.go_on()
    assert follower.poll() == ['other', 'lines']


@given(st.data())
def test_every_line_comes_once_and_in_order(data: st.DataObject) -> None:
    directory = Path(tempfile.mkdtemp())
    path = directory / 'log'
    try:
        follower = Follower(path)
        written, found, rotations = '', [], 0
        for step in data.draw(st.lists(st.sampled_from(['append', 'append', 'poll', 'poll', 'rotate', 'go on']))):
            match step:
                case 'append':
                    text = data.draw(st.text('ab\n', max_size=6))
                    append(path, text)
                    written += text
                case 'poll':
                    found += follower.poll(data.draw(st.integers(1, 3)))
                case 'rotate' if path.exists() and written.endswith('\n'):
                    # A file that was never seen under its name would be a stranger under another one.
                    found += follower.poll()
                    path.rename(f'{path}.{rotations}')
                    rotations += 1
                case 'go on':
                    follower.go_on()
        while more := [line for _ in range(3) for line in follower.poll()]:
            found += more
        assert found == written.split('\n')[:-1]
    finally:
        follower.reader.close()
        shutil.rmtree(directory)


def test_other_records(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    path.write_bytes(b'\xff;a\\;b;;part')
    follower = follow(path, coder=BytesCoder(), delimiter=b';', escapechar=b'\\')
    assert follower.poll() == [b'\xff', b'a\\;b', b'']
    assert (Pipeline() | TailText(str(path), coder=BytesCoder(), with_filename=True)).element_type == tuple[str, bytes]


def test_a_record_that_cannot_be_decoded_says_where(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    path.write_bytes(b'good\nb\xffd\n')
    with pytest.raises(SourceError, match=r'log, byte 6: the byte 0xff is not UTF-8 text .*pass a coder'):
        follow(path).poll()
    with pytest.raises(SourceError, match='log, byte 0: the record cannot be decoded'):
        follow(path, coder=FloatCoder(), delimiter=b'\xff').poll()


def test_a_record_that_does_not_end(tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, 'LONGEST', 1 << 20)
    path = tmp_path / 'log'
    path.write_bytes(b'x\n' + bytes(2 << 20))
    with pytest.raises(SourceError, match=r"log, byte 2: .* does not end within 1 MiB. Is the delimiter b'\\n' right"):
        follow(path).poll()


def test_only_local_files_are_followed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is a directory: .*/\*' stands for the files in it"):
        TailText(tmp_path)
    with pytest.raises(SourceError, match="'s3://bucket/log' is a URL: MatchContinuously finds the new"):
        TailText('s3://bucket/log')


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root may read everything')
def test_a_file_that_may_not_be_read(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / 'log'
    path.write_text('x')
    path.chmod(0)
    with pytest.raises(SourceError, match=r'cannot follow .*log: Permission denied'):
        follow(path).poll()


@pytest.mark.parametrize(('build', 'message'), [
    (lambda: TailText(''), 'TailText: file_pattern must be'),
    (lambda: TailText('x', read_from='start'), "read_from must be 'beginning' or 'end'; got 'start'"),
    (lambda: TailText('x', poll_interval=0), 'poll_interval must be a positive number of seconds; got 0'),
    (lambda: TailText('x', delimiter='\n'), 'the delimiter must be a non-empty bytes object'),
    (lambda: TailText('x', coder=3), 'coder must be a Coder'),
])
def test_what_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        build()
