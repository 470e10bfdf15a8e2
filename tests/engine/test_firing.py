"""Panes of one key and window: the formulas of ``bourne/engine/firing.py``, and what is at its edges."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.agenda import Agenda
from bourne.engine.bundle import Bundle
from bourne.engine.gathering import NOTHING, gathering
from bourne.engine.mergingpanes import MergingPanes
from bourne.engine.panes import Panes, windowing_operator
from bourne.engine.windowtables import WindowTables
from bourne.errors import ExecutionError, KeyEncodingError
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.timestamp import GLOBAL_END_MICROS, MAX_MICROS, MIN_MICROS
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterCount,
    AfterProcessingTime,
    AfterWatermark,
    DefaultTrigger,
    Repeatedly,
    Windowing,
)
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    BoundedWindow,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampCombiner,
    WindowFn,
)
from tests.panes import OperatorRun, Row

SECOND = 1_000_000
END = 10 * SECOND - 1
EARLIEST, LATEST, EOW = (TimestampCombiner.OUTPUT_AT_EARLIEST, TimestampCombiner.OUTPUT_AT_LATEST,
                         TimestampCombiner.OUTPUT_AT_EOW)
ONES = Repeatedly(AfterCount(1))


def row(time: float, key: Any = 'k', value: Any = 1) -> Row:
    return Row(key, value, round(time * SECOND))


@pytest.mark.parametrize(('watermark', 'lateness', 'closed', 'expired'), [
    (MIN_MICROS, 0, False, False),
    (END, 0, False, False),
    (END + 1, 0, True, True),
    (END + 1, 5, True, False),
    (END + 5 * SECOND, 5, True, False),
    (END + 5 * SECOND + 1, 5, True, True),
    (MAX_MICROS - 1, 10**9, True, True),
    (MAX_MICROS, 10**14, True, True),
])
def test_closed_and_expired(watermark: int, lateness: int, closed: bool, expired: bool) -> None:
    """
    w is closed    if   W > E(w)
    w has expired  if   W > min(E(w) + L, MAX - 1)
    """
    run = OperatorRun(Windowing(FixedWindows(10), ONES, AccumulationMode.DISCARDING, allowed_lateness=lateness))
    run.add([row(0)])
    run.advance(watermark)
    late = run.add([row(1)])
    assert run.dropped == expired
    assert [pane.info.timing == 2 for pane in late] == ([] if expired else [closed])
    assert run.keyed.size().entries == (not expired)


@pytest.mark.parametrize(('combiner', 'events', 'time', 'hold'), [
    # (t, W before it comes), ...
    (EOW, [(3, 0)], END, None),
    (EARLIEST, [(3, 0), (2, 0), (4, 0)], 2, 2),
    (EARLIEST, [(3, 0), (2, 5)], 3, 3),
    (EARLIEST, [(6, 0), (2, 5)], 5, 5),
    (EARLIEST, [(2, 5)], 5, 5),
    (EARLIEST, [(2, 5), (7, 6)], 5, 5),
    (LATEST, [(3, 0), (2, 0)], 3, 3),
    (LATEST, [(3, 0), (4, 0)], 4, 4),
    (LATEST, [(3, 0), (4, 6)], 4, 4),
    (LATEST, [(2, 5)], 5, 5),
    (LATEST, [(2, 5), (4, 6)], 5, 5),
    # In a closed window an element counts only if another one waits.
    (EARLIEST, [(2, 11)], END, None),
    (LATEST, [(2, 11)], END, None),
    (EOW, [(2, 11)], END, None),
    (EARLIEST, [(3, 0), (2, 11)], 3, 3),
    (LATEST, [(3, 0), (8, 11)], 8, 8),
    (EOW, [(3, 0), (8, 11)], END, END),
])
def test_the_time_of_a_pane_and_its_hold(combiner: str, events: list[Any], time: int, hold: int | None) -> None:
    """
    s = E(w); max(t, W); max(t, W), or t if another one waits       if w is open or another one waits
    T = the earliest or latest s; E(w) if there is none. The output is held at T while it is before the watermark.
    """
    trigger = Repeatedly(AfterCount(len(events) + 1))
    run = OperatorRun(Windowing(FixedWindows(10), trigger, AccumulationMode.DISCARDING, combiner, 100))
    for t, watermark in events:
        run.advance(watermark * SECOND)
        run.add([row(t)])
    found = run.keyed.hold()
    in_micros = [one if one is None or one == END else one * SECOND for one in (hold, time)]
    assert (None if found is None else found.micros) == in_micros[0]
    assert found is None or (found.key, found.window) == ('k', 0)
    [pane] = run.advance(MAX_MICROS)
    assert pane.time == in_micros[1]
    assert run.keyed.hold() is None


def test_the_global_window_ends_a_day_before_time() -> None:
    run = OperatorRun(Windowing(GlobalWindows(), AfterWatermark(early=AfterCount(2)), AccumulationMode.DISCARDING))
    run.add([row(0)])
    assert not run.advance(GLOBAL_END_MICROS)
    [pane] = run.advance(GLOBAL_END_MICROS + 1)
    assert (pane.info, pane.time) == (ONLY_PANE, GLOBAL_END_MICROS)


@pytest.mark.parametrize(('windowing', 'kind'), [
    (Windowing(), WindowTables),
    (Windowing(FixedWindows(5)), WindowTables),
    (Windowing(SlidingWindows(5, 1), AfterWatermark()), WindowTables),
    (Windowing(FixedWindows(5), DefaultTrigger(), AccumulationMode.ACCUMULATING), WindowTables),
    (Windowing(FixedWindows(5), allowed_lateness=1), Panes),
    (Windowing(FixedWindows(5), timestamp_combiner=EARLIEST), Panes),
    (Windowing(FixedWindows(5), ONES), Panes),
    (Windowing(FixedWindows(5), AfterWatermark(early=AfterCount(1))), Panes),
    (Windowing(Sessions(5)), MergingPanes),
])
def test_which_way_is_taken(windowing: Windowing, kind: type) -> None:
    assert type(windowing_operator(GroupByKey(), windowing)) is kind


WINDOWINGS = [Windowing(), Windowing(GlobalWindows(), ONES), Windowing(Sessions(5)),
              Windowing(FixedWindows(5), allowed_lateness=1)]
NAMES = ['short', 'every element', 'sessions', 'lateness']


def to_the_end(run: OperatorRun, bundle: Bundle) -> None:
    """Adds a bundle and lets the watermark go to the end."""
    run.operator.add(0, bundle, 0)
    list(run.operator.advance(MAX_MICROS, 0))


@pytest.mark.parametrize('windowing', WINDOWINGS, ids=NAMES)
def test_nan_is_one_key(windowing: Windowing) -> None:
    run = OperatorRun(windowing)
    panes = run.add([row(1, math.nan), row(1, float('nan')), row(1, (1, float('nan'))), row(1, (1, float('nan')))])
    panes += run.advance(MAX_MICROS)
    counted = sorted(len(pane.value) for pane in panes)
    assert counted == ([1, 1, 1, 1] if windowing.trigger == ONES else [2, 2])
    if windowing.trigger == ONES:
        assert sorted(pane.info.index for pane in panes) == [0, 0, 1, 1]
    assert run.keyed.size() == (0, 0)


@pytest.mark.parametrize('windowing', WINDOWINGS, ids=NAMES)
@pytest.mark.parametrize('payload', [GroupByKey(), Combine(CountCombineFn()), Combine(CombineFn.from_callable(sum)),
                                     Combine(MeanCombineFn())], ids=['lists', 'count', 'sum', 'mean'])
def test_elements_that_are_no_pairs_of_a_key(windowing: Windowing, payload: Any) -> None:
    run = OperatorRun(windowing, payload)
    window = run.raw.encode(next(iter(windowing.windowfn.assign(WindowFn.AssignContext(0)))))
    for value, kind, words in (
            (7, ExecutionError, 'grouping needs (key, value) pairs, got 7 (int)'),
            (([1], 2), KeyEncodingError, 'list'), ((object(), 2), KeyEncodingError, 'object')):
        with pytest.raises(kind) as caught:
            to_the_end(run, Bundle([value], 0, window))
        assert words in str(caught.value)
        run = OperatorRun(windowing, payload)


class Gathered(WindowFn):
    """Windows of an instant, which go into that of the instant 9 once it is there. Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
        return [IntervalWindow(assign_context.timestamp, assign_context.timestamp + 10)]

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        self.asked.append(len(merge_context.windows))
        taken = [window for window in merge_context.windows if window.start != 9]
        if 0 < len(taken) < len(merge_context.windows):
            merge_context.merge(taken, IntervalWindow(9, 19))


@pytest.mark.parametrize('trigger', [DefaultTrigger(), Repeatedly(AfterCount(100)), AfterWatermark()], ids=repr)
def test_a_window_that_takes_in_others_and_is_not_named_among_them(trigger: Any) -> None:
    run = OperatorRun(Windowing(Gathered(), trigger, AccumulationMode.DISCARDING))
    run.add([row(1, value=1), row(9, value=9), row(2, value=2)])
    run.add([row(9, value=0)])
    panes = run.advance(MAX_MICROS)
    assert [(sorted(pane.value), pane.window) for pane in panes] == [([0, 1, 2, 9], IntervalWindow(9, 19))]
    assert run.dropped == 0


def test_windows_are_merged_once_before_the_watermark_moves() -> None:
    windowfn = Gathered()
    run = OperatorRun(Windowing(windowfn))
    run.add([row(time / 1000) for time in range(1000)])
    run.add([row(time / 1000) for time in range(500)])
    assert windowfn.asked == []
    run.advance(0)
    assert windowfn.asked == [1000]
    run.add([row(9)])
    run.advance(1)
    assert windowfn.asked == [1000, 1001]
    assert run.keyed.size().entries == 1
    run.advance(2)
    assert windowfn.asked == [1000, 1001]


def test_a_late_element_meets_windows_that_were_not_merged_yet() -> None:
    run = OperatorRun(Windowing(Sessions(10)))
    run.add([row(20, value=1)])
    run.advance(25 * SECOND)
    # The window of the second one alone would have expired.
    assert run.add([row(12, value=2), row(11, value=3)]) == []
    assert [pane.value for pane in run.advance(MAX_MICROS)] == [[1, 2, 3]]
    assert run.dropped == 0


class Fragile(CombineFn):
    """Fails where it is told to, and keeps a list."""

    def __init__(self, where: str) -> None:
        self.where = where

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        self._fail('add_input', element)
        mutable_accumulator.append(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Any, *args: Any, **kwargs: Any) -> list[Any]:
        self._fail('merge_accumulators', 2)
        return [value for accumulator in accumulators for value in accumulator]

    def extract_output(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        self._fail('extract_output', 2 if 2 in accumulator else 0)
        return accumulator

    def _fail(self, where: str, value: int) -> None:
        if where == self.where and value == 2:
            raise ValueError(f'{where} fails')


@pytest.mark.parametrize('windowing', WINDOWINGS, ids=NAMES)
@pytest.mark.parametrize('where', ['add_input', 'extract_output', 'merge_accumulators'])
def test_the_key_is_named_when_a_combiner_fails(windowing: Windowing, where: str) -> None:
    if where == 'merge_accumulators' and not windowing.windowfn.is_merging():
        return
    run = OperatorRun(windowing, Combine(Fragile(where)))
    rows = [row(1, 'good', 1), row(1, 'bad', 2), row(9, 'bad', 2), row(5, 'bad', 2)]
    with pytest.raises(ValueError) as caught:
        [*run.add(rows), *run.advance(MAX_MICROS)]
    assert str(caught.value) == f'{where} fails'
    assert caught.value.__bourne_at_hand__ == "key: 'bad'"  # type: ignore[attr-defined]


def test_what_was_emitted_shares_nothing_with_what_is_kept() -> None:
    class Local:
        pass

    kept = gathering(Combine(Fragile('')))
    first, add = kept.ways(0)
    for value in (1, [1], Local()):
        content = add(first(value), value)
        shown = kept.peek(content)
        assert shown is not content
        add(content, 3)
        assert len(shown) == 2
        assert shown[0] is not value or isinstance(value, int)


def test_the_result_of_nothing() -> None:
    results = [gathering(Combine(CombineFn.maybe_from_callable(fn))).nothing()
               for fn in (sum, max, sorted, CountCombineFn(), lambda values: values[0])]
    assert results == [0, NOTHING, [], 0, NOTHING]

    class Strict(CountCombineFn):
        def extract_output(self, accumulator: int, *args: Any, **kwargs: Any) -> Any:
            return 1 / accumulator

    with pytest.raises(ZeroDivisionError):  # a CombineFn says itself what is the result of nothing
        gathering(Combine(Strict())).nothing()


def test_size_grows_with_lists_and_not_with_accumulators() -> None:
    for windowing in WINDOWINGS:
        if windowing.trigger == ONES:
            continue
        sizes = []
        for payload in (GroupByKey(), GroupByKey((0, 1)), Combine(CountCombineFn())):
            run = OperatorRun(windowing, payload)
            run.add([row(1), row(1, 'other')])
            before = run.keyed.size()
            run.add([row(1)] * 100)
            after = run.keyed.size()
            assert before.entries == after.entries == 2
            sizes.append(after.bytes - before.bytes)
        assert sizes[0] == sizes[1] > 1000
        assert sizes[2] == 0


def test_columns_of_bundles_are_constant_where_they_can_be() -> None:
    operator = windowing_operator(GroupByKey(), Windowing(FixedWindows(10), allowed_lateness=5))
    operator.add(0, Bundle([(key, 1) for key in range(100)], 0, 0), 0)
    [bundle] = operator.advance(10 * SECOND, 0)
    assert (len(bundle), bundle.timestamps, bundle.windows) == (100, END, 0)
    assert bundle.panes.timing == 1
    operator = windowing_operator(GroupByKey(), Windowing(GlobalWindows(), ONES))
    [bundle] = operator.add(0, Bundle([('a', 1), ('a', 2)], 0, GLOBAL_WINDOW), 0)
    assert (bundle.timestamps, bundle.windows) == (GLOBAL_END_MICROS, GLOBAL_WINDOW)
    assert [pane.index for pane in bundle.panes] == [0, 1]


def test_few_keys_of_many_windows_share_a_bundle() -> None:
    for windowing in (Windowing(FixedWindows(1)), Windowing(FixedWindows(1), allowed_lateness=1)):
        operator = windowing_operator(GroupByKey(), windowing)
        windows = [number * SECOND for number in range(100)]
        operator.add(0, Bundle([('a', 1)] * 100, windows, windows), 0)
        [bundle] = operator.advance(MAX_MICROS, 0)
        assert bundle.windows == windows


@given(st.lists(st.one_of(st.tuples(st.just('push'), st.integers(0, 20), st.integers(0, 30)),
                          st.tuples(st.just('forget'), st.integers(0, 30), st.just(0)),
                          st.tuples(st.just('pop'), st.just(0), st.just(0))), max_size=300))
def test_an_agenda_gives_what_is_valid_in_order(events: list[tuple[str, int, int]]) -> None:
    valid: dict[int, int] = {}
    agenda = Agenda(lambda micros, key, window: valid.get(key) == micros)
    for kind, first, second in events:
        match kind:
            case 'push':
                valid[second] = first
                agenda.push(first, second, None)
            case 'forget':
                valid.pop(first, None)
            case 'pop' if (found := agenda.first()) is not None:
                assert found[0] == min(valid.values())
                del valid[found[1]]
                agenda.pop()
        assert len(agenda) <= 2 * 31 + 65
        found = agenda.first()
        assert (None if found is None else found[0]) == min(valid.values(), default=None)


def test_agendas_do_not_grow_with_panes() -> None:
    """Each pane waits and is emitted, while one key holds the output watermark all the time."""
    run = OperatorRun(Windowing(GlobalWindows(), Repeatedly(AfterCount(2)), AccumulationMode.DISCARDING, EARLIEST))
    run.add([row(0, 'waits')])
    for time in range(1, 1000):
        run.add([row(time), row(time)])
    assert run.keyed.hold().micros == 0  # type: ignore[union-attr]
    assert len(run.operator._holds) <= 100
    run = OperatorRun(Windowing(GlobalWindows(), Repeatedly(AfterProcessingTime(5)), AccumulationMode.DISCARDING))
    for now in range(1000):
        run.advance(0, now * SECOND)
        run.add([row(now)])
    assert len(run.operator._timers) <= 100
