"""Exchanges: every element goes to one partition, and equal keys to the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.bundle import Bundle, from_rows
from bourne.engine.exchange import Route, Router, partition
from bourne.engine.plan.stage import BY_KEY, SPREAD
from bourne.errors import ExecutionError, KeyEncodingError
from bourne.runners.dask.outputs import OutputStore
from bourne.sdk.model.keys import encode_key
from bourne.sdk.testing import strategies

ROWS = st.lists(st.tuples(st.tuples(strategies.keys(), st.integers()), st.integers(0, 3), st.integers(0, 3),
                          st.sampled_from('pq')), max_size=30)


def bundle_of(rows: list[Any], form: int) -> Bundle:
    bundle = from_rows(rows)
    return Bundle(bundle.values, *(column if form & bit else 'constant' for bit, column in
                                   ((1, bundle.timestamps), (2, bundle.windows), (4, bundle.panes))))


def count(bundles: list[Bundle]) -> Counter[str]:
    return Counter(repr(row) for bundle in bundles for row in bundle.rows())


@given(ROWS, st.sampled_from([BY_KEY, SPREAD]), st.integers(1, 7), st.integers(0, 9), st.integers(0, 7))
def test_every_element_goes_to_one_partition(rows: list[Any], kind: str, partitions: int, turn: int, form: int) -> None:
    bundle = bundle_of(rows, form)
    pieces = partition(bundle, Route(kind, partitions), turn)
    assert len(pieces) == partitions
    assert count(pieces) == count([bundle])
    assert all(piece.form == bundle.form for piece in pieces)


@given(ROWS, ROWS, st.integers(1, 7))
def test_equal_keys_meet(left: list[Any], right: list[Any], partitions: int) -> None:
    home: dict[bytes, int] = {}
    for rows in (left, right):
        for number, piece in enumerate(partition(from_rows(rows), Route(BY_KEY, partitions))):
            for key, _ in piece.values:
                assert home.setdefault(encode_key(key), number) == number


@given(ROWS, st.integers(1, 7))
def test_spreading_is_even(rows: list[Any], partitions: int) -> None:
    sizes = [len(piece) for piece in partition(from_rows(rows), Route(SPREAD, partitions))]
    assert max(sizes) - min(sizes) <= 1


def test_single_elements_do_not_all_go_to_the_first_partition() -> None:
    seen = {number for turn in range(4) for number, piece in enumerate(
        partition(Bundle([('k', 1)]), Route(SPREAD, 4), turn)) if piece.values}
    assert seen == {0, 1, 2, 3}


@given(st.lists(st.integers(1, 5), max_size=6), st.integers(1, 7), st.integers(0, 9))
def test_what_comes_in_several_bundles_is_spread_as_evenly(sizes: list[int], partitions: int, first: int) -> None:
    way = Route(SPREAD, partitions)
    router = Router({'numbers': [way]}, OutputStore(None), first=first)
    for size in sizes:
        router.add('numbers', Bundle(list(range(size))))
    dealt = [sum(block.elements for block in blocks) for blocks in router.blocks['numbers'][way]]
    assert sum(dealt) == sum(sizes)
    assert max(dealt) - min(dealt) <= 1


def test_the_order_within_a_partition_is_kept() -> None:
    for kind in (BY_KEY, SPREAD):
        for piece in partition(Bundle([(n % 3, n) for n in range(100)]), Route(kind, 4)):
            numbers = [n for _, n in piece.values]
            assert numbers == sorted(numbers)


def test_what_cannot_go_by_key() -> None:
    with pytest.raises(ExecutionError, match=r'grouping needs \(key, value\) pairs, got 5 \(int\)'):
        partition(Bundle([(1, 1), 5]), Route(BY_KEY, 2))
    with pytest.raises(KeyEncodingError, match='list'):
        partition(Bundle([([1], 1)]), Route(BY_KEY, 2))
