"""What can be seen of a run: the dashboard's address, names in Dask's own pages, and how often side inputs travel."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from bourne.runners.dask.batch import DaskResult
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map, MapTuple
from bourne.sdk.transforms.sideinput import AsSingleton
from tests.clusters import client, shared_runner


def test_the_dashboard_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, 'bourne'), TestPipeline(shared_runner()) as p:
        p | Create([1])
    assert isinstance(p.result, DaskResult)
    assert p.result.dashboard_link == client().dashboard_link
    assert f'Dask dashboard: {client().dashboard_link}' in caplog.messages


def test_tasks_have_the_names_of_transforms() -> None:
    with TestPipeline(shared_runner()) as p:
        pairs = p | 'some numbers' >> Create(range(100)) | 'by their parity' >> Map(lambda x: (x % 2, x))
        pairs | 'put together' >> GroupByKey() | 'count each' >> MapTuple(lambda key, values: len(list(values)))
    names = client().run_on_scheduler(prefixes)
    assert any(name.startswith('some numbers') for name in names), names
    assert any(name.startswith('put together') for name in names), names


def prefixes(dask_scheduler: Any) -> list[str]:
    """What Dask's pages call the tasks that have run."""
    return [str(name) for name in dask_scheduler.task_prefixes]


class Told:
    """Tells a file whenever it comes somewhere."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with self.journal.open('a') as file:
            file.write('come\n')


def test_a_side_input_comes_once_to_each_worker(tmp_path: Path) -> None:
    journal = tmp_path / 'journal'

    def use(x: int, told: Told) -> int:
        return x + (told.journal is None)

    with TestPipeline(shared_runner(), PipelineOptions(['--bundle_size=2'])) as p:
        side = p | 'name' >> Create(['']) | 'make' >> Map(lambda name: Told(journal))
        numbers = p | Create(range(40)) | Reshuffle() | Map(use, AsSingleton(side))
        assert_that(numbers, equal_to(list(range(40))))
    stage = next(name for name in p.result.tasks if name.startswith('Reshuffle'))
    assert p.result.tasks[stage] >= 4  # tasks, with their answers and what brings the side input
    assert 1 <= len(journal.read_text().splitlines()) <= 2
