"""The word count: one loop from the lines to the counts."""

import re

import bourne as beam


def build(p):
    """Counts words."""
    (p
     | beam.Create(['to be or not to be'])
     | 'Split' >> beam.FlatMap(re.compile(r'\w+').findall)
     | 'Count' >> beam.combiners.Count.PerElement()
     | 'Format' >> beam.MapTuple(lambda word, count: f'{word} {count}')
     | 'Print' >> beam.Map(print))
