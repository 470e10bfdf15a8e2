"""Triggers that may lose data are refused, unless the user insists."""

from __future__ import annotations

import pytest

from bourne.errors import TransformError
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterAll,
    AfterAny,
    AfterCount,
    AfterEach,
    AfterProcessingTime,
    AfterWatermark,
    Always,
    DataLossReason,
    Repeatedly,
    TriggerFn,
    Windowing,
)
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.window import WindowInto


@pytest.mark.parametrize(('trigger', 'on_time_only', 'with_late_data'), [
    (AfterWatermark(), False, True),
    (AfterWatermark(early=AfterCount(2)), False, True),
    (AfterWatermark(late=AfterCount(1)), False, False),
    (AfterCount(1), True, True),
    (AfterProcessingTime(5), True, True),
    (Always(), False, False),
    (Repeatedly(AfterCount(1)), False, False),
    (AfterAny(AfterWatermark(), AfterCount(3)), True, True),
    (AfterAll(AfterWatermark(), AfterCount(3)), False, True),
    (AfterEach(AfterCount(3), Repeatedly(AfterCount(1))), False, False),
])
def test_a_trigger_may_finish_before_the_data_does(
        trigger: TriggerFn, on_time_only: bool, with_late_data: bool) -> None:
    for lateness, expected in ((0, on_time_only), (10, with_late_data)):
        windowing = Windowing(FixedWindows(60), trigger, AccumulationMode.DISCARDING, allowed_lateness=lateness)
        assert bool(trigger.may_lose_data(windowing) & DataLossReason.MAY_FINISH) is expected
    assert bool(trigger.may_lose_data() & DataLossReason.MAY_FINISH) is with_late_data


def test_a_trigger_that_may_finish_is_refused_and_can_be_insisted_on() -> None:
    window = WindowInto(FixedWindows(60), trigger=AfterWatermark(), allowed_lateness=1)
    with pytest.raises(TransformError) as caught:
        Pipeline() | Create([1]) | window
    assert 'may finish' in str(caught.value)
    assert 'Repeatedly(...), or pass --allow_unsafe_triggers' in str(caught.value)
    Pipeline(options=PipelineOptions(['--allow_unsafe_triggers'])) | Create([1]) | window
    Pipeline() | Create([1]) | WindowInto(FixedWindows(60), trigger=AfterWatermark())
