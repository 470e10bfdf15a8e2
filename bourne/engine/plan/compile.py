"""From a graph to a plan: the ordered passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bourne.engine.plan.check import check_plan
from bourne.engine.plan.dead_outputs import drop_dead_outputs
from bourne.engine.plan.flattens import remove_flattens
from bourne.engine.plan.fusion import fuse_producers
from bourne.engine.plan.lifting import lift_combiners
from bourne.engine.plan.siblings import fuse_siblings
from bourne.engine.plan.stage import Plan, initial_plan
from bourne.sdk.graph.graph import Graph

Pass = Callable[[Plan], Plan]

#: Flattens go first, since a union in front of an operator is simpler to reason about than an operator of its own.
#: Dead outputs go before lifting and fusion, so that nothing is lifted or kept apart for nobody. Combiners are
#: lifted before fusion, so that their first half fuses with whoever makes the values. Siblings are fused last, when
#: it is known which stages read from outside.
PASSES: tuple[Pass, ...] = (remove_flattens, drop_dead_outputs, lift_combiners, fuse_producers, fuse_siblings)

#: Without these the plan computes the same, slower: what tests compare with.
OPTIONAL: frozenset[Pass] = frozenset({drop_dead_outputs, lift_combiners, fuse_producers, fuse_siblings})


def compile_plan(graph: Graph, skip: frozenset[Pass] = frozenset()) -> Plan:
    """The plan of a graph after all passes.

    Args:
      graph: a graph that was checked.
      skip: optional passes to leave out.
    """
    return list(passes(graph, skip))[-1][1]


def passes(graph: Graph, skip: frozenset[Pass] = frozenset()) -> Iterator[tuple[str, Plan]]:
    """The plan before the first pass and after each, with the pass's name; checked every time."""
    plan = initial_plan(graph)
    yield 'initial', plan
    for one in PASSES:
        if one in skip and one in OPTIONAL:
            continue
        plan = one(plan)
        check_plan(plan)
        yield one.__name__, plan
