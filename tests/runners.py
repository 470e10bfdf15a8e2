"""Runners for tests: the engine with the plan, the bundles and the number of partitions that a test wants."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

import attrs
import cloudpickle

from bourne.engine.driver import Driver
from bourne.engine.plan.compile import Pass, compile_plan
from bourne.engine.plan.stage import Plan
from bourne.engine.sizing import Sizing
from bourne.engine.stream.driver import StreamDriver
from bourne.engine.stream.host import Host, Order, Parcel, Report, Splits
from bourne.engine.stream.status import StageReport
from bourne.engine.supported import check_supported
from bourne.engine.task import Run
from bourne.runners.common.progress import Progress
from bourne.runners.local.inline import InlineExecutor
from bourne.runners.local.inline_hosts import InlineHosts
from bourne.runners.local.runner import LocalResult
from bourne.runners.local.streaming import StreamResult
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.model.clock import VirtualClock
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import LocalOptions, PipelineOptions
from bourne.sdk.runner import PipelineRunner, PipelineState


@attrs.frozen
class EngineRunner(PipelineRunner):
    """Runs inline, as the local runner does.

    Attributes:
      skip: optional passes that are left out of the plan.
      slots: into how many tasks each stage is cut.
      portion: about how many bytes a task takes, if the number of tasks follows from the size of the data.
      bundle_size: the most elements of a bundle; by default what the options say.
      memory: bytes that blocks may take before they go to disk, and that a task's groups may take.
    """

    skip: frozenset[Pass] = frozenset()
    slots: int = 1
    portion: int | None = None
    bundle_size: int | None = None
    memory: int = 1 << 30

    def run(self, graph: Graph, options: PipelineOptions) -> LocalResult:
        graph = isolate(graph)
        check_supported(graph)
        executor = InlineExecutor(self.memory)
        executor.sizing = Sizing(self.slots, self.portion)
        metrics = MetricsContainer()
        progress = Progress()
        result = LocalResult(metrics, progress)
        size = self.bundle_size or options.view_as(LocalOptions).bundle_size
        run = Run(uuid.uuid4().hex, size, self.memory)
        with progress:
            Driver(compile_plan(graph, self.skip), executor, run, progress, metrics).run()
        result.finished(PipelineState.DONE)
        return result


class _Mailbox:
    """Parcels between hosts of one process. See :class:`bourne.engine.stream.host.Links`."""

    def __init__(self, number: int, boxes: dict[tuple[int, int], SimpleQueue[Parcel]]) -> None:
        self._number = number
        self._boxes = boxes

    def send(self, host: int, parcel: Parcel) -> None:
        self._boxes[self._number, host].put(pickle.loads(pickle.dumps(parcel)))

    def receive(self, host: int) -> Parcel:
        # A host that has failed sends nothing any more.
        return self._boxes[host, self._number].get(timeout=20)


class _ThreadHosts(InlineHosts):
    """Several hosts in one process, each in a thread while it runs an epoch."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count  # type: ignore[misc]
        self._hosts: list[Host] = []

    def open(self, plan: Plan, run: Run, splits: Sequence[Splits]) -> None:
        boxes: dict[tuple[int, int], SimpleQueue[Parcel]] = {
            (one, other): SimpleQueue() for one in range(self.count) for other in range(self.count)}
        for number in range(self.count):
            # Each host has functions of its own, as in a process of its own.
            own, its_run, its_splits = cloudpickle.loads(cloudpickle.dumps((plan, run, splits[number])))
            self._hosts.append(Host(own, its_run, number, self.count, its_splits, _Mailbox(number, boxes)))
        for host in self._hosts:
            host.open()

    def run(self, orders: Sequence[Order]) -> list[Report]:
        with ThreadPoolExecutor(self.count) as pool:
            futures = [pool.submit(host.run, order) for host, order in zip(self._hosts, orders, strict=True)]
            failures = [error for future in futures if (error := future.exception()) is not None]
            if failures:  # the others fail for lack of parcels
                raise next((error for error in failures if not isinstance(error, Empty)), failures[0])
            return [future.result() for future in futures]

    def prepare(self) -> list[Mapping[str, list[tuple[int, Any]]]]:
        return [host.prepare() for host in self._hosts]

    def metrics(self) -> list[MetricsContainer]:
        return [host.metrics() for host in self._hosts]

    def status(self) -> list[list[StageReport]]:
        return [host.status() for host in self._hosts]

    def sleep(self, seconds: float | None) -> None:
        raise AssertionError('tests own the clock')

    def close(self) -> None:
        super().close()
        while self._hosts:
            self._hosts.pop().close()


@attrs.frozen
class StreamRunner(PipelineRunner):
    """Runs bounded data as a stream in several hosts of this process, by a virtual clock.

    Attributes:
      hosts: how many there are.
      bundle_size: the most records that a host reads in an epoch.
    """

    hosts: int = 2
    bundle_size: int | None = None

    def run(self, graph: Graph, options: PipelineOptions) -> StreamResult:
        graph = isolate(graph)
        check_supported(graph)
        metrics = MetricsContainer()
        result = StreamResult(metrics)
        run = Run(uuid.uuid4().hex, self.bundle_size or options.view_as(LocalOptions).bundle_size)
        driver = StreamDriver(compile_plan(graph, streaming=True), _ThreadHosts(self.hosts), run, result, metrics,
                              VirtualClock())
        result.run(driver)
        result.wait_until_finish()
        return result
