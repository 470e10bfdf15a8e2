"""Cuts the clicks of a web site into visits: clicks of one visitor without a pause of half an hour.

    python examples/click_sessions.py
    python examples/click_sessions.py --streaming
    python examples/click_sessions.py --streaming --input=clicks.jsonl --output=build/visits --pause=600

As a stream, a visit is emitted as soon as the watermark says that nobody will add to it. Without --input it writes a
file of events first (examples/events.py).
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import events

import bourne as beam
from bourne.sdk.options import PipelineOptions
from bourne.sdk.transforms.window import WithTimestamps


class ClickOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--input', help='files of JSON lines: visitor, page and time; by default one is written')
        parser.add_argument('--output', default='build/click_sessions', help='the directory of the results')
        parser.add_argument('--events', type=int, default=20_000, help='how many events to write if there is no input')
        parser.add_argument('--pause', type=float, default=1800, help='the pause that ends a visit, in seconds')


def as_visit(clicked: tuple[str, Iterable[tuple[float, str]]]) -> dict[str, Any]:
    """What is known of a visit: when it began, how long it was, and the way through the pages."""
    visitor, clicks = clicked
    way = sorted(clicks)
    first, last = way[0][0], way[-1][0]
    return {'visitor': visitor, 'start': datetime.fromtimestamp(first, UTC).isoformat(timespec='seconds'),
            'seconds': round(last - first), 'pages': [page for _, page in way]}


def build(pipeline: beam.Pipeline, options: ClickOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    visits = (
        pipeline
        | 'read' >> beam.io.ReadFromText(options.input)
        | 'parse' >> beam.Map(json.loads)
        | 'time' >> WithTimestamps(lambda event: event['time'], out_of_orderness=events.DELAY)
        | 'visitor' >> beam.Map(lambda event: (event['visitor'], (event['time'], event['page'])))
        | 'visits' >> beam.WindowInto(beam.window.Sessions(options.pause))
        | 'together' >> beam.GroupByKey()
        | 'describe' >> beam.Map(as_visit)
    )
    visits | 'write' >> beam.io.WriteToJson(f'{options.output}/visits')


def show(directory: str) -> None:
    """Prints what visits are like."""
    visits = []
    for path in glob.glob(f'{directory}/visits*'):
        with open(path, encoding='utf-8') as file:
            visits += map(json.loads, file)
    bought = sum('checkout' in visit['pages'] for visit in visits)
    seconds = sum(visit['seconds'] for visit in visits)
    print(f'{len(visits):,} visits of {seconds / max(len(visits), 1):.0f} s on average; {bought:,} got to the checkout')


def main(argv: list[str] | None = None) -> None:
    """Runs the program, with the options of the command line by default."""
    options = ClickOptions(argv)
    options.input = events.given_or_written(options.input, 'clicks', options.events)
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)
    show(options.output)


if __name__ == '__main__':
    main()
