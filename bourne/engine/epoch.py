"""The epoch: one consistent step of the whole plan. A batch job is a single epoch, at the end of which all sources have
ended.

The coordinator is a pure state machine: events go in, commands come out; it has no thread, no clock, and does nothing
itself. ``engine/driver.py`` performs its commands.

Order of an epoch: every stage once, after those that it reads from; a sink whose commit somebody reads is committed as
soon as its stage is whole; all other sinks together at the end, when nothing can fail any more but the commit.
"""

from __future__ import annotations

from typing import NamedTuple

from bourne.engine.plan.stage import Plan, Stage
from bourne.sdk.graph.nodes import MAIN


class RunStage(NamedTuple):
    """Command: run all tasks of a stage."""

    stage: Stage


class Commit(NamedTuple):
    """Command: commit what was prepared for these writing operators."""

    labels: tuple[str, ...]


class Release(NamedTuple):
    """Command: the blocks of these collections are no longer needed."""

    collections: tuple[str, ...]


class Finish(NamedTuple):
    """Command: the epoch is over."""


class StageDone(NamedTuple):
    """Event: all tasks of a stage have ended well."""

    name: str


class Committed(NamedTuple):
    """Event: a :class:`Commit` was performed."""

    labels: tuple[str, ...]


Command = RunStage | Commit | Release | Finish
Event = StageDone | Committed


class Epoch:
    """Coordinates one epoch of a plan.

    Args:
      plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._waiting = list(plan.stages)
        self._running: set[str] = set()
        self._stages = {stage.name: stage for stage in plan.stages}
        self._ready: set[str] = set()
        self._unread = _readers(plan)
        self._pending: set[str] = set()
        self._final: list[str] = []
        self._finished = False

    def start(self) -> list[Command]:
        """The first commands."""
        return self._next()

    def handle(self, event: Event) -> list[Command]:
        """What to do after an event."""
        match event:
            case StageDone(name=name):
                return self._stage_done(self._stages[name])
            case Committed(labels=labels):
                self._pending.difference_update(labels)
                for stage in self._stages.values():
                    self._ready.update(op.outputs[MAIN] for op in stage.sinks
                                       if op.label in labels and MAIN in op.outputs)
                return self._next()

    def _stage_done(self, stage: Stage) -> list[Command]:
        self._running.discard(stage.name)
        now = [op.label for op in stage.sinks if MAIN in op.outputs]
        self._final += [op.label for op in stage.sinks if MAIN not in op.outputs]
        later = {op.outputs[MAIN] for op in stage.sinks if MAIN in op.outputs}
        self._ready |= stage.produced - later
        commands: list[Command] = []
        if now:
            self._pending.update(now)
            commands.append(Commit(tuple(now)))
        free = self._released(stage)
        if free:
            commands.append(Release(free))
        return commands + self._next()

    def _released(self, stage: Stage) -> tuple[str, ...]:
        """The collections that this stage was the last to read."""
        free = []
        for name in dict.fromkeys((*stage.inputs, *stage.side_inputs)):
            self._unread[name].discard(stage.name)
            if not self._unread[name]:
                free.append(name)
        return tuple(free)

    def _next(self) -> list[Command]:
        runnable = [stage for stage in self._waiting
                    if all(name in self._ready for name in (*stage.inputs, *stage.side_inputs))]
        self._waiting = [stage for stage in self._waiting if stage not in runnable]
        self._running.update(stage.name for stage in runnable)
        commands: list[Command] = [RunStage(stage) for stage in runnable]
        if self._waiting or self._running or self._pending or self._finished:
            return commands
        if self._final:
            final, self._final = tuple(self._final), []
            self._pending.update(final)
            return [*commands, Commit(final)]
        self._finished = True
        return [*commands, Finish()]


def _readers(plan: Plan) -> dict[str, set[str]]:
    """The names of the stages that read each collection."""
    found: dict[str, set[str]] = {}
    for stage in plan.stages:
        for name in (*stage.inputs, *stage.side_inputs):
            found.setdefault(name, set()).add(stage.name)
    return found
