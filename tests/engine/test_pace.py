"""Bundles that are neither too small nor too large, by what their elements take and by what becomes of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.bundle import Bundle
from bourne.engine.feeding import cut, polled
from bourne.engine.pace import GROWTH, LEAST_TARGET, TARGET, Pace, fitting, target_for
from bourne.sdk.metrics import MetricsFilter
from bourne.sdk.model.metric import BUNDLE_ELEMENTS, HELD_BYTES
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.model.source import DEFAULT_RECORDS, BoundedReader, Records, Source
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.batch import BatchElements
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.util import Reshuffle
from bourne.sdk.transforms.write import Write

MB = 1 << 20


@given(st.lists(st.tuples(st.integers(1, 20_000), st.integers(0, 1 << 40)), min_size=1))
def test_a_pace_stays_within_its_bounds(taken: list[tuple[int, int]]) -> None:
    pace = Pace(TARGET)
    for count, size in taken:
        before = pace.limit
        pace.add(size)
        pace.took(count)
        assert 1 <= pace.limit <= min(DEFAULT_RECORDS, GROWTH * max(before, count))
        assert pace.limit == 1 or pace.limit * size <= TARGET * count


@pytest.mark.parametrize(('count', 'size', 'expected'), [
    (1, 0, DEFAULT_RECORDS), (10, 10, DEFAULT_RECORDS), (4, TARGET, 4), (8, TARGET, 8), (1, 10 * TARGET, 1),
    (100, 100 * 1000, TARGET // 1000),
])
def test_how_many_fit(count: int, size: int, expected: int) -> None:
    assert fitting(count, size, TARGET) == expected


def test_the_target_follows_the_memory() -> None:
    assert [target_for(memory) for memory in (None, 1 << 40, 16 * MB, 1000)] == [TARGET, TARGET, MB, LEAST_TARGET]


class Asked:
    """Polls a list, and remembers how many elements were asked for."""

    def __init__(self, values: Sequence[Any], times: list[int] | None = None, own: int = 1 << 30) -> None:
        self.reader = BoundedReader(values, times)
        self.own = own
        self.asked: list[int] = []

    def __call__(self, limit: int) -> Records[Any] | None:
        self.asked.append(limit)
        return self.reader.poll(min(limit, self.own))


@pytest.mark.parametrize(('size', 'count', 'asked', 'bundles'), [
    (10, 40_000, [1, 15, 240, 3840, 12_288, 16_384, 16_384, 16_384], [16_384, 16_384, 7_232]),
    (10 * MB, 3, [1, 1, 1, 1], [1, 1, 1]),
    (MB - 100, 10, [1, 3, 4, 4, 4], [4, 4, 2]),
    (10, 5, [1, 15, 16], [5]),
])
def test_polls_follow_the_size_of_elements(size: int, count: int, asked: list[int], bundles: list[int]) -> None:
    values = [bytes(size)] if size > MB else [bytes(size) for _ in range(count)]
    poll = Asked(values * (count // len(values)))
    assert [len(bundle) for bundle in polled(poll, Pace(TARGET))] == bundles
    assert [number for number in poll.asked if number] [:len(asked)] == asked


def test_what_comes_may_become_larger_and_smaller() -> None:
    values = [bytes(10)] * 64 + [bytes(200_000 + number) for number in range(200)] + [bytes(10)] * 200
    found = list(polled(Asked(values), Pace(TARGET, most=64)))
    assert [value for bundle in found for value in bundle.values] == values
    assert [len(bundle) for bundle in found[:4]] == [64, 64, 20, 20]  # what follows small ones cannot be known
    assert [len(bundle) for bundle in found[-3:-1]] == [64, 64]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9))), st.booleans(), st.integers(1, 40))
def test_nothing_is_lost_or_moved(rows: list[tuple[int, int]], timed: bool, own: int) -> None:
    values, times = [bytes(size * 10_000) for size, _ in rows], [time for _, time in rows]
    found = list(polled(Asked(values, times if timed else None, own), Pace(LEAST_TARGET)))
    assert [value for bundle in found for value in bundle.values] == values
    assert all(bundle.values for bundle in found)
    if timed:
        assert [time for bundle in found for _, time, *_ in bundle.rows()] == times


def test_a_source_that_returns_less_makes_the_bundles() -> None:
    poll = Asked(range(1_000), own=300)
    assert [len(bundle) for bundle in polled(poll, Pace(TARGET))] == [1 + 15 + 240 + 300, 300, 144]


def test_blocks_are_cut() -> None:
    small, large = Bundle(list(range(40_000))), Bundle([bytes(MB - 100) for _ in range(10)], list(range(10)))
    assert [len(part) for part in cut([small, large], None, TARGET)] == [16_384, 16_384, 7_232, 4, 4, 2]
    assert [len(part) for part in cut([large], 3, TARGET)] == [3, 3, 3, 1]
    assert [part.timestamps for part in cut([large], 5, TARGET)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_hot_keys_do_not_make_small_bundles_of_others() -> None:
    groups = [(number, [0] * (3_000_000 if number in (0, 1) else 3)) for number in range(20_000)]
    assert [len(part) for part in cut([Bundle(groups)], None, TARGET)] == [1, 1, 16_384, 3_614]


@given(st.lists(st.integers(0, 9)), st.none() | st.integers(1, 4))
def test_cutting_keeps_everything(sizes: list[int], size: int | None) -> None:
    values = [bytes(number * 10_000) for number in sizes]
    parts = list(cut([Bundle(values, list(range(len(values))))], size, LEAST_TARGET))
    assert [value for part in parts for value in part.values] == values
    assert [time for part in parts for _, time, *_ in part.rows()] == list(range(len(values)))
    assert all(0 < len(part) <= (size or len(values)) for part in parts)


# In pipelines.


class Images(Source[bytes]):
    """So many elements of so many bytes, made as they are asked for by readers that know no bytes."""

    polls: ClassVar[list[int]] = []

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size_of_one = count, size

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: Any = None) -> BoundedReader[bytes]:
        return ImageReader(range(self.count), self.size_of_one)


class ImageReader(BoundedReader[Any]):

    def __init__(self, numbers: Sequence[int], size: int) -> None:
        super().__init__(numbers)
        self.size = size

    def poll(self, max_records: int = 0, max_bytes: int = 0) -> Records[Any] | None:
        records = super().poll(max_records)
        if records is not None:
            Images.polls.append(len(records.values))
            records.values = [bytes([number % 256]) * self.size for number in records.values]
        return records


@pytest.mark.parametrize('flags', [[], ['--bundle_size=7']])
def test_huge_elements_are_read_one_by_one(flags: list[str]) -> None:
    Images.polls.clear()
    p = Pipeline(options=PipelineOptions(flags))
    p | Read(Images(30, 3 * MB)) | Map(len)
    p.run()
    assert max(Images.polls) == (7 if flags else 1)
    assert sum(Images.polls) == 30


class Sizes(Sink):
    """Remembers how many elements each writer got at a time."""

    shards = 1
    writes: ClassVar[list[int]] = []

    def open(self, task: WriteTask) -> Writer[Any]:
        return SizesWriter()

    def commit(self, run: str, prepared: Any) -> list[Any]:
        return []

    def abort(self, run: str, prepared: Any) -> None:
        pass


class SizesWriter(Writer[Any]):

    def write(self, values: list[Any]) -> None:
        Sizes.writes.append(len(values))

    def prepare(self) -> None:
        return None

    def abort(self) -> None:
        pass


def explode(number: int) -> Iterator[bytes]:
    """A thousand elements of a kilobyte."""
    return (b'%1000d' % (1000 * number + one) for one in range(1000))


def test_what_makes_much_is_fed_little() -> None:
    Sizes.writes.clear()
    sink = Sizes()
    sink.shards = None  # type: ignore[assignment]
    p = Pipeline()
    p | Create(range(100)) | FlatMap(explode) | Write(sink)
    p.run()
    assert sum(Sizes.writes) == 100_000
    assert Sizes.writes[0] == 1_000
    assert max(Sizes.writes[1:]) <= 4_000
    assert len(Sizes.writes) < 40


def test_memory_does_not_grow_with_what_is_made(tmp_path: Path) -> None:
    p = Pipeline(options=PipelineOptions([f'--temp_dir={tmp_path}', '--memory_budget=8MB']))
    p | Create(range(120)) | FlatMap(explode) | Reshuffle() | Map(len)
    tracemalloc.start()
    try:
        p.run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * MB  # the outputs of all elements take 125 MB


def test_tables_are_flushed_within_a_bundle() -> None:
    p = Pipeline(options=PipelineOptions(['--memory_budget=4MB']))
    pairs = p | Create(range(64)) | FlatMap(lambda x: [(x * 1000 + y, 1) for y in range(1000)])
    pairs | CombinePerKey(sum) | Map(len)
    metrics = p.run().metrics()
    stage = next(key.step for key, _ in held(metrics) if 'Create' in key.step)
    most = {key.step: value for key, value in held(metrics)}[stage]
    assert 400 * 4_000 <= most < 400 * 20_000


def held(metrics: Any) -> list[tuple[Any, float]]:
    wanted = MetricsFilter().with_namespace(HELD_BYTES.namespace or '').with_name(HELD_BYTES.name or '')
    return [(result.key, result.committed.max) for result in metrics.query(wanted)['distributions']]


def test_bundles_do_not_show_how_they_were_fed() -> None:
    """A small collection is one bundle, however carefully it is read and processed."""
    p = Pipeline()
    p | Create(range(1000)) | BatchElements(1000, 1000) | 'length' >> Map(len)
    metrics = p.run().metrics()
    wanted = MetricsFilter().with_namespace(BUNDLE_ELEMENTS.namespace or '').with_name(BUNDLE_ELEMENTS.name or '')
    [bundles] = metrics.query(wanted)['distributions']
    assert (bundles.committed.count, bundles.committed.sum) == (1, 1000)
    assert metrics.elements('length') == {None: 1}
