"""One input to several outputs, and a small collection as a side input."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bourne as beam
from benchmarks import data
from benchmarks.sources import Stored
from benchmarks.workload import BOURNE, HAND, Workload
from benchmarks.workloads.common import collect, pipeline

Order = tuple[int, int]
SERVICES = 40


def _log(count: int) -> Iterator[str]:
    """Lines of a log: 70 % requests with their milliseconds, 29 % errors, 1 % that make no sense."""
    rng = random.Random(19)
    for number in range(count):
        kind, service, time = rng.random(), f'service{rng.randrange(SERVICES)}', number // 1000
        if kind < 0.7:
            yield f'{time} INFO {service} {rng.randrange(1000)}\n'
        elif kind < 0.99:
            yield f'{time} ERROR {service} timeout\n'
        else:
            yield f'{time} {service}\n'


def _fanout_by_hand(path: Path) -> list[Any]:
    spent: dict[str, int] = defaultdict(int)
    errors: Counter[str] = Counter()
    bad = 0
    with path.open(encoding='utf-8') as file:
        for line in file:
            parts = line.split()
            if len(parts) != 4:
                bad += 1
            elif parts[1] == 'ERROR':
                errors[parts[2]] += 1
            else:
                spent[parts[2]] += int(parts[3])
    return sorted([('bad', bad), *spent.items(), *errors.items()])


class Route(beam.DoFn):
    """Requests to the main output, errors and lines without sense to outputs of their own."""

    def process(self, element: str) -> Iterator[Any]:
        parts = element.split()
        if len(parts) != 4:
            yield beam.TaggedOutput('bad', 'bad')
        elif parts[1] == 'ERROR':
            yield beam.TaggedOutput('errors', parts[2])
        else:
            yield parts[2], int(parts[3])


def _fanout(path: Path) -> list[Any]:
    with pipeline() as p:
        routed = (p
                  | beam.io.ReadFromText(str(path))
                  | beam.ParDo(Route()).with_outputs('errors', 'bad', main='requests'))
        read = collect('fanout',
                       routed.requests | beam.CombinePerKey(sum),
                       routed.errors | 'errors' >> beam.combiners.Count.PerElement(),
                       routed.bad | 'bad' >> beam.combiners.Count.PerElement())
    return read()


def _shop(orders: int, products: int) -> tuple[list[Order], list[tuple[int, int]]]:
    rng = random.Random(23)
    return ([(int(rng.random() * products), 1 + int(rng.random() * 9)) for _ in range(orders)],
            [(number, 1 + int(rng.random() * 9999)) for number in range(products)])


def _cost(order: Order, prices: dict[int, int]) -> int:
    product, pieces = order
    return prices[product] * pieces


def _side_by_hand(shop: tuple[list[Order], list[tuple[int, int]]]) -> int:
    orders, products = shop
    prices = dict(products)
    total = 0
    for order in orders:
        total += _cost(order, prices)
    return total


def _side(shop: tuple[list[Order], list[tuple[int, int]]]) -> int:
    orders, products = shop
    with pipeline() as p:
        prices = p | 'products' >> beam.io.Read(Stored(products))
        costs = (p
                 | 'orders' >> beam.io.Read(Stored(orders))
                 | beam.Map(_cost, beam.pvalue.AsDict(prices))
                 | beam.CombineGlobally(sum))
        read = collect('side', costs)
    return int(read()[0])


def workloads(scale: float) -> list[Workload]:
    """The workloads of this family."""
    count, orders, products = int(1e6 * scale), int(2e6 * scale), int(2e4 * scale)
    section = 'Several outputs, side inputs'
    return [
        Workload('fanout', 'a DoFn with two tagged outputs over a log of 1 million lines, each output combined',
                 section, 'M', count / 1e6, lambda: data.text_file(f'log-{count}.txt', lambda: _log(count)),
                 {HAND: _fanout_by_hand, BOURNE: _fanout}),
        Workload('side', '2 million orders priced from a side input of 20,000 products (AsDict), and summed', section,
                 'M', orders / 1e6, lambda: data.kept(f'shop-{orders}', lambda: _shop(orders, products)),
                 {HAND: _side_by_hand, BOURNE: _side}),
    ]
