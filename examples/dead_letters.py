"""Averages readings, and keeps the lines that make no sense for later instead of stopping at the first one.

    python examples/dead_letters.py
    python examples/dead_letters.py --input='readings/*.jsonl' --output=build/readings --threshold=0.01
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bourne as beam
from bourne.sdk.options import PipelineOptions

DATA = Path(__file__).parent / 'data'


class ReadingOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--input', default=str(DATA / 'readings.jsonl'), help='files with a JSON object a line')
        parser.add_argument('--output', default='build/dead_letters', help='the directory of the results')
        parser.add_argument('--threshold', type=float, default=0.5,
                            help='the share of lines that may be bad before the run fails')


def parse(line: str) -> tuple[str, float]:
    """Sensor and temperature of a line; whatever is wrong with it is an exception."""
    reading = json.loads(line)
    return reading['sensor'], float(reading['celsius'])


def as_letter(line: str, failure: tuple[type, str, list[str]]) -> dict[str, str]:
    """What is kept of a bad line: itself, and what went wrong."""
    _, error, _ = failure
    return {'line': line, 'error': error}


def build(pipeline: beam.Pipeline, options: ReadingOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    good, bad = (
        pipeline
        | 'read' >> beam.io.ReadFromText(options.input)
        | 'parse' >> beam.Map(parse).with_exception_handling(threshold=options.threshold)
    )
    (
        good
        | 'mean' >> beam.combiners.Mean.PerKey()
        | 'format' >> beam.MapTuple(lambda sensor, celsius: f'{sensor}: {celsius:.2f}')
        | 'write' >> beam.io.WriteToText(f'{options.output}/means', file_name_suffix='.txt')
    )
    (
        bad
        | 'letter' >> beam.MapTuple(as_letter)
        | 'keep' >> beam.io.WriteToJson(f'{options.output}/bad')
    )


def main(argv: list[str] | None = None) -> None:
    """Runs the program, with the options of the command line by default."""
    options = ReadingOptions(argv)
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)


if __name__ == '__main__':
    main()
