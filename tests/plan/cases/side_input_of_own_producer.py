"""A side input made of the main input: the reader cannot be fused with the producer."""

import bourne as beam


def build(p):
    """Takes the mean from every number."""
    numbers = p | 'Numbers' >> beam.Create([1, 2, 3]) | 'Double' >> beam.Map(lambda x: 2 * x)
    mean = numbers | 'Mean' >> beam.combiners.Mean.Globally()
    (numbers
     | 'Center' >> beam.Map(lambda x, m: x - m, beam.pvalue.AsSingleton(mean))
     | 'Print' >> beam.Map(print))
