"""Workers that are killed, whatever they do, change nothing: results are exactly right, and written once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from bourne.engine.sizing import Sizing
from bourne.io.textio import ReadFromText, WriteToText
from bourne.runners.common.progress import Progress
from bourne.runners.dask import DaskRunner
from bourne.runners.dask.executor import DaskExecutor
from bourne.sdk.metrics import Metrics
from bourne.sdk.model.coders import VarIntCoder
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.state import ReadModifyWriteStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.model.window import GLOBAL_WINDOW
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineResult
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.sideinput import AsSingleton
from tests.dask.faults import KillAt, kill_once, own_cluster, registered

COUNT = 3_000
KEYS = 7
SUMS = {key: sum(range(key, COUNT, KEYS)) for key in range(KEYS)}


@pytest.fixture(scope='module')
def mortals() -> Iterator[Client]:
    """A cluster whose workers are killed."""
    with own_cluster() as client:
        yield client


@pytest.fixture(autouse=True)
def small_data_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tasks a stage, however few the elements are."""
    monkeypatch.setattr('bourne.runners.dask.batch.sizing', lambda *means: Sizing(4))
    monkeypatch.setattr('bourne.io.splitting.SMALLEST', 1)


class Summing(CombineFn):
    """A sum whose worker is killed in one of its methods."""

    def __init__(self, marker: str, point: str) -> None:
        self.marker = marker
        self.point = point

    def _reached(self, point: str) -> None:
        if point == self.point:
            kill_once(self.marker)

    def create_accumulator(self) -> int:
        return 0

    def add_input(self, mutable_accumulator: int, element: int) -> int:
        self._reached('pre-combining')
        return mutable_accumulator + element

    def merge_accumulators(self, accumulators: Any) -> int:
        self._reached('combining')
        return sum(accumulators)

    def extract_output(self, accumulator: int) -> int:
        return accumulator


class Counting(DoFn):
    """Counts what it sees, and passes it on; the worker may be killed when everything is prepared."""

    def __init__(self, marker: str, point: str) -> None:
        self.marker = marker
        self.point = point
        self.seen = Metrics.counter('test', 'seen')

    def process(self, element: Any, finalizer: Any = DoFn.BundleFinalizerParam) -> Iterator[Any]:
        self.seen.inc()
        if self.point == 'prepared':
            finalizer.register(lambda: kill_once(self.marker))
        yield element


class Last(DoFn):
    """Adds up the values of a key in state, and emits the sum once; the worker may be killed with the timer set."""

    TOTAL = ReadModifyWriteStateSpec('total', VarIntCoder())
    END = TimerSpec('end', TimeDomain.WATERMARK)

    def __init__(self, marker: str, point: str) -> None:
        self.marker = marker
        self.point = point

    def process(self, element: Any, total: Any = DoFn.StateParam(TOTAL), end: Any = DoFn.TimerParam(END)) -> None:
        total.write((total.read() or 0) + element[1])
        end.set(GLOBAL_WINDOW.max_timestamp())
        if self.point == 'state':
            kill_once(self.marker)

    @on_timer(END)
    def ended(self, key: Any = DoFn.KeyParam, total: Any = DoFn.StateParam(TOTAL)) -> Iterator[tuple[int, int]]:
        if self.point == 'timer':
            kill_once(self.marker)
        yield key, total.read()


POINTS = ('reading', 'grouping', 'pre-combining', 'combining', 'side input', 'state', 'timer', 'writing', 'prepared')


def run(client: Client, folder: Path, point: str = '', *flags: str) -> PipelineResult:
    """Runs every kind of stage, and checks all that is made.

    Args:
      client: a client of the cluster.
      folder: an empty one.
      point: where a worker is killed, once.
      flags: options.
    """
    marker = str(folder / 'killed')

    def reached(here: str, element: Any) -> Any:
        if here == point:
            kill_once(marker)
        return element

    for part in range(4):
        (folder / f'data-{part}').write_text(''.join(f'{number}\n' for number in range(part, COUNT, 4)))
    options = PipelineOptions(['--bundle_size=500', *flags])
    with TestPipeline(DaskRunner(client=client), options) as p:
        numbers = p | ReadFromText(str(folder / 'data-*')) | 'int' >> Map(lambda line: reached('reading', int(line)))
        pairs = numbers | 'key' >> Map(lambda x: (x % KEYS, x))
        total = numbers | CombineGlobally(sum)
        groups = (pairs | GroupByKey()
                  | 'group' >> Map(lambda pair: reached('grouping', (pair[0], sum(pair[1]))))
                  | 'side' >> Map(lambda pair, total: reached('side input', (*pair, total)), AsSingleton(total)))
        assert_that(groups, equal_to([(key, value, sum(range(COUNT))) for key, value in SUMS.items()]), 'groups')
        sums = pairs | CombinePerKey(Summing(marker, point))
        assert_that(sums, equal_to(list(SUMS.items())), 'sums')
        assert_that(pairs | 'state' >> ParDo(Last(marker, point)), equal_to(list(SUMS.items())), 'states')
        (numbers | Reshuffle() | 'str' >> Map(lambda x: reached('writing', str(x)))
         | 'count' >> ParDo(Counting(marker, point)) | WriteToText(str(folder / 'out' / 'part')))
    check_files(folder / 'out')
    assert all(number >= 4 for name, number in p.result.tasks.items() if '/Once' not in name), p.result.tasks
    seen, = p.result.metrics().query()['counters']
    assert seen.committed == COUNT
    return p.result


def check_files(out: Path) -> None:
    """Everything is there, once, and nothing else."""
    files = list(out.iterdir())
    assert all(path.name.startswith('part-') for path in files)
    assert sorted(int(line) for path in files for line in path.read_text().split()) == list(range(COUNT))


@pytest.mark.parametrize('point', POINTS)
def test_a_worker_is_killed_in_a_stage(mortals: Client, tmp_path: Path, point: str) -> None:
    run(mortals, tmp_path, point)
    assert (tmp_path / 'killed').exists()


@pytest.mark.parametrize(('exchange', 'task', 'state'), [
    ('tasks', ': pick', 'executing'), ('tasks', ': pick', 'memory'),
    ('p2p', ': send', 'executing'), ('p2p', ': send', 'memory'),
    ('p2p', ': receive', 'executing'), ('p2p', ': receive', 'memory'),
    ('auto', ': side input', 'memory'), ('auto', ': result', 'executing'),
])
def test_a_worker_is_killed_in_an_exchange(mortals: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           exchange: str, task: str, state: str) -> None:
    if exchange != 'auto':
        monkeypatch.setattr('bourne.runners.dask.exchanges.WHOLE_MOST', 0)
    with registered(mortals, KillAt(task, state, tmp_path / 'killed')):
        result = run(mortals, tmp_path, '', f'--exchange={exchange}')
    assert (tmp_path / 'killed').exists()
    kinds = {used.kind for used in result.exchanges.values()}
    assert {'tasks': 'picked tasks', 'p2p': 'P2P shuffle', 'auto': 'whole'}[exchange] in kinds


def test_who_holds_finished_outputs_is_killed_between_two_stages(mortals: Client, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    processes = mortals.run(os.getpid)
    stage_done = Progress.stage_done
    killed = []

    def kill_holder(self: Progress, stage: Any) -> None:
        stage_done(self, stage)
        holders = [worker for key, workers in mortals.who_has().items() for worker in workers
                   if stage.name.startswith('ReadFromText') and stage.name.split()[0] in str(key)]
        if holders and not killed:
            killed.append(holders[0])
            os.kill(processes[holders[0]], signal.SIGKILL)

    monkeypatch.setattr(Progress, 'stage_done', kill_holder)
    run(mortals, tmp_path)
    assert killed


def test_who_has_an_answer_is_killed_before_it_is_fetched(mortals: Client, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    processes = mortals.run(os.getpid)
    ended = DaskExecutor._next
    lost = []

    def kill_holder(self: DaskExecutor, *given: Any) -> list[Any]:
        batch = ended(self, *given)
        if not lost:
            lost.append(batch[0].key)
            holder, *_ = mortals.who_has([batch[0]])[batch[0].key]
            os.kill(processes[holder], signal.SIGKILL)
            deadline = time.monotonic() + 30
            while batch[0].status == 'finished' and time.monotonic() < deadline:
                threading.Event().wait(0.001)
            assert batch[0].status == 'lost'
        return batch

    monkeypatch.setattr(DaskExecutor, '_next', kill_holder)
    run(mortals, tmp_path)
    assert lost
