"""A trigger that counts no elements is of no matter in batch; one that does keeps its combiner behind the exchange."""

import bourne as beam
from bourne import trigger


def build(p):
    """Sums by the clock, and sums of every second element."""
    source = p | beam.Create([('a', 1)])
    for name, early in (('clock', trigger.AfterProcessingTime(60)), ('count', trigger.AfterCount(2))):
        (source
         | f'windows by {name}' >> beam.WindowInto(
             beam.window.FixedWindows(60), trigger=trigger.AfterWatermark(early=early),
             accumulation_mode=trigger.AccumulationMode.DISCARDING)
         | f'sum by {name}' >> beam.CombinePerKey(sum)
         | f'print {name}' >> beam.Map(print))
