"""A Dask cluster for tests: two workers with a thread each, started when a test asks first, one for each process."""

from __future__ import annotations

import atexit
import functools
import logging
from typing import Any

from bourne.runners.dask import DaskRunner


@functools.cache
def cluster() -> Any:
    """The cluster of this test process."""
    from distributed import LocalCluster

    made = LocalCluster(n_workers=2, threads_per_worker=1, memory_limit='2GiB', dashboard_address='127.0.0.1:0',
                        silence_logs=logging.CRITICAL)
    atexit.register(made.close)
    return made


@functools.cache
def client() -> Any:
    """A client of it."""
    from distributed import Client

    made = Client(cluster(), set_as_default=False)
    atexit.register(made.close)
    return made


def shared_runner() -> DaskRunner:
    """A runner that uses it."""
    return DaskRunner(client=client())
