"""Combining in two parts, so that a test of a few elements merges accumulators as a run over many does."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import attrs

from bourne.errors import TransformError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Combine, Transform
from bourne.sdk.model.combinefn import CallableCombineFn, CombineFn, reduction_name

#: One or two accumulators of the function that is tested; none before the first value.
Parts = list[Any]


class InTwoParts(CombineFn):
    """A ``CombineFn`` that gives what another one gives, by way of at least one merge if there are two values.

    The first value has an accumulator of its own, and all others share one.

    Args:
      fn: the other one.
    """

    def __init__(self, fn: CombineFn) -> None:
        self.fn = fn

    def setup(self, *args: Any, **kwargs: Any) -> None:
        self.fn.setup(*args, **kwargs)

    def create_accumulator(self, *args: Any, **kwargs: Any) -> Parts:
        return []

    def add_input(self, mutable_accumulator: Parts, element: Any, *args: Any, **kwargs: Any) -> Parts:
        if len(mutable_accumulator) < 2:
            mutable_accumulator.append(self.fn.create_accumulator())
        mutable_accumulator[-1] = self.fn.add_input(mutable_accumulator[-1], element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Parts], *args: Any, **kwargs: Any) -> Parts:
        return self._as_one(chain.from_iterable(accumulators))

    def compact(self, accumulator: Parts, *args: Any, **kwargs: Any) -> Parts:
        return [self.fn.compact(part) for part in self._as_one(accumulator)]

    def extract_output(self, accumulator: Parts, *args: Any, **kwargs: Any) -> Any:
        parts = self._as_one(accumulator)
        return self.fn.extract_output(parts[0]) if parts else self.fn.apply(())

    def apply(self, elements: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        if type(self.fn).apply is not CombineFn.apply:
            return self.fn.apply(elements)
        return super().apply(elements)

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        self.fn.teardown(*args, **kwargs)

    def default_label(self) -> str:
        return self.fn.default_label()

    def _as_one(self, accumulators: Iterable[Any]) -> Parts:
        """The accumulators merged into one, if there are any."""
        parts = list(accumulators)
        if len(parts) < 2:
            return parts
        merged = self.fn.merge_accumulators(parts)
        if merged is None and any(part is not None for part in parts):
            raise TransformError(f'{self.fn.default_label()}.merge_accumulators returned None for {len(parts)} '
                                 f'accumulators: it must return one that holds the values of all of them')
        return [merged]


def merging(graph: Graph) -> Graph:
    """The same graph, in which functions that may be wrong combine in two parts."""
    return attrs.evolve(graph, transforms=tuple(map(_merging, graph.transforms)))


def _merging(transform: Transform) -> Transform:
    payload = transform.payload
    if not isinstance(payload, Combine) or type(payload.fn) is CallableCombineFn or reduction_name(payload.fn):
        return transform
    return attrs.evolve(transform, payload=attrs.evolve(payload, fn=InTwoParts(payload.fn)))
