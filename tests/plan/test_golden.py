"""Every case is a pipeline in ``cases/NAME.py``; ``cases/NAME.txt`` is its plan after each pass that changes it, and
the generated source. A new case needs only the first file: ``pytest tests/plan --update-golden`` writes the second."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from bourne.engine.plan.compile import passes
from bourne.engine.plan.explain import explain
from bourne.engine.program.program import describe_program
from bourne.sdk.pipeline import Pipeline

CASES = sorted((Path(__file__).parent / 'cases').glob('*.py'))


def describe(case: Path) -> str:
    """The golden text of a case."""
    pipeline = Pipeline()
    runpy.run_path(str(case))['build'](pipeline)
    text, before, plan = '', '', None
    for name, plan in passes(pipeline.to_graph()):
        after = explain(plan)
        text += f'== {name}\n' + (after if after != before else '(no change)\n')
        before = after
    assert plan is not None
    for stage in plan.stages:
        text += f'== source of {stage.name}\n{describe_program(plan, stage)}'
    return text


@pytest.mark.parametrize('case', CASES, ids=[case.stem for case in CASES])
def test_plan_and_source(case: Path, golden: Callable[[Path, str], None]) -> None:
    golden(case.with_suffix('.txt'), describe(case))


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
