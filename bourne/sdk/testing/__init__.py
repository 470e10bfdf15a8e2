"""What tests of pipelines need: a pipeline for tests, and matchers for what its collections hold."""

from bourne.sdk.testing.final import assert_batch_equals_stream, assert_final
from bourne.sdk.testing.memory import MemorySource, MemoryStream
from bourne.sdk.testing.panes import Pane, early, equal_to_panes, late, on_time
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
    'MemorySource', 'MemoryStream', 'Pane', 'TestPipeline', 'TestStream', 'assert_batch_equals_stream', 'assert_final',
    'assert_that', 'contains_in_any_order', 'early', 'equal_to', 'equal_to_panes', 'equal_to_per_window', 'is_empty',
    'is_not_empty', 'late', 'matches_all', 'on_time',
]
