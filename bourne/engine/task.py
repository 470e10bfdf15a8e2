"""One task: a stage's program over a part of the stage's input. The same code on every executor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.exchange import Partitioned, Route, Router
from bourne.engine.feeding import cut, polled
from bourne.engine.meter import Meter
from bourne.engine.oversize import Piece, pieces
from bourne.engine.pace import Pace, target_for
from bourne.engine.plan.stage import BY_KEY, Plan, Stage
from bourne.engine.program.binding import Views
from bourne.engine.program.program import Program
from bourne.engine.roots import rooted
from bourne.engine.sideinputs import side_input
from bourne.sdk.graph.nodes import ParDo, Read, Write
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.model.sink import Writer, WriteTask
from bourne.sdk.model.source import Source
from bourne.sdk.model.timestamp import MAX_MICROS

if TYPE_CHECKING:
    from bourne.engine.sampler import Sampler


class Run(NamedTuple):
    """What all tasks of a run have in common.

    Attributes:
      id: identifies the run.
      bundle_size: the most elements of a bundle, or ``None`` to let the engine choose.
      group_memory: how many bytes the groups of a task may take in memory, or ``None`` for no limit.
      profile: whether what tasks do is sampled.
      now: processing time when the run began, in microseconds: in a batch no time passes.
    """

    id: str
    bundle_size: int | None = None
    group_memory: int | None = None
    profile: bool = False
    now: int = 0


class Task(NamedTuple):
    """A part of a stage's work.

    Attributes:
      stage: the stage.
      number: the task's number in the stage: a partition, or a shard of what it writes.
      partitions: how many tasks the stage has.
      splits: the splits to read, for a stage that reads a source.
      blocks: the blocks to take, by collection, for all others.
      sides: the blocks of each collection that is a side input.
      routes: the ways that the stage's outputs go.
      attempt: which try this is.
    """

    stage: Stage
    number: int
    partitions: int
    splits: tuple[Any, ...] = ()
    blocks: Mapping[str, list[Block]] = MappingProxyType({})
    sides: Mapping[str, list[Block]] = MappingProxyType({})
    routes: Mapping[str, tuple[Route, ...]] = MappingProxyType({})
    attempt: str = '0'


class TaskResult(NamedTuple):
    """What a task made; nothing of it counts before the coordinator says so.

    Attributes:
      outputs: for each collection that leaves the stage, the blocks of each partition of each of its routes.
      prepared: for each sink that something was written to, the token of its writer.
      metrics: the task's metrics.
    """

    outputs: Mapping[str, Mapping[Route, Partitioned]]
    prepared: Mapping[str, Any]
    metrics: MetricsContainer


#: Called after every bundle with the number of its elements and, while reading, the share of the splits read so far.
#: May raise to end the task.
Report = Callable[[int, float | None], None]

#: Called with each task that has ended, and what it made. May raise to end the run.
Done = Callable[[Task, TaskResult], None]


#: How many elements are processed before it is known what they become.
FIRST = 1
#: Bytes that no bundle has: where the user says how many elements it has.
UNLIMITED = 1 << 62
#: State takes more memory than the elements that it was made of, if these are small: about so many times as much.
STATE_SHARE = 4
#: What samples tasks; imported only for runs that are profiled.
SAMPLER = 'bourne.engine.sampler'


def sampler_for(run: Run) -> AbstractContextManager[Sampler | None]:
    """Samples the calling thread until it is left, if the run is profiled; else does nothing."""
    if not run.profile:
        return nullcontext()
    made: Sampler = import_module(SAMPLER).Sampler()
    return made


class StageInstance:
    """A stage where its tasks run, one after the other: user functions are set up once, for all of them.

    Args:
      plan: the plan.
      run: what all tasks of the run have in common.
      stage: one of the plan's stages, with user functions that nobody else uses.
      sides: the blocks of each collection that is a side input.
      store: has the blocks that tasks take, and gets those that they make.
      sampler: samples what the thread does, if anything does.
    """

    def __init__(self, plan: Plan, run: Run, stage: Stage, sides: Mapping[str, list[Block]], store: BlockStore,
                 sampler: Sampler | None = None) -> None:
        self._plan = plan
        self._run = run
        self._stage = stage
        self._store = store
        self._sampler = sampler
        self._target = target_for(run.group_memory)
        self._readers = {name: other for other in plan.stages if other.entry == BY_KEY for name in other.inputs}
        with self._sampled(None):
            memory = run.group_memory if run.group_memory is not None else math.inf
            self._program = Program(plan, stage, _views(plan, stage, sides, store), memory, run.bundle_size)
            self._program.now = run.now
        self._open = False

    def _sampled(self, program: Program | None) -> AbstractContextManager[None]:
        if self._sampler is None:
            return nullcontext()
        return self._sampler.watching(self._plan.stages.index(self._stage) + 1, self._stage, program)

    def run(self, task: Task, report: Report) -> TaskResult:
        """Runs a task from beginning to end. If it fails, what it wrote is removed.

        Raises:
          Exception: a user function's own, with a note that says where.
        """
        with self._sampled(self._program):
            return self._perform(task, report)

    def _perform(self, task: Task, report: Report) -> TaskResult:
        program = self._program
        router = Router(task.routes, self._store, self._run.group_memory, self._readers, task.number)
        pace = Pace(self._target, FIRST)
        writers: dict[str, Writer[Any]] = {}

        def leave(collection: str, bundle: Bundle) -> None:
            before = router.size
            router.add(collection, bundle)
            pace.add(router.size - before)

        program.begin(writers, leave, pace)
        try:
            for number, op in enumerate(self._stage.ops):
                if isinstance(op.payload, Write):
                    write = WriteTask(self._run.id, task.number, op.sink.shards, task.attempt)
                    writers[op.label] = program.step(number, 'open', op.sink.open, write)
            if not self._open:
                self._open = True
                program.open()
            meter = Meter(program, task.blocks, self._run.group_memory)
            reading = self._feed(task, meter, report)
            program.finish()
            router.flush()
            prepared = {label: program.write_step(label, 'prepare', writer.prepare)
                        for label, writer in writers.items()}
            meter.finish(reading, pace)
        except BaseException:
            for writer in writers.values():
                with suppress(Exception):
                    writer.abort()
            raise
        for callback in program.finalizer.callbacks:
            callback()
        return TaskResult(router.blocks, {label: token for label, token in prepared.items() if token is not None},
                          program.metrics)

    def close(self) -> None:
        """Tears the user functions down, if they were set up.

        Raises:
          Exception: the first failure of a teardown, when all were called.
        """
        if self._open:
            self._open = False
            with self._sampled(self._program):
                self._program.close()

    def _feed(self, task: Task, meter: Meter, report: Report) -> Pace:
        """Gives the program its input, a bundle at a time.

        Returns:
          The pace by which a source was read.
        """
        program, size = self._program, self._run.bundle_size
        pace = Pace(self._target) if size is None else Pace(UNLIMITED, size, size)
        root = program.layout.root
        if self._stage.ops[0].is_stateful:
            self._feed_by_key(task, meter, report)
        elif root is None:
            for name, blocks in task.blocks.items():
                for bundle in cut(map(self._store.get, blocks), size, self._target):
                    program.process(bundle, name)
                    meter.bundle(len(bundle))
                    report(len(bundle), None)
        elif isinstance(root.payload, Read):
            self._read(root.payload.source, task, pace, meter, report)
        else:
            made = rooted(self._plan, root, task.number, task.partitions, task.blocks, self._store,
                          self._run.group_memory)
            for bundle in cut(program.watch_root(made), size, self._target):
                program.process_root(bundle)
                meter.bundle(len(bundle))
                report(len(bundle), None)
        return pace

    def _feed_by_key(self, task: Task, meter: Meter, report: Report) -> None:
        """Gives a stateful program its input, as many keys at a time as there is memory for, each until its end."""
        program, limit = self._program, self._run.group_memory
        names = list(task.blocks)
        whole = Piece([(port, block) for port, name in enumerate(names) for block in task.blocks[name]],
                      self._store, task.number, task.partitions)
        fitting = iter([whole] if limit is None else pieces(whole, limit // STATE_SHARE))
        while (piece := program.step(0, '', next, fitting, None)) is not None:
            program.forget()
            for port, block in piece.parts:
                for bundle in cut([piece.store.get(block)], self._run.bundle_size, self._target):
                    program.process(bundle, names[port])
                    meter.bundle(len(bundle))
                    report(len(bundle), None)
            program.advance(MAX_MICROS, self._run.now)

    def _read(self, source: Source[Any], task: Task, pace: Pace, meter: Meter, report: Report) -> None:
        program = self._program
        for number, split in enumerate(task.splits):
            reader = program.step(0, '', source.open, split)
            try:
                for bundle in polled(partial(program.step, 0, '', reader.poll), pace):
                    program.process_root(bundle)
                    meter.bundle(len(bundle))
                    report(len(bundle), None)
            finally:
                reader.close()
            report(0, (number + 1) / len(task.splits))


def _views(plan: Plan, stage: Stage, sides: Mapping[str, list[Block]], store: BlockStore) -> Views:
    views: dict[tuple[int, int], Callable[[Any], Any]] = {}
    for number, op in enumerate(stage.ops):
        if not isinstance(op.payload, ParDo):
            continue
        main = plan.collections[op.inputs[0]].windowing
        for index, (names, view) in enumerate(zip(op.side_inputs, op.payload.side_views, strict=True)):
            bundles = [store.get(block) for name in names for block in sides[name]]
            side = plan.collections[names[0]].windowing if names else main
            views[number, index] = side_input(view, bundles, side, main.windowfn, repr(', '.join(names)))
    return views
