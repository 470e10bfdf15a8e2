"""What the tests of combining functions share: combining in parts, as runners do."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from bourne.sdk.model.combinefn import CombineFn

T = TypeVar('T')


def combine(fn: CombineFn, parts: Sequence[Sequence[Any]]) -> Any:
    """Each part into an accumulator of its own, which is compacted and travels; then all are merged."""
    accumulators = []
    for part in parts:
        accumulator = fn.create_accumulator()
        for value in part:
            accumulator = fn.add_input(accumulator, value)
        accumulators.append(pickle.loads(pickle.dumps(fn.compact(accumulator))))
    return fn.extract_output(fn.compact(fn.merge_accumulators(accumulators)))


def combine_in_tree(fn: CombineFn, parts: Sequence[Sequence[Any]]) -> Any:
    """The same, but accumulators are merged two at a time, and values go on being added to merged ones."""
    waiting = [fn.add_inputs(fn.create_accumulator(), part[::2]) for part in parts]
    rest = [value for part in parts for value in part[1::2]]
    while len(waiting) > 1:
        merged = fn.merge_accumulators([waiting.pop(0), waiting.pop(0)])
        waiting.append(fn.add_input(merged, rest.pop()) if rest else merged)
    last = fn.add_inputs(waiting[0] if waiting else fn.create_accumulator(), rest)
    return fn.extract_output(fn.compact(last))


def parts_of(values: st.SearchStrategy[T], max_size: int = 40) -> st.SearchStrategy[list[list[T]]]:
    """Lists of lists of values: how a collection may be spread over accumulators."""
    return st.lists(st.lists(values, max_size=max_size), min_size=1, max_size=6)


def flat(parts: Sequence[Sequence[T]]) -> list[T]:
    """All values of all parts."""
    return [value for part in parts for value in part]
