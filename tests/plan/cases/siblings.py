"""Two readers of a collection that neither can be fused with share a loop."""

import bourne as beam


def build(p):
    """Two side-input readers of the same numbers."""
    numbers = p | 'Numbers' >> beam.Create([1, 2, 3])
    total = numbers | 'Total' >> beam.CombineGlobally(sum)
    side = beam.pvalue.AsSingleton(total)
    numbers | 'Share' >> beam.Map(lambda x, t: x / t, side) | 'Print share' >> beam.Map(print)
    numbers | 'Rest' >> beam.Map(lambda x, t: t - x, side) | 'Print rest' >> beam.Map(print)
