"""How a stream stands, why its watermarks are where they are, and how that is shown."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import bourne
from bourne.cli import main
from bourne.engine.keyed import Size
from bourne.engine.plan.compile import compile_plan
from bourne.engine.stream.status import StageReport, Statuses
from bourne.errors import PipelineError
from bourne.runners.local import status_table
from bourne.sdk.model.source import Backlog
from bourne.sdk.model.status import StreamStatus
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Timestamp
from bourne.sdk.model.trigger import AccumulationMode, AfterCount, AfterWatermark
from bourne.sdk.model.window import FixedWindows, IntervalWindow, Sessions, TimestampedValue
from bourne.sdk.runner import PipelineState
from bourne.sdk.testing import MemorySource
from bourne.sdk.testing.test_stream import ElementEvent, WatermarkEvent
from bourne.sdk.transforms.window import TimestampCombiner, WithTimestamps

ways = pytest.mark.parametrize('flags', [(), ('--workers=2',)], ids=' '.join)


def source(*splits: tuple[list[tuple[Any, int]], int | None]) -> Any:
    """Splits with elements at seconds, then a watermark; they do not end."""
    return bourne.io.Read(MemorySource(*(
        [ElementEvent([TimestampedValue(value, second) for value, second in elements]),
         *([] if watermark is None else [WatermarkEvent(watermark)])] for elements, watermark in splits), ended=False))


def standing(p: bourne.Pipeline, condition: Callable[[StreamStatus], bool]) -> StreamStatus:
    """How a stream stands once a condition holds; then it is cancelled."""
    result = p.run()
    try:
        while (status := result.status()) is None or not condition(status):
            assert result.state == PipelineState.RUNNING, result.wait_until_finish()
        return status
    finally:
        result.cancel()
        result.wait_until_finish()


@ways
def test_a_chain_leads_back_to_the_slowest_split(flags: tuple[str, ...]) -> None:
    p = bourne.Pipeline(argv=list(flags))
    read = p | 'read' >> source(([('a', 1), ('b', 2)], 25), ([('a', 3)], 12))
    (read | bourne.WindowInto(FixedWindows(10)) | 'count' >> bourne.combiners.Count.PerElement()
     | 'again' >> bourne.combiners.Count.PerKey() | 'last' >> bourne.Map(str))
    status = standing(p, lambda status: status.stage('again').input_watermark == 12)
    stage = status.stage(1)
    assert (stage.reads, stage.taken, stage.output_watermark) == (True, 3, Timestamp(12))
    assert [(split.split, split.watermark, split.backlog) for split in stage.splits] == [
        (0, Timestamp(25), Backlog(0)), (1, Timestamp(12), Backlog(0))]
    assert stage.backlog == Backlog(0)
    assert [holder.kind for holder in status.causes('again')] == ['input', 'input', 'split']
    assert status.causes('again')[-1].split == 1
    # The window that ends at 10 has been emitted, and those pairs are in the next stage's table.
    assert status.stage('count').made == 2
    assert status.stage('again').taken == 2
    assert status.why('again').splitlines()[1:] == [
        f'  because of its input from {status.stages[1].name!r}: 1970-01-01 00:00:12',
        f'  because of its input from {stage.name!r}: 1970-01-01 00:00:12',
        "  because of split 1 of 'read': 1970-01-01 00:00:12"]
    with pytest.raises(PipelineError, match=r"no stage or transform 'nobody' in the stream; the stages are 'read \+"):
        status.why('nobody')
    lines = str(status).splitlines()
    assert lines[0].startswith(f'epoch {status.epoch} at ')
    assert lines[1].split()[:5] == ['stage', 'in', 'out', 'lag', 'taken']
    assert lines[-1].endswith("split 1 of 'read' (stage 1)")
    assert status.read is None


@ways
@pytest.mark.parametrize('windowfn', [FixedWindows(10), Sessions(9)], ids=repr)
def test_a_window_and_key_hold(flags: tuple[str, ...], windowfn: Any) -> None:
    p = bourne.Pipeline(argv=list(flags))
    (p | source(([('late', 15), ('first', 11)], 13))
     | bourne.WindowInto(windowfn, timestamp_combiner=TimestampCombiner.OUTPUT_AT_EARLIEST,
                         trigger=AfterWatermark(early=AfterCount(5)), accumulation_mode=AccumulationMode.DISCARDING)
     | bourne.Map(lambda name: (name, 1)) | 'group' >> bourne.GroupByKey() | bourne.Map(str))
    status = standing(p, lambda status: status.stage('group').input_watermark == 13)
    stage = status.stage('group')
    assert (stage.input_watermark, stage.output_watermark) == (Timestamp(13), Timestamp(11))
    (holder,) = status.causes('group')
    window = IntervalWindow(10, 20) if isinstance(windowfn, FixedWindows) else IntervalWindow(11, 20)
    assert (holder.kind, holder.transform, holder.window, holder.key) == ('held', 'group', window, 'first')
    assert (stage.state_entries, stage.state_bytes > 0) == (2, True)
    assert f"because of 'group': window {window!r}, key 'first'" in status.why('group')


@ways
def test_a_side_input_is_waited_for(flags: tuple[str, ...]) -> None:
    p = bourne.Pipeline(argv=list(flags))
    windows = FixedWindows(10)
    side = p | 'slow' >> source(([(1, 1)], 4)) | 'slow windows' >> bourne.WindowInto(windows)
    main_input = p | 'quick' >> source(([(1, 5), (2, 6)], 30)) | 'windows' >> bourne.WindowInto(windows)
    (main_input | 'join' >> bourne.Map(lambda one, others: (one, others), bourne.pvalue.AsList(side)))
    status = standing(p, lambda status: status.stage('join').waiting == 2 and status.stage('slow').splits != ()
                      and status.stage('slow').output_watermark == 4)
    first, last = status.causes('join')
    assert (first.kind, first.transform, first.window, first.waiting) == (
        'side input', 'join', IntervalWindow(0, 10), 2)
    assert (last.kind, last.transform, last.watermark) == ('split', 'slow', Timestamp(4))
    assert status.stage('join').output_watermark == 5


@ways
def test_watermarks_that_come_from_data(flags: tuple[str, ...]) -> None:
    p = bourne.Pipeline(argv=list(flags))
    (p | 'read' >> source(([(40, 0)], None), ([(20, 0)], None))
     | 'times' >> WithTimestamps(float, out_of_orderness=5) | bourne.WindowInto(FixedWindows(10))
     | 'count' >> bourne.combiners.Count.PerElement())
    status = standing(p, lambda status: status.taken == 2)
    (holder,) = status.causes(1)
    assert (holder.kind, holder.transform, holder.split, holder.watermark) == ('split', 'times', 1, Timestamp(15))


def test_a_source_without_watermarks_gets_advice() -> None:
    p = bourne.Pipeline()
    p | 'read' >> source(([('a', 1)], None)) | bourne.Map(str)
    status = standing(p, lambda status: status.taken == 1)
    assert status.why(1) == (
        f"the output watermark of {status.stages[0].name!r} is at start\n"
        "  because of split 0 of 'read', which has said nothing of its watermark yet; if it never does, make one with "
        'WithTimestamps(..., out_of_orderness=...): start')


def test_a_source_whose_data_makes_the_watermark_gets_none() -> None:
    p = bourne.Pipeline()
    (p | 'read' >> source(([('a', 0)], None)) | bourne.Reshuffle()
     | 'times' >> WithTimestamps(lambda pair: 7, out_of_orderness=5) | bourne.Map(str))
    status = standing(p, lambda status: status.stages[-1].taken == 1)
    assert status.why(1).endswith(
        "because of split 0 of 'read', which says nothing of its watermark; what is behind WithTimestamps goes by one "
        'from the data: start')
    assert 'the watermark is at 1970-01-01 00:00:02' in status.line()
    assert "because of 'times', which has seen no later element" in status.line()


def test_a_split_of_which_nothing_came_to_where_the_watermark_is_made() -> None:
    p = bourne.Pipeline()
    (p | 'read' >> source(([(1, 0)], None), ([], None)) | 'times' >> WithTimestamps(float, out_of_orderness=5)
     | bourne.Map(str))
    status = standing(p, lambda status: status.taken == 1)
    assert status.why(1).endswith("because of split 1 of 'times', from which it has seen no element yet: start")


def test_results_of_a_sink_wait_for_the_end(tmp_path: Path) -> None:
    p = bourne.Pipeline(argv=['--streaming'])
    ended = p | bourne.Create(['x']) | 'write' >> bourne.io.WriteToText(str(tmp_path / 'a'))
    p | source(([('a', 1)], 3)) | bourne.Map(str)
    ended | 'names' >> bourne.GroupBy(len)
    status = standing(p, lambda status: status.stage('write').taken == 1)
    assert [holder.kind for holder in status.causes('names')][-2:] == ['input', 'commit']
    assert "because of 'write/Write': its results are there when all is committed" in status.why('names')


def statuses() -> tuple[Statuses, Callable[..., StageReport]]:
    p = bourne.Pipeline()
    p | bourne.Create(['x']) | bourne.Map(str)
    plan = compile_plan(p.to_graph(), streaming=True)

    def report(taken: int, *left: int | None, watermark: int = MIN_MICROS) -> StageReport:
        return StageReport(watermark, watermark, {}, None, None, None, taken, 0, Size(0, 0),
                           [('split', watermark, Backlog(size=size)) for size in left])

    return Statuses(plan, 0, lambda: [10, 30]), report


def test_rates_are_those_of_late() -> None:
    made, report = statuses()
    rates = [made.make(0, second * 1_000_000, [[report(taken)], [report(taken)]]).stages[0].per_second
             for second, taken in ((0, 0), (1, 50), (2, 50), (4, 250), (5, 250), (5, 250))]
    assert rates == [None, 100, 0, 200, 0, 0]


def test_how_much_was_read() -> None:
    made, report = statuses()
    shares = [made.make(0, 1, [[one], [two]]).read for one, two in (
        (report(0, 10), report(0, 30)), (report(0, 5), report(0, 5)), (report(0), report(0, None)),
        (report(0), report(0)))]
    assert shares == [0, 0.75, 0.5, 1]


def example(watermark: int = 5_000_000) -> StreamStatus:
    made, report = statuses()
    return made.make(3, 6_500_000, [[report(1234, 40, watermark=watermark)]])


def test_a_terminal_shows_a_table() -> None:
    out = io.StringIO()
    table = status_table.LiveTable(Console(file=out, force_terminal=True, width=140))
    table.show(example())
    table.show(example(MAX_MICROS))
    table.close()
    table.close()
    text = out.getvalue()
    assert 'epoch 3 at 1970-01-01 00:00:06.500, 0% of all data read' in text
    assert '1.5 s' in text
    assert '1,234' in text
    assert "split 'split' of 'Create'" in text
    assert 'end' in text.rpartition('epoch 3')[2]


def test_a_bar_shows_how_much_was_read() -> None:
    out = io.StringIO()
    bar = status_table.Bar(Console(file=out, force_terminal=True, width=100))
    bar.show(example())
    bar.close()
    assert '1,234 elements read' in out.getvalue()


def test_a_log_gets_lines(caplog: pytest.LogCaptureFixture) -> None:
    lines = status_table.Lines(0, final=True)
    with caplog.at_level(logging.INFO, 'bourne'):
        lines.show(example())
        lines.close()
    (message,) = caplog.messages
    assert message == (
        'epoch 3, 1,234 elements read, 0% of all data, the watermark is at 1970-01-01 00:00:05, 1.5 s behind, because '
        "of split 'split' of 'Create'")


def test_what_is_shown_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen() -> list[str]:
        return [type(status_table.choose(finite, table)).__name__ for finite in (True, False)
                for table in (True, False)]

    terminal = io.StringIO()
    monkeypatch.setattr('sys.stderr', terminal)
    assert chosen() == ['Lines', 'NoneType', 'Lines', 'NoneType']
    monkeypatch.delenv('PYTEST_CURRENT_TEST')
    assert chosen() == ['Lines', 'Lines', 'Lines', 'NoneType']
    monkeypatch.setattr(terminal, 'isatty', lambda: True)
    assert chosen() == ['LiveTable', 'Bar', 'LiveTable', 'NoneType']


def test_the_command_line_shows_the_status(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = tmp_path / 'script.py'
    script.write_text('import bourne as beam\n'
                      'with beam.Pipeline(argv=["--streaming"]) as p:\n'
                      '    p | beam.Create([1, 2, 3]) | beam.Map(str)\n')
    with caplog.at_level(logging.INFO, 'bourne'):
        assert main(['run', '--status', str(script)]) == 0
    assert caplog.messages[-1].endswith('3 elements read, 100% of all data')


def test_a_stream_is_explained_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / 'script.py'
    script.write_text('import bourne as beam\n'
                      'with beam.Pipeline() as p:\n'
                      '    p | beam.Create([("a", 1)]) | "add" >> beam.CombinePerKey(sum)\n')
    assert main(['explain', str(script), '--plan', '--graph', '--streaming']) == 0
    out = capsys.readouterr().out
    assert '== plan of the stream ==' in out
    assert 'PreCombine' not in out
    assert main(['explain', str(script), '--plan']) == 0
    assert 'PreCombine' in capsys.readouterr().out
