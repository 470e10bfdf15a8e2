"""What it takes to begin: importing the package, the smallest test, and worker processes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from benchmarks.measure import ROOT, installed

_IMPORT = """
import time
start = time.perf_counter()
import bourne
print(time.perf_counter() - start)
"""

_SMALLEST = """
import time
import bourne as beam
from bourne.sdk.testing import TestPipeline, assert_that, equal_to

def smallest():
    start = time.perf_counter()
    with TestPipeline() as p:
        assert_that(p | beam.Create([1, 2, 3]) | beam.Map(lambda x: x + 1), equal_to([2, 3, 4]))
    return time.perf_counter() - start

print(smallest())
print(sorted(smallest() for _ in range(50))[25])
"""

# What two workers add to the run of a pipeline that hardly does anything.
_WORKERS = """
import time
import bourne as beam
from bourne.sdk.options import PipelineOptions

def run(**options):
    start = time.perf_counter()
    with beam.Pipeline(options=PipelineOptions([], **options)) as p:
        p | beam.Create(range(100)) | beam.Map(abs)
    return time.perf_counter() - start

run()
inline = min(run() for _ in range(5))
print(run(workers=2, start_method='fork') - inline)
print(run(workers=2, start_method='spawn') - inline)
"""


def _run(program: str) -> list[float]:
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True, env=installed(),
                          cwd=ROOT)
    return [float(line) for line in done.stdout.split()]


def _best(program: str, rounds: int) -> list[float]:
    """The best of some new processes, in milliseconds."""
    return [min(one) * 1000 for one in zip(*(_run(program) for _ in range(rounds)))]


def goals(rounds: int = 11) -> list[dict[str, Any]]:
    """What it takes, and what it may take, in the form of :meth:`benchmarks.workload.Goal.check`."""
    [imported], [first, later], [fork, spawn] = (_best(program, rounds) for program in (_IMPORT, _SMALLEST, _WORKERS))
    return [{'what': what, 'measured': f'{measured:.3g} ms', 'bound': f'at most {bound} ms' if bound else '',
             'reached': not bound or measured <= bound}
            for what, measured, bound in (
                ('`import bourne` beyond the start of Python', imported, 120),
                ('the smallest test pipeline, the first of a process', first, 10),
                ('the smallest test pipeline, later', later, 2),
                ('two worker processes, forked', fork, 300),
                ('two worker processes, spawned', spawn, None))]
