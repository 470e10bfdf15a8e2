"""Faults of workers, each of which happens once: whoever makes its marker first has it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, WorkerPlugin


def first(marker: Path | str) -> bool:
    """True for whoever asks first, in whichever process."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def kill_once(marker: Path | str) -> None:
    """Ends this process as the system does when memory is short, the first time."""
    if first(marker):
        os.kill(os.getpid(), signal.SIGKILL)


class KillAt(WorkerPlugin):
    """Kills the first worker on which a task comes to a state.

    Args:
      what: a part of the task's key.
      state: the state, as Dask calls it.
      marker: a file that is made by who is killed.
    """

    def __init__(self, what: str, state: str, marker: Path) -> None:
        self.name = f'kill at {marker}'
        self._at = (what, state, str(marker))

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        what, state, marker = self._at
        if finish == state and what in str(key):
            kill_once(marker)


@contextmanager
def registered(client: Client, plugin: WorkerPlugin) -> Iterator[None]:
    """Inside of the block, all workers have a plugin."""
    client.register_plugin(plugin)
    try:
        yield
    finally:
        with suppress(Exception):  # workers that are being replaced
            client.unregister_worker_plugin(plugin.name)


@contextmanager
def own_cluster(workers: int = 2, configuration: dict[str, Any] | None = None,
                kind: type[LocalCluster] = LocalCluster, **named: Any) -> Iterator[Client]:
    """A cluster that may be damaged: a client of it.

    Args:
      workers: how many there are; nannies replace those that end.
      configuration: of Dask.
      kind: the cluster's class.
      named: further arguments of ``LocalCluster``.
    """
    named = {'memory_limit': '2GiB', 'threads_per_worker': 1, **named}
    # Workers try for half a minute to reach one that is gone, by default.
    patient = {'distributed.scheduler.allowed-failures': 10, 'distributed.deploy.lost-worker-timeout': '1 hour',
               'distributed.comm.timeouts.connect': '5s'}
    with dask.config.set({**patient, **(configuration or {})}), \
            kind(n_workers=workers, dashboard_address='127.0.0.1:0', silence_logs=50, **named) as cluster, \
            Client(cluster, set_as_default=False) as client:
        yield client
