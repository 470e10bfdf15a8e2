"""A single host in the calling process: streams inline. A debugger sees everything."""

from __future__ import annotations

import os
import select
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bourne.engine.plan.stage import Plan
from bourne.engine.stream.host import Host, Order, Report, Splits
from bourne.engine.stream.status import StageReport
from bourne.engine.task import Run
from bourne.sdk.model.metric import MetricsContainer


class InlineHosts:
    """Runs a stream where it is called. See :class:`bourne.engine.stream.driver.Hosts`."""

    count = 1

    def __init__(self) -> None:
        self._host: Host | None = None
        # A pipe, so that one wait hears both the sources and wake(). Its ends are closed with the host.
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._mouth, False)

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
        select.select([self._ear, *self._host.filenos()], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._ear, 4096)

    def wake(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        with suppress(OSError):  # full: it will wake anyway; closed: it is over
            os.write(self._mouth, b'.')

    def kill(self) -> None:
        """Does nothing: a thread cannot be ended from outside."""

    def close(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        host, self._host = self._host, None
        if self._mouth >= 0:
            os.close(self._ear)
            os.close(self._mouth)
            self._ear = self._mouth = -1
        if host is not None:
            host.close()
