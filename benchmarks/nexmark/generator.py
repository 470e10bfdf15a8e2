"""A seeded generator of the auction site's events.

Of fifty events in a row the first is a person, the next three are auctions, the rest are bids. Every second bid is for
a hot auction, most bids come from a few hot bidders, and most auctions from a few hot sellers. Ids follow from the
number of the event, and each block of events has a random generator of its own: any part of the events can be made
without the others, and is the same each time.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from random import Random

import attrs

from benchmarks.nexmark.model import Auction, Bid, Event, Person
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Reader, Records, Source

#: How events are dealt out: persons, then auctions, then bids.
PERSONS, AUCTIONS, BIDS = 1, 3, 46
CYCLE = PERSONS + AUCTIONS + BIDS
#: Events of one block.
BLOCK = 20 * CYCLE
FIRST_CATEGORY, CATEGORIES = 10, 5
#: A bid goes to one of the latest auctions, and bidders and sellers are among the latest persons.
OPEN_AUCTIONS, ACTIVE_PERSONS = 100, 1000
#: Every so many ids, one is hot.
HOT = 100
#: The chance that an event has to do with a hot auction, bidder or seller.
HOT_AUCTION, HOT_BIDDER, HOT_SELLER = 1 / 2, 3 / 4, 3 / 4

FIRST_NAMES = ('Ada', 'Alan', 'Barbara', 'Donald', 'Edsger', 'Frances', 'Grace', 'John', 'Margaret', 'Niklaus')
LAST_NAMES = ('Abbott', 'Baker', 'Cooper', 'Dyer', 'Fisher', 'Mason', 'Miller', 'Potter', 'Smith', 'Weaver')
PLACES = (('Phoenix', 'AZ'), ('Palo Alto', 'CA'), ('San Francisco', 'CA'), ('Boise', 'ID'), ('Portland', 'OR'),
          ('Bend', 'OR'), ('Redmond', 'WA'), ('Seattle', 'WA'), ('Kent', 'WA'), ('Cheyenne', 'WY'))


@portable
@attrs.frozen
class Events(Source[Event]):
    """The events as a source, with their event times.

    Attributes:
      count: how many there are.
      seed: other seeds give other events.
      rate: events per second of event time.
      start: the time of the first one, in microseconds since the epoch.
      disorder: within so many events in a row the order is random; their times are not. Divides a block of 1,000.
    """

    count: int
    seed: int = 0
    rate: int = 10_000
    start: int = 1_767_225_600_000_000
    disorder: int = attrs.field(default=1)

    @disorder.validator
    def _check_disorder(self, attribute: object, value: int) -> None:
        if value < 1 or BLOCK % value:
            raise ValueError(f'disorder must divide {BLOCK}, got {value!r}')

    @property
    def longest(self) -> int:
        """How long an auction takes at most, in microseconds: as many as shall be open at a time follow from it."""
        return 2 * OPEN_AUCTIONS * CYCLE // AUCTIONS * 1_000_000 // self.rate

    def time(self, number: int) -> int:
        """When an event happens, in microseconds since the epoch."""
        return self.start + number * 1_000_000 // self.rate

    def __iter__(self) -> Iterator[Event]:
        for block in range(-(-self.count // BLOCK)):
            yield from self.block(block)

    def block(self, number: int) -> list[Event]:
        """The events of a block, in the order in which they are read."""
        rng = Random(self.seed << 40 | number)
        first = number * BLOCK
        events = [_event(self, rng, one) for one in range(first, min(first + BLOCK, self.count))]
        if self.disorder > 1:
            groups = [events[at:at + self.disorder] for at in range(0, len(events), self.disorder)]
            for group in groups:
                rng.shuffle(group)
            events = [event for group in groups for event in group]
        return events

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        blocks = -(-self.count // BLOCK)
        step = max(1, -(-blocks // desired))
        return [(at, min(at + step, blocks)) for at in range(0, blocks, step)]

    def open(self, split: tuple[int, int], position: int | None = None) -> Reader[Event]:
        return _Blocks(self, split[0] if position is None else position, split[1])


class _Blocks(Reader[Event]):
    """Reads blocks; the position is the number of the next one."""

    def __init__(self, events: Events, start: int, stop: int) -> None:
        self._events, self._next, self._stop = events, start, stop

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Event] | None:
        if self._next >= self._stop:
            return None
        values: list[Event] = []
        while self._next < self._stop and len(values) + BLOCK <= max(max_records, BLOCK):
            values += self._events.block(self._next)
            self._next += 1
        return Records(values, [event.time for event in values])

    @property
    def position(self) -> int:
        return self._next

    @property
    def watermark(self) -> int:
        return self._events.time(self._next * BLOCK)


def _event(events: Events, rng: Random, number: int) -> Event:
    cycle, place = divmod(number, CYCLE)
    time = events.time(number)
    if place < PERSONS:
        return _person(rng, cycle, time)
    if place < PERSONS + AUCTIONS:
        return _auction(events, rng, cycle, cycle * AUCTIONS + place - PERSONS, time)
    return _bid(rng, cycle, time)


def _person(rng: Random, id: int, time: int) -> Person:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    city, state = rng.choice(PLACES)
    card = f'{rng.randrange(10 ** 16):016}'
    mail = f'{first}.{last}{id}@example.com'.lower()
    return Person(id, f'{first} {last}', mail, card, city, state, time, _extra(rng))


def _auction(events: Events, rng: Random, persons: int, id: int, time: int) -> Auction:
    initial = _price(rng)
    return Auction(id, f'item {id}', _extra(rng), initial, initial + _price(rng), time,
                   time + 1 + rng.randrange(events.longest), _some_person(rng, persons, HOT_SELLER, 0),
                   FIRST_CATEGORY + rng.randrange(CATEGORIES), _extra(rng))


def _bid(rng: Random, cycle: int, time: int) -> Bid:
    last = cycle * AUCTIONS + AUCTIONS - 1
    if rng.random() < HOT_AUCTION:
        auction = last // HOT * HOT
    else:
        auction = rng.randrange(max(0, last - OPEN_AUCTIONS), last + 1)
    return Bid(auction, _some_person(rng, cycle, HOT_BIDDER, 1), _price(rng), time, _extra(rng))


def _some_person(rng: Random, last: int, hot: float, which: int) -> int:
    """One of the latest persons, often the hot one; bidders and sellers have different hot ones."""
    if rng.random() < hot:
        return min(last // HOT * HOT + which, last)
    return rng.randrange(max(0, last - ACTIVE_PERSONS), last + 1)


def _price(rng: Random) -> int:
    """Cents: spread evenly over six orders of magnitude, as prices are."""
    return round(10 ** (rng.random() * 6) * 100)


def _extra(rng: Random) -> str:
    return ''.join(rng.choices(string.ascii_lowercase, k=8))
