"""Tagged outputs, of which one is not read and disappears."""

import bourne as beam


def sort(number):
    """Numbers by sign; zero is the main output."""
    if number:
        yield beam.pvalue.TaggedOutput('positive' if number > 0 else 'negative', number)
    else:
        yield number


def build(p):
    """Reads two of three outputs."""
    zero, positive, _ = p | beam.Create([-1, 0, 1]) | 'Sort' >> beam.ParDo(sort).with_outputs(
        'positive', 'negative', main='zero')
    zero | 'Zero' >> beam.Map(print)
    positive | 'Positive' >> beam.Filter(bool) | 'Print' >> beam.Map(print)
