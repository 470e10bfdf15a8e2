"""The plan's invariants, checked after every pass."""

from __future__ import annotations

from bourne.engine.plan.stage import Plan, Stage
from bourne.errors import ExecutionError


def check_plan(plan: Plan) -> None:
    """Checks that every collection has one producer that comes first, and that each stage has one way in.

    Raises:
      ExecutionError: if a pass broke the plan; that is a bug in bourne.
    """
    produced: set[str] = set()
    labels: set[str] = set()
    for stage in plan.stages:
        outside = (set(stage.inputs) | set(stage.side_inputs)) - stage.produced
        missing = outside - produced
        if missing:
            raise ExecutionError(f'plan: stage {stage.name!r} reads {sorted(missing)} before they are made')
        if set(stage.side_inputs) & stage.produced:
            raise ExecutionError(f'plan: stage {stage.name!r} reads its own output as a side input')
        for name in stage.produced:
            if name in produced or name not in plan.collections:
                raise ExecutionError(f'plan: the collection {name!r} is made twice or unknown')
        _check_stage(stage, labels)
        produced |= stage.produced
    if produced != set(plan.collections):
        raise ExecutionError(f'plan: nothing makes {sorted(set(plan.collections) - produced)}')


def _check_stage(stage: Stage, labels: set[str]) -> None:
    known = set(stage.inputs)
    made: set[str] = set()
    for number, op in enumerate(stage.ops):
        if op.label in labels:
            raise ExecutionError(f'plan: two operators are labelled {op.label!r}')
        labels.add(op.label)
        if number and op.starts_stage:
            raise ExecutionError(f'plan: {op.label!r} cannot stand inside of stage {stage.name!r}')
        inside = set(op.inputs) <= made and op.inputs
        if not inside and op.inputs != stage.inputs:
            raise ExecutionError(f'plan: {op.label!r} reads {op.inputs}, and its stage reads {sorted(known)}')
        made.update(op.outputs.values())
