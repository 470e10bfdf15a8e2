"""Pass: combiner lifting. Values are combined before they move, and what moves are accumulators."""

from __future__ import annotations

import attrs

from bourne.engine.plan.stage import MergeCombine, Op, Plan, PreCombine
from bourne.sdk.graph.nodes import MAIN, Collection, Combine
from bourne.sdk.model.trigger import goes_by_elements
from bourne.sdk.model.window import TimestampCombiner


def lift_combiners(plan: Plan) -> Plan:
    """Splits each Combine that allows it into one PreCombine for each input and a MergeCombine.

    Not lifted are merging windows, whose elements are not yet in their final window, results whose timestamp depends on
    the elements' timestamps, which accumulators do not carry, and those of triggers that count elements.
    """
    if not any(isinstance(op.payload, Combine) for op in plan.ops):
        return plan
    collections = dict(plan.collections)
    taken = {op.label for op in plan.ops} | collections.keys()
    ops: list[Op] = []
    for op in plan.ops:
        if not isinstance(op.payload, Combine) or not _liftable(op, collections):
            ops.append(op)
            continue
        parts = []
        for number, name in enumerate(op.inputs):
            label = f'{op.label}/lifted' + (f'[{number}]' if number else '')
            while label in taken:  # by a label that the user gave
                label += "'"
            collections[label] = Collection(label, collections[name].windowing, collections[name].bounded)
            ops.append(Op(label, PreCombine(op.payload.fn), (name,), (), {MAIN: label}, op.location, op.hints, (0,),
                          op.label))
            parts.append(label)
        ops.append(attrs.evolve(op, inputs=tuple(parts), ports=(0,) * len(parts),
                                payload=MergeCombine(op.payload.fn, op.payload.default)))
    return attrs.evolve(plan, collections=collections).with_ops(ops)


def _liftable(op: Op, collections: dict[str, Collection]) -> bool:
    windowings = [collections[name].windowing for name in op.inputs]
    return all(not windowing.windowfn.is_merging() and not goes_by_elements(windowing.trigger)
               and windowing.timestamp_combiner == TimestampCombiner.OUTPUT_AT_EOW for windowing in windowings)
