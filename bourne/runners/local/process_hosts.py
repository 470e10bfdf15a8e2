"""The hosts of a stream in worker processes. The coordinator sends one command to each for an epoch.

Elements travel from host to host (``mesh.py``); what comes here are reports. A host that dies ends the stream: its
state is gone. (Going on from a checkpoint is planned.)
"""

from __future__ import annotations

import atexit
import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
import cloudpickle

from bourne.engine.plan.stage import Plan
from bourne.engine.stream.host import Order, Report, Splits
from bourne.engine.stream.status import StageReport
from bourne.engine.task import Run
from bourne.errors import ExecutionError
from bourne.runners.common.failures import unpack
from bourne.runners.local.bell import Bell
from bourne.runners.local.host_worker import serve
from bourne.runners.local.starting import cause_of_death, start_process, starting
from bourne.sdk.model.coders import registry
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.value_provider import RuntimeValueProvider

#: Seconds that a host has to tear its functions down before it is killed.
PATIENCE = 5.0


@attrs.define(eq=False)
class _Worker:
    """A host's process, as the coordinator sees it."""

    number: int
    process: Any
    pipe: Any


class ProcessHosts:
    """Runs a stream in worker processes. See :class:`bourne.engine.stream.driver.Hosts`.

    Args:
      workers: how many.
      start_method: ``fork`` or ``spawn``; by default ``fork`` where the system has it.
    """

    def __init__(self, workers: int, start_method: str | None = None) -> None:
        self.count = workers
        self._start_method = start_method or ('fork' if sys.platform == 'linux' else 'spawn')
        self._workers: list[_Worker] = []
        self._bell = Bell()

    def open(self, plan: Plan, run: Run, splits: Sequence[Splits]) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        # A program may end while its stream goes on. The hosts do not listen to SIGTERM, by which multiprocess would
        # end them then.
        atexit.register(self.kill)
        with starting(self.count):
            self._start(plan, run, splits)
        self._all('open')

    def _start(self, plan: Plan, run: Run, splits: Sequence[Splits]) -> None:
        """Starts the processes, with a pipe to each and one between any two of them."""
        from multiprocess import get_context

        context = get_context(self._start_method)
        mesh: list[dict[int, Any]] = [{} for _ in range(self.count)]
        for one in range(self.count):
            for other in range(one):
                mesh[one][other], mesh[other][one] = context.Pipe()
        controls = [context.Pipe() for _ in range(self.count)]
        ends = [pipe for pipes in mesh for pipe in pipes.values()] + [pipe for pair in controls for pipe in pair]
        for number in range(self.count):
            ours, theirs = controls[number]
            kept = {id(pipe) for pipe in (theirs, *mesh[number].values())}
            others = [pipe for pipe in ends if id(pipe) not in kept] if self._start_method == 'fork' else []
            setting = cloudpickle.dumps((plan, run, splits[number], RuntimeValueProvider.current(),
                                         registry.get_custom_type_coder_tuples()), protocol=5)
            process = start_process(context, serve, (theirs, mesh[number], others, setting, number, self.count))
            self._workers.append(_Worker(number, process, ours))
        for pipes in mesh:
            for pipe in pipes.values():
                pipe.close()
        for _, theirs in controls:
            theirs.close()

    def run(self, orders: Sequence[Order]) -> list[Report]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        for worker, order in zip(self._workers, orders, strict=True):
            self._send(worker, 'run', order)
        return self._answers('run')

    def prepare(self) -> list[Mapping[str, list[tuple[int, Any]]]]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        return self._all('prepare')

    def metrics(self) -> list[MetricsContainer]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        return self._all('metrics')

    def status(self) -> list[list[StageReport]]:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        return self._all('status')

    def sleep(self, seconds: float | None) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        from multiprocess.connection import wait

        for worker in self._workers:
            self._send(worker, 'watch')
        wait([self._bell, *(worker.pipe for worker in self._workers)], seconds)
        self._bell.hush()
        for worker in self._workers:
            self._send(worker, 'enough')
        self._answers('watch')

    def wake(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        self._bell.ring()

    def kill(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        for worker in list(self._workers):
            with suppress(ValueError):  # it is closed already
                worker.process.kill()

    def close(self) -> None:
        """See :class:`bourne.engine.stream.driver.Hosts`."""
        self._bell.close()
        try:
            if self._workers:
                self._close_all()
        finally:
            self._abandon()
            atexit.unregister(self.kill)

    def _all(self, command: str) -> list[Any]:
        """Sends a command to all hosts; returns their answers."""
        for worker in self._workers:
            self._send(worker, command)
        return self._answers(command)

    def _send(self, worker: _Worker, *message: Any) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # dead: the missing answer tells
            worker.pipe.send_bytes(cloudpickle.dumps(message, protocol=5))

    def _answers(self, command: str) -> list[Any]:
        """The answer of every host to a command.

        Raises:
          Exception: what made one fail, as soon as it is known: the others may wait for that one for ever.
          ExecutionError: if one is dead.
        """
        from multiprocess.connection import wait

        answers: dict[int, Any] = {}
        waiting = {worker.pipe: worker for worker in self._workers}
        while waiting:
            for pipe in wait(list(waiting)):
                worker = waiting.pop(pipe)
                try:
                    kind, answered, message = pickle.loads(pipe.recv_bytes())
                except (EOFError, OSError):
                    raise self._dead(worker) from None
                if kind == 'failed':
                    raise unpack(message)
                assert answered == command
                answers[worker.number] = message
        return [answers[number] for number in range(self.count)]

    def _close_all(self) -> None:
        """Has the hosts tear their functions down, also those that have failed, or have not answered something yet.

        Raises:
          Exception: the first failure of a teardown.
        """
        from multiprocess.connection import wait

        failures = []
        deadline = time.monotonic() + PATIENCE
        for worker in self._workers:
            self._send(worker, 'close')
        waiting = [worker.pipe for worker in self._workers]
        while waiting and (ready := wait(waiting, max(0.0, deadline - time.monotonic()))):
            for pipe in ready:
                try:
                    kind, answered, message = pickle.loads(pipe.recv_bytes())
                except (EOFError, OSError):
                    waiting.remove(pipe)
                    continue
                if answered == 'close':
                    waiting.remove(pipe)
                    if kind == 'failed':
                        failures.append(unpack(message))
        if failures:
            raise failures[0]

    def _dead(self, worker: _Worker) -> ExecutionError:
        worker.process.join()
        code = worker.process.exitcode
        return ExecutionError(
            f'the worker process of partition {worker.number} of {self.count} {cause_of_death(code)}. Its state is '
            f'gone, and a stream cannot go on without it: bourne does not write checkpoints yet')

    def _abandon(self) -> None:
        """Ends all processes that have not ended themselves."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.kill()
        while self._workers:
            worker = self._workers.pop()
            worker.process.join()
            worker.process.close()
