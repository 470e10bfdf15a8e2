"""``--profile``: which transform takes the time, by samples."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bourne.cli import main
from bourne.engine.plan.stage import Op, Stage
from bourne.engine.program.source import compile_source, function_of
from bourne.engine.sampler import Sampler
from bourne.engine.stacks import Watched, spot_of
from bourne.runners.local import profiling
from bourne.sdk.graph.nodes import ParDo
from bourne.sdk.graph.nodes import Read as ReadNode
from bourne.sdk.model.metric import register_program
from bourne.sdk.model.profile import Profile, ProfileRow, Spot
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.model.source import BoundedReader, Records, Source
from bourne.sdk.options import OptionsWarning, PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.write import Write

SCRIPT = """\
import json
import bourne as beam


def light(x):
    return x, json.dumps(x)


def busy(pair):
    number = 0
    for _ in range(20_000):
        number += 1  # here
    return pair


with beam.Pipeline() as p:
    (p
     | beam.Create(range(700))
     | 'light' >> beam.Map(light)
     | 'busy' >> beam.Map(busy)
     | beam.GroupByKey()
     | 'lengths' >> beam.Map(lambda pair: len(pair[1])))
"""


def spin(seconds: float) -> None:
    """Computes for so many seconds of processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def profile_of(build: Callable[[Pipeline], Any], *flags: str) -> Profile:
    pipeline = Pipeline(options=PipelineOptions(['--profile', *flags]))
    build(pipeline)
    profile = pipeline.run().profile()
    assert profile is not None
    return profile


# What a user sees.


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / 'work.py'
    path.write_text(SCRIPT)
    return path


def cells(line: str) -> list[str]:
    return re.split(r'\s{2,}', line.strip())


@pytest.mark.parametrize('flags', [[], ['--workers=2']], ids=['inline', 'workers'])
def test_the_command_says_what_takes_the_time(script: Path, capsys: pytest.CaptureFixture[str],
                                              flags: list[str]) -> None:
    text = script.read_text().replace('beam.Pipeline()', f'beam.Pipeline(argv={flags})')
    script.write_text(text)
    assert main(['run', '--profile', str(script)]) == 0
    title, header, first, *others = capsys.readouterr().err.splitlines()[-20:]
    where = ' in 2 processes' if flags else ''
    assert re.fullmatch(rf'profile: \d+\.\d\d s in stages{where}; the run took \d+\.\d\d s', title)
    assert cells(header) == ['share', 'seconds', 'stage', 'part', 'transform', 'hottest line']
    share, _, stage, part, step, line = cells(first)
    assert (stage, part, step) == ('1', 'function', 'busy')
    assert float(share.rstrip('%')) > 60
    assert re.fullmatch(r'.*work\.py:1[12] busy', line)
    assert all(cells(row)[4] != 'busy' or cells(row)[3] != 'function' for row in others if len(cells(row)) > 4)


def test_a_saved_pipeline(script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['explain', '--json', str(script)]) == 0
    saved = tmp_path / 'work.json'
    saved.write_text(capsys.readouterr().out)
    assert main(['run', '--profile', str(saved)]) == 0
    assert cells(capsys.readouterr().err.splitlines()[2])[4] == 'busy'


def test_nothing_is_imported_without_it(script: Path) -> None:
    code = (f'import sys, runpy; runpy.run_path({str(script)!r}); '
            'print([name for name in sys.modules if "profil" in name and "bourne" in name or "sampler" in name])')
    assert subprocess.check_output([sys.executable, '-c', code], text=True) == '[]\n'


def test_no_profile_without_it() -> None:
    p = Pipeline()
    p | Create([1])
    assert p.run().profile() is None


def test_a_failing_run_shows_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(number: int) -> None:
        if number:
            raise ValueError('no more')
        spin(0.1)

    with pytest.raises(ValueError, match='no more'):
        profile_of(lambda p: p | Create([0, 1]) | 'fails' >> Map(fail))
    assert cells(capsys.readouterr().err.splitlines()[2])[4] == 'fails'


def test_streams_say_that_they_have_none() -> None:
    p = Pipeline(options=PipelineOptions(['--profile', '--streaming']))
    p | Create([1])
    with pytest.warns(OptionsWarning, match='--profile has no effect on streams'):
        p.run()


# What is attributed to whom.


@pytest.fixture
def main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip('signals belong to the main thread')


def in_the_main_thread(build: Callable[[Pipeline], Any]) -> Profile:
    return profile_of(build)


def in_another_thread(build: Callable[[Pipeline], Any]) -> Profile:
    found: list[Profile] = []
    thread = threading.Thread(target=lambda: found.append(profile_of(build)))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize('how', [in_the_main_thread, in_another_thread])
@pytest.mark.parametrize('kind', ['computes', 'waits'])
def test_who_computes_and_who_waits(how: Callable[..., Profile], kind: str) -> None:
    def work(number: int) -> int:
        if kind == 'computes':
            spin(0.01)
        else:
            time.sleep(0.01)
        return number

    profile = how(lambda p: p | Create(range(50)) | 'light' >> Map(str) | 'int' >> Map(int) | 'work' >> Map(work))
    assert profile.share('work', 'function') > 0.8
    assert profile.rows()[0].line.endswith('test_who_computes_and_who_waits.<locals>.work') or kind == 'computes'


@pytest.mark.usefixtures('main_thread')
def test_waiting_is_told_from_computing() -> None:
    """Each has half, although the lock of the interpreter is let go only by the one that waits."""
    def wait(number: int) -> int:
        time.sleep(0.015)
        return number

    def compute(number: int) -> int:
        spin(0.015)
        return number

    profile = profile_of(lambda p: p | Create(range(50)) | Map(wait) | Map(compute))
    assert 0.3 < profile.share('Map(compute)') < 0.7


class Slow(Source[int]):
    """Computes before it reads."""

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: Any = None) -> BoundedReader[int]:
        return SlowReader(range(50_000))


class SlowReader(BoundedReader[int]):

    def poll(self, *args: Any, **kwargs: Any) -> Records[int] | None:
        spin(0.03)
        return super().poll(*args, **kwargs)


class SlowSink(Sink):
    """Computes before it is done."""

    shards = None

    def open(self, task: WriteTask) -> Writer[Any]:
        return SlowWriter()

    def commit(self, run: str, prepared: Any) -> list[Any]:
        return []

    def abort(self, run: str, prepared: Any) -> None:
        pass


class SlowWriter(Writer[Any]):

    def write(self, values: list[Any]) -> None:
        spin(0.02)

    def prepare(self) -> None:
        spin(0.1)

    def abort(self) -> None:
        pass


def test_sources_sinks_and_groups() -> None:
    def build(p: Pipeline) -> None:
        pairs = p | 'read' >> Read(Slow()) | Map(lambda number: (number, number))
        pairs | 'write' >> Write(SlowSink())
        pairs | 'group' >> GroupByKey() | 'length' >> Map(len)

    profile = profile_of(build)
    assert profile.share('read', 'read') > 0.2
    assert profile.share('write', 'write') > 0.2
    assert profile.share('group', 'group') > 0
    assert {row.stage for row in profile.rows()} <= {1, 2, 3}
    [row] = [row for row in profile.rows() if (row.step, row.part) == ('read', 'read')]
    assert row.line.endswith('spin')


# How the sampler behaves.


@pytest.mark.usefixtures('main_thread')
def test_the_signal_is_given_back() -> None:
    before = signal.getsignal(signal.SIGPROF)
    threads = threading.active_count()
    profile_of(lambda p: p | Create([1]) | Map(lambda _: spin(0.02)))
    assert signal.getsignal(signal.SIGPROF) is before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert threading.active_count() == threads


@pytest.mark.usefixtures('main_thread')
def test_a_program_that_uses_the_signal_itself() -> None:
    def own(*args: Any) -> None:
        pass

    before = signal.signal(signal.SIGPROF, own)
    try:
        profile = profile_of(lambda p: p | Create(range(20)) | 'work' >> Map(lambda _: spin(0.01)))
        assert signal.getsignal(signal.SIGPROF) is own
    finally:
        signal.signal(signal.SIGPROF, before)
    assert profile.share('work') > 0.8


def test_only_stages_are_sampled() -> None:
    with Sampler() as sampler:
        spin(0.05)
        time.sleep(0.05)
        assert sampler.take() == {}
        with sampler.watching(3, Stage('some', (Op('one', ReadNode(Slow())),))):
            spin(0.05)
        found = sampler.take()
        assert {spot.stage for spot in found} == {3}
        assert sampler.take() == {}


# Stacks.


@pytest.fixture
def generated() -> Callable[..., Any]:
    """A function as programs have them: two lines with a call, of two operators, and lines of nobody."""
    text = ('def stage(values, first, second):\n    for x in values:\n        y = first(x)\n        z = y\n'
            '        w = second(z)\n    return w\n')
    code = compile_source(text)
    register_program(function_of(code), {3: 'one', 5: 'two'}.get)
    space: dict[str, Any] = {}
    exec(code, space)
    found: Callable[..., Any] = space['stage']
    return found


def watched(default_step: str = '') -> Watched:
    stage = Stage('stage', (Op('one', ParDo('map', len)), Op('two', ParDo('map', len), lifted_from='whole')))
    program: Any = SimpleNamespace(metrics=SimpleNamespace(default_step=default_step))
    return Watched.of(7, stage, program)


def test_the_line_of_a_generated_function_tells_the_transform(generated: Callable[..., Any]) -> None:
    def look(value: Any) -> Spot:
        return spot_of(sys._getframe(), watched())

    def pass_on(value: Any) -> Any:
        return value

    def through_a_library(value: Any) -> Any:
        return re.sub('.', lambda found: spots.append(look(value)) or '', 'x')

    here = f'{Path(__file__).relative_to(Path.cwd())}:{look.__code__.co_firstlineno + 1} {look.__qualname__}'
    assert generated([1], pass_on, look) == Spot(7, 'whole', 'function', here)
    spots: list[Spot] = []
    generated([1], through_a_library, pass_on)
    assert spots == [Spot(7, 'one', 'function', here)]


def test_a_library_function_called_as_it_is(generated: Callable[..., Any]) -> None:
    spots: list[Spot] = []

    def look(value: Any) -> int:
        frame = sys._getframe(1)  # the library's
        spots.append(spot_of(frame, watched()))
        return 1

    generated([object()], lambda value: value, lambda value: json.dumps(value, default=look))
    [spot] = spots
    assert spot.step == 'whole'
    assert 'test_profile.py' in spot.line  # the lambda around it is the user's
    generated([object()], partial(json.dumps, default=look), str)
    assert spots[1].step == 'one'
    assert 'json' in spots[1].line


# Profiles as data.


def test_rows_are_sorted_and_name_the_hottest_line() -> None:
    profile = Profile({Spot(1, 'a', 'function', 'x:1 f'): 1.0, Spot(1, 'a', 'function', 'x:2 f'): 2.0})
    profile.add({Spot(1, 'a', 'function'): 3.0, Spot(2, '', 'exchange'): 2.0, Spot(1, 'a', 'function', 'x:1 f'): 0.5})
    assert profile.total == 8.5
    assert profile.rows() == [ProfileRow('a', 1, 'function', 6.5, 6.5 / 8.5, 'x:2 f'),
                              ProfileRow('', 2, 'exchange', 2.0, 2.0 / 8.5, '')]
    assert profile.share('a') == 6.5 / 8.5
    assert profile.share('a', 'exchange') == 0
    assert repr(profile) == '<Profile of 8.50 s at 4 spots>'


def test_a_profile_as_text() -> None:
    profile = Profile({Spot(1, 'parse', 'function', 'x.py:1 parse'): 6.0, Spot(1, '', 'engine'): 2.0})
    profile.add({Spot(2, f'step {number}', 'group'): 0.002 for number in range(1000)})
    profile.elapsed, profile.processes = 5.5, 2
    assert profiling.text(profile) == """\
profile: 10.00 s in stages in 2 processes; the run took 5.50 s
share  seconds  stage  part      transform          hottest line
60.0%     6.00      1  function  parse              x.py:1 parse
20.0%     2.00      1  engine    (the whole stage)
20.0%     2.00                   (1000 more)"""


def test_an_empty_profile() -> None:
    assert profiling.text(Profile()).splitlines()[0] == 'profile: 0.00 s in stages; the run took 0.00 s'


def test_a_terminal_gets_a_table() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    profiling.show(Profile({Spot(1, '[red]parse[/red]', 'function', 'x.py:1 parse'): 6.0}), out)
    assert '[red]parse[/red]' in out.getvalue()
    assert '100.0%' in out.getvalue()
