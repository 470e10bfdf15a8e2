"""The cluster that a run uses: how one is started, and what cannot be one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from distributed import Client, LocalCluster
from distributed.system import MEMORY_LIMIT

from bourne.errors import OptionsError
from bourne.runners.dask import DaskRunner
from bourne.runners.dask.cluster import _started
from bourne.sdk.options import DaskOptions, LocalOptions, OptionsWarning, PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create


def has(dask_worker: Any) -> tuple[int, int]:
    """The memory limit of a worker, and how much of it may wait to be sent."""
    import dask

    return dask_worker.memory_manager.memory_limit, dask.config.get('distributed.p2p.comm.buffer')


def test_workers_of_a_cluster_that_grows_have_a_share_each() -> None:
    options = PipelineOptions(['--adapt=1:8'])
    with _started(options.view_as(DaskOptions), options.view_as(LocalOptions)) as cluster, \
            Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(1)
        first = client.run(has)
        cluster.scale(2)
        client.wait_for_workers(2)
        found = client.run(has)
    share = MEMORY_LIMIT // 8
    assert len(found) == 2
    assert set(first.values()) == set(found.values()) == {(share, max(16 << 20, share // 10))}


def test_how_many_workers_there_are_is_said_once() -> None:
    pipeline = TestPipeline(DaskRunner(), PipelineOptions(['--adapt=1:2', '--workers=2']))
    assert_that(pipeline | Create([1]), equal_to([1]))
    with pytest.warns(OptionsWarning, match='--workers has no effect beside --adapt, which says how many'):
        pipeline.run()


@pytest.mark.parametrize(('named', 'said'), [
    ({'client': 'tcp://it'}, ("(client=...) needs a distributed.Client, got 'tcp://it' of type str; an address is "
                              'given by --dask_scheduler')),
    ({'client': 0}, '(client=...) needs a distributed.Client, got 0 of type int'),
    ({'cluster': 42}, '(cluster=...) needs a cluster, such as distributed.LocalCluster, got 42 of type int'),
])
def test_what_is_no_cluster(named: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionsError) as caught:
        DaskRunner(**named)
    assert str(caught.value) == f'DaskRunner{said}'


def test_an_asynchronous_cluster() -> None:
    async def give() -> None:
        async with LocalCluster(n_workers=0, asynchronous=True, dashboard_address='127.0.0.1:0') as cluster:
            with pytest.raises(OptionsError, match=r'LocalCluster\(..., asynchronous=False\)'):
                DaskRunner(cluster=cluster)

    asyncio.run(give())


def test_a_cluster_that_is_closed() -> None:
    with LocalCluster(n_workers=0, dashboard_address='127.0.0.1:0') as cluster:
        pass
    pipeline = TestPipeline(DaskRunner(cluster=cluster))
    pipeline | Create([1])
    with pytest.raises(OptionsError, match='already closed'):
        pipeline.run()


@pytest.mark.parametrize(('flag', 'name'), [('--workers=100000', '--workers'), ('--adapt=1:100000', '--adapt')])
def test_absurd_numbers_of_workers_are_refused(flag: str, name: str) -> None:
    options = PipelineOptions([flag])
    with pytest.raises(OptionsError, match=f'has at most 1024 workers; got 100,000 by {name}'):
        _started(options.view_as(DaskOptions), options.view_as(LocalOptions))
