"""``Latest``: the element with the greatest timestamp."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import unpack_pair
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.globally import CombinerWithoutDefaults, Labelled
from bourne.sdk.transforms.pardo import Map

T = TypeVar('T')


@typehints.with_input_types(typehints.Tuple[T, typehints.Any])
@typehints.with_output_types(T)
class LatestCombineFn(CombineFn):
    """From pairs ``(value, timestamp)`` to the value with the greatest timestamp; ``None`` if there is none.

    Timestamps are anything that can be compared with each other. Of values with the same timestamp the one that
    comes last is taken, which between accumulators is any of them.
    """

    def create_accumulator(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return ()

    def add_input(self, mutable_accumulator: tuple[Any, ...], element: Any,
                  *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        if mutable_accumulator and element[1] < mutable_accumulator[1]:
            return mutable_accumulator
        return element  # type: ignore[no-any-return]

    def merge_accumulators(self, accumulators: Iterable[tuple[Any, ...]],
                           *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return self.add_inputs((), filter(None, accumulators))  # type: ignore[no-any-return]

    def extract_output(self, accumulator: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
        return accumulator[0] if accumulator else None


def _timed(element: Any, timestamp: Any = DoFn.TimestampParam) -> tuple[Any, int]:
    return element, timestamp.micros


def _timed_value(element: Any, timestamp: Any = DoFn.TimestampParam) -> tuple[Any, tuple[Any, int]]:
    key, value = unpack_pair(element)
    return key, (value, timestamp.micros)


class Latest:
    """What came last in event time."""

    class Globally(CombinerWithoutDefaults):
        """The element with the greatest timestamp, per window; ``None`` for an empty input."""

        def combine_fn(self) -> CombineFn:
            return LatestCombineFn()

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            timed = source | 'AddTimestamp' >> Map(_timed).with_output_types(
                typehints.Tuple[source.element_type, int])
            return super().expand(timed)

    class PerKey(Labelled):
        """From pairs to one pair of each key and its value with the greatest timestamp, per window."""

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            key, value = typehints.key_value_types(source.element_type, self.full_label())
            latest = (source
                      | 'AddTimestamp' >> Map(_timed_value).with_output_types(
                          typehints.KV[key, typehints.Tuple[value, int]])
                      | CombinePerKey(LatestCombineFn()))
            assert isinstance(latest, PCollection)
            return latest
