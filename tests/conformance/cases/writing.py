"""Sinks: what is written appears when it is committed, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.model.window import GLOBAL_WINDOW, FixedWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.sideinput import AsList
from bourne.sdk.transforms.window import WindowInto
from bourne.sdk.transforms.write import Write
from tests.conformance.case import case, check


class Lists(Sink[Any]):
    """Emits, when it is committed, the shards with their elements."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count

    @property
    def shards(self) -> int | None:
        return self.count

    def open(self, task: WriteTask) -> Writer[Any]:
        return _ListWriter(task)

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        shards = [shard for shard, _ in prepared]
        assert shards == sorted(set(shards)), shards
        return [(shard, token) for shard, token in prepared]


class _ListWriter(Writer[Any]):
    def __init__(self, task: WriteTask) -> None:
        self.task = task
        self.values: list[Any] = []

    def write(self, values: Sequence[Any]) -> None:
        self.values.extend(values)

    def prepare(self) -> Any:
        return self.values or None

    def abort(self) -> None:
        self.values = []


def all_values(shards: list[Any]) -> list[Any]:
    return sorted(value for _, values in shards for value in values)


@case
def what_was_written_is_what_is_committed(p: TestPipeline) -> None:
    written = p | Create([3, 1, 2]) | Map(lambda x: x * 10) | Write(Lists())
    check(written | FlatMap(lambda shard: shard[1]), [10, 20, 30])


@case
def in_so_many_shards(p: TestPipeline) -> None:
    written = p | Create(range(10)) | Write(Lists(3))

    def matcher(shards: list[Any]) -> None:
        assert {shard for shard, _ in shards} <= {0, 1, 2}
        assert all_values(shards) == list(range(10))

    assert_that(written, matcher)


@case
def nothing_to_write(p: TestPipeline) -> None:
    assert_that(p | Create([]) | Write(Lists()), lambda shards: None if shards == [] else 1 / 0)


@case
def a_write_that_nobody_waits_for(p: TestPipeline) -> None:
    p | Create([1]) | Write(Lists())
    p | 'more' >> Create([1]) | 'sharded' >> Write(Lists(2))


@case
def windowed_data_is_written_and_the_result_is_global(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(1, 1), TimestampedValue(2, 11)]) | WindowInto(FixedWindows(10))
    assert_that(timed | Write(Lists()), lambda found: None if {one.windows[0] for one in found} == {GLOBAL_WINDOW}
                else 1 / 0, reify_windows=True)


@case
def several_writes_of_one_collection(p: TestPipeline) -> None:
    numbers = p | Create([1, 2])
    for name in ('a', 'b'):
        check(numbers | name >> Write(Lists()) | f'values {name}' >> FlatMap(lambda shard: shard[1]), [1, 2])


@case
def a_write_after_a_write(p: TestPipeline) -> None:
    first = p | Create([1, 2]) | 'first' >> Write(Lists(1))
    second = first | 'values' >> FlatMap(lambda shard: [value * 10 for value in shard[1]]) | 'second' >> Write(Lists())
    check(second | FlatMap(lambda shard: shard[1]), [10, 20])


@case
def a_function_that_waits_for_a_write(p: TestPipeline) -> None:
    written = p | Create([1, 2]) | Write(Lists(1))
    made = p | 'other' >> Create(['x']) | Map(lambda x, shards: (x, all_values(shards)), AsList(written))
    check(made, [('x', [1, 2])])


@case
def a_union_is_written(p: TestPipeline) -> None:
    both = (p | 'a' >> Create([1]), p | 'b' >> Create([2])) | Flatten()
    check(both | Write(Lists(2)) | FlatMap(lambda shard: shard[1]), [1, 2])


class Fails(Lists):
    """Fails at a step."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self.step = step

    def check(self) -> None:
        if self.step == 'check':
            raise OSError('check: no such place')

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        raise OSError('commit: the disk is full')


@case(raises=OSError, match='check: no such place')
def a_target_that_cannot_work(p: TestPipeline) -> None:
    p | Create([1]) | Write(Fails('check'))


@case(raises=OSError, match='commit: the disk is full')
def a_commit_that_fails(p: TestPipeline) -> None:
    p | Create([1]) | Write(Fails('commit'))
