"""``ApproximateQuantiles``: how values are distributed, in little space."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.globally import CombinerWithoutDefaults, Labelled
from bourne.sdk.transforms.quantile_sketch import Sketch, Sketcher, size_for

#: The error, as a fraction of all weight, unless more quantiles ask for less.
DEFAULT_EPSILON = 0.01
#: For how many values the error is kept, unless said otherwise.
DEFAULT_ELEMENTS = 10 ** 9


class ApproximateQuantilesCombineFn(CombineFn):
    """The least value, values at equal distances in rank, and the greatest value: a list of ``num_quantiles``.

    The i-th of ``q`` values (from 0) is the first one, in order, with which at least ``i / (q - 1)`` of all values is
    reached, or of their weight. It is exact for the first and the last and as long as there are few values, and else
    its rank is off by at most ``epsilon`` of all values, by the algorithm of Manku, Rajagopalan and Lindsay
    (:mod:`bourne.sdk.transforms.quantile_sketch`). No chance is involved. Of no values the result is an empty list.

    Use :meth:`create`.

    Args:
      num_quantiles: how many values the result has, at least 2.
      buffer_size: ``k`` of the sketch.
      key: ranks a value, as in ``sorted``; by default the value itself.
      reverse: the order is from the greatest to the least.
      weighted: elements are pairs ``(value, weight)``, weights being numbers of at least 0.
      input_batched: elements are lists of values; with ``weighted`` pairs of a list of values and one of weights.
    """

    def __init__(self, num_quantiles: int, buffer_size: int, key: Callable[[Any], Any] | None = None,
                 reverse: bool = False, weighted: bool = False, input_batched: bool = False) -> None:
        if isinstance(num_quantiles, bool) or not isinstance(num_quantiles, int) or num_quantiles < 2:
            raise TransformError(f'ApproximateQuantiles: num_quantiles must be an int of at least 2 (the least and the '
                                 f'greatest value are two of them), got {num_quantiles!r}')
        if key is not None and not callable(key):
            raise TransformError(f'ApproximateQuantiles: key is a function of a value, got {key!r}')
        self._count = num_quantiles
        self._sketcher = Sketcher(buffer_size, key, bool(reverse), bool(weighted))
        self._weighted = bool(weighted)
        self._batched = bool(input_batched)

    @classmethod
    def create(cls, num_quantiles: int, epsilon: float | None = None, max_num_elements: float | None = None,
               key: Callable[[Any], Any] | None = None, reverse: bool = False, weighted: bool = False,
               input_batched: bool = False) -> ApproximateQuantilesCombineFn:
        """The function with a given error.

        Args:
          num_quantiles: how many values the result has, at least 2.
          epsilon: the error of a rank, as a fraction of all values or weight; by default the less of 0.01 and
            ``1 / num_quantiles``. An accumulator holds all values up to some ``20 / epsilon`` of them, and
            at most ``170 / epsilon`` of a billion.
          max_num_elements: for how many values the error is kept; by default a billion. For each factor of 4 more
            it grows by a tenth or so.
          key: ranks a value, as in ``sorted``; by default the value itself.
          reverse: the order is from the greatest to the least.
          weighted: elements are pairs ``(value, weight)``, weights being numbers of at least 0.
          input_batched: elements are lists of values; with ``weighted`` pairs of a list of values and one of weights.

        Raises:
          TransformError: if a number is out of range.
        """
        elements = DEFAULT_ELEMENTS if max_num_elements is None else max_num_elements
        if epsilon is None:
            valid = isinstance(num_quantiles, int) and num_quantiles > 0
            epsilon = min(DEFAULT_EPSILON, 1 / num_quantiles) if valid else DEFAULT_EPSILON
        if not 0 < epsilon < 1:
            raise TransformError(f'ApproximateQuantiles: epsilon must be between 0 and 1, got {epsilon!r}')
        if not elements >= 1:
            raise TransformError(f'ApproximateQuantiles: max_num_elements must be at least 1, got {max_num_elements!r}')
        return cls(num_quantiles, size_for(epsilon, elements), key, reverse, weighted, input_batched)

    def display_data(self) -> dict[str, Any]:
        return {'num_quantiles': self._count, 'buffer_size': self._sketcher.k, 'reverse': self._sketcher.reverse,
                'weighted': self._weighted, 'input_batched': self._batched}

    def create_accumulator(self, *args: Any, **kwargs: Any) -> Sketch:
        return Sketch()

    def add_input(self, mutable_accumulator: Sketch, element: Any, *args: Any, **kwargs: Any) -> Sketch:
        values = mutable_accumulator.values
        if self._weighted:
            added, weights = _weighted(element, self._batched)
            values += added
            mutable_accumulator.weights += weights
        elif self._batched:
            values += element
        else:
            values.append(element)
        if len(values) >= self._sketcher.limit:
            self._sketcher.settle(mutable_accumulator)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Sketch], *args: Any, **kwargs: Any) -> Sketch:
        return self._sketcher.merge(accumulators)

    def extract_output(self, accumulator: Sketch, *args: Any, **kwargs: Any) -> list[Any]:
        return self._sketcher.quantiles(accumulator, self._count)


def _weighted(element: Any, batched: bool) -> tuple[list[Any], list[Any]]:
    """The values and weights of an element.

    Raises:
      TransformError: if it does not have both, or a weight is not a number of at least 0.
    """
    what = 'a list of values and one of their weights' if batched else 'a value and its weight'
    try:
        values, weights = element
        values, weights = (list(values), list(weights)) if batched else ([values], [weights])
        fits = len(values) == len(weights) and all(weight >= 0 for weight in weights)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise TransformError(f'ApproximateQuantiles with weighted=True takes pairs of {what}, which is a number of at '
                             f'least 0; got {element!r}')
    return values, weights


def _type_of_values(element_type: Any, weighted: bool, batched: bool, label: str) -> Any:
    if weighted:
        element_type = typehints.key_value_types(element_type, label)[0]
    return typehints.element_of(element_type) if batched else element_type


class ApproximateQuantiles:
    """Values at equal distances in rank (quartiles, percentiles), with a known error.

    What the values are, and how far off they may be, is said by :class:`ApproximateQuantilesCombineFn`::

        range(101), num_quantiles=5                                     gives   [0, 25, 50, 75, 100]
        [('a', 1), ('b', 8), ('c', 1)], num_quantiles=3, weighted=True  gives   ['a', 'b', 'c']
    """

    class Globally(CombinerWithoutDefaults):
        """The quantiles of all elements, as one list, per window; an empty list for an empty input.

        Args:
          num_quantiles: how many values the list has, at least 2.
          key: ranks a value, as in ``sorted``; by default the value itself.
          reverse: the order is from the greatest to the least.
          weighted: elements are pairs ``(value, weight)``.
          input_batched: elements are lists of values; with ``weighted`` pairs of a list of values and one of weights.
          has_defaults: give an empty list for an empty input.
        """

        def __init__(self, num_quantiles: int, key: Callable[[Any], Any] | None = None, reverse: bool = False,
                     weighted: bool = False, input_batched: bool = False, has_defaults: bool = True) -> None:
            super().__init__(has_defaults)
            self._fn = ApproximateQuantilesCombineFn.create(
                num_quantiles, key=key, reverse=reverse, weighted=weighted, input_batched=input_batched)
            self._form = (weighted, input_batched)

        def display_data(self) -> dict[str, Any]:
            return self._fn.display_data()

        def combine_fn(self) -> CombineFn:
            return self._fn

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            value = _type_of_values(source.element_type, *self._form, self.full_label())
            made = super().expand(source)
            source.pipeline.set_type(made, typehints.generic(list, (value,)))
            return made

    class PerKey(Labelled):
        """From pairs ``(key, element)`` to pairs of a key and the quantiles of its elements, per window.

        Args:
          num_quantiles: how many values each list has, at least 2.
          key: ranks a value, as in ``sorted``; by default the value itself.
          reverse: the order is from the greatest to the least.
          weighted: elements are pairs ``(value, weight)``.
          input_batched: elements are lists of values; with ``weighted`` pairs of a list of values and one of weights.
        """

        def __init__(self, num_quantiles: int, key: Callable[[Any], Any] | None = None, reverse: bool = False,
                     weighted: bool = False, input_batched: bool = False) -> None:
            super().__init__()
            self._fn = ApproximateQuantilesCombineFn.create(
                num_quantiles, key=key, reverse=reverse, weighted=weighted, input_batched=input_batched)
            self._form = (weighted, input_batched)

        def display_data(self) -> dict[str, Any]:
            return self._fn.display_data()

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            key, element = typehints.key_value_types(source.element_type, self.full_label())
            made = source | CombinePerKey(self._fn)
            value = _type_of_values(element, *self._form, self.full_label())
            source.pipeline.set_type(made, typehints.KV[key, typehints.generic(list, (value,))])
            assert isinstance(made, PCollection)
            return made
