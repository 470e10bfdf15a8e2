"""What the operators of a stage read and write: which collections stay in a loop and which leave it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.sdk.graph.nodes import Collection
from bourne.sdk.model.window import WindowFn


class Port(NamedTuple):
    """Where elements leave a loop.

    Attributes:
      kind: ``out`` (other stages read it), ``loop`` (another loop of this stage goes on) or ``sink``.
      name: the collection, or for a sink the label of the writing operator.
    """

    kind: str
    name: str


class Layout:
    """The operators of a stage, and who reads which collection.

    Args:
      plan: the plan.
      stage: one of its stages.
    """

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self.stage = stage
        self.ops: tuple[Op, ...] = stage.ops
        self.collections: dict[str, Collection] = {
            name: plan.collections[name] for op in stage.ops for name in (*op.inputs, *op.outputs.values())}
        self._numbers = {name: number for number, name in enumerate(self.collections)}
        self._readers: dict[str, list[int]] = {name: [] for name in self.collections}
        self._makers = {name: number for number, op in enumerate(stage.ops) for name in op.outputs.values()}
        unions: set[str] = set()
        for number, op in enumerate(self.ops):
            if number == 0 and op.is_root:
                continue
            for name, times in Counter(op.inputs).items():
                self._readers[name] += [number] * times
            if len(op.inputs) > 1:
                unions.update(op.inputs)
        outside = {name for other in plan.stages if other is not stage for name in (*other.inputs, *other.side_inputs)}
        self.outs = stage.produced & outside
        self._inline = {name for name, readers in self._readers.items() if readers and name not in unions}

    @property
    def root(self) -> Op | None:
        """The operator that gets the stage's input before any loop does, if there is one."""
        return self.ops[0] if self.ops[0].is_root else None

    def number(self, collection: str) -> int:
        """A collection's number in this stage."""
        return self._numbers[collection]

    def windowfn(self, collection: str) -> WindowFn:
        """The window function of a collection."""
        return self.collections[collection].windowing.windowfn

    def unread(self, number: int) -> int:
        """The number under which the main output of an operator is counted that nobody reads."""
        return len(self._numbers) + number

    def maker(self, collection: str) -> int:
        """The number of the operator whose output the collection is."""
        return self._makers[collection]

    def is_read(self, collection: str) -> bool:
        """True if an operator of the stage's loops reads the collection."""
        return bool(self._readers[collection])

    def is_inline(self, collection: str) -> bool:
        """True if those who read a collection may stand in the loop that makes it."""
        return collection in self._inline

    def readers(self, collection: str) -> list[int]:
        """Numbers of the operators that read a collection in loops, one that reads it twice twice."""
        return self._readers[collection]
