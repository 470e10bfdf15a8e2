"""The queries of NEXMark over events in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import bourne as beam
from benchmarks import data
from benchmarks.nexmark.generator import Events
from benchmarks.nexmark.model import Event
from benchmarks.nexmark.suite import QUERIES, Query
from benchmarks.sources import Stored
from benchmarks.workload import BOURNE, HAND, Workload
from benchmarks.workloads.common import collect, pipeline

#: Events, and their times in microseconds.
Timed = tuple[list[Event], list[int]]


def _timed(made: Events) -> Timed:
    events = data.kept(f'nexmark-{made.count}', lambda: list(made))
    return events, [event.time for event in events]


def _by_hand(query: Query, timed: Timed) -> list[int]:
    weigh = query.weigh
    count = total = 0
    for answer in query.by_hand(timed[0]):
        count += 1
        total += weigh(answer)
    return sorted([count, total])


def _pipeline(query: Query, made: Events, timed: Timed) -> list[int]:
    with pipeline() as p:
        weights = (p
                   | beam.io.Read(Stored(*timed))
                   | query.transform(made)
                   | beam.Map(query.weigh)
                   | 'Together' >> beam.WindowInto(beam.window.GlobalWindows()))
        read = collect(query.name, weights | beam.combiners.Count.Globally(), weights | beam.CombineGlobally(sum))
    return read()


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    made = Events(int(1e6 * scale))
    for query in QUERIES:
        yield Workload(
            f'nexmark-{query.name}', f'{query.name}, {query.title}', 'Nexmark, 1 million events', 'M', made.count / 1e6,
            lambda: _timed(made),
            {HAND: partial(_by_hand, query), BOURNE: partial(_pipeline, query, made)})
