"""``MatchContinuously``: which files a watch finds when, and with which times."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from bourne.errors import SourceError, TransformError
from bourne.io.fileio import EmptyMatchTreatment, MatchContinuously
from bourne.io.matching import FileMetadata
from bourne.io.textio import ReadAllFromTextContinuously
from bourne.io.watching import WatchReader, WatchSource
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Read
from bourne.sdk.model.timestamp import MIN_MICROS, Timestamp
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create

SECOND = 1_000_000


def touch(path: Path, changed: float = 5, text: str = 'x') -> None:
    path.write_text(text)
    os.utime(path, (changed, changed))


def watch(pattern: Any, *args: Any, **kwargs: Any) -> WatchReader:
    pipeline = Pipeline()
    made = pipeline | MatchContinuously(str(pattern), *args, **kwargs)
    assert not made.is_bounded
    assert made.element_type is FileMetadata
    graph = Graph.from_json(pipeline.to_graph().to_json())
    source = next(one.payload.source for one in graph.transforms if isinstance(one.payload, Read))
    assert isinstance(source, WatchSource)
    return source.open(*source.splits())


def at(reader: WatchReader, seconds: float, most: int = 100) -> list[tuple[str, float]] | None:
    """Name and event time of the files of a poll at that time."""
    reader.now = round(seconds * SECOND)
    records = reader.poll(most)
    if records is None:
        return None
    assert isinstance(records.timestamps, list)
    pairs = zip(records.values, records.timestamps, strict=True)
    return [(Path(file.path).name, time / SECOND) for file, time in pairs]


def test_files_are_found_once_as_they_appear(tmp_path: Path) -> None:
    reader = watch(tmp_path / '*.txt', 10, start_timestamp=100, stop_timestamp=140)
    touch(tmp_path / 'b.txt')
    touch(tmp_path / 'a.txt')
    touch(tmp_path / 'a.csv')
    assert at(reader, 99) == []
    assert reader.watermark == reader.idle().until == 100 * SECOND
    assert at(reader, 101) == [('a.txt', 100), ('b.txt', 100)]
    assert reader.watermark == reader.idle().until == 110 * SECOND
    touch(tmp_path / 'c.txt')
    assert at(reader, 109) == []
    # Looks that were missed are made up for by the last of them.
    assert at(reader, 125) == [('c.txt', 120)]
    assert reader.watermark == reader.idle().until == 130 * SECOND
    touch(tmp_path / 'c.txt', changed=6)
    assert at(reader, 200) == []
    assert at(reader, 200) is None


def test_each_look_may_count(tmp_path: Path) -> None:
    reader = watch(tmp_path / '*', 10, has_deduplication=False, start_timestamp=0)
    touch(tmp_path / 'a')
    assert [at(reader, 25) for _ in range(4)] == [[('a', 0)], [('a', 10)], [('a', 20)], []]


def test_changed_files_may_be_found_again(tmp_path: Path) -> None:
    reader = watch(tmp_path / '*', 10, start_timestamp=0, match_updated_files=True)
    touch(tmp_path / 'a')
    touch(tmp_path / 'b')
    assert at(reader, 0) == [('a', 0), ('b', 0)]
    assert at(reader, 10) == []
    touch(tmp_path / 'a', changed=6)
    touch(tmp_path / 'b', text='longer')
    assert at(reader, 20) == [('a', 20), ('b', 20)]


def test_a_cursor_bounds_what_is_remembered(tmp_path: Path) -> None:
    reader = watch(tmp_path / '*', 10, start_timestamp=0, timestamp_cursor=True)
    assert reader.watermark == MIN_MICROS
    touch(tmp_path / 'a', changed=3)
    touch(tmp_path / 'b', changed=2)
    assert at(reader, 10) == [('b', 2), ('a', 3)]
    assert reader.watermark == 3 * SECOND
    assert list(reader.position.seen) == [str(tmp_path / 'a')]
    touch(tmp_path / 'older', changed=2.5)
    touch(tmp_path / 'as new', changed=3)
    assert at(reader, 20) == [('as new', 3)]
    # Nothing was newer, so the look's own time is as far as event time has come.
    assert reader.watermark == 20 * SECOND
    touch(tmp_path / 'b', changed=22)
    assert at(reader, 30) == [('b', 22)]
    assert reader.watermark == 22 * SECOND
    touch(tmp_path / 'future', changed=1000)
    assert at(reader, 40) == [('future', 1000)]
    assert reader.watermark == 40 * SECOND


def test_a_file_of_unknown_age_cannot_be_compared_with_a_cursor(tmp_path: Path) -> None:
    reader = watch(tmp_path / '*', 10, start_timestamp=0, timestamp_cursor=True)
    touch(tmp_path / 'a', changed=0)
    with pytest.raises(SourceError, match='a cannot be watched with timestamp_cursor=True: its file system do'):
        at(reader, 0)


@pytest.mark.parametrize('how', [{}, {'has_deduplication': False}, {'timestamp_cursor': True}])
def test_a_reader_goes_on_in_the_middle_of_a_look(tmp_path: Path, how: Any) -> None:
    for name in 'abcde':
        touch(tmp_path / name)
    reader = watch(tmp_path / '*', 10, start_timestamp=0, **how)
    before = reader.watermark
    assert at(reader, 0, most=2) == [(name, 5 if 'timestamp_cursor' in how else 0) for name in 'ab']
    assert reader.watermark == before
    assert reader.backlog.elements == 3
    again = WatchReader(reader._source, pickle.loads(pickle.dumps(reader.position)))
    assert again.watermark == before
    assert [name for name, _ in at(again, 5) or []] == ['c', 'd', 'e']
    assert at(again, 5) == []
    assert at(again, 10) == ([] if 'has_deduplication' not in how else [(name, 10) for name in 'abcde'])
    assert again.watermark == (20 if 'timestamp_cursor' not in how else 10) * SECOND


def test_a_pattern_may_have_to_match(tmp_path: Path) -> None:
    pattern = tmp_path / '*'
    reader = watch(pattern, 10, start_timestamp=0, empty_match_treatment=EmptyMatchTreatment.DISALLOW)
    with pytest.raises(SourceError, match='no file matches'):
        at(reader, 0)


def test_windows_and_the_default_start() -> None:
    before = Timestamp.now().micros
    made = Pipeline() | MatchContinuously('x*', 2.5, apply_windowing=True)
    assert made.windowing.windowfn == FixedWindows(2.5)
    assert before <= watch('x*').watermark <= Timestamp.now().micros


def test_lines_of_files_as_they_appear() -> None:
    read = ReadAllFromTextContinuously('x*', interval=5, with_filename=True)
    made = Pipeline() | read
    assert not made.is_bounded
    assert made.element_type == tuple[str, str]
    with pytest.raises(TransformError, match='starts a pipeline'):
        Pipeline() | Create(['x']) | read


@pytest.mark.parametrize(('build', 'message'), [
    (lambda: MatchContinuously(''), 'MatchContinuously: file_pattern must be a path or URL as a non-empty stri'),
    (lambda: MatchContinuously('x', 0), 'MatchContinuously: the interval must be at least a microsecond, got 0'),
    (lambda: MatchContinuously('x', start_timestamp=2, stop_timestamp=1), 'must not be after the stop'),
    (lambda: MatchContinuously('x', empty_match_treatment='NO'), "ALLOW, DISALLOW or ALLOW_IF_WILDCARD; got 'NO'"),
    (lambda: MatchContinuously('x', has_deduplication=False, timestamp_cursor=True), 'needs has_deduplication=True'),
    (lambda: ReadAllFromTextContinuously('x', interval=-1), 'the interval must be'),
])
def test_what_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        build()
