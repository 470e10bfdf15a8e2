"""The jobs on dask.bag: its default scheduler, a process for each core."""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence
from operator import add, itemgetter
from statistics import median_low
from typing import Any

import dask
import dask.bag as db
from dask.system import CPU_COUNT

from benchmarks.peers.program import main

Paths = Sequence[str]
#: Partitions of a file for each core, so that they end at about the same time.
PARTITIONS = 4


def _read(path: str, partitions: int = PARTITIONS * CPU_COUNT) -> Any:
    return db.read_text(path, blocksize=-(-os.path.getsize(path) // partitions))


def _write(lines: Any, folder: str) -> None:
    lines.to_textfiles(f'{folder}/*.txt')


def _pair(line: str) -> tuple[str, int]:
    key, value = line.split(',')
    return key, int(value)


def wordcount(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    counts = _read(paths[0]).map(str.split).flatten().frequencies()
    _write(counts.map(lambda pair: f'{pair[0]} {pair[1]}'), folder)


def chain_of_maps(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    total = (_read(paths[0])
             .map(int)
             .map(lambda x: x + 1)
             .filter(lambda x: x % 3 != 0)
             .map(lambda x: x * 2)
             .filter(lambda x: x % 5 != 0)
             .map(lambda x: x - 7)
             .sum()
             .compute())
    _write(db.from_sequence([str(total)]), folder)


def _event(line: str) -> tuple[tuple[str, int], int]:
    user, value, second = line.split(',')
    return (user, int(second) // 10 * 10), int(value)


def windows(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``. Windows are a part of the key here: there is no event time."""
    sums = _read(paths[0]).map(_event).foldby(itemgetter(0), lambda total, event: total + event[1], 0, add, 0)
    _write(sums.map(lambda found: f'{found[0][0]} {found[0][1]} {found[1]}'), folder)


Sides = tuple[list[int], list[int]]


def _add_side(sides: Sides, tagged: tuple[str, int, int]) -> Sides:
    _, side, value = tagged
    sides[side].append(value)
    return sides


def _join_sides(one: Sides, other: Sides) -> Sides:
    return one[0] + other[0], one[1] + other[1]


def _products(found: tuple[str, Sides]) -> list[str]:
    key, (left, right) = found
    return [f'{key} {sum(one * other for one in left for other in right)}'] if left and right else []


def join(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``. The join of bags takes one side into memory whole; its page advises to fold by key."""
    # Of what does not become less by folding, all partitions are merged by one process: so there is one a file.
    sides = [_read(path, 1).map(_pair).map(lambda pair, side=side: (pair[0], side, pair[1]))
             for side, path in enumerate(paths)]
    found = db.concat(sides).foldby(itemgetter(0), _add_side, lambda: ([], []), _join_sides, ([], []))
    _write(found.map(_products).flatten(), folder)


def _add_best(heap: list[int], pair: tuple[str, int]) -> list[int]:
    number = pair[1]
    if len(heap) < 10:
        heapq.heappush(heap, number)
    elif number > heap[0]:
        heapq.heapreplace(heap, number)
    return heap


def top(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    best = _read(paths[0]).map(_pair).foldby(
        itemgetter(0), _add_best, list, lambda one, other: heapq.nlargest(10, one + other), [])
    _write(best.map(lambda pair: ' '.join([pair[0], *map(str, sorted(pair[1], reverse=True))])), folder)


def _append(values: list[int], pair: tuple[str, int]) -> list[int]:
    values.append(pair[1])
    return values


def skew(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    groups = _read(paths[0]).map(_pair).foldby(itemgetter(0), _append, list, add, [])
    _write(groups.map(lambda pair: f'{pair[0]} {median_low(pair[1])}'), folder)


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    # By default a process is given six partitions at once, so that others may have none.
    with dask.config.set(chunksize=1):
        main(JOBS, {})
