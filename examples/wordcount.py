"""Counts the words of text files.

    python examples/wordcount.py
    python examples/wordcount.py --input='docs/**/*.md' --output=build/counts --runner=local

Without options it reads the sources of Python's own standard library, a text that every machine has.
"""

from __future__ import annotations

import re
import sysconfig
import time
from typing import Any

import bourne as beam
from bourne.io.filesystems import FileSystems
from bourne.sdk.options import PipelineOptions

# Its packages, but for those that begin with an s: `site-packages` is not part of it.
STANDARD_LIBRARY = sysconfig.get_paths()['stdlib'] + '/[!s]*/**/*.py'
WORD = re.compile(r'[^\W\d_]+')


class WordCountOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--input', default=STANDARD_LIBRARY, help='files: a path with wildcards, or a URL')
        parser.add_argument('--output', default='build/wordcount/counts', help='how result files are called')
        parser.add_argument('--most', type=int, default=20, help='how many words to print')


def words(line: bytes) -> list[str]:
    """The words of a line, in lower case. What is not UTF-8 is not part of a word."""
    return WORD.findall(line.decode(errors='replace').lower())


def show(most: list[tuple[str, int]]) -> None:
    """Prints words with their counts."""
    for word, count in most:
        print(f'{count:>10,}  {word}')


def build(pipeline: beam.Pipeline, options: WordCountOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    counts = (
        pipeline
        | 'read' >> beam.io.ReadFromText(options.input, coder=beam.coders.BytesCoder())
        | 'split' >> beam.FlatMap(words)
        | 'count' >> beam.combiners.Count.PerElement()
    )
    (
        counts
        | 'most' >> beam.combiners.Top.Of(options.most, key=lambda pair: pair[1])
        | 'show' >> beam.Map(show)
    )
    (
        counts
        | 'format' >> beam.MapTuple(lambda word, count: f'{word}: {count}')
        | 'write' >> beam.io.WriteToText(options.output, file_name_suffix='.txt')
    )


def main(argv: list[str] | None = None) -> None:
    """Runs the program.

    Args:
      argv: the options; by default those of the command line.
    """
    options = WordCountOptions(argv)
    start = time.perf_counter()
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)
    seconds = time.perf_counter() - start

    assert pipeline.result
    numbers = pipeline.result.metrics().elements
    lines, found, different = (numbers(step).get(None, 0) for step in ('read', 'split', 'format'))
    [files] = FileSystems.match([options.input])
    megabytes = sum(file.size_in_bytes for file in files.metadata_list) / 1e6
    print(f'\nall counts: {options.output}*.txt')
    print(f'{lines:,} lines, {found:,} words, {different:,} different ones; '
          f'{megabytes:.1f} MB in {seconds:.2f} s: {megabytes / seconds:.1f} MB/s')


if __name__ == '__main__':
    main()
