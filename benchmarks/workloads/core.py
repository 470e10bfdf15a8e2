"""The core's four workloads: text, a chain of functions, sums in windows, a join."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import bourne as beam
from benchmarks import data
from benchmarks.sources import Made, Stored
from benchmarks.workload import BOURNE, HAND, Workload, cpu_ratio, spent
from benchmarks.workloads.common import collect, lines, pipeline

FIND = re.compile(r"[\w']+").findall
WINDOW = 10
PROFILED = 'bourne, --profile'

Events = tuple[list[tuple[str, int]], list[int]]
Rows = list[tuple[int, int]]


def digest(folder: Path) -> tuple[int, int]:
    """How many words were written, and the sum of their counts."""
    written = lines(folder)
    return len(written), sum(int(line.rsplit(' ', 1)[1]) for line in written)


def wordcount_by_hand(path: Path) -> tuple[int, int]:
    """Counts the words of a file, and writes the counts to another."""
    folder = data.fresh('wordcount')
    counts: Counter[str] = Counter()
    with path.open(encoding='utf-8') as file:
        counts.update(chain.from_iterable(map(FIND, file)))
    with (folder / 'counts').open('w', encoding='utf-8') as out:
        out.writelines(f'{word} {count}\n' for word, count in counts.items())
    return digest(folder)


def format_count(pair: tuple[str, int]) -> str:
    """The line of a word."""
    return f'{pair[0]} {pair[1]}'


def count_words(p: beam.Pipeline, path: Path) -> tuple[int, int]:
    """The same as a pipeline, which runs."""
    folder = data.fresh('wordcount')
    with p:
        (p
         | beam.io.ReadFromText(str(path))
         | beam.FlatMap(FIND)
         | beam.combiners.Count.PerElement()
         | beam.Map(format_count)
         | beam.io.WriteToText(str(folder / 'counts')))
    return digest(folder)


def wordcount(path: Path, **options: Any) -> tuple[int, int]:
    """The same with the local runner."""
    return count_words(pipeline(**options), path)


def _steps() -> tuple[Callable[[int], Any], ...]:
    return (lambda x: x + 1, lambda x: x % 3 != 0, lambda x: x * 2, lambda x: x % 5 != 0, lambda x: x - 7)


def _chain_by_hand(numbers: range) -> int:
    first, second, third, fourth, fifth = _steps()
    total = 0
    for x in numbers:
        x = first(x)
        if second(x):
            x = third(x)
            if fourth(x):
                total += fifth(x)
    return total


def _numbers(start: int, stop: int) -> list[int]:
    return list(range(start, stop))


def _chain(numbers: range) -> int:
    first, second, third, fourth, fifth = _steps()
    with pipeline() as p:
        total = (p
                 | beam.io.Read(Made(len(numbers), _numbers))
                 | 'first' >> beam.Map(first)
                 | 'second' >> beam.Filter(second)
                 | 'third' >> beam.Map(third)
                 | 'fourth' >> beam.Filter(fourth)
                 | 'fifth' >> beam.Map(fifth)
                 | beam.CombineGlobally(sum))
        read = collect('chain', total)
    return int(read()[0])


def _timed_events(count: int) -> Events:
    pairs, times = data.keyed_events(count)
    return pairs, [time * 1_000_000 for time in times]


def _windows_by_hand(events: Events) -> list[int]:
    pairs, micros = events
    size = WINDOW * 1_000_000
    sums: dict[tuple[str, int], int] = {}
    for (key, value), time in zip(pairs, micros):
        slot = (key, time - time % size)
        sums[slot] = sums.get(slot, 0) + value
    return sorted([len(sums), sum(sums.values())])


def _windows(events: Events) -> list[int]:
    with pipeline() as p:
        sums = (p
                | beam.io.Read(Stored(*events))
                | beam.WindowInto(beam.window.FixedWindows(WINDOW))
                | beam.CombinePerKey(sum)
                | beam.Values())
        whole = sums | 'Together' >> beam.WindowInto(beam.window.GlobalWindows())
        read = collect('windows', whole | beam.combiners.Count.Globally(), whole | beam.CombineGlobally(sum))
    return read()


def _join_by_hand(tables: Sequence[Rows]) -> list[int]:
    left, right = tables
    joined: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for key, value in left:
        joined[key][0].append(value)
    for key, value in right:
        joined[key][1].append(value)
    return sorted([len(joined), sum(len(a) * len(b) for a, b in joined.values())])


def _join(tables: Sequence[Rows]) -> list[int]:
    left, right = tables
    with pipeline() as p:
        joined = (p | 'left' >> beam.Create(left), p | 'right' >> beam.Create(right)) | beam.CoGroupByKey()
        sizes = joined | beam.Map(lambda row: len(row[1][0]) * len(row[1][1]))
        read = collect('join', sizes | beam.combiners.Count.Globally(), sizes | beam.CombineGlobally(sum))
    return read()


def workloads(scale: float) -> list[Workload]:
    """The workloads of this family."""
    megabytes, numbers, events, rows = 100 * scale, int(5e6 * scale), int(2e6 * scale), int(1e6 * scale)
    section = 'The core'
    return [
        Workload('wordcount', f'wordcount of {megabytes:g} MB of text', section, 'MB', megabytes,
                 lambda: data.words_file(megabytes), {HAND: wordcount_by_hand, BOURNE: wordcount}, (cpu_ratio(1.25),)),
        Workload('profile', f'wordcount of {megabytes:g} MB of text, profiled', 'A profile', 'MB', megabytes,
                 lambda: data.words_file(megabytes),
                 {HAND: wordcount_by_hand, BOURNE: wordcount, PROFILED: lambda path: wordcount(path, profile=True)},
                 (spent(PROFILED, BOURNE, 1.05),)),
        Workload('chain', 'five Map/Filter lambdas and a sum over 5 million integers', section, 'M', numbers / 1e6,
                 lambda: range(numbers), {HAND: _chain_by_hand, BOURNE: _chain}, (cpu_ratio(1.3),)),
        Workload('windows', 'sum per key and 10 s window over 2 million events, 10,000 keys', section, 'M',
                 events / 1e6, lambda: data.kept(f'events-{events}', lambda: _timed_events(events)),
                 {HAND: _windows_by_hand, BOURNE: _windows}, (cpu_ratio(1.3),)),
        Workload('join', 'CoGroupByKey of two million rows each, 500,000 keys', section, 'M', 2 * rows / 1e6,
                 lambda: data.kept(f'join-{rows}', lambda: [data.rows(rows, rows // 2, seed) for seed in (1, 2)]),
                 {HAND: _join_by_hand, BOURNE: _join}, (cpu_ratio(2),)),
    ]
