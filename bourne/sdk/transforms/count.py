"""``Count`` and ``Mean``."""

from __future__ import annotations

from typing import Any

from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn, CountCombineFn, MeanCombineFn
from bourne.sdk.model.known import Known
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.globally import CombinerWithoutDefaults, Labelled
from bourne.sdk.transforms.pardo import Map


class Count:
    """How many elements there are."""

    class Globally(CombinerWithoutDefaults):
        """The number of elements, per window."""

        def combine_fn(self) -> CombineFn:
            return CountCombineFn()

    class PerKey(Labelled):
        """From pairs ``(key, value)`` to pairs ``(key, number of values)``, per window."""

        def expand(self, pcoll: Any) -> PCollection[Any]:
            counted = one_input(self, pcoll) | CombinePerKey(CountCombineFn())
            assert isinstance(counted, PCollection)
            return counted

    class PerElement(Labelled):
        """Pairs of each distinct element and how often it occurs, per window. Elements are compared as keys are."""

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            # A known function and a known combiner: the generator writes both out as one dict update.
            counted = (source
                       | 'PairWithVoid' >> Map(Known('pair_with')).with_output_types(
                           typehints.KV[source.element_type, None])
                       | CombinePerKey(CountCombineFn()))
            assert isinstance(counted, PCollection)
            return counted


class Mean:
    """The arithmetic mean."""

    @typehints.with_output_types(float)
    class Globally(CombinerWithoutDefaults):
        """The mean of all elements, per window; NaN for an empty input."""

        def combine_fn(self) -> CombineFn:
            return MeanCombineFn()

    class PerKey(Labelled):
        """From pairs ``(key, number)`` to pairs ``(key, mean of the numbers)``, per window."""

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            averaged = source | CombinePerKey(MeanCombineFn())
            key, _ = typehints.key_value_types(source.element_type, self.full_label())
            source.pipeline.set_type(averaged, typehints.KV[key, float])
            assert isinstance(averaged, PCollection)
            return averaged
