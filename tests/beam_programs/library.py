"""One of many of the transforms that come with Beam, tested with Beam's own test tools."""

import logging

import apache_beam as beam
from apache_beam import coders
from apache_beam.coders import typecoders
from apache_beam.pvalue import AsIter, AsSingleton
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to, is_empty
from apache_beam.transforms import combiners
from apache_beam.transforms.display import DisplayData
from apache_beam.transforms.util import BatchElements, Distinct, Reshuffle
from apache_beam.utils.windowed_value import PaneInfoTiming


class Word:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Word) and self.text == other.text

    def __hash__(self):
        return hash(self.text)


class WordCoder(coders.Coder):
    def encode(self, word):
        return word.text.encode()

    def decode(self, encoded):
        return Word(encoded.decode())

    def is_deterministic(self):
        return True


class Upper(beam.DoFn):
    def setup(self):
        self.suffix = '!'

    def process(self, word, timestamp=beam.DoFn.TimestampParam, pane=beam.DoFn.PaneInfoParam):
        assert pane.timing in (PaneInfoTiming.UNKNOWN, PaneInfoTiming.ON_TIME)
        yield word.upper() + self.suffix

    def display_data(self):
        return {'suffix': '!'}


def run():
    typecoders.registry.register_coder(Word, WordCoder)
    assert DisplayData.create_from(beam.ParDo(Upper())).items

    with TestPipeline() as p:
        words = p | beam.Create(['one', 'two', 'three', 'two', 'three', 'three'])
        counts = [('one', 1), ('two', 2), ('three', 3)]
        assert_that(words | beam.combiners.Count.PerElement(), equal_to(counts), 'count')
        assert_that(words | Distinct() | beam.ParDo(Upper()), equal_to(['ONE!', 'TWO!', 'THREE!']), 'upper')
        assert_that(words | 'len' >> beam.Map(len) | combiners.Mean.Globally(), equal_to([4.0]), 'mean')
        assert_that(
            words | 'word' >> beam.Map(lambda w: (Word(w), 1)) | beam.CombinePerKey(sum)
            | 'text' >> beam.MapTuple(lambda w, n: (w.text, n)),
            equal_to(counts), 'coder')
        longest = words | combiners.Top.Of(1, key=len)
        assert_that(
            words | 'in' >> beam.Filter(lambda w, best: w in best, AsSingleton(longest)),
            equal_to(['three'] * 3), 'top')
        even, odd = words | beam.Partition(lambda w, n: len(w) % n, 2)
        assert_that(even, is_empty(), 'even')
        assert_that(
            {'a': odd | 'ka' >> beam.WithKeys(len), 'b': even | 'kb' >> beam.WithKeys(len)} | beam.CoGroupByKey()
            | beam.MapTuple(lambda k, v: (k, sorted(v['a']), list(v['b']))),
            equal_to([(3, ['one', 'two', 'two'], []), (5, ['three'] * 3, [])]), 'join')
        assert_that(
            (odd, even) | beam.Flatten() | Reshuffle() | beam.Regex.find('t.') | beam.combiners.ToSet(),
            equal_to([{'tw', 'th'}]), 'regex')
        assert_that(
            p | 'pairs' >> beam.Create([(1, 'a'), (2, 'b')]) | beam.KvSwap() | beam.ToString.Kvs(),
            equal_to(['a,1', 'b,2']), 'kvs')
        assert_that(
            words | BatchElements(min_batch_size=6, max_batch_size=6) | 'sum' >> beam.Map(len)
            | beam.CombineGlobally(sum),
            equal_to([6]), 'batches')
        rows = p | 'rows' >> beam.Create([beam.Row(k=1, v=2), beam.Row(k=1, v=5), beam.Row(k=3, v=4)])
        assert_that(
            rows | beam.GroupBy('k').aggregate_field('v', sum, 'total') | 'plain' >> beam.Map(lambda r: (r.k, r.total)),
            equal_to([(1, 7), (3, 4)]), 'groupby')
        assert_that(
            words | 'with' >> beam.FlatMap(
                lambda w, others: [w for o in others if o == w], AsIter(words | 'd' >> Distinct())),
            equal_to(['one', 'two', 'two', 'three', 'three', 'three']), 'iter')
    assert sorted([1, 2, 3] | beam.Map(lambda x: x * x)) == [1, 4, 9]
    print('ok')


if __name__ == '__main__':
    logging.getLogger().setLevel(logging.ERROR)
    run()
