"""What a run must have given back when it ends: processes, threads, descriptors."""

from __future__ import annotations

import os
import threading
import time
from typing import NamedTuple

import psutil
from multiprocess import resource_tracker

#: Processes that multiprocess starts once and keeps, and the fork servers of ``tests/fresh.py``.
KEPT = ('resource_tracker', 'multiprocess.forkserver')


class Held(NamedTuple):
    """What this process holds.

    Attributes:
      processes: child processes, by id.
      threads: threads, by name.
      descriptors: what each descriptor is open for.
    """

    processes: dict[int, str]
    threads: frozenset[str]
    descriptors: dict[int, str]

    def leaked(self) -> list[str]:
        """What is there now and was not there then. Processes that were killed may take a moment to be gone."""
        for _ in range(200):
            now = held()
            found = [f'process {name}' for pid, name in now.processes.items() if pid not in self.processes]
            found += [f'thread {name}' for name in now.threads - self.threads]
            found += [f'descriptor {number}: {what}' for number, what in now.descriptors.items()
                      if self.descriptors.get(number) != what]
            if not found:
                break
            time.sleep(0.01)
        return found


def held() -> Held:
    """What this process holds now."""
    resource_tracker.ensure_running()
    return Held(dict(_children()), frozenset(thread.name for thread in threading.enumerate()), dict(_descriptors()))


def _children() -> list[tuple[int, str]]:
    found = []
    for child in psutil.Process().children():
        try:
            command = ' '.join(child.cmdline())
            if child.status() != psutil.STATUS_ZOMBIE and not any(kept in command for kept in KEPT):
                found.append((child.pid, command))
        except psutil.NoSuchProcess:
            continue
    return found


def _descriptors() -> list[tuple[int, str]]:
    found = []
    for name in os.listdir('/proc/self/fd'):
        try:
            found.append((int(name), os.readlink(f'/proc/self/fd/{name}')))
        except OSError:  # the one that lists the directory
            continue
    return found
