"""Grouping: sort within groups, the largest of each group, and keys of which few have nearly everything."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import bourne as beam
from benchmarks import data
from benchmarks.sources import Stored
from benchmarks.workload import BOURNE, HAND, Workload
from benchmarks.workloads.common import collect, pipeline

#: (user, (second, page))
Visits = list[tuple[int, tuple[int, int]]]
Rows = list[tuple[int, int]]
BEST = 10


def _visits(count: int, users: int) -> Visits:
    rng = random.Random(3)
    return [(int(rng.random() * users), (int(rng.random() * 1e7), number & 255)) for number in range(count)]


def _longest_pause(visits: Iterable[tuple[int, int]]) -> int:
    times = sorted(visits)
    return max((later[0] - earlier[0] for earlier, later in pairwise(times)), default=0)


def _sort_by_hand(visits: Visits) -> list[int]:
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for user, visit in visits:
        groups[user].append(visit)
    return sorted([len(groups), sum(_longest_pause(group) for group in groups.values())])


def _sort(visits: Visits) -> list[int]:
    with pipeline() as p:
        pauses = (p
                  | beam.io.Read(Stored(visits))
                  | beam.GroupByKey()
                  | beam.MapTuple(lambda user, group: _longest_pause(group)))
        read = collect('sort', pauses | beam.combiners.Count.Globally(), pauses | beam.CombineGlobally(sum))
    return read()


def _top_by_hand(rows: Rows) -> list[int]:
    best: dict[int, list[int]] = defaultdict(list)
    for key, score in rows:
        heap = best[key]
        if len(heap) < BEST:
            heapq.heappush(heap, score)
        elif score > heap[0]:
            heapq.heapreplace(heap, score)
    return sorted([len(best), sum(map(sum, best.values()))])


def _top(rows: Rows) -> list[int]:
    with pipeline() as p:
        sums = (p
                | beam.io.Read(Stored(rows))
                | beam.combiners.Top.LargestPerKey(BEST)
                | beam.MapTuple(lambda key, best: sum(best)))
        read = collect('top', sums | beam.combiners.Count.Globally(), sums | beam.CombineGlobally(sum))
    return read()


def _scores(count: int, keys: int) -> Rows:
    rng = random.Random(5)
    return [(int(rng.random() * keys), int(rng.random() * 1e9)) for _ in range(count)]


def _spread(values: Iterable[int]) -> int:
    kept = list(values)
    return max(kept) - min(kept)


def _skew_by_hand(rows: Rows) -> list[int]:
    groups: dict[int, list[int]] = defaultdict(list)
    for key, value in rows:
        groups[key].append(value)
    return sorted([len(groups), sum(_spread(values) for values in groups.values())])


def _skew(rows: Rows) -> list[int]:
    with pipeline() as p:
        spreads = (p
                   | beam.io.Read(Stored(rows))
                   | beam.GroupByKey()
                   | beam.MapTuple(lambda key, values: _spread(values)))
        read = collect('skew', spreads | beam.combiners.Count.Globally(), spreads | beam.CombineGlobally(sum))
    return read()


def workloads(scale: float) -> list[Workload]:
    """The workloads of this family."""
    count = int(2e6 * scale)
    users, keys, skewed = count // 20, count // 200, count // 20
    section = 'Groups'
    return [
        Workload('sort', 'GroupByKey of 2 million visits of 100,000 users, sorted within each group', section, 'M',
                 count / 1e6, lambda: data.kept(f'visits-{count}', lambda: _visits(count, users)),
                 {HAND: _sort_by_hand, BOURNE: _sort}),
        Workload('top', f'the {BEST} largest of each of 10,000 keys, of 2 million numbers', section, 'M', count / 1e6,
                 lambda: data.kept(f'scores-{count}', lambda: _scores(count, keys)),
                 {HAND: _top_by_hand, BOURNE: _top}),
        Workload('skew', "GroupByKey of 2 million pairs, 100,000 keys drawn by Zipf's law (1.2)", section, 'M',
                 count / 1e6, lambda: data.kept(f'skew-{count}', lambda: data.skewed_rows(count, skewed)),
                 {HAND: _skew_by_hand, BOURNE: _skew}),
    ]
