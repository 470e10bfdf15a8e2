"""Folding values into accumulators, with short paths for the reductions that everybody uses.

``sum``, ``min``, ``max``, ``any`` and ``all`` equal a fold with a binary operator, so their accumulator is the value
itself instead of a list; counting needs only a number. The short paths give the same results as the general one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NamedTuple

from bourne.engine.program.notes import concerning
from bourne.sdk.model.combinefn import FOLDS, CallableCombineFn, CombineFn, known_name


class Folding(NamedTuple):
    """How the engine combines with a function.

    Attributes:
      fold: from a first value to an accumulator.
      add: from an accumulator and a value to an accumulator.
      merge: from a list of accumulators, at least one, to one.
      compact: makes an accumulator small before it moves.
      extract: from an accumulator to the result.
    """

    fold: Callable[[Any], Any]
    add: Callable[[Any, Any], Any]
    merge: Callable[[list[Any]], Any]
    compact: Callable[[Any], Any] | None
    extract: Callable[[Any], Any] | None


def folding(fn: CombineFn) -> Folding:
    """The way to combine with ``fn``; its accumulators are the same in all stages."""
    if known_name(fn) == 'count':
        return Folding(lambda value: 1, lambda count, value: count + 1, sum, None, None)
    if isinstance(fn, CallableCombineFn) and known_name(fn) is not None:
        operator = FOLDS[fn.fn]
        return Folding(_FIRST.get(fn.fn, _same), operator, lambda parts: reduce(operator, parts), None, None)
    return Folding(
        lambda value: fn.add_input(fn.create_accumulator(), value), fn.add_input,
        lambda parts: parts[0] if len(parts) == 1 else fn.merge_accumulators(parts), fn.compact, fn.extract_output)


def of_nothing(fn: CombineFn) -> Any:
    """The combination of no values."""
    return fn.apply([])


def of_all(fn: CombineFn, values: list[Any]) -> Any:
    """The combination of a list of values."""
    return fn.apply(values)


def of_keys(pairs: Iterable[tuple[Any, Any]], fn: Callable[[Any], Any]) -> list[tuple[Any, Any]]:
    """Pairs of each key and what a function makes of its value. If that fails, the note names the key."""
    made: list[tuple[Any, Any]] = []
    key = None
    try:
        for key, value in pairs:
            made.append((key, fn(value)))
    except Exception as error:
        concerning(error, 'key', key)
        raise
    return made


def _same(value: Any) -> Any:
    return value


def _add_to_zero(value: Any) -> Any:
    return 0 + value


_FIRST: dict[Callable[..., Any], Callable[[Any], Any]] = {any: bool, all: bool, sum: _add_to_zero}
