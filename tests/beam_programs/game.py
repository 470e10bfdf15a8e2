"""Windowed sums with composites, side inputs, window parameters, several outputs, and a user's CombineFn."""

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.transforms import trigger, window
from apache_beam.transforms.core import DoFn
from apache_beam.transforms.ptransform import ptransform_fn
from apache_beam.transforms.window import TimestampedValue
from apache_beam.typehints import KV, Iterable, Tuple, with_input_types, with_output_types
from apache_beam.utils.timestamp import Timestamp


class GameOptions(PipelineOptions):
    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument('--minutes', type=int, default=60)
        parser.add_value_provider_argument('--word', type=str, default='spread')


@with_input_types(str)
@with_output_types(KV[str, int])
class ParseEvent(beam.DoFn):
    def process(self, element):
        try:
            team, points, second = element.split(',')
            yield TimestampedValue((team, int(points)), int(second))
        except ValueError:
            yield pvalue.TaggedOutput('unparsed', element)


class Spread(beam.CombineFn):
    def create_accumulator(self):
        return (float('inf'), float('-inf'))

    def add_input(self, accumulator, element):
        low, high = accumulator
        return min(low, element), max(high, element)

    def merge_accumulators(self, accumulators):
        lows, highs = zip(*accumulators)
        return min(lows), max(highs)

    def extract_output(self, accumulator):
        low, high = accumulator
        return high - low


class HourlyScores(beam.PTransform):
    def __init__(self, minutes):
        super().__init__()
        self.minutes = minutes

    def expand(self, pcoll):
        return (
            pcoll
            | 'Window' >> beam.WindowInto(
                window.FixedWindows(self.minutes * 60),
                trigger=trigger.AfterWatermark(),
                accumulation_mode=trigger.AccumulationMode.DISCARDING)
            | 'Sum' >> beam.CombinePerKey(sum))


@ptransform_fn
def Named(pcoll, names):
    def name(element, names, when=DoFn.WindowParam):
        team, points = element
        return '{} {} {}'.format(when.start.to_utc_datetime().strftime('%H:%M'), names.get(team, '?'), points)

    return pcoll | beam.Map(name, pvalue.AsDict(names))


def run(argv=None):
    options = PipelineOptions(argv)
    options.view_as(StandardOptions).streaming = False
    game = options.view_as(GameOptions)
    with beam.Pipeline(options=options) as p:
        names = p | 'Names' >> beam.Create({'r': 'red', 'b': 'blue'})
        events = p | 'Events' >> beam.Create([
            'r,3,60', 'b,5,1800', 'nonsense', 'r,4,3599', 'b,7,3600', 'g,1,7199', 'r,-2,3700'])
        parsed = events | beam.ParDo(ParseEvent()).with_outputs('unparsed', main='parsed')
        parsed.unparsed | 'Bad' >> beam.Map(lambda line: print('bad', line))
        parsed.parsed | HourlyScores(game.minutes) | Named(names) | 'Show' >> beam.Map(print)
        (
            parsed['parsed']
            | 'Global' >> beam.WindowInto(window.GlobalWindows())
            | beam.Values()
            | beam.CombineGlobally(Spread())
            | 'ShowSpread' >> beam.Map(lambda spread, word: print(word.get(), spread), word=game.word))

    assert Timestamp.of(60) < window.MAX_TIMESTAMP
    assert Tuple[str, Iterable[int]]


if __name__ == '__main__':
    run()
