"""A detached job: the driver of a run as a task on a worker.

It leaves the worker's threads to other tasks and only waits, as a client of the cluster. If its worker dies Dask runs
it again elsewhere, as another attempt. The ledger on the scheduler says which attempt counts: see
:mod:`bourne.runners.dask.ledger`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import cloudpickle
from distributed import get_worker, worker_client

from bourne.engine.plan.explain import explain
from bourne.engine.plan.stage import Plan, Stage
from bourne.runners.common.failures import pack
from bourne.runners.common.progress import Cancelled, Progress
from bourne.runners.dask import ledger
from bourne.runners.dask.batch import run_plan
from bourne.runners.dask.exchanges import Exchange
from bourne.runners.dask.logs import lower
from bourne.runners.dask.places import loaded
from bourne.runners.dask.texts import sendable
from bourne.runners.dask.work import end_run
from bourne.sdk.graph.nodes import Write
from bourne.sdk.model.coders import registry
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineState
from bourne.sdk.value_provider import RuntimeValueProvider

if TYPE_CHECKING:
    from distributed import Client

#: Seconds between two reports to the scheduler, which say also whether the job was cancelled.
INTERVAL = 0.25


class JobOrder(NamedTuple):
    """What a job is to do.

    Attributes:
      job: its id.
      key: the key of its task.
      name: what people call it.
      plan: the plan.
      settings: the pipeline options that a run looks at, by name.
      options: what value providers find.
      coders: the coders that the user registered.
      levels: from which level on loggers log, by name.
    """

    job: str
    key: str
    name: str
    plan: Plan
    settings: Mapping[str, Any]
    options: Any
    coders: Any
    levels: Mapping[str, int]


class Outcome(NamedTuple):
    """What a job tells of itself.

    Attributes:
      metrics: those of the stages that have ended.
      explained: the plan, with the exchanges once it has ended.
      exchanges: those of a job that is done, by the name of the stage.
      tasks: how many tasks it had for each stage, if it is done.
      failure: the exception that made it fail, packed.
    """

    metrics: MetricsContainer
    explained: str
    exchanges: Mapping[str, Exchange] = {}
    tasks: Mapping[str, int] = {}
    failure: bytes | None = None

    def pickled(self) -> bytes:
        """For the scheduler, which never looks inside."""
        data: bytes = cloudpickle.dumps(tuple(self), protocol=5)
        return data


def run_name(job: str, attempt: int) -> str:
    """The id of the run of an attempt."""
    return f'{job}x{attempt}'


def drive(data: bytes) -> None:
    """The task of a job; a pickled :class:`JobOrder` says what it is to do."""
    order = JobOrder(*loaded(data))
    worker = get_worker()
    with worker_client() as client:
        said, attempt = ledger.ask(client, ledger.begin, order.job, order.key, order.name, worker.address)
        left = [run_name(order.job, number) for number in range(1, attempt + (said != ledger.GO))]
        _forget(client, left)
        if said != ledger.DIED:  # what was being committed stays for people to look at
            _remove(order.plan, left)
        if said == ledger.GO:
            state, outcome = _attempt(client, order, attempt)
            _remove(order.plan, left)
            ledger.ask(client, ledger.end, order.job, attempt, state, outcome.pickled())


def _attempt(client: Client, order: JobOrder, attempt: int) -> tuple[str, Outcome]:
    """Runs the plan; returns the state it ended in, and what there is to tell."""
    metrics = MetricsContainer()
    progress = JobProgress(client, order, attempt, metrics)
    registry.load_custom_type_coder_tuples(order.coders)
    RuntimeValueProvider.keep_in_thread(order.options)
    lower(order.levels)
    try:
        result = run_plan(order.plan, client, PipelineOptions(**order.settings), run_name(order.job, attempt), progress,
                          metrics)
    except BaseException as error:  # it may be a user function's
        return PipelineState.FAILED, Outcome(metrics, explain(order.plan), failure=pack(error))
    return result.state, Outcome(metrics, result.explain(), result.exchanges, result.tasks)


def _forget(client: Client, runs: Sequence[str]) -> None:
    """Has the workers end what they still do for attempts whose own worker died."""
    for run in runs:
        with suppress(Exception):
            client.run(end_run, run, on_error='ignore')


def _remove(plan: Plan, runs: Sequence[str]) -> None:
    """Removes what such attempts had prepared. Done before the next one and after it, should tasks have lingered."""
    for run in runs:
        for op in plan.ops:
            if isinstance(op.payload, Write):
                with suppress(Exception):
                    op.sink.cleanup(run)


class JobProgress(Progress):
    """Tells the scheduler how far a job is, and learns from it whether the job is to go on.

    Args:
      client: a client of the cluster.
      order: the job.
      attempt: which one this is.
      metrics: the metrics of the run.
    """

    def __init__(self, client: Client, order: JobOrder, attempt: int, metrics: MetricsContainer) -> None:
        super().__init__()
        self._client = client
        self._order = order
        self._attempt = attempt
        self._metrics = metrics
        self._due = 0.0
        self._sum = 0

    def __enter__(self) -> JobProgress:
        return self

    def __exit__(self, *details: object) -> None:
        pass

    def stage_started(self, stage: Stage, number: int, total: int) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        self._sum = 0
        self._report(stage=sendable(stage.name), number=number, total=total, elements=0, share=None,
                     outcome=self._told())

    def advanced(self, elements: int, share: float | None) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        self._sum += elements
        if time.monotonic() >= self._due:
            self._report(elements=self._sum, **({'share': share} if share is not None else {}))

    def stage_done(self, stage: Stage) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        self._report(elements=self._sum, share=1.0, outcome=self._told())

    def committing(self, labels: Sequence[str]) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        if not ledger.ask(self._client, ledger.commit, self._order.job, self._attempt):
            raise Cancelled

    def _told(self) -> bytes:
        return Outcome(self._metrics, explain(self._order.plan)).pickled()

    def _report(self, **news: Any) -> None:
        self._due = time.monotonic() + INTERVAL
        if self.cancelled or not ledger.ask(self._client, ledger.report, self._order.job, self._attempt, news):
            raise Cancelled
