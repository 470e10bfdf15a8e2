"""Pass: sibling fusion. Stages that read the same blocks read them together, once."""

from __future__ import annotations

import attrs

from bourne.engine.plan.fusion import depends, in_order, stage_name
from bourne.engine.plan.stage import FORWARD, Op, Plan, Stage
from bourne.sdk.graph.nodes import Read


def fuse_siblings(plan: Plan) -> Plan:
    """Merges stages that get the same collections forwarded, unless one depends on the other."""
    groups: list[list[Op]] = []
    home: dict[str, int] = {}
    for stage in plan.stages:
        target = _sibling(stage, groups, home)
        if target is None:
            target = len(groups)
            groups.append([])
        groups[target] += stage.ops
        home.update(dict.fromkeys(stage.produced, target))
    return attrs.evolve(plan, stages=in_order([Stage(stage_name(ops), tuple(ops)) for ops in groups]))


def _sibling(stage: Stage, groups: list[list[Op]], home: dict[str, int]) -> int | None:
    if stage.entry != FORWARD or isinstance(stage.ops[0].payload, Read) or not stage.inputs:
        return None
    sides = {home[name] for name in stage.side_inputs}
    for number, ops in enumerate(groups):
        other = Stage('', tuple(ops))
        if other.entry == FORWARD and other.inputs == stage.inputs and not isinstance(ops[0].payload, Read) \
                and not any(depends(side, number, home, groups) for side in sides):
            return number
    return None
