"""Sliding windows stay a set until something looks at one of them."""

import bourne as beam
from bourne.sdk.transforms.window import WithTimestamps


def build(p):
    """A sum per sliding window, and the window of every element."""
    timed = (p
             | beam.Create([('a', 1)])
             | 'Time' >> WithTimestamps(lambda pair: pair[1])
             | 'Slide' >> beam.WindowInto(beam.window.SlidingWindows(10, 5))
             | 'Double' >> beam.MapTuple(lambda key, value: (key, 2 * value)))
    timed | 'Sum' >> beam.CombinePerKey(sum) | 'Print' >> beam.Map(print)
    timed | 'Look' >> beam.Map(lambda pair, window=beam.DoFn.WindowParam: print(pair, window))
