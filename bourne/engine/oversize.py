"""Partitions that are larger than memory: they are grouped a part at a time, and one huge key stays on disk.

Parts follow the key groups: partition ``p`` of ``P`` is cut into partitions ``p * k`` to ``p * k + k - 1`` of
``P * k``, so that equal keys stay together at any depth (recursive partitioning, as in the Grace hash join:
Kitsuregawa, Tanaka and Moto-oka, "Application of Hash to Data Base Machine and Its Architecture", 1983). Who made
the elements has usually dealt most of them out already, into the buckets of the partition (``exchange.py``); only the
first ones, and buckets that are too large themselves, are dealt out here. What still has room in memory stays there
(hybrid hashing: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984).

No cut makes a key smaller. A key that is large by itself is found by looking at some blocks. Its values go to blocks
of their own, which are read whenever somebody iterates over them.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.exchange import MOST_WAITING, buckets, deal, owners, share
from bourne.engine.keyhash import KEY_GROUPS, is_settled, key_group, partition_of
from bourne.sdk.model.grouped import GroupedValues

#: A block of an input: the input's number, and the block.
Part = tuple[int, Block]
#: A key with its raw window.
Group = tuple[Any, Any]
#: Such a key in one of the inputs, whose number follows.
Owner = tuple[Any, Any, int]
#: The most parts that are written at the same time, and the most large keys that are found at once.
MOST_CUTS = 64
#: How many blocks are looked at to find large keys.
SAMPLE = 32


class _Staying(threading.local):
    """Whether what this thread pickles stays within the run."""

    inside = False


#: Set ``inside`` while pickling what nobody reads but tasks of the same run.
STAYING = _Staying()


class StoredValues(GroupedValues):
    """The values of a key that has too many for memory. They are read from disk whenever somebody iterates over them.

    Within the run they travel as what they are, to whichever process. Otherwise they are pickled as a list.

    Args:
      store: has the blocks, and can be pickled within the run.
      blocks: the values.
    """

    def __init__(self, store: BlockStore, blocks: list[Block]) -> None:
        self._store = store
        self._blocks = blocks
        self._count = sum(block.elements for block in blocks)

    def __iter__(self) -> Iterator[Any]:
        for block in self._blocks:
            yield from self._store.get(block).values

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        position = index + self._count if index < 0 else index
        if 0 <= position < self._count:
            for block in self._blocks:
                if position < block.elements:
                    return self._store.get(block).values[position]
                position -= block.elements
        raise IndexError(f'there are {self._count} values, and no number {index}')

    def __reduce__(self) -> Any:
        return (StoredValues, (self._store, self._blocks)) if STAYING.inside else (list, (list(self),))


#: The values of groups that are too large for memory, in each of the inputs where they are.
Large = Mapping[Group, Mapping[int, StoredValues]]


class Piece(NamedTuple):
    """A partition, or part of one, with all elements of its keys.

    Attributes:
      parts: its blocks, those apart of which ``large`` has the values.
      store: what has them.
      number: which of ``partitions`` it is.
      partitions: of how many.
      large: those values.
    """

    parts: list[Part]
    store: BlockStore
    number: int
    partitions: int
    large: Large = MappingProxyType({})

    @property
    def size(self) -> int:
        """About how many bytes it takes to group it, apart from what is in memory anyway.

        As many as its elements, and as many again for the keys and lists of the groups.
        """
        return sum(block.size if block.resident else 2 * block.size for _, block in self.parts)


def pieces(whole: Piece, limit: int, separable: bool = False) -> Iterator[Piece]:
    """Cuts a partition into pieces of which each can be grouped in memory, as far as its keys allow.

    Args:
      whole: the partition.
      limit: how many bytes all of this may take.
      separable: the values of a key that is too large by itself may stay on disk.

    Yields:
      The pieces. Each must be done with before the next one is asked for.
    """
    if whole.size <= limit:
        yield whole
    else:
        yield from _pieces(whole, max(1, 3 * limit // 4), limit // 4, separable)


def _pieces(whole: Piece, limit: int, spare: int, separable: bool) -> Iterator[Piece]:
    """Pieces that need ``limit`` bytes, while as many as ``spare`` are taken by those whose turn has not come."""
    dealt = any(block.bucket is not None for _, block in whole.parts)
    large = _large_keys(whole, limit) if separable and not dealt else set()
    cuts = buckets(whole.partitions) if dealt else min(
        MOST_CUTS, KEY_GROUPS // whole.partitions, 2 * -(-whole.size // limit))
    if cuts < 2 and not large:
        yield whole
        return
    scratch = whole.store.scratch(spare + sum(block.size for _, block in whole.parts if block.resident))
    cut = _cut(whole, cuts, large, scratch, min(MOST_WAITING, limit // 2))
    while cut:
        piece, made = cut.pop()
        stuck = piece.size > 0.8 * whole.size and not separable  # few keys: cutting further only costs
        if piece.size <= limit or stuck:
            yield piece
        else:
            yield from _pieces(piece, limit, 0, separable)
        scratch.free(made)


def _large_keys(whole: Piece, limit: int) -> set[Owner]:
    """The keys that need more than half of ``limit``, judging by some of the blocks.

    One that is missed has a larger share of what is looked at when its piece is cut again.
    """
    sizes: Counter[Owner] = Counter()
    seen = 0
    for port, block in whole.parts[::-(-len(whole.parts) // SAMPLE)]:
        bundle = whole.store.get(block)
        owners(bundle, whole.partitions)  # says what is wrong with what is no pair, or has no key
        for owner, count in Counter(_owners(bundle, port)).items():
            sizes[owner] += count * block.size // block.elements
        seen += block.size
    least = max(limit / 2 / whole.size, 1 / MOST_CUTS) * seen
    return {owner for owner, size in sizes.most_common(MOST_CUTS) if size > least and is_settled([owner[1]])}


def _owners(bundle: Bundle, port: int) -> Iterator[Owner]:
    windows = bundle.windows if type(bundle.windows) is list else [bundle.windows] * len(bundle.values)
    return ((window, key, port) for (key, _), window in zip(bundle.values, windows, strict=True))


def _cut(whole: Piece, cuts: int, large: set[Owner], scratch: BlockStore,
         waiting: int) -> list[tuple[Piece, list[Block]]]:
    """A piece as at most ``cuts`` pieces, each with the blocks that were made for it."""
    first, partitions = whole.number * cuts, whole.partitions * cuts
    vault = scratch.scratch(0)
    packer, apart = scratch.packer(waiting), vault.packer(waiting)
    parts: defaultdict[int, list[Part]] = defaultdict(list)
    try:
        # What is in memory comes first: it has a place there.
        for port, block in sorted(whole.parts, key=lambda part: not part[1].resident):
            if block.bucket is not None:
                parts[first + block.bucket].append((port, block._replace(bucket=None)))
                continue
            bundle = whole.store.get(block)
            goals: list[Any] = owners(bundle, partitions)
            if large:
                goals = [owner if owner in large else goal for goal, owner in zip(goals, _owners(bundle, port))]
            for goal, part in deal(bundle, goals).items():
                size = share(block.size, part, bundle)
                if type(goal) is int:
                    packer.add((goal, port), part, size, block.mixed)
                else:
                    apart.add(goal, Bundle([value for _, value in part.values]), size)
        packer.flush()
        apart.flush()
    finally:
        scratch.seal()
        vault.seal()
    made: defaultdict[int, list[Part]] = defaultdict(list)
    for (number, port), blocks in packer.blocks.items():
        made[number] += [(port, block) for block in blocks]
    stored = _homes(whole, {owner: StoredValues(vault, blocks) for owner, blocks in apart.blocks.items()}, partitions)
    # What was not dealt out yet is what came first.
    return [(Piece(made[number] + parts[number], scratch, number, partitions, stored.get(number, {})),
             [block for _, block in made[number]]) for number in sorted({*parts, *made, *stored})]


def _homes(whole: Piece, stored: Mapping[Owner, StoredValues], partitions: int) -> dict[int, Large]:
    """The large keys of a piece, and more that were found, by the partition that owns them."""
    homes: defaultdict[int, dict[Group, dict[int, StoredValues]]] = defaultdict(lambda: defaultdict(dict))
    known = {(*group, port): values for group, ports in whole.large.items() for port, values in ports.items()}
    for (window, key, port), values in {**known, **stored}.items():
        homes[partition_of(key_group(key), partitions)][window, key][port] = values
    return dict(homes)
