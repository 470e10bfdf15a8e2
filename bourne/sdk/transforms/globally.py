"""The base of transforms that combine all elements with a function that they bring along."""

from __future__ import annotations

import copy
from typing import Any, Self

from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.combine import CombineGlobally


class Labelled(PTransform):
    """A transform that stands in the namespace of its family, and is labelled with both: ``Count.Globally``."""

    def default_label(self) -> str:
        return type(self).__qualname__.rpartition('<locals>.')[2]


class CombinerWithoutDefaults(Labelled):
    """The combination of all elements, per window, by the function of :meth:`combine_fn`.

    Args:
      has_defaults: give the combination of no elements where there is none. Only in the global window with the
        default trigger; elsewhere say ``without_defaults()``.
    """

    def __init__(self, has_defaults: bool = True) -> None:
        super().__init__()
        self.has_defaults = has_defaults

    def with_defaults(self, has_defaults: bool = True) -> Self:
        """The same, with or without a result for an empty input."""
        made = copy.copy(self)
        made.has_defaults = has_defaults
        return made

    def without_defaults(self) -> Self:
        """The same, with no result for an empty input."""
        return self.with_defaults(False)

    def combine_fn(self) -> CombineFn:
        """The function to combine with."""
        raise NotImplementedError(f'{type(self).__name__} must define combine_fn()')

    def expand(self, pcoll: Any) -> PCollection[Any]:
        combined = one_input(self, pcoll) | CombineGlobally(self.combine_fn()).with_defaults(self.has_defaults)
        assert isinstance(combined, PCollection)
        return combined
