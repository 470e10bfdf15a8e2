"""Transcripts: elements, watermarks and clock moves, and the panes that they make. See transcripts/README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from bourne.engine.plan.stage import OpPayload
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.metric_results import MetricsFilter
from bourne.sdk.model import trigger, window
from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.metric import DROPPED_LATE
from bourne.sdk.model.pane import PaneInfo, PaneInfoTiming
from bourne.sdk.model.timestamp import MAX_MICROS, MAX_TIMESTAMP, Timestamp
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import BoundedWindow, GlobalWindow, IntervalWindow, Sessions, TimestampedValue, WindowFn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.test_stream import TestStream
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.group import CoGroupByKey
from bourne.sdk.transforms.group import GroupByKey as GroupByKeyTransform
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto
from tests.panes import NaiveRun, OperatorRun, Pane, Row, in_order

DIRECTORY = Path(__file__).parent / 'transcripts'
SECOND = 1_000_000


class Lengths(WindowFn):
    """A window from the element's time on, as many seconds long as its value says; those that overlap merge."""

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        start = assign_context.timestamp
        return [IntervalWindow(start, start + assign_context.element[1])]

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        Sessions(1).merge(merge_context)


WORDS: dict[str, Any] = {
    **vars(trigger), **vars(window), 'Lengths': Lengths, 'sum': sum, 'max': max, 'sorted': sorted,
    'Count': CountCombineFn, 'Mean': MeanCombineFn,
}


@attrs.frozen
class Transcript:
    """One case of a file: what it says, and the path of the file."""

    path: Path
    said: dict[str, Any]

    def windowing(self) -> Windowing:
        said = self.said
        return Windowing(
            self._eval('window', 'GlobalWindows()'), self._eval('trigger', 'DefaultTrigger()'),
            said.get('mode', 'discarding'), said.get('timestamps', 'end_of_window'), said.get('lateness', 0))

    def payload(self) -> OpPayload:
        if 'combine' in self.said:
            return Combine(CombineFn.maybe_from_callable(self._eval('combine', '')))
        return GroupByKey(tuple(range(self.said['inputs']))) if 'inputs' in self.said else GroupByKey()

    def _eval(self, name: str, default: str) -> Any:
        return eval(str(self.said.get(name, default)), WORDS)


def transcripts() -> Iterator[Transcript]:
    for path in sorted(DIRECTORY.glob('*.yaml')):
        for said in yaml.safe_load(path.read_text(encoding='utf-8')):
            yield Transcript(path, said)


TRANSCRIPTS = list(transcripts())


# How elements and panes are written.


def parse_row(text: str) -> Row:
    """An element: ``key value @seconds``, and ``input n`` if it does not come by the first input, which is 0."""
    key, value, time, *port = str(text).split()
    return Row(key, int(value), round(float(time.removeprefix('@')) * SECOND), int(port[1]) if port else 0)


def show_pane(pane: Pane) -> str:
    """A pane: ``key value window @timestamp timing index/nonspeculative index``, and perhaps ``last``."""
    assert pane.info.is_first == (pane.info.index == 0)
    end = pane.window.max_timestamp().micros
    return ' '.join([str(pane.key), str(pane.value), show_window(pane.window),
                     '@end' if pane.time == end else f'@{seconds(pane.time)}', show_info(pane.info)])


def show_window(one: BoundedWindow) -> str:
    if isinstance(one, GlobalWindow):
        return 'global'
    return f'{seconds(one.start.micros)}..{seconds(one.end.micros)}'


def show_info(info: PaneInfo) -> str:
    timing = PaneInfoTiming.to_string(info.timing)
    number = str(info.index) if info.nonspeculative_index < 0 else f'{info.index}/{info.nonspeculative_index}'
    return f'{timing} {number}' + (' last' if info.is_last else '')


def seconds(micros: int | None) -> Any:
    if micros is None:
        return 'none'
    return micros // SECOND if micros % SECOND == 0 else micros / SECOND


# Running.


def play(run: OperatorRun | NaiveRun, steps: list[dict[str, Any]]) -> Iterator[list[Pane]]:
    """The panes of each step."""
    for step in steps:
        if 'in' in step:
            yield run.add(map(parse_row, step['in']))
        else:
            watermark = step.get('watermark')
            clock = step.get('clock')
            yield run.advance(
                MAX_MICROS if watermark == 'end' else None if watermark is None else Timestamp(watermark).micros,
                None if clock is None else Timestamp(clock).micros)


#: What can be said of the operator after a step.
CHECKS: dict[str, Callable[[OperatorRun], Any]] = {
    'hold': lambda run: seconds(hold.micros if (hold := run.keyed.hold()) is not None else None),
    'due': lambda run: seconds(run.keyed.due()),
    'dropped': lambda run: run.dropped,
    'held': lambda run: run.keyed.size().entries,
}


def happened(transcript: Transcript, **how: Any) -> list[dict[str, Any]]:
    """The steps with what they make now."""
    steps = transcript.said['steps']
    run = OperatorRun(transcript.windowing(), transcript.payload(), **how)
    made = []
    for step, panes in zip(steps, play(run, steps)):
        found = {**step, 'out': list(map(show_pane, panes))}
        found |= {name: look(run) for name, look in CHECKS.items() if name in step}
        made.append(found)
    return made


@pytest.mark.parametrize('transcript', TRANSCRIPTS, ids=lambda one: f'{one.path.stem}: {one.said["name"]}')
@pytest.mark.parametrize('how', [{}, {'bundle_size': 1, 'pickled': True}], ids=['whole', 'one by one'])
def test_transcript(transcript: Transcript, how: dict[str, Any], request: pytest.FixtureRequest) -> None:
    if request.config.getoption('--update-golden'):
        pytest.skip('the files are rewritten')
    assert happened(transcript, **how) == [{'out': [], **step} for step in transcript.said['steps']]


@pytest.mark.parametrize('transcript', TRANSCRIPTS, ids=lambda one: f'{one.path.stem}: {one.said["name"]}')
def test_the_naive_model_agrees(transcript: Transcript) -> None:
    steps = transcript.said['steps']
    run = OperatorRun(transcript.windowing(), transcript.payload())
    naive = NaiveRun(transcript.windowing(), transcript.payload())
    for found, wanted in zip(play(run, steps), play(naive, steps)):
        assert in_order(found) == in_order(wanted)


def _with_pane(element: Any, time: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam,
               info: Any = DoFn.PaneInfoParam) -> str:
    key, value = element
    return show_pane(Pane(key, value, window, time.micros, info))


def script(steps: list[dict[str, Any]], tags: list[str | None]) -> TestStream:
    """The same events; a watermark and a clock that move in one step move one after the other."""
    events, now = TestStream(output_tags=tags), 0.0
    for step in steps:
        for port, rows in groupby(map(parse_row, step.get('in', ())), key=lambda row: row.port):
            events.add_elements([TimestampedValue((row.key, row.value), Timestamp(micros=row.time)) for row in rows],
                                tag=tags[port])
        for tag in tags if 'watermark' in step else ():
            watermark = step['watermark']
            events.advance_watermark_to(MAX_TIMESTAMP if watermark == 'end' else watermark, tag)
        if step.get('clock', now) > now:
            events.advance_processing_time(step['clock'] - now)
            now = step['clock']
    return events


@pytest.mark.parametrize('transcript', TRANSCRIPTS, ids=lambda one: f'{one.path.stem}: {one.said["name"]}')
def test_pipelines_emit_the_same(transcript: Transcript) -> None:
    """A script ends with the end of time, whether the transcript does or not."""
    steps, payload = transcript.said['steps'], transcript.payload()
    direct = OperatorRun(transcript.windowing(), payload)
    panes = [pane for several in play(direct, steps) for pane in several] + direct.advance(MAX_MICROS)
    tags: list[Any] = [None, 'second'][:transcript.said.get('inputs', 1)]
    pipeline = TestPipeline(argv=['--allow_unsafe_triggers'])
    source = pipeline | script(steps, tags)
    if isinstance(payload, GroupByKey) and payload.tags:
        windowed = tuple(source[tag] | f'{tag}' >> WindowInto(transcript.windowing()) for tag in tags)
        grouped = windowed | CoGroupByKey()
    else:
        fn = payload.fn if isinstance(payload, Combine) else None
        grouped = source | WindowInto(transcript.windowing()) | (GroupByKeyTransform() if fn is None else
                                                                 CombinePerKey(fn))
    assert_that(grouped | Map(_with_pane), equal_to(list(map(show_pane, panes))))
    result = pipeline.run()
    dropped = MetricsFilter().with_namespace(DROPPED_LATE.namespace).with_name(DROPPED_LATE.name)
    counters = result.metrics().query(dropped)['counters']
    assert sum(counter.committed for counter in counters) == direct.dropped


def test_golden_files(request: pytest.FixtureRequest) -> None:
    """Writes the files with ``--update-golden``; otherwise they must be as that writes them, and no name twice."""
    cases: dict[Path, list[Transcript]] = {}
    for transcript in TRANSCRIPTS:
        cases.setdefault(transcript.path, []).append(transcript)
    for path, several in cases.items():
        update = request.config.getoption('--update-golden')
        text = '\n'.join(written(one.said, happened(one) if update else one.said['steps']) for one in several)
        if update:
            path.write_text(text, encoding='utf-8')
        assert path.read_text(encoding='utf-8') == text, f'{path.name}: --update-golden writes it as it should be'
        names = [one.said['name'] for one in several]
        assert len(set(names)) == len(names)


def written(said: dict[str, Any], steps: list[dict[str, Any]]) -> str:
    """A transcript as it stands in its file."""
    lines: list[str] = []
    for name, value in said.items():
        if name != 'steps':
            lines.append(f'{"- " if not lines else "  "}{name}: {_scalar(value)}')
    lines.append('  steps:')
    for step in steps:
        parts = [f'in: [{", ".join(step["in"])}]'] if 'in' in step else []
        parts += [f'{name}: {step[name]}' for name in ('watermark', 'clock', *CHECKS) if name in step]
        lines += [f'  {"- " if not number else "  "}{part}' for number, part in enumerate(parts)]
        if step.get('out'):
            lines.append('    out:')
            lines += [f'    - {pane}' for pane in step['out']]
    return '\n'.join(lines) + '\n'


def _scalar(value: Any) -> str:
    text = str(value)
    return f"'{text}'" if ': ' in text or ' #' in text else text
