"""Watermarks: the formulas of ``engine/stream/watermark.py`` by tables, and what holds for whole runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.plan.compile import compile_plan
from bourne.engine.stream.host import Host, Order
from bourne.engine.stream.watermark import Tops, delays, spread
from bourne.engine.task import Run
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.model.source import BoundedReader, Source
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS
from bourne.sdk.model.trigger import AfterCount, AfterWatermark
from bourne.sdk.model.window import FixedWindows, TimestampCombiner
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.window import WindowInto, WithTimestamps

SECOND = 1_000_000


@pytest.mark.parametrize(('seen', 'ended', 'watermark'), [
    ({}, '', MIN_MICROS),
    ({'a': 50}, '', MIN_MICROS),
    ({'a': 50, 'b': 70}, '', 40),
    ({'a': 50}, 'b', 40),
    ({'a': 50, 'b': 70}, 'a', 60),
    ({}, 'ab', MAX_MICROS),
    ({'a': MIN_MICROS + 3}, 'b', MIN_MICROS),
])
def test_the_watermark_of_the_data_is_that_of_the_split_furthest_behind(seen: dict[str, int], ended: str,
                                                                         watermark: int) -> None:
    tops = Tops([2], 'ab')
    for split, top in seen.items():
        tops.seen(split, {2: top})
        tops.seen(split, {2: top - 5})
    for split in ended:
        tops.ended(split)
    assert tops.watermark(2, delay=10) == watermark


def test_what_is_behind_an_operator_with_a_watermark_has_it() -> None:
    with_ = Pipeline()
    source = with_ | Create([1])
    before = source | 'before' >> Map(lambda x: x)
    timed = before | WithTimestamps(lambda x: x, out_of_orderness=3)
    after = timed | 'after' >> Map(lambda x: x)
    for number, collection in enumerate((source, before, timed, after)):
        collection | f'key {number}' >> Map(lambda x: (x, x)) | f'group {number}' >> GroupByKey()
    stage = compile_plan(with_.to_graph(), streaming=True).stages[0]
    (number,) = delays(stage)
    assert delays(stage) == {number: 3 * SECOND}
    found = spread(stage, 7, {number: 4})
    assert {name: found[f'key {name}'] for name in range(4)} == {0: 7, 1: 7, 2: 4, 3: 4}
    assert set(spread(stage, 7, {}).values()) == {7}


class Timed(Source[int]):
    """Elements with their times, in splits."""

    def __init__(self, splits: list[list[int]]) -> None:
        self.parts = splits

    def splits(self, desired: int = 1) -> list[int]:
        return list(range(len(self.parts)))

    def open(self, split: int, position: Any = None) -> BoundedReader[int]:
        return BoundedReader(self.parts[split], [time * SECOND for time in self.parts[split]])


def watched(host: Host) -> Iterator[dict[str, int]]:
    """All watermarks after each epoch, to the end."""
    for number in range(1_000):
        report = host.run(Order(number, now=0))
        yield {name: micros for instance in host.instances for name, micros in instance.watermarks.items()}
        if report.ended:
            return
    raise AssertionError('it does not end')


@given(st.lists(st.lists(st.integers(0, 50), max_size=12), min_size=1, max_size=3), st.integers(0, 60),
       st.sampled_from([None, 1, 4]), st.sampled_from(TimestampCombiner.ALL))
def test_watermarks_never_go_back_and_nothing_is_promised_too_early(splits: list[list[int]], disorder: int,
                                                                    size: int | None, combiner: str) -> None:
    pipeline = Pipeline(argv=['--allow_unsafe_triggers'])
    (pipeline | Read(Timed(splits)) | 'time' >> WithTimestamps(lambda x: x, out_of_orderness=disorder)
     | WindowInto(FixedWindows(10), trigger=AfterWatermark(early=AfterCount(2)), timestamp_combiner=combiner,
                  allowed_lateness=100, accumulation_mode='discarding')
     | Map(lambda x: (x % 3, x)) | 'sum' >> CombinePerKey(sum) | 'again' >> GroupByKey())
    plan = compile_plan(isolate(pipeline.to_graph()), streaming=True)
    label = plan.stages[0].ops[0].label
    host = Host(plan, Run('run', size), 0, 1, {label: [(number, None) for number in range(len(splits))]})
    made: list[tuple[str, int, int]] = []
    for instance in host.instances:
        leave = instance._leave

        def spy(collection: str, bundle: Any, leave: Any = leave, instance: Any = instance) -> None:
            made.extend((collection, time, instance.watermarks[collection]) for _, time, *_ in bundle.rows())
            leave(collection, bundle)

        instance._leave = spy  # type: ignore[method-assign]
    host.open()
    last: dict[str, int] = {}
    for watermarks in watched(host):
        for name, micros in watermarks.items():
            assert micros >= last.get(name, MIN_MICROS), name
        last = watermarks
    host.close()
    assert set(last.values()) == {MAX_MICROS}
    assert bool(made) == any(splits)
    if disorder >= 50:  # then nothing is late, and nothing comes behind its collection's watermark
        assert [one for one in made if one[1] < one[2]] == []
