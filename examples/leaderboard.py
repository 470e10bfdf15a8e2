"""Keeps the leaderboard of a game: what each user has scored, and each team in each hour.

    python examples/leaderboard.py
    python examples/leaderboard.py --streaming
    python examples/leaderboard.py --streaming --input=game.jsonl --output=build/leaderboard

A number is shown again as it grows. A team's hour has results before it is over (early), one when all of its events
should be there (on time), and further ones when phones that were offline deliver what they have (late). A batch knows
that all is there, and has none that are late. Every result replaces the one before it: what counts in the end is the
last one of each user, and of each team and hour. That is the same as a batch and as a stream.

Without --input it writes a file of events first (examples/events.py).
"""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import events

import bourne as beam
from bourne.sdk.model.pane import PaneInfoTiming
from bourne.sdk.model.trigger import AccumulationMode, AfterCount, AfterWatermark, Repeatedly
from bourne.sdk.options import PipelineOptions
from bourne.sdk.transforms.window import WithTimestamps

HOUR = 3600


class LeaderboardOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--input', help='files of JSON lines: user, team, points, time; by default one is written')
        parser.add_argument('--output', default='build/leaderboard', help='the directory of the results')
        parser.add_argument('--events', type=int, default=20_000, help='how many events to write if there is no input')
        parser.add_argument('--every', type=int, default=100, help='after how many of its events a number is shown')


def time_of(event: dict[str, Any]) -> float:
    """When it happened, in seconds."""
    return float(event['time'])


def as_result(scored: tuple[str, int], window: Any = beam.DoFn.WindowParam,
              pane: Any = beam.DoFn.PaneInfoParam) -> dict[str, Any]:
    """A result, with what it takes to tell whether it replaces another one."""
    name, points = scored
    result = {'name': name, 'points': points, 'pane': pane.index, 'timing': PaneInfoTiming.to_string(pane.timing)}
    if isinstance(window, beam.window.IntervalWindow):
        result['hour'] = datetime.fromtimestamp(int(window.start), UTC).isoformat(timespec='minutes')
    return result


def build(pipeline: beam.Pipeline, options: LeaderboardOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    game = (
        pipeline
        | 'read' >> beam.io.ReadFromText(options.input)
        | 'parse' >> beam.Map(json.loads)
        | 'time' >> WithTimestamps(time_of, out_of_orderness=events.DELAY)
    )
    again = Repeatedly(AfterCount(options.every))
    (
        game
        | 'user' >> beam.Map(lambda event: (event['user'], event['points']))
        | 'all the time' >> beam.WindowInto(
            beam.window.GlobalWindows(), trigger=again, accumulation_mode=AccumulationMode.ACCUMULATING)
        | 'points of users' >> beam.CombinePerKey(sum)
        | 'users' >> beam.Map(as_result)
        | 'write users' >> beam.io.WriteToJson(f'{options.output}/users')
    )
    (
        game
        | 'team' >> beam.Map(lambda event: (event['team'], event['points']))
        | 'hour' >> beam.WindowInto(
            beam.window.FixedWindows(HOUR),
            trigger=AfterWatermark(early=AfterCount(options.every), late=AfterCount(1)),
            accumulation_mode=AccumulationMode.ACCUMULATING,
            allowed_lateness=events.OFFLINE)
        | 'points of teams' >> beam.CombinePerKey(sum)
        | 'teams' >> beam.Map(as_result)
        | 'write teams' >> beam.io.WriteToJson(f'{options.output}/teams')
    )


def results(directory: str, what: str) -> Iterator[dict[str, Any]]:
    """All results of ``users`` or ``teams``."""
    for path in glob.glob(f'{directory}/{what}*'):
        with open(path, encoding='utf-8') as file:
            yield from map(json.loads, file)


def table(directory: str, what: str) -> dict[tuple[str, str], int]:
    """What counts in the end: the points by hour and name."""
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for result in results(directory, what):
        key = result.get('hour', ''), result['name']
        last[key] = max(last.get(key, (-1, 0)), (result['pane'], result['points']))
    return {key: points for key, (_, points) in last.items()}


def show(directory: str) -> None:
    """Prints who leads."""
    users = sorted(table(directory, 'users').items(), key=lambda item: (-item[1], item[0]))
    for (_, user), points in users[:3]:
        print(f'{points:>7,}  {user}')
    best: dict[str, tuple[int, str]] = {}
    for (hour, team), points in table(directory, 'teams').items():
        best[hour] = max(best.get(hour, (0, '')), (points, team))
    for hour, (points, team) in sorted(best.items()):
        print(f'{points:>7,}  {team} from {hour}')
    kinds = Counter(result['timing'].lower().replace('_', ' ') for result in results(directory, 'teams'))
    print('results of teams:', ', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items())))


def main(argv: list[str] | None = None) -> None:
    """Runs the program, with the options of the command line by default."""
    options = LeaderboardOptions(argv)
    options.input = events.given_or_written(options.input, 'game', options.events)
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)
    show(options.output)


if __name__ == '__main__':
    main()
