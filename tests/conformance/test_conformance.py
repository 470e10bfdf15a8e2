"""Runs every case in every mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bourne.engine.oversize import StoredValues
from bourne.runners.dask.exchanges import PICKED
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.runner import PipelineState
from bourne.sdk.testing.pipeline import TestPipeline, running_on
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import MapTuple
from tests.conformance import cases  # noqa: F401 - registers them
from tests.conformance.case import CASES, Case
from tests.conformance.modes import EXCHANGING, MODES, Mode

BY_NAME = {mode.name: mode for mode in MODES}
PAIRS = [pytest.param(case, mode, id=f'{case.name}-{mode.name}')
         for case in CASES.values() for mode in MODES if mode.takes(case)]


@pytest.mark.parametrize(('case', 'mode'), PAIRS)
def test_case(case: Case, mode: Mode) -> None:
    with running_on(mode.runner(), (*mode.flags, *case.flags)):
        pipeline = TestPipeline()
    after = case.build(pipeline)
    if case.raises is None:
        result = pipeline.run()
        assert result.state == PipelineState.DONE
        if after is not None:
            after(result)
        return
    with pytest.raises(case.raises, match=(case.match if mode.words else '') or None):
        pipeline.run()


def test_topics_of_modes_are_those_of_cases() -> None:
    assert {case.topic for case in CASES.values()} >= EXCHANGING


def run(mode: str, build: Callable[[Pipeline], object]) -> Any:
    how = BY_NAME[mode]
    pipeline = Pipeline(runner=how.runner(), options=PipelineOptions(list(how.flags)))
    build(pipeline)
    return pipeline.run()


def test_picked_tasks_are_picked() -> None:
    result = run('dask-picked', lambda p: p | Create([(1, 2), (3, 4), (3, 5)]) | GroupByKey())
    assert [(one.kind, one.makers, one.takers) for one in result.exchanges.values()] == [(PICKED, 2, 2)]


@pytest.mark.parametrize('mode', ['spilling', 'processes-spilling'])
def test_groups_of_spilling_runs_stay_on_disk(mode: str) -> None:
    run(mode, lambda p: assert_that(
        p | Create([(1, 2)] * 100) | GroupByKey() | MapTuple(lambda _, values: type(values)), equal_to([StoredValues])))
