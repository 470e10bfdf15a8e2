"""``PeriodicImpulse`` and ``PeriodicSequence``: what their readers give as processing time goes on."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import SourceError, TransformError, UnsupportedError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Read
from bourne.sdk.model.source import Reader
from bourne.sdk.model.timestamp import MIN_MICROS, Duration, Timestamp
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.pcollection import PCollection
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.periodicsequence import PeriodicImpulse, PeriodicSequence, PeriodicSource, RebaseMode

SECOND = 1_000_000


def source_of(made: PCollection[Any]) -> PeriodicSource:
    """The source as a runner gets it: from JSON."""
    graph = Graph.from_json(made.pipeline.to_graph().to_json())
    source, = (transform.payload.source for transform in graph.transforms
               if isinstance(transform.payload, Read) and isinstance(transform.payload.source, PeriodicSource))
    return source


def reader(transform: PeriodicImpulse) -> Reader[Any]:
    source = source_of(Pipeline() | transform)
    assert not source.bounded
    return source.open(*source.splits())


def at(reader: Reader[Any], seconds: float, most: int = 100) -> list[tuple[Any, int]] | None:
    """The elements with their times of a poll at that time."""
    reader.now = round(seconds * SECOND)
    records = reader.poll(most)
    if records is None:
        return None
    assert isinstance(records.timestamps, list)
    return list(zip(records.values, records.timestamps, strict=True))


def test_elements_appear_when_they_are_due_and_never_before() -> None:
    impulses = reader(PeriodicImpulse(10, 40, 10))
    assert at(impulses, 9.9) == []
    assert impulses.watermark == impulses.idle().until == 10 * SECOND
    assert at(impulses, 10) == [(10, 10 * SECOND)]
    assert impulses.watermark == impulses.idle().until == 20 * SECOND
    assert at(impulses, 12) == []
    assert at(impulses, 30) == [(20, 20 * SECOND), (30, 30 * SECOND)]
    # Nothing is due at the stop itself, so there is nothing to wait for.
    assert at(impulses, 30) is None


def test_what_was_missed_comes_at_once_but_not_more_than_asked_for() -> None:
    impulses = reader(PeriodicImpulse(0, 100, 1))
    assert at(impulses, 50, most=3) == [(0, 0), (1, SECOND), (2, 2 * SECOND)]
    assert impulses.backlog.elements == 48
    assert impulses.watermark == 3 * SECOND
    assert len(at(impulses, 50) or []) == 48


def test_without_a_stop_there_is_no_end() -> None:
    impulses = reader(PeriodicImpulse(0, fire_interval=1))
    assert len(at(impulses, 1e6, most=10**7) or []) == 1_000_001
    assert at(impulses, 1e6) == []


@pytest.mark.parametrize(('start', 'interval', 'expected'), [
    (1, 1, [1, 2]), (1.0, 1, [1.0, 2.0]), (Timestamp(1), 1, [1.0, 2.0]), (1, 1.0, [1.0, 2.0]),
    (1, Duration(1), [1, 2]),
])
def test_elements_are_numbers_as_in_beam(start: Any, interval: Any, expected: list[Any]) -> None:
    made = Pipeline() | PeriodicImpulse(start, 3, interval)
    values = [value for value, _ in at(source_of(made).open(0), 10) or []]
    assert values == expected
    assert {type(value) for value in values} == {type(expected[0])} == {made.element_type}


def test_event_times_are_exact() -> None:
    times = [time for _, time in at(reader(PeriodicImpulse(0, 1, 0.1)), 10) or []]
    assert times == [number * 100_000 for number in range(10)]


@pytest.mark.parametrize(('over', 'count'), [(0, 2), (-0.000001, 2), (0.000001, 3)])
def test_the_stop_is_exclusive(over: float, count: int) -> None:
    assert len(at(reader(PeriodicImpulse(1, 3 + over, 1)), 10) or []) == count


def test_given_elements() -> None:
    impulses = reader(PeriodicImpulse(0, data=['a', 'b'], fire_interval=5))
    assert at(impulses, 7) == [('a', 0), ('b', 5 * SECOND)]
    assert at(impulses, 7) is None
    with pytest.warns(UserWarning, match='data has 2 elements and 3 are due .* they are repeated'):
        repeated = PeriodicImpulse(0, 3, 1, data=['a', 'b'])
    assert at(reader(repeated), 7) == [('a', 0), ('b', SECOND), ('a', 2 * SECOND)]


def test_given_elements_with_times_of_their_own() -> None:
    data = [(Timestamp(7), 'a'), (Timestamp(3), 'b'), (Timestamp(9), 'c')]
    impulses = reader(PeriodicImpulse(0, data=data, fire_interval=5))
    assert impulses.watermark == MIN_MICROS
    assert at(impulses, 5) == [('a', 7 * SECOND), ('b', 3 * SECOND)]
    # What comes next may have any time, so the watermark does not follow the schedule.
    assert impulses.watermark == 7 * SECOND
    assert impulses.idle().until == 10 * SECOND


@pytest.mark.parametrize('stop', [40, None])
def test_a_sequence_may_start_with_the_run(stop: float | None) -> None:
    end = {} if stop is None else {'stop_timestamp': stop}
    impulses = reader(PeriodicImpulse(10, fire_interval=10, rebase=RebaseMode.REBASE_ALL, **end))
    assert impulses.watermark == MIN_MICROS
    assert impulses.position is None
    assert at(impulses, 1000) == [(1000.0, 1000 * SECOND)]
    rest = [value for value, _ in at(impulses, 1035) or []]
    assert rest == [1010.0, 1020.0] + [1030.0] * (stop is None)


def test_the_start_alone_may_be_that_of_the_run() -> None:
    impulses = reader(PeriodicImpulse(0, 100, 10, rebase=RebaseMode.REBASE_START))
    assert at(impulses, 75) == [(75.0, 75 * SECOND)]
    assert [value for value, _ in at(impulses, 200) or []] == [85.0, 95.0]
    late = reader(PeriodicImpulse(0, 100, 10, rebase=RebaseMode.REBASE_START))
    with pytest.raises(SourceError, match=r'at Timestamp\(101\), cannot stop at Timestamp\(100\)'):
        at(late, 101)
    short = reader(PeriodicImpulse(0, 30, 10, data=[(Timestamp(1), 'a')] * 3, rebase=RebaseMode.REBASE_START))
    with pytest.raises(SourceError, match='3 elements with times of their own is not enough for 13'):
        at(short, -100)


def test_windows_of_their_own() -> None:
    made = Pipeline() | PeriodicImpulse(0, 10, 2.5, apply_windowing=True)
    assert made.windowing.windowfn == FixedWindows(2.5)


def test_by_default_it_starts_when_it_is_made() -> None:
    before = Timestamp.now()
    start = reader(PeriodicImpulse()).watermark
    assert before.micros <= start <= Timestamp.now().micros


def test_a_sequence_for_each_created_element() -> None:
    made = Pipeline() | Create([(0, 3, 1), [10.5, 12, 0.5]]) | PeriodicSequence()
    assert not made.is_bounded
    assert made.element_type is float
    source = source_of(made)
    assert [[value for value, _ in at(source.open(split), 100) or []] for split in source.splits()] == [
        [0, 1, 2], [10.5, 11.0, 11.5]]


def test_a_sequence_of_what_is_not_known_yet() -> None:
    triples = Pipeline() | Create([1]) | 'triples' >> Map(lambda start: (start, 5, 1))
    with pytest.raises(UnsupportedError, match="applied to the output of 'triples', and takes only that of Create so"):
        triples | PeriodicSequence()


@pytest.mark.parametrize(('build', 'message'), [
    (lambda: PeriodicImpulse(0, 1, 0), 'interval must be at least a microsecond, got 0 seconds'),
    (lambda: PeriodicImpulse(2, 1, 1), r'the start Timestamp\(2\) must not be after the stop Timestamp\(1\)'),
    (lambda: PeriodicImpulse('now', 1, 1), "as seconds or Timestamps and an interval in seconds; got 'now', 1 and 1"),
    (lambda: PeriodicImpulse(data='abc'), "data must be a list of elements, got 'abc'"),
    (lambda: PeriodicImpulse(data=[(Timestamp(1), 2), 3]), r'or none of them may be; 3 is not'),
    (lambda: PeriodicImpulse(0, 3, 1, data=[(Timestamp(1), 'a')]), 'data has 1 elements and 3 are due .* not enough'),
    (lambda: PeriodicImpulse(rebase='all'), "rebase must be a RebaseMode, got 'all'"),
    (lambda: Pipeline() | Create([5]) | PeriodicSequence(), r'takes triples \(start, stop, interval\), got 5'),
    (lambda: Pipeline() | Create([(5, 1, 1)]) | PeriodicSequence(), 'PeriodicSequence: the start'),
])
def test_what_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        build()


@given(st.data(), st.booleans(), st.booleans())
def test_polls_and_restarts_do_not_change_a_sequence(data: st.DataObject, timed: bool, rebased: bool) -> None:
    count = data.draw(st.integers(0, 20))
    values = [(Timestamp(data.draw(st.integers(0, 30))), number) for number in range(count)] if timed else None
    mode = RebaseMode.REBASE_ALL if rebased else RebaseMode.REBASE_NONE
    source = source_of(Pipeline() | PeriodicImpulse(0, 3 * count, 3, data=values, rebase=mode))
    whole = source.open(0)
    now = 0
    whole.now = now
    whole.poll(0)
    expected = at(whole, 1000) or []
    found, watermark = [], MIN_MICROS
    again = source.open(0)
    while (got := at(again, now, data.draw(st.integers(1, 4)))) is not None:
        assert all(time >= watermark for _, time in got) or timed
        assert again.watermark >= watermark
        watermark = again.watermark
        found += got
        if data.draw(st.booleans()):
            again = source.open(0, pickle.loads(pickle.dumps(again.position)))
            assert again.watermark == watermark
        now += data.draw(st.integers(0, 5))
    assert found == expected
