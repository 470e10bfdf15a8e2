"""Partitions that do not fit: what could not be cut stays readable."""

from __future__ import annotations

from pathlib import Path

from bourne.engine.bundle import Bundle
from bourne.engine.keyhash import KEY_GROUPS, key_group
from bourne.engine.oversize import Piece, pieces
from bourne.runners.local.filestore import FileStore


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


def test_the_blocks_of_pieces_that_do_not_fit_are_kept(tmp_path: Path) -> None:
    one, two = two_keys_side_by_side()
    store = FileStore(str(tmp_path), 'test')
    block = store.put(Bundle([(key, number) for number in range(100) for key in (one, two)]))
    whole = Piece([(0, block)], store, key_group(one) // 2, KEY_GROUPS // 2)
    found = list(pieces(whole, limit=block.size // 10))
    assert [piece.fits for piece in found] == [False, False]
    values = [[value for _, part in piece.parts for _, value in piece.store.get(part).values] for piece in found]
    assert values == [list(range(100))] * 2
    store.begin()
