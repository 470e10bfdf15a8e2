"""Hypothesis strategies for data in pipelines. Importing this module needs ``hypothesis``.

::

    @given(st.lists(strategies.timestamped(st.integers())), strategies.windowfns())
    def test_my_transform(elements, windowfn): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bourne.sdk.model.timestamp import GLOBAL_END_MICROS, MIN_MICROS, Duration, DurationTypes, Timestamp
from bourne.sdk.model.window import (
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    Sessions,
    SlidingWindows,
    TimestampedValue,
    WindowFn,
)
from bourne.sdk.testing.arrival import arrange
from bourne.sdk.testing.test_stream import Event

T = TypeVar('T')


def timestamps(min_seconds: float = -100, max_seconds: float = 100) -> SearchStrategy[Timestamp]:
    """Event times, to the microsecond and often on a whole second, where the borders of windows are.

    Args:
      min_seconds: the earliest.
      max_seconds: the latest.
    """
    low, high = Timestamp(min_seconds).micros, Timestamp(max_seconds).micros
    whole = st.integers(-(-low // 1_000_000), high // 1_000_000).map(Timestamp)
    return st.one_of(whole, st.integers(low, high).map(_of_micros))


def all_timestamps() -> SearchStrategy[Timestamp]:
    """Every time that an element can have."""
    return st.integers(MIN_MICROS, GLOBAL_END_MICROS).map(_of_micros)


def _of_micros(micros: int) -> Timestamp:
    return Timestamp(micros=micros)


def durations(max_seconds: int = 30) -> SearchStrategy[Duration]:
    """Positive spans of time, often of whole seconds."""
    micros = st.integers(1, max_seconds * 1_000_000).map(lambda value: Duration(micros=value))
    return st.one_of(st.integers(1, max_seconds).map(Duration), micros)


def interval_windows() -> SearchStrategy[IntervalWindow]:
    """Windows that are intervals."""
    return st.builds(lambda start, length: IntervalWindow(start, start + length), timestamps(), durations())


def timestamped(values: SearchStrategy[T]) -> SearchStrategy[TimestampedValue[T]]:
    """Values with an event time."""
    return st.builds(TimestampedValue, values, timestamps())


def windowfns(merging: bool = True) -> SearchStrategy[WindowFn]:
    """Window functions that come with bourne.

    Args:
      merging: sessions among them.
    """
    seconds = st.integers(1, 20)
    found: list[SearchStrategy[Any]] = [
        st.just(GlobalWindows()),
        st.builds(FixedWindows, seconds, st.integers(0, 20)),
        st.builds(SlidingWindows, seconds, st.integers(1, 10), st.integers(0, 10)),
    ]
    if merging:
        found.append(st.builds(Sessions, seconds))
    return st.one_of(found)


def keys() -> SearchStrategy[Any]:
    """Keys of the common kinds, some of which are equal although their types differ."""
    scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, -0.0, 1.0, 0.5]),
                        st.text(max_size=2), st.binary(max_size=2))
    return st.one_of(scalars, st.tuples(scalars, scalars), st.frozensets(scalars, max_size=2))


def arrivals(elements: Sequence[TimestampedValue[Any]], max_lateness: DurationTypes = 0,
             ) -> SearchStrategy[tuple[Event, ...]]:
    """Ways in which elements may arrive: scripts of ``TestStream``, in any order and pieces, with moves of the clock.

    It shrinks to one after the other, in the order given, with the watermark close behind.

    Args:
      elements: the elements with their times.
      max_lateness: how far, in seconds, an element may be behind the watermark when it comes.
    """

    @st.composite
    def draw_one(draw: Any) -> tuple[Event, ...]:
        return arrange(elements, lambda low, high: int(draw(st.integers(low, high))), max_lateness)

    return draw_one()


def event_streams(values: SearchStrategy[T], max_size: int = 20, max_lateness: DurationTypes = 0, *,
                  times: SearchStrategy[Timestamp] | None = None) -> SearchStrategy[tuple[Event, ...]]:
    """Streams of events: elements, and how they arrive. See :func:`arrivals`.

    ::

        @given(strategies.event_streams(st.tuples(strategies.keys(), st.integers()), max_lateness=5))
        def test_my_transform(events):
            with TestPipeline() as p:
                p | TestStream(events=events) | ...

    Args:
      values: the elements.
      max_size: at most so many.
      max_lateness: how far, in seconds, an element may be behind the watermark when it comes.
      times: the elements' times; by default :func:`timestamps`.
    """
    element = st.builds(TimestampedValue, values, timestamps() if times is None else times)
    return st.lists(element, max_size=max_size).flatmap(lambda elements: arrivals(elements, max_lateness))
