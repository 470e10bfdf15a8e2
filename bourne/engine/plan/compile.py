"""From a graph to a plan: the ordered passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bourne.engine.plan.check import check_plan
from bourne.engine.plan.dead_outputs import drop_dead_outputs
from bourne.engine.plan.flattens import remove_flattens
from bourne.engine.plan.fusion import fuse_producers, fuse_producers_of_streams
from bourne.engine.plan.lifting import lift_combiners
from bourne.engine.plan.siblings import fuse_siblings, fuse_siblings_of_streams
from bourne.engine.plan.stage import Plan, initial_plan
from bourne.sdk.graph.graph import Graph

Pass = Callable[[Plan], Plan]

#: Flattens go first, since a union in front of an operator is simpler to reason about than an operator of its own.
#: Dead outputs go before lifting and fusion, so that nothing is lifted or kept apart for nobody. Combiners are
#: lifted before fusion, so that their first half fuses with whoever makes the values. Siblings are fused last, when
#: it is known which stages read from outside.
PASSES: tuple[Pass, ...] = (remove_flattens, drop_dead_outputs, lift_combiners, fuse_producers, fuse_siblings)

#: In a stream nothing is lifted: what an accumulator stands for could not be told when it comes late, and a trigger
#: counts elements. And elements wait for their side inputs in front of a stage.
STREAM_PASSES: tuple[Pass, ...] = (remove_flattens, drop_dead_outputs, fuse_producers_of_streams,
                                   fuse_siblings_of_streams)

#: Without these the plan computes the same, slower: what tests compare with.
OPTIONAL: frozenset[Pass] = frozenset({
    drop_dead_outputs, lift_combiners, fuse_producers, fuse_producers_of_streams, fuse_siblings,
    fuse_siblings_of_streams})


def compile_plan(graph: Graph, skip: frozenset[Pass] = frozenset(), streaming: bool = False) -> Plan:
    """The plan of a graph after all passes.

    Args:
      graph: a graph that was checked.
      skip: optional passes to leave out.
      streaming: the plan is for a stream.
    """
    return list(passes(graph, skip, streaming))[-1][1]


def passes(graph: Graph, skip: frozenset[Pass] = frozenset(), streaming: bool = False) -> Iterator[tuple[str, Plan]]:
    """The plan before the first pass and after each, with the pass's name; checked whenever one changed it."""
    plan = initial_plan(graph)
    yield 'initial', plan
    for one in STREAM_PASSES if streaming else PASSES:
        if one in skip and one in OPTIONAL:
            continue
        before, plan = plan, one(plan)
        if plan is not before:
            check_plan(plan)
        yield one.__name__, plan
