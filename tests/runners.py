"""Runners for tests: the engine with the plan, the bundles and the number of partitions that a test wants."""

from __future__ import annotations

import uuid

import attrs

from bourne.engine.driver import Driver
from bourne.engine.plan.compile import Pass, compile_plan
from bourne.engine.supported import check_supported
from bourne.engine.task import Run
from bourne.runners.local.inline import InlineExecutor
from bourne.runners.local.progress import Progress
from bourne.runners.local.runner import LocalResult
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import LocalOptions, PipelineOptions
from bourne.sdk.runner import PipelineRunner, PipelineState


@attrs.frozen
class EngineRunner(PipelineRunner):
    """Runs inline, as the local runner does.

    Attributes:
      skip: optional passes that are left out of the plan.
      slots: into how many tasks each stage is cut.
      bundle_size: the most elements of a bundle; by default what the options say.
      memory: bytes that blocks may take before they go to disk, and that a task's groups may take.
    """

    skip: frozenset[Pass] = frozenset()
    slots: int = 1
    bundle_size: int | None = None
    memory: int = 1 << 30

    def run(self, graph: Graph, options: PipelineOptions) -> LocalResult:
        graph = isolate(graph)
        check_supported(graph)
        executor = InlineExecutor(self.memory)
        executor.slots = self.slots  # type: ignore[misc]
        metrics = MetricsContainer()
        progress = Progress()
        result = LocalResult(metrics, progress)
        size = self.bundle_size or options.view_as(LocalOptions).bundle_size
        run = Run(uuid.uuid4().hex, size, self.memory)
        with progress:
            Driver(compile_plan(graph, self.skip), executor, run, progress, metrics).run()
        result.finished(PipelineState.DONE)
        return result
