"""The Dask runner: the engine with an executor on a Dask cluster."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from distributed import Client

from bourne.engine.driver import Driver
from bourne.engine.memory import default_budget
from bourne.engine.plan.compile import compile_plan
from bourne.engine.plan.explain import explain
from bourne.engine.plan.stage import Plan
from bourne.engine.sizing import Sizing
from bourne.engine.supported import check_supported
from bourne.engine.task import Run
from bourne.errors import UnsupportedError
from bourne.runners.common.progress import Cancelled, Progress
from bourne.runners.dask import code, exchanges
from bourne.runners.dask.cluster import connected
from bourne.runners.dask.executor import DaskExecutor
from bourne.runners.dask.logs import shown
from bourne.runners.dask.shuffle import check_available
from bourne.runners.dask.versions import check_versions
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.graph.nodes import Read
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import DaskOptions, LocalOptions, PipelineOptions, SetupOptions, StandardOptions
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState

logger = logging.getLogger('bourne')

#: Tasks for each thread of the cluster in a stage, so that they end at about the same time although tasks differ.
TASKS_PER_THREAD = 2
#: About how many bytes a task should take, and at most which share of a worker's memory.
PORTION = 64 << 20
SHARE = 1 / 8


class DaskResult(PipelineResult):
    """A run on a Dask cluster.

    Attributes:
      dashboard_link: the address of Dask's dashboard, while the cluster is there; ``None`` if it has none.
    """

    def __init__(self, plan: Plan, metrics: MetricsContainer, progress: Progress) -> None:
        self.dashboard_link: str | None = None
        self._plan = plan
        self._metrics = metrics
        self._progress = progress
        self._state = PipelineState.RUNNING
        self._executor: DaskExecutor | None = None

    @property
    def state(self) -> str:
        return self._state

    def began(self, executor: DaskExecutor) -> None:
        """The run begins."""
        self._executor = executor
        self.dashboard_link = executor.client.dashboard_link or None

    def finished(self, state: str) -> None:
        """Sets the state that the run ended in."""
        self._state = state

    def wait_until_finish(self, duration: float | None = None) -> str:
        return self._state

    def cancel(self) -> str:
        """Ends the run; for use from another thread, since a run blocks the one that started it."""
        if not PipelineState.is_terminal(self._state):
            self._progress.cancelled = True
        return self._state

    def metrics(self) -> MetricResults:
        return MetricResults(self._metrics)

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

    def __repr__(self) -> str:
        return f'<DaskResult {self._state}>'


class DaskRunner(PipelineRunner):
    """Runs batch pipelines on a Dask cluster.

    ``run`` returns when the pipeline has ended; a failure is raised from it with its own type and traceback.

    Args:
      client: a client of the cluster to use. By default it is that of ``--dask_scheduler``, else the one that is
        current in this process (``with Client(...):``), else a cluster is started on this machine for each run.
      cluster: a cluster of any kind (``LocalCluster``, ``KubeCluster``, one of dask-jobqueue, ...) to use instead.
    """

    def __init__(self, client: Any = None, cluster: Any = None) -> None:
        self._client = client
        self._cluster = cluster

    def run(self, graph: Graph, options: PipelineOptions) -> DaskResult:
        """See :meth:`bourne.sdk.runner.PipelineRunner.run`."""
        graph = isolate(graph)
        check_supported(graph)
        _check_batch(graph, options)
        dask, local = options.view_as(DaskOptions), options.view_as(LocalOptions)
        if dask.exchange == exchanges.ONLY_P2P:
            check_available()
        plan = compile_plan(graph)
        with connected(dask, local, self._client, self._cluster) as client:
            code.upload(client, dask.upload)
            requirements = options.view_as(SetupOptions).requirements_file
            if requirements:
                code.install(client, requirements)
            check_versions(client, dask.same_version)
            return run_plan(plan, client, options)


def run_plan(plan: Plan, client: Client, options: PipelineOptions, run_id: str | None = None) -> DaskResult:
    """Runs a plan to its end.

    Args:
      plan: the plan.
      client: a client of the cluster.
      options: the pipeline's options.
      run_id: identifies the run; by default a new one.
    """
    dask, local = options.view_as(DaskOptions), options.view_as(LocalOptions)
    threads, memory = means(client)
    executor = DaskExecutor(client, sizing(threads, memory), dask.exchange, dask.retries, dask.upload)
    metrics = MetricsContainer()
    progress = Progress(executor.memory)
    result = DaskResult(plan, metrics, progress)
    result.began(executor)
    run = Run(run_id or uuid.uuid4().hex[:12], local.bundle_size, _groups(local, memory), False,
              time.time_ns() // 1000)
    if result.dashboard_link:
        logger.info('Dask dashboard: %s', result.dashboard_link)
    try:
        with progress, shown(client, run.id) if not client.asynchronous else nullcontext():
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
    """How many threads the cluster has, and how many bytes of memory a thread has at least."""
    workers = client.scheduler_info(n_workers=-1)['workers'].values()
    threads = sum(worker['nthreads'] for worker in workers)
    memory = min((worker['memory_limit'] // worker['nthreads'] for worker in workers if worker['memory_limit']),
                 default=default_budget())
    return max(1, threads), memory


def sizing(threads: int, memory: int) -> Sizing:
    """How work is cut for so many threads that have so many bytes each."""
    return Sizing(threads * TASKS_PER_THREAD, max(1 << 20, min(PORTION, int(memory * SHARE))))


def _groups(local: LocalOptions, memory: int) -> int:
    """How many bytes the groups of a task may take: the blocks that it reads and those that it makes need as many."""
    return (local.memory_budget or memory) // 4


def _check_batch(graph: Graph, options: PipelineOptions) -> None:
    unbounded = [transform for transform in graph.transforms
                 if isinstance(transform.payload, Read) and not transform.payload.source.bounded]
    if unbounded or options.view_as(StandardOptions).streaming:
        what = 'it reads ' + ', '.join(f'{one.label} ({one.location})' if one.location else one.label
                                       for one in unbounded) if unbounded else '--streaming asks for one'
        raise UnsupportedError(f'the Dask runner runs batch pipelines, and this is a stream: {what}. '
                               f'--runner=local runs streams, in processes of one machine with --workers')
