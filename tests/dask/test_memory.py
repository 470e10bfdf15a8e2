"""Workers that take more memory than they may: Dask's nannies end them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from bourne.errors import ExecutionError
from bourne.runners.dask import DaskRunner
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from tests.dask.faults import first, own_cluster

LIMIT = 300 << 20


@pytest.fixture(scope='module')
def small() -> Iterator[Client]:
    """A cluster with little memory, which gives a task up when it has lost two workers."""
    with own_cluster(configuration={'distributed.scheduler.allowed-failures': 1}, memory_limit=LIMIT) as client:
        yield client


def take_too_much() -> None:
    """Takes memory until the process is ended for it; the nanny looks every tenth of a second."""
    taken = bytearray(LIMIT)
    taken[::4096] = b'x' * len(taken[::4096])
    threading.Event().wait(60)


def test_a_worker_that_runs_out_of_memory_once(small: Client, tmp_path: Path) -> None:
    marker = str(tmp_path / 'taken')

    def once(x: int) -> tuple[int, int]:
        if x == 500 and first(marker):
            take_too_much()
        return x % 3, x

    with TestPipeline(DaskRunner(client=small)) as p:
        sums = p | Create(range(1_000)) | 'Greedy' >> Map(once) | GroupByKey() | Map(lambda pair: sum(pair[1]))
        assert_that(sums, equal_to([sum(range(key, 1_000, 3)) for key in range(3)]))
    assert (tmp_path / 'taken').exists()


def test_a_task_that_always_takes_too_much_is_named(small: Client) -> None:
    p = TestPipeline(DaskRunner(client=small))
    (p | Create(range(1_000)) | Map(lambda x: (x % 3, x)) | GroupByKey()
     | 'Greedy' >> Map(lambda pair: take_too_much()))
    with pytest.raises(ExecutionError) as caught:
        p.run()
    text = str(caught.value)
    assert re.search(r"stage 'GroupByKey \+1', partition \d of \d, which takes \d+ k?B\. ", text)
    assert 'The stage does: GroupByKey, Greedy' in text
    assert 'Each of the 2 workers that ran it died; the last one was tcp://' in text
    assert 'It was ended for taking more than the memory limit of 315 MB (up to ' in text
    assert '--memory_limit' in text
