"""``Reify``: what belongs to an element (its time, its window) as part of the element."""

from __future__ import annotations

from typing import Any

from bourne.sdk import typehints
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import Known, unpack_pair
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import BoundedWindow, TimestampedValue
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.globally import Labelled
from bourne.sdk.transforms.pardo import Map


def _window(element: Any, timestamp: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam) -> Any:
    return element, timestamp, window


def _timestamp_in_value(element: Any, timestamp: Any = DoFn.TimestampParam) -> Any:
    key, value = unpack_pair(element)
    return key, TimestampedValue(value, timestamp)


def _window_in_value(element: Any, timestamp: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam) -> Any:
    key, value = unpack_pair(element)
    return key, (value, timestamp, window)


class _Reify(Labelled):
    """A ``Map`` to a type that depends on the input's."""

    fn: Any = None
    pairs = False

    def output_type(self, value: Any) -> Any:
        """The type of what becomes of a value."""
        raise NotImplementedError

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        if self.pairs:
            key, value = typehints.key_value_types(source.element_type, self.full_label())
            made_of = typehints.generic(tuple, (key, self.output_type(value)))
        else:
            made_of = self.output_type(source.element_type)
        made = source | 'Reify' >> Map(type(self).fn).with_output_types(made_of)
        assert isinstance(made, PCollection)
        return made


class Reify:
    """What belongs to an element as part of the element."""

    class Timestamp(_Reify):
        """Each element as a ``TimestampedValue`` with the time that it has.

        As in Beam's Python SDK, a ``TimestampedValue`` that a transform emits is taken as an element and its time, so
        the elements stay as they are. For the time as data, use ``Reify.Window`` or ``DoFn.TimestampParam``.
        """

        fn = Known('identity')

        def output_type(self, value: Any) -> Any:
            return value

    class Window(_Reify):
        """``(element, timestamp, window)`` of each element; of one in several windows, once for each of them."""

        fn = staticmethod(_window)

        def output_type(self, value: Any) -> Any:
            return typehints.generic(tuple, (value, Timestamp, BoundedWindow))

    class TimestampInValue(_Reify):
        """``(key, TimestampedValue(value, timestamp))`` of each pair."""

        fn = staticmethod(_timestamp_in_value)
        pairs = True

        def output_type(self, value: Any) -> Any:
            return TimestampedValue[value]

    class WindowInValue(_Reify):
        """``(key, (value, timestamp, window))`` of each pair; of one in several windows, once for each of them."""

        fn = staticmethod(_window_in_value)
        pairs = True

        def output_type(self, value: Any) -> Any:
            return typehints.generic(tuple, (value, Timestamp, BoundedWindow))
