"""``TupleCombineFn``: several combinations at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from bourne.errors import TransformError
from bourne.sdk.model.combinefn import CombineFn


class _TupleCombineFnBase(CombineFn):
    """What tuples of combining functions share. The accumulator is a list of theirs.

    Args:
      combiners: ``CombineFn`` or functions of an iterable, at least one.
      merge_accumulators_batch_size: how many accumulators are held at once while they are merged; by default as
        many as hold about a thousand parts.
    """

    def __init__(self, *combiners: Any, merge_accumulators_batch_size: int | None = None) -> None:
        size = merge_accumulators_batch_size
        if not combiners:
            raise TransformError(f'{type(self).__name__} needs at least one CombineFn')
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise TransformError(f'{type(self).__name__}: merge_accumulators_batch_size must be a positive int, '
                                 f'got {size!r}')
        self._combiners = tuple(map(CombineFn.maybe_from_callable, combiners))
        self._batch_size = size or max(10, 1000 // len(combiners))

    def display_data(self) -> dict[str, Any]:
        return {'combiners': str([fn.default_label() for fn in self._combiners]),
                'merge_accumulators_batch_size': self._batch_size}

    def setup(self, *args: Any, **kwargs: Any) -> None:
        for fn in self._combiners:
            fn.setup(*args, **kwargs)

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return [fn.create_accumulator(*args, **kwargs) for fn in self._combiners]

    def merge_accumulators(self, accumulators: Iterable[list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
        waiting = iter(accumulators)
        merged = next(waiting, None)
        if merged is None:
            return self.create_accumulator(*args, **kwargs)
        while batch := list(islice(waiting, self._batch_size)):
            merged = [fn.merge_accumulators(parts, *args, **kwargs)
                      for fn, parts in zip(self._combiners, zip(merged, *batch, strict=True), strict=True)]
        return merged

    def compact(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        return [fn.compact(part, *args, **kwargs) for fn, part in zip(self._combiners, accumulator)]

    def extract_output(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tuple([fn.extract_output(part, *args, **kwargs) for fn, part in zip(self._combiners, accumulator)])

    def teardown(self, *args: Any, **kwargs: Any) -> None:
        for fn in reversed(self._combiners):
            fn.teardown(*args, **kwargs)


class TupleCombineFn(_TupleCombineFnBase):
    """Combines tuples: the first function the first parts, the second one the second parts, and so on.

    Args:
      combiners: ``CombineFn`` or functions of an iterable, one for each part.
      merge_accumulators_batch_size: how many accumulators are held at once while they are merged.
    """

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if len(element) != len(self._combiners):
            raise TransformError(f'TupleCombineFn has {len(self._combiners)} functions, and got an element of '
                                 f'{len(element)} parts: {element!r}')
        return [fn.add_input(part, value, *args, **kwargs)
                for fn, part, value in zip(self._combiners, mutable_accumulator, element)]

    def with_common_input(self) -> SingleInputTupleCombineFn:
        """The same functions, each of which gets every value whole."""
        return SingleInputTupleCombineFn(*self._combiners, merge_accumulators_batch_size=self._batch_size)


class SingleInputTupleCombineFn(_TupleCombineFnBase):
    """Combines values in several ways at once: gives a tuple of what each function makes of all values.

    Args:
      combiners: ``CombineFn`` or functions of an iterable.
      merge_accumulators_batch_size: how many accumulators are held at once while they are merged.
    """

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [fn.add_input(part, element, *args, **kwargs)
                for fn, part in zip(self._combiners, mutable_accumulator)]
