"""``Deduplicate``: what comes again within some time is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.model.timestamp import Duration
from bourne.sdk.model.window import FixedWindows, Sessions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.deduplicate import Deduplicate, DeduplicatePerKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.engine.test_stateful_program import SECOND, Driven

PAIRS = [('a', 1), ('b', 2), ('a', 3), ('a', 14), ('b', 25)]


@pytest.mark.parametrize('times', [(60, None), (None, 60), (Duration(60), 60)], ids=['real', 'event', 'both'])
def test_one_of_each_in_a_window(times: Any) -> None:
    with TestPipeline() as p:
        timed = p | Create(PAIRS) | WithTimestamps(lambda pair: pair[1])
        found = timed | 'pairs' >> DeduplicatePerKey(*times)
        assert found.element_type == tuple[str, int]
        assert_that(found, equal_to([('a', 1), ('b', 2)]), 'pairs?')
        windowed = timed | WindowInto(FixedWindows(10)) | 'windows' >> DeduplicatePerKey(*times)
        assert_that(windowed, equal_to([('a', 1), ('b', 2), ('a', 14), ('b', 25)]), 'windows?')
        words = timed | Map(lambda pair: pair[0])
        distinct = words | Deduplicate(*times)
        assert_that(distinct, equal_to(['a', 'b']), 'words?')


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12), st.integers(1, 15), st.integers(1, 15))
def test_in_a_stream_they_pass_again_after_some_time(steps: list[tuple[int, int]], real: int, event: int) -> None:
    """Each step: the clock and the watermark go on by so much, then an element comes at the watermark."""
    fn: Any = next(iter(steps_of(DeduplicatePerKey(real, event))))
    driven = Driven(fn)
    now = watermark = 0
    until: tuple[int, int] | None = None
    expected = []
    for number, (seconds, later) in enumerate(steps):
        now, watermark = now + seconds, watermark + later
        driven.program.advance(watermark * SECOND, now * SECOND)
        if until is not None and (now >= until[0] or watermark >= until[1]):
            until = None
        driven.process([('k', number)], watermark * SECOND)
        if until is None:
            until = now + real, watermark + event
            expected.append(f"('k', {number})")
    assert [row[0] for row in driven.taken()] == expected


def steps_of(transform: Any) -> list[Any]:
    """The functions of a transform that has state."""
    pipeline = Pipeline()
    pipeline | Create([('a', 1)]) | transform
    fns = [getattr(step.payload, 'fn', None) for step in pipeline.to_graph().transforms]
    return [fn for fn in fns if hasattr(fn, 'SEEN')]


@pytest.mark.parametrize('make', [Deduplicate, DeduplicatePerKey])
@pytest.mark.parametrize(('arguments', 'message'), [
    ({}, 'needs processing_time_duration or event_time_duration, or both'),
    ({'event_time_duration': 0}, 'event_time_duration must be positive, got 0'),
    ({'processing_time_duration': 'long'}, "processing_time_duration is in seconds, got 'long'"),
])
def test_bad_arguments(make: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        make(**arguments)
    assert message in str(caught.value)


def test_windows_that_merge_are_refused() -> None:
    with pytest.raises(TransformError, match=r'Deduplicate.* has state or timers, .* windows that merge'):
        Pipeline() | Create(['a']) | WindowInto(Sessions(5)) | Deduplicate(5)
