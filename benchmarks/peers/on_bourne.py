"""The jobs on bourne."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median_low
from typing import Any

import bourne as beam
from benchmarks.peers.program import FLAGS, main
from bourne.sdk.options import PipelineOptions
from bourne.sdk.transforms.window import WithTimestamps

Paths = Sequence[str]


def _pipeline() -> beam.Pipeline:
    return beam.Pipeline(options=PipelineOptions(FLAGS))


def _pair(line: str) -> tuple[str, int]:
    key, value = line.split(',')
    return key, int(value)


def _write(lines: beam.PCollection[str], folder: str) -> None:
    lines | 'write' >> beam.io.WriteToText(f'{folder}/part')


def wordcount(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    with _pipeline() as p:
        counts = (p
                  | beam.io.ReadFromText(paths[0])
                  | beam.FlatMap(str.split)
                  | beam.combiners.Count.PerElement()
                  | beam.MapTuple(lambda word, count: f'{word} {count}'))
        _write(counts, folder)


def chain_of_maps(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    with _pipeline() as p:
        total = (p
                 | beam.io.ReadFromText(paths[0])
                 | beam.Map(int)
                 | 'first' >> beam.Map(lambda x: x + 1)
                 | 'second' >> beam.Filter(lambda x: x % 3 != 0)
                 | 'third' >> beam.Map(lambda x: x * 2)
                 | 'fourth' >> beam.Filter(lambda x: x % 5 != 0)
                 | 'fifth' >> beam.Map(lambda x: x - 7)
                 | beam.CombineGlobally(sum)
                 | beam.ToString.Element())
        _write(total, folder)


def _event(line: str) -> tuple[str, int, int]:
    user, value, second = line.split(',')
    return user, int(value), int(second)


def _window_line(user: str, total: int, window: Any = beam.DoFn.WindowParam) -> str:
    return f'{user} {int(window.start)} {total}'


def windows(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    with _pipeline() as p:
        sums = (p
                | beam.io.ReadFromText(paths[0])
                | beam.Map(_event)
                | WithTimestamps(lambda event: event[2])
                | beam.Map(lambda event: event[:2])
                | beam.WindowInto(beam.window.FixedWindows(10))
                | beam.CombinePerKey(sum)
                | beam.MapTuple(_window_line))
        _write(sums, folder)


def _products(key: str, sides: tuple[Iterable[int], Iterable[int]]) -> Iterable[str]:
    left, right = map(list, sides)
    if left and right:
        yield f'{key} {sum(one * other for one in left for other in right)}'


def join(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    with _pipeline() as p:
        sides = [p | f'read {side}' >> beam.io.ReadFromText(path) | f'pair {side}' >> beam.Map(_pair)
                 for side, path in zip(('left', 'right'), paths)]
        _write(tuple(sides) | beam.CoGroupByKey() | beam.FlatMapTuple(_products), folder)


def top(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    with _pipeline() as p:
        best = (p
                | beam.io.ReadFromText(paths[0])
                | beam.Map(_pair)
                | beam.combiners.Top.LargestPerKey(10)
                | beam.MapTuple(lambda key, best: ' '.join([key, *map(str, best)])))
        _write(best, folder)


def skew(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    with _pipeline() as p:
        medians = (p
                   | beam.io.ReadFromText(paths[0])
                   | beam.Map(_pair)
                   | beam.GroupByKey()
                   | beam.MapTuple(lambda key, values: f'{key} {median_low(values)}'))
        _write(medians, folder)


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    main(JOBS, {})
