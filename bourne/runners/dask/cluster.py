"""Where a run takes place: a cluster that is given, one that is running, or one that is started for the run."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from distributed import Client, LocalCluster, Nanny, default_client, get_client

from bourne.errors import OptionsError
from bourne.runners.common.spawning import main_left_alone
from bourne.sdk.options import DaskOptions, LocalOptions


class _Nanny(Nanny):  # type: ignore[misc]  # distributed has no types for it
    """Starts its worker without running the user's script in it, and starts it so again when it has died."""

    async def instantiate(self) -> Any:
        with main_left_alone():
            return await super().instantiate()


@contextmanager
def connected(dask: DaskOptions, local: LocalOptions, client: Any = None, cluster: Any = None) -> Iterator[Client]:
    """A client of the cluster that a run uses. What is started for the run ends with it.

    Args:
      dask: the options.
      local: the number of workers, and where their files belong.
      client: a client that the runner was given.
      cluster: a cluster that the runner was given.

    Raises:
      OptionsError: if the scheduler cannot be reached, or if the client is asynchronous.
    """
    with ExitStack() as stack:
        if client is None and cluster is None and dask.dask_scheduler is None:
            client = _current()
        if client is not None:
            _check(client)
        elif cluster is not None:
            client = stack.enter_context(_connect(cluster, dask.dask_connection_timeout))
        elif dask.dask_scheduler is not None:
            client = stack.enter_context(_connect(_address(dask.dask_scheduler), dask.dask_connection_timeout))
        else:
            cluster = stack.enter_context(_started(dask, local))
            client = stack.enter_context(_connect(cluster, dask.dask_connection_timeout))
        if dask.adapt is not None:
            _adapt(cluster if cluster is not None else client.cluster, *dask.adapt)
        yield client


def _current() -> Client | None:
    """The client that is in use in this process, or that of the task that this is; ``None`` if there is neither."""
    try:
        return default_client()
    except ValueError:
        pass
    try:
        return get_client()
    except ValueError:
        return None


def _check(client: Any) -> None:
    if getattr(client, 'asynchronous', False):
        raise OptionsError('DaskRunner needs a client that waits for its answers: make it with '
                           'Client(..., asynchronous=False)')
    if client.status != 'running':
        raise OptionsError(f'the Dask client that DaskRunner was given is {client.status}: {client!r}')


def _address(where: str) -> str | dict[str, str]:
    """What ``--dask_scheduler`` says: an address, or the path of a scheduler file."""
    if '://' in where:
        return where
    if os.path.exists(where):
        return {'scheduler_file': where}
    host, colon, port = where.rpartition(':')
    if colon and host and port.isdigit():
        return f'tcp://{where}'
    raise OptionsError(f'--dask_scheduler={where}: this is neither an address, such as tcp://host:8786, nor a '
                       f'scheduler file that exists')


def _connect(where: Any, timeout: int) -> Client:
    """A client of a scheduler; TLS is set up by Dask's configuration.

    Raises:
      OptionsError: if it does not answer in time, in seconds.
    """
    named = where if isinstance(where, dict) else {'address': where}
    try:
        return Client(**named, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        shown = named.get('scheduler_file') or (where if isinstance(where, str) else repr(where))
        raise OptionsError(f'cannot reach the Dask scheduler {shown} within {timeout} seconds '
                           f'(--dask_connection_timeout): {error}') from error


def _started(dask: DaskOptions, local: LocalOptions) -> LocalCluster:
    """A cluster on this machine."""
    named: dict[str, Any] = {'n_workers': local.workers or None, 'threads_per_worker': dask.threads_per_worker}
    if dask.adapt is not None:
        named['n_workers'] = max(1, dask.adapt[0])
    if dask.memory_limit is not None:
        named['memory_limit'] = dask.memory_limit
    if local.temp_dir is not None:
        named['local_directory'] = local.temp_dir
    # A task that fails is told to the user by the run. Dask's own log would tell it again, once for each attempt.
    return LocalCluster(worker_class=_Nanny, dashboard_address='127.0.0.1:0', silence_logs=logging.CRITICAL, **named)


def _adapt(cluster: Any, least: int, most: int) -> None:
    if cluster is None or not hasattr(cluster, 'adapt'):
        raise OptionsError('--adapt needs a cluster that can grow: one that is started for the run, or '
                           'DaskRunner(cluster=...); that behind an address is not ours to change')
    cluster.adapt(minimum=least, maximum=most)
