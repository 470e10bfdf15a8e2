"""The benchmarks of streams on inputs of next to no size. That contenders agree is in test_benchmarks.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import data, page, results, run
from benchmarks.live import Counted, Counting, Flowing, Paced
from benchmarks.measure import Measure, compare, measure
from benchmarks.nexmark.generator import Events
from benchmarks.workload import BOURNE, HAND
from benchmarks.workloads import workloads
from benchmarks.workloads.streamloop import BUSY, EPOCH, PER_FIRING, PER_KEY, PER_SET
from benchmarks.workloads.streams import JITTER, P50, P99
from bourne.sdk.model.timestamp import MAX_MICROS

SCALE = 0.001
NUMBERS = {'streams-latency': {P50, P99}, 'streams-idle': {BUSY}, 'streams-epochs': {EPOCH},
           'streams-timers': {PER_KEY, PER_SET, PER_FIRING}}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, 'FOLDER', tmp_path)
    monkeypatch.setenv('BENCHMARK_DATA', str(tmp_path))


@pytest.mark.parametrize('name', NUMBERS)
def test_contenders_measure_the_same_numbers(name: str) -> None:
    work = workloads(SCALE)[name]
    given = work.prepare()
    for contender in work.contenders.values():
        numbers = contender(given).numbers
        assert {*numbers} == NUMBERS[name]
        assert min(numbers.values()) >= 0


def test_numbers_come_out_of_the_process_of_a_contender() -> None:
    taken = {name: measure(run.command('streams-epochs', name, SCALE)) for name in (HAND, BOURNE)}
    assert taken[HAND].result == taken[BOURNE].result
    [goal] = workloads(SCALE)['streams-epochs'].goals
    assert goal.check(taken)['measured'].endswith(' ms')


def test_of_numbers_the_best_counts_and_the_page_has_them_side_by_side() -> None:
    def measures(*numbers: float) -> list[Measure]:
        return [Measure(1, 1, 1, 1, 0, 'r', {'ms': number}) for number in numbers]

    runs = {HAND: iter(measures(3, 2)), BOURNE: iter(measures(5, 7.1234))}
    taken, failed = compare({name: one.__next__ for name, one in runs.items()}, rounds=2)
    assert {name: one.numbers for name, one in taken.items()} == {HAND: {'ms': 2}, BOURNE: {'ms': 5}}
    row = results.row(taken, failed, title='wait', section='Some', unit='M', amount=1, goals=[])
    text = page.page({'bench': {'wait': row}})
    assert '| workload | number | by hand | bourne |' in text
    assert '| wait | ms | 2 | 5 |' in text


def test_every_query_runs_as_a_stream_beside_the_batch() -> None:
    names = [name for name, work in workloads(SCALE).items() if run.chosen(name, work.section, 'streams: nexmark')]
    assert names == [f'streams-q{number}' for number in range(9)]
    assert all([*workloads(SCALE)[name].contenders] == [HAND, BOURNE, 'bourne, stream'] for name in names)


def test_events_of_the_file_are_out_of_order_as_far_as_is_said() -> None:
    path = workloads(SCALE)['streams-windows'].prepare()
    times = [json.loads(line)['time'] for line in path.read_text(encoding='utf-8').splitlines()]
    assert len(times) == 2000
    assert times != sorted(times)
    latest = 0.0
    for time in times:
        assert time >= latest - JITTER
        latest = max(latest, time)


def test_the_watermark_goes_with_events_in_memory() -> None:
    events = list(Events(100))
    reader = Flowing(events, [event.time for event in events]).open(0)
    reader.poll(40)
    assert reader.watermark == events[40].time
    reader.poll(100)
    assert reader.watermark == MAX_MICROS


def test_a_paced_source_gives_nothing_before_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr('benchmarks.live.time.perf_counter', lambda: now)
    reader = Paced(rate=10, count=7, keys=3).open(0)
    found = []
    for now in (100.0, 100.25, 100.5, 101.0):
        values = reader.poll().values
        assert all(due <= now for _, due in values)
        found += values
    assert [round(due, 3) for _, due in found] == [100.1, 100.2, 100.3, 100.4, 100.5, 100.6, 100.7]
    assert len({user for user, _ in found}) == 3
    assert reader.poll() is None


def test_a_counted_source_is_looked_at_before_its_end() -> None:
    reader = Counted(5, lambda start, stop: list(range(start, stop)), most=2).open(0)
    found = []
    for _ in range(3):
        found += reader.poll().values
        assert reader.watermark == found[-1]
    assert found == [0, 1, 2, 3, 4]
    assert len(Counting.marks) == 1
    assert reader.poll().values == []
    assert len(Counting.marks) == 2
    assert reader.poll() is None
