"""A cluster whose scheduler and workers are processes of their own, as on other machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

#: How ``dask scheduler`` and ``dask worker`` are started by a script that is not there, on every platform.
START = 'from distributed.cli.dask_{0} import main; main()'


class Outside(NamedTuple):
    """A cluster.

    Attributes:
      file: the scheduler file.
      scheduler: the id of the scheduler's process.
    """

    file: Path
    scheduler: int

    @property
    def address(self) -> str:
        """The scheduler's address."""
        found = json.loads(self.file.read_text())['address']
        assert isinstance(found, str)
        return found


@contextmanager
def outside(folder: Path, *flags: str, worker: Sequence[str] = (), count: int = 2, where: Path | None = None,
            environment: dict[str, str] | None = None) -> Iterator[Outside]:
    """Starts a cluster; all of it is killed at the end.

    Args:
      folder: for its files.
      flags: for the scheduler and for the workers.
      worker: flags for the workers only.
      count: how many workers there are.
      where: the directory that the workers start in.
      environment: variables of theirs.
    """
    file = folder / 'scheduler.json'
    common: dict[str, Any] = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL, 'start_new_session': True,
                              'cwd': where or folder, 'env': {**os.environ, **(environment or {})}}
    with ExitStack() as stack:
        started = []

        def start(kind: str, *more: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen([sys.executable, '-c', START.format(kind), '--scheduler-file', str(file),
                                        '--no-dashboard', *flags, *more], **common)
            started.append(process)
            return process

        stack.callback(lambda: [_kill(process) for process in started])
        scheduler = start('scheduler', '--host', '127.0.0.1', '--port', '0')
        start('worker', '--nworkers', str(count), '--nthreads', '1', '--memory-limit', '1GiB', '--death-timeout', '30',
              '--local-directory', str(folder), *worker)
        _wait(file, scheduler)
        yield Outside(file, scheduler.pid)


def _wait(file: Path, scheduler: subprocess.Popen[bytes]) -> None:
    """Waits until the scheduler has written its file."""
    while scheduler.poll() is None:
        try:
            json.loads(file.read_text())
        except (OSError, ValueError):
            psutil.wait_procs([psutil.Process(scheduler.pid)], timeout=0.05)
        else:
            return
    raise RuntimeError(f'the scheduler ended with {scheduler.returncode}')


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        family = []
    for one in family:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
