"""Unbounded sources at the head of pipelines, run to their end as streams."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bourne.errors import SourceError
from bourne.io import ReadAllFromText, ReadAllFromTextContinuously, ReadFromSocket, TailText
from bourne.io.fileio import MatchContinuously, ReadMatches
from bourne.runners.local.streaming import StreamResult
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import AccumulationMode, AfterProcessingTime, Repeatedly
from bourne.sdk.model.window import FixedWindows, GlobalWindows, IntervalWindow, TimestampedValue
from bourne.sdk.runner import PipelineState
from bourne.sdk.testing import MemorySource, MemoryStream, TestPipeline, assert_that, equal_to, equal_to_per_window
from bourne.sdk.testing.test_stream import ElementEvent, WatermarkEvent
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.combiners import Count
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.periodicsequence import PeriodicImpulse, PeriodicSequence
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto

WAYS = [(), ('--bundle_size=1',), ('--workers=2',)]
ways = pytest.mark.parametrize('flags', WAYS, ids=' '.join)


def virtual(flags: tuple[str, ...] = ()) -> TestPipeline:
    return TestPipeline(argv=list(flags), virtual_clock=True)


def window(start: int, end: int) -> IntervalWindow:
    return IntervalWindow(start, end)


@ways
def test_impulses_in_windows(flags: tuple[str, ...]) -> None:
    with virtual(flags) as p:
        impulses = p | PeriodicImpulse(0, 100, 10) | Map(lambda _: 'x')
        counted = impulses | WindowInto(FixedWindows(30)) | Count.PerElement()
        assert_that(counted, equal_to_per_window({
            window(0, 30): [('x', 3)], window(30, 60): [('x', 3)], window(60, 90): [('x', 3)],
            window(90, 120): [('x', 1)]}))


@ways
def test_sequences_in_windows_of_processing_time(flags: tuple[str, ...]) -> None:
    with virtual(flags) as p:
        counted = (
            p | Create([(0, 60, 10), (5, 60, 10)]) | PeriodicSequence() | Map(lambda at: ('x', at))
            | WindowInto(GlobalWindows(), trigger=Repeatedly(AfterProcessingTime(20)),
                         accumulation_mode=AccumulationMode.DISCARDING)
            | CombinePerKey(max))
        # A pane begins with its first element and takes all that come within 20 seconds; the end closes the last one.
        assert_that(counted, equal_to([('x', 20), ('x', 45), ('x', 55)]))


@ways
def test_a_side_input_that_changes_slowly(flags: tuple[str, ...]) -> None:
    with virtual(flags) as p:
        rates = p | 'rates' >> PeriodicImpulse(0, 60, 20) | 'by window' >> WindowInto(FixedWindows(20))
        ticks = p | 'ticks' >> PeriodicImpulse(0, 60, 10) | 'windows' >> WindowInto(FixedWindows(20))
        found = ticks | Map(lambda tick, rate: (tick, rate), AsSingleton(rates))
        assert_that(found, equal_to([(0, 0), (10, 0), (20, 20), (30, 20), (40, 40), (50, 40)]))


def touch(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (5, 5))


@ways
def test_files_as_they_appear(tmp_path: Path, flags: tuple[str, ...]) -> None:
    first, second, third = (tmp_path / name for name in ('a.txt', 'b.txt', 'c.txt'))
    touch(first, '1\n2\n')

    def add(file: Any, at: Any = DoFn.TimestampParam) -> Any:
        # What was found lets the next one appear.
        for path in (second, third):
            if not path.exists():
                touch(path, '3\n')
                break
        return file

    with virtual(flags) as p:
        found = p | MatchContinuously(str(tmp_path / '*.txt'), 10, start_timestamp=100, stop_timestamp=130)
        named = found | Map(add) | ReadMatches() | Map(
            lambda file, at=DoFn.TimestampParam: (Path(file.metadata.path).name, at))
        assert_that(named, equal_to([('a.txt', Timestamp(100)), ('b.txt', Timestamp(110)), ('c.txt', Timestamp(120))]))
        lines = found | ReadAllFromText() | 'windows' >> WindowInto(FixedWindows(10)) | Count.PerElement()
        assert_that(lines, equal_to_per_window({
            window(100, 110): [('1', 1), ('2', 1)], window(110, 120): [('3', 1)], window(120, 130): [('3', 1)]}))


def test_lines_of_files_as_they_appear(tmp_path: Path) -> None:
    touch(tmp_path / 'a.txt', 'x\ny\n')
    with virtual() as p:
        lines = p | ReadAllFromTextContinuously(str(tmp_path / '*'), interval=10, start_timestamp=0, stop_timestamp=20,
                                                has_deduplication=False)
        assert_that(lines, equal_to(['x', 'y', 'x', 'y']))


@ways
def test_a_source_of_events(flags: tuple[str, ...]) -> None:
    def at(value: str, seconds: int) -> TimestampedValue[str]:
        return TimestampedValue(value, seconds)

    source = MemorySource(
        [ElementEvent([at('a', 1), at('a', 2)]), WatermarkEvent(20), ElementEvent([at('late', 3)])],
        [ElementEvent([at('a', 5), at('b', 15)]), WatermarkEvent(30)])
    with TestPipeline(argv=list(flags)) as p:
        counted = p | Read(source) | WindowInto(FixedWindows(10)) | Count.PerElement()
        assert_that(counted, equal_to_per_window({window(0, 10): [('a', 3)], window(10, 20): [('b', 1)]}))


def test_a_program_appends_while_the_stream_runs() -> None:
    stream: MemoryStream[int] = MemoryStream(partitions=2)
    p = TestPipeline(blocking=False)
    assert_that(p | stream.read(int), equal_to(range(200)))
    result = p.run()
    assert result.state == PipelineState.RUNNING
    threads = [threading.Thread(target=lambda part=part: [stream.append(number, partition=part)
                                                          for number in range(100 * part, 100 * part + 100)])
               for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.end()
    assert result.wait_until_finish(60_000) == PipelineState.DONE


def test_a_program_does_not_append_to_other_processes() -> None:
    stream: MemoryStream[int] = MemoryStream()
    p = TestPipeline(argv=['--workers=2'], blocking=False)
    p | stream.read(int) | Map(str)
    with pytest.raises(SourceError, match='this is a worker process: run the pipeline without --workers'):
        p.run().wait_until_finish(60_000)


def wait_for(result: StreamResult, condition: Callable[[Any], bool]) -> None:
    """Until a condition holds of how the stream stands."""
    deadline = time.monotonic() + 60
    while not condition(result.status()):
        assert time.monotonic() < deadline
        assert result.state == PipelineState.RUNNING, result.wait_until_finish()


@contextlib.contextmanager
def running(p: TestPipeline) -> Iterator[StreamResult]:
    """Runs an endless pipeline; in the end its sources stop."""
    p.blocking = False
    result = p.run()
    assert isinstance(result, StreamResult)
    try:
        yield result
        result.drain()
        assert result.wait_until_finish(60_000) == PipelineState.DONE
    finally:
        result.cancel()


def made(status: Any) -> int:
    """How many elements have left the first stage."""
    return int(status.stages[0].made)


@ways
def test_a_growing_file(tmp_path: Path, flags: tuple[str, ...]) -> None:
    path = tmp_path / 'log'
    path.write_text('a\n')
    p = TestPipeline(argv=list(flags))
    lines = p | TailText(str(path), poll_interval=0.001) | Map(str.upper)
    assert_that(lines, equal_to(['A', 'B', 'C']))
    with running(p) as result:
        wait_for(result, lambda status: made(status) == 1)
        path.rename(tmp_path / 'log.1')
        with path.open('w') as file:
            file.write('b\n')
        wait_for(result, lambda status: made(status) == 2)
        with path.open('a') as file:
            file.write('c\nnot complete')
        wait_for(result, lambda status: made(status) == 3)


@ways
def test_lines_from_a_server(flags: tuple[str, ...]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        p = TestPipeline(argv=list(flags), blocking=False)
        assert_that(p | ReadFromSocket('127.0.0.1', server.getsockname()[1]), equal_to(['to be', 'or not', 'to be']))
        result = p.run()
        with server.accept()[0] as peer:
            peer.sendall(b'to be\nor n')
            peer.sendall(b'ot\nto be')
        assert result.wait_until_finish(60_000) == PipelineState.DONE
