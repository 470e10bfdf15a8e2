"""What goes wrong in a pipeline arrives as what it is, with all that is known of it, and leaves no output."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from distributed.comm import CommClosedError
from distributed.shuffle._exceptions import P2POutOfDiskError

from bourne.errors import ExecutionError, OptionsError, PickleError, UnsupportedError
from bourne.io.textio import ReadAllFromText, WriteToText
from bourne.runners.dask import DaskRunner, versions, work
from bourne.runners.dask.batch import DaskResult
from bourne.runners.dask.blaming import ENDED, Blaming
from bourne.runners.dask.executor import DaskExecutor
from bourne.sdk.metrics import Metrics
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.source import Reader, Records, Source
from bourne.sdk.model.window import GlobalWindows
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineState
from bourne.sdk.testing.memory import MemorySource
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.collect import ToListCombineFn
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map, MapTuple, ParDo
from bourne.sdk.transforms.read import Read
from tests.clusters import client, shared_runner
from tests.dask.faults import first, own_cluster
from tests.dask.gates import Gate


class Mine(Exception):
    """An exception of the user."""


def pipeline(*flags: str) -> TestPipeline:
    return TestPipeline(shared_runner(), PipelineOptions(list(flags)))


class Flaky(DoFn):
    """Fails the first time it sees some element; counts what it sees."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)
        self.seen = Metrics.counter('test', 'seen')

    def process(self, element: int) -> Iterator[int]:
        self.seen.inc()
        if element == 700 and first(self.marker):
            raise Mine(f'cannot do {element}')
        yield element


def test_a_function_that_ends_an_iterator() -> None:
    p = pipeline()
    p | Create([1, 2]) | 'mine' >> Map(lambda x: next(iter(())))
    with pytest.raises(StopIteration) as caught:
        p.run()
    assert "in Map 'mine'" in caught.value.__notes__[0]


def test_a_flaky_function_with_retries(tmp_path: Path) -> None:
    with pipeline('--retries=1', '--bundle_size=100') as p:
        numbers = p | Create(range(1_000)) | 'flaky' >> ParDo(Flaky(tmp_path / 'failed'))
        numbers | Map(str) | WriteToText(str(tmp_path / 'out' / 'part'))
        assert_that(numbers, equal_to(list(range(1_000))))
    assert (tmp_path / 'failed').exists()
    seen, = p.result.metrics().query()['counters']
    assert (seen.attempted, seen.committed) == (1_000, 1_000)
    written = [int(line) for path in (tmp_path / 'out').iterdir() for line in path.read_text().split()]
    assert sorted(written) == list(range(1_000))


class Keeping(DoFn):
    """Emits what it has kept when a bundle ends."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def process(self, element: Any) -> None:
        self.kept.append(element)

    def finish_bundle(self) -> Iterator[Any]:
        kept, self.kept = self.kept, []
        for element in kept:
            yield GlobalWindows.windowed_value(element)


def test_another_attempt_finds_nothing_of_the_one_that_failed(tmp_path: Path) -> None:
    with pipeline('--retries=1', '--bundle_size=100') as p:
        numbers = p | Create(range(1_000))
        kept = numbers | 'keep' >> ParDo(Keeping())
        pairs = numbers | 'flaky' >> ParDo(Flaky(tmp_path / 'failed')) | Map(lambda number: (number % 2, 1))
        assert_that(kept, equal_to(list(range(1_000))), 'kept')
        assert_that(pairs | CombinePerKey(sum), equal_to([(0, 500), (1, 500)]), 'sums')
        assert_that(pairs | 'lists' >> CombinePerKey(ToListCombineFn()) | MapTuple(lambda key, ones: (key, len(ones))),
                    equal_to([(0, 500), (1, 500)]), 'lists')
    assert (tmp_path / 'failed').exists()
    assert p.result.metrics().elements('flaky') == {None: 1_000}


def test_a_flaky_function_without_retries(tmp_path: Path) -> None:
    p = pipeline()
    (p | Create(range(1_000)) | 'flaky' >> ParDo(Flaky(tmp_path / 'failed')) | Map(str)
     | WriteToText(str(tmp_path / 'out' / 'part')))
    with pytest.raises(Mine, match='cannot do 700') as caught:
        p.run()
    where, worker = caught.value.__notes__
    assert where.startswith(f"in ParDo 'flaky', applied at {__file__}:")
    assert where.endswith('\n  element: 700')
    assert worker.startswith('on the Dask worker tcp://')
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.name, last.line) == (__file__, 'process', "raise Mine(f'cannot do {element}')")
    assert list((tmp_path / 'out').iterdir()) == []


def test_a_later_stage_fails_and_no_file_is_left(tmp_path: Path) -> None:
    def fail(pair: Any) -> None:
        raise Mine(repr(pair[0]))

    p = pipeline()
    numbers = p | Create(range(1_000))
    numbers | 'text' >> Map(str) | WriteToText(str(tmp_path / 'out' / 'part'))
    numbers | Map(lambda x: (x % 3, x)) | GroupByKey() | 'fail' >> Map(fail)
    with pytest.raises(Mine):
        p.run()
    assert not (tmp_path / 'out').exists() or list((tmp_path / 'out').iterdir()) == []


def test_somebody_reads_what_was_committed(tmp_path: Path) -> None:
    with pipeline() as p:
        names = (p | Create(range(100)) | Reshuffle() | Map(str)
                 | WriteToText(str(tmp_path / 'out' / 'part'), num_shards=3))
        assert_that(names, equal_to([str(tmp_path / 'out' / f'part-0000{n}-of-00003') for n in range(3)]), 'names')
        lines = names | ReadAllFromText() | Map(int)
        assert_that(lines, equal_to(list(range(100))), 'lines')


class Endless(Source[int]):
    """A bounded source that does not end."""

    def splits(self, desired: int = 1) -> list[int]:
        return [0, 1]

    def open(self, split: int, position: Any = None) -> Reader[int]:
        return EndlessReader()


class EndlessReader(Reader[int]):
    position = None

    def poll(self, max_records: int = 1, max_bytes: int = 1) -> Records[int]:
        return Records([1])


def test_cancel_from_another_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Gate(tmp_path, 'at')
    results = []
    began = DaskResult.began

    def watched(self: DaskResult, executor: Any) -> None:
        began(self, executor)
        results.append(self)

    def cancel() -> None:
        at.reached()
        results[0].cancel()

    def reached(x: int) -> int:
        if first(at.path + ' passed'):
            at.opened()
        return x

    monkeypatch.setattr(DaskResult, 'began', watched)
    canceller = threading.Thread(target=cancel)
    canceller.start()
    p = pipeline()
    numbers = p | Create(range(4))
    numbers | 'text' >> Map(str) | WriteToText(str(tmp_path / 'out' / 'part'))
    (p | 'endless' >> Read(Endless()) | 'reached' >> Map(reached)
     | 'write' >> WriteToText(str(tmp_path / 'out' / 'endless')))
    result = p.run()
    canceller.join()
    assert result.state == results[0].cancel() == PipelineState.CANCELLED
    assert not (tmp_path / 'out').exists() or list((tmp_path / 'out').iterdir()) == []
    assert [keys for keys in client().processing().values() if keys] == []


def test_an_element_that_cannot_be_pickled() -> None:
    p = pipeline()
    p | Create(range(3)) | 'Lock' >> Map(lambda x: (x, threading.Lock())) | GroupByKey() | Map(print)
    with pytest.raises(ExecutionError, match=r'the element \(0, <unlocked _thread.lock .* cannot be pickled') as caught:
        p.run()
    assert "in Map 'Lock'" in caught.value.__notes__[0]


def test_a_function_that_cannot_be_pickled() -> None:
    lock = threading.Lock()
    p = pipeline()
    p | Create([1]) | 'Locked' >> Map(lambda x: lock.locked())
    with pytest.raises(PickleError, match='Locked'):
        p.run()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that this process has and workers have not, although it seems to be installed."""
    made = ModuleType('bourne_test_absent')
    exec('def double(x):\n    return 2 * x', made.__dict__)
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def test_a_module_that_workers_do_not_have(absent: ModuleType) -> None:
    p = pipeline()
    p | Create([1]) | 'Double' >> Map(absent.double)
    with pytest.raises(ExecutionError) as caught:
        p.run()
    text = str(caught.value)
    assert text.startswith("a Dask worker cannot load the pipeline's functions: No module named 'bourne_test_absent'.")
    assert '--upload' in text


def failure(fn: Callable[[int], Any], *flags: str) -> BaseException:
    """What a run raises whose function does."""
    p = pipeline(*flags)
    p | Create([1]) | 'mine' >> Map(fn)
    with pytest.raises(BaseException) as caught:
        p.run()
    assert len(client().scheduler_info(n_workers=-1)['workers']) == 2
    return caught.value


def raising(error: BaseException) -> Callable[[int], Any]:
    """A function that raises it."""
    def fail(x: int) -> None:
        raise error

    return fail


class Mute(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise AttributeError('no text')


@pytest.mark.parametrize('error', [
    ValueError('file a\udcff.txt'), Mine('long ' * 10_000), Mute(), StopIteration('no more'), KeyboardInterrupt('now'),
    asyncio.CancelledError('mine'), CommClosedError('another connection'), OSError('another disk'),
], ids=lambda error: type(error).__name__)
def test_any_exception_arrives_as_it_is(error: BaseException) -> None:
    found = failure(raising(error))
    assert type(found) is type(error)
    assert found.args == error.args
    assert found.__notes__[-1].startswith('on the Dask worker tcp://')
    assert found.__cause__ is None


def test_an_exception_that_cannot_be_pickled_keeps_its_text() -> None:
    def fail(x: int) -> None:
        raise Mine('locked', threading.Lock())

    found = failure(fail)
    assert type(found) is ExecutionError
    assert str(found).startswith('Mine, which cannot be sent from a worker, said:\nTraceback')


def test_what_would_end_a_worker_is_an_error() -> None:
    found = failure(raising(SystemExit(3)))
    assert type(found) is ExecutionError
    assert str(found).startswith('a function of the pipeline raised SystemExit(3)')


def test_the_cause_of_an_exception_arrives() -> None:
    def fail(x: int) -> None:
        raise Mine('second') from StopIteration('first')

    found = failure(fail)
    assert repr(found) == "Mine('second')"
    assert repr(found.__cause__) == "StopIteration('first')"


def test_a_teardown_that_ends_an_iterator_fails_the_run() -> None:
    class Ending(DoFn):
        def process(self, x: int) -> None:
            pass

        def teardown(self) -> None:
            raise StopIteration('torn')

    p = pipeline()
    p | Create([1]) | ParDo(Ending())
    with pytest.raises(StopIteration, match='torn'):
        p.run()


def test_tasks_that_somebody_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = DaskExecutor._next

    def cancel(self: DaskExecutor, *given: Any) -> Any:
        client().cancel(self._running, reason='no-longer-needed')
        return waiting(self, *given)

    monkeypatch.setattr(DaskExecutor, '_next', cancel)
    found = failure(str)
    assert type(found) is ExecutionError
    said, _, ended = str(found).rpartition('; ')
    address = client().scheduler.address
    assert said.startswith(f'somebody cancelled tasks of the run on the Dask cluster at {address}, or restarted it (')
    assert 'cancelled for reason: no-longer-needed' in said
    assert ended == ENDED


def test_an_error_of_dasks_own_is_not_taken_for_a_lost_connection() -> None:
    blaming = Blaming(client())
    assert str(blaming.of_error(P2POutOfDiskError())).startswith(
        'Dask could not run a task of the pipeline: P2POutOfDiskError: P2P ran out of available disk space')
    assert str(blaming.of_error(CommClosedError('gone'))) == (
        f'the connection to the Dask scheduler at {client().scheduler.address} is lost; {ENDED}')


def test_a_task_that_was_not_wanted_for_a_while_is_run_again(tmp_path: Path) -> None:
    with own_cluster(workers=1, processes=False) as client, pytest.MonkeyPatch.context() as patch:
        wanted = work._Wanted.__call__

        def forgotten(self: Any, *given: Any) -> None:
            if first(tmp_path / 'given up'):  # as if the task were cancelled, and wanted again a moment later
                raise work.Unwanted
            wanted(self, *given)

        patch.setattr(work._Wanted, '__call__', forgotten)
        with TestPipeline(DaskRunner(client=client)) as p:
            assert_that(p | Create([1, 2]) | Map(str), equal_to(['1', '2']))
    assert (tmp_path / 'given up').exists()


def test_streams_are_refused() -> None:
    p = pipeline()
    p | 'Endless' >> Read(MemorySource([])) | Map(str)
    with pytest.raises(UnsupportedError, match=r'runs batch pipelines, and this is a stream: it reads Endless \('):
        p.run()
    p = pipeline('--streaming')
    p | Create([1])
    with pytest.raises(UnsupportedError, match='this is a stream: --streaming asks for one'):
        p.run()


def test_other_versions_are_told_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client

    address, other = client().scheduler_info(n_workers=-1)['workers']
    run = Client.run

    def answers(self: Client, function: Callable[[], Any], *more: Any, **named: Any) -> Any:
        found = run(self, function, *more, **named)
        if function.__name__ == 'look':
            found[address].update(bourne=None, dask='1999.1.0', python='2.7')
            found[other] = OSError('lost meanwhile')
        return found

    monkeypatch.setattr(Client, 'run', answers)
    monkeypatch.setattr(versions, '_checked', WeakKeyDictionary())
    p = pipeline()
    p | Create([1])
    with pytest.raises(UnsupportedError) as caught:
        p.run()
    lines = str(caught.value).split('\n')
    assert lines[0] == 'the Dask cluster has other versions than this process:'
    assert [line.partition(', here is ')[0] for line in lines[1:]] == [
        f'  - worker {address} has {what}' for what in ('dask 1999.1.0', 'no bourne', 'python 2.7')]


def test_a_package_that_must_be_the_same_everywhere() -> None:
    with pipeline('--same_version=pytest') as p:
        p | Create([1])


def test_requirements_are_installed_by_dasks_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from distributed import Client

    registered = []
    monkeypatch.setattr(Client, 'register_plugin', lambda self, plugin: registered.append(plugin))
    file = tmp_path / 'requirements.txt'
    file.write_text('# what it needs\nfirst==1.0\n\nsecond>=2  # or later\n')
    with pipeline(f'--requirements_file={file}') as p:
        p | Create([1])
    plugin, = registered
    assert type(plugin).__name__ == 'PipInstall'
    assert plugin._install_fn.packages == file.read_text().splitlines()  # pip reads them
    p = pipeline(f'--requirements_file={tmp_path / "nothing"}')
    p | Create([1])
    with pytest.raises(OptionsError, match=r'--requirements_file=.*nothing: No such file'):
        p.run()
