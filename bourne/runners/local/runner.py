"""The local runner: the engine with an executor on this machine."""

from __future__ import annotations

import os
import time
import uuid
import warnings
from contextlib import suppress
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from bourne.engine.driver import Driver
from bourne.engine.memory import default_budget
from bourne.engine.plan.compile import compile_plan
from bourne.engine.supported import check_supported
from bourne.engine.task import Run
from bourne.errors import OptionsError
from bourne.runners.common.collector import relaxed_collector
from bourne.runners.common.progress import Cancelled, Progress
from bourne.runners.common.result import BlockingResult
from bourne.runners.common.spawning import MOST_WORKERS
from bourne.runners.local.inline import InlineExecutor
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.graph.nodes import Read
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import LocalOptions, OptionsWarning, PipelineOptions, StandardOptions
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState

if TYPE_CHECKING:
    from bourne.runners.local.processes import ProcessExecutor
    from bourne.sdk.model.profile import Profile

#: What runs with worker processes need; imported only for them.
PROCESSES = 'bourne.runners.local.processes'
#: What profiles need; imported only for runs with ``--profile``.
PROFILING = 'bourne.runners.local.profiling'
#: What streams need; imported only for them.
STREAMING = 'bourne.runners.local.streaming'


class LocalResult(BlockingResult):
    """A run of the local runner.

    Args:
      metrics: where the run's metrics are collected.
      progress: its observer.
      profile: where its samples are collected, if it is profiled.
    """

    def __init__(self, metrics: MetricsContainer, progress: Progress, profile: Profile | None = None) -> None:
        super().__init__(metrics, progress)
        self._profile = profile

    def profile(self) -> Profile | None:
        return self._profile


class LocalRunner(PipelineRunner):
    """Runs pipelines on this machine: in the calling process, or in worker processes with ``--workers``.

    ``run`` returns when a batch pipeline, or a stream of bounded data, has ended; a failure is raised from it with its
    own type and traceback. An endless stream goes on in a thread.
    """

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        """See :meth:`bourne.sdk.runner.PipelineRunner.run`."""
        local = options.view_as(LocalOptions)
        check_options(local)
        graph = isolate(graph)
        check_supported(graph)
        if is_stream(graph, options):
            if local.profile:
                warnings.warn('--profile has no effect on streams; it profiles batch pipelines', OptionsWarning,
                              stacklevel=3)
            streaming: Any = import_module(STREAMING)
            return streaming.run_stream(graph, options, means(local).workers)  # type: ignore[no-any-return]
        if local.status:
            warnings.warn('--status has no effect on batch pipelines, which show their progress; it shows how a stream '
                          'stands', OptionsWarning, stacklevel=3)
        return self._run_batch(graph, local)

    @staticmethod
    def _run_batch(graph: Graph, local: LocalOptions) -> LocalResult:
        metrics = MetricsContainer()
        profiling: Any = import_module(PROFILING) if local.profile else None
        profile = profiling.Profile() if profiling else None
        allowed = means(local)
        executor = _executor(local, allowed, profile)
        progress = Progress(executor.memory)
        result = LocalResult(metrics, progress, profile)
        run = Run(uuid.uuid4().hex[:12], local.bundle_size, allowed.groups, local.profile,
                  time.time_ns() // 1000)
        driver = Driver(compile_plan(graph), executor, run, progress, metrics)
        start = time.monotonic()
        try:
            with progress, relaxed_collector():
                driver.run()
        except Cancelled:
            result.finished(PipelineState.CANCELLED)
            return result
        except BaseException:
            result.finished(PipelineState.FAILED)
            raise
        finally:
            if profile is not None:
                profile.elapsed = time.monotonic() - start
                profile.processes = allowed.workers
                profiling.show(profile)
        result.finished(PipelineState.DONE)
        return result


def is_stream(graph: Graph, options: PipelineOptions) -> bool:
    """True if a pipeline runs as a stream: because it was asked for, or because some of its data has no end."""
    return bool(options.view_as(StandardOptions).streaming) or any(
        isinstance(transform.payload, Read) and not transform.payload.source.bounded for transform in graph.transforms)


def check_options(options: LocalOptions) -> None:
    """Refuses what no run can do: values that a program set, since flags were checked when they were read, and a
    directory that would be missed only when there is something to be put into it.

    Raises:
      OptionsError: names option and value.
    """
    for name, least, most in (('workers', 0, MOST_WORKERS), ('memory_budget', 0, inf), ('bundle_size', 1, inf)):
        value = getattr(options, name)
        if value is not None and (type(value) is not int or not least <= value <= most):
            at_most = f' and at most {most}' if most < inf else ''
            raise OptionsError(f'the option {name} must be a whole number, at least {least}{at_most}, or None; '
                               f'got {value!r} ({type(value).__name__})')
    if options.start_method not in (None, 'fork', 'spawn'):
        raise OptionsError(f"the option start_method must be 'fork', 'spawn' or None; got {options.start_method!r}")
    place = options.temp_dir
    if place and not (os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)):
        what = 'nothing can be written into' if os.path.isdir(place) else 'there is no directory'
        raise OptionsError(f'--temp_dir: {what} {place!r}; data that has no place in memory is to be kept '
                           'there')


class Means(NamedTuple):
    """What a run may use of the machine.

    Attributes:
      workers: how many processes run tasks; 1 is the calling process itself.
      blocks: how many bytes the blocks between stages may take: half of the budget.
      groups: how many bytes the groups of one task may take, so that all workers together take the other half.
    """

    workers: int
    blocks: int
    groups: int


def means(options: LocalOptions) -> Means:
    """What the options allow, or else the machine."""
    workers = 1 if options.workers is None else options.workers or cores()
    half = (default_budget() if options.memory_budget is None else options.memory_budget) // 2
    return Means(workers, half, half // workers)


def _executor(options: LocalOptions, allowed: Means, profile: Profile | None) -> InlineExecutor | ProcessExecutor:
    """Where the options want tasks to run."""
    if allowed.workers == 1:
        return InlineExecutor(allowed.blocks, options.temp_dir, profile)
    processes: Any = import_module(PROCESSES)
    made: ProcessExecutor = processes.ProcessExecutor(allowed.workers, options.start_method, options.temp_dir,
                                                      allowed.blocks, profile)
    return made


def cores() -> int:
    """How many cores this process may use: those it may run on, or fewer if its container has a smaller share."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    with suppress(OSError, ValueError), open('/sys/fs/cgroup/cpu.max', encoding='utf-8') as file:
        quota, period = map(int, file.read().split())  # without a limit the first one is a word
        count = min(count, max(1, quota // period))
    return count
