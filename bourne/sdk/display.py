"""Display data: what a transform, a DoFn or a set of options shows of itself in a user interface."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from bourne.errors import TransformError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class HasDisplayData:
    """A component that shows something of itself."""

    def display_data(self) -> dict[str, Any]:
        """What to show, by key.

        Returns:
          For each key a str, number, bool, class, ``datetime`` or ``timedelta``; a :class:`DisplayDataItem`
          where a label or a link belongs to it; or another component, whose items are shown too.
        """
        return {}

    def _get_display_data_namespace(self) -> str:
        return f'{type(self).__module__}.{type(self).__name__}'


def _namespace(component: Any) -> str:
    named = getattr(component, '_get_display_data_namespace', None)
    return str(named()) if named else f'{type(component).__module__}.{type(component).__name__}'


def _is_component(value: Any) -> bool:
    # By shape, not by class: the model's DoFn and CombineFn have display data without knowing this module.
    return not isinstance(value, type) and callable(getattr(value, 'display_data', None))


class DisplayDataItem:
    """One thing to show.

    Args:
      value: a str, number, bool, class, ``datetime`` or ``timedelta``.
      url: a link that explains the value.
      label: a text to show in place of the key.
      namespace: the component that it belongs to; set by :class:`DisplayData`.
      key: its key; set by :class:`DisplayData`.
      shortValue: a short form of the value; by default a class's name without its module.
    """

    typeDict: ClassVar[dict[type, str]] = {
        str: 'STRING',
        int: 'INTEGER',
        float: 'FLOAT',
        bool: 'BOOLEAN',
        timedelta: 'DURATION',
        datetime: 'TIMESTAMP',
    }

    def __init__(self, value: Any, url: str | None = None, label: str | None = None,
                 namespace: str | None = None, key: str | None = None, shortValue: str | None = None) -> None:
        self.namespace = namespace
        self.key = key
        self.type = self._get_value_type(value)
        if shortValue is None and self.type == 'CLASS':
            shortValue = value.__name__
        self.shortValue = shortValue
        self.value = value
        self.url = url
        self.label = label
        self._drop_if_none = False
        self._drop_if_default = False
        self._default: Any = None

    def drop_if_none(self) -> DisplayDataItem:
        """Not shown if the value is None. Returns itself."""
        self._drop_if_none = True
        return self

    def drop_if_default(self, default: Any) -> DisplayDataItem:
        """Not shown if the value equals ``default``. Returns itself."""
        self._default = default
        self._drop_if_default = True
        return self

    def should_drop(self) -> bool:
        """True if :meth:`drop_if_none` or :meth:`drop_if_default` applies to the value."""
        return (self._drop_if_none and self.value is None) or bool(
            self._drop_if_default and self.value == self._default)

    def is_valid(self) -> None:
        """Checks that key, namespace, value and a type that can be shown are there.

        Raises:
          TransformError: if not; it says which.
        """
        for what in ('key', 'namespace', 'value'):
            if getattr(self, what) is None:
                raise TransformError(f'a display data item must have a {what}: {self!r}')
        if self.type is None:
            raise TransformError(
                f'display data {self.key!r} of {self.namespace} has a value of type '
                f'{type(self.value).__name__}; give a str, number, bool, class, datetime or timedelta')

    def get_dict(self) -> dict[str, Any]:
        """The item as plain JSON data, with times as milliseconds and classes by their full name.

        Raises:
          TransformError: if the item is not valid.
        """
        self.is_valid()
        return self._get_dict()

    def _get_dict(self) -> dict[str, Any]:
        optional = {'url': self.url, 'shortValue': self.shortValue, 'label': self.label}
        return {
            'key': self.key,
            'namespace': self.namespace,
            'type': 'STRING' if self.type == 'CLASS' else self.type,
            **{name: text for name, text in optional.items() if text is not None},
            'value': self._format_value(self.value, self.type),
        }

    def __repr__(self) -> str:
        return f'DisplayDataItem({self._get_dict()!r})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DisplayDataItem) and self._get_dict() == other._get_dict()

    def __hash__(self) -> int:
        return hash((self.namespace, self.key))

    @classmethod
    def _format_value(cls, value: Any, type_: str | None) -> Any:
        if type_ == 'CLASS':
            return f'{value.__module__}.{value.__name__}'
        if type_ == 'DURATION':
            return value / timedelta(milliseconds=1)
        if type_ == 'TIMESTAMP':
            # A naive datetime counts as UTC, as in Beam.
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return (aware - _EPOCH) // timedelta(milliseconds=1)
        if type_ == 'FLOAT' and not math.isfinite(value):
            return str(value)
        return value

    @classmethod
    def _get_value_type(cls, value: Any) -> str | None:
        if value is None:
            return 'STRING'
        return cls.typeDict.get(type(value)) or ('CLASS' if isinstance(value, type) else None)


class DisplayData:
    """The display data of one component and of those inside it.

    Args:
      namespace: the component's name.
      display_data_dict: what its ``display_data()`` returned.

    Attributes:
      items: the items to show, those of inner components among them, in the order given.
    """

    def __init__(self, namespace: str, display_data_dict: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.items: list[DisplayDataItem] = []
        for key, element in display_data_dict.items():
            self._add(key, element)

    def _add(self, key: str, element: Any) -> None:
        if isinstance(element, DisplayDataItem):
            if not element.should_drop():
                element.key, element.namespace = key, self.namespace
                self.items.append(element)
        elif _is_component(element):
            self.items.extend(DisplayData(_namespace(element), element.display_data()).items)
        else:
            self.items.append(DisplayDataItem(element, namespace=self.namespace, key=key))

    @classmethod
    def create_from(cls, has_display_data: Any, extra_items: Mapping[str, Any] | None = None) -> DisplayData:
        """The display data of a component.

        Args:
          has_display_data: an object with a ``display_data()`` method.
          extra_items: more values by key; they replace those of the component.

        Raises:
          TransformError: if the object has no display data.
        """
        if not _is_component(has_display_data):
            raise TransformError(
                f'{has_display_data!r} ({type(has_display_data).__name__}) has no display data: '
                'derive its class from HasDisplayData')
        return cls(_namespace(has_display_data), {**has_display_data.display_data(), **(extra_items or {})})

    @classmethod
    def create_from_options(cls, pipeline_options: Any) -> DisplayData:
        """The display data of pipeline options: each option that is not at its default, others than plain
        values as text.

        Raises:
          TransformError: if it is not a ``PipelineOptions``.
        """
        # Told by its shape, because the options module stands on this one.
        if not callable(getattr(pipeline_options, 'get_all_options', None)):
            raise TransformError(
                f'PipelineOptions are needed, got {pipeline_options!r} ({type(pipeline_options).__name__})')
        items = {
            key: value if DisplayDataItem._get_value_type(value) is not None else str(value)
            for key, value in pipeline_options.display_data().items()
        }
        return cls(_namespace(pipeline_options), items)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: ``{'namespace': ..., 'items': [...]}``.

        An item whose value cannot be shown as it is, is shown as text; one whose value is None is left out.
        """
        return {'namespace': self.namespace, 'items': [
            item._get_dict() | ({'type': 'STRING', 'value': str(item.value)} if item.type is None else {})
            for item in self.items if item.value is not None
        ]}

    def __repr__(self) -> str:
        shown = ', '.join(f'{item.key}={item.value!r}' for item in self.items)
        return f'DisplayData({self.namespace}: {shown})'
