"""Exchanges: which partition of the next stage an element goes to. Decided where the element is made.

A task's outputs go through a :class:`Router`, which cuts every bundle along the *routes* of its collection and gives
the pieces to the block store. Nothing is collected, so what a task holds does not grow with what it makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.grouping import not_a_pair
from bourne.engine.keyhash import partitions_of
from bourne.engine.plan.stage import BROADCAST, BY_KEY, FORWARD, SPREAD


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
    """

    def __init__(self, routes: Mapping[str, Iterable[Route]], store: BlockStore) -> None:
        self._store = store
        self._turn = 0
        self.blocks: dict[str, dict[Route, Partitioned]] = {
            name: {one: [[] for _ in range(one.partitions)] for one in dict.fromkeys(ways)}
            for name, ways in routes.items()}

    def add(self, collection: str, bundle: Bundle) -> None:
        """Takes a bundle of a collection."""
        self._turn += 1
        for way, parts in self.blocks[collection].items():
            for part, piece in zip(parts, partition(bundle, way, self._turn), strict=True):
                if piece.values:
                    part.append(self._store.put(piece))


def partition(bundle: Bundle, way: Route, turn: int = 0, among: range | None = None) -> list[Bundle]:
    """A bundle as one for each partition of a route.

    Args:
      bundle: the elements; pairs if they go by key.
      way: the route.
      turn: a number that differs from bundle to bundle, so that small ones do not all begin with partition 0.
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
    chosen: list[list[int]] = [[] for _ in span]
    try:
        keys = [key for key, _ in bundle.values]
    except (TypeError, ValueError) as error:
        raise not_a_pair(bundle, error) from error
    for position, owner in enumerate(partitions_of(keys, way.partitions)):
        chosen[owner - span.start].append(position)
    return [_pick(bundle, positions) for positions in chosen]


def _pick(bundle: Bundle, positions: list[int]) -> Bundle:
    columns = ([column[i] for i in positions] if type(column) is list else column
               for column in (bundle.timestamps, bundle.windows, bundle.panes))
    return Bundle([bundle.values[i] for i in positions], *columns)
