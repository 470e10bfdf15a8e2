"""The ends of a plan, its sources and sinks, looked at before anything runs: what is missing is found at once."""

from __future__ import annotations

from bourne.engine.plan.stage import Plan
from bourne.engine.program.notes import annotate
from bourne.sdk.graph.nodes import Read, Write


def check_ends(plan: Plan) -> None:
    """Has every source and sink of a plan refuse what cannot work.

    Raises:
      Exception: the first one's own error, with a note that says which it was.
    """
    for stage in plan.stages:
        for number, op in enumerate(stage.ops):
            try:
                if isinstance(op.payload, Read):
                    op.source.check()
                elif isinstance(op.payload, Write):
                    op.sink.check()
            except Exception as error:
                annotate(error, stage, {}, (number, 'check'))
                raise
