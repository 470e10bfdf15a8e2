"""Pass: outputs that nobody reads are not made. Transforms stay, since they may have effects."""

from __future__ import annotations

import attrs

from bourne.engine.plan.stage import Plan
from bourne.sdk.graph.nodes import WindowInto
from bourne.sdk.model.known import Known


def drop_dead_outputs(plan: Plan) -> Plan:
    """Drops outputs without a reader, and operators that only rearrange for nobody."""
    ops = list(plan.ops)
    while True:
        read = {name for op in ops for name in (*op.inputs, *(one for names in op.side_inputs for one in names))}
        if all(name in read for op in ops for name in op.outputs.values()):
            break
        kept = [attrs.evolve(op, outputs={tag: name for tag, name in op.outputs.items() if name in read})
                for op in ops]
        ops = [op for op in kept if op.outputs or not _pure(op.payload)]
    alive = {name for op in ops for name in op.outputs.values()}
    collections = {name: item for name, item in plan.collections.items() if name in alive}
    return attrs.evolve(plan, collections=collections).with_ops(ops)


def _pure(payload: object) -> bool:
    return isinstance(payload, WindowInto) or isinstance(getattr(payload, 'fn', None), Known)
