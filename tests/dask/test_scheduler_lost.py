"""A scheduler that goes away, or that is not there: the client says so, and no half-written output is left."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from bourne.errors import ExecutionError, OptionsError
from bourne.io.textio import WriteToText
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import Reshuffle
from bourne.sdk.transforms.pardo import Map
from tests.dask.faults import first
from tests.dask.outside import outside


@pytest.mark.parametrize('point', ['writing', 'grouping'])
def test_the_scheduler_is_killed(tmp_path: Path, point: str) -> None:
    out = tmp_path / 'out'
    marker = str(tmp_path / 'killed')
    with outside(tmp_path) as cluster:
        scheduler = cluster.scheduler

        def reached(here: str, x: int) -> int:
            if here == point and x == 500 and first(marker):
                os.kill(scheduler, signal.SIGKILL)
            return x

        flags = ['--runner=dask', f'--dask_scheduler={cluster.file}', '--bundle_size=10']
        p = TestPipeline(options=PipelineOptions(flags))
        (p | Create(range(3_000)) | Map(lambda x: reached('grouping', x)) | Reshuffle()
         | 'write' >> Map(lambda x: reached('writing', x)) | Map(str) | WriteToText(str(out / 'part')))
        with pytest.raises(ExecutionError) as caught:
            p.run()
        assert str(caught.value).startswith(f'the connection to the Dask scheduler at {cluster.address} is lost')
    assert (tmp_path / 'killed').exists()
    assert not out.exists() or list(out.iterdir()) == []


def refused(where: str) -> str:
    """What is said about a scheduler that cannot be reached."""
    p = TestPipeline(options=PipelineOptions(['--runner=dask', f'--dask_scheduler={where}',
                                              '--dask_connection_timeout=1']))
    p | Create([1])
    began = time.monotonic()
    with pytest.raises(OptionsError) as caught:
        p.run()
    assert time.monotonic() - began < 30
    return str(caught.value)


def test_a_scheduler_that_is_not_there() -> None:
    with socket.create_server(('127.0.0.1', 0)) as taken:
        free = f'tcp://127.0.0.1:{taken.getsockname()[1]}'
    assert refused(free).startswith(f'cannot reach the Dask scheduler {free} within 1 seconds '
                                    f'(--dask_connection_timeout): ')


def test_somebody_who_is_no_scheduler() -> None:
    with socket.create_server(('127.0.0.1', 0)) as mute:
        address = f'tcp://127.0.0.1:{mute.getsockname()[1]}'
        assert refused(address).startswith(f'cannot reach the Dask scheduler {address} within 1 seconds')


@pytest.mark.parametrize(('text', 'wrong'), [
    ('host', 'it is no JSON: Expecting value: line 1 column 1 (char 0)'),
    ('["address"]', 'it has no address')])
def test_a_file_that_is_not_of_a_scheduler(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / 'file'
    path.write_text(text)
    assert refused(str(path)) == (f'--dask_scheduler={path}: this is not the file of a Dask scheduler (dask scheduler '
                                  f'--scheduler-file=...), {wrong}')


def test_a_scheduler_file_that_is_not_there() -> None:
    assert refused('nowhere.json') == (
        '--dask_scheduler=nowhere.json: this is neither an address, such as tcp://host:8786, nor a scheduler file '
        'that exists')
