"""Queries 0 to 8 as loops over events in memory, as somebody writes them who needs only the answer."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from benchmarks.nexmark.model import (
    Auction,
    Bid,
    CategoryPrice,
    Event,
    HotItem,
    LocalItem,
    NewSeller,
    Person,
    SellerPrice,
)
from benchmarks.nexmark.queries import CATEGORY, CHOSEN, EUROS, NEARBY, PERIOD, SALES, SIZE

SIZE_MICROS, PERIOD_MICROS = SIZE * 1_000_000, PERIOD * 1_000_000


def passthrough(events: Sequence[Event]) -> Iterator[Event]:
    """Query 0."""
    for event in events:  # noqa: UP028  (an element at a time is the point)
        yield event


def currency_conversion(events: Sequence[Event]) -> Iterator[Bid]:
    """Query 1."""
    for event in events:
        if type(event) is Bid:
            yield event._replace(price=event.price * EUROS // 1000)


def selection(events: Sequence[Event]) -> Iterator[tuple[int, int]]:
    """Query 2."""
    for event in events:
        if type(event) is Bid and event.auction % CHOSEN == 0:
            yield event.auction, event.price


def local_item_suggestion(events: Sequence[Event]) -> Iterator[LocalItem]:
    """Query 3."""
    people: dict[int, Person] = {}
    auctions: list[Auction] = []
    for event in events:
        if type(event) is Person:
            if event.state in NEARBY:
                people[event.id] = event
        elif type(event) is Auction and event.category == CATEGORY:
            auctions.append(event)
    for auction in auctions:
        if person := people.get(auction.seller):
            yield LocalItem(person.name, person.city, person.state, auction.id)


def _sales(events: Sequence[Event]) -> Iterator[tuple[Auction, Bid]]:
    auctions = {event.id: event for event in events if type(event) is Auction}
    best: dict[int, Bid] = {}
    for event in events:
        if type(event) is Bid:
            auction = auctions.get(event.auction)
            if auction is not None and event.price >= auction.reserve and event.time < auction.expires:
                other = best.get(event.auction)
                if other is None or (event.price, other.time) > (other.price, event.time):
                    best[event.auction] = event
    for number, bid in best.items():
        yield auctions[number], bid


def _sliding(time: int) -> range:
    """The starts of the windows that hold an instant."""
    return range(time - time % PERIOD_MICROS, time - SIZE_MICROS, -PERIOD_MICROS)


def average_price(events: Sequence[Event]) -> Iterator[CategoryPrice]:
    """Query 4."""
    prices: dict[tuple[int, int], list[int]] = defaultdict(list)
    for auction, bid in _sales(events):
        for start in _sliding(auction.expires - 1):
            prices[auction.category, start].append(bid.price)
    for (category, start), found in prices.items():
        yield CategoryPrice(category, sum(found) / len(found), start + SIZE_MICROS)


def hot_items(events: Sequence[Event]) -> Iterator[HotItem]:
    """Query 5."""
    windows: dict[int, Counter[int]] = defaultdict(Counter)
    for event in events:
        if type(event) is Bid:
            for start in _sliding(event.time):
                windows[start][event.auction] += 1
    for start, counts in windows.items():
        most = max(counts.values())
        for auction, count in counts.items():
            if count == most:
                yield HotItem(auction, most, start + SIZE_MICROS)


def average_selling_price(events: Sequence[Event]) -> Iterator[SellerPrice]:
    """Query 6."""
    sold: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for auction, bid in _sales(events):
        sold[auction.seller].append((auction.expires, auction.id, bid.price))
    for seller, found in sold.items():
        last = heapq.nlargest(SALES, found)
        yield SellerPrice(seller, sum(price for *_, price in last) / len(last))


def highest_bid(events: Sequence[Event]) -> Iterator[Bid]:
    """Query 7."""
    highest: dict[int, list[Bid]] = {}
    for event in events:
        if type(event) is Bid:
            window = event.time // SIZE_MICROS
            found = highest.get(window)
            if found is None or event.price > found[0].price:
                highest[window] = [event]
            elif event.price == found[0].price:
                found.append(event)
    for found in highest.values():
        yield from found


def new_sellers(events: Sequence[Event]) -> Iterator[NewSeller]:
    """Query 8."""
    people = {(event.id, event.time // SIZE_MICROS): event for event in events if type(event) is Person}
    for event in events:
        if type(event) is Auction:
            window = event.time // SIZE_MICROS
            if person := people.get((event.seller, window)):
                yield NewSeller(person.id, person.name, event.reserve, (window + 1) * SIZE_MICROS)
