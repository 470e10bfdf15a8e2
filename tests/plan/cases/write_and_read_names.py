"""What a sink's commit returns is read by a stage of its own; three shards are an exchange."""

import bourne as beam


def build(p):
    """Writes lines and prints the files' names."""
    names = p | beam.Create(['a', 'b']) | 'Write' >> beam.io.WriteToText('build/golden/out', num_shards=3)
    names | 'Print' >> beam.Map(print)
