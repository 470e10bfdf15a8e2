"""The events of the auction site, and what the queries answer.

Times are microseconds since the epoch, prices are cents, as ints.
"""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """Somebody registers."""

    id: int
    name: str
    email: str
    credit_card: str
    city: str
    state: str
    time: int
    extra: str


class Auction(NamedTuple):
    """A seller opens an auction, which ends at ``expires``; bids below ``reserve`` do not count."""

    id: int
    item: str
    description: str
    initial_bid: int
    reserve: int
    time: int
    expires: int
    seller: int
    category: int
    extra: str


class Bid(NamedTuple):
    """Somebody bids for an item."""

    auction: int
    bidder: int
    price: int
    time: int
    extra: str


Event = Person | Auction | Bid


class Sale(NamedTuple):
    """An auction that has ended, with the bid that won."""

    auction: Auction
    bid: Bid


class LocalItem(NamedTuple):
    """Query 3: an item that somebody from nearby sells."""

    name: str
    city: str
    state: str
    auction: int


class CategoryPrice(NamedTuple):
    """Query 4: the average price of the items of a category sold in a window, by the window's end."""

    category: int
    price: float
    end: int


class HotItem(NamedTuple):
    """Query 5: an auction that nobody overtook in bids in a window, by the window's end."""

    auction: int
    bids: int
    end: int


class SellerPrice(NamedTuple):
    """Query 6: the average price of the last items that somebody sold."""

    seller: int
    price: float


class NewSeller(NamedTuple):
    """Query 8: somebody who registered and opened an auction in the same window, by the window's end."""

    id: int
    name: str
    reserve: int
    end: int
