"""The combining transforms: Count, Mean, Top, Sample, ToList and its like, Latest, tuples, approximations."""

from __future__ import annotations

from typing import Any

from bourne.sdk.model.window import FixedWindows, Sessions, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, is_empty
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.combiners import (
    Count,
    CountCombineFn,
    Latest,
    Mean,
    MeanCombineFn,
    Sample,
    SingleInputTupleCombineFn,
    ToDict,
    ToList,
    Top,
    ToSet,
    TupleCombineFn,
)
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.stats import ApproximateQuantiles, ApproximateUnique
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check

#: The same transform may be applied more than once.
UNIQUE = ('--auto_unique_labels',)
PAIRS = [('a', 1), ('b', 2), ('a', 3), ('b', 4), ('a', 5)]
TIMED = [TimestampedValue((key, time), time) for key, time in PAIRS] + [TimestampedValue(('a', 12), 12)]


@case(flags=UNIQUE)
def counts_and_means(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | Count.Globally(), [5])
    check(pairs | Count.PerKey(), [('a', 3), ('b', 2)])
    check(pairs | Map(lambda pair: pair[0]) | Count.PerElement(), [('a', 3), ('b', 2)])
    check(pairs | Mean.PerKey(), [('a', 3.0), ('b', 3.0)])
    check(pairs | Map(lambda pair: pair[1]) | Mean.Globally(), [3.0])


@case(flags=UNIQUE)
def tops(p: TestPipeline) -> None:
    numbers = p | Create(range(200))
    check(numbers | Top.Of(3), [[199, 198, 197]])
    check(numbers | Top.Of(3, key=lambda x: -x), [[0, 1, 2]])
    check(numbers | Top.Smallest(2), [[0, 1]])
    check(numbers | Map(lambda x: (x % 2, x)) | Top.PerKey(2, reverse=True), [(0, [0, 2]), (1, [1, 3])])


@case(flags=UNIQUE)
def samples(p: TestPipeline) -> None:
    numbers = p | Create(range(50))
    check(numbers | Sample.FixedSizeGlobally(7) | Map(lambda x: len(set(x) & set(range(50)))), [7])
    check(numbers | Sample.Any(7) | Count.Globally(), [7])
    check(numbers | Map(lambda x: (x % 2, x)) | Sample.FixedSizePerKey(30) | Map(lambda x: (x[0], sorted(x[1]))),
          [(0, list(range(0, 50, 2))), (1, list(range(1, 50, 2)))])


@case(flags=UNIQUE)
def collections(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | ToList() | Map(sorted), [sorted(PAIRS)])
    check(pairs | ToSet(), [set(PAIRS)])
    check(pairs | ToDict() | Map(sorted), [['a', 'b']])


@case(flags=UNIQUE)
def combiners_of_nothing(p: TestPipeline) -> None:
    nothing = p | Create([])
    for transform, expected in ((Count.Globally(), 0), (Top.Of(3), []), (Sample.FixedSizeGlobally(2), []),
                                (ToList(), []), (ToSet(), set()), (ToDict(), {}), (Latest.Globally(), None),
                                (ApproximateUnique.Globally(size=16), 0), (ApproximateQuantiles.Globally(3), [])):
        check(nothing | transform, [expected])
        assert_that(nothing | transform.without_defaults(), is_empty(), 'nothing')


@case(flags=UNIQUE)
def latest(p: TestPipeline) -> None:
    timed = p | Create(TIMED)
    check(timed | Latest.Globally(), [('a', 12)])
    check(timed | Latest.PerKey(), [('a', 12), ('b', 4)])


@case(flags=UNIQUE)
def combiners_in_windows(p: TestPipeline) -> None:
    timed = p | Create(TIMED)
    fixed = timed | WindowInto(FixedWindows(10))
    check(fixed | Count.Globally().without_defaults(), [5, 1])
    check(fixed | Count.PerKey(), [('a', 3), ('a', 1), ('b', 2)])
    check(fixed | Top.PerKey(1), [('a', [5]), ('a', [12]), ('b', [4])])
    check(fixed | Latest.PerKey(), [('a', 5), ('a', 12), ('b', 4)])
    sessions = timed | WindowInto(Sessions(3))
    check(sessions | Count.PerKey(), [('a', 3), ('a', 1), ('b', 2)])
    check(sessions | ApproximateUnique.PerKey(size=16), [('a', 3), ('a', 1), ('b', 2)])


@case(flags=UNIQUE)
def several_combinations_at_once(p: TestPipeline) -> None:
    pairs = p | Create(PAIRS)
    check(pairs | CombinePerKey(SingleInputTupleCombineFn(sum, max, MeanCombineFn())), [('a', (9, 5, 3.0)),
                                                                                     ('b', (6, 4, 3.0))])
    check(pairs | CombineGlobally(TupleCombineFn(CountCombineFn(), sum)), [(5, 15)])
    check(pairs | CombineGlobally(TupleCombineFn(CountCombineFn(), max).with_common_input()), [(5, ('b', 4))])


@case(flags=UNIQUE)
def approximations_of_few_are_exact(p: TestPipeline) -> None:
    numbers = p | Create([x % 101 for x in range(202)])
    check(numbers | ApproximateUnique.Globally(size=200), [101])
    check(numbers | ApproximateQuantiles.Globally(5), [[0, 25, 50, 75, 100]])
    weighted: Any = numbers | Map(lambda x: (x % 2, (x, x < 10)))
    check(weighted | ApproximateQuantiles.PerKey(3, weighted=True), [(0, [0, 4, 100]), (1, [1, 5, 99])])
