"""Sources in memory: a fixed one, and one that a program appends to."""

from __future__ import annotations

import gc
import os
import pickle
import select
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SourceError, TransformError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.source import Reader
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.model.window import TimestampedValue
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing import memory
from bourne.sdk.testing.memory import MemorySource, MemoryStream, StreamSource
from bourne.sdk.testing.test_stream import ElementEvent, Event, ProcessingTimeEvent, WatermarkEvent
from bourne.sdk.transforms.read import Read


def at(value: Any, seconds: int) -> TimestampedValue[Any]:
    return TimestampedValue(value, seconds)


def source_of(stream: MemoryStream[Any]) -> StreamSource:
    """The source as a runner gets it: from JSON."""
    pipeline = Pipeline()
    made = pipeline | stream.read(str)
    assert made.element_type is str
    assert not made.is_bounded
    source = Graph.from_json(pipeline.to_graph().to_json()).transforms[0].payload.source
    assert isinstance(source, StreamSource)
    source.check()
    return source


def polls(reader: Reader[Any], most: int = 100, until_silent: bool = False) -> list[tuple[list[Any], int]]:
    """The elements of each poll and the watermark, in seconds, after it."""
    found = []
    while (records := reader.poll(most)) is not None and not (until_silent and not records.values):
        found.append((records.values, -1 if reader.watermark == MIN_MICROS else reader.watermark // 1_000_000))
    return found


def test_a_fixed_source_is_polled_event_by_event() -> None:
    pipeline = Pipeline()
    made = pipeline | Read(MemorySource(
        [WatermarkEvent(1), ElementEvent([at('a', 1), at('b', 2), at('c', 3)]), WatermarkEvent(2), WatermarkEvent(3)],
        [ElementEvent([at('x', 5)])]))
    assert not made.is_bounded
    source = Graph.from_json(pipeline.to_graph().to_json()).transforms[0].payload.source
    first, second = source.splits()
    assert polls(source.open(first)) == [([], 1), (['a', 'b', 'c'], 3)]
    assert polls(source.open(first), 2) == [([], 1), (['a', 'b'], 1), (['c'], 3)]
    assert polls(source.open(second)) == [(['x'], -1)]
    reader = source.open(first)
    assert [reader.backlog.elements, reader.poll(2), reader.poll(2) and reader.backlog.elements][::2] == [3, 1]


def test_a_fixed_source_may_fall_silent() -> None:
    reader = MemorySource([ElementEvent([at('a', 1)])], ended=False).open(0)
    assert polls(reader, until_silent=True) == [(['a'], -1)]
    assert reader.poll() is not None
    assert reader.idle().until is None


events = st.lists(st.one_of(
    st.lists(st.integers(), max_size=4).map(lambda values: ElementEvent([at(value, 0) for value in values])),
    st.just('watermark')))


@given(events, st.data())
def test_positions_of_a_fixed_source(script: list[Any], data: st.DataObject) -> None:
    moves = iter(range(1, 1000))
    source = MemorySource([WatermarkEvent(next(moves)) if event == 'watermark' else event for event in script])
    expected = [value for event in source.scripts[0] if isinstance(event, ElementEvent) for value in event.values]
    reader = source.open(0)
    found, watermark = [], MIN_MICROS
    while (records := reader.poll(data.draw(st.integers(1, 3)))) is not None:
        found += records.values
        assert reader.watermark >= watermark
        watermark = reader.watermark
        if data.draw(st.booleans()):
            reader = source.open(0, pickle.loads(pickle.dumps(reader.position)))
            assert reader.watermark == watermark
    assert found == expected
    assert watermark == max([MIN_MICROS, *(1_000_000 * number for number in range(1, script.count('watermark') + 1))])


@pytest.mark.parametrize(('script', 'message'), [
    ([WatermarkEvent(2), WatermarkEvent(1)], r'only moves forward: it is at Timestamp\(2\), and cannot be advanced'),
    ([ProcessingTimeEvent(1)], 'takes ElementEvents and WatermarkEvents, got ProcessingTimeEvent'),
])
def test_a_script_that_makes_no_sense_is_refused(script: list[Event], message: str) -> None:
    with pytest.raises(TransformError, match=message):
        MemorySource(script)


def test_what_is_appended_is_read() -> None:
    stream: MemoryStream[str] = MemoryStream()
    stream.append('before')
    reader = source_of(stream).open(0)
    assert polls(reader, until_silent=True) == [(['before'], -1)]
    stream.extend(['a', at('b', 2)])  # type: ignore[list-item]
    stream.append('c', 3)
    records = reader.poll(2)
    assert records is not None
    assert (records.values, records.timestamps) == (['a', 'b'], [MIN_MICROS, 2_000_000])
    assert reader.backlog.elements == 1
    stream.end()
    assert polls(reader) == [(['c'], -1)]
    assert reader.poll() is None
    reader.close()
    reader.close()


def test_watermarks_stand_between_the_elements() -> None:
    stream: MemoryStream[str] = MemoryStream()
    stream.advance_watermark_to(1)
    stream.append('a')
    stream.advance_watermark_to(2)
    stream.advance_watermark_to(3)
    stream.append('late')
    stream.end()
    reader = source_of(stream).open(0)
    assert polls(reader) == [([], 1), (['a'], 3), (['late'], 3)]
    reader.close()
    again = source_of(stream).open(0, 1)
    assert again.watermark == 1_000_000
    assert polls(again) == [([], 3), (['late'], 3)]
    again.close()


def test_partitions_are_splits() -> None:
    stream: MemoryStream[str] = MemoryStream(partitions=2)
    stream.append('a', partition=1)
    stream.advance_watermark_to(5, partition=1)
    stream.advance_watermark_to(7)
    stream.end()
    source = source_of(stream)
    readers = [source.open(split) for split in source.splits()]
    assert [polls(reader) for reader in readers] == [[], [(['a'], 7)]]
    for reader in readers:
        reader.close()


def test_whoever_waits_is_woken() -> None:
    stream: MemoryStream[int] = MemoryStream()
    reader = source_of(stream).open(0)
    descriptor = reader.idle().fileno

    def waiting(seconds: float = 0) -> bool:
        return not select.select([descriptor], [], [], seconds)[0]

    assert polls(reader, until_silent=True) == []
    assert waiting()
    thread = threading.Thread(target=lambda: [stream.append(number) for number in range(1000)])
    thread.start()
    found: list[int] = []
    while len(found) < 1000:
        assert not waiting(30)
        found += [value for values, _ in polls(reader, until_silent=True) for value in values]
    thread.join()
    assert found == list(range(1000))
    reader.poll()
    assert waiting()
    stream.advance_watermark_to(1)
    assert not waiting()
    reader.poll()
    assert waiting()
    stream.end()
    assert not waiting()
    reader.close()


def test_a_stream_is_read_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: MemoryStream[str] = MemoryStream()
    source = source_of(stream)
    monkeypatch.setattr(memory.os, 'getpid', lambda: os.getppid())
    with pytest.raises(SourceError, match='this is a worker process: run the pipeline without --workers, or use a'):
        source.open(0)
    del stream
    gc.collect()
    with pytest.raises(SourceError, match=r"the MemoryStream 'stream-\d+' is not in this process, or nobody"):
        source.check()


def backwards() -> None:
    stream: MemoryStream[str] = MemoryStream()
    stream.advance_watermark_to(2)
    stream.advance_watermark_to(1)


def too_late() -> None:
    stream: MemoryStream[str] = MemoryStream()
    stream.end()
    stream.append('a')


@pytest.mark.parametrize(('build', 'message'), [
    (backwards, r'only moves forward: it is at Timestamp\(2\), and cannot be advanced to Timestamp\(1\)'),
    (too_late, r"\['a'\] was appended after the end"),
    (lambda: MemoryStream(0), 'partitions must be a number from 1, got 0'),
    (lambda: MemoryStream(2).append('a', partition=2), 'there is no partition 2; there are 2'),
])
def test_what_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        build()
