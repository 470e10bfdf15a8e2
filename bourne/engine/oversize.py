"""Partitions that are larger than memory: they are cut into smaller ones on disk, and one huge key stays there.

Cutting follows the key groups: partition ``p`` of ``P`` is cut into partitions ``p * k`` to ``p * k + k - 1`` of
``P * k``, so that equal keys stay together at any depth (recursive partitioning, as in the Grace hash join:
Kitsuregawa, Tanaka and Moto-oka, "Application of Hash to Data Base Machine and Its Architecture", 1983). What cannot
be cut, because one key has most of it, is grouped without its large keys; their values are read from the blocks
whenever somebody iterates over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.exchange import Route, partition
from bourne.engine.keyhash import KEY_GROUPS
from bourne.engine.plan.stage import BY_KEY

#: A block of an input: the input's number, and the block.
Part = tuple[int, Block]
#: The most partitions that are written at the same time.
MOST_CUTS = 64


class Piece(NamedTuple):
    """A partition, or part of one, with all elements of its keys.

    Attributes:
      parts: its blocks.
      store: what has them.
      number: which of ``partitions`` it is.
      partitions: of how many.
      fits: False if it is too large but could not be cut.
    """

    parts: list[Part]
    store: BlockStore
    number: int
    partitions: int
    fits: bool = True

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return sum(block.size for _, block in self.parts)


def pieces(whole: Piece, limit: int) -> Iterator[Piece]:
    """Cuts a partition into pieces of which each fits into ``limit`` bytes, as far as its keys allow."""
    if whole.size <= limit:
        yield whole
        return
    cuts = min(MOST_CUTS, KEY_GROUPS // whole.partitions, 2 * -(-whole.size // limit))
    if cuts < 2:
        yield whole._replace(fits=False)
        return
    scratch = whole.store.scratch()
    # The blocks of what does not fit are not freed: somebody may still hold values that are read from them.
    for piece in _cut(whole, cuts, scratch):
        if piece.size > limit and piece.size > 0.8 * whole.size:  # one key, or few: cutting further only costs
            yield piece._replace(fits=False)
        elif piece.parts:
            uncut = False
            for part in pieces(piece, limit):
                uncut |= not part.fits and part.parts is piece.parts
                yield part
            if not uncut:
                scratch.free(block for _, block in piece.parts)


def _cut(whole: Piece, cuts: int, scratch: BlockStore) -> list[Piece]:
    way = Route(BY_KEY, whole.partitions * cuts)
    first = whole.number * cuts
    found: list[list[Part]] = [[] for _ in range(cuts)]
    for port, block in whole.parts:
        bundles = partition(whole.store.get(block), way, among=range(first, first + cuts))
        for parts, bundle in zip(found, bundles, strict=True):
            if bundle.values:
                parts.append((port, scratch.put(bundle)))
    return [Piece(parts, scratch, first + number, way.partitions) for number, parts in enumerate(found)]


class StoredValues(Sequence[Any]):
    """The values of a key that has too many for memory. They are read from disk whenever somebody iterates over them.

    Args:
      store: has the blocks.
      blocks: where the values are, among others.
      key: the key.
      window: the raw window.
      count: how many there are.
    """

    def __init__(self, store: BlockStore, blocks: list[Block], key: Any, window: Any, count: int) -> None:
        self._store = store
        self._blocks = blocks
        self._key = key
        self._window = window
        self._count = count

    def __iter__(self) -> Iterator[Any]:
        key, window = self._key, self._window
        for block in self._blocks:
            bundle = self._store.get(block)
            if type(bundle.windows) is list:
                yield from [value for (k, value), w in zip(bundle.values, bundle.windows, strict=True)
                            if k == key and w == window]
            elif bundle.windows == window:
                yield from [value for k, value in bundle.values if k == key]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        position = index + self._count if index < 0 else index
        for number, value in enumerate(self):
            if number == position:
                return value
        raise IndexError(f'there are {self._count} values, and no number {index}')

    def __reduce__(self) -> Any:
        # On its way to somewhere else it must take its values along.
        return (list, (list(self),))

    def __repr__(self) -> str:
        return f'<{self._count} values on disk>'


def large_keys(piece: Piece, limit: int) -> Counter[tuple[Any, Any, int]]:
    """Which keys of a piece are too large for memory.

    Returns:
      For each such ``(window, key, input)``, how many values it has.
    """
    counts: Counter[tuple[Any, Any, int]] = Counter()
    elements = sum(block.elements for _, block in piece.parts)
    for port, block in piece.parts:
        bundle = piece.store.get(block)
        windows = bundle.windows if type(bundle.windows) is list else [bundle.windows] * len(bundle.values)
        counts.update((window, key, port) for (key, _), window in zip(bundle.values, windows, strict=True))
    threshold = max(1, limit // 4 * elements // max(piece.size, 1))
    return Counter({found: count for found, count in counts.items() if count > threshold})


def stored_values(piece: Piece, large: Counter[tuple[Any, Any, int]]) -> dict[tuple[Any, Any], dict[int, StoredValues]]:
    """For each ``(window, key)`` that is large in some input, its values in that input."""
    blocks: dict[int, list[Block]] = {}
    for port, block in piece.parts:
        blocks.setdefault(port, []).append(block)
    found: dict[tuple[Any, Any], dict[int, StoredValues]] = {}
    for (window, key, port), count in large.items():
        found.setdefault((window, key), {})[port] = StoredValues(piece.store, blocks[port], key, window, count)
    return found


def without(bundle: Bundle, port: int, large: Counter[tuple[Any, Any, int]]) -> Bundle:
    """A bundle without the values of large keys."""
    windows = bundle.windows if type(bundle.windows) is list else [bundle.windows] * len(bundle.values)
    kept = [number for number, ((key, _), window) in enumerate(zip(bundle.values, windows, strict=True))
            if (window, key, port) not in large]
    columns = ([column[i] for i in kept] if type(column) is list else column
               for column in (bundle.timestamps, bundle.windows, bundle.panes))
    return Bundle([bundle.values[i] for i in kept], *columns)
