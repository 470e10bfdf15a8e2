"""Side inputs: a collection as an additional argument of a function, looked at whole."""

from __future__ import annotations

from typing import Any, ClassVar

from bourne.errors import TransformError
from bourne.sdk.graph.nodes import SideView
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import BoundedWindow, GlobalWindows, WindowFn
from bourne.sdk.pcollection import PCollection

_NO_DEFAULT = object()


class AsSideInput:
    """The base of all views of a collection as a side input.

    The argument that the function gets is made from the elements of the side input's window that matches the
    main element's window.

    Args:
      pcoll: the collection.
    """

    view: ClassVar[str] = ''

    def __init__(self, pcoll: PCollection[Any]) -> None:
        if not isinstance(pcoll, PCollection):
            raise TransformError(f'{type(self).__name__} takes a PCollection, got {pcoll!r}')
        self.pvalue = pcoll

    @property
    def element_type(self) -> Any:
        """The element type of the collection."""
        return self.pvalue.element_type

    def side_view(self) -> SideView:
        """How the collection is looked at, as the graph has it."""
        return SideView(self.view)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.pvalue!r})'


class AsSingleton(AsSideInput):
    """The only element of the collection.

    Args:
      pcoll: the collection; more than one element in a window is an error at run time.
      default_value: the argument if there is no element. Without it an empty collection is an error, too.
    """

    view = 'singleton'

    def __init__(self, pcoll: PCollection[Any], default_value: Any = _NO_DEFAULT, label: str | None = None) -> None:
        super().__init__(pcoll)
        self.default_value = default_value

    def side_view(self) -> SideView:
        if self.default_value is _NO_DEFAULT:
            return SideView(self.view)
        return SideView(self.view, True, self.default_value)


class AsIter(AsSideInput):
    """An iterable of the elements, which can be iterated over again."""

    view = 'iter'


class AsList(AsSideInput):
    """A list of the elements."""

    view = 'list'


class AsDict(AsSideInput):
    """A dict of the elements, which must be pairs; a key that comes twice is an error at run time."""

    view = 'dict'


class AsMultiMap(AsSideInput):
    """A mapping from each key to the list of its values; the elements must be pairs. Like a dict, but a key that
    is not there has no values."""

    view = 'multimap'


class EmptySideInput:
    """What Beam passes for an empty singleton without a default; bourne raises an error instead."""


def default_window_mapping_fn(target_window_fn: WindowFn) -> Any:
    """The function from a main input's window to the side input's: the one that holds its last instant."""
    if isinstance(target_window_fn, GlobalWindows):
        only = target_window_fn.assign(WindowFn.AssignContext(Timestamp(0)))[0]
        return lambda window: only

    def map_window(window: BoundedWindow) -> BoundedWindow:
        return list(target_window_fn.assign(WindowFn.AssignContext(window.max_timestamp())))[-1]

    return map_window
