"""Exchanges: which partition of the next stage an element goes to."""

from __future__ import annotations

from bourne.engine.bundle import Bundle
from bourne.engine.keyhash import partitions_of
from bourne.engine.plan.stage import BY_KEY, SPREAD


def partition(bundle: Bundle, kind: str, partitions: int, turn: int = 0) -> list[Bundle]:
    """A bundle as one for each partition of the reading stage.

    Args:
      bundle: the elements; pairs if they go by key.
      kind: the kind of exchange.
      partitions: how many partitions the reading stage has.
      turn: a number that differs from bundle to bundle, so that small ones do not all begin with partition 0.
    """
    if partitions == 1:
        return [bundle]
    if kind == SPREAD:
        return [bundle.take(slice((number - turn) % partitions, None, partitions)) for number in range(partitions)]
    assert kind == BY_KEY, kind
    chosen: list[list[int]] = [[] for _ in range(partitions)]
    for position, owner in enumerate(partitions_of([key for key, _ in bundle.values], partitions)):
        chosen[owner].append(position)
    return [_pick(bundle, positions) for positions in chosen]


def _pick(bundle: Bundle, positions: list[int]) -> Bundle:
    columns = ([column[i] for i in positions] if type(column) is list else column
               for column in (bundle.timestamps, bundle.windows, bundle.panes))
    return Bundle([bundle.values[i] for i in positions], *columns)
