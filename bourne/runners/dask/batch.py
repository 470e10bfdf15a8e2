"""A run of a plan on a cluster, and what is known of it."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

from bourne.engine.driver import Driver
from bourne.engine.memory import default_budget
from bourne.engine.plan.explain import explain
from bourne.engine.plan.stage import Plan
from bourne.engine.sizing import Sizing
from bourne.engine.task import Run
from bourne.runners.common.progress import Cancelled, Progress
from bourne.runners.common.result import BlockingResult
from bourne.runners.dask import exchanges
from bourne.runners.dask.executor import DaskExecutor
from bourne.runners.dask.logs import shown
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import DaskOptions, LocalOptions, PipelineOptions
from bourne.sdk.runner import PipelineState

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger('bourne')

#: Tasks for each thread of the cluster in a stage, so that they end at about the same time although tasks differ.
TASKS_PER_THREAD = 2
#: About how many bytes a task should take, and at most which share of a worker's memory.
PORTION = 64 << 20
SHARE = 1 / 8
#: Bytes that a worker process takes before it has any data: the interpreter, Dask, bourne, pandas and pyarrow.
BASE = 200 << 20


class DaskResult(BlockingResult):
    """A run on a Dask cluster.

    Attributes:
      dashboard_link: the address of Dask's dashboard, while the cluster is there; ``None`` if it has none.
    """

    def __init__(self, plan: Plan, metrics: MetricsContainer, progress: Progress) -> None:
        super().__init__(metrics, progress)
        self.dashboard_link: str | None = None
        self._plan = plan
        self._executor: DaskExecutor | None = None

    def began(self, executor: DaskExecutor) -> None:
        """The run begins."""
        self._executor = executor
        self.dashboard_link = executor.client.dashboard_link or None

    @property
    def exchanges(self) -> Mapping[str, exchanges.Exchange]:
        """How the input of each stage came to its tasks, by the stage's name; those that have run."""
        return dict(self._executor.exchanges) if self._executor is not None else {}

    @property
    def tasks(self) -> Mapping[str, int]:
        """How many tasks Dask was given for each stage, by the stage's name."""
        return dict(self._executor.tasks) if self._executor is not None else {}

    def explain(self) -> str:
        """The plan, and how the input of each stage came to its tasks."""
        lines = [explain(self._plan).rstrip(), 'on Dask:']
        for number, stage in enumerate(self._plan.stages, 1):
            found = self.exchanges.get(stage.name)
            lines.append(f'  stage {number}: {found if found is not None else "reads a source"}; '
                         f'{self.tasks.get(stage.name, 0)} tasks in all')
        return '\n'.join(lines) + '\n'


def run_plan(plan: Plan, client: Client, options: PipelineOptions, run_id: str | None = None,
             watching: Progress | None = None, metrics: MetricsContainer | None = None) -> DaskResult:
    """Runs a plan to its end.

    Args:
      plan: the plan.
      client: a client of the cluster.
      options: the pipeline's options.
      run_id: identifies the run; by default a new one.
      watching: is told of the progress. By default progress is shown here, and so is what the tasks log.
      metrics: gets the run's metrics.
    """
    dask, local = options.view_as(DaskOptions), options.view_as(LocalOptions)
    threads, memory = means(client)
    if dask.adapt is not None:
        threads = max(threads, dask.adapt[1] * _threads_each(client, dask.threads_per_worker))
    executor = DaskExecutor(client, sizing(threads, memory, dask.task_size), dask.exchange, dask.retries, dask.upload)
    metrics = MetricsContainer() if metrics is None else metrics
    progress = watching or Progress(executor.memory)
    result = DaskResult(plan, metrics, progress)
    result.began(executor)
    run = Run(run_id or uuid.uuid4().hex[:12], local.bundle_size, _groups(local, memory), False,
              time.time_ns() // 1000)
    if result.dashboard_link and watching is None:
        logger.info('Dask dashboard: %s', result.dashboard_link)
    try:
        with progress, shown(client, run.id) if watching is None else nullcontext():
            Driver(plan, executor, run, progress, metrics).run()
    except Cancelled:
        result.finished(PipelineState.CANCELLED)
        return result
    except BaseException:
        result.finished(PipelineState.FAILED)
        raise
    result.finished(PipelineState.DONE)
    return result


def means(client: Client) -> tuple[int, int]:
    """How many threads the cluster has, and how many bytes of memory a thread has at least for data."""
    workers = client.scheduler_info(n_workers=-1)['workers'].values()
    threads = sum(worker['nthreads'] for worker in workers)
    memory = min((max(worker['memory_limit'] - BASE, worker['memory_limit'] // 4) // worker['nthreads']
                  for worker in workers if worker['memory_limit']), default=default_budget())
    return max(1, threads), memory


def _threads_each(client: Client, given: int | None) -> int:
    """How many threads a worker has, if there may be none yet of which it could be known."""
    workers = client.scheduler_info(n_workers=-1)['workers'].values()
    return max((int(worker['nthreads']) for worker in workers), default=given or 1)


def sizing(threads: int, memory: int, task_size: int | None = None) -> Sizing:
    """How work is cut for so many threads that have so many bytes each, unless it is said how much a task takes."""
    return Sizing(threads * TASKS_PER_THREAD, task_size or max(1 << 20, min(PORTION, int(memory * SHARE))))


def _groups(local: LocalOptions, memory: int) -> int:
    """How many bytes the groups of a task may take: the blocks that it reads and those that it makes need as many."""
    return (local.memory_budget or memory) // 4
