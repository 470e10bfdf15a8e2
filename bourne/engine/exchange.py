"""Exchanges: which partition of the next stage an element goes to."""

from __future__ import annotations

from bourne.engine.bundle import Bundle
from bourne.engine.grouping import not_a_pair
from bourne.engine.keyhash import partitions_of
from bourne.engine.plan.stage import BY_KEY, SPREAD


def partition(bundle: Bundle, kind: str, partitions: int, turn: int = 0) -> list[Bundle]:
    """A bundle as one for each partition of the reading stage.

    Args:
      bundle: the elements; pairs if they go by key.
      kind: the kind of exchange.
      partitions: how many partitions the reading stage has.
      turn: a number that differs from bundle to bundle, so that small ones do not all begin with partition 0.

    Raises:
      ExecutionError: if an element that goes by key is not a pair, or its key cannot be hashed.
      bourne.errors.KeyEncodingError: if a key has no deterministic encoding.
    """
    if partitions == 1:
        return [bundle]
    if kind == SPREAD:
        return [bundle.take(slice((number - turn) % partitions, None, partitions)) for number in range(partitions)]
    assert kind == BY_KEY, kind
    chosen: list[list[int]] = [[] for _ in range(partitions)]
    try:
        keys = [key for key, _ in bundle.values]
    except (TypeError, ValueError) as error:
        raise not_a_pair(bundle, error) from error
    for position, owner in enumerate(partitions_of(keys, partitions)):
        chosen[owner].append(position)
    return [_pick(bundle, positions) for positions in chosen]


def _pick(bundle: Bundle, positions: list[int]) -> Bundle:
    columns = ([column[i] for i in positions] if type(column) is list else column
               for column in (bundle.timestamps, bundle.windows, bundle.panes))
    return Bundle([bundle.values[i] for i in positions], *columns)
