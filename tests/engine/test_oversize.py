"""Partitions that do not fit: pieces that do, and the values of large keys on disk."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.blocks import BlockStore, MemoryStore
from bourne.engine.bundle import Bundle
from bourne.engine.exchange import Route, Router, buckets
from bourne.engine.keyhash import KEY_GROUPS, key_group
from bourne.engine.oversize import Piece, pieces
from bourne.engine.plan.stage import BY_KEY
from bourne.errors import ExecutionError
from bourne.runners.common.filestore import FileStore
from bourne.runners.common.spillstore import SpillStore

PAIRS = st.lists(st.tuples(st.integers(0, 50) | st.text(max_size=2), st.integers()), max_size=300)


def elements(piece: Piece) -> list[tuple[Any, Any]]:
    """Everything in a piece, as pairs."""
    small = [pair for _, block in piece.parts for pair in piece.store.get(block).values]
    return small + [(key, value) for (_, key), ports in piece.large.items() for values in ports.values()
                    for value in values]


def pieces_of(pairs: list[tuple[Any, int]], partitions: int, limit: int, store: BlockStore, *,
              separable: bool) -> list[list[tuple[Any, Any]]]:
    """Deals pairs out as a task does, and cuts every partition as the tasks that group do."""
    router = Router({'pairs': [Route(BY_KEY, partitions)]}, store, limit)
    for start in range(0, len(pairs), 7):
        router.add('pairs', Bundle(pairs[start:start + 7]))
    found = []
    for number, blocks in enumerate(router.blocks['pairs'][Route(BY_KEY, partitions)]):
        store.seal()
        whole = Piece([(0, block) for block in blocks], store, number, partitions)
        for piece in pieces(whole, limit, separable):
            assert piece.number * whole.partitions // piece.partitions == number
            found.append(elements(piece))
    return found


@given(PAIRS, st.integers(1, 3), st.integers(1, 5_000), st.booleans(), st.integers(0, 20_000))
def test_pieces_have_every_element_once_and_keep_keys_together(
        pairs: list[tuple[Any, int]], partitions: int, limit: int, separable: bool, memory: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SpillStore(memory, FileStore(folder, 'test', compress_after=0))
        found = pieces_of(pairs, partitions, limit, store, separable=separable)
    seen: set[Any] = set()
    for one in found:
        keys = {key for key, _ in one}
        assert not keys & seen
        seen |= keys
    assert Counter(pair for one in found for pair in one) == Counter(pairs)


def two_keys_side_by_side() -> tuple[int, int]:
    """Two keys of neighbouring key groups, such that one more cut parts them and is the last that there can be."""
    seen: dict[int, int] = {}
    key = 0
    while True:
        found = key_group(key)
        if found ^ 1 in seen:
            return seen[found ^ 1], key
        seen[found] = key
        key += 1


@pytest.mark.parametrize('separable', [True, False])
def test_two_keys_that_cannot_be_cut_apart_much_longer(tmp_path: Path, separable: bool) -> None:
    one, two = two_keys_side_by_side()
    store = FileStore(tmp_path, 'test')
    block = store.put(Bundle([(key, number) for number in range(100) for key in (one, two)]))
    store.seal()
    whole = Piece([(0, block)], store, key_group(one) // 2, KEY_GROUPS // 2)
    found = [(len(piece.large), elements(piece)) for piece in pieces(whole, block.size // 10, separable)]
    assert [large for large, _ in found] == ([1, 1] if separable else [0, 0])
    expected = [[(key, number) for number in range(100)] for key in (one, two)]
    assert sorted(values for _, values in found) == sorted(expected)


def test_scratch_files_go_when_their_pieces_are_done(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 'test')
    block = store.put(Bundle([(number, 'x' * 100) for number in range(2_000)]))
    store.seal()
    for _ in pieces(Piece([(0, block)], store, 0, 1), block.size // 10, True):
        pass
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_no_pair_is_named(tmp_path: Path) -> None:
    store = MemoryStore()
    blocks = [store.put(Bundle([(1, 2)] * 100)), store.put(Bundle([(1, 2), 'abc']))]
    with pytest.raises(ExecutionError, match=r"grouping needs \(key, value\) pairs, got 'abc' \(str\)"):
        list(pieces(Piece([(0, block) for block in blocks], store, 0, 1), 100, True))


def test_partitions_times_buckets_are_never_too_many() -> None:
    counts = {partitions: buckets(partitions) for partitions in (1, 2, 6, 1_000, KEY_GROUPS // 2, KEY_GROUPS)}
    assert list(counts.values()) == [64, 32, 16, 16, 2, 1]
