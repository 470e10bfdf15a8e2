"""What tests of pipelines need: a pipeline for tests, and matchers for what its collections hold."""

from bourne.sdk.testing.memory import MemorySource, MemoryStream
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.test_stream import TestStream
from bourne.sdk.testing.util import (
    assert_that,
    contains_in_any_order,
    equal_to,
    equal_to_per_window,
    is_empty,
    is_not_empty,
    matches_all,
)

__all__ = [
    'MemorySource', 'MemoryStream', 'TestPipeline', 'TestStream', 'assert_that', 'contains_in_any_order', 'equal_to',
    'equal_to_per_window', 'is_empty', 'is_not_empty', 'matches_all',
]
