"""Sums the points of teams per hour of event time, whatever the order in which the records come.

    python examples/team_scores.py
    python examples/team_scores.py --input=scores.csv --output=build/scores --minutes=15

The input has the columns user, team, points and time (ISO 8601).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bourne as beam
from bourne.sdk.options import PipelineOptions

DATA = Path(__file__).parent / 'data'


class ScoreOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--input', default=str(DATA / 'scores.csv'), help='CSV files')
        parser.add_argument('--output', default='build/team_scores/scores', help='how result files are called')
        parser.add_argument('--minutes', type=float, default=60, help='the length of a window')


def at_its_time(row: beam.Row) -> Any:
    """Team and points, with the time at which they were scored."""
    return beam.window.TimestampedValue((row.team, row.points), datetime.fromisoformat(row.time).timestamp())


def as_row(score: tuple[str, int], window: Any = beam.DoFn.WindowParam) -> beam.Row:
    """A line of the result, with the window that the sum is for."""
    team, points = score
    start = datetime.fromtimestamp(float(window.start), UTC)
    return beam.Row(start=start.isoformat(timespec='minutes'), team=team, points=points)


def build(pipeline: beam.Pipeline, options: ScoreOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    (
        pipeline
        | 'read' >> beam.io.ReadFromCsv(options.input)
        | 'time' >> beam.Map(at_its_time)
        | 'window' >> beam.WindowInto(beam.window.FixedWindows(options.minutes * 60))
        | 'sum' >> beam.CombinePerKey(sum)
        | 'rows' >> beam.Map(as_row)
        | 'write' >> beam.io.WriteToCsv(options.output)
    )


def main(argv: list[str] | None = None) -> None:
    """Runs the program, with the options of the command line by default."""
    options = ScoreOptions(argv)
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)


if __name__ == '__main__':
    main()
