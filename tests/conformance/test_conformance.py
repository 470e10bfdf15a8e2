"""Runs every case in every mode."""

from __future__ import annotations

import pytest

from bourne.sdk.runner import PipelineState
from bourne.sdk.testing.pipeline import TestPipeline, running_on
from tests.conformance import cases  # noqa: F401 - registers them
from tests.conformance.case import CASES, Case
from tests.conformance.modes import MODES, Mode

PAIRS = [pytest.param(case, mode, id=f'{case.name}-{mode.name}')
         for case in CASES.values() for mode in MODES
         if (mode.streams or not case.streams) and not (mode.epochs and case.one_epoch)]


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
