"""Pairs: ``Keys``, ``Values``, ``KvSwap``, ``WithKeys``, and ``Distinct``, which groups by the elements themselves."""

from __future__ import annotations

from typing import Any, TypeVar

from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CountCombineFn
from bourne.sdk.model.known import Known
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, label_from_callable, one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.pardo import Map

K = TypeVar('K')
V = TypeVar('V')


class _KnownMap(Map):
    """A ``Map`` that the engine writes out in a stage's loop."""

    known = ''

    def __init__(self, label: str | None = None) -> None:
        super().__init__(Known(self.known))
        self.label = label

    def default_label(self) -> str:
        return type(self).__name__


@typehints.with_input_types(typehints.KV[K, V])
@typehints.with_output_types(K)
class Keys(_KnownMap):
    """The keys of pairs.

    Args:
      label: the transform's label.
    """

    known = 'key'


@typehints.with_input_types(typehints.KV[K, V])
@typehints.with_output_types(V)
class Values(_KnownMap):
    """The values of pairs.

    Args:
      label: the transform's label.
    """

    known = 'value'


@typehints.with_input_types(typehints.KV[K, V])
@typehints.with_output_types(typehints.KV[V, K])
class KvSwap(_KnownMap):
    """Pairs ``(value, key)`` of pairs ``(key, value)``.

    Args:
      label: the transform's label.
    """

    known = 'swap'


class _Keyed:
    """Puts what a function makes of an element before it."""

    def __init__(self, fn: Any) -> None:
        self.fn = fn

    def __call__(self, element: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return self.fn(element, *args, **kwargs), element


class _KeyedPlainly(_Keyed):
    """The same without further arguments, which is faster."""

    def __call__(self, element: Any) -> tuple[Any, Any]:
        return self.fn(element), element


class WithKeys(PTransform):
    """Pairs ``(key, element)`` of elements.

    Args:
      k: the key of all elements, or a function from an element to its key.
      args: further arguments of the function, side inputs among them.
      kwargs: further keyword arguments, likewise.
    """

    def __init__(self, k: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.k = k
        self.args = args
        self.kwargs = kwargs

    def default_label(self) -> str:
        return f'WithKeys({label_from_callable(self.k) if callable(self.k) else repr(self.k)})'

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        if not callable(self.k):
            adding, key = Map(Known('keyed_by', self.k)), typehints.infer(self.k)
        else:
            key = typehints.callable_hints(self.k).simple_output_type() or Any
            keyed = _Keyed(self.k) if self.args or self.kwargs else _KeyedPlainly(self.k)
            adding = Map(keyed, *self.args, **self.kwargs)
        made = source | 'AddKeys' >> adding.with_output_types(typehints.KV[key, source.element_type])
        assert isinstance(made, PCollection)
        return made


class Distinct(PTransform):
    """Each distinct element once, per window. Elements are compared as keys are."""

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        # Counting is what the generator has the shortest path for; the counts are dropped.
        made = (source
                | 'ToPairs' >> Map(Known('pair_with')).with_output_types(typehints.KV[source.element_type, None])
                | 'Group' >> CombinePerKey(CountCombineFn())
                | 'Distinct' >> Keys())
        assert isinstance(made, PCollection)
        return made


class RemoveDuplicates(Distinct):
    """Beam's old name of :class:`Distinct`."""
