"""Streams of the local runner: the stream's driver, in the calling thread or in one of its own.

A stream over bounded data ends by itself, and is run where it is started, so that a debugger works and an exception
comes out of ``run``. An endless one gets a thread, and ``run`` returns.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from bourne.engine.plan.compile import compile_plan
from bourne.engine.plan.stage import Plan
from bourne.engine.stream.driver import Hosts, StreamDriver, clock_of
from bourne.engine.task import Run
from bourne.runners.common.collector import relaxed_collector
from bourne.runners.local.inline_hosts import InlineHosts
from bourne.runners.local.process_hosts import ProcessHosts
from bourne.runners.local.status_table import Watcher, choose
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Read
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.clock import Clock, VirtualClock
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.model.status import StreamStatus
from bourne.sdk.options import LocalOptions, PipelineOptions, TestOptions
from bourne.sdk.runner import PipelineResult, PipelineState
from bourne.sdk.value_provider import RuntimeValueProvider

logger = logging.getLogger('bourne')

#: Seconds between two looks of a waiting main thread for an interrupt.
PATIENCE = 0.2
#: Seconds that an interrupted stream gets for the epoch at hand and for teardowns, before its workers are killed.
GRACE = 0.5


class StreamResult(PipelineResult):
    """A running stream. All methods may be called from any thread.

    Args:
      metrics: where the run's metrics are collected.
    """

    def __init__(self, metrics: MetricsContainer) -> None:
        self._metrics = metrics
        self._state = PipelineState.RUNNING
        self._error: BaseException | None = None
        self._trace: TracebackType | None = None
        self._status: StreamStatus | None = None
        self._news = threading.Condition()
        self._ended = threading.Event()
        self._cancelled = False
        self._waiting = 0
        self._driver: StreamDriver | None = None
        self._watcher: Watcher | None = None

    @property
    def state(self) -> str:
        return self._state

    def wait_until_finish(self, duration: float | None = None) -> str:
        """See :meth:`bourne.sdk.runner.PipelineResult.wait_until_finish`.

        An interrupt meanwhile cancels the stream. In the main thread SIGTERM drains it, unless the program handles that
        signal itself.
        """
        deadline = None if duration is None else time.monotonic() + duration / 1000
        self._waiting += 1
        try:
            with self._draining_on_sigterm():
                while not self._ended.wait(_patience(deadline)):
                    if deadline is not None and time.monotonic() >= deadline:
                        return self._state
        except KeyboardInterrupt:
            self._interrupt()
            raise
        finally:
            self._waiting -= 1
        if self._watcher is not None:
            self._watcher.join()
        if self._error is not None:
            # Not once more with the frames of everybody who waited before.
            raise self._error.with_traceback(self._trace)
        return self._state

    def cancel(self) -> str:
        """Ends the stream after the epoch at hand. What was not committed is not written."""
        self._cancelled = True
        if self._driver is not None:
            self._driver.cancel()
        return self._state

    def drain(self) -> str:
        """See :meth:`bourne.sdk.runner.PipelineResult.drain`. A stream that has ended stays as it is."""
        if self._driver is not None and not self._ended.is_set():
            self._driver.drain()
        return self._state

    def status(self) -> StreamStatus | None:
        """See :meth:`bourne.sdk.runner.PipelineResult.status`.

        Blocks until the epoch at hand is over. When the stream has ended it is how it stood then.
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

    def _interrupt(self) -> None:
        self.cancel()
        if not self._ended.wait(GRACE) and self._driver is not None:
            self._driver.hosts.kill()
            self._ended.wait(GRACE)
        if self._watcher is not None:
            self._watcher.join(GRACE)

    @contextmanager
    def _draining_on_sigterm(self) -> Iterator[None]:
        """Has SIGTERM drain the stream; the second one ends the process, as it does without anybody's handler."""
        alone = threading.current_thread() is threading.main_thread()
        if not alone or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield
            return

        def handle(number: int, frame: Any) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            logger.info('the stream is drained, since SIGTERM came; another one ends it at once')
            self.drain()

        signal.signal(signal.SIGTERM, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def show(self, finite: bool, table: bool) -> None:
        """Has the user see how the stream stands until it ends.

        Args:
          finite: it ends by itself.
          table: the user asked for all that is known of it. If not, a finite one that takes longer shows its progress.
        """
        display = choose(finite, table)
        if display is not None:
            self._watcher = Watcher(display, self._ended, self.status)
            self._watcher.start()

    # For the driver.

    def stands(self, status: StreamStatus) -> None:
        """See :class:`bourne.engine.stream.driver.Observer`."""
        with self._news:
            self._status = status
            self._news.notify_all()

    def start(self, driver: StreamDriver, name: str) -> None:
        """Runs the stream in a thread of its own."""
        self._drive(driver)
        options = RuntimeValueProvider.current()

        def run() -> None:
            RuntimeValueProvider.keep_in_thread(options)
            self.run(driver)

        threading.Thread(target=run, name=name, daemon=True).start()

    def run(self, driver: StreamDriver) -> None:
        """Runs the stream to its end."""
        self._drive(driver)
        try:
            with relaxed_collector():
                driver.run()
            self._state = PipelineState.DONE
        except BaseException as error:
            self._fail(error)
        finally:
            self._ended.set()
            with self._news:
                self._news.notify_all()

    def _drive(self, driver: StreamDriver) -> None:
        self._driver = driver
        if self._cancelled:  # before there was a driver
            driver.cancel()

    def _fail(self, error: BaseException) -> None:
        # The workers of a stream that is cancelled may be killed: that they are gone is no failure.
        if self._cancelled:
            self._state = PipelineState.CANCELLED
            return
        interrupted = isinstance(error, KeyboardInterrupt)
        self._state = PipelineState.CANCELLED if interrupted else PipelineState.FAILED
        self._error, self._trace = error, error.__traceback__
        if not self._waiting and threading.current_thread() is not threading.main_thread():
            logger.error('a stream has failed, and wait_until_finish will raise the error: %s: %s',
                         type(error).__name__, error)


def _patience(deadline: float | None) -> float:
    return PATIENCE if deadline is None else max(0.0, min(PATIENCE, deadline - time.monotonic()))


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
    finite = ends(plan)
    result.show(finite, local.status)
    if finite:
        result.run(driver)
        result.wait_until_finish()
    else:
        result.start(driver, f'bourne stream {run.id}')
    return result


def ends(plan: Plan) -> bool:
    """True if all data ends, that of a script for tests included."""
    return clock_of(plan) is not None or all(
        op.payload.source.bounded for op in plan.ops if isinstance(op.payload, Read))
