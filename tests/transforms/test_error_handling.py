"""Error handlers: the failures of many transforms in one place."""

from __future__ import annotations

from typing import Any

import pytest

from bourne.errors import PipelineError, TransformError
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.error_handling import CollectingErrorHandler, ErrorHandler
from bourne.sdk.transforms.pardo import FlatMap, Map


def element_of(letter: Any) -> Any:
    return letter[0]


class Parse(PTransform):
    """A transform of a user's that handles errors."""

    def __init__(self) -> None:
        super().__init__()
        self.handler: ErrorHandler | None = None

    def with_error_handler(self, handler: ErrorHandler | None) -> Parse:
        self.handler = handler
        return self

    def expand(self, pcoll: PCollection[str]) -> Any:
        return (pcoll
                | Map(int).with_error_handler(self.handler)
                | Map(lambda x: 6 // x).with_error_handler(self.handler))


def test_all_failures_are_consumed() -> None:
    with TestPipeline() as p:
        lines = p | Create(['1', 'x', '0'])
        with ErrorHandler(Map(element_of)) as handler:
            parsed = lines | Parse().with_error_handler(handler)
            letters = lines | FlatMap(lambda line: [int(line, 16)]).with_error_handler(handler)
        assert_that(parsed, equal_to([6]), 'parsed')
        assert_that(letters, equal_to([1, 0]), 'letters')
        assert_that(handler.output(), equal_to(['x', 0, 'x']), 'errors')


def test_collecting() -> None:
    with TestPipeline() as p:
        with CollectingErrorHandler() as handler:
            numbers = p | Create(['1', 'x']) | Map(int).with_error_handler(handler, threshold=0.5)
        assert_that(numbers, equal_to([1]), 'numbers')
        assert_that(handler.output() | Map(element_of), equal_to(['x']), 'errors')


def test_no_handler_lets_failures_end_the_run() -> None:
    p = TestPipeline()
    p | Create(['x']) | Map(int).with_error_handler(None)
    with pytest.raises(ValueError, match='invalid literal'):
        p.run()


def test_other_outputs_are_returned_with_the_main_one() -> None:
    with TestPipeline() as p, ErrorHandler(Map(element_of)) as handler:
        outputs = p | Create(['1']) | Map(int).with_outputs('more', main='main').with_error_handler(handler)
        assert outputs.tags == ('main', 'more', 'bad')


def test_two_handlers_in_one_pipeline() -> None:
    with TestPipeline() as p:
        words = p | Create(['x'])
        handlers = []
        for number in range(2):
            with ErrorHandler(Map(element_of)) as handler:
                words | f'parse {number}' >> Map(int).with_error_handler(handler)
            handlers.append(handler)
        for number, handler in enumerate(handlers):
            assert_that(handler.output(), equal_to(['x']), f'errors {number}')


def test_a_handler_that_nobody_used() -> None:
    with ErrorHandler(Map(element_of)) as handler:
        pass
    assert handler.output() is None


def test_failures_cannot_get_lost() -> None:
    p = TestPipeline()
    words = p | Create(['x'])
    handler = ErrorHandler(Map(element_of))
    words | Map(int).with_error_handler(handler)
    with pytest.raises(PipelineError, match=r'test_error_handling.py:\d+ was never closed'):
        p.run()
    with pytest.raises(PipelineError, match='exists once it is closed'):
        handler.output()
    handler.close()
    with pytest.raises(PipelineError, match='was closed before it was given to'):
        words | 'late' >> Map(int).with_error_handler(handler)


def test_collected_failures_cannot_get_lost() -> None:
    p = TestPipeline()
    with CollectingErrorHandler() as handler:
        p | Create(['x']) | Map(int).with_error_handler(handler)
    with pytest.raises(PipelineError, match=r'nobody asked the error handler .* for its output'):
        p.run()


def test_the_consumer_is_a_transform() -> None:
    with pytest.raises(TransformError, match='takes a PTransform that consumes the failed elements, got <built-in'):
        ErrorHandler(print)  # type: ignore[arg-type]
