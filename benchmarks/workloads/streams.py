"""Streams: windows over a file of events, and latency."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bourne as beam
from benchmarks import data
from benchmarks.live import TALLY, TICK, Paced, emit
from benchmarks.numbers import Answer
from benchmarks.workload import BOURNE, HAND, Goal, Taken, Workload, cpu_ratio
from benchmarks.workloads.common import pipeline
from bourne.sdk.model.state import ReadModifyWriteStateSpec
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.transforms.window import WithTimestamps

SECTION = 'Streams'
USERS = 10_000
#: Seconds of event time: a window, and how far events come out of order.
WINDOW, JITTER = 10, 5
#: Events in a second of event time, and in one of real time.
EVENTS_PER_SECOND, RATE = 1000, 10_000
#: What contenders measure themselves.
P50, P99 = 'latency, median, ms', 'latency, 99th percentile, ms'

Pair = tuple[str, tuple[int, int]]


def _events(count: int) -> Iterator[str]:
    rng = random.Random(29)
    for number in range(count):
        event = {'user': f'user{int(rng.random() * USERS)}', 'score': number % 100,
                 'time': round(number / EVENTS_PER_SECOND + rng.random() * JITTER, 3)}
        yield f'{json.dumps(event)}\n'


def _windows_by_hand(path: Path) -> list[int]:
    TALLY.clear()
    windows: dict[int, dict[str, list[int]]] = {}
    latest, closing_at = 0.0, float(WINDOW + JITTER)
    with path.open(encoding='utf-8') as file:
        for line in file:
            event = json.loads(line)
            instant = event['time']
            number = int(instant // WINDOW)
            sums = windows.get(number)
            if sums is None:
                sums = windows[number] = {}
            user, score = event['user'], event['score']
            found = sums.get(user)
            if found is None:
                sums[user] = [1, score]
            else:
                found[0] += 1
                found[1] += score
            if instant > latest:
                latest = instant
                if instant >= closing_at:
                    closing_at = _close(windows, instant - JITTER)
    _close(windows, float('inf'))
    return TALLY.result()


def _close(windows: dict[int, dict[str, list[int]]], watermark: float) -> float:
    """Emits what is complete; returns when there is more."""
    for number in sorted(windows):
        if (number + 1) * WINDOW > watermark:
            return (number + 1) * WINDOW + JITTER
        for user, (count, total) in windows.pop(number).items():
            _emit_score((user, (count, total)))
    return watermark + WINDOW


def _emit_score(pair: Pair) -> None:
    emit(pair[1][0] * pair[1][1])


class CountAndSum(beam.CombineFn):
    """How many numbers, and their sum; an accumulator is a list of both."""

    def create_accumulator(self) -> list[int]:
        return [0, 0]

    def add_input(self, accumulator: list[int], element: int) -> list[int]:
        accumulator[0] += 1
        accumulator[1] += element
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[int]]) -> list[int]:
        return [sum(column) for column in zip(*accumulators, strict=True)]

    def extract_output(self, accumulator: list[int]) -> tuple[int, int]:
        count, total = accumulator
        return count, total


def _windows(path: Path) -> list[int]:
    TALLY.clear()
    with pipeline(streaming=True) as p:
        (p
         | beam.io.ReadFromText(str(path))
         | beam.Map(json.loads)
         | WithTimestamps(lambda event: event['time'], out_of_orderness=JITTER)
         | beam.WindowInto(FixedWindows(WINDOW))
         | 'Key' >> beam.Map(lambda event: (event['user'], event['score']))
         | beam.CombinePerKey(CountAndSum())
         | 'Emit' >> beam.Map(_emit_score))
    return TALLY.result()


class Latencies:
    """When events were emitted, after they were due."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def answer(self) -> Answer:
        """How many there were, and their percentiles."""
        found = sorted(self.seconds)
        at = {name: found[int(len(found) * part)] * 1000 for name, part in ((P50, 0.5), (P99, 0.99))}
        return Answer(TALLY.result(), at)


LATENCIES = Latencies()


def _emit_count(element: tuple[str, int, float]) -> None:
    _, count, due = element
    LATENCIES.seconds.append(time.perf_counter() - due)
    emit(count)


class RunningCount(beam.DoFn):
    """Emits for each pair of key and due time how often the key was there."""

    COUNT = ReadModifyWriteStateSpec('count')

    def process(self, element: tuple[str, float], count: Any = beam.DoFn.StateParam(COUNT)) -> Iterator[Any]:
        user, due = element
        number = (count.read() or 0) + 1
        count.write(number)
        yield user, number, due


def _latency_by_hand(source: Paced) -> Answer:
    TALLY.clear()
    LATENCIES.seconds.clear()
    counts: dict[str, int] = {}
    reader = source.open(0)
    while (records := reader.poll()) is not None:
        begun = time.perf_counter()
        for user, due in records.values:
            number = counts[user] = counts.get(user, 0) + 1
            _emit_count((user, number, due))
        time.sleep(max(0, TICK / 1e6 - (time.perf_counter() - begun)))
    return LATENCIES.answer()


def _latency(source: Paced) -> Answer:
    TALLY.clear()
    LATENCIES.seconds.clear()
    with pipeline(streaming=True) as p:
        p | beam.io.Read(source) | beam.ParDo(RunningCount()) | 'Emit' >> beam.Map(_emit_count)
    return LATENCIES.answer()


def _ratio(taken: Taken) -> float:
    return taken[BOURNE].numbers[P99] / taken[HAND].numbers[P99]


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    count, seconds = int(2e6 * scale), 15 * scale
    yield Workload(
        'streams-windows', 'count and sum per key in 10 s windows of 2 million JSON lines, 5 s out of order', SECTION,
        'M', count / 1e6, lambda: data.text_file(f'stream-{count}.jsonl', lambda: _events(count)),
        {HAND: _windows_by_hand, BOURNE: _windows}, (cpu_ratio(1.5),))
    yield Workload(
        'streams-latency', 'running count over 10,000 keys, 10,000 events a second', SECTION, 'M', seconds * RATE / 1e6,
        lambda: Paced(RATE, int(seconds * RATE), USERS), {HAND: _latency_by_hand, BOURNE: _latency},
        (Goal('99th percentile of the latency, in that by hand', _ratio, 1.5),), rounds=5)
