"""The jobs on bytewax: one worker, in this process."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median_low
from typing import Any

import bytewax.operators as op
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, reduce_window
from bytewax.testing import run_main

from benchmarks.peers.program import main

Paths = Sequence[str]
START = datetime(1970, 1, 1, tzinfo=UTC)
#: Lines that are read at once. By default it is a thousand, and bytewax has some work for each of its keys and batches.
BATCH = 20_000
#: How long windows wait for late events; the clock goes on with the system's while the job runs.
PATIENCE = timedelta(hours=1)


def _run(folder: str, build: Callable[[Dataflow], Any]) -> None:
    """Runs a dataflow whose last stream are lines."""
    flow = Dataflow('job')
    lines = op.key_on('any', build(flow), lambda _: '')
    op.output('write', lines, FileSink(Path(folder) / 'result'))
    run_main(flow)


def _read(flow: Dataflow, path: str, name: str = 'read') -> Any:
    return op.input(name, flow, FileSource(path, batch_size=BATCH))


def _pair(line: str) -> tuple[str, int]:
    key, value = line.split(',')
    return key, int(value)


def wordcount(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""

    def build(flow: Dataflow) -> Any:
        words = op.flat_map('split', _read(flow, paths[0]), str.split)
        counts = op.count_final('count', words, lambda word: word)
        return op.map('format', counts, lambda pair: f'{pair[0]} {pair[1]}')

    _run(folder, build)


def chain_of_maps(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""

    def build(flow: Dataflow) -> Any:
        numbers = op.map('int', _read(flow, paths[0]), int)
        numbers = op.map('first', numbers, lambda x: x + 1)
        numbers = op.filter('second', numbers, lambda x: x % 3 != 0)
        numbers = op.map('third', numbers, lambda x: x * 2)
        numbers = op.filter('fourth', numbers, lambda x: x % 5 != 0)
        numbers = op.map('fifth', numbers, lambda x: x - 7)
        total = op.reduce_final('sum', op.key_on('all', numbers, lambda _: ''), lambda one, other: one + other)
        return op.map('format', total, lambda pair: str(pair[1]))

    _run(folder, build)


def _event(line: str) -> tuple[str, tuple[int, datetime]]:
    user, value, second = line.split(',')
    return user, (int(value), START + timedelta(seconds=int(second)))


def windows(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""

    def build(flow: Dataflow) -> Any:
        events = op.map('parse', _read(flow, paths[0]), _event)
        found = reduce_window(
            'sum', events, EventClock(lambda event: event[1], wait_for_system_duration=PATIENCE),
            TumblingWindower(length=timedelta(seconds=10), align_to=START),
            lambda one, other: (one[0] + other[0], one[1]))
        return op.map('format', found.down, lambda found: f'{found[0]} {found[1][0] * 10} {found[1][1][0]}')

    _run(folder, build)


def _add_side(sides: tuple[list[int], list[int]], tagged: tuple[int, int]) -> tuple[list[int], list[int]]:
    side, value = tagged
    sides[side].append(value)
    return sides


def _products(found: tuple[str, tuple[list[int], list[int]]]) -> list[str]:
    key, (left, right) = found
    return [f'{key} {sum(one * other for one in left for other in right)}'] if left and right else []


def join(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``. bytewax's own join keeps one value of each side."""

    def build(flow: Dataflow) -> Any:
        sides = []
        for side, path in enumerate(paths):
            pairs = op.map(f'parse {side}', _read(flow, path, f'read {side}'), _pair)
            sides.append(op.map_value(f'tag {side}', pairs, lambda value, side=side: (side, value)))
        found = op.fold_final('group', op.merge('merge', *sides), lambda: ([], []), _add_side)
        return op.flat_map('products', found, _products)

    _run(folder, build)


def _add_best(heap: list[int], number: int) -> list[int]:
    if len(heap) < 10:
        heapq.heappush(heap, number)
    elif number > heap[0]:
        heapq.heapreplace(heap, number)
    return heap


def top(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""

    def build(flow: Dataflow) -> Any:
        best = op.fold_final('best', op.map('parse', _read(flow, paths[0]), _pair), list, _add_best)
        return op.map('format', best, lambda pair: ' '.join([pair[0], *map(str, sorted(pair[1], reverse=True))]))

    _run(folder, build)


def _append(values: list[int], value: int) -> list[int]:
    values.append(value)
    return values


def skew(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""

    def build(flow: Dataflow) -> Any:
        groups = op.fold_final('group', op.map('parse', _read(flow, paths[0]), _pair), list, _append)
        return op.map('format', groups, lambda pair: f'{pair[0]} {median_low(pair[1])}')

    _run(folder, build)


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    main(JOBS, {})
