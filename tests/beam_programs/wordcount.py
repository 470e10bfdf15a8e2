"""The word count of Beam's style guides: argparse, a DoFn with metrics, options, save_main_session, text in and out."""

import argparse
import logging
import re

import apache_beam as beam
from apache_beam.io import ReadFromText, WriteToText
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.runners.runner import PipelineState


class WordExtractingDoFn(beam.DoFn):
    def __init__(self):
        self.words_counter = Metrics.counter(self.__class__, 'words')
        self.word_lengths_dist = Metrics.distribution(self.__class__, 'word_len_dist')
        self.empty_line_counter = Metrics.counter('main', 'empty_lines')

    def process(self, element):
        text_line = element.strip()
        if not text_line:
            self.empty_line_counter.inc(1)
        for word in re.findall(r"[\w']+", text_line, re.UNICODE):
            self.words_counter.inc()
            self.word_lengths_dist.update(len(word))
            yield word


def run(argv=None, save_main_session=True):
    parser = argparse.ArgumentParser()
    parser.add_argument('--input', dest='input', required=True)
    parser.add_argument('--output', dest='output', required=True)
    known_args, pipeline_args = parser.parse_known_args(argv)

    pipeline_options = PipelineOptions(pipeline_args)
    pipeline_options.view_as(SetupOptions).save_main_session = save_main_session
    pipeline = beam.Pipeline(options=pipeline_options)

    lines = pipeline | 'Read' >> ReadFromText(known_args.input)

    counts = (
        lines
        | 'Split' >> (beam.ParDo(WordExtractingDoFn()).with_output_types(str))
        | 'PairWithOne' >> beam.Map(lambda x: (x, 1))
        | 'GroupAndSum' >> beam.CombinePerKey(sum))

    def format_result(word, count):
        return f'{word}: {count}'

    output = counts | 'Format' >> beam.MapTuple(format_result)
    output | 'Write' >> WriteToText(known_args.output)

    result = pipeline.run()
    result.wait_until_finish()
    assert result.state == PipelineState.DONE

    for name in ('words', 'empty_lines'):
        [counter] = result.metrics().query(MetricsFilter().with_name(name))['counters']
        print(name, counter.result)
    [lengths] = result.metrics().query(MetricsFilter().with_name('word_len_dist'))['distributions']
    print('longest', lengths.result.max)


if __name__ == '__main__':
    logging.getLogger().setLevel(logging.ERROR)
    run()
