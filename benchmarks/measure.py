"""Measures one contender in a process of its own: CPU and wall time, and peak memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Measure(NamedTuple):
    """What a run took.

    Attributes:
      cpu: seconds of CPU time, of the process and its children.
      wall: seconds.
      memory: peak resident memory in MB, input included.
      result: what it computed.
    """

    cpu: float
    wall: float
    memory: float
    result: str


def measure(workload: str, contender: str) -> Measure:
    """Runs a contender in a new process."""
    done = subprocess.run([sys.executable, '-m', 'benchmarks.measure', workload, contender],
                          cwd=ROOT, check=True, capture_output=True, text=True)
    return Measure(*json.loads(done.stdout.splitlines()[-1]))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(workload: str, contender: str) -> None:
    """Measures in this process, and prints the result as JSON."""
    from benchmarks.workloads import WORKLOADS

    chosen = WORKLOADS[workload]
    given = chosen.prepare()
    run = chosen.by_hand if contender == 'by_hand' else chosen.pipeline
    cpu, wall = _cpu(), time.perf_counter()
    result = run(given)
    cpu, wall = _cpu() - cpu, time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([cpu, wall, memory, str(result)]))


if __name__ == '__main__':
    main(*sys.argv[1:])
