"""``Graph``: a whole pipeline, as it was described."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import attrs

from bourne.sdk.graph import json
from bourne.sdk.graph.nodes import Collection, Composite, Transform

#: What shows graphs to people; imported only when one is shown.
TEXT = 'bourne.sdk.graph.text'
MERMAID = 'bourne.sdk.graph.mermaid'
PICTURE = 'bourne.sdk.graph.picture'


@attrs.frozen
class Graph:
    """A whole pipeline, as it was described: immutable, serialisable, without any execution.

    Attributes:
      transforms: the primitives, each after those that produce its inputs.
      collections: the collections by id.
      composites: the composites, outer ones first.
      options: the pipeline's options, plain data.
      isolated: its user functions are copies that nobody else has.
    """

    transforms: tuple[Transform, ...] = ()
    collections: Mapping[str, Collection] = attrs.field(factory=dict)
    composites: tuple[Composite, ...] = ()
    options: Mapping[str, Any] = attrs.field(factory=dict)
    isolated: bool = attrs.field(default=False, eq=False)

    def to_json(self, indent: int | None = None) -> str:
        """The graph as JSON text, with a version; user functions are in it as pickled bytes.

        Args:
          indent: spaces of indentation, or ``None`` for one compact line.

        Raises:
          bourne.errors.PickleError: if a user function cannot be serialised; names transform and variable.
        """
        return json.to_json(self, indent)

    @classmethod
    def from_json(cls, source: str) -> Graph:
        """The graph of :meth:`to_json`'s text. Loading it can run code: its user functions are pickled.

        Raises:
          bourne.errors.GraphError: if the text is not such a graph, is of an unknown version, or holds a transform
            of an unknown kind.
        """
        return cls(**json.from_json(source), isolated=True)

    def to_text(self) -> str:
        """The graph as an indented tree for people, as ``bourne explain`` prints it."""
        shown: str = import_module(TEXT).to_text(self)
        return shown

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flowchart, to be pasted into Markdown."""
        shown: str = import_module(MERMAID).to_mermaid(self)
        return shown

    def to_svg(self) -> str:
        """The outermost transforms as an SVG image; what is in them is shown when the mouse points at them."""
        shown: str = import_module(PICTURE).to_svg(self)
        return shown

    def _repr_html_(self) -> str:
        return f'<div style="overflow: auto">{self.to_svg()}</div>'
