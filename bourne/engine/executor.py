"""The executor contract: where a stage's tasks run. Runners differ in this and in nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bourne.engine.blocks import BlockStore
from bourne.engine.plan.stage import Plan
from bourne.engine.sizing import Sizing
from bourne.engine.task import Done, Report, Run, Task


class Executor(Protocol):
    """Runs tasks. Used by one thread, between one ``open`` and one ``close``."""

    @property
    def sizing(self) -> Sizing:
        """By what the coordinator cuts work into tasks; asked for once the executor is open."""

    @property
    def store(self) -> BlockStore:
        """Where the coordinator finds the blocks of tasks, and puts those that it makes itself."""

    def open(self, plan: Plan, run: Run) -> None:
        """Gets ready to run tasks of a plan."""

    def run(self, tasks: Sequence[Task], report: Report, done: Done) -> None:
        """Runs tasks of one stage.

        What ends is told and not yielded: a ``StopIteration`` of a user function cannot leave a generator as it is,
        and would end a loop over any other iterator without a word.

        Args:
          tasks: the tasks; independent of each other, and such that running one again gives the same.
          report: called with progress; may raise to end the run.
          done: called in this thread with each task when it has ended, in any order, exactly once.

        Raises:
          Exception: what made a task fail; then no task goes on.
        """

    def close(self) -> None:
        """Frees everything. May be called at any time, also after a failure."""
