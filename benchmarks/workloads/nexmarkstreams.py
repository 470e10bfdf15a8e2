"""The queries of NEXMark as streams, beside the batch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import bourne as beam
from benchmarks import data
from benchmarks.live import TALLY, Flowing, emit
from benchmarks.nexmark.generator import Events
from benchmarks.nexmark.model import Event
from benchmarks.nexmark.suite import QUERIES, Query
from benchmarks.workload import BOURNE, HAND, Workload
from benchmarks.workloads.common import pipeline

STREAM = 'bourne, stream'

#: Events, and their times in microseconds.
Timed = tuple[list[Event], list[int]]


def _timed(made: Events) -> Timed:
    events = data.kept(f'nexmark-{made.count}', lambda: list(made))
    return events, [event.time for event in events]


def _by_hand(query: Query, timed: Timed) -> list[int]:
    TALLY.clear()
    for answer in query.by_hand(timed[0]):
        emit(query.weigh(answer))
    return TALLY.result()


def _pipeline(query: Query, made: Events, streaming: bool, timed: Timed) -> list[int]:
    TALLY.clear()
    with pipeline(streaming=streaming) as p:
        p | beam.io.Read(Flowing(*timed)) | query.transform(made) | beam.Map(query.weigh) | 'Emit' >> beam.Map(emit)
    return TALLY.result()


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    made = Events(int(1e6 * scale))
    for query in QUERIES:
        yield Workload(
            f'streams-{query.name}', f'{query.name}, {query.title}', 'Streams: Nexmark, 1 million events', 'M',
            made.count / 1e6, lambda: _timed(made),
            {HAND: partial(_by_hand, query), BOURNE: partial(_pipeline, query, made, False),
             STREAM: partial(_pipeline, query, made, True)}, rounds=2)
