"""The jobs on Spark, with Python functions over its RDDs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from operator import add
from statistics import median_low

from pyspark import RDD

from benchmarks.peers.program import main
from benchmarks.peers.spark import session

Paths = Sequence[str]
SESSION = session()


def _read(path: str) -> RDD:
    return SESSION.sparkContext.textFile(path)


def _write(lines: RDD, folder: str) -> None:
    lines.saveAsTextFile(f'{folder}/result')


def _pair(line: str) -> tuple[str, int]:
    key, value = line.split(',')
    return key, int(value)


def wordcount(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    counts = _read(paths[0]).flatMap(str.split).map(lambda word: (word, 1)).reduceByKey(add)
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
             .sum())
    _write(SESSION.sparkContext.parallelize([str(total)]), folder)


def _event(line: str) -> tuple[tuple[str, int], int]:
    user, value, second = line.split(',')
    return (user, int(second) // 10 * 10), int(value)


def windows(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``. Windows are a part of the key here: RDDs have no event time."""
    sums = _read(paths[0]).map(_event).reduceByKey(add)
    _write(sums.map(lambda found: f'{found[0][0]} {found[0][1]} {found[1]}'), folder)


def _products(found: tuple[str, tuple[Iterable[int], Iterable[int]]]) -> list[str]:
    key, sides = found
    left, right = map(list, sides)
    return [f'{key} {sum(one * other for one in left for other in right)}'] if left and right else []


def join(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    left, right = (_read(path).map(_pair) for path in paths)
    _write(left.cogroup(right).flatMap(_products), folder)


def _add_best(heap: list[int], number: int) -> list[int]:
    if len(heap) < 10:
        heapq.heappush(heap, number)
    elif number > heap[0]:
        heapq.heapreplace(heap, number)
    return heap


def top(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    best = _read(paths[0]).map(_pair).aggregateByKey([], _add_best, lambda one, other: heapq.nlargest(10, one + other))
    _write(best.map(lambda pair: ' '.join([pair[0], *map(str, sorted(pair[1], reverse=True))])), folder)


def skew(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    groups = _read(paths[0]).map(_pair).groupByKey()
    _write(groups.map(lambda pair: f'{pair[0]} {median_low(pair[1])}'), folder)


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    main(JOBS, {})
