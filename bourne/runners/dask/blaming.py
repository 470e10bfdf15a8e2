"""What went wrong on the cluster, said in terms of the pipeline."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from distributed import CancelledError, KilledWorker
from distributed.comm import CommClosedError

from bourne.engine.memory import readable
from bourne.engine.plan.stage import Stage
from bourne.engine.task import Task
from bourne.errors import BourneError, ExecutionError
from bourne.runners.common.failures import unpack
from bourne.runners.dask.resources import asked
from bourne.runners.dask.stagegraph import StageGraph
from bourne.runners.dask.work import TaskFailed

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger('bourne')

#: Seconds between two looks whether there are workers.
INTERVAL = 10.0
#: The topic of Dask's event log where nannies say that they ended a worker for its memory.
MEMORY_TOPIC = 'worker-restart-memory'
#: The reason that Dask gives for cancelling tasks when its client has lost the scheduler.
LOST = 'scheduler-connection-lost'
#: How a run stands that the cluster did not finish.
ENDED = 'the run has ended, and wrote no output that it had not committed before'


class Blaming:
    """Makes an exception of what Dask says of a task.

    Args:
      client: a client of the cluster.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._address = client.scheduler.address if client.scheduler is not None else 'unknown'
        self._what: dict[str, str] = {}
        #: Of the stage at hand: what its hints ask of workers, and the keys of its tasks.
        self._hints = ''
        self._keys: list[Any] = []
        self._since = time.time()
        self._next_look = time.monotonic() + INTERVAL

    def watch(self, stage: Stage, made: StageGraph, tasks: Sequence[Task]) -> None:
        """Remembers what the tasks of a stage are, for when one of them fails."""
        self._hints, self._keys = asked(stage), list(made.main)
        by_number = {task.number: task for task in tasks}
        does = ', '.join(op.label for op in stage.ops)
        for key in made.graph:
            number = made.main.get(key)
            if number is None:
                self._what.setdefault(str(key), f'stage {stage.name!r}: the exchange of its input')
                continue
            size = sum(block.size for blocks in by_number[number].blocks.values() for block in blocks)
            takes = f', which takes {readable(size)}' if size else ''
            self._what[str(key)] = (f'stage {stage.name!r}, partition {number} of {len(tasks)}{takes}. '
                                    f'The stage does: {does}')

    def failure(self, future: Future) -> BaseException:
        """Why a task has no result."""
        if future.status == 'error':
            return self.of_error(future.exception())
        return self._cancelled(future._state.exception)  # Dask has no public way to the reason

    def of_error(self, error: BaseException) -> BaseException:
        """What to raise for an error of a task, or of Dask itself."""
        if isinstance(error, TaskFailed):
            return unpack(error.failure)
        if isinstance(error, KilledWorker):
            return self._killed(error)
        if isinstance(error, BourneError):
            return error
        if isinstance(error, CommClosedError) or self._client.status != 'running':
            return self._gone()
        if isinstance(error, CancelledError):  # one of a user function is packed
            return self._cancelled(error)
        made = ExecutionError(f'Dask could not run a task of the pipeline: {type(error).__name__}: {error}')
        made.__cause__ = error
        return made

    def _cancelled(self, error: BaseException | None) -> ExecutionError:
        if self._client.status != 'running' or LOST in str(error):
            return self._gone()
        return ExecutionError(f'somebody cancelled tasks of the run on the Dask cluster at {self._address}, or '
                              f'restarted it ({error}); {ENDED}')

    def _killed(self, error: KilledWorker) -> ExecutionError:
        what = self._what.get(str(error.task), f'the task {error.task}')
        deaths = error.allowed_failures + 1
        worker = error.last_worker
        text = f'{what}\nEach of the {deaths} workers that ran it died; the last one was {worker.address}.'
        taken = self._ended_for_memory()
        if taken:
            limit = f' of {readable(worker.memory_limit)}' if worker.memory_limit else ''
            who = 'It was' if worker.address in taken else 'Workers were'
            text += (f' {who} ended for taking more than the memory limit{limit} (up to '
                     f'{readable(max(taken.values()))}): give workers more (--memory_limit), or fewer threads each '
                     f'(--threads_per_worker), or make the elements smaller.')
        else:
            text += (' Their logs tell more. A worker dies if it is killed (by the system, for lack of memory, or by '
                     'whoever runs it) or if user code ends the process.')
        return ExecutionError(text)

    def _ended_for_memory(self) -> dict[str, int]:
        """The workers that were ended since the run began because of their memory, and how much each had."""
        with suppress(Exception):
            events: Iterable[Any] = self._client.get_events(MEMORY_TOPIC)
            return {event['worker']: event['rss'] for when, event in events if when >= self._since}
        return {}

    def check_connection(self) -> None:
        """Finds out whether the scheduler is still there, and warns if no worker can run what waits.

        Raises:
          ExecutionError: if it is not.
        """
        if self._client.status not in ('running', 'newly-created'):
            raise self._gone()
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + INTERVAL
            if not self._client.scheduler_info(n_workers=-1)['workers']:
                logger.warning('the Dask cluster at %s has no workers; the run waits until one comes', self._address)
            elif self._hints and (count := self._without_worker()):
                logger.warning('no worker of the Dask cluster at %s can run %d of the %d tasks that ask for %s; the '
                               'run waits until one comes', self._address, count, len(self._keys), self._hints)

    def _without_worker(self) -> int:
        """How many tasks of the stage no worker can run."""
        with suppress(OSError):  # the connection is checked at the next look
            states = self._client.sync(self._client.scheduler.get_task_status, keys=self._keys)
            return sum(state == 'no-worker' for state in states.values())
        return 0

    def _gone(self) -> ExecutionError:
        return ExecutionError(f'the connection to the Dask scheduler at {self._address} is lost; {ENDED}')
