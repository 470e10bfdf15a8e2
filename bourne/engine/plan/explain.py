"""Plans as text for people and golden files."""

from __future__ import annotations

from typing import Any

from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.combinefn import known_name
from bourne.sdk.model.known import Known, short
from bourne.sdk.model.stateful import stateful_parts


def explain(plan: Plan) -> str:
    """The plan as text: its stages with their operators, and the exchanges between them."""
    lines = []
    for number, stage in enumerate(plan.stages, 1):
        lines.append(f'stage {number}: {stage.name}')
        lines += [f'  {line}' for line in _stage_lines(stage)]
    numbers = {stage.name: number for number, stage in enumerate(plan.stages, 1)}
    exchanges = plan.exchanges
    if exchanges:
        lines.append('exchanges:')
        lines += [f'  {numbers[item.source]} -> {numbers[item.target]}  {item.kind}: {item.collection}'
                  for item in exchanges]
    return '\n'.join(lines) + '\n'


def _stage_lines(stage: Stage) -> list[str]:
    lines = []
    for op in stage.ops:
        lines.append(f'{op.kind} {op.label!r}{_detail(op)}')
        if op.inputs:
            lines.append(f'  reads {", ".join(op.inputs)}')
        lines += [f'  side input {number}: {", ".join(names)}' for number, names in enumerate(op.side_inputs)]
        tags = {tag: name for tag, name in op.outputs.items() if tag != MAIN}
        if MAIN not in op.outputs:
            lines.append('  main output unused')
        if tags:
            lines.append(f'  outputs {", ".join(sorted(tags))}')
    return lines


def _detail(op: Op) -> str:
    payload = op.payload
    fn: Any = getattr(payload, 'fn', None)
    if isinstance(fn, Known):
        return f' {fn.name}'
    if op.is_stateful:
        parts = stateful_parts(fn)
        names = [*parts.states, *(f'timer {name}' for name in parts.timers)] if parts is not None else []
        return f' remembers {", ".join(names)}'
    if op.kind in ('PreCombine', 'MergeCombine', 'Combine'):
        default = ' with default' if getattr(payload, 'default', False) else ''
        return f' {known_name(fn) or fn.default_label()}{default}'
    windowfn = getattr(payload, 'windowfn', None)
    if windowfn is not None:
        return f' {short(windowfn)}'
    sink = getattr(payload, 'sink', None)
    return f' in {sink.shards} shards' if sink is not None and sink.shards else ''
