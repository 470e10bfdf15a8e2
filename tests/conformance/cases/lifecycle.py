"""DoFns: setup, start and end of bundles, process, teardown, and what they may emit in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bourne.errors import ExecutionError
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.timestamp import MIN_TIMESTAMP, Timestamp
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    FixedWindows,
    GlobalWindows,
    IntervalWindow,
    TimestampedValue,
    WindowedValue,
)
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, equal_to_per_window
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import FlatMap, Map, ParDo
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check, check_distinct


class Records(DoFn):
    """Emits, at the end of each bundle, what was called on it so far."""

    def __init__(self) -> None:
        self.log = ['init']

    def setup(self) -> None:
        self.log.append('setup')

    def start_bundle(self) -> None:
        self.log.append('start')

    def process(self, element: Any) -> None:
        self.log.append('process')

    def finish_bundle(self) -> Iterator[Any]:
        yield WindowedValue(tuple(self.log), MIN_TIMESTAMP, [GLOBAL_WINDOW])


@case
def methods_are_called_in_order(p: TestPipeline) -> None:
    def in_order(logs: list[tuple[str, ...]]) -> None:
        assert logs
        for log in logs:
            assert log[:2] == ('init', 'setup')
            words = ' '.join(log[2:])
            for bundle in words.split('start')[1:]:
                assert not bundle.strip() or set(bundle.split()) == {'process'}, words

    assert_that(p | Create(range(7)) | ParDo(Records()), in_order)


@case
def every_element_is_in_one_bundle(p: TestPipeline) -> None:
    class Counts(DoFn):
        def start_bundle(self) -> None:
            self.count = 0

        def process(self, element: int) -> None:
            self.count += 1

        def finish_bundle(self) -> list[int]:
            return [self.count]

    check(p | Create(range(10)) | ParDo(Counts()) | CombineGlobally(sum), [10])


@case
def each_transform_has_a_dofn_of_its_own(p: TestPipeline) -> None:
    class Numbers(DoFn):
        def __init__(self) -> None:
            self.seen = 0

        def process(self, element: int) -> Iterator[int]:
            self.seen += 1
            yield element

    shared = Numbers()
    numbers = p | Create([1, 2])
    check(numbers | 'a' >> ParDo(shared), [1, 2])
    check(numbers | 'b' >> ParDo(shared), [1, 2])
    assert shared.seen == 0


@case
def process_may_return_anything_iterable_or_nothing(p: TestPipeline) -> None:
    class Returns(DoFn):
        def process(self, element: int) -> Any:
            return [None, [1], (2,), iter([3]), {4: 0}.keys()][element]

    check(p | Create(range(5)) | ParDo(Returns()), [1, 2, 3, 4])


@case
def arguments_of_process(p: TestPipeline) -> None:
    class Adds(DoFn):
        def process(self, element: int, a: int, b: int = 2, *more: int, c: int = 3) -> Iterable[Any]:
            return [(element, a, b, more, c)]

    numbers = p | Create([0])
    check(numbers | 'one' >> ParDo(Adds(), 1), [(0, 1, 2, (), 3)])
    check(numbers | 'all' >> ParDo(Adds(), 1, 5, 6, 7, c=8), [(0, 1, 5, (6, 7), 8)])


@case
def outputs_of_the_end_of_a_bundle(p: TestPipeline) -> None:
    class Buffers(DoFn):
        def start_bundle(self) -> None:
            self.buffer: list[int] = []

        def process(self, element: int) -> None:
            self.buffer.append(element)

        def finish_bundle(self) -> Iterator[Any]:
            for element in self.buffer:
                yield WindowedValue(element * 10, Timestamp(element), [GLOBAL_WINDOW])

    made = p | Create([1, 2, 3]) | ParDo(Buffers())
    assert_that(made, equal_to([TestWindowedValue(n * 10, Timestamp(n), [GLOBAL_WINDOW]) for n in (1, 2, 3)]),
                reify_windows=True)


@case
def windowed_outputs_of_the_end_of_a_bundle(p: TestPipeline) -> None:
    class Buffers(DoFn):
        def start_bundle(self) -> None:
            self.buffer: list[Any] = []

        def process(self, element: str, window: Any = DoFn.WindowParam) -> None:
            self.buffer.append((element, window))

        def finish_bundle(self) -> Iterator[Any]:
            for element, window in self.buffer:
                yield WindowedValue(element, window.max_timestamp(), [window])

    timed = [TimestampedValue('a', 1), TimestampedValue('b', 11), TimestampedValue('c', 12)]
    made = p | Create(timed) | WindowInto(FixedWindows(10)) | ParDo(Buffers())
    check(made | CombineGlobally(lambda values: ''.join(sorted(values))).without_defaults(), ['a', 'bc'])
    assert_that(made, equal_to_per_window({IntervalWindow(0, 10): ['a'], IntervalWindow(10, 20): ['b', 'c']}))


@case
def outputs_of_the_end_of_a_bundle_go_on_and_may_be_tagged(p: TestPipeline) -> None:
    class Ends(DoFn):
        def process(self, element: int) -> Iterator[int]:
            yield element

        def finish_bundle(self) -> Iterator[Any]:
            yield TaggedOutput('end', WindowedValue('end', MIN_TIMESTAMP, [GLOBAL_WINDOW]))
            yield WindowedValue(-1, MIN_TIMESTAMP, [GLOBAL_WINDOW])

    main, end = p | Create([1, 2]) | ParDo(Ends()).with_outputs('end', main='main')
    check_distinct(main | Map(lambda x: x * 10), [10, 20, -10])
    check_distinct(end | FlatMap(lambda x: [x]), ['end'])


@case(raises=ExecutionError, match='have no element to take a window from')
def the_end_of_a_bundle_must_say_the_window(p: TestPipeline) -> None:
    class Ends(DoFn):
        def process(self, element: int) -> None:
            pass

        def finish_bundle(self) -> list[str]:
            return ['no window']

    p | Create([1]) | WindowInto(FixedWindows(10)) | ParDo(Ends())


@case
def plain_outputs_of_the_end_of_a_bundle_in_the_global_window(p: TestPipeline) -> None:
    class Ends(DoFn):
        def process(self, element: int) -> None:
            pass

        def finish_bundle(self) -> list[Any]:
            return ['plain', TimestampedValue('timed', 5)]

    made = p | Create([1]) | WindowInto(GlobalWindows()) | ParDo(Ends())
    assert_that(made, equal_to([TestWindowedValue('plain', MIN_TIMESTAMP, [GLOBAL_WINDOW]),
                                TestWindowedValue('timed', Timestamp(5), [GLOBAL_WINDOW])]), reify_windows=True)


@case
def dofns_after_each_other_in_one_stage(p: TestPipeline) -> None:
    class Lasts(DoFn):
        """Emits a mark at the end of each bundle, after what it passed on."""

        def __init__(self, mark: int) -> None:
            self.mark = mark

        def process(self, element: int) -> Iterator[int]:
            yield element

        def finish_bundle(self) -> list[Any]:
            return [self.mark]

    made = p | Create([1, 2, 3]) | 'a' >> ParDo(Lasts(100)) | 'b' >> ParDo(Lasts(200))
    check_distinct(made | Map(lambda x: x), [1, 2, 3, 100, 200])


@case
def the_last_transform_gets_what_the_end_of_a_bundle_before_it_emits(p: TestPipeline) -> None:
    class Ends(DoFn):
        def process(self, element: int) -> None:
            pass

        def finish_bundle(self) -> list[int]:
            return [1]

    class Sums(DoFn):
        def start_bundle(self) -> None:
            self.total = 0

        def process(self, element: int) -> None:
            self.total += element

        def finish_bundle(self) -> list[int]:
            return [self.total]

    made = p | Create([1, 2, 3]) | ParDo(Ends()) | ParDo(Sums())
    assert_that(made, lambda sums: None if sum(sums) >= 1 else 1 / 0)


@case(raises=RuntimeError, match='no setup today')
def a_failing_setup_ends_the_run(p: TestPipeline) -> None:
    class Fails(DoFn):
        def setup(self) -> None:
            raise RuntimeError('no setup today')

        def process(self, element: int) -> None:
            pass

    p | Create([1]) | ParDo(Fails())


@case(raises=RuntimeError, match='no end today')
def a_failing_end_of_a_bundle_ends_the_run(p: TestPipeline) -> None:
    class Fails(DoFn):
        def process(self, element: int) -> None:
            pass

        def finish_bundle(self) -> None:
            raise RuntimeError('no end today')

    p | Create([1]) | ParDo(Fails())
