"""A combiner behind a Flatten is lifted into each of the stages that feed it."""

import bourne as beam


def build(p):
    """Sums two collections per key."""
    left = p | 'Left' >> beam.Create([('a', 1)])
    right = p | 'Right' >> beam.Create([('b', 2)])
    (left, right) | beam.Flatten() | 'Sum' >> beam.CombinePerKey(sum) | 'Print' >> beam.Map(print)
