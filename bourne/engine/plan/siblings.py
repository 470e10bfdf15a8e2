"""Pass: sibling fusion. Stages that read the same blocks read them together, once."""

from __future__ import annotations

import attrs

from bourne.engine.plan.fusion import depends, in_order, stage_name
from bourne.engine.plan.stage import FORWARD, Op, Plan, Stage
from bourne.sdk.graph.nodes import Read


def fuse_siblings(plan: Plan) -> Plan:
    """Merges stages that get the same collections forwarded, unless one depends on the other."""
    return _fuse(plan, gates=False)


def fuse_siblings_of_streams(plan: Plan) -> Plan:
    """The same, but a stage with side inputs stays alone, so that nothing else waits for them."""
    return _fuse(plan, gates=True)


def _fuse(plan: Plan, gates: bool) -> Plan:
    groups: list[list[Op]] = []
    home: dict[str, int] = {}
    for stage in plan.stages:
        target = None if gates and stage.side_inputs else _sibling(stage, groups, home, gates)
        if target is None:
            target = len(groups)
            groups.append([])
        groups[target] += stage.ops
        home.update(dict.fromkeys(stage.produced, target))
    if len(groups) == len(plan.stages):
        return plan
    return attrs.evolve(plan, stages=in_order([Stage(stage_name(ops), tuple(ops)) for ops in groups]))


def _sibling(stage: Stage, groups: list[list[Op]], home: dict[str, int], gates: bool) -> int | None:
    if stage.entry != FORWARD or isinstance(stage.ops[0].payload, Read) or not stage.inputs:
        return None
    sides = {home[name] for name in stage.side_inputs}
    for number, ops in enumerate(groups):
        other = Stage('', tuple(ops))
        if gates and other.side_inputs:
            continue
        if other.entry == FORWARD and other.inputs == stage.inputs and not isinstance(ops[0].payload, Read) \
                and not any(depends(side, number, home, groups) for side in sides):
            return number
    return None
