"""Where a run takes place: a cluster that is given, one that is running, or one that is started for the run."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

from dask import config
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, Nanny, Status, default_client, get_client, rejoin, secede
from distributed.deploy.cluster import Cluster
from distributed.system import MEMORY_LIMIT

from bourne.errors import OptionsError
from bourne.runners.common.spawning import MOST_WORKERS, main_left_alone
from bourne.sdk.options import DaskOptions, LocalOptions

#: The seconds at which it is looked whether a worker that is gone has to be replaced, since its nanny does not.
PATIENCE = (0.5, 5.0)
#: Seconds between two looks at a scheduler file that has no address yet.
INTERVAL = 0.05
#: The states of a nanny that does not start a worker any more.
LEAVING = (Status.closing, Status.closing_gracefully, Status.closed, Status.failed)
#: Of two tasks of a worker that ask for its client, the second one would get it before it is connected.
_looking = Lock()


class _Nanny(Nanny):  # type: ignore[misc]  # distributed has no types for it
    """Starts its worker without running the user's script in it, and starts it so again when it has died."""

    async def instantiate(self) -> Any:
        with main_left_alone():
            return await super().instantiate()


class _Client(Client):  # type: ignore[misc]
    """Waits only so long for a scheduler that lets it connect and then says nothing: Dask itself waits for ever."""

    async def _start(self, timeout: float, **named: Any) -> Any:
        try:
            return await asyncio.wait_for(super()._start(timeout=timeout, **named), timeout + 1)
        except TimeoutError:
            await self._close(fast=True)
            raise TimeoutError('it does not answer') from None


class _Cluster(LocalCluster):  # type: ignore[misc]
    """Keeps the nannies of workers that were lost, since they replace them, and replaces nannies that have ended.

    Dask looks 15 seconds after a loss whether the worker is back (``distributed.deploy.lost-worker-timeout``), and
    closes its nanny for good if that happens to replace it again just then. After a few losses no worker is left, and
    the run waits for ever.
    """

    def _update_worker_status(self, op: Any, msg: Any) -> None:
        Cluster._update_worker_status(self, op, msg)
        if op == 'remove':
            for delay in PATIENCE:
                asyncio.get_running_loop().call_later(delay, self._replace)

    def _replace(self) -> None:
        """Starts workers in place of those that leave together with their nannies, as by ``sys.exit``."""
        there = {worker['name'] for worker in self.scheduler_info['workers'].values()}
        leaving = [name for name, nanny in self.workers.items() if nanny.status in LEAVING and name not in there]
        if leaving and self.status == Status.running:
            for name in leaving:  # its process may hang on the way out
                self._futures.add(asyncio.ensure_future(self.workers.pop(name).close()))
            self._correct_state()


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
        stack.enter_context(_thread_left())
        if not is_there(dask, client, cluster):
            cluster = stack.enter_context(_started(dask, local))
        client = stack.enter_context(joined(dask, client, cluster))
        if dask.adapt is not None:
            _adapt(cluster if cluster is not None else client.cluster, *dask.adapt)
        yield client


@contextmanager
def _thread_left() -> Iterator[None]:
    """Inside of a task of Dask's, leaves its thread of the worker to other tasks: the run's own may have no other."""
    try:
        secede()
    except (ValueError, AttributeError, KeyError):  # this is no task, or it has left already
        yield
        return
    try:
        yield
    finally:
        rejoin()


@contextmanager
def joined(dask: DaskOptions, client: Any = None, cluster: Any = None) -> Iterator[Client]:
    """A client of a cluster that is there already; arguments and errors as for :func:`connected`."""
    client = _given(dask, client, cluster)
    if client is not None:
        _check(client)
        yield client
        return
    where = cluster if cluster is not None else dask.dask_scheduler or _configured()
    if where is None:
        raise OptionsError('there is no Dask cluster: say which one by --dask_scheduler=tcp://host:8786, or by the '
                           'environment variable DASK_SCHEDULER_ADDRESS')
    with _connect(where, dask.dask_connection_timeout) as made:
        yield made


def check_outlives(dask: DaskOptions, client: Any = None, cluster: Any = None) -> None:
    """Refuses a cluster that ends with this process.

    Raises:
      OptionsError: says what to use instead.
    """
    if not is_there(dask, client, cluster):
        raise OptionsError('--detach needs a cluster that outlives this process, and none is named: say which one by '
                           '--dask_scheduler=tcp://host:8786, or give DaskRunner a client or cluster')
    client = _given(dask, client, cluster)
    owner = cluster if cluster is not None else getattr(client, 'cluster', None)
    if isinstance(owner, LocalCluster) or getattr(owner, 'shutdown_on_close', False):
        raise OptionsError(f'--detach needs a cluster that outlives this process, and {type(owner).__name__} ends with '
                           f'it: make it with shutdown_on_close=False if it can do that, or name one that runs by '
                           f'itself: --dask_scheduler=tcp://host:8786')
    if dask.adapt is not None:
        raise OptionsError('--adapt is done by this process, so it cannot go with --detach: have the cluster itself '
                           'grow and shrink')


def _given(dask: DaskOptions, client: Any, cluster: Any) -> Any:
    """The client that a run was given, or that is current where nothing else was said; ``None`` if there is none."""
    return _current() if client is None and cluster is None and dask.dask_scheduler is None else client


def _configured() -> str | None:
    """The scheduler of Dask's own configuration, as ``DASK_SCHEDULER_ADDRESS`` sets it."""
    where: str | None = config.get('scheduler-address', None)
    return where


def is_there(dask: DaskOptions, client: Any = None, cluster: Any = None) -> bool:
    """True if no cluster has to be started."""
    named = cluster is not None or dask.dask_scheduler is not None or _configured() is not None
    return named or _given(dask, client, cluster) is not None


def _current() -> Client | None:
    """The client that is in use in this process, or that of the task that this is; ``None`` if there is neither."""
    with _looking:
        try:
            return default_client()
        except ValueError:
            pass
        try:
            return get_client()
        except ValueError:
            return None


def check_given(client: Any, cluster: Any) -> None:
    """Refuses what a runner cannot be given.

    Raises:
      OptionsError: says what it can be given.
    """
    other = '; an address is given by --dask_scheduler' if isinstance(client or cluster, str) else ''
    if client is not None and not isinstance(client, Client):
        raise OptionsError(f'DaskRunner(client=...) needs a distributed.Client, got {client!r} of type '
                           f'{type(client).__name__}{other}')
    if cluster is not None and not hasattr(cluster, 'scheduler_address'):
        raise OptionsError(f'DaskRunner(cluster=...) needs a cluster, such as distributed.LocalCluster, got '
                           f'{cluster!r} of type {type(cluster).__name__}{other}')
    if getattr(cluster, 'asynchronous', False):
        raise OptionsError(f'DaskRunner needs a cluster that waits for its answers: make it with '
                           f'{type(cluster).__name__}(..., asynchronous=False)')


def _check(client: Any) -> None:
    if client.asynchronous:
        raise OptionsError('DaskRunner needs a client that waits for its answers: make it with '
                           'Client(..., asynchronous=False)')
    if client.status != 'running':
        raise OptionsError(f'the Dask client that DaskRunner was given is {client.status}: {client!r}')


def _address(where: str, timeout: int) -> str:
    """The address that ``--dask_scheduler`` says, or the scheduler file that it names."""
    if '://' in where:
        return where
    if os.path.exists(where):
        return _written(where, timeout)
    host, colon, port = where.rpartition(':')
    if colon and host and port.isdigit():
        return f'tcp://{where}'
    raise OptionsError(f'--dask_scheduler={where}: this is neither an address, such as tcp://host:8786, nor a '
                       f'scheduler file that exists')


def _written(path: str, timeout: int) -> str:
    """The address in a scheduler file, which the scheduler may be about to write."""
    until = time.monotonic() + timeout
    while True:
        try:
            with open(path, encoding='utf-8') as file:
                match json.load(file):
                    case {'address': str(address)}:
                        return address
            wrong = 'it has no address'
        except OSError as error:
            wrong = str(error.strerror)
        except ValueError as error:
            wrong = f'it is no JSON: {error}'
        if time.monotonic() >= until:
            raise OptionsError(f'--dask_scheduler={path}: this is not the file of a Dask scheduler (dask scheduler '
                               f'--scheduler-file=...), {wrong}')
        time.sleep(INTERVAL)


def _connect(where: Any, timeout: int) -> Client:
    """A client of a scheduler; TLS is set up by Dask's configuration.

    Raises:
      OptionsError: if it does not answer in time, in seconds.
    """
    address = _address(where, timeout) if isinstance(where, str) else where
    try:
        return _Client(address, timeout=timeout, set_as_default=False)
    except (OSError, RuntimeError, TimeoutError, ValueError) as error:
        shown = where if isinstance(where, str) else repr(where)
        raise OptionsError(f'cannot reach the Dask scheduler {shown} within {timeout} seconds '
                           f'(--dask_connection_timeout): {error}') from error


def _started(dask: DaskOptions, local: LocalOptions) -> LocalCluster:
    """A cluster on this machine."""
    workers = local.workers or max(1, CPU_COUNT // dask.threads_per_worker)
    least, most = (workers, workers) if dask.adapt is None else dask.adapt
    if most > MOST_WORKERS:
        raise OptionsError(f'a cluster on this machine has at most {MOST_WORKERS} workers; got {most:,} by '
                           f'{"--workers" if dask.adapt is None else "--adapt"}')
    share = MEMORY_LIMIT // most
    named: dict[str, Any] = {'n_workers': max(1, least), 'threads_per_worker': dask.threads_per_worker,
                             'memory_limit': share if dask.memory_limit is None else dask.memory_limit}
    if local.temp_dir is not None:
        named['local_directory'] = local.temp_dir
    # As many bytes wait in a worker to be sent to others. By default it may be a gigabyte.
    settings = {'distributed.p2p.comm.buffer': max(16 << 20, (dask.memory_limit or share) // 10)}
    # A task that fails is told to the user by the run. Dask's own log would tell it again, for each attempt.
    return _Cluster(worker_class=_Nanny, dashboard_address='127.0.0.1:0', silence_logs=logging.CRITICAL,
                    config=settings, **named)


def _adapt(cluster: Any, least: int, most: int) -> None:
    if cluster is None or not hasattr(cluster, 'adapt'):
        raise OptionsError('--adapt needs a cluster that can grow: one that is started for the run, or '
                           'DaskRunner(cluster=...); that behind an address is not ours to change')
    cluster.adapt(minimum=least, maximum=most)
