"""Streams are cancelled, drained, waited for, interrupted, and fail, while their sources are idle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import bourne
from bourne.errors import PipelineError
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.timestamp import MAX_TIMESTAMP
from bourne.sdk.model.window import FixedWindows, TimestampedValue
from bourne.sdk.options import OptionsWarning, PipelineOptions
from bourne.sdk.runner import PipelineResult, PipelineState
from bourne.sdk.testing import MemorySource, MemoryStream
from bourne.sdk.testing.test_stream import ElementEvent, WatermarkEvent
from tests.leaks import held

ways = pytest.mark.parametrize('flags', [(), ('--workers=2',), ('--virtual_clock',)], ids=' '.join)


def idle_source(*values: Any) -> MemorySource:
    """Elements at the seconds 0, 1, ... in two splits, which do not end and say nothing more."""
    timed = [TimestampedValue(value, second) for second, value in enumerate(values)]
    return MemorySource([ElementEvent(timed[::2]), WatermarkEvent(5)], [ElementEvent(timed[1::2]), WatermarkEvent(7)],
                        ended=False)


def started(flags: tuple[str, ...], then: Callable[[Any], Any], *values: Any) -> PipelineResult:
    """A stream that has read all there is, and waits for more."""
    p = bourne.Pipeline(argv=list(flags))
    then(p | bourne.io.Read(idle_source(*values)))
    result = p.run()
    until(result, lambda status: status.taken == len(values))
    return result


def until(result: PipelineResult, condition: Callable[[Any], bool]) -> None:
    """Until a condition holds of how a stream stands."""
    while (status := result.status()) is None or not condition(status):
        assert result.state == PipelineState.RUNNING, result.wait_until_finish()


def written(path: Path) -> Any:
    """Files of lines. They are there when all is committed, which WriteToText does not promise for what has no end."""
    return bourne.io.Write(bourne.io.WriteToText(str(path))._sink)


def sums(path: Path) -> Callable[[Any], Any]:
    def expand(numbers: Any) -> Any:
        return (numbers | bourne.WindowInto(FixedWindows(10)) | bourne.Map(lambda number: (number % 2, number))
                | bourne.CombinePerKey(sum) | written(path))

    return expand


def lines(directory: Path) -> list[str]:
    return sorted(line for path in directory.iterdir() for line in path.read_text().splitlines())


@ways
def test_a_drain_emits_and_commits_what_waits(tmp_path: Path, flags: tuple[str, ...]) -> None:
    before = held()
    result = started(flags, sums(tmp_path / 'sums'), *range(6))
    assert list(tmp_path.iterdir()) == []
    assert result.drain() in (PipelineState.RUNNING, PipelineState.DONE)
    assert result.wait_until_finish(60_000) == PipelineState.DONE
    assert lines(tmp_path) == ['(0, 6)', '(1, 9)']
    assert result.status().stages[0].output_watermark == MAX_TIMESTAMP
    assert (result.drain(), result.cancel()) == (PipelineState.DONE, PipelineState.DONE)
    assert before.leaked() == []


@ways
def test_what_is_cancelled_leaves_nothing(tmp_path: Path, flags: tuple[str, ...]) -> None:
    before = held()
    result = started(flags, sums(tmp_path / 'sums'), *range(6))
    result.cancel()
    assert result.wait_until_finish(60_000) == PipelineState.CANCELLED
    assert (list(tmp_path.iterdir()), before.leaked()) == ([], [])
    assert result.status().taken == 6
    assert (result.drain(), result.cancel()) == (PipelineState.CANCELLED, PipelineState.CANCELLED)


@ways
@pytest.mark.parametrize(('action', 'state'), [('cancel', PipelineState.CANCELLED), ('drain', PipelineState.DONE)])
def test_what_is_asked_for_at_once_is_not_lost(flags: tuple[str, ...], action: str, state: str) -> None:
    p = bourne.Pipeline(argv=list(flags))
    p | bourne.io.Read(idle_source()) | bourne.WindowInto(FixedWindows(10)) | bourne.combiners.Count.PerElement()
    result = p.run()
    getattr(result, action)()
    assert result.wait_until_finish(60_000) == state


def test_a_wait_may_be_limited() -> None:
    result = started((), lambda numbers: numbers, 1)
    assert result.wait_until_finish(1) == PipelineState.RUNNING
    assert result.wait_until_finish(0) == PipelineState.RUNNING
    result.cancel()
    assert result.wait_until_finish() == PipelineState.CANCELLED


def test_threads_may_ask_and_wait_at_once() -> None:
    stream = MemoryStream[int]()
    p = bourne.Pipeline()
    p | stream.read() | bourne.Map(str)
    result = p.run()
    found: list[Any] = []

    def ask() -> None:
        until(result, lambda status: status.taken == 1)
        found.append(result.wait_until_finish())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    stream.append(1)
    until(result, lambda status: status.taken == 1)
    result.drain()
    for thread in threads:
        thread.join(60)
    # Whoever came too late to see it running has seen it done.
    assert set(found) == {PipelineState.DONE}


def broken(number: int) -> float:
    return 1 / number


@pytest.mark.parametrize('flags', [(), ('--workers=2',)], ids=' '.join)
def test_a_failure_comes_out_of_the_wait(flags: tuple[str, ...], tmp_path: Path) -> None:
    before = held()
    p = bourne.Pipeline(argv=list(flags))
    (p | bourne.io.Read(idle_source(1, 2, 0)) | 'divide' >> bourne.Map(broken)
     | written(tmp_path / 'out'))
    result = p.run()
    texts = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            result.wait_until_finish(60_000)
        texts.append(''.join(traceback.format_exception(caught.value)))
    assert result.state == PipelineState.FAILED
    assert 'return 1 / number' in texts[0]
    assert "'divide'" in texts[0]
    assert len(texts[1]) == len(texts[0])
    assert list(tmp_path.iterdir()) == []
    result.status()
    assert before.leaked() == []


def test_a_failure_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    stream = MemoryStream[int]()
    p = bourne.Pipeline()
    p | stream.read() | bourne.Map(broken)
    result = p.run()
    stream.append(0)
    while result.state == PipelineState.RUNNING:
        result.status()
    with pytest.raises(ZeroDivisionError):
        result.wait_until_finish(60_000)
    assert 'a stream has failed, and wait_until_finish will raise the error: ZeroDivisionError' in caplog.text


class Teller(DoFn):
    """Adds a runtime option."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def process(self, number: int) -> Any:
        yield number + self.value.get()


class Late(PipelineOptions):
    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_value_provider_argument('--control_added', type=int, default=0)


@pytest.mark.parametrize('flags', [(), ('--workers=2',)], ids=' '.join)
def test_values_of_the_run_are_known_as_long_as_it_goes_on(flags: tuple[str, ...], tmp_path: Path) -> None:
    options = PipelineOptions([*flags, '--control_added=7'])
    p = bourne.Pipeline(options=options)
    provider = options.view_as(Late).control_added
    (p | bourne.io.Read(idle_source(1, 2)) | bourne.ParDo(Teller(provider))
     | written(tmp_path / 'out'))
    result = p.run()
    until(result, lambda status: status.taken == 2)
    result.drain()
    assert result.wait_until_finish(60_000) == PipelineState.DONE
    assert lines(tmp_path) == ['8', '9']


def test_a_batch_has_no_status_and_no_drain() -> None:
    p = bourne.Pipeline(argv=['--status'])
    p | bourne.Create([1])
    with pytest.warns(OptionsWarning, match='--status has no effect on batch'):
        result = p.run()
    with pytest.raises(PipelineError, match=r'<LocalResult DONE> is a batch run: .* cannot be drained.*--streaming'):
        result.drain()
    with pytest.raises(PipelineError, match=r'<LocalResult DONE> is a batch run, .*Only a stream has a status'):
        result.status()


SCRIPT = """\
import sys, threading
import bourne as beam
from bourne.sdk.testing import MemorySource
from bourne.sdk.testing.test_stream import ElementEvent
from bourne.sdk.model.window import TimestampedValue

def seen(number, stuck):
    print('seen', number, flush=True)
    if stuck:
        threading.Event().wait()
    return number

flags, out = sys.argv[1:-2], sys.argv[-1]
with beam.Pipeline(argv=flags) as p:
    (p | beam.io.Read(MemorySource([ElementEvent([TimestampedValue(1, 1)])], ended=False))
     | beam.Map(seen, sys.argv[-2] == 'stuck') | beam.io.Write(beam.io.WriteToText(out)._sink))
print('after')
"""


def signalled(tmp_path: Path, number: int, mood: str, flags: tuple[str, ...], group: bool) -> tuple[int, str, str]:
    """Runs an endless script by the command line, signals it once it has seen its element, and waits for its end."""
    script = tmp_path / 'endless.py'
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, '-m', 'bourne', 'run', script, *flags, mood, tmp_path / 'out' / 'numbers'], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first == 'seen 1\n', process.communicate(timeout=60)
        children = psutil.Process(process.pid).children(recursive=True)
        if group:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    return process.returncode, out, err


@pytest.mark.parametrize('flags', [(), ('--workers=2',)], ids=' '.join)
@pytest.mark.parametrize('mood', ['idle', 'stuck'])
def test_an_interrupt_cancels(tmp_path: Path, flags: tuple[str, ...], mood: str) -> None:
    code, out, err = signalled(tmp_path, signal.SIGINT, mood, flags, group=True)
    assert (code, out, err) == (130, '', 'bourne: interrupted\n')
    assert not (tmp_path / 'out').exists() or list((tmp_path / 'out').iterdir()) == []


@pytest.mark.parametrize('flags', [(), ('--workers=2',)], ids=' '.join)
@pytest.mark.parametrize('group', [False, True], ids=['process', 'group'])
def test_sigterm_drains(tmp_path: Path, flags: tuple[str, ...], group: bool) -> None:
    code, out, err = signalled(tmp_path, signal.SIGTERM, 'idle', flags, group)
    assert (code, out, err) == (0, 'after\n', '')
    assert lines(tmp_path / 'out') == ['1']
