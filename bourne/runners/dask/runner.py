"""The Dask runner: the engine with an executor on a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from bourne.engine.plan.compile import compile_plan
from bourne.engine.supported import check_supported
from bourne.errors import UnsupportedError
from bourne.runners.dask import code, exchanges
from bourne.runners.dask.batch import DaskResult, run_plan
from bourne.runners.dask.cluster import check_given, check_outlives, connected, is_there, joined
from bourne.runners.dask.jobs import DaskJob, hand_over, standings
from bourne.runners.dask.shuffle import check_available
from bourne.runners.dask.versions import check_versions
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.graph.nodes import Read
from bourne.sdk.options import (
    DaskOptions,
    LocalOptions,
    OptionsWarning,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
)
from bourne.sdk.runner import JobStatus, PipelineRunner

if TYPE_CHECKING:
    from distributed import Client


class DaskRunner(PipelineRunner):
    """Runs batch pipelines on a Dask cluster.

    ``run`` returns when the pipeline has ended; a failure is raised from it with its own type and traceback. With
    ``--detach`` it returns when the cluster has got the job.

    Args:
      client: a client of the cluster to use. By default it is that of ``--dask_scheduler``, else the one that is
        current in this process (``with Client(...):``), else a cluster is started on this machine for each run.
      cluster: a cluster of any kind (``LocalCluster``, ``KubeCluster``, one of dask-jobqueue, ...) to use instead.

    Raises:
      OptionsError: if what it is given is neither, or asynchronous.
    """

    def __init__(self, client: Any = None, cluster: Any = None) -> None:
        check_given(client, cluster)
        self._client = client
        self._cluster = cluster

    def run(self, graph: Graph, options: PipelineOptions) -> DaskResult | DaskJob:
        """See :meth:`bourne.sdk.runner.PipelineRunner.run`."""
        graph = isolate(graph)
        check_supported(graph)
        _check_batch(graph, options)
        dask = options.view_as(DaskOptions)
        for message in _idle(options.view_as(LocalOptions), dask, is_there(dask, self._client, self._cluster)):
            warnings.warn(message, OptionsWarning, stacklevel=3)
        plan = compile_plan(graph)
        if dask.detach:
            check_outlives(dask, self._client, self._cluster)
        with self._prepared(options) as client:
            if dask.detach:
                return hand_over(plan, client, options, lambda: self._joined(options))
            return run_plan(plan, client, options)

    @contextmanager
    def _prepared(self, options: PipelineOptions) -> Iterator[Client]:
        """A client of the cluster, on which everything is that the run needs."""
        dask, requirements = options.view_as(DaskOptions), options.view_as(SetupOptions).requirements_file
        with connected(dask, options.view_as(LocalOptions), self._client, self._cluster) as client:
            if requirements:
                code.install(client, requirements)
            check_versions(client, dask.same_version)
            if dask.exchange == exchanges.ONLY_P2P:
                check_available(client)
            code.upload(client, dask.upload)
            yield client

    def _joined(self, options: PipelineOptions) -> AbstractContextManager[Client]:
        return joined(options.view_as(DaskOptions), self._client, self._cluster)

    def jobs(self, options: PipelineOptions) -> Sequence[JobStatus]:
        """See :meth:`bourne.sdk.runner.PipelineRunner.jobs`."""
        with self._joined(options) as client:
            return standings(client)

    def job(self, job: str, options: PipelineOptions) -> DaskJob:
        """See :meth:`bourne.sdk.runner.PipelineRunner.job`."""
        found = DaskJob(job, lambda: self._joined(options))
        found.standing()
        return found

    def explain(self, graph: Graph, options: PipelineOptions) -> str:
        """How the input of each stage would come to its tasks."""
        plan = compile_plan(graph)
        found = exchanges.planned(plan, options.view_as(DaskOptions).exchange)
        lines = [f'  stage {number}: {found[stage.name]}' for number, stage in enumerate(plan.stages, 1)
                 if stage.name in found]
        return '\n'.join(['on Dask:', *lines, *([] if found else ['  nothing is exchanged by key'])]) + '\n'


def _idle(local: LocalOptions, dask: DaskOptions, there: bool) -> Iterator[str]:
    """What is to be said of options without effect.

    Args:
      local: some options.
      dask: the others.
      there: no cluster is started for the run.
    """
    if local.profile:
        yield '--profile has no effect on Dask, whose dashboard has a profile of the workers'
    if local.status:
        yield '--status has no effect on batch pipelines, which show their progress'
    if there:
        given = {'--workers': local.workers, '--memory_limit': dask.memory_limit, '--temp_dir': local.temp_dir}
        yield from (f'{name} has no effect on a Dask cluster that is there already; it is for one that is started for '
                    f'the run' for name, value in given.items() if value is not None)
    elif local.workers is not None and dask.adapt is not None:
        yield '--workers has no effect beside --adapt, which says how many workers there are'


def _check_batch(graph: Graph, options: PipelineOptions) -> None:
    unbounded = [transform for transform in graph.transforms
                 if isinstance(transform.payload, Read) and not transform.payload.source.bounded]
    if unbounded or options.view_as(StandardOptions).streaming:
        what = 'it reads ' + ', '.join(f'{one.label} ({one.location})' if one.location else one.label
                                       for one in unbounded) if unbounded else '--streaming asks for one'
        raise UnsupportedError(f'the Dask runner runs batch pipelines, and this is a stream: {what}. '
                               f'--runner=local runs streams, in processes of one machine with --workers')
