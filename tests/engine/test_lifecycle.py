"""The order in which user functions start, and what they may share with the outside."""

from __future__ import annotations

from collections.abc import Iterator

from bourne.sdk.model.dofn import DoFn
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map, ParDo


class Opening(DoFn):
    """Says something at the start of each bundle."""

    def start_bundle(self) -> list[int]:
        return [0]

    def process(self, element: int) -> Iterator[int]:
        yield element


class Adding(DoFn):
    """Needs what its start_bundle makes."""

    def start_bundle(self) -> None:
        self.more = 100

    def process(self, element: int) -> Iterator[int]:
        yield element + self.more


def test_outputs_of_start_bundle_find_the_next_one_started() -> None:
    with TestPipeline() as p:
        assert_that(p | Create([1]) | ParDo(Opening()) | ParDo(Adding()), equal_to([100, 101]))


def test_methods_of_builtin_objects_change_nothing_outside() -> None:
    seen: list[int] = []
    with Pipeline() as p:
        p | Create([1, 2]) | Map(seen.append)
    assert seen == []
