"""Worker processes: failures arrive whole, deaths are survived, and nothing is left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import psutil
import pytest
from multiprocess import connection

from bourne.engine.sizing import MOST, Sizing
from bourne.errors import ExecutionError, OptionsError
from bourne.io.textio import ReadFromText, WriteToText
from bourne.runners.common.failures import pack, unpack
from bourne.runners.common.folder import OLD, PREFIX, RunFolder, prefix, remove_stale
from bourne.runners.local.processes import TASKS_PER_WORKER
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.write import Write
from tests.leaks import KEPT

METHODS = ('fork', 'spawn')


def pipeline(temp_dir: Path, *flags: str) -> Pipeline:
    return TestPipeline(options=PipelineOptions(['--workers=2', f'--temp_dir={temp_dir}', *flags]))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A directory for blocks, which must be empty at the end; and no child process may be left."""
    folder = tmp_path / 'scratch'
    before = psutil.Process().children()  # of other tests, such as the workers of a cluster that they share
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []
    assert [child for child in psutil.Process().children() if child not in before and not is_harmless(child)] == []


def is_harmless(child: psutil.Process) -> bool:
    """True for what has ended, and for the processes that multiprocess starts once and keeps."""
    return child.status() == psutil.STATUS_ZOMBIE or any(kept in ' '.join(child.cmdline()) for kept in KEPT)


@pytest.mark.parametrize(('workers', 'tasks'), [(1, 1), (2, 2 * TASKS_PER_WORKER)])
@pytest.mark.parametrize('kind', ['created', 'read'])
def test_all_workers_get_a_share_of_a_few_elements(tmp_path: Path, kind: str, workers: int, tasks: int) -> None:
    """How long an element takes is not known: it may be the name of a file to download."""
    path = tmp_path / 'names'
    path.write_text(''.join(f'https://example.com/{number:050}\n' for number in range(100)))
    p = Pipeline(options=PipelineOptions([f'--workers={workers}', f'--temp_dir={tmp_path}']))
    p | (Create(range(100)) if kind == 'created' else ReadFromText(str(path))) | WriteToText(str(tmp_path / 'out'))
    p.run()
    assert len(list(tmp_path.glob('out-*'))) == tasks


@pytest.mark.parametrize('method', METHODS)
def test_groups_and_sums(scratch: Path, method: str) -> None:
    with pipeline(scratch, f'--start_method={method}') as p:
        pairs = p | Create(range(10_000)) | Map(lambda x: (x % 7, x))
        assert_that(pairs | CombinePerKey(sum), equal_to([(k, sum(range(k, 10_000, 7))) for k in range(7)]), 'sums')
        counts = pairs | GroupByKey() | 'Count' >> Map(lambda kv: (kv[0], len(list(kv[1]))))
        assert_that(counts, equal_to([(k, len(range(k, 10_000, 7))) for k in range(7)]), 'counts')


@pytest.mark.parametrize('method', METHODS)
def test_an_exception_keeps_its_type_its_traceback_and_its_note(scratch: Path, method: str) -> None:
    def divide(x: int) -> float:
        return 1 / (x - 1234)

    p = pipeline(scratch, f'--start_method={method}')
    p | Create(range(5_000)) | 'Divide' >> Map(divide)
    with pytest.raises(ZeroDivisionError) as caught:
        p.run()
    assert 'divide' in [entry.name for entry in caught.traceback]
    (note,) = caught.value.__notes__
    assert "in Map 'Divide'" in note
    assert 'test_processes.py' in note
    assert 'element: 1234' in note


class Particular(Exception):
    """Has a constructor that makes its message, from arguments of which the message does not tell."""

    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(f'{code}: {why}')
        self.code = code


def of_every_kind() -> list[BaseException]:
    coded = UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')
    return [Particular(5, why='no good'), ExceptionGroup('both', [Particular(5, why='no good'), coded]), coded,
            FileNotFoundError(2, 'no such file', 'name')]


@pytest.mark.parametrize('error', of_every_kind(), ids=lambda error: type(error).__name__)
def test_an_exception_travels_whatever_its_constructor_takes(error: BaseException) -> None:
    found = unpack(pack(error))
    assert type(found) is type(error)
    for tell in (str, repr, lambda one: getattr(one, 'code', None)):
        assert tell(found) == tell(error)
    if isinstance(found, ExceptionGroup):
        assert list(map(repr, found.exceptions)) == list(map(repr, error.exceptions))


@pytest.mark.parametrize('kind', [KeyboardInterrupt, BaseException])
def test_what_is_no_ordinary_exception_arrives_too(scratch: Path, kind: type[BaseException]) -> None:
    def fail(x: int) -> int:
        raise kind('from a function')

    p = pipeline(scratch)
    p | Create([1]) | 'Fail' >> Map(fail)
    with pytest.raises(kind, match='from a function'):
        p.run()


class Stubborn(Exception):
    """Cannot be pickled."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.lock = threading.Lock()


def test_an_exception_that_cannot_travel_is_reported_with_its_text(scratch: Path) -> None:
    def fail(x: int) -> int:
        raise Stubborn('no good')

    p = pipeline(scratch)
    p | Create([1]) | 'Fail' >> Map(fail)
    with pytest.raises(ExecutionError, match='Stubborn, which cannot be sent from a worker') as caught:
        p.run()
    assert 'no good' in str(caught.value)
    assert "in Map 'Fail'" in caught.value.__notes__[0]


def test_an_element_that_cannot_be_pickled_is_named(scratch: Path) -> None:
    p = pipeline(scratch)
    p | Create(range(3)) | 'Lock' >> Map(lambda x: (x, threading.Lock())) | GroupByKey() | Map(print)
    with pytest.raises(ExecutionError, match=r'the element \([012], <unlocked .* cannot be pickled') as caught:
        p.run()
    assert "in Map 'Lock'" in caught.value.__notes__[0]


def kill_once(marker: Path, how: str) -> None:
    """Ends the process in a bad way, the first time."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    if how == 'kill':
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(3)


@pytest.mark.parametrize('how', ['kill', 'exit'])
@pytest.mark.parametrize('where', ['read', 'grouped'])
def test_the_task_of_a_dead_worker_runs_again(scratch: Path, tmp_path: Path, how: str, where: str) -> None:
    marker = tmp_path / 'died'

    def before(x: int) -> tuple[int, int]:
        if where == 'read' and x == 4000:
            kill_once(marker, how)
        return x % 3, x

    def after(pair: Any) -> tuple[int, int]:
        if where == 'grouped' and pair[0] == 1:
            kill_once(marker, how)
        return pair[0], sum(pair[1])

    with pipeline(scratch) as p:
        sums = p | Create(range(6_000)) | Map(before) | GroupByKey() | 'Sum' >> Map(after)
        assert_that(sums, equal_to([(k, sum(range(k, 6_000, 3))) for k in range(3)]))
    assert marker.exists()


def test_what_a_dead_worker_wrote_of_its_task_is_removed_at_once(scratch: Path, tmp_path: Path) -> None:
    lists = [tmp_path / 'first', tmp_path / 'second']

    def pair(x: int) -> tuple[int, str]:
        if x == 5_999:
            new = next(path for path in lists if not path.exists())
            new.write_text(' '.join(path.name for path in scratch.glob('*/worker*')))
            if new == lists[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        return x % 3, 'x' * 1_000

    with pipeline(scratch, '--bundle_size=100', '--memory_budget=100KB') as p:
        counts = p | Create(range(6_000)) | Map(pair) | GroupByKey() | 'Count' >> Map(lambda kv: (kv[0], len(kv[1])))
        assert_that(counts, equal_to([(k, 2_000) for k in range(3)]))
    first, second = (set(path.read_text().split()) for path in lists)
    assert first - second


def test_a_task_that_always_kills_its_worker_is_reported(scratch: Path) -> None:
    p = pipeline(scratch)
    p | Create([1]) | 'Deadly' >> Map(lambda x: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(ExecutionError, match=r"stage 'Create \+1', partition 0 of 1: the worker process was killed by "
                                             r'SIGKILL \(perhaps .* memory\), 3 times. The stage does: Create, Deadly'):
        p.run()


def test_a_killed_writer_leaves_one_copy(scratch: Path, tmp_path: Path) -> None:
    from bourne.io.textio import WriteToText

    marker, out = tmp_path / 'died', tmp_path / 'out'
    out.mkdir()

    def line(x: int) -> str:
        if x == 3_500:
            kill_once(marker, 'kill')
        return str(x)

    with pipeline(scratch, '--bundle_size=100') as p:
        p | Create(range(5_000)) | Map(line) | WriteToText(str(out / 'part'))
    lines = [int(text) for path in out.iterdir() for text in path.read_text().split()]
    assert sorted(lines) == list(range(5_000))
    assert all(path.name.startswith('part-') for path in out.iterdir())


class Counting(DoFn):
    """Writes a line for each setup and teardown."""

    def __init__(self, log: str) -> None:
        self.log = log

    def _note(self, word: str) -> None:
        with open(self.log, 'a') as file:
            file.write(f'{os.getpid()} {word}\n')

    def setup(self) -> None:
        self._note('setup')

    def process(self, element: Any, *args: Any, **kwargs: Any) -> Any:
        yield element

    def teardown(self) -> None:
        self._note('teardown')


def test_setup_and_teardown_are_called_once_in_each_worker(scratch: Path, tmp_path: Path) -> None:
    log = tmp_path / 'log'
    with pipeline(scratch) as p:
        assert_that(p | Create(range(9_000)) | ParDo(Counting(str(log))) | CombineGlobally(sum),
                    equal_to([sum(range(9_000))]))
    lines = log.read_text().splitlines()
    workers = {line.split()[0] for line in lines}
    assert sorted(lines) == sorted(f'{worker} {word}' for worker in workers for word in ('setup', 'teardown'))
    assert 1 <= len(workers) <= 2


SCRIPT = """
import sys
import bourne.sdk.pipeline as pipeline
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.options import PipelineOptions
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.pardo import Map

class Point:
    def __init__(self, x):
        self.x = x

print('script')
with pipeline.Pipeline(options=PipelineOptions(['--workers=2', *sys.argv[1:]])) as p:
    (p | Create(range(3000)) | Map(Point) | 'Move' >> Map(lambda point: Point(point.x + 1).x)
     | CombineGlobally(sum) | 'Print' >> Map(lambda x: print('sum', x, flush=True)))
"""


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('how', ['file', 'command'])
def test_a_script_without_a_guard_runs_once(tmp_path: Path, method: str, how: str) -> None:
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    start = [str(script)] if how == 'file' else ['-c', SCRIPT]
    done = subprocess.run([sys.executable, *start, f'--start_method={method}'], capture_output=True, text=True)
    assert done.stderr == ''
    assert sorted(done.stdout.split('\n')) == ['', 'script', f'sum {sum(range(1, 3001))}']


INTERRUPTED = """
import os, subprocess, sys, time
from pathlib import Path
import bourne.sdk.pipeline as pipeline
from bourne.io.textio import WriteToText
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.options import PipelineOptions
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map

def sleep(x):
    Path(sys.argv[1], f'started-{os.getpid()}').touch()
    time.sleep(60)

def wait(x):
    program = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    Path(sys.argv[1], f'started-{program.pid}').touch()
    if program.wait():
        raise RuntimeError

p = pipeline.Pipeline(options=PipelineOptions(['--workers=2', f'--temp_dir={sys.argv[2]}']))
p | Create(range(4000)) | Map(globals()[sys.argv[4]]) | Map(str) | WriteToText(f'{sys.argv[3]}/part')
p.run()
"""


def run_until_workers_sleep(started: Path, scratch: Path, out: Path,
                            function: str = 'sleep') -> tuple[subprocess.Popen[bytes], list[Any]]:
    """Starts the pipeline in a session of its own; returns its process and those of the workers, or of what these run.
    """
    started.mkdir()
    out.mkdir()
    process = subprocess.Popen([sys.executable, '-c', INTERRUPTED, str(started), str(scratch), str(out), function],
                               stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(started.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = [psutil.Process(int(path.name.rpartition('-')[2])) for path in started.iterdir()]
    assert len(workers) == 2
    return process, workers


@pytest.mark.parametrize('whom', [os.killpg, os.kill])
def test_an_interrupt_ends_everything(scratch: Path, tmp_path: Path, whom: Any) -> None:
    out = tmp_path / 'out'
    process, workers = run_until_workers_sleep(tmp_path / 'started', scratch, out)
    whom(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b'KeyboardInterrupt' in errors
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert list(out.iterdir()) == []


def test_an_interrupt_ends_the_programs_that_functions_wait_for(scratch: Path, tmp_path: Path) -> None:
    process, programs = run_until_workers_sleep(tmp_path / 'started', scratch, tmp_path / 'out', 'wait')
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert psutil.wait_procs(programs, timeout=30)[1] == []


def test_workers_end_with_a_coordinator_that_is_killed(scratch: Path, tmp_path: Path) -> None:
    process, workers = run_until_workers_sleep(tmp_path / 'started', scratch, tmp_path / 'out')
    process.kill()
    process.communicate()
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    remove_stale(str(scratch))


def test_directories_of_killed_runs_are_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, '-c', ''])
    gone.wait()
    stale, ours, other = (tmp_path / name for name in (
        f'{prefix(gone.pid)}x', f'{prefix(os.getpid())}x', 'something-else'))
    for folder in (stale, ours, other):
        folder.mkdir()
    remove_stale(str(tmp_path))
    assert sorted(tmp_path.iterdir()) == sorted([ours, other])


@pytest.mark.skipif(sys.platform == 'win32', reason='directories cannot be locked')
def test_directories_of_another_host_stay_for_a_day(tmp_path: Path) -> None:
    """On a network file system its locks may not be seen here, and its processes never are."""
    gone = subprocess.Popen([sys.executable, '-c', ''])
    gone.wait()
    hour_old, old = (tmp_path / f'{PREFIX}{gone.pid}-elsewhere-{name}' for name in ('hour_old', 'old'))
    for folder, age in ((hour_old, 3600), (old, 2 * OLD)):
        folder.mkdir()
        os.utime(folder, (time.time() - age,) * 2)
    remove_stale(str(tmp_path))
    assert list(tmp_path.iterdir()) == [hour_old]


LOCKING = """
import os, sys
from bourne.runners.common import folder
folder.os.getpid = lambda: int(sys.argv[2])
print(os.fspath(folder.RunFolder(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == 'win32', reason='directories cannot be locked')
def test_the_numbers_of_processes_may_mean_others(tmp_path: Path) -> None:
    """As in a container: a run goes on whose number nobody has here, and one was killed whose number somebody has."""
    gone = subprocess.Popen([sys.executable, '-c', ''])
    gone.wait()
    runs = [subprocess.Popen([sys.executable, '-c', LOCKING, str(tmp_path), str(number)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True) for number in (gone.pid, os.getpid())]
    alive, killed = (Path(run.stdout.readline().strip()) for run in runs if run.stdout)
    runs[1].kill()
    runs[1].wait()
    os.utime(killed, (0, 0))
    remove_stale(str(tmp_path))
    assert list(tmp_path.iterdir()) == [alive]
    for run in runs:
        run.communicate()


@pytest.mark.parametrize('workers', ['--workers=1', '--workers=2'])
@pytest.mark.parametrize('name', ['nowhere', 'file'])
def test_a_directory_that_does_not_exist(tmp_path: Path, workers: str, name: str) -> None:
    (tmp_path / 'file').touch()
    p = pipeline(tmp_path / name, workers)
    p | Create([1]) | Map(lambda x: pytest.fail('it runs'))
    with pytest.raises(OptionsError, match=f'--temp_dir: there is no directory .*{name}'):
        p.run()


def test_a_directory_that_is_gone_when_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match=r'cannot make a directory for .*nowhere.*another place with --temp_dir'):
        os.fspath(RunFolder(str(tmp_path / 'nowhere')))


@pytest.mark.parametrize(('name', 'value'), [
    ('workers', -1), ('workers', 100_000), ('workers', '2'), ('workers', True), ('memory_budget', '4GB'),
    ('memory_budget', -1), ('bundle_size', 0), ('start_method', 'forkserver')])
def test_a_program_cannot_set_what_a_flag_could_not(name: str, value: Any) -> None:
    p = Pipeline(options=PipelineOptions([], **{name: value}))
    p | Create([1])
    with pytest.raises(OptionsError, match=rf'the option {name} must be .* got {value!r}'):
        p.run()


@pytest.mark.parametrize('flags', [['--workers=1025'], ['--workers=1025', '--streaming']])
def test_more_workers_than_any_machine_has_use_for(flags: list[str]) -> None:
    p = Pipeline(options=PipelineOptions(flags))
    p | Create([1]) | Map(lambda x: pytest.fail('it runs'))
    with pytest.raises(OptionsError, match=r'workers must be a whole number, at least 0 and at most 1024, .* got 1025'):
        p.run()


def test_slots_beyond_all_measure_do_not_make_more_partitions_than_there_are_groups_of_keys() -> None:
    assert Sizing(1_000_000).width(0) == MOST


@pytest.mark.parametrize('flags', [[], ['--streaming']])
def test_a_system_that_lets_no_more_workers_start(
        scratch: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    pipes = []

    def pipe(duplex: bool = True) -> Any:
        if len(pipes) == 3:
            raise OSError(errno.EMFILE, 'Too many open files')
        pipes.append(real(duplex))
        return pipes[-1]

    real = connection.Pipe
    monkeypatch.setattr(connection, 'Pipe', pipe)
    p = pipeline(scratch, '--workers=40', *flags)
    p | Create(range(100_000)) | Map(str)
    with pytest.raises(ExecutionError, match=r'cannot start 40 worker processes: Too many open files\. Ask for fewer '
                                             r'with --workers, or .* \(ulimit -a shows'):
        p.run()
    del pipes[:]


class Holding(Writer[Any]):
    """Prepares the elements themselves."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def write(self, values: Sequence[Any]) -> None:
        self.values += values

    def prepare(self) -> list[Any]:
        return self.values

    def abort(self) -> None: ...


@portable
@attrs.frozen
class Calling(Sink[Any]):
    """Calls its elements when they are committed."""

    def open(self, task: WriteTask) -> Writer[Any]:
        return Holding()

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        called.extend(value() for _, values in prepared for value in values)
        return ()


called: list[int] = []


@pytest.mark.parametrize('method', METHODS)
def test_what_is_prepared_may_be_anything_that_cloudpickle_takes(scratch: Path, method: str) -> None:
    called.clear()
    with pipeline(scratch, f'--start_method={method}') as p:
        p | Create([1, 2]) | Map(lambda x: lambda: x) | Write(Calling())
    assert sorted(called) == [1, 2]


class Numbered(Holding):
    """Prepares the number of its task; the last one of three fails."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def prepare(self) -> Any:
        if self.number == 2:
            raise ValueError('too late')
        return self.number


@portable
@attrs.frozen
class Aborting(Sink[Any]):
    """Remembers what was aborted."""

    shards = 3

    def open(self, task: WriteTask) -> Writer[Any]:
        return Numbered(task.shard)

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        raise AssertionError('a task failed')

    def abort(self, run: str, tokens: Sequence[Any]) -> None:
        aborted.extend(tokens)


aborted: list[int] = []


def test_what_was_prepared_before_a_later_task_failed_is_aborted(scratch: Path) -> None:
    aborted.clear()
    p = pipeline(scratch, '--workers=1')
    p | Create([1, 2, 3]) | Write(Aborting())
    with pytest.raises(ValueError, match='too late'):
        p.run()
    assert sorted(aborted) == [0, 1]


def deep(x: int) -> int:
    return deep(x)


@pytest.mark.parametrize('method', METHODS)
def test_a_recursion_that_is_too_deep_arrives_as_such(scratch: Path, method: str) -> None:
    p = pipeline(scratch, f'--start_method={method}')
    p | Create([7]) | 'Deep' >> Map(deep)
    with pytest.raises(RecursionError, match='maximum recursion depth') as caught:
        p.run()
    assert "in Map 'Deep'" in caught.value.__notes__[0]
    assert sum(entry.name == 'deep' for entry in caught.traceback) > 100


class Failing(Counting):
    """Fails in some place, once there are two workers."""

    def __init__(self, log: str, fails: str) -> None:
        super().__init__(log)
        self.fails = fails

    def process(self, element: Any, *args: Any, **kwargs: Any) -> Any:
        deadline = time.monotonic() + 60
        while Path(self.log).read_text().count('setup') < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.fails == 'process':
            raise ValueError('no')
        yield element

    def teardown(self) -> None:
        super().teardown()
        if self.fails == 'teardown':
            raise ValueError('no')


@pytest.mark.parametrize('fails', ['process', 'teardown'])
def test_all_workers_tear_down_if_one_fails(scratch: Path, tmp_path: Path, fails: str) -> None:
    log = tmp_path / 'log'
    p = pipeline(scratch)
    p | Create(range(9_000)) | 'Fail' >> ParDo(Failing(str(log), fails))
    with pytest.raises(ValueError, match='no'):
        p.run()
    words = [line.split()[1] for line in log.read_text().splitlines()]
    assert sorted(words) == ['setup', 'setup', 'teardown', 'teardown']


def test_what_workers_print_is_not_lost(tmp_path: Path) -> None:
    script = SCRIPT.replace(', flush=True', '')
    plain = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, env=plain)
    assert sorted(done.stdout.split()) == sorted(['script', 'sum', str(sum(range(1, 3001)))])


CELLS = ("""
import bourne as beam
from bourne.sdk.options import PipelineOptions

class Point:
    def __init__(self, x):
        self.x = x

offset = 1
""", """
class Move(beam.DoFn):
    def process(self, point):
        assert isinstance(point, Point)
        yield point.x % 5, Point(point.x + offset)
""", """
flags = ['--workers=2', '--memory_budget=100KB', f'--start_method={method}']
with beam.Pipeline(options=PipelineOptions(flags)) as p:
    (p | beam.Create(range(3000)) | beam.Map(Point) | beam.ParDo(Move()) | beam.GroupByKey()
     | beam.MapTuple(lambda key, points: f'{key} {sum(point.x for point in points)}\\n')
     | beam.Map(lambda line: print(line, end='')))
""")
NOTEBOOK = """
import asyncio, linecache, sys
cells, method = eval(sys.argv[1]), sys.argv[2]

async def kernel():
    for number, text in enumerate(cells):
        name = f'<cell {number}>'
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, 'exec'), sys.modules['__main__'].__dict__)

asyncio.run(kernel())
"""


@pytest.mark.parametrize('method', METHODS)
def test_a_notebook(tmp_path: Path, method: str) -> None:
    # What a kernel does: a main module without a file, that grows cell by cell, in a running event loop.
    done = subprocess.run([sys.executable, '-', repr(CELLS), method], input=NOTEBOOK, capture_output=True, text=True)
    assert done.stderr == ''
    sums = [sum(x + 1 for x in range(key, 3000, 5)) for key in range(5)]
    assert sorted(done.stdout.split('\n')) == ['', *(f'{key} {total}' for key, total in enumerate(sums))]
