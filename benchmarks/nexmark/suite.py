"""All queries, each way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import attrs

import bourne as beam
from benchmarks.nexmark import byhand, queries
from benchmarks.nexmark.generator import Events
from benchmarks.nexmark.model import Event


@attrs.frozen
class Query:
    """A query.

    Attributes:
      name: the one that it is known by.
      title: what it asks.
      transform: from the events' description to the transform that answers.
      by_hand: the loop: from events to answers.
      weigh: a number in each answer, to tell whether two sets of answers are the same without keeping them.
    """

    name: str
    title: str
    transform: Callable[[Events], beam.PTransform]
    by_hand: Callable[[Sequence[Event]], Iterable[Any]]
    weigh: Callable[[Any], int]


def _price(answer: Any) -> int:
    return round(answer.price)


QUERIES = (
    Query('q0', 'passthrough', lambda events: queries.passthrough(), byhand.passthrough, itemgetter(0)),
    Query('q1', 'currency conversion', lambda events: queries.currency_conversion(), byhand.currency_conversion,
          attrgetter('price')),
    Query('q2', 'selection', lambda events: queries.selection(), byhand.selection, itemgetter(1)),
    Query('q3', 'local item suggestion', lambda events: queries.local_item_suggestion(), byhand.local_item_suggestion,
          attrgetter('auction')),
    Query('q4', 'average price for a category', lambda events: queries.average_price(events.longest),
          byhand.average_price, _price),
    Query('q5', 'hot items', lambda events: queries.hot_items(), byhand.hot_items, attrgetter('bids')),
    Query('q6', 'average selling price by seller', lambda events: queries.average_selling_price(events.longest),
          byhand.average_selling_price, _price),
    Query('q7', 'highest bid', lambda events: queries.highest_bid(), byhand.highest_bid, attrgetter('price')),
    Query('q8', 'monitor new users', lambda events: queries.new_sellers(), byhand.new_sellers, attrgetter('reserve')),
)
