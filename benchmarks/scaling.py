"""What a task, a stage and an exchange cost on Dask, whatever they do: the numbers of docs/scaling.md.

Usage: python -m benchmarks.scaling
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import bourne as beam
from benchmarks.workloads.cluster import Cut, connected, on_dask

#: Tasks of each side of an exchange.
GRIDS = (32, 64, 128, 256)
#: Elements of a kilobyte that a task makes.
ELEMENTS = 300
REPEATS = 2


def _best(run: Callable[[], Any]) -> float:
    """The shortest time of several, in seconds."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def _one(start: int, stop: int) -> list[int]:
    return [start]


def _idle(tasks: int) -> Callable[[], Any]:
    def run() -> None:
        with on_dask(connected('8GiB')) as p:
            p | beam.io.Read(Cut(tasks, _one, tasks)) | beam.Map(str)
    return run


def _stages(count: int) -> Callable[[], Any]:
    def run() -> None:
        with on_dask(connected('8GiB')) as p:
            made = p | beam.Create([0])
            for number in range(count):
                made = made | f'{number}' >> beam.Reshuffle()
    return run


def _pairs(start: int, stop: int) -> list[tuple[int, bytes]]:
    return [(number, number.to_bytes(1000)) for number in range(start, stop)]


def _exchange(tasks: int, kind: str) -> tuple[float, Any]:
    """Seconds that a run takes in which so many tasks make little, and as many take it."""
    found: list[Any] = []

    def run() -> None:
        pipeline = on_dask(connected('8GiB'), exchange=kind, task_size=ELEMENTS * 1000)
        pipeline | beam.io.Read(Cut(tasks * ELEMENTS, _pairs, tasks, ELEMENTS * 1000)) | beam.GroupByKey()
        found.append(pipeline.run())
    seconds = _best(run)
    return seconds, next(iter(found[-1].exchanges.values()))


def measured() -> Iterator[str]:
    """The lines of the table."""
    few, many = _best(_idle(100)), _best(_idle(2100))
    yield f'a task that makes nothing for others: {(many - few) / 2000 * 1e3:.2f} ms'
    short, long = _best(_stages(1)), _best(_stages(21))
    yield f'a stage of one task: {(long - short) / 20 * 1e3:.1f} ms'
    for tasks in GRIDS:
        for kind in ('tasks', 'p2p'):
            seconds, exchange = _exchange(tasks, kind)
            yield f'{exchange.makers} to {exchange.takers} by {exchange.kind}: {seconds:.2f} s'


if __name__ == '__main__':
    logging.getLogger('bourne').setLevel(logging.WARNING)
    for line in measured():
        print(line, flush=True)
