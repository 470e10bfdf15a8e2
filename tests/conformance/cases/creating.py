"""Where elements come from: Create, Impulse, Read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bourne.sdk.model.source import BoundedReader, Reader, Source
from bourne.sdk.model.timestamp import MIN_TIMESTAMP, Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import TestWindowedValue, assert_that, equal_to, is_empty
from bourne.sdk.transforms.combine import CombineGlobally
from bourne.sdk.transforms.create import Create, Impulse
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.read import Read
from tests.conformance.case import case, check


@case
def a_list(p: TestPipeline) -> None:
    check(p | Create([3, 1, 2, 1]), [1, 1, 2, 3])


@case
def nothing(p: TestPipeline) -> None:
    assert_that(p | Create([]) | Map(str), is_empty())


@case
def the_items_of_a_dict(p: TestPipeline) -> None:
    check(p | Create({'a': 1, 'b': 2}), [('a', 1), ('b', 2)])


@case
def a_set_a_range_and_a_generator(p: TestPipeline) -> None:
    check(p | 'set' >> Create({1, 2}), [1, 2])
    check(p | 'range' >> Create(range(3)), [0, 1, 2])
    check(p | 'generator' >> Create(x * x for x in range(3)), [0, 1, 4])


@case
def values_of_any_kind(p: TestPipeline) -> None:
    values = [None, True, 1.5, 'ä', b'\x00', [1], {'k': [2]}, {3}, ('t',), Ellipsis, frozenset({4})]
    check(p | Create(values), values)


@case
def more_than_one_split_holds(p: TestPipeline) -> None:
    check(p | Create(range(5000)) | CombineGlobally(sum), [sum(range(5000))])


@case
def elements_are_in_the_global_window_at_the_beginning_of_time(p: TestPipeline) -> None:
    assert_that(p | Create(['x']), equal_to([TestWindowedValue('x', MIN_TIMESTAMP, [GLOBAL_WINDOW])]),
                reify_windows=True)


@case
def timestamped_values_have_their_times(p: TestPipeline) -> None:
    values = [TimestampedValue('x', 5), TimestampedValue('y', Timestamp(7.5)), TimestampedValue('z', -1)]
    assert_that(p | Create(values), equal_to([
        TestWindowedValue('x', Timestamp(5), [GLOBAL_WINDOW]),
        TestWindowedValue('y', Timestamp(7.5), [GLOBAL_WINDOW]),
        TestWindowedValue('z', Timestamp(-1), [GLOBAL_WINDOW])]), reify_windows=True)


@case
def impulse_is_one_empty_byte_string(p: TestPipeline) -> None:
    check(p | Impulse(), [b''])


class Halves(Source[int]):
    """Counts up, in two splits and one that is empty; half of the elements have times of their own."""

    def __init__(self, count: int) -> None:
        self.count = count

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        half = self.count // 2
        return [(0, half), (half, half), (half, self.count)]

    def open(self, split: tuple[int, int], position: Any = None) -> Reader[int]:
        numbers = range(*split)
        return BoundedReader(numbers, [number * 1_000_000 for number in numbers], position or 0)


@case
def a_source_with_several_splits(p: TestPipeline) -> None:
    assert_that(p | Read(Halves(5)), equal_to([
        TestWindowedValue(number, Timestamp(number), [GLOBAL_WINDOW]) for number in range(5)]), reify_windows=True)


class Fails(Source[int]):
    """Reads two elements, and fails."""

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: Any = None) -> Reader[int]:
        return _Failing()


class _Failing(BoundedReader[int]):
    def __init__(self) -> None:
        super().__init__([1, 2])

    def poll(self, *args: Any, **kwargs: Any) -> Any:
        found = super().poll(*args, **kwargs)
        if found is None:
            raise OSError('the disk is gone')
        return found


@case(raises=OSError, match='the disk is gone')
def a_source_that_fails(p: TestPipeline) -> None:
    p | Read(Fails()) | Map(str)


@case
def create_in_a_composite_needs_no_input(p: TestPipeline) -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    check(p | Create(numbers()) | Map(lambda x: x + 1), [2, 3])
