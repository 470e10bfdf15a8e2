"""The workloads: for each, the loop that a good engineer writes by hand, and the pipeline.

A workload's ``prepare`` makes the input; it is not measured. Each contender takes the input and returns a summary,
and all contenders must return the same.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import bourne as beam
from benchmarks import data
from bourne.sdk.model.source import BoundedReader, Source

FIND = re.compile(r"[\w']+").findall


class Workload(NamedTuple):
    """One thing to measure.

    Attributes:
      title: what it is.
      unit: what its throughput counts.
      amount: how many of them there are.
      goal: the most CPU time that the pipeline should take, in that of the hand-written loop.
      prepare: makes the input.
      by_hand: the loop.
      pipeline: the pipeline.
    """

    title: str
    unit: str
    amount: float
    goal: float
    prepare: Callable[[], Any]
    by_hand: Callable[[Any], Any]
    pipeline: Callable[[Any], Any]


def _fresh(name: str) -> Path:
    folder = data.FOLDER / 'out' / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _digest(folder: Path) -> tuple[int, int]:
    lines = [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
    return len(lines), sum(int(line.rsplit(' ', 1)[1]) for line in lines)


def _wordcount_by_hand(path: Path) -> Any:
    folder = _fresh('by-hand')
    counts: Counter[str] = Counter()
    with path.open(encoding='utf-8') as file:
        counts.update(chain.from_iterable(map(FIND, file)))
    with (folder / 'counts').open('w', encoding='utf-8') as out:
        out.writelines(f'{word} {count}\n' for word, count in counts.items())
    return _digest(folder)


def _format(pair: tuple[str, int]) -> str:
    return f'{pair[0]} {pair[1]}'


def _wordcount(path: Path) -> Any:
    folder = _fresh('bourne')
    with beam.Pipeline() as p:
        (p
         | beam.io.ReadFromText(str(path))
         | beam.FlatMap(FIND)
         | beam.combiners.Count.PerElement()
         | beam.Map(_format)
         | beam.io.WriteToText(str(folder / 'counts')))
    return _digest(folder)


NUMBERS = 5_000_000


def _steps() -> tuple[Callable[[int], Any], ...]:
    return (lambda x: x + 1, lambda x: x % 3 != 0, lambda x: x * 2, lambda x: x % 5 != 0, lambda x: x - 7)


def _chain_by_hand(numbers: range) -> Any:
    first, second, third, fourth, fifth = _steps()
    total = 0
    for x in numbers:
        x = first(x)
        if second(x):
            x = third(x)
            if fourth(x):
                total += fifth(x)
    return total


def _collect(pcoll: Any, name: str) -> Callable[[], Any]:
    """Writes a small collection, and returns a function that reads it again."""
    folder = _fresh(name)
    pcoll | beam.Map(repr) | beam.io.WriteToText(str(folder / 'part'))
    return lambda: sorted(line for path in folder.iterdir() for line in path.read_text().splitlines())


class Numbers(Source[int]):
    """The numbers below a bound."""

    def __init__(self, stop: int) -> None:
        self.stop = stop

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        step = -(-self.stop // desired)
        return [(start, min(start + step, self.stop)) for start in range(0, self.stop, step)]

    def open(self, split: tuple[int, int], position: int | None = None) -> BoundedReader[int]:
        return BoundedReader(range(*split), None, position or 0)


def _chain(numbers: range) -> Any:
    first, second, third, fourth, fifth = _steps()
    with beam.Pipeline() as p:
        total = (p
                 | beam.io.Read(Numbers(len(numbers)))
                 | 'first' >> beam.Map(first)
                 | 'second' >> beam.Filter(second)
                 | 'third' >> beam.Map(third)
                 | 'fourth' >> beam.Filter(fourth)
                 | 'fifth' >> beam.Map(fifth)
                 | beam.CombineGlobally(sum))
        read = _collect(total, 'chain')
    return int(read()[0])


EVENTS = 2_000_000
WINDOW = 10


class Events(Source[tuple[str, int]]):
    """Pairs in memory with their event times: what a source that knows times gives."""

    def __init__(self, pairs: list[tuple[str, int]], micros: list[int]) -> None:
        self.pairs = pairs
        self.micros = micros

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: int | None = None) -> BoundedReader[tuple[str, int]]:
        return BoundedReader(self.pairs, self.micros, position or 0)


def _timed_events() -> tuple[list[tuple[str, int]], list[int]]:
    pairs, times = data.keyed_events(EVENTS)
    return pairs, [time * 1_000_000 for time in times]


def _windows_by_hand(events: tuple[list[tuple[str, int]], list[int]]) -> Any:
    pairs, micros = events
    size = WINDOW * 1_000_000
    sums: dict[tuple[str, int], int] = {}
    for (key, value), time in zip(pairs, micros, strict=True):
        slot = (key, time - time % size)
        sums[slot] = sums.get(slot, 0) + value
    return len(sums), sum(sums.values())


def _windows(events: tuple[list[tuple[str, int]], list[int]]) -> Any:
    with beam.Pipeline() as p:
        sums = (p
                | beam.io.Read(Events(*events))
                | beam.WindowInto(beam.window.FixedWindows(WINDOW))
                | beam.CombinePerKey(sum)
                | beam.Values())
        whole = sums | 'Together' >> beam.WindowInto(beam.window.GlobalWindows())
        read = _collect((
            whole | beam.combiners.Count.Globally(),
            whole | beam.CombineGlobally(sum)) | beam.Flatten(), 'windows')
    return tuple(sorted(int(line) for line in read()))


ROWS = 1_000_000
ROW_KEYS = 500_000


def _join_input() -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return data.rows(ROWS, ROW_KEYS, 1), data.rows(ROWS, ROW_KEYS, 2)


def _join_by_hand(tables: tuple[list[tuple[int, int]], list[tuple[int, int]]]) -> Any:
    left, right = tables
    joined: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for key, value in left:
        joined[key][0].append(value)
    for key, value in right:
        joined[key][1].append(value)
    return len(joined), sum(len(a) * len(b) for a, b in joined.values())


def _join(tables: tuple[list[tuple[int, int]], list[tuple[int, int]]]) -> Any:
    left, right = tables
    with beam.Pipeline() as p:
        joined = ((p | 'left' >> beam.Create(left), p | 'right' >> beam.Create(right)) | beam.CoGroupByKey())
        sizes = joined | beam.Map(lambda row: len(row[1][0]) * len(row[1][1]))
        read = _collect((
            sizes | beam.combiners.Count.Globally(),
            sizes | beam.CombineGlobally(sum)) | beam.Flatten(), 'join')
    return tuple(sorted(int(line) for line in read()))


WORKLOADS = {
    'wordcount': Workload('wordcount of 100 MB of text', 'MB', 100, 1 / 0.8, lambda: data.words_file(100),
                          _wordcount_by_hand, _wordcount),
    'chain': Workload('five Map/Filter lambdas and a sum over 5 million integers', 'M elements', NUMBERS / 1e6, 1.3,
                      lambda: range(NUMBERS), _chain_by_hand, _chain),
    'windows': Workload('sum per key and 10 s window over 2 million events, 10,000 keys', 'M elements',
                        EVENTS / 1e6, 1.3, _timed_events, _windows_by_hand, _windows),
    'join': Workload('CoGroupByKey of two million rows each, 500,000 keys', 'M elements', 2 * ROWS / 1e6, 2.0,
                     _join_input, _join_by_hand, _join),
}
