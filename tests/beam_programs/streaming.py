"""Streams as Beam's own tests write them: scripts with several outputs, triggers, late data, impulses."""

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import ElementEvent, ProcessingTimeEvent, TestStream, WatermarkEvent
from apache_beam.testing.util import assert_that, equal_to, equal_to_per_window
from apache_beam.transforms import trigger, window
from apache_beam.transforms.periodicsequence import PeriodicImpulse
from apache_beam.transforms.window import FixedWindows, IntervalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp


def streaming():
    options = PipelineOptions()
    options.view_as(StandardOptions).streaming = True
    return options


def early_and_late_panes():
    stream = (
        TestStream()
        .add_elements([TimestampedValue('a', 1), TimestampedValue('b', 2)])
        .add_elements([TimestampedValue('a', 3)])
        .advance_watermark_to(10)
        .advance_processing_time(5)
        .add_elements([TimestampedValue('a', 4)])
        .advance_watermark_to_infinity())
    with TestPipeline(options=streaming()) as p:
        counts = (
            p
            | stream
            | beam.Map(lambda letter: (letter, 1))
            | beam.WindowInto(
                FixedWindows(10),
                trigger=trigger.AfterWatermark(early=trigger.AfterCount(2), late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
                allowed_lateness=100)
            | beam.CombinePerKey(sum))
        assert_that(counts, equal_to([('a', 2), ('a', 2), ('b', 1), ('a', 3)]))


def several_outputs():
    stream = (
        TestStream()
        .add_elements(['x', 'y'], tag='letters', event_timestamp=Timestamp(3))
        .add_elements([1, 2], tag='numbers')
        .advance_watermark_to(20, tag='letters')
        .advance_watermark_to(15, tag='numbers')
        .add_elements([3], tag='numbers')
        .advance_watermark_to_infinity(tag='letters')
        .advance_watermark_to_infinity(tag='numbers'))
    with TestPipeline(options=streaming()) as p:
        outputs = p | stream
        assert sorted(outputs) == ['letters', 'numbers']
        letters = outputs['letters'] | 'letter windows' >> beam.WindowInto(FixedWindows(10))
        assert_that(letters, equal_to_per_window({IntervalWindow(0, 10): ['x', 'y']}), label='letters')
        numbers = outputs['numbers'] | beam.Map(lambda number, time=beam.DoFn.TimestampParam: (number, time))
        assert_that(numbers, equal_to(
            [(1, window.MIN_TIMESTAMP), (2, window.MIN_TIMESTAMP), (3, Timestamp(15))]), label='numbers')


def given_events():
    events = [
        ElementEvent([TimestampedValue(('k', 5), 1)], tag=None), ProcessingTimeEvent(2), WatermarkEvent(30),
        ElementEvent([TimestampedValue(('k', 7), 35)], tag=None)]
    with TestPipeline(options=streaming()) as p:
        sums = (
            p
            | TestStream(events=events, output_tags={None}).advance_watermark_to_infinity()
            | beam.WindowInto(window.Sessions(10))
            | beam.CombinePerKey(sum))
        times = sums | beam.MapTuple(lambda key, value, time=beam.DoFn.TimestampParam: (value, time))
        assert_that(times, equal_to_per_window({
            IntervalWindow(1, 11): [(5, Timestamp(11).predecessor())],
            IntervalWindow(35, 45): [(7, Timestamp(45).predecessor())]}), reify_windows=True)


def impulses():
    with TestPipeline(options=streaming()) as p:
        ticks = p | PeriodicImpulse(start_timestamp=0, stop_timestamp=9, fire_interval=3, apply_windowing=True)
        assert_that(ticks, equal_to([0, 3, 6]))
        numbered = p | 'data' >> PeriodicImpulse(Timestamp(0), fire_interval=1, data=['a', 'b', 'c'])
        sums = numbered | beam.WindowInto(FixedWindows(2)) | beam.WithKeys(0) | beam.GroupByKey()
        assert_that(sums | beam.MapTuple(lambda _, values: sorted(values)), equal_to([['a', 'b'], ['c']]), label='sums')


if __name__ == '__main__':
    early_and_late_panes()
    several_outputs()
    given_events()
    impulses()
    print('all as expected')
