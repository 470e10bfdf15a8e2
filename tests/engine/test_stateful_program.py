"""Programs with state and timers, driven as a stream drives them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.bundle import Bundle
from bourne.engine.keyed import Hold, Size
from bourne.engine.plan.compile import compile_plan
from bourne.engine.program.program import Program
from bourne.errors import ExecutionError
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.metric import DROPPED_LATE, elements_name
from bourne.sdk.model.state import BagStateSpec, CombiningValueStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer, on_window_expiration
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS
from bourne.sdk.model.window import GLOBAL_WINDOW, FixedWindows, TimestampedValue, WindowFn
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import Reshuffle
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.window import WindowInto

SECOND = 1_000_000


class Driven:
    """A program for ``ParDo`` of a function and a step behind it, and what comes out."""

    def __init__(self, fn: DoFn, windowfn: WindowFn | None = None, lateness: float = 0) -> None:
        pipeline = Pipeline()
        pairs: Any = pipeline | Create([('a', 1)])
        if windowfn is not None:
            pairs = pairs | WindowInto(windowfn, allowed_lateness=lateness)
        pairs | 'stateful' >> ParDo(fn) | 'shown' >> Map(str) | Reshuffle()
        self.plan = compile_plan(isolate(pipeline.to_graph()))
        self.stage = next(stage for stage in self.plan.stages if stage.ops[0].label == 'stateful')
        self.rows: list[tuple[str, int, Any]] = []
        self.bundles = 0
        self.program = self.new()

    def new(self) -> Program:
        made = Program(self.plan, self.stage)
        made.begin({}, self._leave)
        made.open()
        return made

    def _leave(self, collection: str, bundle: Bundle) -> None:
        self.bundles += 1
        self.rows += [(value, time, window) for value, time, window, _ in bundle.rows()]

    def process(self, pairs: list[Any], times: Any = MIN_MICROS, windows: Any = GLOBAL_WINDOW) -> None:
        self.program.process(Bundle(pairs, times, windows), self.stage.inputs[0])

    def taken(self) -> list[tuple[str, int, Any]]:
        """What came out since the last time."""
        rows, self.rows = self.rows, []
        return rows

    def counted(self, name: Any = DROPPED_LATE, step: str = 'stateful') -> int:
        self.program.finish()
        return self.program.metrics.counter(step, name).result()


BAG = BagStateSpec('bag')
EVENT, REAL = TimerSpec('event', TimeDomain.WATERMARK), TimerSpec('real', TimeDomain.REAL_TIME)


class Buffers(DoFn):
    """Keeps values until ten seconds after the first, or a minute of real time, or the end of the window."""

    def process(self, element: Any, time: Any = DoFn.TimestampParam, bag: Any = DoFn.StateParam(BAG),
                event: Any = DoFn.TimerParam(EVENT), real: Any = DoFn.TimerParam(REAL)) -> None:
        if bag.is_empty():
            event.set(time + 10)
            real.set_relative(60)
        bag.add(element[1])

    @on_timer(EVENT)
    @on_timer(REAL)
    def flush(self, key: Any = DoFn.KeyParam, bag: Any = DoFn.StateParam(BAG), event: Any = DoFn.TimerParam(EVENT),
              real: Any = DoFn.TimerParam(REAL)) -> Iterator[Any]:
        yield key, bag.read()
        for handle in (bag, event, real):
            handle.clear()

    @on_window_expiration
    def end(self, key: Any = DoFn.KeyParam, bag: Any = DoFn.StateParam(BAG)) -> Iterator[Any]:
        yield key, 'end', bag.read()


def test_timers_fire_when_the_watermark_has_come() -> None:
    driven = Driven(Buffers())
    driven.process([('a', 1), ('b', 2), ('a', 3)], [1 * SECOND, 2 * SECOND, 4 * SECOND])
    assert driven.program.size().entries == 2
    assert driven.program.hold() == Hold(1 * SECOND, GLOBAL_WINDOW, 'a')
    driven.program.advance(11 * SECOND - 1, 0)
    assert driven.taken() == []
    driven.program.advance(11 * SECOND, 0)
    assert driven.taken() == [("('a', [1, 3])", 11 * SECOND, GLOBAL_WINDOW)]
    assert driven.program.hold() == Hold(2 * SECOND, GLOBAL_WINDOW, 'b')
    driven.program.advance(MAX_MICROS, 0)
    assert driven.taken() == [("('b', [2])", 12 * SECOND, GLOBAL_WINDOW)]
    assert driven.program.size() == Size(0, 0)
    assert driven.program.hold() is None
    assert driven.counted(elements_name()) == 2


def test_timers_fire_when_the_clock_has_come() -> None:
    driven = Driven(Buffers())
    driven.program.now = 100 * SECOND
    driven.process([('a', 1)], 5 * SECOND)
    assert driven.program.due() == 160 * SECOND
    driven.program.advance(MIN_MICROS, 159 * SECOND)
    assert driven.taken() == []
    driven.program.advance(MIN_MICROS, 160 * SECOND)
    assert driven.taken() == [("('a', [1])", 5 * SECOND, GLOBAL_WINDOW)]
    assert driven.program.due() is None


def test_what_is_late_is_due_at_once() -> None:
    driven = Driven(Buffers(), FixedWindows(100), lateness=50)
    driven.program.advance(60 * SECOND, 7)
    assert driven.program.due() is None
    driven.process([('a', 1)], 30 * SECOND, 0)
    assert driven.program.due() == 7
    driven.program.advance(60 * SECOND, 7)
    assert driven.taken() == [("('a', [1])", 40 * SECOND, 0)]


def test_what_is_too_late_is_dropped_and_counted() -> None:
    driven = Driven(Buffers(), FixedWindows(10), lateness=5)
    driven.process([('a', 1)], 9 * SECOND, 0)
    assert driven.program.hold() == Hold(9 * SECOND, 0, 'a')
    driven.program.advance(14 * SECOND, 0)
    driven.process([('a', 2)], 8 * SECOND, 0)
    driven.program.advance(15 * SECOND, 0)
    assert driven.taken() == [("('a', [1, 2])", 10 * SECOND - 1, 0)]
    driven.process([('a', 3), ('a', 4), ('a', 5)], [9 * SECOND, 17 * SECOND, 8 * SECOND], [0, 10 * SECOND, 0])
    assert driven.counted() == 2
    assert driven.counted() == 2, 'each is counted once'
    driven.program.advance(MAX_MICROS, 0)
    assert driven.taken() == [("('a', [4])", 20 * SECOND - 1, 10 * SECOND)]


def test_outputs_of_an_advance_go_on_together() -> None:
    driven = Driven(Buffers())
    driven.process([(key, 0) for key in range(1000)], 0)
    driven.program.advance(10 * SECOND, 0)
    assert len(driven.taken()) == 1000
    assert driven.bundles == 1


class Fails(DoFn):
    def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
        event.set(5)

    @on_timer(EVENT)
    def fail(self, key: Any = DoFn.KeyParam) -> Iterator[Any]:
        yield 'first'
        raise KeyError('mine')


def test_a_failure_is_noted_with_method_timer_and_key() -> None:
    driven = Driven(Fails())
    driven.process([('a', 1)], 0)
    with pytest.raises(KeyError) as caught:
        driven.program.advance(MAX_MICROS, 0)
    (note,) = caught.value.__notes__
    assert note.startswith("in ParDo 'stateful', applied at ")
    assert "in fail, for the timer 'event' of the key 'a'" in note


def test_tags_that_were_not_declared() -> None:
    class Tags(DoFn):
        def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
            event.set(5)

        @on_timer(EVENT)
        def tagged(self) -> Iterator[Any]:
            yield TaggedOutput('unknown', 1)
            yield TimestampedValue('plain', 7)

    pipeline = Pipeline()
    pipeline | Create([('a', 1)]) | ParDo(Tags()).with_outputs('known')
    with pytest.raises(ExecutionError, match="tagged 'unknown', which was not declared"):
        pipeline.run()


def test_state_is_not_at_hand_around_bundles() -> None:
    class Keeps(DoFn):
        def process(self, element: Any, bag: Any = DoFn.StateParam(BAG)) -> None:
            self.kept = bag

        def finish_bundle(self) -> None:
            self.kept.add(1)

    driven = Driven(Keeps())
    with pytest.raises(ExecutionError, match=r"the bag state 'bag' of the key 'a' was used after the call that it was"):
        driven.process([('a', 1)])


class Ready(CombineFn):
    """Counts how often it was set up and torn down."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def setup(self) -> None:
        self.calls.append('setup')

    def create_accumulator(self) -> Any:
        return None

    def add_input(self, mutable_accumulator: Any, element: Any) -> Any:
        return tuple(self.calls)

    def merge_accumulators(self, accumulators: Any) -> Any:
        raise AssertionError('nothing is merged')

    def extract_output(self, accumulator: Any) -> Any:
        return accumulator

    def teardown(self) -> None:
        LOG.append(tuple(self.calls))


LOG: list[tuple[str, ...]] = []


class Combines(DoFn):
    READY = CombiningValueStateSpec('ready', Ready())

    def process(self, element: Any, ready: Any = DoFn.StateParam(READY)) -> Iterator[Any]:
        ready.add(1)
        yield ready.read()


def test_functions_of_combining_state_are_set_up_for_each_program() -> None:
    """They are its own, although the specification may stand in a class that all share."""
    LOG.clear()
    drivens = [Driven(Combines()), Driven(Combines())]
    for driven in drivens:
        driven.process([('a', 1), ('b', 1)])
        assert [row[0] for row in driven.taken()] == ["('setup',)"] * 2
        driven.program.close()
    assert LOG == [('setup',), ('setup',)]
    assert Combines.READY.combine_fn.calls == []  # type: ignore[attr-defined]


def test_programs_without_state_have_nothing_to_say() -> None:
    pipeline = Pipeline()
    pipeline | Create([1]) | 'shown' >> Map(str) | Reshuffle()
    plan = compile_plan(isolate(pipeline.to_graph()))
    program = Program(plan, plan.stages[0])
    program.open()
    program.advance(5, 5)
    assert (program.hold(), program.due(), program.size(), list(program.snapshot())) == (None, None, Size(0, 0), [])


# Checkpoints.


class Counts(DoFn):
    """The number and the sum of a key's values, for each value, and once more some time after."""

    COUNT, SUM = CombiningValueStateSpec('count', len), CombiningValueStateSpec('sum', sum)

    def process(self, element: Any, time: Any = DoFn.TimestampParam, count: Any = DoFn.StateParam(COUNT),
                total: Any = DoFn.StateParam(SUM), event: Any = DoFn.TimerParam(EVENT)) -> Iterator[Any]:
        count.add(element[1])
        total.add(element[1])
        event.set(time + 7, str(element[1] % 3))
        yield element, count.read(), total.read()

    @on_timer(EVENT)
    def later(self, key: Any = DoFn.KeyParam, tag: Any = DoFn.DynamicTimerTagParam,
              count: Any = DoFn.StateParam(COUNT), total: Any = DoFn.StateParam(SUM)) -> Iterator[Any]:
        yield key, tag, count.read(), total.read()
        if tag == '2':
            count.clear()


ELEMENTS = st.tuples(st.just('element'), st.sampled_from('abc'), st.integers(0, 9), st.integers(0, 30))
TICKS = st.tuples(st.just('advance'), st.integers(0, 12))


@given(st.sampled_from([None, FixedWindows(10)]), st.lists(st.one_of(ELEMENTS, ELEMENTS, TICKS), max_size=20),
       st.integers(1, 5), st.integers(0, 20))
def test_bundles_and_checkpoints_change_nothing(windowfn: Any, steps: list[Any], size: int, cut: int) -> None:
    whole, parts = Driven(Counts(), windowfn, 5), Driven(Counts(), windowfn, 5)
    run(whole, windowfn, steps, len(steps) + 1, None)
    run(parts, windowfn, steps, size, cut)
    assert parts.counted() + parts.earlier == whole.counted()  # type: ignore[attr-defined]
    # Of one key all comes in order; of several, timers of one time may have changed places in the checkpoint.
    assert [in_turn(parts.rows, key) for key in 'abc'] == [in_turn(whole.rows, key) for key in 'abc']


def in_turn(rows: list[Any], key: str) -> list[Any]:
    """The rows of a key."""
    return [row for row in rows if f"'{key}'" in row[0]]


def run(driven: Driven, windowfn: Any, steps: list[Any], size: int, cut: int | None) -> None:
    """Runs the steps with bundles of at most ``size``, going through a checkpoint before the one numbered ``cut``."""
    watermark = 0
    waiting: list[Any] = []
    driven.earlier = 0  # type: ignore[attr-defined]
    for number, step in enumerate([*steps, ('advance', None)]):
        if number == cut:
            flush(driven, windowfn, waiting)
            through_a_checkpoint(driven, watermark)
        if step[0] == 'element':
            waiting.append(step[1:])
            if len(waiting) >= size:
                flush(driven, windowfn, waiting)
            continue
        flush(driven, windowfn, waiting)
        watermark = MAX_MICROS if step[1] is None else watermark + step[1] * SECOND
        driven.program.advance(watermark, 0)


def flush(driven: Driven, windowfn: Any, waiting: list[Any]) -> None:
    times = [time * SECOND for *_, time in waiting]
    windows = GLOBAL_WINDOW if windowfn is None else [time - time % (10 * SECOND) for time in times]
    if waiting:
        driven.process([(key, value) for key, value, _ in waiting], times, windows)
    waiting.clear()


def through_a_checkpoint(driven: Driven, watermark: int) -> None:
    """Goes on in another program, with rows that were split as for another number of partitions."""
    rows = [pickle.dumps(row) for row in driven.program.snapshot()]
    driven.earlier += driven.counted()  # type: ignore[attr-defined]
    driven.program.close()
    driven.program = driven.new()
    for part in (rows[::2], rows[1::2]):
        driven.program.restore(map(pickle.loads, part), watermark)


def test_what_cannot_be_restored_is_named() -> None:
    driven = Driven(Counts())
    driven.process([('a', 1)])
    (row,) = driven.program.snapshot()
    other = Driven(Buffers())
    with pytest.raises(ExecutionError, match=r"what was saved has the state 'count', .*; it has 'bag'") as caught:
        other.program.restore([row], 0)
    assert "in ParDo 'stateful'" in caught.value.__notes__[0]
