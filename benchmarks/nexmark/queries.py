"""Queries 0 to 8 as transforms, from events with their times to answers.

They group by windows of event time, and so mean the same over a stream as over a batch. Queries 3 and 6 ask about all
of time: in a batch they answer once, in a stream they take a trigger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import bourne as beam
from benchmarks.nexmark.model import (
    Auction,
    Bid,
    CategoryPrice,
    Event,
    HotItem,
    LocalItem,
    NewSeller,
    Person,
    Sale,
    SellerPrice,
)
from benchmarks.nexmark.windows import AuctionWindows
from bourne.sdk.model.window import FixedWindows, GlobalWindows, IntervalWindow, SlidingWindows

#: Query 1: what a dollar is worth, in thousandths of a euro.
EUROS = 908
#: Query 2: auctions whose number this divides.
CHOSEN = 123
#: Query 3: what is nearby, and what is looked for.
NEARBY, CATEGORY = frozenset({'OR', 'ID', 'CA'}), 10
#: Queries 4, 5, 7 and 8: the length of a window, and the distance between the starts of two, in seconds.
SIZE, PERIOD = 10, 5
#: Query 6: how many of a seller's sales count.
SALES = 10

Grouped = tuple[Iterable[Any], Iterable[Any]]


def _only(kind: type) -> beam.PTransform:
    return f'Only {kind.__name__}' >> beam.Filter(lambda event: type(event) is kind)


def _join(left: beam.PCollection, left_key: str, right: beam.PCollection, right_key: str,
          windowfn: Any) -> beam.PCollection:
    """Two collections, grouped by an attribute of each, in windows."""
    sides = [
        pcoll | f'{side} by {key}' >> beam.WithKeys(attrgetter(key)) | f'Window {side}' >> beam.WindowInto(windowfn)
        for side, pcoll, key in (('left', left, left_key), ('right', right, right_key))]
    return tuple(sides) | beam.CoGroupByKey()


@beam.ptransform_fn
def passthrough(events: beam.PCollection[Event]) -> beam.PCollection[Event]:
    """Query 0: every event, as it is."""
    return events | beam.Map(lambda event: event)


@beam.ptransform_fn
def currency_conversion(events: beam.PCollection[Event]) -> beam.PCollection[Bid]:
    """Query 1: every bid, in euros."""
    return events | _only(Bid) | beam.Map(lambda bid: bid._replace(price=bid.price * EUROS // 1000))


@beam.ptransform_fn
def selection(events: beam.PCollection[Event]) -> beam.PCollection[tuple[int, int]]:
    """Query 2: auction and price of the bids for some auctions."""
    return (events
            | _only(Bid)
            | beam.Filter(lambda bid: bid.auction % CHOSEN == 0)
            | beam.Map(lambda bid: (bid.auction, bid.price)))


def _local_items(seller: int, found: Grouped) -> Iterator[LocalItem]:
    people, auctions = found
    for person in people:
        for auction in auctions:
            yield LocalItem(person.name, person.city, person.state, auction.id)


@beam.ptransform_fn
def local_item_suggestion(events: beam.PCollection[Event]) -> beam.PCollection[LocalItem]:
    """Query 3: who nearby sells items of a category."""
    people = events | _only(Person) | beam.Filter(lambda person: person.state in NEARBY)
    auctions = events | _only(Auction) | beam.Filter(lambda auction: auction.category == CATEGORY)
    return _join(people, 'id', auctions, 'seller', GlobalWindows()) | beam.FlatMapTuple(_local_items)


def _sale(auction_id: int, found: Grouped) -> Iterator[Sale]:
    auctions, bids = found
    for auction in auctions:
        enough = [bid for bid in bids if bid.price >= auction.reserve]
        if enough:
            yield Sale(auction, max(enough, key=lambda bid: (bid.price, -bid.time)))


@beam.ptransform_fn
def sales(events: beam.PCollection[Event], longest: int) -> beam.PCollection[Sale]:
    """What was sold: each auction with the first of its highest bids, at the time of the auction's end.

    Args:
      events: the events.
      longest: how long an auction may take, in microseconds.
    """
    auctions, bids = events | _only(Auction), events | _only(Bid)
    return _join(auctions, 'id', bids, 'auction', AuctionWindows(longest)) | beam.FlatMapTuple(_sale)


def _category_price(category: int, price: float,
                    window: IntervalWindow = beam.DoFn.WindowParam) -> CategoryPrice:
    return CategoryPrice(category, price, window.end_micros)


@beam.ptransform_fn
def average_price(events: beam.PCollection[Event], longest: int) -> beam.PCollection[CategoryPrice]:
    """Query 4: the average price of what was sold, by category."""
    return (events
            | sales(longest)
            | beam.Map(lambda sale: (sale.auction.category, sale.bid.price))
            | beam.WindowInto(SlidingWindows(SIZE, PERIOD))
            | beam.combiners.Mean.PerKey()
            | beam.MapTuple(_category_price))


class MostBids(beam.CombineFn):
    """The greatest number of bids, and all auctions that had as many; an accumulator is ``(bids, [auction, ...])``."""

    def create_accumulator(self) -> tuple[int, list[int]]:
        return 0, []

    def add_input(self, accumulator: tuple[int, list[int]], element: tuple[int, int]) -> tuple[int, list[int]]:
        auction, bids = element
        most, auctions = accumulator
        if bids < most:
            return accumulator
        return bids, [auction] if bids > most else [*auctions, auction]

    def merge_accumulators(self, accumulators: Iterable[tuple[int, list[int]]]) -> tuple[int, list[int]]:
        kept = list(accumulators)
        most = max(bids for bids, _ in kept)
        return most, [auction for bids, auctions in kept if bids == most for auction in auctions]

    def extract_output(self, accumulator: tuple[int, list[int]]) -> tuple[int, list[int]]:
        return accumulator


def _hot_items(bids: int, auctions: list[int],
               window: IntervalWindow = beam.DoFn.WindowParam) -> list[HotItem]:
    return [HotItem(auction, bids, window.end_micros) for auction in auctions]


@beam.ptransform_fn
def hot_items(events: beam.PCollection[Event]) -> beam.PCollection[HotItem]:
    """Query 5: the auctions with the most bids, in sliding windows."""
    return (events
            | _only(Bid)
            | beam.Map(lambda bid: bid.auction)
            | beam.WindowInto(SlidingWindows(SIZE, PERIOD))
            | beam.combiners.Count.PerElement()
            | beam.CombineGlobally(MostBids()).without_defaults()
            | beam.FlatMapTuple(_hot_items))


@beam.ptransform_fn
def average_selling_price(events: beam.PCollection[Event], longest: int) -> beam.PCollection[SellerPrice]:
    """Query 6: the average price of the last things that each seller sold."""
    return (events
            | sales(longest)
            | beam.Map(lambda sale: (sale.auction.seller, (sale.auction.expires, sale.auction.id, sale.bid.price)))
            | beam.WindowInto(GlobalWindows())
            | beam.combiners.Top.LargestPerKey(SALES)
            | beam.MapTuple(lambda seller, last: SellerPrice(seller, sum(price for *_, price in last) / len(last))))


@beam.ptransform_fn
def highest_bid(events: beam.PCollection[Event]) -> beam.PCollection[Bid]:
    """Query 7: the highest bids of each window, which a side input tells."""
    bids = events | _only(Bid) | beam.WindowInto(FixedWindows(SIZE))
    highest = bids | beam.Map(lambda bid: bid.price) | beam.CombineGlobally(max).without_defaults()
    return bids | 'Highest' >> beam.Filter(lambda bid, price: bid.price == price, beam.pvalue.AsSingleton(highest))


def _new_sellers(seller: int, found: Grouped,
                 window: IntervalWindow = beam.DoFn.WindowParam) -> Iterator[NewSeller]:
    people, auctions = found
    for person in people:
        for auction in auctions:
            yield NewSeller(person.id, person.name, auction.reserve, window.end_micros)


@beam.ptransform_fn
def new_sellers(events: beam.PCollection[Event]) -> beam.PCollection[NewSeller]:
    """Query 8: who registered and opened an auction in the same window."""
    people, auctions = events | _only(Person), events | _only(Auction)
    return _join(people, 'id', auctions, 'seller', FixedWindows(SIZE)) | beam.FlatMapTuple(_new_sellers)
