"""What a run leaves behind on client, scheduler and workers: nothing; and runs beside and inside of others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bourne as beam
from bourne.runners.dask import DaskResult, DaskRunner, jobs, places
from bourne.runners.dask.logs import topic
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from tests import clusters
from tests.clusters import shared_runner
from tests.dask.gates import Gate


def left(dask_scheduler: Any) -> list[str]:
    """What the scheduler has of runs: tasks, and records of logs."""
    topics = [name for name, one in dask_scheduler._broker._topics.items() if one.events]
    return [str(key) for key in dask_scheduler.tasks] + [name for name in topics if name.startswith(topic(''))]


def nothing_is_left(client: Any) -> bool:
    """Whether the scheduler forgets all of it; what a client releases comes to it by another way than questions."""
    return any(not client.run_on_scheduler(left) for _ in range(200))


def seats() -> tuple[Any, ...]:
    """What a worker has of runs."""
    from bourne.runners.dask.places import places

    return dict(places._busy), dict(places._free)


def halve(x: int, by: int) -> float:
    import logging

    logging.getLogger('mine').warning('%d', x)
    return x / by


@pytest.mark.parametrize('by', [2, 0])
def test_nothing_is_left_of_a_run(by: int) -> None:
    client = clusters.client()
    handlers = len(client._event_handlers)
    pipeline = beam.Pipeline(runner=shared_runner())
    halves = pipeline | beam.Create([1, 2]) | beam.Reshuffle() | beam.Map(halve, by)
    pipeline | 'one' >> beam.Create([1]) | beam.Map(lambda x, side: side, beam.pvalue.AsList(halves))
    caught = None
    try:
        pipeline.run()
    except ZeroDivisionError as error:
        caught = error  # its traceback keeps what the runner had in hand
    assert (caught is None) == (by != 0)
    assert nothing_is_left(client)
    assert len(client._event_handlers) == handlers
    assert set(map(repr, client.run(seats).values())) == {'({}, {})'}


class Closing(beam.DoFn):
    """Has a connection that is closed by an event loop, as many clients of today have."""

    def process(self, x: int) -> Iterator[int]:
        yield x

    def teardown(self) -> None:
        asyncio.run(asyncio.sleep(0))


def test_teardown_is_not_in_the_event_loop_of_the_worker() -> None:
    with TestPipeline(shared_runner()) as p:
        assert_that(p | beam.Create([1]) | beam.ParDo(Closing()), equal_to([1]))


def inner(x: int) -> str:
    """A run as a task."""
    with beam.Pipeline(runner=DaskRunner()) as pipeline:
        pipeline | beam.Create([x]) | beam.Map(str)
    return str(pipeline.result.state)


def test_runs_inside_of_tasks_leave_their_threads_to_the_tasks_of_the_run() -> None:
    futures = clusters.client().map(inner, [1, 2, 3], pure=False)  # more than there are threads
    assert [future.result(timeout=60) for future in futures] == ['DONE'] * 3


class Given(PipelineOptions):
    """An option of a template."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_value_provider_argument('--given', type=int, default=0)


def test_runs_beside_each_other_have_their_own_options() -> None:
    def run(number: int) -> None:
        options = PipelineOptions([f'--given={number}'])
        given = options.view_as(Given).given
        with TestPipeline(shared_runner(), options) as p:
            assert_that(p | beam.Create([1]) | beam.Map(lambda x: given.get()), equal_to([number]))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, [1, 2, 3]))


class SeatOf:
    """Stands for a seat."""

    def __init__(self, setting: bytes, directory: str | None) -> None:
        self.since = 0.0
        self.ended = False

    def take(self) -> None:
        pass

    def end(self) -> None:
        self.ended = True


def test_a_task_that_outlives_its_run_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, 'Seat', SeatOf)
    monkeypatch.setattr(places, 'GRACE', 0)
    own = places.Places()
    with own.seat('run', b'', None) as seat:
        own.end_run('run')
        assert not seat.ended
    assert seat.ended
    assert not own._busy
    assert not own._free


def test_a_task_that_outlives_its_run_leaves_no_output(tmp_path: Path) -> None:
    at, on = Gate(tmp_path, 'at'), Gate(tmp_path, 'on')

    def work(x: int) -> str:
        if not x:
            at.reached()
            raise ValueError('it fails while the other one is busy')
        at.opened()
        on.reached()
        return str(x)

    pipeline = beam.Pipeline(runner=shared_runner())
    (pipeline | beam.Create([0, 1]) | beam.Reshuffle() | beam.Map(work)
     | beam.io.WriteToText(str(tmp_path / 'out' / 'part')))
    with pytest.raises(ValueError, match='it fails while'):
        pipeline.run()
    on.opened()
    assert any(set(map(repr, clusters.client().run(seats).values())) == {'({}, {})'} for _ in range(200))
    assert not (tmp_path / 'out').exists() or not list((tmp_path / 'out').iterdir())


def test_a_run_whose_client_has_died_gives_its_seats_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(places, 'Seat', SeatOf)
    monkeypatch.setattr(places, 'time', SimpleNamespace(monotonic=lambda: now))
    own = places.Places()
    with own.seat('abandoned', b'', None) as abandoned:
        pass
    with own.seat('long', b'', None) as long:
        now = places.IDLE - 1
        with own.seat('next', b'', None) as following:
            assert not abandoned.ended
        now = places.IDLE + 1
        with own.seat('one more', b'', None):
            assert abandoned.ended
    assert not long.ended
    assert not following.ended
    assert set(own._free) == {'long', 'next', 'one more'}


def test_work_is_cut_for_the_workers_that_a_cluster_may_grow_to() -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address='127.0.0.1:0') as cluster:
        pipeline = beam.Pipeline(runner=DaskRunner(cluster=cluster), options=PipelineOptions(['--adapt=0:4']))
        pipeline | beam.Create(range(16)) | beam.Reshuffle() | beam.Map(str)
        result = pipeline.run()
    assert isinstance(result, DaskResult)
    assert result.tasks['Reshuffle +1'] == 8


def test_detached_runs_have_all_options_of_a_run() -> None:
    flags = ['--exchange=tasks', '--retries=3', '--upload=x.py', '--task_size=1MB', '--bundle_size=7',
             '--memory_budget=1GB', '--job_name=mine']
    order = jobs._order(None, 'job', PipelineOptions(flags))  # type: ignore[arg-type]  # it has a name
    assert order.settings == {'exchange': 'tasks', 'retries': 3, 'upload': ['x.py'], 'task_size': 10**6,
                              'bundle_size': 7, 'memory_budget': 10**9}
