"""``assert_that`` and the matchers for it: what a collection holds, checked where the pipeline runs."""

from __future__ import annotations

import glob
import io
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, NamedTuple

import attrs

from bourne.errors import AssertionFailed, PipelineError, TransformError
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import short
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN, PaneInfo
from bourne.sdk.model.portable import portable
from bourne.sdk.model.trigger import DEFAULT_WINDOWING
from bourne.sdk.model.window import GLOBAL_WINDOW, BoundedWindow, GlobalWindows
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input, ptransform_fn
from bourne.sdk.testing.compare import BRIEF, describe, differences, row_namedtuple_equals_fn, show
from bourne.sdk.transforms.create import Impulse
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.sideinput import AsList
from bourne.sdk.transforms.window import WindowInto

__all__ = [
    'assert_that', 'equal_to', 'equal_to_approx', 'equal_to_per_window', 'is_empty', 'is_not_empty', 'matches_all',
    'contains_in_any_order', 'has_at_least_one', 'open_shards', 'row_namedtuple_equals_fn', 'AssertThat',
    'BeamAssertException', 'SortLists', 'TestWindowedValue',
]

#: Beam's name for what a matcher raises.
BeamAssertException = AssertionFailed

Matcher = Callable[[Any], Any]


class ReifiedMatcher:
    """The base of matchers that are always called with ``TestWindowedValue`` objects, those of all windows at once."""


class TestWindowedValue(NamedTuple):
    """An element with its time, window and pane, as matchers get it with ``reify_windows=True``.

    Attributes:
      value: the element.
      timestamp: its event time, a ``Timestamp``.
      windows: a list of its window; an element in several windows comes once for each.
      pane_info: its pane.
    """

    # Not a test, whatever pytest thinks of the name.
    __test__ = False  # type: ignore[misc]

    value: Any
    timestamp: Any
    windows: list[Any]
    pane_info: PaneInfo = PANE_INFO_UNKNOWN

    def __repr__(self) -> str:
        pane = '' if self.pane_info == PANE_INFO_UNKNOWN else f', {self.pane_info!r}'
        return f'TestWindowedValue({self.value!r}, {self.timestamp!r}, {self.windows!r}{pane})'


def assert_that(actual: PCollection[Any], matcher: Matcher, label: str = 'assert_that', reify_windows: bool = False,
                use_global_window: bool = True) -> PCollection[Any]:
    """Checks, when the pipeline runs, that a collection is as it should be. The collection must fit into memory.

    The matcher is always called, with an empty list if the collection is empty. In a stream it is called when the
    stream ends, with the elements of all panes.

    Args:
      actual: the collection.
      matcher: takes the list of all elements, in no particular order, and raises if they are not as they should be:
        ``equal_to([...])`` and its like, or any function with asserts.
      label: the step's name; a number is added if it is taken.
      reify_windows: elements come as :class:`TestWindowedValue`.
      use_global_window: if False, the matcher is called for each window with ``(elements, window)``, and with
        ``([], GlobalWindow())`` if there is no element at all.

    Returns:
      A collection of what the matcher returned, for a step that has to wait for the check.

    Raises:
      TransformError: if ``actual`` is not a collection or ``matcher`` not a function.
      PipelineError: if the pipeline has run already, so that nothing would be checked.
    """
    if not isinstance(actual, PCollection):
        raise TransformError(f'assert_that takes a PCollection, got {short(actual)} ({type(actual).__name__})')
    if not callable(matcher):
        raise TransformError(f'assert_that takes a matcher such as equal_to([...]), got {short(matcher)}')
    pipeline = actual.pipeline
    if pipeline.result is not None:
        raise PipelineError('assert_that was applied to a pipeline that has run already, so that nothing would be '
                            'checked; apply it inside of the "with" block, or before run()')
    if isinstance(matcher, ReifiedMatcher):
        reify_windows, use_global_window = True, True
    if not use_global_window and (isinstance(matcher, _EqualTo) or matcher is _check_not_empty):
        raise TransformError('assert_that: with use_global_window=False the matcher gets a tuple (elements, window) '
                             'for each window, and this one wants the elements alone; use equal_to_per_window, or a '
                             'function of such a tuple')
    step = _Assert(matcher, reify_windows, use_global_window)
    made = pipeline.apply(step, actual, pipeline.free_label(label))
    assert isinstance(made, PCollection)
    return made


@ptransform_fn
def AssertThat(pcoll: PCollection[Any], *args: Any, **kwargs: Any) -> PCollection[Any]:
    """:func:`assert_that` as a transform: ``pcoll | AssertThat(equal_to([1]))``."""
    return assert_that(pcoll, *args, **kwargs)


class _Assert(PTransform):
    """One element, and the whole collection as its side input: the matcher runs even if there is nothing."""

    def __init__(self, matcher: Matcher, reify: bool, whole: bool) -> None:
        super().__init__()
        self.matcher = matcher
        self.reify = reify
        self.whole = whole

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        if not self.whole:
            source = source | 'Reify' >> Map(_reify_in_window if self.reify else _with_window)
        elif self.reify:
            source = source | 'Reify' >> Map(_reify)
        if source.windowing != DEFAULT_WINDOWING:
            source = source | 'Globally' >> WindowInto(GlobalWindows())
        check = _match if self.whole else _match_each_window
        made = source.pipeline | 'Once' >> Impulse() | 'Match' >> Map(check, self.matcher, AsList(source))
        assert isinstance(made, PCollection)
        return made


def _reify(element: Any, timestamp: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam,
           pane: Any = DoFn.PaneInfoParam) -> TestWindowedValue:
    return TestWindowedValue(element, timestamp, [window], pane)


def _with_window(element: Any, window: Any = DoFn.WindowParam) -> tuple[Any, BoundedWindow]:
    return element, window


def _reify_in_window(element: Any, timestamp: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam,
                     pane: Any = DoFn.PaneInfoParam) -> tuple[TestWindowedValue, BoundedWindow]:
    return TestWindowedValue(element, timestamp, [window], pane), window


def _match(impulse: bytes, matcher: Matcher, elements: list[Any]) -> Any:
    return matcher(elements)


def _match_each_window(impulse: bytes, matcher: Matcher, elements: list[Any]) -> None:
    by_window: dict[BoundedWindow, list[Any]] = {}
    for element, window in elements:
        by_window.setdefault(window, []).append(element)
    for window in sorted(by_window, key=lambda one: one.max_timestamp()):
        matcher((by_window[window], window))
    if not by_window:
        matcher(([], GLOBAL_WINDOW))


@portable
@attrs.frozen
class _EqualTo:
    """See :func:`equal_to`."""

    expected: tuple[Any, ...]
    equals_fn: Callable[[Any, Any], Any] | None = None

    def __call__(self, actual: Iterable[Any]) -> None:
        elements = list(actual)
        missing, unexpected = differences(self.expected, elements, self.equals_fn)
        if missing or unexpected:
            raise AssertionFailed(f'Failed assert: {show(self.expected, BRIEF)} == {show(elements, BRIEF)}, '
                                  f'{describe(missing, unexpected)}')


def equal_to(expected: Iterable[Any], equals_fn: Callable[[Any, Any], Any] | None = None) -> Matcher:
    """Matches exactly these elements, in any order. Only the order of the elements is free, not that inside of them.

    Args:
      expected: the elements.
      equals_fn: takes an expected and an actual element and says whether they are the same. By default ``==`` does,
        and a row is the same as a named tuple with equal fields.
    """
    return _EqualTo(tuple(expected), equals_fn)


class _Approximately:
    """Compares numbers with a tolerance, also inside of lists and tuples."""

    def __init__(self, rel_tol: float, abs_tol: float) -> None:
        self.rel_tol = rel_tol
        self.abs_tol = abs_tol

    def __call__(self, expected: Any, actual: Any) -> bool:
        if isinstance(expected, numbers.Real) and isinstance(actual, numbers.Real):
            return math.isclose(expected, actual, rel_tol=self.rel_tol, abs_tol=self.abs_tol)
        if isinstance(expected, (list, tuple)) and type(expected) is type(actual) and len(expected) == len(actual):
            return all(map(self, expected, actual))
        return bool(expected == actual)


def equal_to_approx(expected: Iterable[Any], rel_tol: float = 1e-9, abs_tol: float = 0.0) -> Matcher:
    """Matches these elements, in any order, with numbers as close as ``math.isclose`` wants them.

    Args:
      expected: the elements; numbers inside of their lists and tuples are compared in the same way.
      rel_tol: the greatest difference in relation to the larger number.
      abs_tol: the greatest difference.
    """
    return equal_to(expected, _Approximately(rel_tol, abs_tol))


class _EqualPerWindow(ReifiedMatcher):
    """See :func:`equal_to_per_window`."""

    def __init__(self, expected: Mapping[Any, list[Any]]) -> None:
        self.expected = expected

    def __call__(self, actual: Iterable[Any]) -> None:
        by_window: dict[Any, list[Any]] = {}
        for item in actual:
            if not isinstance(item, TestWindowedValue):
                raise AssertionFailed(f'Failed assert: {short(item)} does not say what window it is in; '
                                      f'use assert_that(..., reify_windows=True)')
            for window in item.windows:
                by_window.setdefault(window, []).append(item.value)
        problems = []
        for window in [*self.expected, *(window for window in by_window if window not in self.expected)]:
            missing, unexpected = differences(list(self.expected.get(window, ())), by_window.get(window, []))
            if missing or unexpected:
                problems.append(f'in window {window!r}: {describe(missing, unexpected)}')
        if problems:
            windows = show(self.expected)
            raise AssertionFailed(f'Failed assert: expected elements in the windows {windows}, but '
                                  + '; '.join(problems))


def equal_to_per_window(expected_window_to_elements: Mapping[BoundedWindow, Iterable[Any]]) -> Matcher:
    """Matches exactly these elements in exactly these windows, in any order within a window.

    Args:
      expected_window_to_elements: the elements by window.
    """
    return _EqualPerWindow({window: list(elements) for window, elements in expected_window_to_elements.items()})


def is_empty() -> Matcher:
    """Matches an empty collection."""
    return _EqualTo(())


def _check_not_empty(actual: Iterable[Any]) -> None:
    if not list(actual):
        raise AssertionFailed('Failed assert: the collection is empty')


def is_not_empty() -> Matcher:
    """Matches a collection that has any element."""
    return _check_not_empty


def _matches(expected: Any, actual: Any) -> bool:
    matches = getattr(expected, 'matches', None)
    return bool(matches(actual)) if callable(matches) else row_namedtuple_equals_fn(expected, actual)


def matches_all(expected: Iterable[Any]) -> Matcher:
    """Matches if each element fits one of ``expected`` and the other way round, one to one, in any order.

    Args:
      expected: elements, and matchers of single elements: objects with a method ``matches(element)``, such as
        those of hamcrest.
    """
    return equal_to(expected, _matches)


class _InAnyOrder:
    """See :func:`contains_in_any_order`."""

    def __init__(self, elements: Iterable[Any]) -> None:
        self.elements = list(elements)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _InAnyOrder):
            other = other.elements
        if not isinstance(other, Iterable):
            return NotImplemented
        return differences(self.elements, list(other)) == ([], [])

    def __hash__(self) -> int:
        return len(self.elements)

    def __repr__(self) -> str:
        return f'contains_in_any_order({show(self.elements)})'


def contains_in_any_order(iterable: Iterable[Any]) -> Any:
    """An object that equals every iterable of the same elements, however ordered: for use inside of ``equal_to``.

    ``equal_to([('key', contains_in_any_order([1, 2]))])`` matches what a ``GroupByKey`` makes.
    """
    return _InAnyOrder(iterable)


class _AtLeastOne:
    """See :func:`has_at_least_one`."""

    def __init__(self, criterion: Callable[[Any, Any, Any, Any], Any]) -> None:
        self.criterion = criterion

    def __call__(self, actual: Iterable[TestWindowedValue]) -> None:
        elements = list(actual)
        if not any(self.criterion(item.value, item.timestamp, item.windows[0], item.pane_info) for item in elements):
            raise AssertionFailed(f'Failed assert: nothing matches the criterion, neither of {show(elements)}')


def has_at_least_one(input: PCollection[Any], criterion: Callable[[Any, Any, Any, Any], Any],
                     label: str = 'has_at_least_one') -> None:
    """Checks, when the pipeline runs, that some element meets a criterion.

    Args:
      input: the collection.
      criterion: takes an element, its timestamp, its window and its pane, and says whether they will do.
      label: the step's name; a number is added if it is taken.
    """
    assert_that(input, _AtLeastOne(criterion), label, reify_windows=True)


def open_shards(glob_pattern: str, mode: str = 'rt', encoding: str | None = 'utf-8') -> IO[Any]:
    """The contents of all local files that match a pattern, one after the other, as one open file.

    Args:
      glob_pattern: the pattern; files come in the order of their names.
      mode: ``rt`` for text, ``rb`` for bytes.
      encoding: how text is encoded.
    """
    content = io.BytesIO()
    for name in sorted(glob.glob(glob_pattern)):
        with open(name, 'rb') as shard:
            content.write(shard.read())
    content.seek(0)
    return content if 'b' in mode else io.TextIOWrapper(content, encoding=encoding)


def _sort_lists(result: Any) -> Any:
    if isinstance(result, (str, bytes)):
        return result
    if isinstance(result, tuple):
        return tuple(map(_sort_lists, result))
    if isinstance(result, dict):
        return {key: _sort_lists(value) for key, value in result.items()}
    return sorted(result) if isinstance(result, Iterable) else result


#: Sorts the lists in elements, also inside of tuples and dicts, so that grouped values can be compared.
SortLists = Map(_sort_lists)
