"""Exchanges: which partition of the next stage an element goes to. Decided where the element is made.

A task's outputs go through a :class:`Router`, which cuts every bundle along the *routes* of its collection and gives
the pieces to the block store. Nothing is collected, so what a task holds does not grow with what it makes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.grouping import not_a_pair
from bourne.engine.keyhash import KEY_GROUPS, partitions_of
from bourne.engine.memory import estimate
from bourne.engine.plan.stage import BROADCAST, BY_KEY, FORWARD, SPREAD, Stage
from bourne.engine.program.notes import annotate

#: The most bytes that wait in a task for more to share a block with.
MOST_WAITING = 16 << 20

#: About how many bytes are dealt out into buckets at once: as much as a processor's cache holds.
SLICE = 2 << 20


class Route(NamedTuple):
    """A way from a collection to tasks that read it.

    Attributes:
      kind: ``by key``, ``spread``, or ``forward`` for blocks that stay as they are (broadcast ones do, too).
      partitions: how many partitions the elements are spread over; 1 for blocks that stay as they are.
    """

    kind: str
    partitions: int


#: The route of blocks that stay as they are.
WHOLE = Route(FORWARD, 1)

#: The blocks of each partition of a route.
Partitioned = list[list[Block]]


def route(kind: str, partitions: int) -> Route:
    """The route for an exchange of that kind into so many partitions."""
    return WHOLE if kind in (FORWARD, BROADCAST) else Route(kind, partitions)


class Router:
    """Takes a task's outputs and puts them into blocks, a list for each partition of each route.

    Args:
      routes: the routes of each collection that leaves the stage.
      store: where bundles go.
      memory: how many bytes a task that groups may have in memory, or ``None`` for no limit. Where it looks as if a
        partition will exceed them, elements that go by key are dealt out into the buckets of partitions at once.
      readers: for collections that go by key, who groups them: it is named where an element cannot be grouped.
      first: the partition that the first element of a spread collection goes to; tasks begin at different ones.

    Attributes:
      size: about how many bytes were taken, for all routes together.
    """

    def __init__(self, routes: Mapping[str, Iterable[Route]], store: BlockStore, memory: int | None = None,
                 readers: Mapping[str, Stage] = MappingProxyType({}), first: int = 0) -> None:
        # As many tasks make a partition as there are partitions, so that it is about as large as what a task puts.
        self._enough = math.inf if memory is None else memory // 2
        self._packer = store.packer(MOST_WAITING if memory is None else min(MOST_WAITING, memory // 4))
        self._readers = readers
        self._first = first
        self._dealt: Counter[str] = Counter()
        self.size = 0
        self._sizes: Counter[tuple[str, Route]] = Counter()
        self._blocks: dict[str, dict[Route, Partitioned]] = {
            name: {one: [[] for _ in range(one.partitions)] for one in dict.fromkeys(ways)}
            for name, ways in routes.items()}

    def add(self, collection: str, bundle: Bundle) -> None:
        """Takes a bundle of a collection.

        Raises:
          ExecutionError: if an element that goes by key is not a pair, or its key cannot be hashed. If an element
            cannot be pickled, and must be. If the disk is full.
          bourne.errors.KeyEncodingError: if a key has no deterministic encoding.
        """
        size = estimate(bundle)
        turn = self._first + self._dealt[collection]
        self._dealt[collection] += len(bundle.values)
        for way in self._blocks[collection]:
            self.size += size
            self._sizes[collection, way] += size
            if way.kind == BY_KEY and self._sizes[collection, way] > self._enough:
                self._deal(collection, bundle, way, size)
                continue
            with self._blaming(collection):
                pieces = partition(bundle, way, turn)
            for number, piece in enumerate(pieces):
                if piece.values:
                    self._packer.add((collection, way, number, None), piece, share(size, piece, bundle))

    def _deal(self, collection: str, bundle: Bundle, way: Route, size: int) -> None:
        """Deals a bundle out into buckets, a slice at a time: what is near in it should not be cold when it is put."""
        count = buckets(way.partitions)
        for part in bundle.cut(max(1_000, len(bundle.values) * SLICE // max(size, 1))):
            with self._blaming(collection):
                goals = owners(part, way.partitions * count)
            for number, piece in deal(part, goals).items():
                self._packer.add((collection, way, *divmod(number, count)), piece, share(size, piece, bundle))

    @contextmanager
    def _blaming(self, collection: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if collection in self._readers:
                annotate(error, self._readers[collection], {}, (0, ''))
            raise

    def flush(self) -> None:
        """Puts what was taken and still waits for more to share a block with. Raises what :meth:`add` does."""
        self._packer.flush()

    @property
    def blocks(self) -> dict[str, dict[Route, Partitioned]]:
        """For each collection, the blocks of each partition of each of its routes."""
        self.flush()
        for (collection, way, number, bucket), made in self._packer.blocks.items():
            self._blocks[collection][way][number] += [block._replace(bucket=bucket) for block in made]
        self._packer.blocks.clear()
        return self._blocks


def buckets(partitions: int) -> int:
    """Into how many buckets each of so many partitions is dealt out, where there is too much for memory."""
    return min(max(16, 64 // partitions), KEY_GROUPS // partitions)


def partition(bundle: Bundle, way: Route, turn: int = 0, among: range | None = None) -> list[Bundle]:
    """A bundle as one for each partition of a route.

    Args:
      bundle: the elements; pairs if they go by key.
      way: the route.
      turn: the partition that a spread bundle begins with, modulo their number: each goes on where another ended.
      among: for elements that go by key, the partitions that they are known to go to; only these are returned.

    Raises:
      ExecutionError: if an element that goes by key is not a pair, or its key cannot be hashed.
      bourne.errors.KeyEncodingError: if a key has no deterministic encoding.
    """
    if way.partitions == 1:
        return [bundle]
    if way.kind == SPREAD:
        return [bundle.take(slice((number - turn) % way.partitions, None, way.partitions))
                for number in range(way.partitions)]
    assert way.kind == BY_KEY, way
    span = among or range(way.partitions)
    found = deal(bundle, owners(bundle, way.partitions))
    return [found.get(number) or bundle.pick([]) for number in span]


def owners(bundle: Bundle, partitions: int) -> list[int]:
    """Which of so many partitions each element of a bundle goes to by its key; raises what :func:`partition` does."""
    try:
        keys = [key for key, _ in bundle.values]
    except (TypeError, ValueError) as error:
        raise not_a_pair(bundle, error) from error
    return partitions_of(keys, partitions)


def share(size: int, part: Bundle, whole: Bundle) -> int:
    """About how many of the bytes of a bundle are those of a part of it."""
    return size * len(part.values) // len(whole.values)


def deal(bundle: Bundle, owners: Iterable[Any]) -> dict[Any, Bundle]:
    """A bundle as one for each owner that has elements in it.

    Args:
      bundle: the elements.
      owners: whose each of them is, by anything that can be hashed.
    """
    chosen: defaultdict[Any, list[int]] = defaultdict(list)
    for position, owner in enumerate(owners):
        chosen[owner].append(position)
    return {owner: bundle.pick(positions) for owner, positions in chosen.items()}
