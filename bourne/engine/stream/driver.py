"""The driver of a stream: performs the coordinator's commands with hosts. It decides nothing.

It owns the clock, keeps what sinks have prepared until it is committed, and is the one place where output is committed.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from bourne.engine.ends import check_ends
from bourne.engine.plan.stage import Op, Plan
from bourne.engine.sizing import Sizing
from bourne.engine.stream.coordinator import (
    Command,
    Commit,
    Committed,
    Coordinator,
    Drain,
    Event,
    Finish,
    HostDone,
    Prepare,
    Prepared,
    RunEpoch,
    Wait,
    Woken,
)
from bourne.engine.stream.host import Order, Report, Splits
from bourne.engine.stream.status import StageReport, Statuses
from bourne.engine.task import Run
from bourne.sdk.graph.nodes import MAIN, Read, Write
from bourne.sdk.model.clock import Clock, WallClock
from bourne.sdk.model.metric import MetricsContainer, elements_name
from bourne.sdk.model.status import StreamStatus

#: Microseconds of processing time between two reports of metrics.
METRICS_EVERY = 1_000_000
#: Bytes of a source with an end that one host reads.
LITTLE = 1 << 20

Token = tuple[int, Any]


class Hosts(Protocol):
    """Where the stage instances live: in the calling process, in worker processes, on a cluster."""

    @property
    def count(self) -> int:
        """How many hosts there are."""

    def open(self, plan: Plan, run: Run, splits: Sequence[Splits]) -> None:
        """Starts the hosts.

        Args:
          plan: the plan.
          run: what the whole run has in common.
          splits: what each host reads.
        """

    def run(self, orders: Sequence[Order]) -> list[Report]:
        """Runs an epoch in all hosts, each by its order.

        Raises:
          Exception: what made it fail.
        """

    def prepare(self) -> list[Mapping[str, list[Token]]]:
        """Has all hosts' sinks prepare that get no more."""

    def metrics(self) -> list[MetricsContainer]:
        """What each host has counted and measured since this was asked last."""

    def status(self) -> list[list[StageReport]]:
        """How each stage stands in each host."""

    def sleep(self, seconds: float | None) -> None:
        """Waits so long (``None``: for ever), but no longer than until a source has data or :meth:`wake` is called."""

    def wake(self) -> None:
        """Ends a :meth:`sleep`; may be called from any thread, also before it begins."""

    def kill(self) -> None:
        """Ends what the hosts do at once, as far as that is possible; may be called from any thread.

        Whoever waits for them gets an error.
        """

    def close(self) -> None:
        """Ends the hosts; user functions are torn down. May be called at any time.

        Raises:
          Exception: the first failure of a teardown.
        """


class Cancelled(BaseException):
    """The stream was cancelled; not an error of any user function, so that none catches it."""


class Observer(Protocol):
    """Is told how a stream goes on."""

    def stands(self, status: StreamStatus) -> None:
        """How the stages stand: after :meth:`StreamDriver.ask`, and before the stream ends well or is cancelled."""


class StreamDriver:
    """Runs a plan as a stream, until all sources have ended or it is drained.

    Args:
      plan: the plan.
      hosts: where it runs.
      run: what the whole run has in common.
      observer: is told of the progress.
      metrics: gets the metrics.
      clock: the processing time; by default the machine's clock, or that of a source that has one.
    """

    def __init__(self, plan: Plan, hosts: Hosts, run: Run, observer: Observer, metrics: MetricsContainer,
                 clock: Clock | None = None) -> None:
        self.plan = plan
        self.hosts = hosts
        self.run_info = run
        self.observer = observer
        self.metrics = metrics
        self.clock = clock_of(plan) or clock or WallClock()
        self._sinks: dict[str, Op] = {op.label: op for op in plan.ops if isinstance(op.payload, Write)}
        self._prepared: dict[str, list[Token]] = {}
        self._results: dict[str, Sequence[Any]] = {}
        self._drain = False
        self._cancel = False
        self._asked = False
        self._next_metrics = 0
        self._number = self._now = 0
        self._splits: Sequence[Splits] = ()
        self._statuses: Statuses | None = None

    def drain(self) -> None:
        """Has the sources stop and everything be emitted; from any thread."""
        self._drain = True
        self.hosts.wake()

    def cancel(self) -> None:
        """Ends the stream when the epoch at hand is over, unless it has all been committed; from any thread.

        :meth:`run` raises :class:`Cancelled`.
        """
        self._cancel = True
        self.hosts.wake()

    def ask(self) -> None:
        """Has the observer be told how the stages stand, soon; from any thread."""
        self._asked = True
        self.hosts.wake()

    def run(self) -> None:
        """Runs to the end.

        Raises:
          Cancelled: if it was.
          Exception: what made it fail; nothing that was not committed before is left.
        """
        try:
            check_ends(self.plan)
            self._splits = deal(self.plan, self.hosts.count)
            self.hosts.open(self.plan, self.run_info, self._splits)
            self._loop()
            self.hosts.close()
        except BaseException:
            with suppress(Exception):
                self.hosts.close()
            self._abort()
            raise
        finally:
            for op in self._sinks.values():
                with suppress(Exception):  # what was committed stays committed, and a failure keeps its reason
                    op.sink.cleanup(self.run_info.id)

    def _loop(self) -> None:
        read = [label for label, op in self._sinks.items() if MAIN in op.outputs]
        coordinator = Coordinator(self.hosts.count, list(self._sinks), read)
        commands = deque(coordinator.start())
        drained = False
        while commands:
            command = commands.popleft()
            if self._cancel and not isinstance(command, (Commit, Finish)):
                self._tell()
                raise Cancelled
            for event in self._perform(command):
                commands.extend(coordinator.handle(event))
            if self._drain and not drained:
                drained = True
                commands.extend(coordinator.handle(Drain()))

    def _perform(self, command: Command) -> Sequence[Event]:
        match command:
            case RunEpoch(number=number, drain=drain):
                return self._epoch(number, drain)
            case Wait(until=until):
                self.clock.wait(until, self.hosts.sleep)
                return [Woken()]
            case Prepare():
                found = self.hosts.prepare()
                for tokens in found:
                    for label, made in tokens.items():
                        self._prepared.setdefault(label, []).extend(made)
                return [Prepared(host, list(tokens)) for host, tokens in enumerate(found)]
            case Commit(labels=labels):
                for label in labels:
                    self._commit(label)
                return [Committed(labels)]
            case Finish():
                self._collect()
                self._tell()
        return []

    def _epoch(self, number: int, drain: bool) -> Sequence[Event]:
        self._number = number
        now = self._now = self.clock.now(number)
        if self._statuses is None:
            self._statuses = Statuses(self.plan, now, partial(sizes, self.plan, self._splits))
        results, self._results = self._results, {}
        ended = dict.fromkeys(results, ())
        reports = self.hosts.run([Order(number, now, drain, ended if host else results)
                                  for host in range(self.hosts.count)])
        if now >= self._next_metrics:
            self._next_metrics = now + METRICS_EVERY
            self._collect()
        if self._asked:
            self._asked = False
            self._tell()
        return [HostDone(host, *report) for host, report in enumerate(reports)]

    def _tell(self) -> None:
        if self._statuses is not None:
            self.observer.stands(self._statuses.make(self._number, self._now, self.hosts.status()))

    def _collect(self) -> None:
        for found in self.hosts.metrics():
            self.metrics.merge(found)

    def _commit(self, label: str) -> None:
        op = self._sinks[label]
        prepared = sorted(self._prepared.get(label, []), key=lambda item: item[0])
        values = list(op.sink.commit(self.run_info.id, prepared))
        self._prepared.pop(label, None)
        if MAIN in op.outputs:
            self._results[op.outputs[MAIN]] = values
            self.metrics.counter(label, elements_name()).update(len(values))

    def _abort(self) -> None:
        for label, prepared in self._prepared.items():
            with suppress(Exception):  # what made the run fail is what is raised; and the other sinks have their turn
                self._sinks[label].sink.abort(self.run_info.id, [token for _, token in prepared])


def deal(plan: Plan, hosts: int) -> list[Splits]:
    """Deals out the splits of every source, in contiguous runs of about equal length: what each host reads.

    Little data that has an end is read by one host, so that its elements come in their order.
    """
    sizing = Sizing(hosts, sys.maxsize, LITTLE)
    dealt: list[dict[str, Sequence[tuple[Any, Any]]]] = [{} for _ in range(hosts)]
    for op in plan.ops:
        if isinstance(op.payload, Read):
            found = sizing.splits(op.source)[0] if op.source.bounded else op.source.splits(hosts)
            splits = [(split, None) for split in found]
            for host, mine in enumerate(dealt):
                mine[op.label] = splits[len(splits) * host // hosts:len(splits) * (host + 1) // hosts]
    return list(dealt)


def sizes(plan: Plan, splits: Sequence[Splits]) -> list[int | None]:
    """The size of every split of all sources in bytes, as far as it is cheap to know."""
    return [op.source.size(split) for op in plan.ops if isinstance(op.payload, Read)
            for mine in splits for split, _ in mine[op.label]]


def clock_of(plan: Plan) -> Clock | None:
    """The clock that a source of the plan has, if one has."""
    return next((clock for op in plan.ops if isinstance(op.payload, Read)
                 if (clock := op.source.clock) is not None), None)
