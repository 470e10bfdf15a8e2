"""Few elements of slow functions: each has a task of its own, so that they run at the same time."""

from __future__ import annotations

import pytest

from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.util import Reshuffle
from tests.clusters import shared_runner


def task(x: int) -> str:
    from distributed import get_worker

    return str(get_worker().get_current_task())


@pytest.mark.parametrize('count', [2, 3, 4])
def test_few_elements_are_spread_one_by_one(count: int) -> None:
    def check(found: list[str]) -> None:
        assert len(found) == len(set(found)) == count

    with TestPipeline(shared_runner()) as p:
        assert_that(p | Create(range(count)) | Reshuffle() | Map(task), check)


def test_those_of_several_bundles_and_tasks_too() -> None:
    def check(found: list[str]) -> None:
        assert len(found) == len(set(found)) == 4

    with TestPipeline(shared_runner()) as p:
        once = p | Create(range(4)) | 'once' >> Reshuffle()
        assert_that(once | Map(abs) | 'twice' >> Reshuffle() | Map(task), check)
