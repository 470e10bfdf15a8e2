"""The queries of NEXMark as pipelines and as loops, and the generator of their events."""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice

import pytest

import bourne as beam
from benchmarks.nexmark.generator import BLOCK, Events
from benchmarks.nexmark.model import Auction, Bid, Person
from benchmarks.nexmark.suite import QUERIES, Query
from bourne.sdk.testing import TestPipeline, assert_that, equal_to

#: A minute of event time, so that there are several windows of each kind; read out of order.
EVENTS = Events(6000, seed=3, rate=100, disorder=50)


@pytest.mark.parametrize('query', QUERIES, ids=lambda query: query.name)
@pytest.mark.parametrize('seed', [3, 4])
def test_a_query_answers_what_its_loop_answers(query: Query, seed: int) -> None:
    events = Events(EVENTS.count, seed, EVENTS.rate, disorder=EVENTS.disorder)
    expected = list(query.by_hand(list(events)))
    assert len(expected) >= 5
    with TestPipeline() as p:
        assert_that(p | beam.io.Read(events) | query.transform(events), equal_to(expected))


def test_events_come_in_their_proportions_and_refer_to_what_is_there() -> None:
    events = Events(10 * BLOCK)
    counts = Counter(map(type, events))
    assert counts == {Person: 200, Auction: 600, Bid: 9200}
    persons, auctions = set(), {}
    for event in events:
        if type(event) is Person:
            persons.add(event.id)
        elif type(event) is Auction:
            assert event.seller in persons
            assert event.time < event.expires <= event.time + events.longest
            auctions[event.id] = event
        else:
            assert event.bidder in persons
            assert event.auction in auctions
    [(_, most)] = Counter(event.auction for event in events if type(event) is Bid).most_common(1)
    assert most > 20 * counts[Bid] / counts[Auction]


def test_events_are_the_same_each_time_and_for_each_seed_others() -> None:
    assert list(Events(500)) == list(Events(500))
    assert list(islice(Events(5000), 500)) == list(Events(500))
    assert list(Events(500)) != list(Events(500, seed=1))


def test_disorder_changes_the_order_alone() -> None:
    in_order, mixed = list(Events(2500)), list(Events(2500, disorder=100))
    times = [event.time for event in mixed]
    assert times != sorted(times)
    assert [event.time for event in in_order] == sorted(times)
    assert all(sorted(times[at:at + 100]) == sorted(times)[at:at + 100] for at in range(0, 2500, 100))
    with pytest.raises(ValueError, match='disorder must divide 1000, got 7'):
        Events(10, disorder=7)


@pytest.mark.parametrize('desired', [1, 2, 3, 100])
def test_splits_are_the_whole_and_a_reader_goes_on_where_it_stood(desired: int) -> None:
    events = Events(4500)
    found = []
    for split in events.splits(desired):
        reader = events.open(split)
        while (records := reader.poll(max_records=1000)) is not None:
            found += zip(records.values, records.timestamps)
            assert reader.watermark > records.timestamps[-1]
            reader = events.open(split, reader.position)
    assert [event for event, _ in found] == list(chain(events))
    assert all(event.time == time for event, time in found)
