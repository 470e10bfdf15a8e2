"""The driver: performs the epoch coordinator's commands with an executor. It decides nothing.

It keeps what tasks made (blocks by collection, prepared output by sink) until it is read or committed, and it is the
one place where output is committed. When anything fails, everything that was prepared and not committed is removed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from bourne.engine.blocks import Block
from bourne.engine.bundle import Bundle
from bourne.engine.ends import check_ends
from bourne.engine.epoch import Command, Commit, Committed, Epoch, Event, Finish, Release, RunStage, StageDone
from bourne.engine.exchange import WHOLE, Partitioned, Route, Router, route
from bourne.engine.executor import Executor
from bourne.engine.plan.stage import SPREAD, MergeCombine, Op, Plan, Stage
from bourne.engine.program.notes import annotate
from bourne.engine.sizing import Sizing
from bourne.engine.task import Run, Task, TaskResult
from bourne.sdk.graph.nodes import MAIN, Read, Write
from bourne.sdk.model.metric import MetricsContainer, elements_name


class Observer(Protocol):
    """Is told how a run goes on. Any method may raise to end the run."""

    def stage_started(self, stage: Stage, number: int, total: int) -> None:
        """A stage begins, as the ``number``-th of ``total``."""

    def advanced(self, elements: int, share: float | None) -> None:
        """So many more elements went into the stage; of its splits, this share was read (``None``: not known)."""

    def stage_done(self, stage: Stage) -> None:
        """The stage is whole."""

    def committing(self, labels: Sequence[str]) -> None:
        """The output of these sinks is about to be committed."""


class Driver:
    """Runs a plan to its end.

    Args:
      plan: the plan.
      executor: where tasks run.
      run: what the tasks have in common.
      observer: is told of the progress.
      metrics: gets the metrics of every task that counts.
    """

    def __init__(self, plan: Plan, executor: Executor, run: Run, observer: Observer,
                 metrics: MetricsContainer) -> None:
        self.plan = plan
        self.executor = executor
        self.run_info = run
        self.observer = observer
        self.metrics = metrics
        self._blocks: dict[str, dict[Route, Partitioned]] = {}
        self._splits: dict[str, tuple[list[Any], int]] = {}
        self._sizing = Sizing(1)
        self._width = 1
        self._prepared: dict[str, list[tuple[int, Any]]] = {}
        self._sinks: dict[str, Op] = {op.label: op for op in plan.ops if isinstance(op.payload, Write)}
        self._started = 0

    def run(self) -> None:
        """Runs the whole plan.

        Raises:
          Exception: what made it fail; nothing that was not committed before is left.
        """
        check_ends(self.plan)
        try:
            self.executor.open(self.plan, self.run_info)
            self._survey()
            epoch = Epoch(self.plan)
            commands = deque(epoch.start())
            while commands:
                event = self._perform(commands.popleft())
                if event is not None:
                    commands.extend(epoch.handle(event))
        except BaseException:
            self._abort()
            raise
        finally:
            self.executor.close()
            for op in self._sinks.values():
                with suppress(Exception):  # what was committed stays committed, and a failure keeps its reason
                    op.sink.cleanup(self.run_info.id)

    def _perform(self, command: Command) -> Event | None:
        match command:
            case RunStage(stage=stage):
                self._run_stage(stage)
                return StageDone(stage.name)
            case Commit(labels=labels):
                self.observer.committing(labels)
                for label in labels:
                    self._commit(label)
                return Committed(labels)
            case Release(collections=collections):
                for name in collections:
                    for parts in self._blocks.pop(name).values():
                        self.executor.store.free(block for part in parts for block in part)
            case Finish():
                pass
        return None

    def _run_stage(self, stage: Stage) -> None:
        self._started += 1
        self.observer.stage_started(stage, self._started, len(self.plan.stages))
        tasks = self._tasks(stage)
        results: list[tuple[int, TaskResult]] = []

        def done(task: Task, result: TaskResult) -> None:
            results.append((task.number, result))
            for label, token in result.prepared.items():
                self._prepared.setdefault(label, []).append((task.number, token))

        self.executor.run(tasks, self.observer.advanced, done)
        for _, result in sorted(results, key=lambda item: item[0]):
            self.metrics.merge(result.metrics)
            self._keep(result.outputs)
        self.observer.stage_done(stage)

    def _keep(self, outputs: Mapping[str, Mapping[Route, Partitioned]]) -> None:
        for name, routes in outputs.items():
            for way, parts in routes.items():
                for kept, blocks in zip(self._blocks[name][way], parts, strict=True):
                    kept += blocks

    def _survey(self) -> None:
        """Finds out what there is to read, and so how finely exchanges deal out."""
        self._sizing = self.executor.sizing
        for stage in self.plan.stages:
            if isinstance(stage.ops[0].payload, Read):
                with _blaming(stage):
                    self._splits[stage.name] = self._sizing.splits(stage.ops[0].source)
        self._width = self._sizing.width(sum(size for _, size in self._splits.values()))
        self._blocks = self._empty_blocks()

    def _tasks(self, stage: Stage) -> list[Task]:
        """Cuts a stage's work into tasks."""
        sides = {name: self._blocks[name][WHOLE][0] for name in stage.side_inputs}
        routes = {name: tuple(self._blocks[name]) for name in stage.produced if name in self._blocks}
        if stage.name in self._splits:
            splits, size = self._splits[stage.name]
            parts = _deal(splits, self._sizing.readers(splits, size))
            return [Task(stage, number, len(parts), splits=tuple(part), sides=sides, routes=routes)
                    for number, part in enumerate(parts)]
        taken = self._taken(stage)
        return [Task(stage, number, len(taken), blocks=part, sides=sides, routes=routes)
                for number, part in enumerate(taken)]

    def _taken(self, stage: Stage) -> list[dict[str, list[Block]]]:
        """The blocks that each task of a stage takes, by collection."""
        names = dict.fromkeys(stage.inputs)
        way = route(stage.entry, self._partitions(stage))
        blocks = (block for name in names for part in self._blocks[name][way] for block in part)
        combined = isinstance(stage.ops[0].payload, MergeCombine)
        count = way.partitions if self._shards(stage) is not None else \
            self._sizing.partitions(blocks, self._width, combined)
        if way is WHOLE:  # what stays as it is cannot be cut
            count = max(1, min(count, max(len(self._blocks[name][way][0]) for name in names)))
        taken: list[dict[str, list[Block]]] = [{} for _ in range(count)]
        for name in names:
            kept = self._blocks[name][way]
            parts = _deal(kept[0], count) if way is WHOLE else _put_together(kept, count, way.kind == SPREAD)
            for part, some in zip(taken, parts, strict=True):
                part[name] = some
        return taken

    @staticmethod
    def _shards(stage: Stage) -> int | None:
        """How many shards the stage is asked to write, if it is."""
        root = stage.ops[0].payload
        return root.sink.shards if isinstance(root, Write) else None

    def _partitions(self, stage: Stage) -> int:
        """How many partitions the elements of a stage that reads no source are dealt out into."""
        return self._shards(stage) or self._width

    def _empty_blocks(self) -> dict[str, dict[Route, Partitioned]]:
        """A place for the blocks of every route that some stage reads."""
        blocks: dict[str, dict[Route, Partitioned]] = {}
        for stage in self.plan.stages:
            way = route(stage.entry, self._partitions(stage))
            for name in stage.inputs:
                blocks.setdefault(name, {})[way] = [[] for _ in range(way.partitions)]
            for name in stage.side_inputs:
                blocks.setdefault(name, {})[WHOLE] = [[]]
        return blocks

    def _commit(self, label: str) -> None:
        op = self._sinks[label]
        prepared = sorted(self._prepared.get(label, []), key=lambda item: item[0])
        values = list(op.sink.commit(self.run_info.id, prepared))
        self._prepared.pop(label, None)
        if MAIN in op.outputs and values:
            router = Router({op.outputs[MAIN]: tuple(self._blocks.get(op.outputs[MAIN], ()))}, self.executor.store)
            router.add(op.outputs[MAIN], Bundle(values))
            self._keep(router.blocks)
            self.metrics.counter(label, elements_name()).update(len(values))

    def _abort(self) -> None:
        for label, prepared in self._prepared.items():
            with suppress(Exception):  # what made the run fail is what is raised; and the other sinks have their turn
                self._sinks[label].sink.abort(
                    self.run_info.id, [token for _, token in prepared])


def _deal(items: list[Any], hands: int) -> list[list[Any]]:
    """Items spread over so many lists, in contiguous runs of about equal length."""
    return [items[len(items) * number // hands:len(items) * (number + 1) // hands] for number in range(hands)]


def _put_together(partitions: Partitioned, count: int, spread: bool) -> Partitioned:
    """Partitions as fewer ones. The buckets of a partition are not those of a larger one.

    Those of key groups are made of neighbours. Elements that were spread are in neighbouring partitions one after the
    other, so there neighbours are kept apart: else of a few elements some tasks would have several, and others none.
    """
    several = len(partitions) // count
    if several == 1:
        return partitions
    if spread:
        return [[block for part in partitions[start::count] for block in part] for start in range(count)]
    return [[block._replace(bucket=None) for part in partitions[start:start + several] for block in part]
            for start in range(0, len(partitions), several)]


@contextmanager
def _blaming(stage: Stage) -> Iterator[None]:
    """Says of an error that it comes from the head of a stage."""
    try:
        yield
    except Exception as error:
        annotate(error, stage, {}, (0, ''))
        raise
