"""Detached runs: jobs that the cluster drives itself."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import dask
import pytest
from distributed import LocalCluster

import bourne as beam
from bourne.engine.plan.compile import compile_plan
from bourne.errors import ExecutionError, OptionsError
from bourne.io import Sink, Writer, WriteTask
from bourne.runners.dask import DaskJob, DaskRunner, ledger, logs
from bourne.runners.dask.jobs import hand_over
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.portable import portable
from bourne.sdk.options import OptionsWarning, PipelineOptions
from bourne.sdk.runner import PipelineState
from tests.clusters import client, cluster
from tests.dask.gates import Gate, stop_at
from tests.sinks import Keeping


def detached(where: str, *flags: str) -> PipelineOptions:
    return PipelineOptions([f'--dask_scheduler={where}', '--runner=dask', '--detach', *flags])


def shared(*flags: str) -> PipelineOptions:
    return detached(cluster().scheduler_address, *flags)


def started(pipeline: beam.Pipeline) -> DaskJob:
    job = pipeline.run()
    assert isinstance(job, DaskJob)
    return job


def test_a_job_ends_by_itself_and_is_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at, on = Gate(tmp_path, 'at'), Gate(tmp_path, 'on')
    # The block ends although the pipeline waits.
    with beam.Pipeline(options=shared('--job_name=sums')) as pipeline:
        (pipeline | beam.Create(range(10)) | beam.Map(stop_at, 0, at.path, on.path) | beam.Map(lambda x: (x % 2, x))
         | 'sum' >> beam.CombinePerKey(sum) | beam.MapTuple('{}: {}'.format)
         | beam.io.WriteToText(str(tmp_path / 'out')))
    job = pipeline.result
    assert isinstance(job, DaskJob)
    assert f'bourne: job {job.job} runs on tcp://' in capsys.readouterr().err
    at.reached()
    assert job.wait_until_finish(0) == job.state == PipelineState.RUNNING
    assert not list(tmp_path.glob('out*'))
    standing = job.standing()
    assert (standing.name, standing.number, standing.total, standing.attempt) == ('sums', 1, 2, 1)
    on.opened()
    # Somebody else finds it by its id.
    found = DaskRunner(client=client()).job(job.job, PipelineOptions())
    assert found.wait_until_finish() == job.wait_until_finish() == PipelineState.DONE
    assert (tmp_path / 'out-00000-of-00001').read_text() == '0: 20\n1: 25\n'
    assert found.metrics().elements('sum') == {None: 2}
    assert 'on Dask:\n  stage 1: reads a source; 2 tasks in all\n  stage 2: whole: ' in found.explain()
    assert [exchange.kind for exchange in found.exchanges.values()] == ['whole']
    assert sum(found.tasks.values()) == 3
    assert found.cancel() == PipelineState.DONE


class Wrong(Exception):
    """A user's own."""


def fail(x: int) -> int:
    raise Wrong(f'not {x}')


def test_a_failure_arrives_as_it_was_raised(tmp_path: Path) -> None:
    pipeline = beam.Pipeline(options=shared())
    pipeline | beam.Create([7]) | 'bad' >> beam.Map(fail) | beam.io.WriteToText(str(tmp_path / 'out'))
    job = started(pipeline)
    for _ in range(2):  # it is not forgotten once it is told
        with pytest.raises(Wrong, match='not 7') as caught:
            job.wait_until_finish()
        assert 'element: 7' in '\n'.join(caught.value.__notes__)
    assert job.state == PipelineState.FAILED
    assert job.standing().ended is not None
    assert not list(tmp_path.iterdir())


def test_a_job_whose_function_interrupts_has_failed() -> None:
    def interrupt(x: int) -> None:
        raise KeyboardInterrupt('mine')

    pipeline = beam.Pipeline(options=shared())
    pipeline | beam.Create([1]) | beam.Map(interrupt)
    job = started(pipeline)
    with pytest.raises(KeyboardInterrupt, match='mine'):
        job.wait_until_finish()
    assert job.state == PipelineState.FAILED


def test_names_that_are_no_text() -> None:
    pipeline = beam.Pipeline(options=shared('--job_name=n\udcff'))
    numbers = pipeline | 'make\udcff' >> beam.Create([1]) | 'pair\udcff' >> beam.Map(lambda x: (x, x))
    numbers | beam.GroupByKey() | 'sum\udcff' >> beam.CombineValues(sum)
    job = started(pipeline)
    assert job.wait_until_finish() == PipelineState.DONE
    assert job.standing().name == r'n\udcff'


class Elsewhere:
    """Needs a module to be unpickled that is not there."""

    def __reduce__(self) -> Any:
        return importlib.import_module, ('no_such_module',)

    def __call__(self, x: int) -> int:
        return x


def test_a_worker_that_lacks_a_module_says_so() -> None:
    plan = compile_plan(graph_of(Elsewhere()))
    job = hand_over(plan, client(), shared(), lambda: nullcontext(client()))
    with pytest.raises(ExecutionError, match="cannot load the pipeline's functions: No module named 'no_such_module'"):
        job.wait_until_finish()


def graph_of(function: Any) -> Graph:
    pipeline = beam.Pipeline()
    pipeline | beam.Create([1]) | beam.Map(function)
    return pipeline.to_graph()


def test_a_cancelled_job_writes_nothing(tmp_path: Path) -> None:
    at, on = Gate(tmp_path, 'at'), Gate(tmp_path, 'on')
    pipeline = beam.Pipeline(options=shared('--bundle_size=1'))
    (pipeline | beam.Create(range(10)) | beam.Map(stop_at, 3, at.path, on.path)
     | beam.io.WriteToText(str(tmp_path / 'made' / 'out')))
    job = started(pipeline)
    at.reached()
    assert job.cancel() == PipelineState.RUNNING
    assert job.standing().cancelled
    on.opened()
    assert job.wait_until_finish() == job.state == PipelineState.CANCELLED
    assert not list(tmp_path.glob('made/*'))


def test_what_cannot_be_detached_is_refused_before_anything_runs(tmp_path: Path) -> None:
    def refusal(runner: DaskRunner, *flags: str) -> str:
        pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(['--detach', *flags]))
        pipeline | beam.Create([1]) | beam.io.WriteToText(str(tmp_path / 'out'))
        with pytest.raises(OptionsError) as caught:
            pipeline.run()
        return str(caught.value)

    assert 'none is named' in refusal(DaskRunner())
    assert 'LocalCluster ends with it' in refusal(DaskRunner(client=client()))
    assert 'LocalCluster ends with it' in refusal(DaskRunner(cluster=cluster()))
    assert '--adapt' in refusal(DaskRunner(), f'--dask_scheduler={cluster().scheduler_address}', '--adapt=1:2')
    assert not list(tmp_path.iterdir())


def test_dasks_own_configuration_says_which_cluster(tmp_path: Path) -> None:
    with dask.config.set({'scheduler-address': cluster().scheduler_address}):
        pipeline = beam.Pipeline(options=PipelineOptions(['--runner=dask', '--detach']))
        pipeline | beam.Create([1]) | beam.io.WriteToText(str(tmp_path / 'out'))
        job = started(pipeline)
        assert job.wait_until_finish() == PipelineState.DONE
    # Without it nothing says where the job is; the cluster still has it.
    with pytest.raises(OptionsError, match='there is no Dask cluster: say which one by --dask_scheduler'):
        job.standing()
    assert job.job in [known.job for known in DaskRunner(client=client()).jobs(PipelineOptions())]


def test_options_that_mean_nothing_here_say_so() -> None:
    pipeline = beam.Pipeline(runner=DaskRunner(client=client()), options=PipelineOptions(['--profile', '--status']))
    pipeline | beam.Create([1])
    with pytest.warns(OptionsWarning) as warned:
        pipeline.run()
    assert [str(warning.message).split()[0] for warning in warned] == ['--profile', '--status']
    assert {warning.filename for warning in warned} == {__file__}
    pipeline = beam.Pipeline(options=detached(cluster().scheduler_address, '--workers=3', '--memory_limit=1GB',
                                              '--temp_dir=/nowhere'))
    pipeline | beam.Create([1])
    with pytest.warns(OptionsWarning) as warned:
        assert started(pipeline).wait_until_finish() == PipelineState.DONE
    assert [str(warning.message).partition(' has no effect on a Dask cluster that is there')[0]
            for warning in warned] == ['--workers', '--memory_limit', '--temp_dir']


# -- workers that die --


@pytest.fixture(scope='module')
def single() -> Iterator[str]:
    """The address of a cluster with a single worker, which drives the jobs and runs their tasks."""
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address='127.0.0.1:0', silence_logs=50) as made:
        yield made.scheduler_address


def kill_once(x: int, marker: str) -> int:
    """Ends the worker, the first time."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return x
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def test_a_job_whose_driver_died_starts_again(single: str, tmp_path: Path) -> None:
    pipeline = beam.Pipeline(options=detached(single))
    numbers = pipeline | beam.Create(range(10))
    numbers | 'first' >> beam.io.WriteToText(str(tmp_path / 'made' / 'first'))
    (numbers | beam.Reshuffle() | beam.Map(kill_once, str(tmp_path / 'killed'))
     | 'second' >> beam.io.WriteToText(str(tmp_path / 'made' / 'second')))
    job = started(pipeline)
    assert job.wait_until_finish() == PipelineState.DONE
    assert job.standing().attempt == 2
    # Nothing is left of the first attempt, which had prepared files.
    assert {path.name.partition('-')[0] for path in (tmp_path / 'made').iterdir()} == {'first', 'second'}
    for name in ('first', 'second'):
        lines = [line for path in (tmp_path / 'made').glob(f'{name}-*') for line in path.read_text().split()]
        assert sorted(map(int, lines)) == list(range(10))
    assert job.metrics().elements('Create') == {None: 10}


@portable
@attrs.frozen
class Deadly(Sink[Any]):
    """Ends the process that commits it."""

    journal: str

    def open(self, task: WriteTask) -> Writer[Any]:
        return Keeping()

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        with open(self.journal, 'a') as file:
            file.write('commit\n')
        os.kill(os.getpid(), signal.SIGKILL)
        return ()

    def abort(self, run: str, tokens: Sequence[Any]) -> None: ...

    def cleanup(self, run: str) -> None:
        with open(self.journal, 'a') as file:
            file.write('cleanup\n')


def test_a_job_that_died_while_committing_is_not_run_again(single: str, tmp_path: Path) -> None:
    pipeline = beam.Pipeline(options=detached(single))
    pipeline | beam.Create([1]) | beam.io.Write(Deadly(str(tmp_path / 'journal')))
    job = started(pipeline)
    with pytest.raises(ExecutionError, match=r'died while committing its output.*start it anew'):
        job.wait_until_finish()
    assert job.standing().attempt == 1
    # Nobody has removed what was prepared.
    assert (tmp_path / 'journal').read_text() == 'commit\n'


# -- the rules by which records change --


class Scheduler:
    """As much of a scheduler as the ledger sees, with a task that a client wants."""

    def __init__(self) -> None:
        self.extensions: dict[str, Any] = {}
        self.tasks: dict[str, Any] = {}
        self.wanted: set[str] = set()
        self._broker = SimpleNamespace(_topics={})

    def client_desires_keys(self, keys: list[str], client: str) -> None:
        self.wanted.update(keys)

    def client_releases_keys(self, keys: list[str], client: str) -> None:
        self.wanted.difference_update(keys)
        for key in keys:
            self.tasks.pop(key, None)

    def log_event(self, topic: str, message: Any) -> None:
        self._broker._topics[topic] = message

    def task(self, key: str, state: str = 'processing') -> None:
        self.tasks[key] = SimpleNamespace(state=state, who_wants={'client'}, exception_blame=None,
                                          exception_text='KilledWorker()')

    def state(self, job: str) -> str:
        return str(ledger.find(self, job)[0]['state'])


@pytest.fixture
def scheduler() -> Scheduler:
    """One that has the task ``key`` of the job ``job``."""
    made = Scheduler()
    made.task('key')
    return made


def begin(scheduler: Scheduler) -> tuple[str, int]:
    return ledger.begin(scheduler, 'job', 'key', 'name', 'worker')


def test_of_two_attempts_only_the_last_one_commits(scheduler: Scheduler) -> None:
    assert begin(scheduler) == ('go', 1)
    assert begin(scheduler) == ('go', 2)
    assert not ledger.commit(scheduler, 'job', 1)
    assert not ledger.report(scheduler, 'job', 1, {'elements': 5})
    ledger.end(scheduler, 'job', 1, 'DONE', b'')
    assert scheduler.state('job') == 'RUNNING'
    assert ledger.commit(scheduler, 'job', 2)
    ledger.end(scheduler, 'job', 2, 'DONE', b'told')
    assert (scheduler.state('job'), scheduler.wanted) == ('DONE', set())
    assert ledger.outcome(scheduler, 'job') == b'told'


def test_who_had_begun_to_commit_is_never_repeated(scheduler: Scheduler) -> None:
    begin(scheduler)
    assert ledger.commit(scheduler, 'job', 1)
    assert begin(scheduler) == ('died', 1)
    found, = ledger.find(scheduler, 'job')
    assert found['state'] == 'FAILED'
    assert 'died while committing' in found['problem']
    assert begin(scheduler) == ('died', 1)


def test_a_commit_is_refused_after_a_cancel_and_not_the_other_way_round(scheduler: Scheduler) -> None:
    begin(scheduler)
    assert ledger.cancel(scheduler, 'job') == 'RUNNING'
    assert not ledger.commit(scheduler, 'job', 1)
    assert begin(scheduler) == ('over', 1)
    assert scheduler.state('job') == 'CANCELLED'


def test_a_job_is_cancelled_at_once_as_long_as_no_worker_has_it(scheduler: Scheduler) -> None:
    scheduler.task('key', 'no-worker')
    assert ledger.enter(scheduler, 'job', 'key', 'name')
    assert ledger.cancel(scheduler, 'job') == 'CANCELLED'
    # Its task is gone. A worker that had got hold of it is told so.
    assert begin(scheduler) == ('over', 0)


def test_nothing_begins_of_a_task_that_nobody_wants(scheduler: Scheduler) -> None:
    scheduler.tasks.clear()
    assert begin(scheduler) == ('over', 0)
    assert not ledger.enter(scheduler, 'job', 'key', 'name')
    assert ledger.find(scheduler, None) == []
    assert ledger.cancel(scheduler, 'job') == ''


@pytest.mark.parametrize(('state', 'problem'), [
    (None, 'the scheduler has lost it'),
    ('erred', 'Dask could not run it: KilledWorker()'),
    ('memory', 'without a word'),
])
def test_a_job_without_its_task_has_failed(scheduler: Scheduler, state: str | None, problem: str) -> None:
    begin(scheduler)
    scheduler.tasks.clear()
    if state is not None:
        scheduler.task('key', state)
    found, = ledger.find(scheduler, None)
    assert found['state'] == 'FAILED'
    assert problem in found['problem']


def test_the_last_hundred_that_ended_are_kept(scheduler: Scheduler) -> None:
    begin(scheduler)  # does not end
    for number in range(ledger.KEPT + 5):
        name = f'job{number:03}'
        scheduler.task(name)
        ledger.begin(scheduler, name, name, name, 'worker')
        scheduler.log_event(logs.topic(f'{name}x1'), 'a record')
        ledger.end(scheduler, name, 1, 'DONE', b'')
    kept = [record['job'] for record in ledger.find(scheduler, None)]
    last = [f'job{number:03}' for number in range(5, ledger.KEPT + 5)]
    assert kept == ['job', *last]
    assert set(scheduler._broker._topics) == {name for job in last for name in (ledger.topic(job), logs.topic(job))}
