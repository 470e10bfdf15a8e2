"""What is shown while a run goes on, and what its metrics say of memory."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest

from bourne.engine.memory import readable, resident
from bourne.engine.plan.stage import Op, Stage
from bourne.runners.common import progress as module
from bourne.runners.common.progress import Progress
from bourne.sdk.graph.nodes import ParDo
from bourne.sdk.metrics import MetricsFilter
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map

STAGE = Stage('parse +2', (Op('parse', ParDo('map', len)),))


@pytest.mark.parametrize(('memory', 'shown'), [(1_250_000_000, ', 1.2 GB of memory'), (0, '')])
def test_log_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, memory: int,
                   shown: str) -> None:
    monkeypatch.delenv('PYTEST_CURRENT_TEST', raising=False)
    monkeypatch.setattr(module, 'PATIENCE', 0)
    monkeypatch.setattr(module, 'INTERVAL', 0)
    monkeypatch.setattr('sys.stderr.isatty', lambda: False, raising=False)
    with caplog.at_level(logging.INFO, 'bourne'), Progress(lambda: memory) as progress:
        progress.stage_started(STAGE, 1, 2)
        progress.advanced(1_000, 0.5)
    assert [record.message for record in caplog.records] == [
        f'stage 1 of 2: parse +2: 0 elements{shown}', f'stage 1 of 2: parse +2: 1000 elements, 50% read{shown}']


@pytest.mark.parametrize(('size', 'shown'), [
    (0, '0 B'), (999, '999 B'), (1_000, '1.0 kB'), (12_345, '12 kB'), (999_600, '1.0 MB'), (4 << 30, '4.3 GB'),
    (7.5e12, '7.5 TB')])
def test_sizes_for_people(size: float, shown: str) -> None:
    assert readable(size) == shown


def test_the_memory_of_processes() -> None:
    block = bytearray(os.urandom(1 << 10) * (20 << 10))
    assert resident() > len(block)
    assert resident(os.getpid()) > len(block)
    assert resident((1 << 22) + 1) == 0  # beyond the greatest number that a process can have


@pytest.mark.parametrize('flags', [[], ['--workers=2']], ids=['inline', 'workers'])
def test_stages_report_the_memory_that_they_take(flags: list[str]) -> None:
    def pair(number: int) -> tuple[int, str]:
        return number % 100, 'x' * 1_000 + str(number)

    p = Pipeline(options=PipelineOptions(flags))
    p | Create(range(5_000)) | Map(pair) | 'group' >> GroupByKey() | 'length' >> Map(lambda row: len(row[1]))
    found = p.run().metrics().memory()
    grouping = next(memory for stage, memory in found.items() if 'group' in stage)
    tasks = 6 if flags else 1
    assert 5e6 / tasks / 2 < grouping.held < 1e7
    assert all(memory.resident > 10e6 for memory in found.values())
    assert len(found) == 2


def test_accumulators_count_as_memory() -> None:
    p = Pipeline()
    p | Create(range(30_000)) | Map(lambda number: (number, 1)) | 'sum' >> CombinePerKey(sum) | 'last' >> Map(str)
    found = p.run().metrics().memory()
    first = next(memory for stage, memory in found.items() if 'Create' in stage)
    assert first.held > 30_000 * 400


def test_memory_stays_out_of_the_metrics_of_users() -> None:
    p = Pipeline()
    p | Create([1])
    metrics = p.run().metrics()
    assert not any(metrics.query().values())
    wanted = MetricsFilter().with_namespace('bourne')
    names: set[Any] = {result.key.metric.name for result in metrics.query(wanted)['distributions']}
    assert names == {'bundle_elements', 'held_bytes', 'resident_bytes'}
