"""Tables of accumulators are sent on when they take too much memory, whatever it is that takes it."""

from __future__ import annotations

from typing import Any

import pytest

from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate
from bourne.engine.pace import Pace
from bourne.engine.plan.compile import compile_plan
from bourne.engine.program.program import Program
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.combiners import Largest, ToListCombineFn
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map

MEMORY = 400_000
#: Bundles have as many elements as are about a sixteenth of the memory.
SHARE = MEMORY // 16


class Filled:
    """A program that combines per key, and the bundles of accumulators that left it."""

    def __init__(self, fn: Any, memory: float) -> None:
        p = Pipeline()
        p | 'pairs' >> Create([(0, 0)]) | CombinePerKey(fn) | Map(print)
        plan = compile_plan(p.to_graph())
        self.left: list[Bundle] = []
        self.program = Program(plan, plan.stages[0], table_memory=memory)
        self.program.open()
        self.program.begin({}, lambda name, bundle: self.left.append(bundle), Pace(1 << 20, 100))

    def fill(self, pairs: list[Any]) -> None:
        count = max(1, SHARE * len(pairs) // estimate(Bundle(pairs)))
        for start in range(0, len(pairs), count):
            self.program.process(Bundle(pairs[start:start + count]), 'pairs')


@pytest.mark.parametrize(('fn', 'pairs', 'least', 'most'), [
    # 50,000 numbers of 32 bytes and their places in ten lists: five times the memory.
    (ToListCombineFn(), [(n % 10, n + 1000) for n in range(50_000)], 4, 12),
    # The same in one list, and in one of a hundred.
    (ToListCombineFn(), [(0, n + 1000) for n in range(50_000)], 4, 12),
    (ToListCombineFn(), [(n % 200 if n % 2 else 0, n + 1000) for n in range(50_000)], 4, 16),
    # 300 accumulators of about a thousand bytes: there is nearly room for them.
    (Largest(10), [(n % 300, n + 1000) for n in range(50_000)], 0, 12),
    # Few numbers: there is room for them.
    (sum, [(n % 100, n) for n in range(50_000)], 0, 0),
    # Many keys: 20,000 of at least 400 bytes.
    (sum, [(n, n) for n in range(20_000)], 15, 21),
    # Few large texts, of which one is kept for each key.
    (max, [(n, f'{n:06}' * 2_000) for n in range(300)], 6, 20),
], ids=['lists', 'a list', 'a hot key', 'the best', 'sums', 'many sums', 'texts'])
def test_accumulators_leave_when_they_take_too_much(fn: Any, pairs: list[Any], least: int, most: int) -> None:
    filled = Filled(fn, MEMORY)
    filled.fill(pairs)
    assert least <= len(filled.left) <= most, filled.program.most_kept
    assert filled.program.most_kept < 2 * MEMORY
    unbounded = Filled(fn, float('inf'))
    unbounded.fill(pairs)
    assert unbounded.left == []
