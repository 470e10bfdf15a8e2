"""State and timers without a program: laws against plain models, checkpoints at any point, and what is refused."""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine import state as state_module
from bourne.engine import timers as timers_module
from bourne.engine.cells import KEY, WINDOW
from bourne.engine.keyed import Size
from bourne.engine.state import EXPIRES, KeyedState
from bourne.engine.statestore import NOTHING, MemoryStore
from bourne.errors import ExecutionError, KeyEncodingError
from bourne.sdk.model.coders import StrUtf8Coder, VarIntCoder
from bourne.sdk.model.combinefn import MeanCombineFn
from bourne.sdk.model.state import (
    BagStateSpec,
    CombiningValueStateSpec,
    MapStateSpec,
    OrderedListStateSpec,
    ReadModifyWriteStateSpec,
    SetStateSpec,
)
from bourne.sdk.model.stateful import Stateful
from bourne.sdk.model.timer import TimeDomain, TimerSpec
from bourne.sdk.model.timestamp import GLOBAL_END_MICROS, MAX_MICROS, MIN_MICROS, Timestamp
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, DefaultTrigger, Windowing
from bourne.sdk.model.window import GLOBAL_WINDOW, FixedWindows, TimestampCombiner
from bourne.sdk.transforms.collect import ToListCombineFn
from bourne.sdk.transforms.top import TopCombineFn

SECOND = 1_000_000
SPECS = (ReadModifyWriteStateSpec('value'), BagStateSpec('bag'), SetStateSpec('set'),
         CombiningValueStateSpec('sum', sum), CombiningValueStateSpec('mean', MeanCombineFn()),
         CombiningValueStateSpec('top', TopCombineFn(2)), CombiningValueStateSpec('list', ToListCombineFn()),
         OrderedListStateSpec('ordered'), MapStateSpec('map'))
TIMERS = (TimerSpec('event', TimeDomain.WATERMARK), TimerSpec('other', TimeDomain.WATERMARK),
          TimerSpec('real', TimeDomain.REAL_TIME))
PARTS = Stateful({spec.name: spec for spec in SPECS}, {spec.name: spec for spec in TIMERS}, {}, '')


def windowing(size: float | None = None, lateness: float = 0) -> Windowing:
    if size is None:
        return DEFAULT_WINDOWING
    return Windowing(FixedWindows(size), DefaultTrigger(), allowed_lateness=lateness,
                     timestamp_combiner=TimestampCombiner.OUTPUT_AT_EOW)


class PickledTable(MutableMapping[Any, Any]):
    """Records as bytes; those that were handed out are written back when the store is flushed."""

    def __init__(self) -> None:
        self.saved: dict[Any, bytes] = {}
        self.out: dict[Any, Any] = {}

    def __getitem__(self, key: Any) -> Any:
        if key not in self.out:
            self.out[key] = pickle.loads(self.saved[key])
        return self.out[key]

    def __setitem__(self, key: Any, record: Any) -> None:
        self.saved[key] = b''
        self.out[key] = record

    def __delitem__(self, key: Any) -> None:
        del self.saved[key]
        self.out.pop(key, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.saved)

    def __len__(self) -> int:
        return len(self.saved)


class PickledStore(dict[Any, PickledTable]):
    """A store that holds nothing as it is: what was not written back is lost, and no record is the one of before."""

    def __init__(self, admit: Callable[[Any], bool]) -> None:
        super().__init__()
        self.admit = admit

    def __missing__(self, window: Any) -> Any:
        return self.setdefault(window, PickledTable()) if self.admit(window) else NOTHING

    def flush(self) -> None:
        for table in self.values():
            table.saved.update((key, pickle.dumps(record)) for key, record in table.out.items())
            for record in table.out.values():
                record.clear()
            table.out.clear()


STORES = st.sampled_from([MemoryStore, PickledStore])


class Machine:
    """Uses the state of a function as a program does."""

    def __init__(self, parts: Stateful = PARTS, windows: Windowing = DEFAULT_WINDOWING,
                 store: Any = MemoryStore) -> None:
        self.parts, self.windows, self.store = parts, windows, store
        self.state = KeyedState(parts, windows, 'label', store)

    def enter(self, key: Any, window: Any = GLOBAL_WINDOW) -> Any:
        """Puts a key at hand; returns its record."""
        record = self.state.tables[window].get(key)
        if record is None:
            record = self.state.enter(key, window)
        self.state.scope.record = record
        return record

    def cell(self, name: str, record: Any) -> Any:
        return self.state.handles[self.state.slots['state', name]](record)

    def timer(self, name: str, record: Any, time: int = MIN_MICROS) -> Any:
        return self.state.handles[self.state.slots['timer', name]](record, time)

    def through_a_checkpoint(self) -> None:
        """Goes on with what a checkpoint would save."""
        rows = pickle.loads(pickle.dumps(list(self.state.snapshot())))
        before, self.state = self.state, KeyedState(self.parts, self.windows, 'label', self.store)
        self.state.restore(rows, before.watermark)
        self.state.scope.now = before.scope.now


# Cells against plain values.

KEYS = st.sampled_from(['a', 'b', 1, 1.0, True, (1, 'x'), None])
SMALL = st.integers(0, 5)


def _mean(values: list[Any]) -> Any:
    return sum(values) / len(values)


def _in_order(pairs: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    return sorted(pairs, key=lambda pair: pair[0])


#: For each cell: what may be done to it, with what arguments, and what that does to a model.
ACTIONS: dict[str, dict[str, tuple[st.SearchStrategy[tuple[Any, ...]], Callable[..., Any]]]] = {
    'value': {'write': (st.tuples(SMALL), lambda model, x: x)},
    'bag': {'add': (st.tuples(SMALL), lambda model, x: [*(model or []), x])},
    'set': {'add': (st.tuples(SMALL), lambda model, x: (model or set()) | {x}),
            'remove': (st.tuples(SMALL), lambda model, x: (model or set()) - {x} or None)},
    **{name: {'add': (st.tuples(SMALL), lambda model, x: [*(model or []), x])}
       for name in ('sum', 'mean', 'top', 'list')},
    'ordered': {'add': (st.tuples(st.tuples(SMALL, st.text(max_size=1))), lambda model, x: [*(model or []), x]),
                'clear_range': (st.tuples(SMALL, SMALL), lambda model, low, limit: [
                    pair for pair in model or [] if not low <= pair[0] < limit] or None)},
    'map': {'put': (st.tuples(SMALL, SMALL), lambda model, x, y: {**(model or {}), x: y}),
            'remove': (st.tuples(SMALL), lambda model, x: {
                key: value for key, value in (model or {}).items() if key != x} or None)},
}
READS: dict[str, Callable[[Any], Any]] = {
    'value': lambda model: model, 'bag': lambda model: model or [], 'set': lambda model: model or set(),
    'sum': lambda model: sum(model or []), 'mean': lambda model: None if not model else _mean(model),
    'top': lambda model: sorted(model or [], reverse=True)[:2], 'list': lambda model: model or [],
    'ordered': lambda model: _in_order(model or []), 'map': lambda model: model or {},
}


@st.composite
def actions(draw: st.DrawFn) -> tuple[Any, str, str, tuple[Any, ...]]:
    name = draw(st.sampled_from(sorted(ACTIONS)))
    method = draw(st.sampled_from([*sorted(ACTIONS[name]), 'clear']))
    return draw(KEYS), name, method, () if method == 'clear' else draw(ACTIONS[name][method][0])


def read(machine: Machine, name: str, record: Any) -> Any:
    found = machine.cell(name, record).read()
    if name == 'ordered':
        return [(int(time), value) for time, value in found]
    return None if found != found else found


@given(STORES, st.lists(st.one_of(actions(), st.sampled_from(['settle', 'checkpoint'])), max_size=40))
def test_cells_are_what_plain_values_are(store: Any, steps: list[Any]) -> None:
    machine, models = Machine(store=store), {}
    for step in steps:
        if step == 'checkpoint':
            machine.through_a_checkpoint()
        if isinstance(step, str):
            machine.state.settle()
            continue
        key, name, method, arguments = step
        record = machine.enter(key)
        getattr(machine.cell(name, record), method)(*arguments)
        model = models.get((key, name))
        models[key, name] = None if method == 'clear' else ACTIONS[name][method][1](model, *arguments)
        for other in READS:
            assert read(machine, other, record) == READS[other](models.get((key, other))), (other, step)
            assert machine.cell(other, record).is_empty() == (models.get((key, other)) is None)
    machine.state.settle()
    assert machine.state.size().entries == len({key for (key, _), model in models.items() if model is not None})


@given(st.lists(st.tuples(SMALL, SMALL)), SMALL, SMALL)
def test_a_range_of_an_ordered_list(pairs: list[tuple[int, int]], low: int, limit: int) -> None:
    machine = Machine()
    cell = machine.cell('ordered', machine.enter('k'))
    for pair in pairs:
        cell.add(pair)
    assert [(int(time), value) for time, value in cell.read_range(low, Timestamp(limit))] == [
        pair for pair in _in_order(pairs) if low <= pair[0] < limit]


@pytest.mark.parametrize('fn', [sum, max, MeanCombineFn(), TopCombineFn(3), ToListCombineFn()],
                         ids=['sum', 'max', 'mean', 'top', 'list'])
@given(values=st.lists(SMALL, min_size=1, max_size=30))
def test_reading_a_combination_does_not_change_it(fn: Any, values: list[int]) -> None:
    spec = CombiningValueStateSpec('c', fn)
    machine = Machine(Stateful({'c': spec}, {}, {}, ''))
    cell = machine.cell('c', machine.enter('k'))
    read: list[Any] = []
    for number, value in enumerate(values, 1):
        cell.add(value)
        read.append((cell.read(), spec.combine_fn.apply(values[:number])))
    for found, expected in read:  # all at the end: nothing that was read before has changed since
        assert found == expected


# Timers against a model without queues.


class NaiveTimers:
    """Timers by key, window, name and tag in a dict; what is due is looked for among all of them."""

    def __init__(self, windows: Windowing) -> None:
        self.size = windows.windowfn.size.micros if isinstance(windows.windowfn, FixedWindows) else None
        self.lateness = windows.allowed_lateness.micros
        self.watermark = MIN_MICROS
        self.timers: dict[tuple[Any, Any, str, str], tuple[int, int, int]] = {}
        self.numbers = 0
        self.fired: int | None = None
        self.phase = 0

    def last(self, window: Any) -> int:
        return GLOBAL_END_MICROS if self.size is None else window + self.size - 1

    def end(self, window: Any) -> int:
        return self.last(window) + self.lateness + 1

    def set(self, key: Any, window: Any, name: str, tag: str, time: int, at: int) -> None:
        end, event = self.end(window), name != 'real'
        if self.phase and (self.fired is not None and self.fired >= end if event else self.phase == 2):
            return
        fires = min(time, end) if event else time
        output = min(max(fires, at) if event else at, self.last(window))
        known = self.timers.get((key, window, name, tag))
        if known is None or (known[0], known[2]) != (fires, output):
            self.numbers += 1
            self.timers[key, window, name, tag] = (fires, self.numbers, output)

    def clear(self, key: Any, window: Any, name: str, tag: str) -> None:
        self.timers.pop((key, window, name, tag), None)

    def advance(self, watermark: int, now: int, fire: Callable[..., None]) -> None:
        self.watermark = watermark
        if watermark < MAX_MICROS:
            self._events(fire, lambda place, timer: timer[0] <= watermark)
            due = sorted((timer, place) for place, timer in self.timers.items()
                         if place[2] == 'real' and timer[0] <= now)
            self._reals(due, fire)
            self._events(fire, lambda place, timer: timer[0] <= watermark)
        for window in sorted({place[1] for place in self.timers if self.end(place[1]) <= watermark}, key=self.end):
            keys = list(dict.fromkeys(place[0] for place in self.timers if place[1] == window))
            for key in keys:
                self.phase = 1
                self._events(fire, lambda place, timer, key=key, window=window: place[:2] == (key, window))
                self.phase = 2
                self._reals(sorted((timer, place) for place, timer in self.timers.items()
                                   if place[:2] == (key, window)), fire)
                self._events(fire, lambda place, timer, key=key, window=window: place[:2] == (key, window))
                self.phase = 0

    def _events(self, fire: Callable[..., None], is_due: Callable[..., bool]) -> None:
        while True:
            due = [(timer, place) for place, timer in self.timers.items()
                   if place[2] != 'real' and is_due(place, timer)]
            if not due:
                return
            timer, place = min(due, key=lambda item: item[0])
            self.fired = timer[0]
            self._take(timer, place, fire)

    def _reals(self, due: list[Any], fire: Callable[..., None]) -> None:
        for timer, place in due:
            if self.timers.get(place) == timer:
                self.fired = None
                self._take(timer, place, fire)

    def _take(self, timer: tuple[int, int, int], place: Any, fire: Callable[..., None]) -> None:
        del self.timers[place]
        fire(*place, timer[0], timer[2])

    def hold(self) -> int | None:
        return min((output if place[2] == 'real' else min(time, output)
                    for place, (time, _, output) in self.timers.items()), default=None)

    def due(self) -> int | None:
        return min((time for place, (time, *_) in self.timers.items() if place[2] == 'real'), default=None)


class Driven:
    """The same by the engine."""

    def __init__(self, windows: Windowing, store: Any, settles: int) -> None:
        self.machine = Machine(PARTS, windows, store)
        self.settles = settles

    def set(self, key: Any, window: Any, name: str, tag: str, time: int, at: int) -> None:
        record = self.machine.enter(key, window)
        if record is not None:
            self.machine.timer(name, record, at).set(Timestamp(micros=time), tag)

    def clear(self, key: Any, window: Any, name: str, tag: str) -> None:
        record = self.machine.enter(key, window)
        if record is not None:
            self.machine.timer(name, record).clear(tag)

    def advance(self, watermark: int, now: int, fire: Callable[..., None]) -> None:
        names = {slot: name for (_, name), slot in self.machine.state.slots.items()}
        firings = self.machine.state.firings(watermark, now)
        for number, (record, slot, time, tag, output) in enumerate(firings):
            assert self.machine.state.scope.record is record
            fire(record[KEY], record[WINDOW], names[slot], tag, time, output)
            if number % self.settles == 0:  # as a program does behind each bundle of outputs
                self.machine.state.settle()
        self.machine.state.settle()

    def hold(self) -> int | None:
        hold = self.machine.state.hold()
        return None if hold is None else hold.micros

    def due(self) -> int | None:
        return self.machine.state.due()


NAMES = st.sampled_from(['event', 'other', 'real'])
TAGS = st.sampled_from(['', '', 'x', 'y'])
TIMES = st.integers(-5, 60)
KEYED = st.tuples(st.sampled_from(['a', 'b']), st.integers(0, 2))
SETS = st.tuples(st.just('set'), KEYED, NAMES, TAGS, TIMES, TIMES)
CLEARS = st.tuples(st.just('clear'), KEYED, NAMES, TAGS)
ADVANCES = st.tuples(st.just('advance'), st.integers(0, 25), st.integers(0, 25))
#: What the method of a timer does: by its name and the parity of its time, which timer it sets how much later.
REACTIONS = st.dictionaries(st.tuples(NAMES, st.booleans()), st.tuples(NAMES, TAGS, st.integers(1, 9)), max_size=4)


@given(st.sampled_from([windowing(), windowing(10), windowing(10, 15)]),
       st.lists(st.one_of(SETS, SETS, CLEARS, ADVANCES, st.just(('checkpoint',))), max_size=25), REACTIONS, STORES,
       st.integers(1, 5))
def test_timers_fire_as_a_naive_model_says(windows: Windowing, steps: list[Any], reactions: dict[Any, Any], store: Any,
                                           settles: int) -> None:
    naive, driven = NaiveTimers(windows), Driven(windows, store, settles)
    watermark = now = 0
    for step in [*steps, ('advance', None, 5)]:
        if step[0] == 'checkpoint':
            driven.machine.through_a_checkpoint()
        elif step[0] == 'advance':
            watermark = MAX_MICROS if step[1] is None else watermark + step[1] * SECOND
            now += step[2] * SECOND
            assert fired(driven, watermark, now, reactions) == fired(naive, watermark, now, reactions)
        else:
            act(driven, naive, windows, step)
        waiting = [timer for place, timer in naive.timers.items()
                   if place[2] != 'real' and timer[0] <= naive.watermark]
        held = naive.hold()  # the last instant of a window holds nothing that its end does not: either will do
        assert driven.hold() in ((held,) if held is None else (held, held + 1))
        assert driven.due() == (driven.machine.state.scope.now if waiting else naive.due())
    assert not naive.timers
    assert driven.machine.state.size() == Size(0, 0)


def act(driven: Driven, naive: NaiveTimers, windows: Windowing, step: Any) -> None:
    what, (key, number), name, tag, *times = step
    window = GLOBAL_WINDOW if naive.size is None else number * naive.size
    if naive.end(window) <= naive.watermark:
        before = driven.machine.state.dropped
        assert driven.machine.enter(key, window) is None
        assert driven.machine.state.dropped == before + 1
        return
    for one in (driven, naive):
        getattr(one, what)(key, window, name, tag, *(time * SECOND for time in times))


def fired(one: Any, watermark: int, now: int, reactions: dict[Any, Any]) -> list[Any]:
    """What fires, in order; methods set timers in turn."""
    found: list[Any] = []

    def fire(key: Any, window: Any, name: str, tag: str, time: int, output: int) -> None:
        found.append((key, window, name, tag, time, output))
        reaction = reactions.get((name, time // SECOND % 2 == 0))
        if reaction is not None and [item[:2] for item in found].count((key, window)) < 20:
            other, other_tag, delay = reaction
            one.set(key, window, other, other_tag, time + delay * SECOND, output)

    one.advance(watermark, now, fire)
    # The order among keys is that of their records, or of their timers, if nothing else is to be said.
    return sorted(found, key=lambda item: (str(item[1]), str(item[0])))


# What is kept, and what is not.


def test_late_elements_are_dropped_and_counted() -> None:
    machine = Machine(windows=windowing(10, 5))
    list(machine.state.firings(15 * SECOND - 1, 0))
    assert machine.enter('a', 0) is not None
    machine.cell('bag', machine.enter('a', 0)).add(1)
    list(machine.state.firings(15 * SECOND, 0))
    assert machine.enter('a', 0) is None
    assert machine.enter('a', 10 * SECOND) is not None
    assert machine.state.dropped == 1
    assert machine.state.size().entries == 1


def test_a_key_without_state_is_forgotten() -> None:
    machine = Machine()
    bag = machine.cell('bag', machine.enter('a'))
    bag.add(1)
    machine.enter('b')
    machine.timer('event', machine.enter('c')).set(5)
    machine.state.settle()
    assert machine.state.size().entries == 2
    machine.cell('bag', machine.enter('a')).clear()
    machine.timer('event', machine.enter('c')).clear()
    machine.state.settle()
    assert machine.state.size() == Size(0, 0)
    assert machine.state.hold() is None


def test_keys_that_only_their_encoding_tells_apart() -> None:
    machine = Machine()
    one, other = float('nan'), float('nan')
    machine.cell('bag', machine.enter(one)).add(1)
    machine.cell('bag', machine.enter(other)).add(2)
    machine.cell('bag', machine.enter((other, 1))).add(3)
    assert machine.cell('bag', machine.enter((one, 1))).read() == [3]
    assert machine.cell('bag', machine.enter(float('nan'))).read() == [1, 2]
    assert machine.state.size().entries == 2
    machine.cell('bag', machine.enter(float('nan'))).clear()
    machine.state.settle()
    assert machine.cell('bag', machine.enter(other)).is_empty()
    with pytest.raises(KeyEncodingError):
        machine.enter(object())


def test_sizes_are_estimated() -> None:
    machine = Machine()
    for key in range(1000):
        machine.cell('value', machine.enter(key)).write(f'{key:01000}')
    entries, size = machine.state.size()
    assert entries == 1000
    assert 1_000_000 < size < 2_000_000


def test_timers_that_are_set_again_and_again_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers_module, 'MOST_REPLACED', 10)
    machine = Machine()
    record = machine.enter('a')
    queue: Any = machine.state._queue
    for time in range(1000):
        machine.timer('event', record).set(time)
        machine.timer('real', record, 0).set(time + 1)
        if time % 10 == 0:
            machine.state.settle()
            machine.enter('a')
    assert len(queue.new) < 100
    for time in range(1000):
        record = machine.enter('a')
        machine.timer('event', record).set(time + 2000)
        list(machine.state.firings(time, 0))
    assert len(queue.event) + len(queue.real) < 100
    assert [slot for _, slot, *_ in machine.state.firings(MAX_MICROS, 0)] == [
        machine.state.slots['timer', 'event'], machine.state.slots['timer', 'real']]


def test_a_snapshot_is_plain_data_by_name() -> None:
    machine = Machine(windows=windowing(10))
    record = machine.enter('a', 0)
    machine.cell('value', record).write(7)
    machine.timer('event', record, 1 * SECOND).set(5)
    machine.timer('real', record, 2 * SECOND).set(9, 'tag')
    (row,) = machine.state.snapshot()
    assert row == ('a', 0, {'value': 7}, (
        ('event', '', 5 * SECOND, 5 * SECOND), ('real', 'tag', 9 * SECOND, 2 * SECOND)))
    fewer = KeyedState(PARTS._replace(timers={}), windowing(10), 'label')
    with pytest.raises(ExecutionError, match=r"what was saved has the timer 'event', which .* not declare any more"):
        fewer.restore([row], 0)


# What holds the watermark, and what ends.


def test_expiration_holds_the_watermark_while_there_is_lateness() -> None:
    parts = PARTS._replace(expiration='expire')
    for lateness, held in ((0, None), (5, 10 * SECOND - 1)):
        machine = Machine(parts, windowing(10, lateness))
        machine.cell('bag', machine.enter('a', 0)).add(1)
        machine.state.settle()
        hold = machine.state.hold()
        assert (None if hold is None else hold) == (None if held is None else (held, 0, 'a'))
        firings = list(machine.state.firings((10 + lateness) * SECOND, 0))
        assert [(slot, output) for _, slot, _, _, output in firings] == [(EXPIRES, 10 * SECOND - 1)]
        assert machine.state.hold() is None


def test_an_endless_timer_is_an_error_in_the_global_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, 'MOST_AT_END', 50)
    for windows, window in ((windowing(100), 0), (windowing(), GLOBAL_WINDOW)):
        machine = Machine(windows=windows)
        machine.timer('event', machine.enter('a', window)).set(0)
        times = fire_all(machine, lambda record, time: machine.timer('event', record, time).set(
            Timestamp(micros=time + SECOND)))
        if window == 0:
            assert len(list(times)) == 101
            continue
        with pytest.raises(ExecutionError, match=r"label: timers of the key 'a' fired 50 times after the input had "
                                                 r"ended, and 'event' is set again.* must stop some time"):
            list(times)


def test_a_timer_that_sets_itself_to_the_same_time_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers_module, 'MOST_REPEATS', 50)
    for watermark in (10 * SECOND, MAX_MICROS):
        machine = Machine(windows=windowing(10))
        for key in 'abc':
            machine.timer('event', machine.enter(key, 0)).set(5)
        times = fire_all(machine, lambda record, time: machine.timer('event', record, time).set(5), watermark)
        with pytest.raises(ExecutionError, match=r"label: the timer 'event' of the key '[abc]' was set 50 times to the "
                                                 r'time at which it fires or before, so that it would fire for ever'):
            list(times)


def fire_all(machine: Machine, method: Callable[[Any, int], None], watermark: int = MAX_MICROS) -> Iterator[int]:
    for record, _, time, _, _ in machine.state.firings(watermark, 0):
        method(record, time)
        yield time


# What is refused.


def test_a_handle_is_good_for_its_key_and_call_alone() -> None:
    machine = Machine()
    record = machine.enter('a')
    kept, timer = machine.cell('bag', record), machine.timer('event', record)
    machine.enter('b')
    for use in (lambda: kept.add(1), kept.read, kept.clear, kept.is_empty):
        with pytest.raises(ExecutionError, match=r"^label: the bag state 'bag' of the key 'a' was used while the key "
                                                 r"'b' is at hand\. .* do not keep them, ask for them by parameters"):
            use()
    machine.state.settle()
    with pytest.raises(ExecutionError, match=r"^label: the timer 'event' of the key 'a' was used after the call"):
        timer.set(5)
    assert machine.state.size() == Size(0, 0)


@pytest.mark.parametrize(('spec', 'use', 'message'), [
    (ReadModifyWriteStateSpec('s', VarIntCoder()), lambda cell: cell.write('x'),
     "value state 's' of the key 'k' was given a value of the wrong type, 'x' (str): VarIntCoder cannot encode 'x'"),
    (BagStateSpec('s', StrUtf8Coder()), lambda cell: cell.add(5),
     "bag state 's' of the key 'k' was given a value of the wrong type, 5 (int)"),
    (SetStateSpec('s'), lambda cell: cell.add([]),
     "set state 's' of the key 'k' was given [] (list); it takes values that can be hashed"),
    (OrderedListStateSpec('s'), lambda cell: cell.add('early'),
     "ordered list state 's' of the key 'k' was given 'early' (str); it takes pairs of a timestamp and a value"),
    (OrderedListStateSpec('s', VarIntCoder()), lambda cell: cell.add((5, 'x')), 'value of the wrong type'),
    (MapStateSpec('s', StrUtf8Coder(), VarIntCoder()), lambda cell: cell.put(1, 1), 'key of the wrong type, 1 (int)'),
    (MapStateSpec('s', StrUtf8Coder(), VarIntCoder()), lambda cell: cell.put('x', 'y'), 'a value of the wrong type'),
    (MapStateSpec('s'), lambda cell: cell.put([], 1), 'it takes keys that can be hashed'),
], ids=lambda value: value.name if hasattr(value, 'kind') else '')
def test_values_of_the_wrong_type(spec: Any, use: Callable[[Any], None], message: str) -> None:
    machine = Machine(Stateful({'s': spec}, {}, {}, ''))
    with pytest.raises(ExecutionError) as caught:
        use(machine.cell('s', machine.enter('k')))
    assert message in str(caught.value)
    assert str(caught.value).startswith('label: the ')


def test_a_coder_may_take_more_than_one_type() -> None:
    machine = Machine(Stateful({'s': ReadModifyWriteStateSpec('s', VarIntCoder())}, {}, {}, ''))
    machine.cell('s', machine.enter('k')).write(True)
    assert machine.cell('s', machine.enter('k')).read() is True


@pytest.mark.parametrize(('use', 'message'), [
    (lambda event, real: event.set('noon'), "'event' of the key 'k' is set to a point in time, got 'noon' (str)"),
    (lambda event, real: event.set(5, 7), 'dynamic_timer_tag is a string, got 7 (int)'),
    (lambda event, real: event.set(1.7e15),
     'was set to 1.7e+15 seconds since 1970, which is outside of event time; are these milliseconds or microseconds?'),
    (lambda event, real: real.set(-1.7e15), 'outside of event time'),
    (lambda event, real: event.set_relative(5), 'goes by event time, which has no now; set it to a point in time'),
    (lambda event, real: event.set(20, output_timestamp=3),
     'the output timestamp Timestamp(3) is before that of the input, Timestamp(5)'),
    (lambda event, real: event.set(20, output_timestamp=30),
     'the output timestamp Timestamp(30) is after Timestamp(20), at which the timer fires'),
    (lambda event, real: real.set(20, output_timestamp='x'), "is set to a point in time, got 'x'"),
])
def test_timers_that_make_no_sense(use: Callable[[Any, Any], None], message: str) -> None:
    machine = Machine()
    record = machine.enter('k')
    with pytest.raises(ExecutionError) as caught:
        use(machine.timer('event', record, 5 * SECOND), machine.timer('real', record, 5 * SECOND))
    assert message in str(caught.value)
    assert str(caught.value).startswith('label: the timer ')


def test_a_timer_in_the_past_is_told_about_once(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    list(machine.state.firings(5 * SECOND, 100 * SECOND))
    with caplog.at_level(logging.WARNING, 'bourne'):
        for key in 'ab':
            record = machine.enter(key)
            machine.timer('event', record, 5 * SECOND).set(4)
            machine.timer('real', record, 5 * SECOND).set(10)
    event, real = (message.getMessage() for message in caplog.records)
    assert event.startswith(
        "label: the timer 'event' of the key 'a' was set to Timestamp(4), which is before the watermark, which is "
        'at Timestamp(5), so it is due at once. ')
    assert 'for a delay of ten seconds, write timer.set(timestamp + 10)' in event
    assert real.startswith(
        "label: the timer 'real' of the key 'a' was set to Timestamp(10), which is before the present time, "
        'Timestamp(100), so it is due at once. ')
    assert 'for a delay of ten seconds, write timer.set_relative(10)' in real
    assert Counter(slot for _, slot, *_ in machine.state.firings(5 * SECOND, 100 * SECOND)) == {
        machine.state.slots['timer', 'real']: 2, machine.state.slots['timer', 'event']: 2}


@pytest.mark.parametrize(('watermark', 'time', 'to'), [(3, 5, 3), (3, 5, 4), (9, 5, 5), (9, 5, 6), (9, 5, 20)])
def test_a_timer_that_the_watermark_has_not_passed_is_no_mistake(watermark: int, time: int, to: int,
                                                                 caplog: pytest.LogCaptureFixture) -> None:
    """Nor is that of a late element which is set to after the element."""
    machine = Machine()
    list(machine.state.firings(watermark * SECOND, 0))
    with caplog.at_level(logging.WARNING, 'bourne'):
        machine.timer('event', machine.enter('k'), time * SECOND).set(to)
    assert not caplog.records


def test_a_timer_that_catches_up_with_the_watermark_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    record = machine.enter('k')
    machine.timer('event', record, 5 * SECOND).set(10)
    fired = []
    with caplog.at_level(logging.WARNING, 'bourne'):
        for _, _, time, _, output in machine.state.firings(40 * SECOND, 0):
            fired.append(time // SECOND)
            machine.timer('event', record, output).set(time // SECOND + 10)
    assert fired == [10, 20, 30, 40]
    assert not caplog.records
