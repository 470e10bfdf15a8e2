"""How the elements of a bounded collection may arrive as a stream: in which order, in what pieces, how late.

An arrival is a script for :class:`~bourne.sdk.testing.test_stream.TestStream`. Elements come in any order. The
watermark ``W`` moves when it likes, bounded by what is still to come:

    W <= min(timestamp of the elements that have not arrived) + lateness

With a lateness of 0 no element is ever late. With one that the windows downstream allow, elements may be late and none
is dropped: the windows of an element at ``t`` end at ``t`` or later, and it is dropped if ``W > end + lateness``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bourne.errors import TransformError
from bourne.sdk.model.known import short
from bourne.sdk.model.timestamp import MAX_MICROS, MAX_TIMESTAMP, MIN_MICROS, Duration, DurationTypes, Timestamp
from bourne.sdk.model.window import TimestampedValue
from bourne.sdk.testing.test_stream import ElementEvent, Event, ProcessingTimeEvent, WatermarkEvent

__all__ = ['arrange', 'arrivals']

Element = TimestampedValue[Any]
#: Chooses a whole number between two, both included.
Choose = Callable[[int, int], int]

#: The most that the clock moves at once, in seconds.
PAUSE = 100


def arrivals(elements: Iterable[Element], count: int = 10, seed: int = 0,
             lateness: DurationTypes = 0) -> Iterator[tuple[Event, ...]]:
    """Arrivals of the same elements: all at once, one by one in their order and backwards, then at random.

    Args:
      elements: the elements with their times.
      count: how many arrivals there are.
      seed: the random ones follow from it.
      lateness: how late elements may be, in seconds.

    Raises:
      TransformError: if an element has no time.
    """
    given = timed(elements)
    simple: list[tuple[Event, ...]] = [
        (ElementEvent(given), WatermarkEvent(MAX_TIMESTAMP)), _one_by_one(given), _one_by_one(given[::-1])]
    yield from simple[:count]
    for number in range(len(simple), count):
        yield arrange(given, random.Random(f'{seed}/{number}').randint, lateness)


def timed(elements: Iterable[Element]) -> list[Element]:
    """The elements as a list, all of which have times.

    Raises:
      TransformError: if one has not.
    """
    found = list(elements)
    for element in found:
        if not isinstance(element, TimestampedValue):
            raise TransformError(f'elements of a stream have times: TimestampedValues are needed, got {short(element)}')
    return found


def _one_by_one(elements: Sequence[Element]) -> tuple[Event, ...]:
    events: list[Event] = []
    watermark = MIN_MICROS
    for element, bound in zip(elements, _bounds(elements, 0), strict=True):
        events.append(ElementEvent([element]))
        if watermark < bound:
            watermark = bound
            events.append(WatermarkEvent(Timestamp(micros=watermark)))
    return tuple(events)


def _bounds(elements: Sequence[Element], lateness: int) -> list[int]:
    """How far the watermark may be after each of the elements, in microseconds."""
    bounds: list[int] = []
    least = MAX_MICROS
    for element in reversed(elements):
        bounds.append(least)
        least = min(least, element.micros + lateness, MAX_MICROS)
    return bounds[::-1]


def arrange(elements: Sequence[Element], choose: Choose, lateness: DurationTypes = 0) -> tuple[Event, ...]:
    """One arrival of the elements, by somebody's choices.

    Args:
      elements: the elements with their times.
      choose: makes the choices; the same choices make the same arrival.
      lateness: how late elements may be, in seconds.
    """
    order = list(elements)
    for place in range(len(order) - 1):
        # 0 leaves the order as it is, which is what a strategy shrinks to.
        other = place + choose(0, len(order) - 1 - place)
        order[place], order[other] = order[other], order[place]
    events: list[Event] = []
    watermark = MIN_MICROS
    bundle: list[Element] = []
    for element, bound in zip(order, _bounds(order, Duration.of(lateness).micros), strict=True):
        bundle.append(element)
        if choose(0, 1):
            continue
        events.append(ElementEvent(bundle))
        bundle = []
        if choose(0, 3) == 3:
            events.append(ProcessingTimeEvent(choose(1, PAUSE)))
        moved = _move(watermark, bound, min(item.micros for item in order), choose)
        if moved > watermark:
            watermark = moved
            events.append(WatermarkEvent(Timestamp(micros=watermark)))
    if bundle:
        events.append(ElementEvent(bundle))
    return tuple(events)


def _move(watermark: int, bound: int, first: int, choose: Choose) -> int:
    """Where the watermark moves to: nowhere, as far as it may, or somewhere in between."""
    match choose(0, 2):
        case 0:
            return bound
        case 1 if bound > max(watermark, first):
            return choose(max(watermark, first), bound)
    return watermark
