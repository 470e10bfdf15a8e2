"""Detached jobs as a client sees them: handing one over, and finding it again."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import cloudpickle

from bourne.engine.plan.stage import Plan
from bourne.errors import ExecutionError, OptionsError
from bourne.runners.common.failures import unpack
from bourne.runners.common.progress import Progress
from bourne.runners.dask import ledger
from bourne.runners.dask.code import pickled
from bourne.runners.dask.exchanges import Exchange
from bourne.runners.dask.job import JobOrder, Outcome, drive
from bourne.runners.dask.logs import levels, shown
from bourne.runners.dask.resources import check
from bourne.runners.dask.texts import sendable
from bourne.runners.dask.topics import listening
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.coders import registry
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import DaskOptions, LocalOptions, PipelineOptions, StandardOptions
from bourne.sdk.runner import JobStatus, PipelineResult, PipelineState
from bourne.sdk.value_provider import RuntimeValueProvider

if TYPE_CHECKING:
    from distributed import Client, Future

#: Gives a client of the cluster that has the jobs.
Connect = Callable[[], AbstractContextManager['Client']]

#: The most seconds between two looks at a job that is waited for.
INTERVAL = 0.5


class DaskJob(PipelineResult):
    """A detached run. Everything is asked of the cluster, and each question makes its own connection.

    Args:
      job: its id.
      connect: gives a client of the cluster.

    Attributes:
      job: its id.
    """

    detached = True

    def __init__(self, job: str, connect: Connect) -> None:
        self.job = job
        self._connect = connect

    @property
    def state(self) -> str:
        return self.standing().state

    def standing(self) -> JobStatus:
        """How it stands.

        Raises:
          OptionsError: if the cluster does not know it (any more).
        """
        with self._connect() as client:
            return self._look(client)

    def _look(self, client: Client) -> JobStatus:
        found = standings(client, self.job)
        if not found:
            raise OptionsError(_unknown(client, self.job))
        return found[0]

    def wait_until_finish(self, duration: float | None = None) -> str:
        """See :class:`bourne.sdk.runner.PipelineResult`. Shows progress, and what user functions log meanwhile."""
        until = float('inf') if duration is None else time.monotonic() + duration / 1000
        with self._connect() as client, _told(client, self.job) as over, shown(client, self.job), \
                Progress(lambda: 0) as progress:
            status = self._look(client)
            while not PipelineState.is_terminal(status.state) and time.monotonic() < until:
                if status.number:
                    progress.show(status.stage, status.number, status.total, status.elements, status.share)
                over.wait(min(INTERVAL, max(0.0, until - time.monotonic())))
                status = self._look(client)
            if status.state == PipelineState.FAILED:
                outcome = self._outcome(client)
                raise unpack(outcome.failure) if outcome.failure is not None else ExecutionError(
                    f'the job {self.job} has failed: {status.problem}')
        return status.state

    def cancel(self) -> str:
        """Has it end at its next bundle, without output that it has not committed. Returns the state of now."""
        with self._connect() as client:
            state: str = ledger.ask(client, ledger.cancel, self.job)
            if not state:
                raise OptionsError(_unknown(client, self.job))
        return state

    def metrics(self) -> MetricResults:
        """See :class:`bourne.sdk.runner.PipelineResult`; while it runs, those of the stages that have ended."""
        return MetricResults(self._told().metrics)

    @property
    def exchanges(self) -> Mapping[str, Exchange]:
        """How the input of each stage came to its tasks, by the stage's name, once the job is done."""
        return self._told().exchanges

    @property
    def tasks(self) -> Mapping[str, int]:
        """How many tasks Dask was given for each stage, by the stage's name, once the job is done."""
        return self._told().tasks

    def explain(self) -> str:
        """The plan once the job has begun; and how the input of each stage came to its tasks, once it is done."""
        return self._told().explained

    def _told(self) -> Outcome:
        with self._connect() as client:
            self._look(client)  # it may be forgotten
            return self._outcome(client)

    def _outcome(self, client: Client) -> Outcome:
        data = ledger.ask(client, ledger.outcome, self.job)
        return Outcome(*cloudpickle.loads(data)) if data else Outcome(MetricsContainer(), '')

    def __repr__(self) -> str:
        return f'<DaskJob {self.job}>'


def standings(client: Client, job: str | None = None) -> list[JobStatus]:
    """How the jobs of a cluster stand, or one of them; the oldest first."""
    records = ledger.ask(client, ledger.find, job)
    return [JobStatus(**{name: record[name] for name in JobStatus._fields}) for record in records]


def _unknown(client: Client, job: str) -> str:
    known = ', '.join(status.job for status in standings(client)) or 'none'
    return (f'the Dask cluster at {client.scheduler.address} knows no job {job!r}; it knows: {known}. The last '
            f'{ledger.KEPT} jobs that have ended are kept, as long as the scheduler runs')


@contextmanager
def _told(client: Client, job: str) -> Iterator[Event]:
    """An event that is set when a job ends."""
    over = Event()
    with listening(client, ledger.topic(job), lambda event: over.set()):
        yield over


def hand_over(plan: Plan, client: Client, options: PipelineOptions, connect: Connect) -> DaskJob:
    """Gives a run to the cluster.

    Args:
      plan: the plan.
      client: a client of the cluster.
      options: the pipeline's options.
      connect: gives further clients, for the result.

    Returns:
      The job, which the scheduler knows by then.
    """
    check(plan, client)
    job = uuid.uuid4().hex[:12]
    order = _order(plan, job, options)
    future = client.submit(drive, pickled(tuple(order), options.view_as(DaskOptions).upload), key=order.key,
                           pure=False, priority=1)
    _enter(client, order, future)
    where = options.view_as(DaskOptions).dask_scheduler or client.scheduler.address
    print(f'bourne: job {job} runs on {where}; bourne status|wait|cancel {job} --dask_scheduler={where}',
          file=sys.stderr)
    return DaskJob(job, connect)


def _order(plan: Plan, job: str, options: PipelineOptions) -> JobOrder:
    dask, local = options.view_as(DaskOptions), options.view_as(LocalOptions)
    name = options.view_as(StandardOptions).job_name or os.path.basename(sys.argv[0]) or plan.stages[0].name
    settings: dict[str, Any] = {'exchange': dask.exchange, 'retries': dask.retries, 'upload': dask.upload,
                                'task_size': dask.task_size, 'bundle_size': local.bundle_size,
                                'memory_budget': local.memory_budget}
    return JobOrder(job, f'bourne job-0{job}', sendable(name), plan,
                    {name: value for name, value in settings.items() if value is not None},
                    RuntimeValueProvider.current(), registry.get_custom_type_coder_tuples(), levels())


def _enter(client: Client, order: JobOrder, future: Future) -> None:
    """Waits until the scheduler has the task, which comes to it by another way than what is asked here."""
    while not ledger.ask(client, ledger.enter, order.job, order.key, order.name):
        if future.status in ('error', 'cancelled', 'lost'):
            raise ExecutionError(f'the Dask cluster does not take the job: {future.exception()}')
