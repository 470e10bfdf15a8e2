"""The watermarks of a stage in one host, as formulas. All are microseconds of event time and never go back.

::

    I(s) = min over the collections c that stage s reads, and over all hosts h, of W(c, h)
    I(s) = min over the splits p of the source, of R(p)                            if s reads a source
    R(p) = what the reader says; MIN before it was polled, MAX once it has ended
    O(s) = min(I(s), hold of what stands at the head of s)
    W(c) = O(s)                                                                    for c made by s
    W(c) = min over p of (T(p) - delay)       if c is behind a ``WithTimestamps(..., out_of_orderness=delay)``

``T(p)`` is the greatest timestamp that came from split ``p``: MIN before any, and the term is MAX once the split has
ended. In a stage that reads no source there is a single ``p``, which has ended when ``I(s)`` is MAX. See Akidau et al.,
"The Dataflow Model" (VLDB 2015), and for the watermark of bounded disorder Akidau et al., "Watermarks in Stream
Processing Systems" (VLDB 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bourne.engine.plan.stage import Stage
from bourne.sdk.graph.nodes import ParDo
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS


def delays(stage: Stage) -> dict[int, int]:
    """The numbers of the operators that make a watermark from the data, and by how much it stays behind."""
    return {number: op.payload.out_of_orderness for number, op in enumerate(stage.ops)
            if isinstance(op.payload, ParDo) and op.payload.out_of_orderness is not None}


class Tops:
    """The greatest timestamps that operators with a watermark of their own have seen, by split.

    Args:
      numbers: the operators.
      splits: identifies each split.
    """

    def __init__(self, numbers: Iterable[int], splits: Iterable[Any]) -> None:
        self._tops = {number: dict.fromkeys(splits, MIN_MICROS) for number in numbers}

    def seen(self, split: Any, tops: Mapping[int, int]) -> None:
        """Takes in what operators have seen of a split."""
        for number, top in tops.items():
            if top > self._tops[number][split]:
                self._tops[number][split] = top

    def ended(self, split: Any) -> None:
        """Nothing more comes from a split."""
        for tops in self._tops.values():
            tops[split] = MAX_MICROS

    def watermark(self, number: int, delay: int) -> int:
        """The watermark that an operator makes."""
        return _behind(min(self._tops[number].values(), default=MAX_MICROS), delay)

    def of_split(self, number: int, split: Any, delay: int) -> int:
        """The watermark that an operator would make if there were this split only."""
        return _behind(self._tops[number][split], delay)


def _behind(top: int, delay: int) -> int:
    return top if top in (MIN_MICROS, MAX_MICROS) else max(MIN_MICROS, top - delay)


def spread(stage: Stage, base: int, own: Mapping[int, int]) -> dict[str, int]:
    """The watermark of each collection that a stage makes.

    Args:
      stage: the stage.
      base: the watermark of what comes into its loops.
      own: the watermarks that operators make, by number.
    """
    if not own:
        return dict.fromkeys(stage.produced, base)
    found: dict[str, int] = {}
    for number, op in enumerate(stage.ops):
        before = min((found.get(name, base) for name in op.inputs), default=base)
        found.update(dict.fromkeys(op.outputs.values(), own.get(number, before)))
    return found
