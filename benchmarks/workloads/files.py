"""Many small files in one ``ReadFromText``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bourne as beam
from benchmarks import data
from benchmarks.workload import BOURNE, HAND, Goal, Taken, Workload
from benchmarks.workloads.common import collect, pipeline

LINES = 20


def _made(count: int) -> Path:
    """A folder with so many files of 20 lines, in subfolders of 100."""
    folder = data.FOLDER / f'files-{count}'
    if folder.exists():
        return folder
    partial = data.fresh(f'files-{count}')
    for number in range(count):
        path = partial / f'{number // 100:03}' / f'{number:05}.txt'
        path.parent.mkdir(exist_ok=True)
        path.write_text(''.join(f'line {line} of file {number}\n' for line in range(LINES)))
    return partial.rename(folder)


def _files_by_hand(folder: Path) -> list[int]:
    count = length = 0
    for path in sorted(folder.glob('*/*.txt')):
        with open(path, encoding='utf-8') as file:
            for line in file.read().splitlines():
                count += 1
                length += len(line)
    return sorted([count, length])


def _files(folder: Path) -> list[int]:
    with pipeline() as p:
        lengths = p | beam.io.ReadFromText(f'{folder}/*/*.txt') | beam.Map(len)
        read = collect('files', lengths | beam.combiners.Count.Globally(), lengths | beam.CombineGlobally(sum))
    return read()


def _goal(count: int) -> Goal:
    def overhead(taken: Taken) -> float:
        return (taken[BOURNE].cpu - taken[HAND].cpu) / count * 1000

    return Goal('CPU time per file beyond that by hand', overhead, 0.5, 'ms')


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    count = int(1e4 * scale)
    yield Workload('files', '10,000 files of 20 lines in one ReadFromText', 'Files', 'k files', count / 1e3,
                   lambda: _made(count), {HAND: _files_by_hand, BOURNE: _files}, (_goal(count),))
