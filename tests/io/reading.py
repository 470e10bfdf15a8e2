"""Reads sources as an engine does: split by split, poll by poll, with stops and restarts in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any

from bourne.sdk.model.source import Source


def read_all(source: Source[Any], desired: int = 1) -> list[Any]:
    """All elements of a source, in the order of its splits."""
    return [value for split in source.splits(desired) for value in read_split(source, split)]


def read_split(source: Source[Any], split: Any, counts: Iterable[int] = (), **limits: int) -> list[Any]:
    """All elements of a split.

    Args:
      source: the source.
      split: one of its splits.
      counts: after so many elements each, the reader is closed and another one goes on at its position.
      limits: the arguments of the polls.
    """
    values: list[Any] = []
    position = None
    for count in counts:
        with closing(source.open(split, position)) as reader:
            assert position in (None, reader.position)
            records = reader.poll(max_records=count)
            values += records.values if records is not None else []
            position = reader.position
    with closing(source.open(split, position)) as reader:
        while (records := reader.poll(**limits)) is not None:
            values += records.values
        assert reader.poll() is None
    return values


def positions(source: Source[Any], split: Any, max_records: int) -> Iterator[tuple[int, Any]]:
    """How many elements were read, and the position, after each poll."""
    with closing(source.open(split)) as reader:
        count = 0
        while (records := reader.poll(max_records)) is not None:
            count += len(records.values)
            yield count, reader.position


def cuts(size: int, at: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges that cover ``[0, size)`` and are cut at the given places, as far as these are inside."""
    bounds = sorted({0, size, *(place % (size + 1) for place in at)})
    return list(pairwise(bounds))
