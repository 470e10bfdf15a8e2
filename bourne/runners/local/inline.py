"""The inline executor: tasks run in the calling thread, one after the other. A debugger sees everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from bourne.engine.plan.stage import Plan
from bourne.engine.task import Report, Run, StageInstance, Task, TaskResult
from bourne.runners.local.spillstore import SpillStore


class InlineExecutor:
    """Runs tasks where it is called.

    Args:
      store: keeps the blocks between stages.
    """

    slots = 1

    def __init__(self, store: SpillStore) -> None:
        self._plan: Plan | None = None
        self._run: Run | None = None
        self.store = store

    def open(self, plan: Plan, run: Run) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        self._plan, self._run = plan, run

    def run(self, tasks: Sequence[Task], report: Report) -> Iterator[tuple[Task, TaskResult]]:
        """See :class:`bourne.engine.executor.Executor`."""
        assert self._plan is not None
        assert self._run is not None
        # Not a generator: a StopIteration of a user function would become something else on its way through one.
        first = tasks[0]
        instance = StageInstance(self._plan, self._run, first.stage, first.sides, self.store)
        try:
            results = [(task, instance.run(task, report)) for task in tasks]
        except BaseException:
            with suppress(Exception):
                instance.close()
            raise
        instance.close()
        return iter(results)

    def close(self) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        self.store.close()
