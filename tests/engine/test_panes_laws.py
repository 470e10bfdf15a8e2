"""Laws of windowing: the operator against the naive model, and what holds for every trigger."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bourne.engine.gathering import gathering
from bourne.engine.grouping import group
from bourne.engine.panes import Panes
from bourne.engine.plan.stage import OpPayload
from bourne.engine.triggers import TriggerMachine
from bourne.engine.windowtables import WindowTables, is_short
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.pane import PaneInfoTiming
from bourne.sdk.model.timestamp import MAX_MICROS, Duration, Timestamp
from bourne.sdk.model.trigger import (
    AccumulationMode,
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
    Windowing,
    goes_by_elements,
)
from bourne.sdk.model.window import FixedWindows, GlobalWindows, Sessions, SlidingWindows, TimestampCombiner, WindowFn
from tests.engine.test_grouping import in_bundles, rows_of
from tests.panes import NaiveRun, OperatorRun, Pane, Row, in_order

SECOND = 1_000_000
Step = tuple[str, Any]

ONCE = st.one_of(st.builds(AfterCount, st.integers(1, 3)), st.builds(AfterProcessingTime, st.integers(0, 3)),
                 st.just(AfterWatermark()))


def _nested(inner: SearchStrategy[TriggerFn]) -> SearchStrategy[TriggerFn]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(Repeatedly, inner), st.builds(AfterWatermark, st.none() | inner, st.none() | inner),
        several.map(lambda parts: AfterAny(*parts)), several.map(lambda parts: AfterAll(*parts)),
        several.map(lambda parts: AfterEach(*parts)), st.builds(OrFinally, inner, ONCE))


TRIGGERS: SearchStrategy[TriggerFn] = st.recursive(
    st.one_of(st.just(DefaultTrigger()), st.just(Always()), st.just(Never()), ONCE), _nested, max_leaves=5)
#: Triggers that never finish, so that no element is lost to them.
LASTING = TRIGGERS.map(Repeatedly)
MODES = st.sampled_from([AccumulationMode.DISCARDING, AccumulationMode.ACCUMULATING])


class OwnSessions(Sessions):
    """Sessions as a user's windows, of which the engine knows only that they merge."""


WINDOWFNS: SearchStrategy[WindowFn] = st.sampled_from(
    [GlobalWindows(), FixedWindows(4), SlidingWindows(4, 2), Sessions(2), Sessions(3), OwnSessions(2)])
LATENESS = st.sampled_from([0, 0, 2, 5, 100, 10**6]).map(Duration)


def windowings(triggers: SearchStrategy[TriggerFn] = TRIGGERS) -> SearchStrategy[Windowing]:
    return st.builds(Windowing, WINDOWFNS, triggers, MODES, st.sampled_from(TimestampCombiner.ALL), LATENESS)


ROWS = st.lists(st.builds(Row, st.sampled_from('ab'), st.integers(0, 9), st.integers(0, 12).map(SECOND.__mul__),
                          st.integers(0, 1)), min_size=1, max_size=5)


@st.composite
def streams(draw: DrawFn) -> list[Step]:
    """Elements, watermarks and processing time; at last the watermark goes to the end."""
    steps: list[Step] = []
    watermark = now = 0
    for kind in draw(st.lists(st.sampled_from(['in', 'in', 'watermark', 'clock', 'both']), max_size=10)):
        if kind == 'in':
            steps.append(('in', draw(ROWS)))
            continue
        watermark += draw(st.integers(0, 4)) * SECOND if kind != 'clock' else 0
        now += draw(st.integers(0, 2)) * SECOND if kind != 'watermark' else 0
        steps.append(('time', (watermark, now)))
    return [*steps, ('time', (MAX_MICROS, now))]


def play(run: OperatorRun | NaiveRun, steps: list[Step]) -> list[list[Pane]]:
    """The panes of each step."""
    return [run.add(what) if kind == 'in' else run.advance(*what) for kind, what in steps]


def all_panes(windowing: Windowing, steps: list[Step]) -> list[Pane]:
    return list(chain.from_iterable(play(OperatorRun(windowing), steps)))


def one_input(steps: list[Step]) -> list[Step]:
    return [(kind, [row._replace(port=0) for row in what] if kind == 'in' else what) for kind, what in steps]


@settings(max_examples=5 * settings().max_examples)
@given(windowings(), streams())
def test_the_operator_emits_what_the_naive_model_emits(windowing: Windowing, steps: list[Step]) -> None:
    steps = one_input(steps)
    run, naive = OperatorRun(windowing), NaiveRun(windowing)
    for step in steps:
        [found], [wanted] = play(run, [step]), play(naive, [step])
        assert in_order(found) == in_order(wanted)
        assert run.dropped == naive.dropped
        if not isinstance(run.operator, WindowTables):  # of which nothing holds or waits
            assert run.waits() == naive.waits()


PAYLOADS: SearchStrategy[OpPayload] = st.sampled_from([
    GroupByKey(), GroupByKey(('one', 'two'), True), GroupByKey(('one', 'two'), False), Combine(CountCombineFn()),
    Combine(CombineFn.from_callable(sum)), Combine(MeanCombineFn()), Combine(CombineFn.from_callable(sorted))])


@given(windowings(), streams(), PAYLOADS, st.integers(1, 3), st.booleans())
def test_results_do_not_depend_on_bundles_nor_on_how_elements_are_kept(
        windowing: Windowing, steps: list[Step], payload: OpPayload, size: int, pickled: bool) -> None:
    if not (isinstance(payload, GroupByKey) and payload.tags):
        steps = one_input(steps)
    found = play(OperatorRun(windowing, payload, bundle_size=size, pickled=pickled), steps)
    for one, wanted in zip(found, play(NaiveRun(windowing, payload), steps)):
        assert in_order(one) == in_order(wanted)


@given(windowings(), streams())
def test_nothing_is_left_at_the_end(windowing: Windowing, steps: list[Step]) -> None:
    run = OperatorRun(windowing)
    play(run, one_input(steps))
    assert run.keyed.size() == (0, 0)
    assert run.keyed.hold() is None
    assert run.keyed.due() is None
    assert not list(run.operator.saved())


@given(windowings(), streams())
def test_pane_infos(windowing: Windowing, steps: list[Step]) -> None:
    """For windows that do not merge: firings are counted, timings go forward, and nothing follows the last pane."""
    if windowing.windowfn.is_merging():
        return
    panes: dict[Any, list[Any]] = defaultdict(list)
    for pane in all_panes(windowing, one_input(steps)):
        panes[pane.key, pane.window].append(pane.info)
    for infos in panes.values():
        assert [info.index for info in infos] == list(range(len(infos)))
        assert [info.is_first for info in infos] == [True] + [False] * (len(infos) - 1)
        assert not any(info.is_last for info in infos[:-1])
        timings = [info.timing for info in infos]
        assert timings == sorted(timings)
        assert timings.count(PaneInfoTiming.ON_TIME) <= 1
        early = timings.count(PaneInfoTiming.EARLY)
        assert [info.nonspeculative_index for info in infos] == [-1] * early + list(range(len(infos) - early))


@given(windowings(), streams())
def test_nothing_is_emitted_behind_the_output_watermark_but_late_panes(windowing: Windowing, steps: list[Step]) -> None:
    run = OperatorRun(windowing)
    for kind, what in one_input(steps):
        promised = run.promised
        for pane in run.add(what) if kind == 'in' else run.advance(*what):
            assert pane.time >= promised or pane.info.timing == PaneInfoTiming.LATE, (pane, promised)


@given(windowings(LASTING), streams())
def test_discarding_panes_add_up_to_the_last_accumulating_one(windowing: Windowing, steps: list[Step]) -> None:
    steps = one_input(steps)
    discarded: dict[Any, list[Any]] = defaultdict(list)
    last: dict[Any, list[Any]] = {}
    both = [attrs.evolve(windowing, accumulation_mode=mode)
            for mode in (AccumulationMode.DISCARDING, AccumulationMode.ACCUMULATING)]
    if windowing.windowfn.is_merging():  # then a window may end in another one, after its panes
        return
    for pane in all_panes(both[0], steps):
        discarded[pane.key, pane.window] += pane.value
    for pane in all_panes(both[1], steps):
        last[pane.key, pane.window] = pane.value
    assert {where: sorted(values) for where, values in discarded.items()} == \
        {where: sorted(values) for where, values in last.items()}


@given(st.builds(Windowing, WINDOWFNS, LASTING, st.just(AccumulationMode.ACCUMULATING),
                 allowed_lateness=st.just(10**6)), streams(), st.randoms(use_true_random=False))
def test_with_enough_lateness_the_last_panes_are_those_of_batch(
        windowing: Windowing, steps: list[Step], random: Any) -> None:
    steps = one_input(steps)
    rows = [row for kind, what in steps if kind == 'in' for row in what]
    raws = rows_of([(row.key, row.value, Timestamp(micros=row.time)) for row in rows], windowing)
    raw = OperatorRun(windowing).raw
    wanted = {(key, raw.decode(window)): sorted(values) for bundle in group(in_bundles(raws, []), windowing)
              for (key, values), _, window, _ in bundle.rows()}
    random.shuffle(rows)
    places = [(number, len(what)) for number, (kind, what) in enumerate(steps) if kind == 'in']
    for number, count in places:
        steps[number] = 'in', [rows.pop() for _ in range(count)]
    last = {(pane.key, pane.window): sorted(pane.value) for pane in all_panes(windowing, steps)}
    assert {where: last[where] for where in wanted} == wanted


@given(st.builds(Windowing, st.sampled_from([GlobalWindows(), FixedWindows(4), SlidingWindows(4, 2)]),
                 st.sampled_from([DefaultTrigger(), AfterWatermark()])), streams(), PAYLOADS)
def test_the_short_way_emits_what_the_general_way_emits(windowing: Windowing, steps: list[Step],
                                                        payload: OpPayload) -> None:
    assert is_short(windowing)
    short, general = OperatorRun(windowing, payload), OperatorRun(windowing, payload)
    general.operator = Panes(gathering(payload), windowing)
    if not (isinstance(payload, GroupByKey) and payload.tags):
        steps = one_input(steps)
    for one, other in zip(play(short, steps), play(general, steps)):
        assert in_order(one) == in_order(other)
    assert short.dropped == general.dropped


@given(TRIGGERS, st.lists(ROWS, max_size=3), WINDOWFNS)
def test_a_trigger_that_does_not_go_by_elements_fires_once_in_batch(trigger: TriggerFn, several: list[list[Row]],
                                                                    windowfn: WindowFn) -> None:
    run = OperatorRun(Windowing(windowfn, trigger, AccumulationMode.DISCARDING))
    early = [pane for rows in several for pane in run.add([row._replace(port=0) for row in rows])]
    panes = run.advance(MAX_MICROS)
    if not goes_by_elements(trigger):
        assert not early
        assert all((info.is_first, info.is_last, info.timing) == (True, True, PaneInfoTiming.ON_TIME)
                   for *_, info in panes)
    assert len({(pane.key, pane.window) for pane in panes}) == len(panes)


@given(TRIGGERS, st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=8))
def test_a_quiet_trigger_does_not_care_for_what_comes_before_the_end(trigger: TriggerFn, events: list[Any]) -> None:
    machine = TriggerMachine(trigger)
    cells = machine.start()
    for new, now in events:
        machine.element(cells, now)
        machine.tick(cells, now)
        assert not (machine.quiet and (machine.ready(cells, False, new) or cells != machine.start()))
