"""The accumulators of a program's PreCombines, and about how many bytes they take.

Accumulators may grow (all values of a key, as a list), and may be large from the start, so that their number says
little. They are weighed on a sample: not after every bundle, but when about a sixteenth of the memory may have come to
them since the last time, by what they grew then for each element.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.memory import ENTRY, SAMPLE, estimate
from bourne.engine.pace import Pace
from bourne.engine.plan.stage import Op, PreCombine

#: Into how many steps the memory is divided, and after how many elements accumulators are weighed at the latest.
STEPS = 16
MOST = 1 << 20
#: What a place in a table takes, besides the pair in it.
PLACE = 100


class Tables:
    """The tables of a stage.

    Args:
      ops: the stage's operators.
      memory: how many bytes they may take.

    Attributes:
      by_op: accumulators by raw window and key, by the number of the operator.
      entries: how many accumulators there were when :meth:`took` was last called.
    """

    def __init__(self, ops: Iterable[Op], memory: float = math.inf) -> None:
        self.by_op: dict[int, dict[Any, dict[Any, Any]]] = {
            number: defaultdict(dict) for number, op in enumerate(ops) if isinstance(op.payload, PreCombine)}
        self._memory = memory
        self.emptied()

    def __bool__(self) -> bool:
        return bool(self.by_op)

    def emptied(self) -> None:
        """All of it was sent on."""
        self.entries = self._since = self._size = self._weighed = 0
        self._pace = Pace(int(min(self._memory, 1 << 62)) // STEPS, 1, MOST)

    @property
    def size(self) -> int:
        """About how many bytes they took then, as far as is known."""
        return self._size + ENTRY * (self.entries - self._weighed)

    @property
    def full(self) -> bool:
        """True if that is more than they may take."""
        return self.size > self._memory

    def took(self, elements: int) -> None:
        """So many more elements were combined."""
        self.entries = sum(len(table) for tables in self.by_op.values() for table in tables.values())
        self._since += elements
        if self._since < self._pace.limit or not self.entries or self._memory == math.inf:
            return
        before, self._size, self._weighed = self._size, self._weigh(), self.entries
        self._pace.add(max(0, self._size - before))
        self._pace.took(self._since)
        self._since = 0

    def _weigh(self) -> int:
        size = 0.0
        for tables in self.by_op.values():
            filled = [table for table in tables.values() if table]
            sample = filled[::max(1, len(filled) // SAMPLE)]
            if sample:
                size += sum(map(_weight, sample)) * len(filled) / len(sample)
        return int(size)


def _weight(table: dict[Any, Any]) -> float:
    """About how many bytes a table takes. What was in it first counts for itself alone: these are often hot keys."""
    count = len(table)
    size = float(estimate(Bundle(list(islice(table.items(), SAMPLE)))))
    if count > SAMPLE:
        rest = list(islice(table.items(), SAMPLE, None, max(1, (count - SAMPLE) // SAMPLE)))
        size += estimate(Bundle(rest)) * (count - SAMPLE) / len(rest)
    return max(size + PLACE * count, ENTRY * count)
