"""What it takes to begin: importing the package, and the smallest test."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.data import FOLDER

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


def _run(program: str) -> list[float]:
    # With compiled modules at hand, as in every installation, wherever this machine keeps them.
    settings = {**os.environ, 'PYTHONPYCACHEPREFIX': str(FOLDER / 'pycache')}
    settings.pop('PYTHONDONTWRITEBYTECODE', None)
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True, env=settings)
    return [float(line) for line in done.stdout.split()]


def import_time(rounds: int = 11) -> float:
    """Seconds that ``import bourne`` takes in a new interpreter, the best of some."""
    return min(_run(_IMPORT)[0] for _ in range(rounds))


def smallest_pipeline(rounds: int = 11) -> tuple[float, float]:
    """Seconds for the smallest test pipeline the first time in a process and afterwards, the best of some."""
    taken = [_run(_SMALLEST) for _ in range(rounds)]
    return min(one[0] for one in taken), min(one[1] for one in taken)
