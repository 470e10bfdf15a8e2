"""The inline executor: tasks run in the calling thread, one after the other. A debugger sees everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bourne.engine.blocks import MemoryStore
from bourne.engine.plan.stage import Plan
from bourne.engine.task import Report, Run, Task, TaskResult, run_task


class InlineExecutor:
    """Runs tasks where it is called."""

    slots = 1

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._run: Run | None = None
        self.store = MemoryStore()

    def open(self, plan: Plan, run: Run) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        self._plan, self._run = plan, run

    def run(self, tasks: Sequence[Task], report: Report) -> Iterator[tuple[Task, TaskResult]]:
        """See :class:`bourne.engine.executor.Executor`."""
        assert self._plan is not None
        assert self._run is not None
        for task in tasks:
            yield task, run_task(self._plan, self._run, task, self.store, report)

    def close(self) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
