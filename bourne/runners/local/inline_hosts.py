"""A single host in the calling process: streams inline. A debugger sees everything."""

from __future__ import annotations

import select
from collections.abc import Mapping, Sequence
from typing import Any

from bourne.engine.plan.stage import Plan
from bourne.engine.stream.host import Host, Order, Report, Splits
from bourne.engine.stream.status import StageReport
from bourne.engine.task import Run
from bourne.runners.local.bell import Bell
from bourne.sdk.model.metric import MetricsContainer


class InlineHosts:
    """Runs a stream where it is called. See :class:`bourne.engine.stream.driver.Hosts`."""

    count = 1

    def __init__(self) -> None:
        self._host: Host | None = None
        # So that one wait hears both the sources and wake().
        self._bell = Bell()

    def open(self, plan: Plan, run: Run, splits: Sequence[Splits]) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        self._host = Host(plan, run, 0, 1, splits[0])
        self._host.open()

    def run(self, orders: Sequence[Order]) -> list[Report]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        assert self._host is not None
        return [self._host.run(orders[0])]

    def prepare(self) -> list[Mapping[str, list[tuple[int, Any]]]]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        assert self._host is not None
        return [self._host.prepare()]

    def metrics(self) -> list[MetricsContainer]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        assert self._host is not None
        return [self._host.metrics()]

    def status(self) -> list[list[StageReport]]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        assert self._host is not None
        return [self._host.status()]

    def sleep(self, seconds: float | None) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        assert self._host is not None
        select.select([self._bell.fileno(), *self._host.filenos()], [], [], seconds)
        self._bell.hush()

    def wake(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        self._bell.ring()

    def kill(self) -> None:
        """Does nothing: a thread cannot be ended from outside."""

    def close(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        host, self._host = self._host, None
        self._bell.close()
        if host is not None:
            host.close()
