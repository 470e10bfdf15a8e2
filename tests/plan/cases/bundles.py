"""A DoFn with a bundle's end in the middle of a stage."""

import bourne as beam


class Batch(beam.DoFn):
    """Emits a list for each bundle."""

    def start_bundle(self):
        """Starts empty."""
        self.batch = []

    def process(self, element):
        """Keeps the element."""
        self.batch.append(element)

    def finish_bundle(self):
        """Emits what was kept."""
        yield beam.transforms.window.GlobalWindows.windowed_value(self.batch)


def build(p):
    """Sums of batches."""
    p | beam.Create([1, 2]) | 'Batch' >> beam.ParDo(Batch()) | 'Sum' >> beam.Map(sum) | 'Print' >> beam.Map(print)
