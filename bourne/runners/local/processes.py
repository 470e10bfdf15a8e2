"""The process executor: tasks run in worker processes of this machine.

The coordinator hands out one task at a time to each worker, so a slow one does not hold up the rest. Functions go to a
worker once, with the plan. Bundles go from worker to worker through files (``filestore.py``); the coordinator passes
only their handles on. A worker that dies is replaced and its task is run again; what the dead one had prepared never
counts.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import attrs
import cloudpickle

from bourne.engine.memory import resident
from bourne.engine.plan.stage import Plan, Stage
from bourne.engine.sizing import Sizing
from bourne.engine.task import Done, Report, Run, Task
from bourne.errors import ExecutionError
from bourne.runners.common.failures import unpack
from bourne.runners.common.filestore import FileStore, remove_after
from bourne.runners.common.folder import RunFolder
from bourne.runners.local.starting import cause_of_death, start_process, starting
from bourne.runners.local.worker import work
from bourne.sdk.model.coders import registry
from bourne.sdk.value_provider import RuntimeValueProvider

if TYPE_CHECKING:
    from bourne.sdk.model.profile import Profile, Spot

#: Tasks for each worker in a stage, so that they end at about the same time although tasks differ.
TASKS_PER_WORKER = 3
#: How often a task is run before the death of its worker is taken as its fault.
ATTEMPTS = 3
#: Seconds that workers have for tearing down user functions when a run has failed.
GRACE = 0.5


@attrs.define(eq=False)
class _Worker:
    """A worker process, as the coordinator sees it."""

    process: Any
    pipe: Any
    #: Of its store, and the last of its files that counts.
    name: str
    number: int = 0
    stage: Stage | None = None
    task: Task | None = None
    #: An interrupt may have torn a message apart.
    torn: bool = False


class ProcessExecutor:
    """Runs tasks in worker processes.

    Args:
      workers: how many.
      start_method: ``fork`` or ``spawn``; by default ``fork`` where the system has it.
      temp_dir: where the blocks between stages are kept; by default the system's place for temporary files.
      compress_after: how many bytes all workers write together before they compress blocks.
      profile: gets the samples of a run that is profiled.
    """

    def __init__(self, workers: int, start_method: str | None = None, temp_dir: str | None = None,
                 compress_after: float = math.inf, profile: Profile | None = None) -> None:
        self._profile = profile
        self._compress_after = compress_after / workers
        self.workers = workers
        self.sizing = Sizing(workers * TASKS_PER_WORKER)
        self._start_method = start_method or ('fork' if sys.platform == 'linux' else 'spawn')
        self._pool: list[_Worker] = []
        self._started = 0
        self._plan: Plan | None = None
        self._setting = b''
        self._folder = RunFolder(temp_dir)
        self.store = FileStore(self._folder, 'coordinator', by_value=True)

    def open(self, plan: Plan, run: Run) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        self._plan = plan
        self._setting = cloudpickle.dumps(
            (plan, run, RuntimeValueProvider.current(), registry.get_custom_type_coder_tuples()), protocol=5)

    def close(self) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        with ExitStack() as stack:  # does all of it, even if somebody interrupts again
            stack.callback(self._folder.remove)
            stack.callback(self.store.seal)
            stack.callback(self._kill)
            with suppress(Exception):  # what made the run fail is what is raised
                self._end_stage(GRACE)

    def _kill(self) -> None:
        for worker in self._pool:
            worker.process.kill()
        while self._pool:
            _bury(self._pool.pop())

    def memory(self) -> int:
        """How many bytes of memory all processes have, what they share counted for each; 0 if the system does not
        tell."""
        return resident() + sum(resident(worker.process.pid) for worker in self._pool)

    def run(self, tasks: Sequence[Task], report: Report, done: Done) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        waiting = deque(tasks)
        while len(self._pool) < min(self.workers, len(tasks)):
            self._pool.append(self._start())
        while waiting or any(worker.task for worker in self._pool):
            self._hand_out(waiting)
            for worker in self._ready():
                task = worker.task
                answer = self._answer(worker)
                if answer is None:
                    waiting.appendleft(self._died(worker))
                elif answer[0] == 'progress':
                    report(answer[1], None)
                elif answer[0] == 'profile':
                    self._add_samples(answer[1])
                elif answer[0] == 'failed':
                    raise unpack(answer[1])
                else:
                    worker.task = None
                    worker.number = answer[2]
                    report(0, 1 - (len(waiting) + sum(one.task is not None for one in self._pool)) / len(tasks))
                    assert task is not None
                    done(task, answer[1])
        self._end_stage()

    def _hand_out(self, waiting: deque[Task]) -> None:
        for worker in self._pool:
            if worker.task is None and waiting:
                task = waiting.popleft()
                worker.task = task
                # Answers of a worker that died in the meantime do not come; its pipe tells.
                with suppress(BrokenPipeError, ConnectionResetError):
                    if worker.stage is not task.stage:
                        assert self._plan is not None
                        number = self._plan.stages.index(task.stage)
                        _send(worker, ('stage', number, dict(task.sides)))
                    _send(worker, ('task', _light(task)))
                worker.stage = task.stage

    def _ready(self) -> list[_Worker]:
        """Waits until a worker with a task has something to say, its death included."""
        from multiprocess.connection import wait

        pipes = {worker.pipe: worker for worker in self._pool if worker.task is not None}
        return [pipes[pipe] for pipe in wait(list(pipes))]

    def _answer(self, worker: _Worker) -> Any:
        """What a worker says; ``None`` if it is dead."""
        worker.torn = True
        try:
            answer = pickle.loads(worker.pipe.recv_bytes())
        except (EOFError, ConnectionResetError, OSError):
            answer = None
        worker.torn = False
        return answer

    def _died(self, worker: _Worker) -> Task:
        """Replaces a dead worker.

        Returns:
          Its task, to be run again.

        Raises:
          ExecutionError: if that was tried often enough.
        """
        exitcode = _bury(worker)
        self._pool.remove(worker)
        remove_after(self._folder, worker.name, worker.number)
        task = worker.task
        assert task is not None
        attempt = int(task.attempt) + 1
        if attempt >= ATTEMPTS:
            raise ExecutionError(
                f'stage {task.stage.name!r}, partition {task.number} of {task.partitions}: the worker process '
                f'{cause_of_death(exitcode)}, {ATTEMPTS} times. The stage does: '
                f'{", ".join(op.label for op in task.stage.ops)}')
        self._pool.append(self._start())
        return task._replace(attempt=str(attempt))

    def _end_stage(self, seconds: float | None = None) -> None:
        """Has user functions torn down, in all workers even if some fail; then raises the first failure.

        Args:
          seconds: how long to wait for that; by default as long as it takes.
        """
        from multiprocess.connection import wait

        deadline = time.monotonic() + seconds if seconds is not None else None
        ending = {worker.pipe: worker for worker in self._pool if worker.stage is not None and not worker.torn}
        for worker in ending.values():
            worker.stage = None
            with suppress(BrokenPipeError, ConnectionResetError):
                _send(worker, ('end',))
        failures = []
        while ending and (ready := wait(list(ending), deadline and max(0, deadline - time.monotonic()))):
            for pipe in ready:
                answer = self._answer(ending[pipe])
                if answer is None:  # died in a teardown: it has nothing that counts
                    worker = ending.pop(pipe)
                    _bury(worker)
                    self._pool.remove(worker)
                elif answer[0] == 'profile':
                    self._add_samples(answer[1])
                elif answer[0] == 'ended':
                    ending.pop(pipe)
                    failures += [answer[1]] if answer[1] is not None else []
        if failures:
            raise unpack(failures[0])

    def _add_samples(self, seconds: dict[Spot, float]) -> None:
        if self._profile is not None:
            self._profile.add(seconds)

    def _start(self) -> _Worker:
        from multiprocess import get_context

        context = get_context(self._start_method)
        folder = os.fspath(self._folder)
        self._started += 1
        name = f'worker{self._started}'
        with starting(self.workers):
            ours, theirs = context.Pipe()
            others = [worker.pipe for worker in self._pool] + [ours] if self._start_method == 'fork' else []
            process = start_process(context, work, (
                theirs, others, self._setting, folder, name, self._compress_after))
        theirs.close()
        return _Worker(process, ours, name)


def _light(task: Task) -> Task:
    """The task without what the worker has."""
    return task._replace(stage=None, sides={}, blocks=dict(task.blocks), routes=dict(task.routes))  # type: ignore[arg-type]


def _send(worker: _Worker, message: Any) -> None:
    data = cloudpickle.dumps(message, protocol=5)
    worker.torn = True
    worker.pipe.send_bytes(data)
    worker.torn = False


def _bury(worker: _Worker) -> int | None:
    """Waits for the end of a worker process, and closes what this one has of it; returns its exit code."""
    worker.process.join()
    exitcode: int | None = worker.process.exitcode
    worker.process.close()
    worker.pipe.close()
    return exitcode
