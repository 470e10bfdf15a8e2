"""Warns of stolen cards: a tiny payment that tries the card out, and within ten minutes a large one.

    python examples/fraud.py
    python examples/fraud.py --streaming
    python examples/fraud.py --streaming --input=payments.jsonl --output=build/fraud --within=300

The rule keeps state for each card. Payments arrive out of order, so each of them waits until a timer says that the
watermark has passed it. Then they are looked at in the order in which they were made: the warnings are the same as a
batch and as a stream. A second timer forgets a tiny payment after ten minutes.

Without --input it writes a file of events first (examples/events.py).
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import events

import bourne as beam
from bourne.sdk.model.state import OrderedListStateSpec, ReadModifyWriteStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.model.timestamp import MIN_TIMESTAMP, Duration
from bourne.sdk.options import PipelineOptions
from bourne.sdk.transforms.window import WithTimestamps

TINY, LARGE = 1.0, 300.0
#: The watermark says that everything *before* it is there.
INSTANT = Duration(micros=1)


class FraudOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--input', help='files of JSON lines: card, amount and time; by default one is written')
        parser.add_argument('--output', default='build/fraud', help='the directory of the results')
        parser.add_argument('--events', type=int, default=20_000, help='how many events to write if there is no input')
        parser.add_argument('--within', type=float, default=600, help='how soon the large payment follows, in seconds')


class Rule(beam.DoFn):
    """Takes pairs of card and amount, emits warnings."""

    WAITING = OrderedListStateSpec('waiting')
    TRIED = ReadModifyWriteStateSpec('tried')
    IN_ORDER = TimerSpec('in order', TimeDomain.WATERMARK)
    FORGET = TimerSpec('forget', TimeDomain.WATERMARK)

    def __init__(self, within: float) -> None:
        self.within = within

    def process(self, element: tuple[str, float], timestamp: Any = beam.DoFn.TimestampParam,
                waiting: Any = beam.DoFn.StateParam(WAITING), in_order: Any = beam.DoFn.TimerParam(IN_ORDER)) -> None:
        """Lets a payment wait until those before it are there."""
        waiting.add((timestamp, element[1]))
        in_order.set(timestamp + INSTANT, dynamic_timer_tag=str(timestamp))

    @on_timer(IN_ORDER)
    def look(self, card: Any = beam.DoFn.KeyParam, now: Any = beam.DoFn.TimestampParam,
             waiting: Any = beam.DoFn.StateParam(WAITING), tried: Any = beam.DoFn.StateParam(TRIED),
             forget: Any = beam.DoFn.TimerParam(FORGET)) -> Iterator[dict[str, Any]]:
        """Looks at the payments that are complete by now."""
        for made, amount in waiting.read_range(MIN_TIMESTAMP, now):
            if amount < TINY:
                tried.write(amount)
                forget.set(made + self.within)
            elif amount > LARGE and tried.read() is not None:
                yield {'card': card, 'time': datetime.fromtimestamp(float(made), UTC).isoformat(timespec='seconds'),
                       'tried with': tried.read(), 'amount': amount}
                tried.clear()
                forget.clear()
        waiting.clear_range(MIN_TIMESTAMP, now)

    @on_timer(FORGET)
    def forget_it(self, tried: Any = beam.DoFn.StateParam(TRIED)) -> None:
        """Nothing large has followed in time."""
        tried.clear()


def build(pipeline: beam.Pipeline, options: FraudOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    (
        pipeline
        | 'read' >> beam.io.ReadFromText(options.input)
        | 'parse' >> beam.Map(json.loads)
        | 'time' >> WithTimestamps(lambda event: event['time'], out_of_orderness=events.DELAY)
        | 'card' >> beam.Map(lambda event: (event['card'], event['amount']))
        | 'rule' >> beam.ParDo(Rule(options.within))
        | 'write' >> beam.io.WriteToJson(f'{options.output}/warnings')
    )


def show(directory: str) -> None:
    """Prints how many warnings there are, and the first ones."""
    warnings = []
    for path in glob.glob(f'{directory}/warnings*'):
        with open(path, encoding='utf-8') as file:
            warnings += map(json.loads, file)
    print(f'{len(warnings):,} warnings')
    for warning in sorted(warnings, key=lambda warning: (warning['time'], warning['card']))[:5]:
        print(f'{warning["time"]}  {warning["card"]}  {warning["tried with"]:.2f}, then {warning["amount"]:.2f}')


def main(argv: list[str] | None = None) -> None:
    """Runs the program, with the options of the command line by default."""
    options = FraudOptions(argv)
    options.input = events.given_or_written(options.input, 'payments', options.events)
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)
    show(options.output)


if __name__ == '__main__':
    main()
