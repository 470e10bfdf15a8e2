"""The inline executor: tasks run in the calling thread, one after the other. A debugger sees everything."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import cloudpickle

from bourne.engine.memory import resident
from bourne.engine.plan.stage import Plan
from bourne.engine.sizing import Sizing
from bourne.engine.task import Done, Report, Run, StageInstance, Task, TaskResult, sampler_for
from bourne.runners.common.filestore import FileStore
from bourne.runners.common.folder import RunFolder
from bourne.runners.common.spillstore import SpillStore

if TYPE_CHECKING:
    from bourne.engine.sampler import Sampler
    from bourne.sdk.model.profile import Profile


class InlineExecutor:
    """Runs tasks where it is called.

    Args:
      block_memory: how many bytes of blocks may stay in memory between stages.
      temp_dir: where the others are kept; by default the system's place for temporary files.
      profile: gets the samples of a run that is profiled.
    """

    sizing = Sizing(1)

    def __init__(self, block_memory: int, temp_dir: str | None = None, profile: Profile | None = None) -> None:
        self._plan: Plan | None = None
        self._run: Run | None = None
        self._sampler: Sampler | None = None
        self._profile = profile
        self._stack = ExitStack()
        self._folder = RunFolder(temp_dir)
        self._files = FileStore(self._folder, 'inline', compress_after=0)
        self.store = SpillStore(block_memory, self._files)

    def open(self, plan: Plan, run: Run) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        self._plan, self._run = plan, run
        self._sampler = self._stack.enter_context(sampler_for(run))

    def run(self, tasks: Sequence[Task], report: Report, done: Done) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        assert self._plan is not None
        assert self._run is not None
        first = tasks[0]
        instance = StageInstance(self._plan, self._run, first.stage, first.sides, self.store, self._sampler)
        try:
            for task in tasks:
                done(task, self._kept(instance.run(task, report)))
        except BaseException:
            with suppress(Exception):  # what made the run fail is what is raised
                instance.close()
            raise
        instance.close()

    def _kept(self, result: TaskResult) -> TaskResult:
        """A result that outlives the run: what a sink prepared may hold values that are on disk.

        Such values become lists when they are pickled, as they are on their way from a worker.
        """
        if result.prepared and self._files.has_scratch:
            with suppress(Exception):  # it holds something else that cannot be pickled, and need not be
                prepared = pickle.loads(cloudpickle.dumps(result.prepared, protocol=5))
                return result._replace(prepared=prepared)
        return result

    def memory(self) -> int:
        """How many bytes of memory this process has; 0 if the system does not tell."""
        return resident()

    def close(self) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        with ExitStack() as stack:  # does all of it, even if the disk is full or somebody interrupts
            stack.callback(self._folder.remove)
            stack.callback(self._files.seal)
            self._stack.close()
            if self._sampler is not None and self._profile is not None:
                self._profile.add(self._sampler.take())
