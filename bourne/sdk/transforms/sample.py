"""``Sample``: some of the elements, picked by chance or not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from operator import itemgetter
from typing import Any as AnyValue
from typing import TypeVar

from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.known import Known
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.globally import CombinerWithoutDefaults, Labelled
from bourne.sdk.transforms.pardo import FlatMap
from bourne.sdk.transforms.top import Leaders, TopCombineFn, require_count

T = TypeVar('T')


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(list, (T,)))
class SampleCombineFn(CombineFn):
    """``n`` of the values, each subset of that size being equally likely; all of them if there are no more.

    Every value draws a number from [0, 1), and those with the greatest numbers stay (the method of Efraimidis and
    Spirakis, "Weighted random sampling with a reservoir", 2006, with equal weights). Numbers are drawn
    independently, so a sample of a union is found in the samples of its parts, however accumulators are merged.
    The order of the result is random, too.

    Args:
      n: the size of the sample.

    Raises:
      TransformError: if ``n`` is not a number of elements.
    """

    def __init__(self, n: int) -> None:
        self._n = require_count(n, type(self).__name__)
        self._top = TopCombineFn(n, key=itemgetter(0))

    def display_data(self) -> dict[str, AnyValue]:
        return {'n': self._n}

    def create_accumulator(self, *args: AnyValue, **kwargs: AnyValue) -> Leaders:
        return Leaders()

    def add_input(self, mutable_accumulator: Leaders, element: AnyValue,
                  *args: AnyValue, **kwargs: AnyValue) -> Leaders:
        # The module's generator: forked processes reseed it, so that no two of them draw the same numbers.
        draw = random.random()
        if mutable_accumulator.bound and draw <= mutable_accumulator.bound[0]:
            return mutable_accumulator
        return self._top.add_input(mutable_accumulator, (draw, element))

    def merge_accumulators(self, accumulators: Iterable[Leaders], *args: AnyValue, **kwargs: AnyValue) -> Leaders:
        return self._top.merge_accumulators(accumulators)

    def compact(self, accumulator: Leaders, *args: AnyValue, **kwargs: AnyValue) -> Leaders:
        return self._top.compact(accumulator)

    def extract_output(self, accumulator: Leaders, *args: AnyValue, **kwargs: AnyValue) -> list[AnyValue]:
        return [value for _, value in self._top.extract_output(accumulator)]


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(list, (T,)))
class _AnyCombineFn(CombineFn):
    """The first ``n`` values that come along."""

    def __init__(self, n: int) -> None:
        self._n = n

    def create_accumulator(self, *args: AnyValue, **kwargs: AnyValue) -> list[AnyValue]:
        return []

    def add_input(self, mutable_accumulator: list[AnyValue], element: AnyValue,
                  *args: AnyValue, **kwargs: AnyValue) -> list[AnyValue]:
        if len(mutable_accumulator) < self._n:
            mutable_accumulator.append(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[list[AnyValue]],
                           *args: AnyValue, **kwargs: AnyValue) -> list[AnyValue]:
        merged: list[AnyValue] = []
        for accumulator in accumulators:
            merged += accumulator[:self._n - len(merged)]
        return merged

    def extract_output(self, accumulator: list[AnyValue], *args: AnyValue, **kwargs: AnyValue) -> list[AnyValue]:
        return accumulator


class Sample:
    """Some of the elements."""

    class FixedSizeGlobally(CombinerWithoutDefaults):
        """A list of ``n`` elements picked uniformly at random without replacement, per window.

        Args:
          n: the size of the sample; all elements if there are no more.
          has_defaults: give an empty list for an empty input.
        """

        def __init__(self, n: int, has_defaults: bool = True) -> None:
            super().__init__(has_defaults)
            self._fn = SampleCombineFn(n)
            self._n = n

        def default_label(self) -> str:
            return f'Sample.FixedSizeGlobally({self._n})'

        def display_data(self) -> dict[str, AnyValue]:
            return {'n': self._n}

        def combine_fn(self) -> CombineFn:
            return self._fn

    class FixedSizePerKey(Labelled):
        """From pairs ``(key, value)`` to pairs of a key and ``n`` of its values, picked uniformly at random without
        replacement, per window.

        Args:
          n: the size of each sample; all values of a key if there are no more.
        """

        def __init__(self, n: int) -> None:
            super().__init__()
            self._fn = SampleCombineFn(n)
            self._n = n

        def default_label(self) -> str:
            return f'Sample.FixedSizePerKey({self._n})'

        def display_data(self) -> dict[str, AnyValue]:
            return {'n': self._n}

        def expand(self, pcoll: AnyValue) -> PCollection[AnyValue]:
            sampled = one_input(self, pcoll) | CombinePerKey(self._fn)
            assert isinstance(sampled, PCollection)
            return sampled

    class Any(Labelled):
        """Up to ``n`` of the elements, as elements; whichever come first, not by chance.

        Args:
          n: how many at most, per window.
        """

        def __init__(self, n: int) -> None:
            super().__init__()
            self._n = require_count(n, 'Sample.Any')

        def default_label(self) -> str:
            return f'Sample.Any({self._n})'

        def display_data(self) -> dict[str, AnyValue]:
            return {'n': self._n}

        def expand(self, pcoll: AnyValue) -> PCollection[AnyValue]:
            source = one_input(self, pcoll)
            picked = (source
                      | CombineGlobally(_AnyCombineFn(self._n)).without_defaults()
                      | 'Elements' >> FlatMap(Known('identity')).with_output_types(source.element_type))
            assert isinstance(picked, PCollection)
            return picked
