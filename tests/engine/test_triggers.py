"""What can be said of triggers beforehand, and how they are run: tables."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from bourne.engine.triggers import TriggerMachine
from bourne.sdk.model.trigger import (
    AfterAll,
    AfterAny,
    AfterCount,
    AfterEach,
    AfterProcessingTime,
    AfterWatermark,
    Always,
    DefaultTrigger,
    Never,
    OrFinally,
    Repeatedly,
    TriggerFn,
    continuation,
    goes_by_elements,
    may_finish,
)

SECOND = 1_000_000
COUNT, TIME, END = AfterCount(3), AfterProcessingTime(5), AfterWatermark()


@pytest.mark.parametrize(('trigger', 'below'), [
    (DefaultTrigger(), DefaultTrigger()),
    (Always(), Always()),
    (Never(), Never()),
    (COUNT, AfterCount(1)),
    (TIME, AfterProcessingTime(0)),
    (AfterWatermark(early=COUNT, late=TIME), AfterWatermark(early=AfterCount(1), late=AfterProcessingTime(0))),
    (Repeatedly(COUNT), Repeatedly(AfterCount(1))),
    (AfterAny(COUNT, END), AfterAny(AfterCount(1), END)),
    (AfterAll(COUNT, TIME), AfterAll(AfterCount(1), AfterProcessingTime(0))),
    (AfterEach(COUNT, TIME), Repeatedly(AfterAny(AfterCount(1), AfterProcessingTime(0)))),
    (OrFinally(Repeatedly(COUNT), END), Repeatedly(OrFinally(Repeatedly(AfterCount(1)), END))),
])
def test_continuations(trigger: TriggerFn, below: TriggerFn) -> None:
    assert continuation(trigger) == below
    assert continuation(below) == below or isinstance(trigger, OrFinally)


@pytest.mark.parametrize(('trigger', 'on_time_only', 'with_late_data'), [
    (DefaultTrigger(), False, False),
    (Never(), False, False),
    (OrFinally(Repeatedly(COUNT), END), False, True),
    (OrFinally(Repeatedly(COUNT), DefaultTrigger()), False, True),
    (OrFinally(Repeatedly(COUNT), AfterWatermark(early=COUNT)), True, True),
    (OrFinally(Repeatedly(COUNT), COUNT), True, True),
    (OrFinally(Repeatedly(COUNT), Never()), False, False),
    (OrFinally(Repeatedly(COUNT), Repeatedly(TIME)), True, True),
    (OrFinally(Repeatedly(COUNT), AfterEach(END, COUNT)), False, True),
    (OrFinally(Repeatedly(COUNT), AfterAny(END, COUNT)), True, True),
    (OrFinally(Repeatedly(COUNT), AfterAll(END, COUNT)), False, True),
    (OrFinally(Repeatedly(COUNT), OrFinally(END, COUNT)), True, True),
    (OrFinally(COUNT, Never()), True, True),
    (AfterAny(Repeatedly(COUNT), END), False, True),
    (AfterAll(Repeatedly(COUNT), END), False, False),
    (AfterWatermark(late=COUNT), False, False),
])
def test_which_triggers_may_finish(trigger: TriggerFn, on_time_only: bool, with_late_data: bool) -> None:
    assert may_finish(trigger, late_data=False) == on_time_only
    assert may_finish(trigger, late_data=True) == with_late_data


@pytest.mark.parametrize(('trigger', 'by_elements'), [
    (DefaultTrigger(), False), (Never(), False), (Always(), True), (COUNT, True), (TIME, False), (END, False),
    (AfterWatermark(early=TIME, late=COUNT), False), (AfterWatermark(early=COUNT), True),
    (Repeatedly(COUNT), True), (Repeatedly(TIME), False),
    (AfterAny(COUNT, TIME), True), (AfterAny(END, TIME), False), (AfterAll(COUNT, TIME), False),
    (AfterAll(COUNT, Always()), True), (AfterEach(COUNT, TIME), True), (AfterEach(TIME, COUNT), False),
    (OrFinally(TIME, COUNT), True), (OrFinally(Repeatedly(TIME), END), False),
])
def test_which_triggers_go_by_elements(trigger: TriggerFn, by_elements: bool) -> None:
    assert goes_by_elements(trigger) == by_elements


def test_cells_are_short_and_plain() -> None:
    machine = TriggerMachine(AfterWatermark(early=AfterAny(COUNT, TIME), late=COUNT))
    cells = machine.start()
    assert cells == [0, None, False, False, 0, False]
    machine.element(cells, 7 * SECOND)
    assert cells == [1, 12 * SECOND, False, False, 0, False]
    assert pickle.loads(pickle.dumps(cells)) == cells
    assert machine.start() == [0, None, False, False, 0, False]


def test_the_quiet_and_the_timed() -> None:
    quiet = [DefaultTrigger(), Never(), END, AfterWatermark(late=TIME)]
    assert [TriggerMachine(trigger).quiet for trigger in [*quiet, COUNT, AfterWatermark(early=COUNT)]] == \
        [True] * 4 + [False] * 2
    timed = [TIME, AfterWatermark(late=TIME), AfterEach(COUNT, OrFinally(COUNT, TIME)), COUNT, END]
    assert [TriggerMachine(trigger).timed for trigger in timed] == [True, True, True, False, False]


@pytest.mark.parametrize('finally_', [
    AfterCount(2), Repeatedly(AfterCount(2)), AfterEach(AfterCount(2), AfterCount(9)), AfterAny(AfterCount(2), END),
    AfterAll(AfterCount(2), AfterCount(1)), OrFinally(AfterCount(2), END), AfterWatermark(early=AfterCount(2)),
])
def test_the_end_of_or_finally_comes_with_the_first_firing(finally_: TriggerFn) -> None:
    machine = TriggerMachine(OrFinally(Repeatedly(AfterCount(1)), finally_))
    cells = machine.start()
    finished = []
    for _ in range(2):
        machine.element(cells, 0)
        assert machine.ready(cells, False, True)
        finished.append(machine.fire(cells, False, True))
    assert finished == [False, True]


def test_unknown_triggers_are_refused() -> None:
    class Own(TriggerFn):
        def __repr__(self) -> str:
            return 'Own()'

    with pytest.raises(TypeError) as caught:
        TriggerMachine(Repeatedly(Own()))
    assert str(caught.value) == 'Own() is not a trigger that can be run'


@pytest.mark.parametrize(('trigger', 'cells', 'others', 'closed', 'merged'), [
    # Counts add up; what has finished once has finished.
    (COUNT, ([1], False), ([2], False), False, ([3], False)),
    (COUNT, ([1], False), ([3], True), False, ([4], True)),
    # The earlier moment counts.
    (TIME, ([5], False), ([3], False), False, ([3], False)),
    (TIME, ([None], False), ([3], False), False, ([3], False)),
    # At the end of the window in both, or anew.
    (END, ([True], True), ([True], True), True, ([True], True)),
    (END, ([True], True), ([True], True), False, ([False], False)),
    (END, ([True], True), ([False], False), True, ([False], False)),
    (AfterWatermark(early=COUNT, late=COUNT), ([2, 1, True], False), ([1, 2, True], False), True,
     ([0, 3, True], False)),
    (AfterWatermark(early=COUNT, late=COUNT), ([2, 1, False], False), ([1, 2, True], False), True,
     ([2, 0, False], False)),
    # The turn is that of the first which has not finished in any.
    (AfterEach(COUNT, AfterCount(5)), ([3, 1, 1], False), ([2, 0, 0], False), False, ([5, 1, 1], False)),
    (AfterEach(COUNT, AfterCount(5)), ([3, 5, 1], True), ([3, 1, 1], False), False, ([6, 6, 1], True)),
    # Parts are merged with parts.
    (AfterAny(COUNT, END), ([1, False, False, False], False), ([2, False, False, False], False), False,
     ([3, False, False, False], False)),
    (AfterAny(COUNT, END), ([3, False, True, False], True), ([1, False, False, False], False), False,
     ([4, False, True, False], True)),
    (AfterAny(COUNT, END), ([1, True, False, True], True), ([1, False, False, False], False), False,
     ([2, False, False, False], False)),
    (AfterAll(COUNT, END), ([3, False, True, False], False), ([1, False, False, False], False), False,
     ([4, False, True, False], False)),
])
def test_merging(trigger: TriggerFn, cells: Any, others: Any, closed: bool, merged: Any) -> None:
    """See the end of the docstring of ``bourne.engine.triggers``."""
    machine = TriggerMachine(trigger)
    assert machine.merge([cells, others], closed) == merged
    assert machine.merge([others, cells], closed) == merged


def test_a_delay_is_not_negative() -> None:
    with pytest.raises(ValueError, match=r'delay must not be negative, got Duration\(-1\)'):
        AfterProcessingTime(-1)
