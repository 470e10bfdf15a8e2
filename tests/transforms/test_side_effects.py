"""Tee, WaitOn and LogElements: the input passes, and something happens beside."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bourne.errors import TransformError
from bourne.sdk.model.window import FixedWindows, Sessions, SlidingWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.util import LogElements, Tee, WaitOn
from bourne.sdk.transforms.window import WindowInto

SEEN: list[Any] = []


def see(element: Any) -> Any:
    SEEN.append(element)
    return element


def test_tee() -> None:
    SEEN.clear()
    with TestPipeline() as p:
        passed = p | Create([1, 2]) | Tee(Map(see), lambda numbers: numbers | Map(lambda x: see(-x)),
                                          lambda numbers: numbers | Map(lambda x: see(10 * x)))
        assert_that(passed, equal_to([1, 2]))
        assert passed.element_type is int
    assert sorted(SEEN) == [-2, -1, 1, 2, 10, 20]


def test_wait_on() -> None:
    SEEN.clear()
    with TestPipeline() as p:
        # What waits is built, and would run, before what it waits for, but for the waiting.
        late = p | 'late' >> Create(['a', 'b'])
        early = p | 'early' >> Create([1, 2]) | 'see early' >> Map(see)
        timed = p | 'timed' >> Create([TimestampedValue(3, 3)]) | 'see timed' >> Map(see)
        sessions = timed | WindowInto(Sessions(5))
        fixed = timed | 'fixed' >> WindowInto(FixedWindows(5))
        waited = late | WaitOn(early, sessions, fixed)
        assert waited.element_type is str
        assert_that(waited | 'see late' >> Map(see), equal_to(['a', 'b']))
    assert sorted(SEEN[:3]) == [1, 2, 3]
    assert sorted(SEEN[3:]) == ['a', 'b']


def test_waiting_for_nothing() -> None:
    with TestPipeline() as p:
        assert_that(p | Create([1]) | WaitOn(), equal_to([1]))


def test_log_prints(capsys: pytest.CaptureFixture[str]) -> None:
    with TestPipeline() as p:
        timed = p | Create([TimestampedValue('x', 3)]) | WindowInto(SlidingWindows(10, 5))
        logged = timed | LogElements(prefix='> ', with_timestamp=True, with_window=True, with_pane_info=True)
        epoch = timed | LogElements('epoch', with_timestamp=True, with_window=True, use_epoch_time=True)
        assert_that(logged, equal_to(['x', 'x']), 'logged')
        assert_that(epoch, equal_to(['x', 'x']), 'epoch')
    pane = 'PaneInfo(is_first=True, is_last=True, timing=3, index=0, nonspeculative_index=0)'
    time = "> x, timestamp='1970-01-01T00:00:03Z'"
    assert sorted(capsys.readouterr().out.splitlines()) == [
        f'{time}, window(start=1969-12-31T23:59:55Z, end=1970-01-01T00:00:05Z), pane_info={pane}',
        f'{time}, window(start=1970-01-01T00:00:00Z, end=1970-01-01T00:00:10Z), pane_info={pane}',
        'x, timestamp=3, window(start=-5, end=5)',
        'x, timestamp=3, window(start=0, end=10)',
    ]


def test_log_logs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, 'bourne'), TestPipeline() as p:
        p | Create(['100%s']) | LogElements(level=logging.WARNING, with_timestamp=True)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ('WARNING', "100%s, timestamp='Timestamp(-9223372036854.775)'")]


@pytest.mark.parametrize(('call', 'message'), [
    (lambda: Tee(Map), 'Tee takes PTransforms, and functions of a PCollection; got <class'),
    (lambda: Tee(3), 'got 3'),  # type: ignore[arg-type]
    (lambda: WaitOn([1]), 'WaitOn takes PCollections, got [1]'),  # type: ignore[arg-type]
    (lambda: LogElements(level=7), 'level is one of logging.DEBUG, logging.INFO'),
])
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(TransformError) as error:
        call()
    assert message in str(error.value)
