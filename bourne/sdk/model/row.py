"""``Row``: an element with named fields, for data whose schema is not worth a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any


class Row:
    """An element with named fields, made from keyword arguments: ``Row(id=1, name='x')``.

    Fields are plain attributes and keep the order in which they were given. That order is part of the value:
    ``Row(a=1, b=2) != Row(b=2, a=1)``. Two rows are equal if they are of the same class and have equal fields
    in the same order; a row equals no tuple and no ``NamedTuple``. Rows of hashable values are hashable and
    may be keys. As any element, a row must not be changed after it was emitted.

    Args:
      fields: the values by field name. Any name will do, also ``self``; a field named as a method hides it.
    """

    def __init__(self, /, **fields: Any) -> None:
        # The keyword dict is this call's own: it becomes the instance's dict without a copy. There is no
        # __getattr__ and no __reduce__, since both would only slow down what CPython does in C: 11 ns to get
        # a field, 0.8 us to pickle a row of three fields among others, in which names are written once.
        self.__dict__ = fields

    if TYPE_CHECKING:
        def __getattr__(self, name: str) -> Any: ...

    def as_dict(self) -> dict[str, Any]:
        """A new dict of the fields, in order."""
        return dict(self.__dict__)

    #: The same under the name that a ``NamedTuple`` has for it.
    _asdict = as_dict

    def __iter__(self) -> Iterator[Any]:
        return iter(self.__dict__.values())

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return mine == theirs and list(mine) == list(theirs)

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.items()))

    def __repr__(self) -> str:
        fields = ', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())
        return f'{type(self).__name__}({fields})'
