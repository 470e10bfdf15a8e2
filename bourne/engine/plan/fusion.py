"""Pass: producer-consumer fusion. An operator joins the stage that makes its input, where it can."""

from __future__ import annotations

import attrs

from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.sdk.graph.nodes import Write


def fuse_producers(plan: Plan) -> Plan:
    """Puts each operator into the stage of its producer, unless data must move in between.

    That is so if the operator needs an exchange, if its inputs come from several stages, if its input is what a
    sink's commit returns, or if one of its side inputs depends on the stage, which then could never be whole first.
    """
    return _fuse(plan, gates=False)


def fuse_producers_of_streams(plan: Plan) -> Plan:
    """The same, but an operator with side inputs starts a stage: that is where elements wait for them."""
    return _fuse(plan, gates=True)


def _fuse(plan: Plan, gates: bool) -> Plan:
    groups: list[list[Op]] = []
    home: dict[str, int] = {}
    for op in plan.ops:
        target = None if gates and op.side_inputs else _producer_stage(op, home, groups)
        if target is None:
            target = len(groups)
            groups.append([])
        groups[target].append(op)
        home.update(dict.fromkeys(op.outputs.values(), target))
    return attrs.evolve(plan, stages=in_order([Stage(stage_name(ops), tuple(ops)) for ops in groups]))


def _producer_stage(op: Op, home: dict[str, int], groups: list[list[Op]]) -> int | None:
    if op.starts_stage:
        return None
    makers = {home[name] for name in op.inputs}
    if len(makers) != 1:
        return None
    target = makers.pop()
    writes = [other for other in groups[target] if isinstance(other.payload, Write)]
    committed = {name for other in writes for name in other.outputs.values()}
    if committed.intersection(op.inputs):
        return None
    sides = {home[name] for names in op.side_inputs for name in names}
    return None if any(depends(side, target, home, groups) for side in sides) else target


def depends(group: int, on: int, home: dict[str, int], groups: list[list[Op]]) -> bool:
    """True if a group of operators is, or reads directly or indirectly from, another one."""
    waiting, seen = [group], set()
    while waiting:
        current = waiting.pop()
        if current == on:
            return True
        if current in seen:
            continue
        seen.add(current)
        waiting += [home[name] for op in groups[current]
                    for name in (*op.inputs, *(one for names in op.side_inputs for one in names))]
    return False


def stage_name(ops: list[Op]) -> str:
    """The name of a stage: its first operator's label, and how many follow."""
    return ops[0].label if len(ops) == 1 else f'{ops[0].label} +{len(ops) - 1}'


def in_order(stages: list[Stage]) -> tuple[Stage, ...]:
    """The stages in an order in which each comes after those that it reads from, otherwise as given."""
    maker = {name: number for number, stage in enumerate(stages) for name in stage.produced}
    needs = [{maker[name] for name in (*stage.inputs, *stage.side_inputs)} for stage in stages]
    done: set[int] = set()
    ordered: list[Stage] = []
    waiting = list(range(len(stages)))
    while waiting:
        ready = [number for number in waiting if needs[number] <= done]
        assert ready, 'the stages wait for each other'
        ordered += [stages[number] for number in ready]
        done.update(ready)
        waiting = [number for number in waiting if number not in done]
    return tuple(ordered)
