"""What the engine does not have yet is listed, all of it, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bourne.errors import UnsupportedError
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.trigger import AccumulationMode, AfterCount, Repeatedly
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.window import WindowInto

RESTRICTION, ESTIMATOR = DoFn.RestrictionParam('provider'), DoFn.WatermarkEstimatorParam('provider')


class Splittable(DoFn):
    def process(self, element: Any, restriction: Any = RESTRICTION, estimator: Any = ESTIMATOR) -> Iterator[Any]:
        yield element


def test_everything_in_one_message() -> None:
    ran: list[int] = []
    p = Pipeline()
    pairs = p | Create([('k', 1)]) | Map(lambda pair: ran.append(1) or pair)
    pairs | 'splits' >> ParDo(Splittable())
    often = pairs | WindowInto(FixedWindows(5), trigger=Repeatedly(AfterCount(1)),
                               accumulation_mode=AccumulationMode.RETRACTING)
    often | 'group' >> GroupByKey()
    with pytest.raises(UnsupportedError) as caught:
        p.run()
    title, *lines = str(caught.value).splitlines()
    assert title == 'this pipeline uses what bourne does not support yet:'
    assert len(lines) == 3
    text = '\n'.join(lines)
    assert all('test_supported.py:' in line for line in lines)
    for label, what in (('splits', 'DoFn.WatermarkEstimatorParam (splittable DoFns)'),
                        ('splits', 'DoFn.RestrictionParam (splittable DoFns)'),
                        ('group', 'the accumulation mode RETRACTING')):
        assert any(line.startswith(f'  - {label} (') and what in line for line in lines), (label, what, text)
    assert isinstance(caught.value, NotImplementedError)


def test_batched_functions() -> None:
    class Batched(DoFn):
        def process_batch(self, batch: Any) -> Iterator[Any]:
            yield batch

    p = Pipeline()
    p | Create([1]) | ParDo(Batched())
    with pytest.raises(UnsupportedError, match='process_batch'):
        p.run()


def test_a_trigger_that_nothing_groups_by_is_no_matter() -> None:
    p = Pipeline()
    p | Create([1]) | WindowInto(FixedWindows(5), trigger=Repeatedly(AfterCount(1)),
                                 accumulation_mode=AccumulationMode.DISCARDING) | Map(str)
    p.run()
