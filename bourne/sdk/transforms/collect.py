"""``ToList``, ``ToSet`` and ``ToDict``: all elements as one value. They must fit into memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.transforms.globally import CombinerWithoutDefaults

T = TypeVar('T')
K = TypeVar('K')
V = TypeVar('V')


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(list, (T,)))
class ToListCombineFn(CombineFn):
    """A list of the values, in no particular order."""

    bourne_reduction = 'list'

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        mutable_accumulator.append(element)
        return mutable_accumulator

    def add_inputs(self, mutable_accumulator: list[Any], elements: Iterable[Any],
                   *args: Any, **kwargs: Any) -> list[Any]:
        mutable_accumulator.extend(elements)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
        merged: list[Any] = []
        for accumulator in accumulators:
            merged.extend(accumulator)
        return merged

    def extract_output(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        return accumulator


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(set, (T,)))
class ToSetCombineFn(CombineFn):
    """A set of the values, which must be hashable."""

    bourne_reduction = 'set'

    def create_accumulator(self, *args: Any, **kwargs: Any) -> set[Any]:
        return set()

    def add_input(self, mutable_accumulator: set[Any], element: Any, *args: Any, **kwargs: Any) -> set[Any]:
        mutable_accumulator.add(element)
        return mutable_accumulator

    def add_inputs(self, mutable_accumulator: set[Any], elements: Iterable[Any],
                   *args: Any, **kwargs: Any) -> set[Any]:
        mutable_accumulator.update(elements)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[set[Any]], *args: Any, **kwargs: Any) -> set[Any]:
        return set().union(*accumulators)

    def extract_output(self, accumulator: set[Any], *args: Any, **kwargs: Any) -> set[Any]:
        return accumulator


@typehints.with_input_types(typehints.KV[K, V])
@typehints.with_output_types(typehints.generic(dict, (K, V)))
class ToDictCombineFn(CombineFn):
    """A dict of pairs. Of several values of a key, one stays; which one is not defined."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return {}

    def add_input(self, mutable_accumulator: dict[Any, Any], element: Any,
                  *args: Any, **kwargs: Any) -> dict[Any, Any]:
        key, value = element
        mutable_accumulator[key] = value
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[dict[Any, Any]],
                           *args: Any, **kwargs: Any) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        for accumulator in accumulators:
            merged.update(accumulator)
        return merged

    def extract_output(self, accumulator: dict[Any, Any], *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return accumulator


class ToList(CombinerWithoutDefaults):
    """All elements in one list, in no particular order, per window; an empty one for an empty input."""

    def combine_fn(self) -> CombineFn:
        return ToListCombineFn()


class ToSet(CombinerWithoutDefaults):
    """All elements, which must be hashable, in one set, per window; an empty one for an empty input."""

    def combine_fn(self) -> CombineFn:
        return ToSetCombineFn()


class ToDict(CombinerWithoutDefaults):
    """All pairs in one dict, per window; an empty one for an empty input.

    Of several values of a key, one stays; which one is not defined.
    """

    def combine_fn(self) -> CombineFn:
        return ToDictCombineFn()
