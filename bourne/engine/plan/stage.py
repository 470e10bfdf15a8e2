"""The plan: operators in stages, joined by exchanges. Immutable; passes make new plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import attrs

from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import (
    Collection,
    Combine,
    GroupByKey,
    ParDo,
    Payload,
    Read,
    Reshuffle,
    Write,
)
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink
from bourne.sdk.model.source import Source
from bourne.sdk.model.stateful import is_stateful_dofn

FORWARD = 'forward'
BY_KEY = 'by key'
SPREAD = 'spread'
BROADCAST = 'broadcast'


@portable
@attrs.frozen(repr=False)
class PreCombine:
    """Combines the values of each key as far as one task sees them, before they move. Made by combiner lifting."""

    fn: Any


@portable
@attrs.frozen(repr=False)
class MergeCombine:
    """Merges what :class:`PreCombine` made of a key, and extracts the result."""

    fn: Any
    default: bool = False


OpPayload = Payload | PreCombine | MergeCombine


@attrs.frozen
class Op:
    """An operator: a primitive transform, or what a pass made of one.

    Attributes:
      label: the full label of the transform, with a suffix where a pass made several of one.
      payload: what it does.
      inputs: collections whose union is its input.
      side_inputs: for each side input, the collections whose union it is.
      outputs: its output collections by tag, those that somebody reads.
      ports: for a grouping of several inputs, the number of the input that each collection belongs to.
      lifted_from: the label of the transform that a pass made this of; ``''`` if it is one itself.
      location: the user's ``file:line``.
      hints: resource hints.
    """

    label: str
    payload: OpPayload
    inputs: tuple[str, ...] = ()
    side_inputs: tuple[tuple[str, ...], ...] = ()
    outputs: Mapping[str, str] = attrs.field(factory=dict)
    location: str = ''
    hints: Mapping[str, Any] = attrs.field(factory=dict)
    ports: tuple[int, ...] = ()
    lifted_from: str = ''

    @property
    def user_label(self) -> str:
        """The label of the transform that the user wrote."""
        return self.lifted_from or self.label

    @property
    def entry(self) -> str | None:
        """The kind of exchange through which the operator must get its input, or ``None`` if any will do."""
        match self.payload:
            case GroupByKey() | Combine() | MergeCombine():
                return BY_KEY
            case ParDo() if self.is_stateful:
                return BY_KEY
            case Reshuffle():
                return SPREAD
            case Write(sink=sink) if sink.shards is not None:
                return SPREAD
        return None

    @property
    def fn(self) -> CombineFn:
        """The function of an operator that combines."""
        assert isinstance(self.payload, (Combine, PreCombine, MergeCombine)), self.payload
        fn: CombineFn = self.payload.fn
        return fn

    @property
    def source(self) -> Source[Any]:
        """The source of an operator that reads."""
        assert isinstance(self.payload, Read), self.payload
        source: Source[Any] = self.payload.source
        return source

    @property
    def sink(self) -> Sink[Any]:
        """The sink of an operator that writes."""
        assert isinstance(self.payload, Write), self.payload
        sink: Sink[Any] = self.payload.sink
        return sink

    @property
    def starts_stage(self) -> bool:
        """True if nothing can come before the operator in its stage."""
        return isinstance(self.payload, Read) or self.entry is not None

    @property
    def is_stateful(self) -> bool:
        """True if it calls a function that has state or timers."""
        return isinstance(self.payload, ParDo) and is_stateful_dofn(self.payload.fn)

    @property
    def is_root(self) -> bool:
        """True if it gets the stage's input before any loop does. A stateful one is part of the first loop."""
        return self.starts_stage and not self.is_stateful

    @property
    def kind(self) -> str:
        """What it is, in one word, for people."""
        if isinstance(self.payload, ParDo):
            return {'dofn': 'ParDo', 'map': 'Map', 'flat_map': 'FlatMap', 'filter': 'Filter',
                    'timestamp': 'WithTimestamps'}[self.payload.style]
        return type(self.payload).__name__


@attrs.frozen(slots=False)
class Stage:
    """Operators that run together, in one program.

    Attributes:
      name: unique in the plan, derived from its operators' labels.
      ops: the operators, each after those that it reads from.
    """

    name: str
    ops: tuple[Op, ...]

    @cached_property
    def produced(self) -> frozenset[str]:
        """The collections that its operators make."""
        return frozenset(name for op in self.ops for name in op.outputs.values())

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The collections that it reads from other stages as main input."""
        produced = self.produced
        first = next((op for op in self.ops if not produced.intersection(op.inputs)), self.ops[0])
        return first.inputs

    @cached_property
    def side_inputs(self) -> tuple[str, ...]:
        """The collections that it reads as side inputs."""
        return tuple(dict.fromkeys(name for op in self.ops for names in op.side_inputs for name in names))

    @property
    def entry(self) -> str:
        """The kind of exchange through which its main input comes."""
        return self.ops[0].entry or FORWARD

    @property
    def sinks(self) -> tuple[Op, ...]:
        """Its writing operators."""
        return tuple(op for op in self.ops if isinstance(op.payload, Write))


class Exchange(NamedTuple):
    """The way of a collection from the stage that makes it into one that reads it.

    Attributes:
      collection: what moves.
      kind: ``forward`` (blocks as they are), ``by key`` (equal keys meet), ``spread`` (evenly) or ``broadcast``
        (everything to everyone: side inputs).
      source: the name of the stage that makes it.
      target: the name of the stage that reads it.
    """

    collection: str
    kind: str
    source: str
    target: str


@attrs.frozen
class Plan:
    """How a graph will run.

    Attributes:
      stages: in an order in which they can run.
      collections: all collections by id, also those that passes made.
    """

    stages: tuple[Stage, ...]
    collections: Mapping[str, Collection]

    @property
    def ops(self) -> Iterator[Op]:
        """All operators."""
        return (op for stage in self.stages for op in stage.ops)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All ways between stages, in the order of the reading stages."""
        makers = {name: stage.name for stage in self.stages for name in stage.produced}
        found = []
        for stage in self.stages:
            found += [Exchange(name, stage.entry, makers[name], stage.name) for name in stage.inputs]
            found += [Exchange(name, BROADCAST, makers[name], stage.name) for name in stage.side_inputs]
        return tuple(found)

    def readers(self) -> dict[str, list[Op]]:
        """The operators that read each collection, as main or side input."""
        found: dict[str, list[Op]] = {}
        for op in self.ops:
            for name in dict.fromkeys((*op.inputs, *(one for names in op.side_inputs for one in names))):
                found.setdefault(name, []).append(op)
        return found

    def with_ops(self, ops: Iterator[Op] | list[Op]) -> Plan:
        """The plan with these operators, each in a stage of its own."""
        return attrs.evolve(self, stages=tuple(Stage(op.label, (op,)) for op in ops))


def initial_plan(graph: Graph) -> Plan:
    """Every transform an operator in a stage of its own."""
    ops = [Op(t.label, t.payload, t.inputs, tuple((name,) for name in t.side_inputs), dict(t.outputs), t.location,
              dict(t.hints), tuple(range(len(t.inputs)))) for t in graph.transforms]
    return Plan((), dict(graph.collections)).with_ops(ops)


