"""Sessions merge, so their combiner stays behind the exchange."""

import bourne as beam


def build(p):
    """Sums per session."""
    (p
     | beam.Create([('a', 1)])
     | 'Sessions' >> beam.WindowInto(beam.window.Sessions(60))
     | 'Sum' >> beam.CombinePerKey(sum)
     | 'Print' >> beam.Map(print))
