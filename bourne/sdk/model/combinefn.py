"""``CombineFn``: an associative and commutative reduction that may be done in parts."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Iterable, Sized
from typing import Any, ClassVar

import attrs

from bourne.errors import TransformError
from bourne.sdk.model.portable import portable

#: How many values a plain callable gets at once: rarely enough to be cheap, often enough to stay small.
BUFFER = 64


class CombineFn:
    """A reduction in steps: values are added to accumulators, accumulators are merged, results are extracted.

    The result must not depend on how values are spread over accumulators, nor on the order of adding and merging.
    ``add_input``, ``merge_accumulators`` and ``compact`` may change and return the accumulator they were given.
    """

    #: See :func:`reduction_name`.
    bourne_reduction: ClassVar[str | None] = None

    def setup(self, *args: Any, **kwargs: Any) -> None:
        """Prepares the instance. Called once before anything else where it runs."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> Any:
        """A new accumulator, of no values."""
        raise NotImplementedError(f'{type(self).__name__} must define create_accumulator')

    def add_input(self, mutable_accumulator: Any, element: Any, *args: Any, **kwargs: Any) -> Any:
        """The accumulator with one more value."""
        raise NotImplementedError(f'{type(self).__name__} must define add_input')

    def add_inputs(self, mutable_accumulator: Any, elements: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        """The accumulator with several more values; by default one ``add_input`` after the other."""
        for element in elements:
            mutable_accumulator = self.add_input(mutable_accumulator, element, *args, **kwargs)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        """One accumulator that holds the values of all."""
        raise NotImplementedError(f'{type(self).__name__} must define merge_accumulators')

    def compact(self, accumulator: Any, *args: Any, **kwargs: Any) -> Any:
        """The same accumulator in a form that is cheaper to send or keep. Called before an exchange."""
        return accumulator

    def extract_output(self, accumulator: Any, *args: Any, **kwargs: Any) -> Any:
        """The result for the values in the accumulator."""
        raise NotImplementedError(f'{type(self).__name__} must define extract_output')

    def apply(self, elements: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        """The result for a whole list of values at once."""
        filled = self.add_inputs(self.create_accumulator(*args, **kwargs), elements, *args, **kwargs)
        return self.extract_output(self.compact(filled, *args, **kwargs), *args, **kwargs)

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        """Frees what ``setup`` took."""

    def for_input_type(self, input_type: Any) -> CombineFn:
        """A version of this function for elements of a known type; by default itself."""
        return self

    def default_label(self) -> str:
        """How a transform with this function is called that is given no label."""
        return type(self).__name__

    def display_data(self) -> dict[str, Any]:
        """What to show of this function: a dict of names and values."""
        return {}

    @staticmethod
    def from_callable(fn: Callable[..., Any]) -> CombineFn:
        """A ``CombineFn`` from a function that reduces an iterable of values to one value of the same kind.

        ``len`` is not of the same kind, and what it is meant to do is known: it counts.
        """
        return CountCombineFn() if fn is len else CallableCombineFn(fn)

    @staticmethod
    def maybe_from_callable(fn: CombineFn | Callable[..., Any]) -> CombineFn:
        """``fn`` itself, or made from a plain callable.

        Raises:
          TransformError: if it is neither; says so if it is a class that was not instantiated.
        """
        if isinstance(fn, CombineFn):
            return fn
        if isinstance(fn, type) and issubclass(fn, CombineFn):
            raise TransformError(f'a CombineFn instance is needed, got the class {fn.__name__}: write {fn.__name__}()')
        if callable(fn):
            return CombineFn.from_callable(fn)
        raise TransformError(f'a CombineFn or a callable is needed to combine with, got {fn!r}')


@portable
@attrs.frozen(repr=False, slots=False)
class CallableCombineFn(CombineFn):
    """A reduction by a function of an iterable, such as ``sum``; applied to its own results it must still be right.

    The accumulator is a short list of values whose reduction stands for all that was added.
    """

    fn: Callable[..., Any]

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        mutable_accumulator.append(element)
        if len(mutable_accumulator) >= BUFFER:
            mutable_accumulator[:] = [self.fn(mutable_accumulator, *args, **kwargs)]
        return mutable_accumulator

    def add_inputs(self, mutable_accumulator: list[Any], elements: Iterable[Any],
                   *args: Any, **kwargs: Any) -> list[Any]:
        for element in elements:
            mutable_accumulator = self.add_input(mutable_accumulator, element, *args, **kwargs)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
        merged: list[Any] = []
        for accumulator in accumulators:
            self.add_inputs(merged, accumulator, *args, **kwargs)
        return merged

    def compact(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        return accumulator if len(accumulator) <= 1 else [self.fn(accumulator, *args, **kwargs)]

    def extract_output(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> Any:
        return self.fn(accumulator, *args, **kwargs)

    def apply(self, elements: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        return self.fn(elements, *args, **kwargs)

    def default_label(self) -> str:
        return getattr(self.fn, '__name__', type(self.fn).__name__)


class CountCombineFn(CombineFn):
    """Counts values. The accumulator is an int."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> int:
        return 0

    def add_input(self, mutable_accumulator: int, element: Any, *args: Any, **kwargs: Any) -> int:
        return mutable_accumulator + 1

    def add_inputs(self, mutable_accumulator: int, elements: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        if isinstance(elements, Sized):
            return mutable_accumulator + len(elements)
        return mutable_accumulator + sum(1 for _ in elements)

    def merge_accumulators(self, accumulators: Iterable[int], *args: Any, **kwargs: Any) -> int:
        return sum(accumulators)

    def extract_output(self, accumulator: int, *args: Any, **kwargs: Any) -> int:
        return accumulator


class MeanCombineFn(CombineFn):
    """The arithmetic mean of numbers; NaN of none. The accumulator is ``(sum, count)``."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> tuple[Any, int]:
        return (0, 0)

    def add_input(self, mutable_accumulator: tuple[Any, int], element: Any,
                  *args: Any, **kwargs: Any) -> tuple[Any, int]:
        total, count = mutable_accumulator
        return total + element, count + 1

    def merge_accumulators(self, accumulators: Iterable[tuple[Any, int]],
                           *args: Any, **kwargs: Any) -> tuple[Any, int]:
        total, count = 0, 0
        for part_total, part_count in accumulators:
            total += part_total
            count += part_count
        return total, count

    def extract_output(self, accumulator: tuple[Any, int], *args: Any, **kwargs: Any) -> Any:
        total, count = accumulator
        return total / count if count else float('nan')


#: Builtin reductions that equal a fold with a binary operator. The engine has a short path for each.
FOLDS: dict[Callable[..., Any], Callable[[Any, Any], Any]] = {
    builtins.sum: operator.add,
    builtins.min: min,
    builtins.max: max,
    builtins.any: lambda a, b: bool(a or b),
    builtins.all: lambda a, b: bool(a and b),
}


def known_name(fn: CombineFn) -> str | None:
    """The name by which the engine knows the function: ``count``, ``mean`` or a builtin's; ``None`` for others."""
    if type(fn) is CallableCombineFn:
        try:
            return fn.fn.__name__ if fn.fn in FOLDS else None
        except TypeError:  # an unhashable callable
            return None
    return {CountCombineFn: 'count', MeanCombineFn: 'mean'}.get(type(fn))


def reduction_name(fn: CombineFn) -> str | None:
    """The name of the short path that the engine has for the function, or ``None``.

    A class that is not in this file gives it as its attribute ``bourne_reduction``. That is not inherited, since a
    subclass may do something else.
    """
    return known_name(fn) or vars(type(fn)).get('bourne_reduction')
