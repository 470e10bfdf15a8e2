"""Comparison of two collections without an order, each element against one of the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bourne.sdk.model.known import short
from bourne.sdk.model.row import Row

#: How many characters of a list of differences a message shows, and of a whole collection.
DETAILED = 1000
BRIEF = 300
#: How many elements it shows at most.
SHOWN = 10


def row_namedtuple_equals_fn(expected: Any, actual: Any,
                             fallback_equals_fn: Callable[[Any, Any], Any] | None = None) -> bool:
    """Equality that takes rows and named tuples as the same if they have equal fields, in any order.

    Args:
      expected: an element.
      actual: the element it is compared with.
      fallback_equals_fn: compares all other elements; by default ``==``.
    """
    if not (_has_fields(expected) and _has_fields(actual)):
        return bool((fallback_equals_fn or _equal)(expected, actual))
    wanted, got = expected._asdict(), actual._asdict()
    return wanted.keys() == got.keys() and all(row_namedtuple_equals_fn(wanted[name], got[name]) for name in wanted)


def differences(expected: Sequence[Any], actual: Sequence[Any],
                equals_fn: Callable[[Any, Any], Any] | None = None) -> tuple[list[Any], list[Any]]:
    """What is on one side only.

    The two are alike if their elements can be put into pairs that are equal, one from each side. The verdict depends
    on no order, even where equality is approximate and thus not transitive.

    Args:
      expected: the elements that should be there.
      actual: the elements that are there.
      equals_fn: compares an expected element with an actual one; by default :func:`row_namedtuple_equals_fn`.

    Returns:
      The expected elements that are missing, and the actual ones that nobody expected.
    """
    if equals_fn is not None:
        return _Matching(list(expected), list(actual), equals_fn).left()
    missing, unexpected = _cancel(expected, actual)
    if all(_told_by_hash(element) for element in (*missing, *unexpected)):
        return missing, unexpected
    return _Matching(missing, unexpected, _equal_unless_told_by_hash).left()


def _cancel(expected: Sequence[Any], actual: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """What is left of both after equal hashable elements were taken away."""
    waiting: dict[Any, list[int]] = {}
    unhashable: list[int] = []
    for number, element in enumerate(expected):
        if _hashable(element):
            waiting.setdefault(element, []).append(number)
        else:
            unhashable.append(number)
    unexpected = []
    for element in actual:
        numbers = waiting.get(element) if _hashable(element) else None
        if numbers:
            numbers.pop()
        else:
            unexpected.append(element)
    left = sorted([*unhashable, *(number for numbers in waiting.values() for number in numbers)])
    return [expected[number] for number in left], unexpected


class _Matching:
    """Puts as many elements as possible into equal pairs: a maximum bipartite matching by augmenting paths.

    Berge, "Two theorems in graph theory" (PNAS 1957): a matching is maximum if no augmenting path is left.
    """

    def __init__(self, expected: list[Any], actual: list[Any], equal: Callable[[Any, Any], Any]) -> None:
        self.expected = expected
        self.actual = actual
        self.equal = equal
        self.actual_of: dict[int, int] = {}
        self.expected_of: dict[int, int] = {}
        self._edges: dict[int, list[int]] = {}

    def left(self) -> tuple[list[Any], list[Any]]:
        """The elements of both sides that find no partner."""
        missing = [element for number, element in enumerate(self.expected) if not self._place(number)]
        return missing, [element for number, element in enumerate(self.actual) if number not in self.expected_of]

    def _place(self, start: int) -> bool:
        """Finds a partner for one more expected element, if need be by giving others a new one."""
        came_from: dict[int, int] = {}
        waiting = [start]
        for number in waiting:
            for other in self._edges_of(number):
                if other in came_from:
                    continue
                came_from[other] = number
                if other not in self.expected_of:
                    self._turn_over(other, came_from)
                    return True
                waiting.append(self.expected_of[other])
        return False

    def _turn_over(self, free: int, came_from: dict[int, int]) -> None:
        other: int | None = free
        while other is not None:
            number = came_from[other]
            former = self.actual_of.get(number)
            self.actual_of[number], self.expected_of[other] = other, number
            other = former

    def _edges_of(self, number: int) -> list[int]:
        if number not in self._edges:
            self._edges[number] = [other for other, element in enumerate(self.actual)
                                   if self.equal(self.expected[number], element)]
        return self._edges[number]


def _equal(expected: Any, actual: Any) -> Any:
    return expected == actual


def _equal_unless_told_by_hash(expected: Any, actual: Any) -> bool:
    return not (_told_by_hash(expected) and _told_by_hash(actual)) and row_namedtuple_equals_fn(expected, actual)


def _told_by_hash(element: Any) -> bool:
    """True if it would have met an element that equals it by its hash, and not only counts as equal."""
    return _hashable(element) and not _has_fields(element)


def _hashable(element: Any) -> bool:
    try:
        hash(element)
    except TypeError:
        return False
    return True


def _has_fields(element: Any) -> bool:
    return isinstance(element, Row) or (isinstance(element, tuple) and hasattr(element, '_asdict'))


def show(elements: Iterable[Any], limit: int = DETAILED) -> str:
    """A list as text for a message, bounded in elements and characters.

    Args:
      elements: the elements.
      limit: how many characters it may have, about.
    """
    items = list(elements)
    text = ', '.join(short(item) for item in items[:SHOWN])
    if len(text) > limit:
        text = f'{text[:limit]}...'
    return f'[{text}]' if len(items) <= SHOWN else f'[{text}, ... ({len(items)} elements)]'


def describe(missing: Sequence[Any], unexpected: Sequence[Any]) -> str:
    """The differences in words; names the types where the representations do not tell."""
    parts = []
    if unexpected:
        parts.append(f'unexpected elements {show(unexpected)}')
    if missing:
        parts.append(f'missing elements {show(missing)}')
    if missing and unexpected and short(missing[0]) == short(unexpected[0]):
        parts.append(f'which look alike but are not equal (a {_type(missing[0])} was expected, '
                     f'and a {_type(unexpected[0])} came)')
    return ', '.join(parts)


def _type(element: Any) -> str:
    return f'{type(element).__module__}.{type(element).__qualname__}'
