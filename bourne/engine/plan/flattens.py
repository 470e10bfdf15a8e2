"""Pass: a Flatten disappears; whoever read its output reads all of its inputs."""

from __future__ import annotations

import attrs

from bourne.engine.plan.stage import Op, Plan
from bourne.sdk.graph.nodes import MAIN, Flatten


def remove_flattens(plan: Plan) -> Plan:
    """Puts a Flatten's inputs in place of its output wherever that is read."""
    if not any(isinstance(op.payload, Flatten) for op in plan.ops):
        return plan
    union: dict[str, tuple[str, ...]] = {}

    def expand(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(part for name in names for part in union.get(name, (name,)))

    kept: list[Op] = []
    for op in plan.ops:
        inputs = expand(op.inputs)
        if isinstance(op.payload, Flatten):
            union[op.outputs[MAIN]] = inputs
        else:
            ports = tuple(port for name, port in zip(op.inputs, op.ports, strict=True) for _ in expand((name,)))
            kept.append(attrs.evolve(op, inputs=inputs, side_inputs=tuple(map(expand, op.side_inputs)), ports=ports))
    collections = {name: item for name, item in plan.collections.items() if name not in union}
    return attrs.evolve(plan, collections=collections).with_ops(kept)
