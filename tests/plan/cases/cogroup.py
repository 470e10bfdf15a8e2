"""Several inputs are grouped in one exchange, without tagging elements."""

import bourne as beam


def build(p):
    """Joins three collections, of which one is a Flatten."""
    names = p | 'Names' >> beam.Create([(1, 'ann')])
    old = p | 'Old' >> beam.Create([(1, 'x')])
    new = p | 'New' >> beam.Create([(1, 'y')])
    orders = (old, new) | 'Orders' >> beam.Flatten()
    {'name': names, 'order': orders} | 'Join' >> beam.CoGroupByKey() | 'Print' >> beam.Map(print)
