"""Dead letters: what fails, what it is told of, and when the run ends all the same."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from bourne.errors import ExceptionThresholdError, TransformError, UnsupportedError
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.window import FixedWindows, GlobalWindows, IntervalWindow, Sessions, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to, equal_to_per_window, is_empty
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.deadletter import DeadLetter
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple, ParDo
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto


def invert(x: int) -> float:
    return 1 / x


def test_failed_elements_are_an_output() -> None:
    with TestPipeline() as p:
        good, bad = p | Create([1, 0, 2]) | Map(invert).with_exception_handling()
        assert_that(good, equal_to([1, 0.5]), 'good')
        assert_that(bad | Map(lambda x: (x[0], x[1][0], x[1][1])),
                    equal_to([(0, ZeroDivisionError, "ZeroDivisionError('division by zero')")]), 'bad')
        assert_that(bad | 'trace' >> Map(lambda x: ('in invert' in ''.join(x[1][2]), x[1][2][-1])),
                    equal_to([(True, 'ZeroDivisionError: division by zero\n')]), 'traceback')


class Halves(DoFn):
    """Emits two halves, and fails for what is odd after the first."""

    def process(self, element: int) -> Iterator[int]:  # type: ignore[override]
        yield element // 2
        if element % 2:
            raise ValueError(f'{element} is odd')
        yield element // 2


@pytest.mark.parametrize(('transform', 'good', 'bad'), [
    (Map(lambda x: 6 // x), [6, 3, 2], [0]),
    (FlatMap(lambda x: [x, 6 // x]), [1, 6, 2, 3, 3, 2], [0]),
    (FlatMap(lambda x: (6 // y for y in (1, x))), [6, 6, 6, 3, 6, 2], [0]),
    (Filter(lambda x: 6 // x > 2), [1, 2], [0]),
    (ParDo(Halves()), [0, 0, 1, 1], [1, 3]),
    (Map(lambda x, y: y // x, 6), [6, 3, 2], [0]),
], ids=['map', 'flat map', 'generator', 'filter', 'dofn', 'argument'])
def test_every_kind_of_function(transform: ParDo, good: list[int], bad: list[int]) -> None:
    with TestPipeline() as p:
        outputs = p | Create([0, 1, 2, 3]) | transform.with_exception_handling()
        assert_that(outputs.good, equal_to(good), 'good')
        assert_that(outputs.bad | 'element' >> Map(lambda x: x[0]), equal_to(bad), 'bad')


def test_parts_of_tuples_and_side_inputs() -> None:
    with TestPipeline() as p:
        six = p | 'six' >> Create([6])
        pairs = p | Create([(1, 2), (3, 0)])
        outputs = pairs | MapTuple(lambda a, b, c: a * c // b, AsSingleton(six)).with_exception_handling()
        assert_that(outputs['good'], equal_to([3]), 'good')
        assert_that(outputs['bad'] | Map(lambda x: x[0]), equal_to([(3, 0)]), 'bad')


def test_partial_outputs_are_kept_on_request() -> None:
    with TestPipeline() as p:
        good, bad = p | Create([2, 3]) | ParDo(Halves()).with_exception_handling(partial=True)
        assert_that(good, equal_to([1, 1, 1]), 'good')
        assert_that(bad | Map(lambda x: x[0]), equal_to([3]), 'bad')


def test_other_exceptions_end_the_run() -> None:
    p = TestPipeline()
    p | Create([0]) | Map(invert).with_exception_handling(exc_class=(KeyError, ValueError))
    with pytest.raises(ZeroDivisionError) as error:
        p.run()
    assert 'Map(invert)' in error.value.__notes__[0]


def test_times_and_windows_are_kept() -> None:
    with TestPipeline() as p:
        timed = p | Create([TimestampedValue(x, x) for x in (0, 1, 11)]) | WindowInto(FixedWindows(10))
        good, bad = timed | Map(lambda x: 11 // (x - 11) or x).with_exception_handling()
        assert_that(bad | Map(lambda x, time=DoFn.TimestampParam: (x[0], float(time))),
                    equal_to_per_window({IntervalWindow(10, 20): [(11, 11.0)]}), 'bad')
        assert_that(good, equal_to_per_window({IntervalWindow(0, 10): [-1, -2]}), 'good')


def tag_by_sign(x: int) -> Iterable[Any]:
    if x == 0:
        raise ValueError('no sign')
    return [x] if x > 0 else [TaggedOutput('negative', x)]


@pytest.mark.parametrize('before', [True, False])
def test_tagged_outputs(before: bool) -> None:
    with TestPipeline() as p:
        transform: Any = FlatMap(tag_by_sign)
        if before:
            transform = transform.with_outputs('negative', main='positive').with_exception_handling()
        else:
            transform = transform.with_exception_handling().with_outputs('negative', main='positive')
        outputs = p | Create([1, -2, 0]) | transform
        assert outputs.tags == ('positive', 'negative', 'bad')
        assert_that(outputs.positive, equal_to([1]), 'positive')
        assert_that(outputs.negative, equal_to([-2]), 'negative')
        assert_that(outputs.bad | Map(lambda x: x[0]), equal_to([0]), 'bad')


def test_the_outputs_can_be_named() -> None:
    with TestPipeline() as p:
        outputs = p | Create([0, 1]) | Map(invert).with_exception_handling('parsed', 'failed')
        assert_that(outputs.parsed, equal_to([1]))
        assert outputs.tags == ('parsed', 'failed')
        with pytest.raises(AttributeError, match="no output is tagged 'bad'; declared: 'parsed', 'failed'"):
            _ = outputs.bad


def test_nobody_need_read_the_failed_elements() -> None:
    with TestPipeline() as p:
        good, _ = p | Create([0, 1]) | Map(invert).with_exception_handling()
        assert_that(good, equal_to([1]))


CALLS: list[tuple[str, int]] = []


def note(error: Exception, element: int) -> None:
    CALLS.append((type(error).__name__, element))


def test_the_callback_sees_failures() -> None:
    CALLS.clear()
    with TestPipeline() as p:
        p | Create([0, 1]) | Map(invert).with_exception_handling(on_failure_callback=note)
    assert CALLS == [('ZeroDivisionError', 0)]


def test_a_failing_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, 'bourne'), TestPipeline() as p:
        good, _ = p | Create([0, 1]) | Map(invert).with_exception_handling(on_failure_callback=lambda error, x: x / 0)
        assert_that(good, equal_to([1]))
    assert 'on_failure_callback failed for the element 0' in caplog.text


def test_a_threshold_is_a_share_of_all_elements() -> None:
    with TestPipeline() as p:
        good, _ = p | Create([0, 1, 2, 3]) | Map(invert).with_exception_handling(threshold=0.25)
        none, _ = p | 'none' >> Create([]) | 'empty' >> Map(invert).with_exception_handling(threshold=0)
        assert_that(good | Map(round), equal_to([1, 0, 0]), 'good')
        assert_that(none, is_empty(), 'none')


def test_above_the_threshold_the_run_ends() -> None:
    p = TestPipeline()
    p | Create([0, 1, 0, 3]) | Map(invert).with_exception_handling(threshold=0.25)
    with pytest.raises(ExceptionThresholdError) as error:
        p.run()
    message = str(error.value)
    assert '2 of 4 elements failed in the window GlobalWindow: a share of 0.5' in message
    assert "threshold=0.25 is allowed. One of them with ZeroDivisionError('division by zero')" in message


@pytest.mark.parametrize(('windowing', 'threshold_windowing', 'fails'), [
    (GlobalWindows(), None, False),
    (FixedWindows(10), None, True),
    (GlobalWindows(), FixedWindows(10), True),
    (FixedWindows(10), GlobalWindows(), False),
    (Sessions(5), None, True),
    (Sessions(30), None, False),
])
def test_the_threshold_holds_for_every_window(windowing: Any, threshold_windowing: Any, fails: bool) -> None:
    p = TestPipeline()
    timed = p | Create([TimestampedValue(x, x) for x in (1, 2, 3, 4, 11, 12)]) | WindowInto(windowing)
    timed | Map(lambda x: invert(x - 11)).with_exception_handling(
        threshold=0.4, threshold_windowing=threshold_windowing)
    if not fails:
        p.run()
        return
    with pytest.raises(ExceptionThresholdError, match='1 of 2 elements failed in the window'):
        p.run()


def test_types() -> None:
    p = TestPipeline()
    good, bad = p | Create([1]) | Map(invert).with_exception_handling()
    assert good.element_type is float
    assert bad.element_type == tuple[int, tuple[type, str, list[str]]]
    assert bad.element_type == DeadLetter[int]  # type: ignore[misc]


@pytest.mark.parametrize(('options', 'message'), [
    ({'exc_class': ValueError('x')}, "exc_class must be an exception class or a tuple of them, got ValueError('x')"),
    ({'exc_class': (ValueError, int)}, "got <class 'int'>"),
    ({'threshold': 1.5}, 'threshold is a share of elements from 0 to 1, got 1.5'),
    ({'main_tag': 'x', 'dead_letter_tag': 'x'}, "two outputs are tagged 'x'; choose another dead_letter_tag"),
    ({'dead_letter_tag': ''}, 'main_tag and dead_letter_tag are non-empty strings'),
    ({'on_failure_callback': 3}, 'on_failure_callback must take an exception and an element, got 3'),
])
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as error:
        Map(invert).with_exception_handling(**options)
    assert 'Map(invert).with_exception_handling' in str(error.value)
    assert message in str(error.value)


def test_a_tag_of_the_function_cannot_be_that_of_failures() -> None:
    with pytest.raises(TransformError, match="two outputs are tagged 'bad'"):
        FlatMap(tag_by_sign).with_outputs('bad').with_exception_handling()


@pytest.mark.parametrize('options', [{'use_subprocess': True}, {'timeout': 3}])
def test_what_is_not_supported(options: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as error:
        Map(invert).with_exception_handling(**options)
    assert f'{next(iter(options))} is not supported' in str(error.value)
