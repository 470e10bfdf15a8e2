"""Joins customers with their orders: what each has spent, and which orders belong to nobody.

    python examples/join.py
    python examples/join.py --customers=customers.csv --orders='orders/*.csv' --output=build/spent
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bourne as beam
from bourne.sdk.options import PipelineOptions

DATA = Path(__file__).parent / 'data'


class JoinOptions(PipelineOptions):
    """The options of this program."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--customers', default=str(DATA / 'customers.csv'), help='CSV files: id, name, country')
        parser.add_argument('--orders', default=str(DATA / 'orders.csv'), help='CSV files: number, customer, amount')
        parser.add_argument('--output', default='build/join/spent', help='how result files are called')


def spent(customer: int, found: dict[str, Iterable[beam.Row]]) -> Iterator[Any]:
    """What a customer has spent; orders whose customer is unknown go to an output of their own."""
    orders = list(found['orders'])
    for known in found['customers']:
        yield beam.Row(name=known.name, country=known.country, orders=len(orders),
                       spent=sum(order.amount for order in orders))
    if not found['customers']:
        for order in orders:
            yield beam.TaggedOutput('stray', f'order {order.number} names the customer {customer}, who is unknown')


def build(pipeline: beam.Pipeline, options: JoinOptions) -> None:
    """Says what is to be computed; nothing runs yet."""
    customers = pipeline | 'customers' >> beam.io.ReadFromCsv(options.customers)
    orders = pipeline | 'orders' >> beam.io.ReadFromCsv(options.orders)
    joined = (
        {
            'customers': customers | 'by id' >> beam.WithKeys(lambda row: row.id),
            'orders': orders | 'by customer' >> beam.WithKeys(lambda row: row.customer),
        }
        | 'join' >> beam.CoGroupByKey()
        | 'spent' >> beam.FlatMapTuple(spent).with_outputs('stray', main='customers')
    )
    joined.customers | 'write' >> beam.io.WriteToCsv(options.output)
    joined.stray | 'warn' >> beam.Map(print)


def main(argv: list[str] | None = None) -> None:
    """Runs the program, with the options of the command line by default."""
    options = JoinOptions(argv)
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, options)


if __name__ == '__main__':
    main()
