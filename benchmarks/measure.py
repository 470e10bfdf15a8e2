"""Measures one contender, which runs in a process of its own: time, CPU time and peak memory of all its processes."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

import psutil

from benchmarks.data import FOLDER

ROOT = Path(__file__).resolve().parent.parent
#: Seconds between two looks at the memory, and the most of its time that the look may take.
INTERVAL = 0.05
SHARE = 0.02
#: Seconds of CPU time below which nothing can be told.
LEAST = 0.001


class Measure(NamedTuple):
    """What a run took.

    Attributes:
      cpu: seconds of CPU time, user and system, of all processes.
      wall: seconds.
      memory: peak resident memory in MiB of all processes together, input included.
      start: seconds until the process was ready to run.
      others: how many cores other programs kept busy meanwhile, on average.
      result: what it computed.
      numbers: what it measured itself, by names with units; the less the better.
    """

    cpu: float
    wall: float
    memory: float
    start: float
    others: float
    result: str
    numbers: Mapping[str, float] = MappingProxyType({})


class ContenderFailed(Exception):
    """A contender gave no result. The message says why: in its own words, or by the last line of its stderr."""


def measure(command: Sequence[str]) -> Measure:
    """Runs a contender that follows the protocol of ``benchmarks/contender.py``.

    Args:
      command: starts it; the working directory is the repository.

    Raises:
      ContenderFailed: if it gives no answer.
    """
    begun = time.perf_counter()
    with (tempfile.TemporaryFile('w+') as errors,
          subprocess.Popen(command, cwd=ROOT, env=installed(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=errors) as process):
        tree = Tree(process.pid)
        with Watch(tree) as watch:
            try:
                _line(process, 'ready')
                start, before = time.perf_counter() - begun, tree.cpu()
                going, busy = time.perf_counter(), _busy()
                _say(process)
                _line(process, 'done')
                wall, cpu, busy = time.perf_counter() - going, tree.cpu() - before, _busy() - busy
                answer = json.loads(_line(process, '{'))
                _say(process)
            except EOFError:
                process.wait()
                errors.seek(0)
                written = errors.read().split('\n')
                silent = f'it ended with status {process.returncode} and said nothing'
                raise ContenderFailed(next(filter(str.strip, reversed(written)), silent)) from None
    if 'missing' in answer:
        raise ContenderFailed(answer['missing'])
    # What a contender knows about itself is more precise than what is seen from here.
    own = answer.get('cpu')
    return Measure(max(LEAST, cpu if own is None else own), answer.get('wall', wall), max(watch.peak, answer['memory']),
                   start, max(0, busy - cpu) / wall, answer['result'], answer.get('numbers', {}))


def installed() -> dict[str, str]:
    """The environment of a measured process: modules are compiled beforehand, as in every installation."""
    settings = {**os.environ, 'PYTHONPYCACHEPREFIX': str(FOLDER / 'pycache')}
    settings.pop('PYTHONDONTWRITEBYTECODE', None)
    return settings


def compare(contenders: Mapping[str, Callable[[], Measure]], rounds: int) -> tuple[dict[str, Measure], dict[str, str]]:
    """Runs contenders in turn, so that whatever else the machine does disturbs all of them alike.

    Args:
      contenders: by name, functions that measure one once; all must agree with the result of the first.
      rounds: how often each is measured.

    Returns:
      The best times and the largest memory of each contender, and the reasons why others have none.
    """
    taken: dict[str, list[Measure]] = {name: [] for name in contenders}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for name, run in contenders.items():
            if name not in failed:
                try:
                    taken[name].append(run())
                except ContenderFailed as error:
                    failed[name] = str(error)
    expected = next((found[0].result for found in taken.values() if found), None)
    for name, found in taken.items():
        if name not in failed and {one.result for one in found} != {expected}:
            failed[name] = f'another result: {found[-1].result[:60]}, not {str(expected)[:60]}'
    return {name: _best(found) for name, found in taken.items() if name not in failed}, failed


def _best(found: Sequence[Measure]) -> Measure:
    fastest = min(found, key=lambda one: one.wall)
    return fastest._replace(cpu=min(one.cpu for one in found), memory=max(one.memory for one in found),
                            start=min(one.start for one in found),
                            numbers={name: min(one.numbers[name] for one in found) for name in fastest.numbers})


def _busy() -> float:
    """Seconds that all cores together were not idle so far."""
    times = psutil.cpu_times()._asdict()
    return sum(times.get(kind, 0) for kind in ('user', 'nice', 'system', 'irq', 'softirq', 'steal'))


def _say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write('\n')
        process.stdin.flush()


def _line(process: subprocess.Popen[str], beginning: str) -> str:
    """The next line that begins so; libraries may print others."""
    stdout: IO[str] | None = process.stdout
    assert stdout is not None
    for line in stdout:
        if line.startswith(beginning):
            return line
    raise EOFError


class Tree:
    """A process and all its descendants, looked at from outside.

    Args:
      pid: the process.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def _each(self, look: Any) -> float:
        """The sum over the processes, without those that end meanwhile."""
        total = 0.0
        with suppress(psutil.NoSuchProcess):
            for process in [self._root, *self._root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += look(process)
        return total

    def cpu(self) -> float:
        """Seconds of CPU time so far, user and system, of those alive and of those they waited for."""
        return self._each(lambda process: sum(process.cpu_times()[:4]))

    def memory(self) -> float:
        """Mebibytes of resident memory; what several processes share counts once, where the system can tell."""
        return self._each(_resident) / (1 << 20)


def _resident(process: psutil.Process) -> int:
    full = process.memory_full_info()
    return getattr(full, 'pss', full.rss)


class Watch:
    """Looks at the memory of a tree of processes, again and again, inside a ``with`` block.

    Attributes:
      peak: the most that was seen, in MiB.
    """

    def __init__(self, tree: Tree) -> None:
        self.peak = 0.0
        self._tree = tree
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        pause = INTERVAL
        while not self._done.wait(pause):
            begun = time.thread_time()
            self.peak = max(self.peak, self._tree.memory())
            pause = max(INTERVAL, (time.thread_time() - begun) / SHARE)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._done.set()
        self._thread.join()
