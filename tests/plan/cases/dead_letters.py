"""A guarded function: its failures are another output."""

import bourne as beam


def build(p):
    """Parses numbers."""
    good, bad = p | beam.Create(['1', 'x']) | 'Parse' >> beam.Map(int).with_exception_handling()
    good | 'Good' >> beam.Map(print)
    bad | 'Bad' >> beam.Map(print)
