"""What a task holds in memory, for the metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bourne.engine.blocks import Block
from bourne.engine.memory import resident
from bourne.engine.pace import Pace
from bourne.engine.plan.stage import BY_KEY
from bourne.engine.program.program import Program
from bourne.sdk.model.metric import BUNDLE_ELEMENTS, HELD_BYTES, RESIDENT_BYTES

#: Seconds between two looks at the memory of the process.
INTERVAL = 0.05


class Meter:
    """Watches a task, a bundle at a time.

    Args:
      program: what runs the task.
      blocks: the task's input, by collection.
      group_memory: how many bytes groups may take; ``None`` is no limit.
    """

    def __init__(self, program: Program, blocks: Mapping[str, list[Block]], group_memory: int | None) -> None:
        self._program = program
        self._bundles = program.metrics.distribution(program.stage.name, BUNDLE_ELEMENTS)
        self._input = _input_bytes(blocks, program.stage.entry == BY_KEY, group_memory)
        self._resident = 0
        self._due = time.monotonic() + INTERVAL

    def bundle(self, elements: int) -> None:
        """A bundle of so many elements has gone through the program."""
        self._bundles.update(elements)
        now = time.monotonic()
        if now >= self._due:
            self._due = now + INTERVAL
            self._resident = max(self._resident, resident())

    def finish(self, *paces: Pace) -> None:
        """Reports what the task took.

        Args:
          paces: those by which elements were taken.
        """
        program = self._program
        held = self._input + program.most_kept + sum(pace.largest for pace in paces)
        program.metrics.distribution(program.stage.name, HELD_BYTES).update(held)
        program.metrics.distribution(program.stage.name, RESIDENT_BYTES).update(max(self._resident, resident()))


def _input_bytes(blocks: Mapping[str, list[Block]], grouped: bool, group_memory: int | None) -> int:
    """About how many bytes of its input a task holds at a time: all of it, as far as it may, if it is grouped."""
    sizes = [block.size for found in blocks.values() for block in found]
    if not grouped:
        return max(sizes, default=0)
    return sum(sizes) if group_memory is None else min(sum(sizes), group_memory)
