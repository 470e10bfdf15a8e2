"""``TestStream``: its script, the readers of its outputs, and its clock."""

from __future__ import annotations

from typing import Any

import pytest

from bourne.errors import TransformError, UnsupportedError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Read
from bourne.sdk.model.source import Records
from bourne.sdk.model.timestamp import MAX_MICROS, MAX_TIMESTAMP, MIN_MICROS, Timestamp
from bourne.sdk.model.value_coders import StrUtf8Coder
from bourne.sdk.model.window import GlobalWindows, TimestampedValue
from bourne.sdk.pcollection import PCollection
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.test_stream import (
    ElementEvent,
    ProcessingTimeEvent,
    ScriptClock,
    ScriptSource,
    TestStream,
    WatermarkEvent,
)


def steps(source: ScriptSource, start: int | None = None) -> list[tuple[list[Any], Any, int]]:
    """What each poll gives: values, times in seconds, and the watermark afterwards."""
    reader = source.open(source.splits()[0], start)
    found: list[tuple[list[Any], Any, int]] = []
    while (records := reader.poll(max_records=1)) is not None:
        assert isinstance(records, Records)
        found.append((records.values, records.timestamps, reader.watermark))
    return found


def sources(pipeline: Pipeline) -> dict[str, ScriptSource]:
    """The script's sources by label, as a runner gets them: from JSON."""
    graph = Graph.from_json(pipeline.to_graph().to_json())
    return {transform.label: transform.payload.source for transform in graph.transforms
            if isinstance(transform.payload, Read)}


def test_each_poll_is_one_event_whatever_its_size() -> None:
    pipeline = Pipeline()
    script = (TestStream()
              .add_elements(['a', TimestampedValue('b', 2), GlobalWindows.windowed_value('c', 3)])
              .advance_watermark_to(5)
              .add_elements(['d'])
              .add_elements(['e'], event_timestamp=1.5)
              .advance_processing_time(10)
              .advance_watermark_to_infinity())
    made = pipeline | script
    assert isinstance(made, PCollection)
    assert not made.is_bounded
    source = sources(pipeline)['TestStream']
    expected = [
        (['a', 'b', 'c'], [MIN_MICROS, 2_000_000, 3_000_000], MIN_MICROS),
        ([], MIN_MICROS, 5_000_000),
        (['d'], [5_000_000], 5_000_000),
        (['e'], [1_500_000], 5_000_000),
        ([], MIN_MICROS, 5_000_000),
        ([], MIN_MICROS, MAX_MICROS),
    ]
    assert steps(source) == expected
    for start in range(len(expected) + 1):
        assert steps(source, start) == expected[start:]
    assert source.open(0, 4).watermark == 5_000_000
    assert [source.open(0, start).backlog.elements for start in (0, 1, 3, 5)] == [5, 2, 1, 0]


def test_the_outputs_step_through_one_script() -> None:
    pipeline = Pipeline()
    script = (TestStream(coder=StrUtf8Coder(), output_tags=['silent'])
              .add_elements([TimestampedValue('left', 1)], tag='left')
              .advance_watermark_to(10, tag='left')
              .add_elements([TimestampedValue('main', 2)])
              .advance_watermark_to_infinity())
    made = pipeline | 'script' >> script
    assert list(made) == [None, 'left', 'silent']
    assert made['left'].element_type is str
    found = sources(pipeline)
    assert steps(found['script/main output']) == [
        ([], MIN_MICROS, MIN_MICROS), ([], MIN_MICROS, MIN_MICROS), (['main'], [2_000_000], MIN_MICROS),
        ([], MIN_MICROS, MAX_MICROS)]
    assert steps(found['script/output left']) == [
        (['left'], [1_000_000], MIN_MICROS), ([], MIN_MICROS, 10_000_000), ([], MIN_MICROS, 10_000_000),
        ([], MIN_MICROS, 10_000_000)]
    assert [records for records, *_ in steps(found['script/output silent'])] == [[], [], [], []]


def test_one_named_output_is_a_dict_as_well() -> None:
    made = Pipeline() | TestStream().add_elements([1], tag='only')
    assert list(made) == ['only']


def test_a_script_may_be_given_as_events() -> None:
    events = [ElementEvent([TimestampedValue(1, 1)]), WatermarkEvent(5), ProcessingTimeEvent(2.5)]
    script = TestStream(events=events, output_tags=[None])
    built = TestStream().add_elements([TimestampedValue(1, 1)]).advance_watermark_to(5).advance_processing_time(2.5)
    assert script.events == built.events == tuple(events)
    assert built.events[0].timestamped_values == [TimestampedValue(1, 1)]  # type: ignore[attr-defined]
    with pytest.raises(TransformError, match=r"the events name the outputs \{'b'\}, which output_tags=\{'a'\} does no"):
        TestStream(events=[WatermarkEvent(1, tag='b')], output_tags=['a'])


def test_the_clock_goes_by_the_script_and_then_leaps() -> None:
    script = TestStream().advance_processing_time(5).add_elements([1]).advance_processing_time(1.5)
    clock = ScriptSource(script.events).clock
    slept: list[float | None] = []
    times = []
    for epoch in range(4):
        times.append(clock.now(epoch))
        clock.wait(100_000_000 if epoch < 2 else None, slept.append)
    assert times == [5_000_000, 5_000_000, 6_500_000, 6_500_000]
    assert slept == [None, None]
    clock.wait(60_000_000, slept.append)
    assert clock.now(4) == 60_000_000
    # A run that goes on in the middle of the script has missed nothing of what went before.
    assert ScriptClock(script.events).now(2) == 6_500_000


def test_a_reader_never_waits() -> None:
    reader = ScriptSource(TestStream().advance_watermark_to(1).events).open(0)
    reader.now = 17
    assert reader.idle().until == 17


@pytest.mark.parametrize(('build', 'message'), [
    (lambda: TestStream().advance_watermark_to(10).advance_watermark_to(9),
     r'a watermark only moves forward: that is at Timestamp\(10\), and cannot be advanced to Timestamp\(9\)'),
    (lambda: TestStream().advance_watermark_to(10, tag='a').advance_watermark_to(10, tag='a'),
     r"that of the output 'a' is at Timestamp\(10\)"),
    (lambda: TestStream(events=[WatermarkEvent(2), WatermarkEvent(1)], output_tags=[None]), 'only moves forward'),
    (lambda: TestStream().advance_processing_time(0), r'takes more than 0 seconds, got Duration\(0\)'),
    (lambda: TestStream().add_elements([TimestampedValue('late', MAX_TIMESTAMP)]),
     r"before MAX_TIMESTAMP; 'late' has Timestamp"),
    (lambda: TestStream().advance_watermark_to_infinity().add_elements(['x']), 'before MAX_TIMESTAMP'),
    (lambda: TestStream().add_elements('abc'), "takes an iterable of elements, got 'abc'"),
    (lambda: ElementEvent([1]), r'takes TimestampedValues, got 1 \(int\)'),
    (lambda: TestStream(events=['x']), r"'x' \(str\) is not an event"),
])
def test_what_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        build()


def test_an_endpoint_is_not_supported() -> None:
    with pytest.raises(UnsupportedError, match='Give the events themselves'):
        TestStream(endpoint='localhost:1')


def test_it_starts_a_pipeline() -> None:
    collection = Pipeline() | TestStream()
    with pytest.raises(TransformError, match='starts a pipeline, but was applied to <PCollection'):
        collection | 'again' >> TestStream().add_elements([1], tag='x')


def test_a_pipeline_has_one_script() -> None:
    pipeline = Pipeline()
    script = TestStream().add_elements([1])
    pipeline | 'one' >> script
    pipeline | 'two' >> script
    with pytest.raises(TransformError, match=r"can have one TestStream, and here are 'one' and 'two'.*tag="):
        pipeline.run()


def test_times_are_exact() -> None:
    assert WatermarkEvent(Timestamp(micros=1)).new_watermark.micros == 1
