"""Arrivals: every element comes once, and the watermark promises no more than it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Duration
from bourne.sdk.model.window import TimestampedValue
from bourne.sdk.testing import strategies
from bourne.sdk.testing.arrival import arrivals
from bourne.sdk.testing.test_stream import ElementEvent, Event, ProcessingTimeEvent, TestStream, WatermarkEvent

ELEMENTS = [TimestampedValue(name, time) for name, time in zip('abcde', (5, 3, 9, 3, 7), strict=True)]


def values(events: Sequence[Event]) -> list[Any]:
    return [item.value for event in events if isinstance(event, ElementEvent) for item in event.timestamped_values]


def greatest_lateness(events: Sequence[Event]) -> int:
    """How far, in microseconds, an element comes behind the watermark at most."""
    watermark, found = MIN_MICROS, 0
    for event in events:
        if isinstance(event, WatermarkEvent):
            watermark = event.new_watermark.micros
        elif isinstance(event, ElementEvent):
            found = max([found, *(watermark - micros for micros in event.micros)])
    return found


def test_arrivals_are_all_kinds_and_repeat_themselves() -> None:
    found = list(arrivals(ELEMENTS, 20, seed=3))
    assert [values(events) for events in found[:3]] == [list('abcde'), list('abcde'), list('edcba')]
    assert len({tuple(values(events)) for events in found}) > 10
    assert any(isinstance(event, ProcessingTimeEvent) for events in found for event in events)
    assert found == list(arrivals(ELEMENTS, 20, seed=3)) != list(arrivals(ELEMENTS, 20, seed=4))
    assert found[:5] == list(arrivals(ELEMENTS, 5, seed=3))
    assert len(list(arrivals(ELEMENTS, 2))) == 2


def test_the_watermark_follows_closely() -> None:
    one_by_one = list(arrivals(ELEMENTS, 2))[1]
    assert [event.new_watermark.micros for event in one_by_one if isinstance(event, WatermarkEvent)] == [
        3_000_000, 7_000_000, MAX_MICROS]


def test_elements_need_times() -> None:
    with pytest.raises(TransformError, match='TimestampedValues are needed, got 5'):
        next(arrivals([5]))  # type: ignore[list-item]


@given(strategies.event_streams(st.integers(), max_lateness=2))
def test_events_make_a_stream(events: tuple[Event, ...]) -> None:
    tags = {None} if any(not isinstance(event, ProcessingTimeEvent) for event in events) else set()
    assert TestStream(events=events).output_tags == tags
    assert greatest_lateness(events) <= 2_000_000


@given(st.lists(strategies.timestamped(st.integers())), st.integers(0, 5), st.data())
def test_arrivals_keep_every_element_and_their_word(
    elements: list[TimestampedValue[int]], lateness: int, data: st.DataObject,
) -> None:
    events = data.draw(strategies.arrivals(elements, Duration(lateness)))
    arrived = [item for event in events if isinstance(event, ElementEvent) for item in event.timestamped_values]
    assert sorted(arrived) == sorted(elements)
    assert greatest_lateness(events) <= lateness * 1_000_000


@pytest.mark.parametrize('wanted', [
    lambda events: values(events) == list('edcba'),
    lambda events: [len(event.values) for event in events if isinstance(event, ElementEvent)] == [2, 3],
    lambda events: greatest_lateness(events) == 4_000_000,
    lambda events: isinstance(events[-1], ElementEvent),
    lambda events: any(isinstance(event, ProcessingTimeEvent) for event in events),
])
def test_arrivals_reach(wanted: Any) -> None:
    assert find(strategies.arrivals(ELEMENTS, 4), wanted)
