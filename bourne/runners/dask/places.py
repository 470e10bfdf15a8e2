"""What a worker keeps of a run from task to task: copies of the plan, with user functions that are set up.

A worker may have several threads, and user functions belong to one thread at a time. So each thread that runs a task
takes a *seat* of the run: a copy of the plan of its own, and the instance of the stage that it ran last. A task that
fails takes its seat with it: another attempt must not find what this one has left in user functions.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Condition
from typing import Any, NamedTuple

from bourne.engine.blocks import Block
from bourne.engine.plan.stage import Plan
from bourne.engine.task import Run, StageInstance
from bourne.errors import ExecutionError
from bourne.runners.common.failures import pack
from bourne.runners.common.folder import RunFolder
from bourne.runners.dask.logs import lower
from bourne.runners.dask.outputs import OutputStore
from bourne.sdk.model.coders import registry
from bourne.sdk.value_provider import RuntimeValueProvider

#: How many runs that have ended are remembered: a task of theirs that comes late must not begin.
REMEMBERED = 1000
#: Seconds without a task after which a run gives its seats up when another one begins: its client may have died. Should
#: it go on after all, it gets new ones.
IDLE = 600.0
#: Seconds that the tasks of a run that failed have for their clean-up.
GRACE = 2.0


class Setting(NamedTuple):
    """What workers need to know of a run.

    Attributes:
      plan: the plan.
      run: what all tasks have in common.
      options: what value providers find.
      coders: the coders that the user registered.
      levels: from which level on loggers log, by name.
    """

    plan: Plan
    run: Run
    options: Any
    coders: Any
    levels: Mapping[str, int]


class Over(Exception):
    """The run of a task has ended."""


class Seat:
    """What one thread at a time uses of a run.

    Args:
      setting: a pickled :class:`Setting`.
      directory: where what has no room in memory belongs.

    Attributes:
      since: when it was last in use, as ``time.monotonic`` has it.
    """

    def __init__(self, setting: bytes, directory: str | None) -> None:
        self.since = time.monotonic()
        self.plan, self.run, self._options, coders, levels = Setting(*loaded(setting))
        registry.load_custom_type_coder_tuples(coders)
        lower(levels)
        self._folder = RunFolder(directory)
        self.store = OutputStore(self._folder)
        self._number: int | None = None
        self._instance: StageInstance | None = None

    def instance(self, number: int, sides: Mapping[str, list[Block]]) -> StageInstance:
        """The instance of a stage.

        Args:
          number: which stage of the plan.
          sides: the blocks of its side inputs.
        """
        if self._number != number or self._instance is None:
            with suppress(Exception):  # its stage is over, and has told how that went
                self.close()
            self._instance = StageInstance(self.plan, self.run, self.plan.stages[number], sides, self.store)
            self._number = number
        return self._instance

    def take(self) -> None:
        """A task begins."""
        RuntimeValueProvider.set_runtime_options(self._options)  # for threads that user functions start
        RuntimeValueProvider.keep_in_thread(self._options)

    def close(self, number: int | None = None) -> None:
        """Tears user functions down: those of one stage, or of whichever is set up."""
        if self._instance is not None and number in (None, self._number):
            instance, self._instance = self._instance, None
            instance.close()

    def end(self) -> None:
        """The run is over."""
        with suppress(Exception):
            self.close()
        self._folder.remove()


def loaded(data: bytes) -> Any:
    """What a client has pickled.

    Raises:
      ExecutionError: if a module is missing here.
    """
    try:
        return pickle.loads(data)
    except ImportError as error:
        raise ExecutionError(
            f"a Dask worker cannot load the pipeline's functions: {error}. Install what is missing on the workers, or "
            f'send it with --upload, or by --requirements_file') from error


class Places:
    """The seats of all runs in this process."""

    def __init__(self) -> None:
        self._lock = Condition()
        self._busy: Counter[str] = Counter()
        self._free: defaultdict[str, list[Seat]] = defaultdict(list)
        self._over: OrderedDict[str, None] = OrderedDict()

    @contextmanager
    def seat(self, run: str, setting: bytes, directory: str | None) -> Iterator[Seat]:
        """A seat, for one task.

        Args:
          run: the run's id.
          setting: a pickled :class:`Setting`.
          directory: where files of this worker belong.

        Raises:
          Over: if the run has ended.
        """
        with self._lock:
            if run in self._over:
                raise Over(run)
            free = self._free[run]
            seat = free.pop() if free else None
            self._busy[run] += 1
        try:
            if seat is None:
                self._end_idle()
                seat = Seat(setting, directory)
            seat.take()
            yield seat
        except BaseException:
            if seat is not None:  # its functions were left in the middle of something
                seat.end()
                seat = None
            raise
        finally:
            self._give_back(run, [seat] if seat is not None else [])
            with self._lock:
                self._busy[run] -= 1
                if not self._busy[run]:
                    del self._busy[run]
                self._lock.notify_all()

    def _end_idle(self) -> None:
        """Ends the seats of runs that have done nothing for long."""
        with self._lock:
            long_ago = time.monotonic() - IDLE
            idle = [run for run, seats in self._free.items()
                    if run not in self._busy and all(seat.since < long_ago for seat in seats)]
            seats = [seat for run in idle for seat in self._free.pop(run)]
        for seat in seats:
            seat.end()

    def _give_back(self, run: str, seats: list[Seat]) -> None:
        with self._lock:
            over = run in self._over
            if not over:
                for seat in seats:
                    seat.since = time.monotonic()
                self._free[run] += seats
        if over:
            for seat in seats:
                seat.end()

    def end_stage(self, run: str, number: int) -> list[bytes]:
        """Tears the user functions of a stage down; returns what went wrong, packed."""
        with self._lock:
            seats = self._free.pop(run, [])
        failures = []
        for seat in seats:
            try:
                seat.close(number)
            except Exception as error:
                failures.append(pack(error))
        self._give_back(run, seats)
        return failures

    def is_over(self, run: str) -> bool:
        """True if the run has ended."""
        return run in self._over

    def end_run(self, run: str) -> None:
        """Forgets a run, with its files. Waits for tasks that have not ended, for a while."""
        with self._lock:
            seats = self._free.pop(run, [])
            self._over[run] = None
            self._lock.wait_for(lambda: run not in self._busy, GRACE)
            while len(self._over) > REMEMBERED:
                self._over.popitem(last=False)
        for seat in seats:
            seat.end()


#: Those of this process.
places = Places()
