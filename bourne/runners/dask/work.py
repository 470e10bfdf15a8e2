"""What Dask runs on its workers: the functions of a run's tasks."""

from __future__ import annotations

import asyncio
import pickle
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import cloudpickle
from distributed import Reschedule, Status, Worker, get_worker

from bourne.engine.blocks import Block
from bourne.engine.exchange import Route
from bourne.engine.plan.stage import Stage
from bourne.engine.task import Task
from bourne.errors import ExecutionError
from bourne.runners.common.collector import relaxed_collector
from bourne.runners.common.failures import pack
from bourne.runners.dask.logs import told_apart
from bourne.runners.dask.outputs import Output, Place, output_of
from bourne.runners.dask.places import Over, places
from bourne.runners.dask.shuffle import unframed
from bourne.runners.dask.texts import sendable
from bourne.runners.dask.trimming import watch
from bourne.sdk.graph.nodes import Write

#: Seconds between two looks whether a task is still wanted.
INTERVAL = 0.2
#: The states of a worker that has no scheduler any more: nobody waits for what it does.
GONE = (Status.closing, Status.closed, Status.failed)
#: The most characters of an exception's text for Dask, which makes another exception of one with a long text.
LONGEST = 1_000


class Order(NamedTuple):
    """What a task is to do.

    Attributes:
      run: the run's id.
      stage: which stage of the plan.
      task: the task, without its stage and its blocks.
      inputs: for each collection that it takes, the route and the partitions.
      outputs: how many of the arguments hold these partitions.
      sides: the collections that are side inputs, in the order of the arguments that follow.
      leaves: something of what it makes goes to other tasks.
    """

    run: str
    stage: int
    task: Task
    inputs: Mapping[str, tuple[Route, Sequence[int]]]
    outputs: int
    sides: tuple[str, ...]
    leaves: bool


class TaskFailed(Exception):
    """A task's failure on its way to the client.

    Args:
      failure: the exception, packed.
      what: something of its text, for Dask's own pages and logs.
    """

    def __init__(self, failure: bytes, what: str) -> None:
        super().__init__(failure, what)
        self.failure = failure

    @classmethod
    def of(cls, error: BaseException) -> TaskFailed:
        """That of an exception."""
        try:
            text = str(error)
        except Exception:  # it is a user's class
            text = 'it has no text, since its __str__ fails'
        return cls(pack(error), sendable(f'{type(error).__name__}: {text}')[:LONGEST])

    def __str__(self) -> str:
        return str(self.args[1])

    __repr__ = __str__  # Dask logs it


class Unwanted(BaseException):
    """Nobody wants the task's result any more; not an error of any user function."""


def perform(setting: bytes, order: bytes, *arguments: Any) -> Output | bytes:
    """Runs a task.

    Args:
      setting: a pickled :class:`~bourne.runners.dask.places.Setting`.
      order: a pickled :class:`Order`.
      arguments: outputs or frames with the partitions, then an :class:`Output` for each side input.

    Returns:
      What it made, or only its pickled result if other tasks take nothing of it.

    Raises:
      TaskFailed: for whatever went wrong.
      Reschedule: if nobody wanted the result meanwhile: Dask drops the task, or runs it again if it is wanted by now.
    """
    worker = get_worker()
    watch(worker)
    key = worker.get_current_task()
    todo: Order = pickle.loads(order)
    try:
        with places.seat(todo.run, setting, worker.local_directory) as seat, relaxed_collector():
            made = [one if isinstance(one, Output) else unframed(one) for one in arguments[:todo.outputs]]
            blocks = {name: _taken(name, way, partitions, made, todo.task.partitions)
                      for name, (way, partitions) in todo.inputs.items()}
            sides = {name: _all(side) for name, side in zip(todo.sides, arguments[todo.outputs:], strict=True)}
            task = todo.task._replace(stage=seat.plan.stages[todo.stage], blocks=blocks, sides=sides,
                                      attempt=uuid.uuid4().hex)
            instance = seat.instance(todo.stage, sides)
            with told_apart(todo.run, task.stage, worker), _tidied(todo.run, task.stage):
                result = instance.run(task, _Wanted(worker, key, todo.run))
    except Over as error:
        failed = TaskFailed.of(ExecutionError(f'the run {error} has ended'))
    except Unwanted:
        raise Reschedule from None
    except BaseException as error:  # of a user function: a KeyboardInterrupt of its own, or what its library has
        error.add_note(f'on the Dask worker {worker.address}')
        failed = TaskFailed.of(error)
    else:
        return output_of(result, key, worker.address) if todo.leaves else cloudpickle.dumps(result, protocol=5)
    raise failed  # out here it has no cause: Dask would send that, too


@contextmanager
def _tidied(run: str, stage: Stage) -> Iterator[None]:
    """Removes what a task has prepared of its output after the driver did so for all: it outlived its run."""
    try:
        yield
    finally:
        if places.is_over(run):
            for op in stage.ops:
                if isinstance(op.payload, Write):
                    with suppress(Exception):
                        op.sink.cleanup(run)


def describe(made: Output) -> bytes:
    """What the client is told of a task whose output stays on its worker: the pickled result."""
    return made.told


def pick(made: Output, wanted: Sequence[Place]) -> Output:
    """The part of an output that one task takes."""
    return made.pick(wanted)


def collect(place: Place, *made: Output) -> Output:
    """A collection as a whole, for tasks that have it as a side input."""
    return Output({place: [block for one in made for block in one.blocks.get(place, ())]})


def _taken(name: str, way: Route, partitions: Sequence[int], made: Sequence[Output], whole: int) -> list[Block]:
    """The blocks of a collection for a task of a stage with so many."""
    blocks = [block for one in made for number in partitions for block in one.blocks.get((name, way, number), ())]
    # The buckets of a partition are not those of a larger one.
    return blocks if way.partitions == whole else [block._replace(bucket=None) for block in blocks]


def _all(output: Output) -> list[Block]:
    return [block for blocks in output.blocks.values() for block in blocks]


class _Wanted:
    """Ends a task that was cancelled: Dask itself leaves it running."""

    def __init__(self, worker: Worker, key: Any, run: str) -> None:
        self._run = run
        self._worker = worker
        self._tasks = worker.state.tasks
        self._key = key
        self._next = time.monotonic() + INTERVAL

    def __call__(self, elements: int, share: float | None) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + INTERVAL
            state = self._tasks.get(self._key)
            if (state is None or state.state == 'cancelled' or places.is_over(self._run)
                    or self._worker.status in GONE):
                raise Unwanted


async def end_stage(run: str, number: int) -> list[bytes]:
    """Has a worker tear the user functions of a stage down; returns the failures, packed.

    In a thread: they may take their time, or run an event loop of their own, where the worker's own must go on.
    """
    return await asyncio.to_thread(places.end_stage, run, number)


async def end_run(run: str) -> None:
    """Has a worker forget a run, once its tasks have ended there; they do so at their next bundle."""
    await asyncio.to_thread(places.end_run, run)
