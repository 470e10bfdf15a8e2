"""The transforms of util, and grouping by fields."""

from __future__ import annotations

from typing import Any

from bourne.errors import TransformError
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import FixedWindows, IntervalWindow, SlidingWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.deduplicate import Deduplicate, DeduplicatePerKey
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.partition import Partition
from bourne.sdk.transforms.rows import GroupBy, Select
from bourne.sdk.transforms.sideinput import AsIter
from bourne.sdk.transforms.util import (
    BatchElements,
    Distinct,
    GroupIntoBatches,
    Keys,
    KvSwap,
    Regex,
    Reify,
    SortAndBatchElements,
    Tee,
    ToString,
    Values,
    WaitOn,
    WithKeys,
)
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check

#: The same transform may be applied more than once.
UNIQUE = ('--auto_unique_labels',)
PAIRS = [('a', 1), ('b', 2), ('a', 3), ('b', 1)]


@case(flags=UNIQUE)
def parts_of_pairs(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | Keys(), ['a', 'b', 'a', 'b'])
    check(pairs | Values(), [1, 2, 3, 1])
    check(pairs | KvSwap(), [(1, 'a'), (2, 'b'), (3, 'a'), (1, 'b')])
    check(pairs | KvSwap() | Keys() | Distinct(), [1, 2, 3])


@case(flags=UNIQUE)
def added_keys(p: TestPipeline) -> None:
    words = p | Create(['x', 'yy'])
    check(words | WithKeys(7), [(7, 'x'), (7, 'yy')])
    check(words | WithKeys(len), [(1, 'x'), (2, 'yy')])
    check(words | WithKeys(lambda word, others: len(list(others)), AsIter(words)), [(2, 'x'), (2, 'yy')])


@case(flags=UNIQUE)
def partitions(p: TestPipeline) -> None:
    parts = p | Create(range(10)) | Partition(lambda x, n: x % n, 3)
    for number, part in enumerate(parts):
        check(part, range(number, 10, 3))


@case(flags=UNIQUE, raises=TransformError, match='there are partitions 0 to 1, and the function gave 5 for 5')
def a_partition_that_is_none(p: TestPipeline) -> None:
    p | Create([0, 5]) | Partition(lambda x, n: x, 2)


@case(flags=UNIQUE)
def text(p: TestPipeline) -> None:
    check(p | Create(PAIRS) | ToString.Kvs(), ['a,1', 'b,2', 'a,3', 'b,1'])
    lines = p | Create(['a1 b22', 'c'])
    check(lines | Regex.find_kv(r'(\w)(\d+)', 1, 2), [('a', '1'), ('b', '22')])
    check(lines | Regex.replace_first(r'\d', '_'), ['a_ b22', 'c'])


@case(flags=UNIQUE)
def times_and_windows_as_data(p: TestPipeline) -> None:
    timed = p | Create([TimestampedValue(('k', 1), 7)]) | WindowInto(SlidingWindows(10, 5))
    windows = [IntervalWindow(0, 10), IntervalWindow(5, 15)]
    check(timed | Reify.Window(), [(('k', 1), Timestamp(7), window) for window in windows])
    check(timed | Reify.WindowInValue(), [('k', (1, Timestamp(7), window)) for window in windows])
    check(timed | Reify.TimestampInValue(), [('k', TimestampedValue(1, 7))] * 2)
    check(timed | Reify.Timestamp(), [('k', 1)] * 2)


@case(flags=UNIQUE)
def batches(p: TestPipeline) -> None:
    numbers = p | Create([TimestampedValue(x, x) for x in range(30)])
    check(numbers | BatchElements(1, 4) | FlatMap(), range(30))
    check(numbers | SortAndBatchElements(1, 4, 9) | FlatMap(), range(30))
    windowed = numbers | WindowInto(FixedWindows(10))
    check(windowed | BatchElements(3, 3) | Map(lambda batch: len({x // 10 for x in batch})) | Distinct(), [1] * 3)
    check(windowed | WithKeys('k') | GroupIntoBatches(4) | Map(lambda x: (min(x[1]) // 10, len(x[1]))),
          [(window, size) for window in range(3) for size in (4, 4, 2)])


@case(flags=UNIQUE)
def batches_in_state(p: TestPipeline) -> None:
    numbers = p | Create([TimestampedValue(x, x) for x in range(30)])
    kept = numbers | WindowInto(FixedWindows(10)) | BatchElements(4, 4, max_batch_duration_secs=60)
    check(kept | FlatMap(), range(30))
    check(kept | Map(lambda batch: len({x // 10 for x in batch})) | Distinct(), [1] * 3)
    sharded = numbers | WithKeys(lambda x: x % 2) | GroupIntoBatches.WithShardedKey(4, 60)
    alike = sharded | Map(lambda x: (len(x[1]) <= 4, {one % 2 for one in x[1]} == {x[0].key}))
    check(alike | Distinct(), [(True, True)])
    check(sharded | FlatMap(lambda x: x[1]), range(30))


@case(flags=UNIQUE)
def duplicates(p: TestPipeline) -> None:
    words = p | Create([TimestampedValue(word, time) for time, word in enumerate(['a', 'b', 'a', 'c', 'b', 'a'])])
    check(words | Deduplicate(event_time_duration=100), ['a', 'b', 'c'])
    check(words | WindowInto(FixedWindows(4)) | Deduplicate(100), ['a', 'b', 'c', 'a', 'b'])
    firsts = words | WithKeys(lambda word: word == 'a') | DeduplicatePerKey(processing_time_duration=100)
    check(firsts | Map(lambda pair: pair[0]), [True, False])


@case(flags=UNIQUE)
def tee_and_wait(p: TestPipeline) -> None:
    seen: list[Any] = []
    numbers = p | Create([1, 2]) | Tee(lambda numbers: seen.append(numbers | Map(lambda x: -x)))
    check(numbers, [1, 2])
    check(seen[0], [-1, -2])
    check(numbers | WaitOn(seen[0], p | Create([])), [1, 2])


@case(flags=UNIQUE)
def fields(p: TestPipeline) -> None:
    rows = p | Create([Row(shop='x', item='a', price=2), Row(shop='x', item='b', price=5),
                       Row(shop='y', item='a', price=7)])
    check(rows | GroupBy('shop') | Map(lambda x: (x[0], sorted(row.price for row in x[1]))),
          [('x', [2, 5]), ('y', [7])])
    check(rows | GroupBy('shop', cheap=lambda row: row.price < 3) | Map(lambda x: (x[0].shop, x[0].cheap)),
          [('x', True), ('x', False), ('y', False)])
    check(rows | GroupBy('shop').aggregate_field('price', sum, 'total'), [('x', 7), ('y', 7)])
    check(rows | GroupBy('item').aggregate_field('price', min, 'least').aggregate_field('shop', len_of, 'shops'),
          [('a', 2, 2), ('b', 5, 1)])
    check(rows | Select('item', double=lambda row: row.price * 2),
          [Row(item='a', double=4), Row(item='b', double=10), Row(item='a', double=14)])


def len_of(values: Any) -> int:
    """Counts names; of counts, the sum."""
    return sum(value if isinstance(value, int) else 1 for value in values)
