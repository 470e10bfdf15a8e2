"""``Top``: the greatest or least elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.globally import CombinerWithoutDefaults, Labelled

T = TypeVar('T')
#: An accumulator holds up to so many elements more than twice those that are wanted.
SLACK = 8


def require_count(n: Any, what: str) -> int:
    """``n`` if it is a number of elements to keep.

    Raises:
      TransformError: if it is not an integer, or negative.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise TransformError(f'{what}: n is the number of elements to keep, an int of at least 0; got {n!r}')
    return n


class Leaders:
    """The best elements so far.

    Attributes:
      kept: the best ``n`` are among these.
      bound: ``(rank,)``, and an element must rank better to be among the best; ``()`` as long as any may be.
    """

    __slots__ = ('bound', 'kept')

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.bound: tuple[Any, ...] = ()


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(list, (T,)))
class TopCombineFn(CombineFn):
    """The ``n`` greatest values, greatest first.

    Values are collected until there are twice as many as needed, then sorted and cut: O(log n) a value that stays,
    one comparison for one that does not. Nothing is wrapped: values are compared with ``<`` as they are, or as
    ``key`` ranks them. Which of several that rank the same are kept is not defined.

    Args:
      n: how many.
      key: ranks a value, as in ``sorted``; by default the value itself.
      reverse: the least ones instead, least first.

    Attributes:
      key: see above.
      reverse: see above.
      capacity: how many values an accumulator holds before it is cut.

    Raises:
      TransformError: if ``n`` is not a number of elements.
    """

    bourne_reduction = 'top'

    def __init__(self, n: int, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        self._n = require_count(n, type(self).__name__)
        if key is not None and not callable(key):
            raise TransformError(f'{type(self).__name__}: key is a function of a value, got {key!r}')
        self.key = key
        self.reverse = bool(reverse)
        self.capacity = 2 * n + SLACK

    def default_label(self) -> str:
        return f'{type(self).__name__}({self._n})'

    def display_data(self) -> dict[str, Any]:
        return {'n': self._n, 'reverse': self.reverse}

    def create_accumulator(self, *args: Any, **kwargs: Any) -> Leaders:
        return Leaders()

    def add_input(self, mutable_accumulator: Leaders, element: Any, *args: Any, **kwargs: Any) -> Leaders:
        bound = mutable_accumulator.bound
        if bound:
            rank = element if self.key is None else self.key(element)
            if not (rank < bound[0] if self.reverse else bound[0] < rank):
                return mutable_accumulator
        kept = mutable_accumulator.kept
        kept.append(element)
        if len(kept) >= self.capacity:
            self.cut(mutable_accumulator)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Leaders], *args: Any, **kwargs: Any) -> Leaders:
        merged = Leaders()
        for accumulator in accumulators:
            merged.kept += accumulator.kept
            if len(merged.kept) >= self.capacity:
                self.cut(merged)
        return merged

    def compact(self, accumulator: Leaders, *args: Any, **kwargs: Any) -> Leaders:
        if len(accumulator.kept) > self._n:
            self.cut(accumulator)
        accumulator.bound = ()  # found again when needed; what a key function returns may not be made to travel
        return accumulator

    def extract_output(self, accumulator: Leaders, *args: Any, **kwargs: Any) -> list[Any]:
        self.cut(accumulator)
        return accumulator.kept

    def cut(self, leaders: Leaders) -> None:
        """Leaves the best ``n``, in order."""
        kept, n = leaders.kept, self._n
        kept.sort(key=self.key, reverse=not self.reverse)
        del kept[n:]
        if n and len(kept) == n:
            last = kept[-1]
            leaders.bound = (last if self.key is None else self.key(last),)


class Largest(TopCombineFn):
    """The ``n`` greatest values, greatest first."""

    bourne_reduction = 'top'

    def __init__(self, n: int, key: Callable[[Any], Any] | None = None) -> None:
        super().__init__(n, key)


class Smallest(TopCombineFn):
    """The ``n`` least values, least first."""

    bourne_reduction = 'top'

    def __init__(self, n: int, key: Callable[[Any], Any] | None = None) -> None:
        super().__init__(n, key, reverse=True)


class Top:
    """The greatest or least elements, as a list in order."""

    class Of(CombinerWithoutDefaults):
        """The ``n`` greatest elements, greatest first, per window.

        Args:
          n: how many; fewer if there are fewer.
          key: ranks an element, as in ``sorted``; by default the element itself.
          reverse: the least ones instead, least first.
          has_defaults: give an empty list for an empty input.
        """

        def __init__(self, n: int, key: Callable[[Any], Any] | None = None, reverse: bool = False,
                     has_defaults: bool = True) -> None:
            super().__init__(has_defaults)
            self._fn = TopCombineFn(n, key, reverse)
            self._n = n

        def default_label(self) -> str:
            return f'Top.Of({self._n})'

        def combine_fn(self) -> CombineFn:
            return self._fn

    class PerKey(Labelled):
        """From pairs ``(key, value)`` to pairs of a key and its ``n`` greatest values, greatest first, per window.

        Args:
          n: how many; fewer if there are fewer.
          key: ranks a value, as in ``sorted``; by default the value itself.
          reverse: the least ones instead, least first.
        """

        def __init__(self, n: int, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
            super().__init__()
            self._fn = TopCombineFn(n, key, reverse)
            self._n = n

        def default_label(self) -> str:
            return f'Top.PerKey({self._n})'

        def expand(self, pcoll: Any) -> PCollection[Any]:
            best = one_input(self, pcoll) | CombinePerKey(self._fn)
            assert isinstance(best, PCollection)
            return best

    @staticmethod
    def Largest(n: int, has_defaults: bool = True, key: Callable[[Any], Any] | None = None) -> Top.Of:
        """The ``n`` greatest elements, greatest first."""
        return _named(f'Top.Largest({n})', Top.Of(n, key, has_defaults=has_defaults))

    @staticmethod
    def Smallest(n: int, has_defaults: bool = True, key: Callable[[Any], Any] | None = None) -> Top.Of:
        """The ``n`` least elements, least first."""
        return _named(f'Top.Smallest({n})', Top.Of(n, key, reverse=True, has_defaults=has_defaults))

    @staticmethod
    def LargestPerKey(n: int, key: Callable[[Any], Any] | None = None) -> Top.PerKey:
        """The ``n`` greatest values of each key, greatest first."""
        return _named(f'Top.LargestPerKey({n})', Top.PerKey(n, key))

    @staticmethod
    def SmallestPerKey(n: int, *, key: Callable[[Any], Any] | None = None) -> Top.PerKey:
        """The ``n`` least values of each key, least first."""
        return _named(f'Top.SmallestPerKey({n})', Top.PerKey(n, key, reverse=True))


N = TypeVar('N', bound=Labelled)


def _named(label: str, transform: N) -> N:
    transform.label = label
    return transform
