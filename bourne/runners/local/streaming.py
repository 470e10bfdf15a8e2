"""Streams of the local runner: the stream's driver, in the calling thread or in one of its own.

A stream over bounded data ends by itself, and is run where it is started, so that a debugger works and an exception
comes out of ``run``. An endless one gets a thread, and ``run`` returns.
"""

from __future__ import annotations

import threading
import time
import uuid

from bourne.engine.plan.compile import compile_plan
from bourne.engine.plan.stage import Plan
from bourne.engine.stream.driver import Hosts, StreamDriver, clock_of
from bourne.engine.stream.status import StreamStatus
from bourne.engine.task import Run
from bourne.runners.local.collector import relaxed_collector
from bourne.runners.local.inline_hosts import InlineHosts
from bourne.runners.local.process_hosts import ProcessHosts
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Read
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.clock import Clock, VirtualClock
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import LocalOptions, PipelineOptions, TestOptions
from bourne.sdk.runner import PipelineResult, PipelineState

#: Seconds between two looks of a waiting main thread for an interrupt.
PATIENCE = 0.2


class Cancelled(BaseException):
    """The stream was cancelled; not an error of any user function, so that none catches it."""


class StreamResult(PipelineResult):
    """A running stream."""

    def __init__(self, metrics: MetricsContainer) -> None:
        self._metrics = metrics
        self._state = PipelineState.RUNNING
        self._error: BaseException | None = None
        self._status: StreamStatus | None = None
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._cancelled = False
        self._driver: StreamDriver | None = None

    @property
    def state(self) -> str:
        return self._state

    def wait_until_finish(self, duration: float | None = None) -> str:
        """See :meth:`bourne.sdk.runner.PipelineResult.wait_until_finish`; an interrupt cancels the stream."""
        deadline = None if duration is None else time.monotonic() + duration / 1000
        try:
            while not self._ended.wait(PATIENCE if deadline is None else min(PATIENCE, deadline - time.monotonic())):
                if deadline is not None and time.monotonic() >= deadline:
                    return self._state
        except KeyboardInterrupt:
            self.cancel()
            self._ended.wait()
            raise
        if self._error is not None:
            raise self._error
        return self._state

    def cancel(self) -> str:
        """Ends the stream after the epoch at hand. What was not committed is not written."""
        self._cancelled = True
        if self._driver is not None and not self._ended.is_set():
            self._driver.ask()
        return self._state

    def drain(self) -> str:
        """Has the sources stop; everything that waits is emitted and committed, then the stream ends."""
        if self._driver is not None and not self._ended.is_set():
            self._driver.drain()
        return self._state

    def status(self) -> StreamStatus | None:
        """How the stream stands: for each stage watermarks, what holds them, counts, state and backlog.

        Blocks until the epoch at hand is over. ``None`` if the stream has ended without ever being asked.
        """
        if self._driver is not None and not self._ended.is_set():
            with self._news:
                before = self._status
                self._driver.ask()
                self._news.wait_for(lambda: self._status is not before or self._ended.is_set())
        return self._status

    def metrics(self) -> MetricResults:
        return MetricResults(self._metrics)

    def __repr__(self) -> str:
        return f'<StreamResult {self._state}>'

    # For the driver.

    def epoch_done(self, now: int) -> bool:
        """See :class:`bourne.engine.stream.driver.Observer`."""
        if self._cancelled:
            raise Cancelled
        return False

    def stands(self, status: StreamStatus) -> None:
        """See :class:`bourne.engine.stream.driver.Observer`."""
        with self._news:
            self._status = status
            self._news.notify_all()

    def run(self, driver: StreamDriver) -> None:
        """Runs the stream to its end."""
        self._driver = driver
        try:
            with relaxed_collector():
                driver.run()
            self._state = PipelineState.DONE
        except Cancelled:
            self._state = PipelineState.CANCELLED
        except BaseException as error:
            self._state = PipelineState.FAILED
            self._error = error
        finally:
            self._ended.set()
            with self._news:
                self._news.notify_all()


def run_stream(graph: Graph, options: PipelineOptions, workers: int) -> StreamResult:
    """Runs a graph as a stream.

    Args:
      graph: the graph, with functions that nobody else uses.
      options: the pipeline's.
      workers: in how many processes; 1 is the calling one.
    """
    local = options.view_as(LocalOptions)
    plan = compile_plan(graph, streaming=True)
    metrics = MetricsContainer()
    result = StreamResult(metrics)
    clock: Clock | None = VirtualClock() if options.view_as(TestOptions).virtual_clock else None
    hosts: Hosts = InlineHosts() if workers == 1 else ProcessHosts(workers, local.start_method)
    run = Run(uuid.uuid4().hex[:12], local.bundle_size)
    driver = StreamDriver(plan, hosts, run, result, metrics, clock)
    if ends(plan):
        result.run(driver)
        result.wait_until_finish()
    else:
        threading.Thread(target=result.run, args=(driver,), name=f'bourne stream {run.id}', daemon=True).start()
    return result


def ends(plan: Plan) -> bool:
    """True if all data ends, that of a script for tests included."""
    return clock_of(plan) is not None or all(
        op.payload.source.bounded for op in plan.ops if isinstance(op.payload, Read))


