"""The nodes of a graph: what each primitive transform says, as data.

There are eight primitives. Every other transform is a composition of them, so a runner is complete when it runs these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from bourne.sdk.model.portable import portable
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing
from bourne.sdk.model.window import WindowFn

#: The tag of a transform's main output.
MAIN = ''


@portable
@attrs.frozen(repr=False)
class Read:
    """Emits what a source holds. No input."""

    source: Any


@portable
@attrs.frozen(repr=False)
class SideView:
    """How a side input is looked at: ``singleton``, ``iter``, ``list``, ``dict`` or ``multimap``."""

    view: str
    has_default: bool = False
    default: Any = None


@portable
@attrs.frozen(repr=False)
class SideArg:
    """Stands in a ParDo's arguments for its side input of that number."""

    index: int


@portable
@attrs.frozen(repr=False)
class Guard:
    """Failures of a function that go to an output, as ``(element, (type, repr, traceback lines))``.

    Attributes:
      tag: the output's tag.
      exceptions: the exception classes that are caught.
      partial: outputs that the function gave before it failed are kept; otherwise it is all or nothing.
      callback: called with the exception and the element, or ``None``.
    """

    tag: str
    exceptions: Any = Exception
    partial: bool = False
    callback: Any = None


@portable
@attrs.frozen(repr=False)
class ParDo:
    """Calls a function for each element.

    Attributes:
      style: ``map`` (one output a call), ``flat_map`` (an iterable of outputs), ``filter`` (a truth value),
        ``timestamp`` (the element's new event time) or ``dofn`` (a ``DoFn`` with its lifecycle).
      fn: the callable or ``DoFn``.
      star: the element is unpacked into positional arguments.
      args: further positional arguments; a :class:`SideArg` stands for a side input.
      kwargs: further keyword arguments, likewise.
      side_views: how each side input is looked at, in the order of the transform's ``side_inputs``.
      tags: the additional outputs that were declared.
      open_tags: outputs may have any tag; those that nobody asked for are dropped.
      check_input: called with each element to check its type, on request; raises what is wrong.
      check_output: called with each main output, likewise.
      guard: which failures of the function go to an output instead of ending the run.
      out_of_orderness: in the style ``timestamp``: the output's watermark is the greatest timestamp so far less so
        many microseconds. ``None`` leaves the watermark as it comes.
    """

    style: str
    fn: Any
    star: bool = False
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    side_views: tuple[SideView, ...] = ()
    tags: tuple[str, ...] = ()
    open_tags: bool = True
    check_input: Any = None
    check_output: Any = None
    guard: Guard | None = None
    out_of_orderness: int | None = None


@portable
@attrs.frozen(repr=False)
class GroupByKey:
    """Turns pairs into pairs of a key and all of its values, per window and pane.

    Attributes:
      tags: for a grouping of several inputs by key, what each is called; then the values are a list for each.
      as_dict: these lists come in a dict by tag, and not in a tuple.
    """

    tags: tuple[Any, ...] | None = None
    as_dict: bool = False


@portable
@attrs.frozen(repr=False)
class Combine:
    """Turns pairs into pairs of a key and the combination of its values, per window and pane.

    Attributes:
      fn: a ``CombineFn``.
      default: if nothing comes at all, the combination of no values is emitted for the key ``None``, in the
        global window.
    """

    fn: Any
    default: bool = False


@portable
@attrs.frozen(repr=False)
class Flatten:
    """Emits the elements of all its inputs."""


@portable
@attrs.frozen(repr=False)
class WindowInto:
    """Assigns windows; the output collection carries the strategy."""

    windowfn: WindowFn


@portable
@attrs.frozen(repr=False)
class Reshuffle:
    """Spreads elements evenly over the workers and ends fusion. Elements, times and windows stay as they are."""


@portable
@attrs.frozen(repr=False)
class Write:
    """Writes elements to a sink; emits what the sink's commit returns."""

    sink: Any


Payload = Read | ParDo | GroupByKey | Combine | Flatten | WindowInto | Reshuffle | Write

KINDS: dict[str, type] = {
    'bourne:read:v1': Read,
    'bourne:pardo:v1': ParDo,
    'bourne:group_by_key:v1': GroupByKey,
    'bourne:combine:v1': Combine,
    'bourne:flatten:v1': Flatten,
    'bourne:window_into:v1': WindowInto,
    'bourne:reshuffle:v1': Reshuffle,
    'bourne:write:v1': Write,
}
KIND_OF: dict[type, str] = {cls: kind for kind, cls in KINDS.items()}


@attrs.frozen
class Collection:
    """A node between transforms.

    Attributes:
      id: derived from its producer's label and output tag.
      windowing: its windowing strategy.
      bounded: False if it may have no end.
      type: its element type, as :func:`bourne.sdk.typehints.describe` spells it.
    """

    id: str
    windowing: Windowing = DEFAULT_WINDOWING
    bounded: bool = True
    type: str = 'Any'


@attrs.frozen
class Transform:
    """A primitive transform.

    Attributes:
      label: its full label, unique in the graph, and its identity from run to run.
      payload: what it does.
      inputs: ids of its main inputs; more than one only for Flatten and a tagged GroupByKey.
      side_inputs: ids of its side inputs.
      outputs: ids of its output collections by tag; the main one is ``MAIN``.
      parent: the label of the composite that it is part of, or ``''``.
      location: ``file:line`` where the user applied it (or the outermost composite that it is part of).
      hints: resource hints.
      display: display data.
    """

    label: str
    payload: Payload
    inputs: tuple[str, ...] = ()
    side_inputs: tuple[str, ...] = ()
    outputs: Mapping[str, str] = attrs.field(factory=dict)
    parent: str = ''
    location: str = ''
    hints: Mapping[str, Any] = attrs.field(factory=dict)
    display: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def kind(self) -> str:
        """The payload's URN."""
        return KIND_OF[type(self.payload)]


@attrs.frozen
class Composite:
    """A transform made of others: only a name around them.

    Attributes:
      label: its full label.
      parent: the label of the composite around it, or ``''``.
      name: its class.
      inputs: ids of the collections that it was applied to.
      outputs: ids of the collections that it returned, by tag.
      location: ``file:line`` where the user applied it.
      display: display data.
    """

    label: str
    parent: str = ''
    name: str = ''
    inputs: tuple[str, ...] = ()
    outputs: Mapping[str, str] = attrs.field(factory=dict)
    location: str = ''
    display: Mapping[str, Any] = attrs.field(factory=dict)
