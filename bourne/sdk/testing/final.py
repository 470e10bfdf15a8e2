"""What is left of a stream in the end, and that it is what a batch gives.

A pipeline may refine its results pane by pane. With ``P(k, w)`` the panes of a key and window in the order of their
indices, the final result is

    the last of P(k, w)                 if panes accumulate
    p1 + p2 + ... for all of P(k, w)    if they discard

and what has not gone through a grouping is final as it is. Where windows merge, ``w`` stands for all windows that
became one. Whatever the order of arrival, a stream of which nothing is dropped ends with the results of the batch: that
is the promise of the model, and :func:`assert_batch_equals_stream` holds a transform to it.
"""

from __future__ import annotations

import functools
import math
import operator
import os
import tempfile
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from bourne.errors import AssertionFailed, TransformError
from bourne.sdk.graph import pickling
from bourne.sdk.model.known import short
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN
from bourne.sdk.model.timestamp import DurationTypes
from bourne.sdk.model.trigger import AccumulationMode, Windowing
from bourne.sdk.model.window import BoundedWindow, IntervalWindow, TimestampedValue
from bourne.sdk.options import StandardOptions
from bourne.sdk.pcollection import PCollection
from bourne.sdk.testing.arrival import arrivals, timed
from bourne.sdk.testing.compare import describe, differences, row_namedtuple_equals_fn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.test_stream import Event, TestStream
from bourne.sdk.testing.util import ReifiedMatcher, TestWindowedValue, assert_that
from bourne.sdk.transforms.create import Create

__all__ = ['Result', 'assert_batch_equals_stream', 'assert_final', 'final_results']

#: A final result: its window, and the element.
Result = tuple[BoundedWindow, Any]
Key = Callable[[Any], Any]
Merge = Callable[[Any, Any], Any]


def assert_batch_equals_stream(transform: Any, elements: Iterable[TimestampedValue[Any]], *,
                               scripts: Iterable[Sequence[Event]] | None = None, count: int = 10, seed: int = 0,
                               lateness: DurationTypes = 0, key: Key | None = None,
                               merge: Merge = operator.add) -> None:
    """Asserts that a transform ends with the same results as a batch and as a stream, however its elements arrive.

    It runs the transform once over a bounded collection of the elements, and once for each arrival over an unbounded
    one. Numbers may differ as much as ``math.isclose`` lets them, and lists in their order: both depend on the order in
    which elements are added up.

    Args:
      transform: a transform, or a function from collection to collection. It sets its own windows.
      elements: the elements with their times.
      scripts: the arrivals: scripts of ``TestStream``, such as :func:`bourne.sdk.testing.strategies.arrivals` draws. By
        default those of :func:`bourne.sdk.testing.arrival.arrivals`, which takes ``count`` and ``seed``.
      count: how many arrivals to try.
      seed: what random ones follow from.
      lateness: how late elements may be, in seconds: at most what the transform's windows allow, for what is dropped is
        missing in the end. Sessions that were emitted and then grow leave their old results behind, so they bear none
        unless panes accumulate.
      key: what the key of an element of the output is; by default the first part of a pair.
      merge: adds up what the panes of a key and window hold, if they discard: the values of pairs, else elements.

    Raises:
      AssertionFailed: if the results differ; the message has the arrival's number and script.
      TransformError: if an element has no time.
    """
    given = timed(elements)
    expected = _run_batch(transform, given, key, merge)
    for number, script in enumerate(arrivals(given, count, seed, lateness) if scripts is None else scripts):
        with TestPipeline() as p:
            output = _apply(transform, p | 'Stream' >> TestStream(events=script))
            assert_that(output, _SameFinal(tuple(expected), _Finish.of(output, key, merge), number, tuple(script)))


def _run_batch(transform: Any, elements: list[TimestampedValue[Any]], key: Key | None, merge: Merge) -> list[Result]:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'results')
        with TestPipeline() as p:
            p.options.view_as(StandardOptions).streaming = False
            output = _apply(transform, p | 'Batch' >> Create(elements))
            assert_that(output, _Keep(path, _Finish.of(output, key, merge)))
        with open(path, 'rb') as file:
            found: list[Result] = pickling.loads(file.read())
    return found


def _apply(transform: Any, source: PCollection[Any]) -> PCollection[Any]:
    output = transform(source) if callable(transform) else source | transform
    if not isinstance(output, PCollection):
        raise TransformError(f'assert_batch_equals_stream takes a transform with one output, and {short(transform)} '
                             f'gives {output!r}: give it a function that chooses one')
    return output


def assert_final(actual: PCollection[Any], expected: Mapping[BoundedWindow, Iterable[Any]],
                 label: str = 'assert_final', key: Key | None = None, merge: Merge = operator.add) -> PCollection[Any]:
    """Checks, when the pipeline runs, what the final results of each window are, whatever panes came before.

    Args:
      actual: the collection.
      expected: the elements by window.
      label: the step's name; a number is added if it is taken.
      key: what the key of an element is; by default the first part of a pair.
      merge: adds up what the panes of a key and window hold, if they discard: the values of pairs, else elements.

    Returns:
      What :func:`~bourne.sdk.testing.util.assert_that` returns.
    """
    results = tuple((window, element) for window, elements in expected.items() for element in elements)
    return assert_that(actual, _SameFinal(results, _Finish.of(actual, key, merge)), label)


def final_results(elements: Iterable[TestWindowedValue], windowing: Windowing, key: Key | None = None,
                  merge: Merge = operator.add) -> list[Result]:
    """What is left of the panes of a collection.

    Args:
      elements: all elements with their panes, in any order.
      windowing: the collection's windowing.
      key: what the key of an element is; by default the first part of a pair.
      merge: adds up what the panes of a key and window hold, if they discard: the values of pairs, else elements.

    Raises:
      TransformError: if there are several panes for elements that are no pairs, and no ``key``.
    """
    accumulating = windowing.accumulation_mode == AccumulationMode.ACCUMULATING
    return _Finish(accumulating, windowing.windowfn.is_merging(), key, merge)(elements)


@attrs.frozen
class _Finish:
    """See :func:`final_results`."""

    accumulating: bool
    merging: bool
    key: Key | None
    merge: Merge

    @classmethod
    def of(cls, output: PCollection[Any], key: Key | None, merge: Merge) -> _Finish:
        windowing = output.windowing
        accumulating = windowing.accumulation_mode == AccumulationMode.ACCUMULATING
        return cls(accumulating, windowing.windowfn.is_merging(), key, merge)

    def __call__(self, elements: Iterable[TestWindowedValue]) -> list[Result]:
        found: list[Result] = []
        panes: dict[Hashable, list[TestWindowedValue]] = {}
        for item in elements:
            pane = item.pane_info
            if pane == PANE_INFO_UNKNOWN or (pane.index == 0 and pane.is_last and not self.merging):
                found.append((item.windows[0], item.value))
            else:
                panes.setdefault(self._key_of(item.value), []).append(item)
        for items in panes.values():
            for group in _by_window(items, self.merging):
                found += self._last(group)
        return found

    def _key_of(self, element: Any) -> Hashable:
        if self.key is not None:
            key = self.key(element)
        elif _is_pair(element):
            key = element[0]
        else:
            raise TransformError(f'{short(element)} is in one of several panes, and is no pair of a key and a value: '
                                 'the argument key says what the key of an element is')
        return key if isinstance(key, Hashable) else repr(key)

    def _last(self, group: list[TestWindowedValue]) -> list[Result]:
        """The final result of a key and window."""
        # Of windows that became one, the last to fire is the largest.
        largest = max((item.windows[0] for item in group), key=_size)
        if self.accumulating:
            panes = [item for item in group if item.windows[0] == largest]
            last = max(item.pane_info.index for item in panes)
            return [(largest, item.value) for item in panes if item.pane_info.index == last]
        values = [item.value for item in sorted(group, key=lambda item: item.pane_info.index)]
        if all(map(_is_pair, values)):
            merged = functools.reduce(self.merge, (_as_list(value) for _, value in values))
            return [(largest, (values[0][0], merged))]
        return [(largest, functools.reduce(self.merge, values))]


def _by_window(items: list[TestWindowedValue], merging: bool) -> Iterable[list[TestWindowedValue]]:
    """The elements of a key, those of each window together."""
    groups: dict[BoundedWindow, list[TestWindowedValue]] = {}
    for item in items:
        groups.setdefault(item.windows[0], []).append(item)
    if not merging or not all(isinstance(window, IntervalWindow) for window in groups):
        return groups.values()
    united: list[list[TestWindowedValue]] = []
    end = None
    for window in sorted(groups):  # type: ignore[type-var]
        if end is not None and window.start < end:
            united[-1] += groups[window]
            end = max(end, window.end)
        else:
            united.append(list(groups[window]))
            end = window.end
    return united


def _size(window: BoundedWindow) -> int:
    if isinstance(window, IntervalWindow):
        return window.end_micros - window.start_micros
    return 0


def _is_pair(element: Any) -> bool:
    return isinstance(element, tuple) and len(element) == 2


def _as_list(value: Any) -> Any:
    """The values of a group as a list, whatever kind of iterable they come as."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, tuple, Mapping, set, frozenset)):
        return list(value)
    return value


class _Keep(ReifiedMatcher):
    """Keeps the final results in a file."""

    def __init__(self, path: str, finish: _Finish) -> None:
        self.path = path
        self.finish = finish

    def __call__(self, actual: list[TestWindowedValue]) -> None:
        with open(self.path, 'wb') as file:
            file.write(pickling.dumps([(window, _plain(value)) for window, value in self.finish(actual)]))


class _SameFinal(ReifiedMatcher):
    """Compares the final results."""

    def __init__(self, expected: tuple[Result, ...], finish: _Finish, number: int | None = None,
                 script: tuple[Event, ...] = ()) -> None:
        self.expected = expected
        self.finish = finish
        self.number = number
        self.script = script

    def __call__(self, actual: list[TestWindowedValue]) -> None:
        missing, unexpected = differences(self.expected, self.finish(actual), _alike)
        if not missing and not unexpected:
            return
        problem = f'{describe(missing, unexpected)} (pairs of window and element)'
        if self.number is None:
            raise AssertionFailed(f'Failed assert: the final results are not those that were expected: {problem}')
        events = '\n'.join(f'  {event!r}' for event in self.script)
        raise AssertionFailed(f'Failed assert: by the arrival number {self.number}, the stream ends with other results '
                              f'than the batch: {problem}. The events were:\n{events}')


def _plain(value: Any) -> Any:
    """The same with lists in place of iterables that belong to the run."""
    if _is_pair(value):
        return (value[0], _as_list(value[1]))
    return value


def _alike(expected: Any, actual: Any) -> bool:
    if isinstance(expected, float) and isinstance(actual, (int, float)):
        return math.isclose(expected, actual, rel_tol=1e-9, abs_tol=1e-9) or (expected != expected and actual != actual)
    if type(expected) is tuple and type(actual) is tuple:
        return len(expected) == len(actual) and all(map(_alike, expected, actual))
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(_alike(expected[key], actual[key]) for key in expected)
    one, other = _as_list(expected), _as_list(actual)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and differences(one, other, _alike) == ([], [])
    return row_namedtuple_equals_fn(expected, actual)
