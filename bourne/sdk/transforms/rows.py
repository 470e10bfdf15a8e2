"""``GroupBy`` and ``Select``: elements by their fields."""

from __future__ import annotations

import copy
import typing
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.row import Row
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.tuples import TupleCombineFn

#: A field's name, or a function of the element.
Expression = str | Callable[[Any], Any]


class Field:
    """A named value of an element.

    Args:
      name: its name.
      expression: the name of an attribute of the element, or a function of it.
      what: what takes it, for the message.

    Raises:
      TransformError: if the expression is neither.
    """

    def __init__(self, name: str, expression: Any, what: str) -> None:
        if not isinstance(expression, str) and not callable(expression):
            raise TransformError(f'{what}: a field is the name of an attribute or a function of the element, got '
                                 f'{expression!r} for {name!r}')
        self.name = name
        self.get: Callable[[Any], Any] = attrgetter(expression) if isinstance(expression, str) else expression
        self.attribute = expression if isinstance(expression, str) else None

    def type_in(self, element_type: Any) -> Any:
        """The field's type in an element of a type, as far as it is known."""
        if self.attribute is None:
            return typehints.callable_hints(self.get).simple_output_type() or Any
        try:
            return typehints.normalize(typing.get_type_hints(element_type).get(self.attribute, Any))
        except Exception:  # annotations may hold names that nobody knows here
            return Any


def _fields(fields: Iterable[Expression], named: Mapping[str, Expression], numbered: str,
            what: str) -> tuple[Field, ...]:
    """The fields; functions without a name are numbered."""
    made = [Field(one if isinstance(one, str) else numbered % number, one, what) for number, one in enumerate(fields)]
    made += [Field(name, one, what) for name, one in named.items()]
    _check_names([field.name for field in made], what)
    return tuple(made)


def _check_names(names: list[str], what: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TransformError(f'{what}: two fields are named {twice!r}; name one of them otherwise: '
                             f'other_name={twice!r}')


class _Values:
    """The values of fields, as a tuple."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.getters = tuple(field.get for field in fields)

    def __call__(self, element: Any) -> tuple[Any, ...]:
        return tuple([get(element) for get in self.getters])


class _Pair:
    """A pair of what two functions make of an element."""

    def __init__(self, key: Callable[[Any], Any], value: Callable[[Any], Any] | None) -> None:
        self.key = key
        self.value = value

    def __call__(self, element: Any) -> tuple[Any, Any]:
        return self.key(element), element if self.value is None else self.value(element)


@cache
def _class(name: str, fields: tuple[str, ...]) -> Any:
    base: Any = namedtuple(name, fields)  # type: ignore[misc]
    return type(name, (base,), {'__slots__': (), '__reduce__': _reduced})


def _reduced(self: Any) -> Any:
    return _revive, (type(self).__name__, self._fields, tuple(self))


def _revive(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    """A named tuple in another process, which makes the class when it first needs it."""
    return _class(name, fields)._make(values)


class _Named:
    """Names the parts of tuples.

    Raises:
      TransformError: if a name cannot be that of an attribute.
    """

    def __init__(self, name: str, fields: Iterable[str], what: str) -> None:
        self.name = name
        self.fields = tuple(fields)
        try:
            _class(name, self.fields)
        except ValueError as error:
            raise TransformError(f'{what}: the fields are attributes of the result, so they need names like those of '
                                 f'variables: {error}') from None

    def key(self, element: tuple[tuple[Any, ...], Any]) -> tuple[Any, Any]:
        """A pair with its key named."""
        return _class(self.name, self.fields)._make(element[0]), element[1]

    def joined(self, element: tuple[tuple[Any, ...], tuple[Any, ...]]) -> Any:
        """The key and the value as one named tuple."""
        return _class(self.name, self.fields)._make(element[0] + element[1])


class GroupBy(PTransform):
    """Groups elements by some of their fields: pairs of a key and an iterable of elements, per window.

    ::

        sales | GroupBy('shop')
        sales | GroupBy('shop', year=lambda sale: sale.day.year).aggregate_field('price', sum, 'total')

    With one field alone the key is its value. Otherwise it is a named tuple, which equals the plain tuple.

    Args:
      fields: names of attributes, or functions of an element.
      named: the same, by the name that they have in the key.

    Raises:
      TransformError: if a field is neither, or two have the same name.
    """

    def __init__(self, *fields: Expression, **named: Expression) -> None:
        super().__init__()
        alone = len(fields) == 1 and not named
        if alone and not isinstance(fields[0], str):
            named, fields = {'key': fields[0]}, ()
        self._fields = _fields(fields, named, 'key%d', 'GroupBy')
        self._tuples = not alone

    def default_label(self) -> str:
        return f'GroupBy({", ".join(field.name for field in self._fields)})'

    def force_tuple_keys(self, value: bool = True) -> GroupBy:
        """The same, with a named tuple as the key also where there is one field alone."""
        made = copy.copy(self)
        made._tuples = value
        return made

    def aggregate_field(self, field: Expression, combine_fn: Any, dest: str) -> _GroupAndAggregate:
        """Combines a field of the elements of each group, instead of listing them. May be called again on the result.

        Args:
          field: the name of an attribute, or a function of an element.
          combine_fn: a ``CombineFn`` or a function of an iterable.
          dest: the name of the combination in the result, a named tuple of the key's fields and the combinations.
        """
        return _GroupAndAggregate(self, ()).aggregate_field(field, combine_fn, dest)

    def _as_tuples(self) -> bool:
        return self._tuples or len(self._fields) != 1

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        element = source.element_type
        tuples = self._as_tuples()
        types = tuple(field.type_in(element) for field in self._fields)
        key_type = types[0] if not tuples else typehints.generic(tuple, types) if types else tuple
        keyed = Map(_Pair(_Values(self._fields) if tuples else self._fields[0].get, None)).with_output_types(
            typehints.generic(tuple, (key_type, element)))
        grouped = source | 'Key' >> keyed | GroupByKey()
        if tuples:  # named only now: plain tuples group and travel faster
            named = _Named('Key', [field.name for field in self._fields], self.full_label())
            grouped = grouped | 'NameKey' >> Map(named.key).with_output_types(grouped.element_type)
        assert isinstance(grouped, PCollection)
        return grouped


class _GroupAndAggregate(PTransform):
    """What ``GroupBy(...).aggregate_field(...)`` returns."""

    def __init__(self, grouping: GroupBy, aggregations: tuple[tuple[Field, CombineFn], ...]) -> None:
        super().__init__()
        self._grouping = grouping
        self._aggregations = aggregations

    def default_label(self) -> str:
        made = ', '.join(field.name for field, _ in self._aggregations)
        return f'{self._grouping.default_label()[:-1]}; {made})'

    def aggregate_field(self, field: Expression, combine_fn: Any, dest: str) -> _GroupAndAggregate:
        """Combines one more field, as :meth:`GroupBy.aggregate_field` does."""
        added = (Field(dest, field, 'aggregate_field'), CombineFn.maybe_from_callable(combine_fn))
        made = _GroupAndAggregate(self._grouping, (*self._aggregations, added))
        made.label = self.label or self._grouping.label
        return made

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        keys = self._grouping._fields
        values = [field for field, _ in self._aggregations]
        names = [field.name for field in (*keys, *values)]
        _check_names(names, self.full_label())
        alone = len(values) == 1  # a function alone is combined as it is, and may be one that the engine knows
        fn = self._aggregations[0][1] if alone else TupleCombineFn(*(fn for _, fn in self._aggregations))
        named = _Named('Result', names, self.full_label())
        made = (source
                | 'Pair' >> Map(_Pair(_Values(keys), values[0].get if alone else _Values(values)))
                | CombinePerKey(fn)
                | 'Result' >> Map(_Joined(named) if alone else named.joined))
        assert isinstance(made, PCollection)
        return made


class _Joined:
    """Joins a key and a single value."""

    def __init__(self, named: _Named) -> None:
        self.named = named

    def __call__(self, element: tuple[tuple[Any, ...], Any]) -> Any:
        return self.named.joined((element[0], (element[1],)))


class _ToRow:
    """A row of fields of an element."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.getters = {field.name: field.get for field in fields}

    def __call__(self, element: Any) -> Row:
        return Row(**{name: get(element) for name, get in self.getters.items()})


class Select(PTransform):
    """Rows of some fields of the elements::

        people | Select('name', age=lambda person: 2024 - person.born)

    Args:
      fields: names of attributes, or functions of an element, which are named ``arg00``, ``arg01``, ... by position.
      named: the same, by the name that they have in the row.

    Raises:
      TransformError: if a field is neither, or two have the same name.
    """

    def __init__(self, *fields: Expression, **named: Expression) -> None:
        super().__init__()
        self._fields = _fields(fields, named, 'arg%02d', 'Select')
        self._handling: dict[str, Any] | None = None

    def default_label(self) -> str:
        return f'ToRows({", ".join(field.name for field in self._fields)})'

    def with_exception_handling(self, **options: Any) -> Select:
        """The same, with the elements that make a function fail as another output.

        Args:
          options: those of :meth:`bourne.sdk.transforms.pardo.ParDo.with_exception_handling`.
        """
        made = copy.copy(self)
        made._handling = options
        return made

    def with_error_handler(self, error_handler: Any, **options: Any) -> Select:
        """The same, with the elements that make a function fail left to an error handler, or ``None``."""
        return self if error_handler is None else self.with_exception_handling(error_handler=error_handler, **options)

    def expand(self, pcoll: Any) -> Any:
        rows: Any = Map(_ToRow(self._fields)).with_output_types(Row)
        if self._handling is not None:
            rows = rows.with_exception_handling(**self._handling)
        return one_input(self, pcoll) | 'ToRows' >> rows
