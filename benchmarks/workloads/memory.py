"""Data larger than the memory that a run may take."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import attrs

import bourne as beam
from benchmarks import data
from benchmarks.sources import Made
from benchmarks.workload import BOURNE, HAND, Goal, Taken, Workload, spent
from benchmarks.workloads.common import collect, pipeline

FILES = 'by hand, files'
BUDGET = 'bourne, budget'
WORKERS = 'bourne, 2 workers'
BOTH = 'bourne, 2 workers, budget'
#: What a run may take beyond its budget, in MiB for each process; see "Memory" in docs/architecture.md.
CONSTANT = 50
#: Elements that a loop makes at a time, and the files that it spreads them over.
BLOCK = 10_000
BUCKETS = 16
#: Keys beside the hot one.
COLD = 1000

Pair = tuple[int, str]

payload_200, payload_1000 = (cache(partial(data.Payloads, length)) for length in (200, 1000))


@attrs.frozen
class Large:
    """Pairs that are made while they are read.

    Attributes:
      count: how many.
      make: returns those from one number up to another.
      budget: how much memory the run may take, in bytes.
    """

    count: int
    make: Callable[[int, int], list[Pair]]
    budget: int

    def blocks(self) -> Iterator[list[Pair]]:
        """All pairs, some at a time."""
        for start in range(0, self.count, BLOCK):
            yield self.make(start, min(start + BLOCK, self.count))


def _pairs(keys: int, start: int, stop: int) -> list[Pair]:
    """Keys below ``keys``, all equally often, and texts of 200 characters."""
    text = payload_200()
    return [(number * 2_654_435_761 % keys, text(number)) for number in range(start, stop)]


def _hot_pairs(start: int, stop: int) -> list[Pair]:
    """Every other pair has the key 0; texts of 1,000 characters."""
    text = payload_1000()
    return [(number % 2 and 1 + number // 2 % COLD, text(number)) for number in range(start, stop)]


def _buckets(large: Large, folder: Path) -> Iterator[Path]:
    """Spreads the pairs over files by their key, then gives out one file after the other."""
    paths = [folder / f'bucket-{number}' for number in range(BUCKETS)]
    with ExitStack() as stack:
        files = [stack.enter_context(path.open('wb')) for path in paths]
        for block in large.blocks():
            parts: list[list[Pair]] = [[] for _ in paths]
            for pair in block:
                parts[pair[0] % BUCKETS].append(pair)
            for file, part in zip(files, parts):
                pickle.dump(part, file, protocol=5)
    for path in paths:
        yield path
        path.unlink()


def _load(path: Path) -> Iterator[list[Pair]]:
    with path.open('rb') as file:
        while file.peek(1):
            yield pickle.load(file)


def _summary(values: Iterable[str]) -> int:
    """Something that needs all values of a key."""
    kept = list(values)
    return len(kept) * 1000 + ord(max(kept)[0])


def _group(blocks: Iterable[list[Pair]]) -> tuple[int, int]:
    groups: dict[int, list[str]] = defaultdict(list)
    for block in blocks:
        for key, value in block:
            groups[key].append(value)
    return len(groups), sum(map(_summary, groups.values()))


def _spill_by_hand(large: Large) -> list[int]:
    return sorted(_group(large.blocks()))


def _spill_by_files(large: Large) -> list[int]:
    found = [_group(_load(path)) for path in _buckets(large, data.fresh('buckets'))]
    return sorted(map(sum, zip(*found)))


def _spill(large: Large, budgeted: bool = False, **options: Any) -> list[int]:
    if budgeted:
        options['memory_budget'] = large.budget
    with pipeline(**options) as p:
        sums = (p
                | beam.io.Read(Made(large.count, large.make))
                | beam.GroupByKey()
                | beam.MapTuple(lambda key, values: _summary(values)))
        read = collect('spill', sums | beam.combiners.Count.Globally(), sums | beam.CombineGlobally(sum))
    return read()


def _twice(key: int, values: Iterable[str]) -> tuple[int, int]:
    return sum(1 for _ in values), sum(1 for _ in values)


def _hot_by_hand(large: Large) -> list[Any]:
    """The values of one key of a file are looked at in a pass over that file."""
    found = []
    for path in _buckets(large, data.fresh('buckets')):
        first, second = (Counter(key for block in _load(path) for key, _ in block) for _ in range(2))
        found += [(first[key], second[key]) for key in first]
    return sorted(Counter(found).items())


def _hot(large: Large, **options: Any) -> list[Any]:
    with pipeline(memory_budget=large.budget, **options) as p:
        counts = (p
                  | beam.io.Read(Made(large.count, large.make))
                  | beam.GroupByKey()
                  | beam.MapTuple(_twice)
                  | beam.combiners.Count.PerElement())
        read = collect('hot', counts)
    return read()


def _peak(contender: str, budget: int, processes: int) -> Goal:
    def number(taken: Taken) -> float:
        return taken[contender].memory

    return Goal(f'peak memory of {contender}', number, (budget >> 20) + CONSTANT * processes, 'MiB')


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    count, budget = int(2.2e6 * scale), int(128e6 * scale)
    large = Large(count, partial(_pairs, max(1, count // 20)), budget)
    section = 'More data than memory'
    yield Workload(
        'spill', 'GroupByKey of 2.2 million pairs, 550 MB in memory, with a budget of 128 MB', section, 'M',
        count / 1e6, lambda: large,
        {HAND: _spill_by_hand, FILES: _spill_by_files, BOURNE: _spill, BUDGET: partial(_spill, budgeted=True),
         WORKERS: partial(_spill, workers=2), BOTH: partial(_spill, budgeted=True, workers=2)},
        (_peak(BUDGET, budget, 1), _peak(BOTH, budget, 3), spent(BUDGET, BOURNE, 3), spent(BOTH, WORKERS, 3)),
        rounds=2)
    count, budget = int(4e6 * scale), int(512e6 * scale)
    hot = Large(count, _hot_pairs, budget)
    yield Workload(
        'hot-key', 'GroupByKey of 4 GB, half of it under one key, with a budget of 512 MB; values counted twice',
        section, 'GB', count / 1e6, lambda: hot,
        {HAND: _hot_by_hand, BUDGET: _hot, BOTH: partial(_hot, workers=2)},
        (_peak(BUDGET, budget, 1), _peak(BOTH, budget, 3)), rounds=1)
