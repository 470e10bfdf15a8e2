"""Workers that come and go while a pipeline runs: by Dask's chaos plugin, by scaling and by retiring."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed import Worker, get_worker, worker_client
from distributed.chaos import KillWorker

from bourne.io.textio import WriteToText
from bourne.runners.dask import DaskRunner
from bourne.runners.dask.cluster import _Cluster
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineState
from bourne.sdk.testing.pipeline import TestPipeline, running_on
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map
from tests.conformance import cases  # noqa: F401 - registers them
from tests.conformance.case import CASES
from tests.dask.faults import first, own_cluster, registered
from tests.dask.gates import Gate

SEED = int(os.environ.get('KILLING_SEED', '1'))
#: How many workers come in each mode of the plugin, at least: two, and others in place of those that ended.
WORKERS = 4
#: Seconds that a worker lives on average.
LIFE = 1.5


class SeededKillWorker(KillWorker):
    """Dask's plugin, whose workers live as long as a seed says.

    Args:
      mode: how workers end.
      marks: a directory, which gets a file for each worker that began.
    """

    name = 'seeded killing'

    def __init__(self, mode: str, marks: Path) -> None:
        super().__init__(LIFE, mode)
        self.marks = str(marks)

    async def setup(self, worker: Worker) -> None:
        random.seed(f'{SEED}/{worker.name}/{len(os.listdir(self.marks))}')
        Path(self.marks, str(os.getpid())).touch()
        await super().setup(worker)


@pytest.mark.parametrize('mode', ['sys.exit', 'graceful', 'segfault'])
def test_conformance_cases_while_workers_die(mode: str, tmp_path: Path) -> None:
    named = sorted(name for name, case in CASES.items() if not case.streams and case.raises is None)
    random.Random(f'{SEED}/{mode}').shuffle(named)
    # The cluster that the runner itself starts: of others, workers that leave by sys.exit take their nannies along.
    with own_cluster(configuration={'distributed.scheduler.allowed-failures': 1_000}, kind=_Cluster) as client, \
            registered(client, SeededKillWorker(mode, tmp_path)):
        for name in itertools.cycle(named):
            with running_on(DaskRunner(client=client), ('--bundle_size=3', *CASES[name].flags)):
                pipeline = TestPipeline()
            after = CASES[name].build(pipeline)
            result = pipeline.run()
            assert result.state == PipelineState.DONE, name
            if after is not None:
                after(result)
            if len(list(tmp_path.iterdir())) >= WORKERS:
                break


def test_a_worker_comes_and_one_is_retired(tmp_path: Path) -> None:
    at, on, busy = Gate(tmp_path, 'at'), Gate(tmp_path, 'on'), tmp_path / 'busy'
    with own_cluster() as client:
        retired = []

        def change() -> None:
            at.reached()
            try:
                other, = set(client.scheduler_info(n_workers=-1)['workers']) - {busy.read_text()}
                client.cluster.scale(3)
                client.wait_for_workers(3)
                client.retire_workers([other])
                retired.append(other)
            finally:
                on.opened()

        def stop(pair: Any) -> tuple[int, int]:
            if pair[0] == 3 and first(str(busy) + ' once'):
                busy.write_text(get_worker().address)
                at.opened()
                on.reached()
            return pair[0], sum(pair[1])

        changer = threading.Thread(target=change)
        changer.start()
        with TestPipeline(DaskRunner(client=client), PipelineOptions(['--bundle_size=100'])) as p:
            numbers = p | Create(range(8_000))
            sums = numbers | Map(lambda x: (x % 7, x)) | GroupByKey() | 'stop' >> Map(stop)
            assert_that(sums, equal_to([(key, sum(range(key, 8_000, 7))) for key in range(7)]))
            numbers | Reshuffle() | Map(str) | WriteToText(str(tmp_path / 'out' / 'part'))
        changer.join()
        assert len(retired) == 1
        assert retired[0] not in client.scheduler_info(n_workers=-1)['workers']
    written = [int(line) for path in (tmp_path / 'out').iterdir() for line in path.read_text().split()]
    assert sorted(written) == list(range(8_000))


def test_a_cluster_grows_and_shrinks_with_the_work(tmp_path: Path) -> None:
    def wait_for_another(x: int) -> int:
        """Waits until tasks run on two workers at the same time."""
        (tmp_path / str(get_worker().name)).touch()
        until(lambda: len(list(tmp_path.iterdir())) > 1)
        return x

    def wait_for_nobody(total: int) -> int:
        """Waits until this worker is the only one."""
        with worker_client() as client:
            until(lambda: len(client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.workers))) == 1)
        return total

    swift = {'distributed.adaptive.interval': '50ms', 'distributed.adaptive.target-duration': '1s'}
    with own_cluster(workers=1, configuration=swift) as client:
        flags = PipelineOptions(['--adapt=1:3', '--retries=3'])
        with TestPipeline(DaskRunner(cluster=client.cluster), flags) as p:
            numbers = p | Create(range(30)) | Reshuffle() | 'grow' >> Map(wait_for_another)
            total = numbers | CombineGlobally(sum) | 'shrink' >> Map(wait_for_nobody)
            assert_that(total, equal_to([sum(range(30))]))
    assert len(list(tmp_path.iterdir())) > 1


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, 'nothing changes'
        threading.Event().wait(0.02)
