"""A graph's transforms as the tree that their labels make, and the words that people read for them.

Text, Mermaid and the picture all start here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from bourne.sdk.graph.nodes import Collection, Combine, Composite, ParDo, Payload, Read, Transform, WindowInto, Write
from bourne.sdk.model.combinefn import known_name
from bourne.sdk.model.known import Known, short
from bourne.sdk.model.timestamp import Duration
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing

if TYPE_CHECKING:
    from bourne.sdk.graph.graph import Graph

_STYLES = {'dofn': 'ParDo', 'map': 'Map', 'flat_map': 'FlatMap', 'filter': 'Filter', 'timestamp': 'WithTimestamps'}


class Branch:
    """A transform in the tree.

    Args:
      node: a primitive transform, or a composite with the transforms that it is made of.
      name: its label within the composite around it.

    Attributes:
      children: the parts of a composite, in the order in which they were applied.
    """

    def __init__(self, node: Transform | Composite, name: str) -> None:
        self.node = node
        self.name = name
        self.children: list[Branch] = []

    def leaves(self) -> list[Transform]:
        """The primitive transforms in it, in order."""
        if isinstance(self.node, Transform):
            return [self.node]
        return [leaf for child in self.children for leaf in child.leaves()]

    def words(self) -> str:
        """What it is: kind and detail of a primitive transform, the class of a composite."""
        if isinstance(self.node, Transform):
            return f'{kind(self.node.payload)} {detail(self.node.payload)}'.rstrip()
        return self.node.name or 'composite'


def outline(graph: Graph) -> list[Branch]:
    """The outermost transforms of a graph, each with all that is in it.

    Args:
      graph: a graph that is well formed. A parent that it does not have counts as none.
    """
    composites = {item.label: Branch(item, item.label) for item in graph.composites}
    roots: list[Branch] = []

    def place(branch: Branch) -> None:
        parent = composites.get(branch.node.parent)
        if parent is not None:
            branch.name = branch.node.label.removeprefix(f'{branch.node.parent}/')
        (roots if parent is None else parent.children).append(branch)

    placed: set[str] = set()

    def place_around(label: str) -> None:
        if label in composites and label not in placed:
            placed.add(label)
            place_around(composites[label].node.parent)
            place(composites[label])

    for transform in graph.transforms:
        place_around(transform.parent)
        place(Branch(transform, transform.label))
    for composite in graph.composites:  # those without any primitive in them
        place_around(composite.label)
    return roots


def kind(payload: Payload) -> str:
    """What a primitive transform is, in one word: ``Map``, ``Read``, ``GroupByKey``, ..."""
    return _STYLES[payload.style] if isinstance(payload, ParDo) else type(payload).__name__


def detail(payload: Payload) -> str:
    """What there is to say of a primitive transform besides its kind, or ``''``."""
    match payload:
        case Read(source=source):
            return type(source).__name__
        case Write(sink=sink):
            return type(sink).__name__
        case WindowInto(windowfn=windowfn):
            return spelled(windowfn)
        case Combine(fn=fn, default=default):
            return (known_name(fn) or str(fn.default_label())) + ' with default' * default
        case ParDo(fn=Known(name=name)):
            return name
    return ''


def windowing(strategy: Windowing) -> str:
    """What a windowing strategy says that the default one does not: ``FixedWindows(60), trigger AfterCount(1)``."""
    default = DEFAULT_WINDOWING
    parts = [spelled(strategy.windowfn)] if strategy.windowfn != default.windowfn else []
    if strategy.trigger != default.trigger:
        parts.append(f'trigger {spelled(strategy.trigger)}')
    if strategy.accumulation_mode != default.accumulation_mode:
        parts.append(strategy.accumulation_mode)
    if strategy.timestamp_combiner != default.timestamp_combiner:
        parts.append(f'timestamps {strategy.timestamp_combiner}')
    if strategy.allowed_lateness != default.allowed_lateness:
        parts.append(f'lateness {spelled(strategy.allowed_lateness)}')
    return ', '.join(parts)


def traits(collection: Collection) -> str:
    """The element type of a collection, its windowing if it is not the default, and whether it is unbounded."""
    parts = (collection.type, windowing(collection.windowing), '' if collection.bounded else 'unbounded')
    return ', '.join(filter(None, parts))


def spelled(value: Any) -> str:
    """A value of the model as a user would write it: ``SlidingWindows(60, 10)``; never with an address."""
    if isinstance(value, Duration):
        return f'{value.micros / 1_000_000:.15g}'
    if not attrs.has(type(value)):
        text = short(value)
        return type(value).__name__ if ' at 0x' in text else text
    arguments: list[str] = []
    for field in attrs.fields(type(value)):
        item = getattr(value, field.name)
        if isinstance(item, tuple):
            arguments += map(spelled, item)
        elif field.default is attrs.NOTHING:
            arguments.append(spelled(item))
        elif item != field.default:
            arguments.append(f'{field.name}={spelled(item)}')
    return f'{type(value).__name__}({", ".join(arguments)})'
