"""One task: a stage's program over a part of the stage's input. The same code on every executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.combining import folding, of_all, of_nothing
from bourne.engine.exchange import Partitioned, Route, Router
from bourne.engine.grouping import group, group_inputs
from bourne.engine.keyhash import key_group, partition_of
from bourne.engine.plan.stage import MergeCombine, Op, Plan, Stage
from bourne.engine.program.program import Program, Views
from bourne.engine.sideinputs import side_input
from bourne.sdk.graph.nodes import Combine, GroupByKey, ParDo, Read
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.sink import Writer, WriteTask
from bourne.sdk.model.source import DEFAULT_RECORDS, Source
from bourne.sdk.model.timestamp import GLOBAL_END_MICROS
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing
from bourne.sdk.model.window import GLOBAL_WINDOW


class Run(NamedTuple):
    """What all tasks of a run have in common.

    Attributes:
      id: identifies the run.
      bundle_size: the most elements of a bundle, or ``None`` to let the engine choose.
    """

    id: str
    bundle_size: int | None = None


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


def run_task(plan: Plan, run: Run, task: Task, store: BlockStore, report: Report) -> TaskResult:
    """Runs a task from beginning to end. If it fails, what it wrote is removed.

    Args:
      plan: the plan.
      run: what all tasks of the run have in common.
      task: the task.
      store: has the blocks that the task takes, and gets those that it makes.
      report: is told of the progress.

    Raises:
      Exception: a user function's own, with a note that says where.
    """
    writers: dict[str, Writer[Any]] = {}
    router = Router(task.routes, store)
    program = Program(plan, task.stage, _views(plan, task, store), writers, router.add)
    try:
        for op in task.stage.sinks:
            shards = op.payload.sink.shards  # type: ignore[union-attr]
            writers[op.label] = op.payload.sink.open(  # type: ignore[union-attr]
                WriteTask(run.id, task.number, shards, task.attempt))
        program.open()
        _feed(plan, run, task, store, program, report)
        program.finish()
        prepared = {label: writer.prepare() for label, writer in writers.items()}
    except BaseException:
        for writer in writers.values():
            with suppress(Exception):
                writer.abort()
        with suppress(Exception):
            program.close()
        raise
    program.close()
    for callback in program.finalizer.callbacks:
        callback()
    return TaskResult(router.blocks, {label: token for label, token in prepared.items() if token is not None},
                      program.metrics)


def _views(plan: Plan, task: Task, store: BlockStore) -> Views:
    views: Views = {}
    for number, op in enumerate(task.stage.ops):
        if not isinstance(op.payload, ParDo):
            continue
        main = plan.collections[op.inputs[0]].windowing.windowfn if op.inputs else None
        for index, (names, view) in enumerate(zip(op.side_inputs, op.payload.side_views, strict=True)):
            bundles = [store.get(block) for name in names for block in task.sides[name]]
            side = plan.collections[names[0]].windowing.windowfn if names else main
            views[number, index] = side_input(view, bundles, side, main, repr(', '.join(names)))  # type: ignore[arg-type]
    return views


def _feed(plan: Plan, run: Run, task: Task, store: BlockStore, program: Program, report: Report) -> None:
    """Gives the program its input, a bundle at a time."""
    root = program.layout.root
    if root is None:
        for name, blocks in task.blocks.items():
            for bundle in _cut(map(store.get, blocks), run.bundle_size):
                program.process(bundle, name)
                report(len(bundle), None)
        return
    if isinstance(root.payload, Read):
        _read(root.payload.source, run, task, program, report)
        return
    for bundle in _cut(program.watch_root(_rooted(plan, root, task, store)), run.bundle_size):
        program.process_root(bundle)
        report(len(bundle), None)


def _cut(bundles: Iterable[Bundle], size: int | None) -> Iterator[Bundle]:
    for bundle in bundles:
        yield from bundle.cut(size)


def _read(source: Source[Any], run: Run, task: Task, program: Program, report: Report) -> None:
    limit = run.bundle_size or DEFAULT_RECORDS
    for number, split in enumerate(task.splits):
        reader = program.step(0, '', source.open, split)
        try:
            while (records := program.step(0, '', reader.poll, limit)) is not None:
                if records.values:
                    program.process_root(Bundle(records.values, records.timestamps))
                    report(len(records.values), None)
        finally:
            reader.close()
        report(0, (number + 1) / len(task.splits))


def _rooted(plan: Plan, root: Op, task: Task, store: BlockStore) -> Iterator[Bundle]:
    """What the operator at the head of a stage makes of its input."""
    inputs = zip(root.inputs, root.ports, strict=True)
    parts = ((port, store.get(block)) for name, port in inputs for block in task.blocks[name])
    bundles = (bundle for _, bundle in parts)
    windowing = plan.collections[root.inputs[0]].windowing if root.inputs else DEFAULT_WINDOWING
    match root.payload:
        case GroupByKey(tags=None):
            return group(bundles, windowing)
        case GroupByKey(tags=tags, as_dict=as_dict) if tags is not None:
            return group_inputs(parts, windowing, tags if as_dict else range(len(tags)), as_dict)
        case Combine(fn=fn, default=default):
            return _or_default(_combine(group(bundles, windowing), fn), root, default, task)
        case MergeCombine(fn=fn, default=default):
            return _or_default(_merge(bundles, fn, windowing), root, default, task)
    return bundles


def _combine(grouped: Iterator[Bundle], fn: Any) -> Iterator[Bundle]:
    for bundle in grouped:
        bundle.values = [(key, of_all(fn, values)) for key, values in bundle.values]
        yield bundle


def _merge(bundles: Iterable[Bundle], fn: Any, windowing: Windowing) -> Iterator[Bundle]:
    """Merges the accumulators of each key, and extracts the results."""
    fold = folding(fn)
    single, several = _once_and_again(list(bundles))
    for bundle in group(several, windowing):
        bundle.values = [(key, fold.merge(parts)) for key, parts in bundle.values]
        single.append(bundle)
    for bundle in single:
        values = bundle.values
        if fold.extract is not None:
            extract = fold.extract
            values = [(key, extract(accumulator)) for key, accumulator in values]
        yield Bundle(values, bundle.timestamps, bundle.windows, ONLY_PANE)


def _once_and_again(bundles: list[Bundle]) -> tuple[list[Bundle], list[Bundle]]:
    """Bundles whose keys come in no other one, and the rest.

    A bundle of accumulators was flushed from one table, where a key and window stand once. So it shares keys only
    with bundles that hold some of its windows.
    """
    if len(bundles) == 1:
        return list(bundles), []
    count: dict[Any, int] = {}
    windows = [set(bundle.windows) if type(bundle.windows) is list else {bundle.windows} for bundle in bundles]
    for found in windows:
        for window in found:
            count[window] = count.get(window, 0) + 1
    alone = [all(count[window] == 1 for window in found) for found in windows]
    return ([bundle for bundle, one in zip(bundles, alone, strict=True) if one],
            [bundle for bundle, one in zip(bundles, alone, strict=True) if not one])


def _or_default(bundles: Iterator[Bundle], root: Op, default: bool, task: Task) -> Iterator[Bundle]:
    """The bundles, or the combination of nothing if there are none and this task owns the key ``None``."""
    empty = True
    for bundle in bundles:
        empty = False
        yield bundle
    if default and empty and task.number == partition_of(key_group(None), task.partitions):
        yield Bundle([(None, of_nothing(root.payload.fn))], GLOBAL_END_MICROS, GLOBAL_WINDOW, ONLY_PANE)  # type: ignore[union-attr]


