"""State: what a ``DoFn`` remembers for a key and window, from one element to the next.

A *specification* names a cell and its kind. A method asks for the cell by a parameter::

    class Count(DoFn):
        SEEN = CombiningValueStateSpec('seen', sum)

        def process(self, element, seen=DoFn.StateParam(SEEN)):
            seen.add(1)
            yield element[0], seen.read()

What it gets is one of the classes ``*RuntimeState``: the cell of the key and window of the element at hand. It is good
for this call alone.
"""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any, ClassVar

from bourne.sdk.model.coder import Coder
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.timestamp import Timestamp, TimestampTypes


class StateSpec:
    """Names a cell of a key and window, and says of which kind it is. Two that are equal are one cell.

    Args:
      name: unique in its ``DoFn``. State is saved and found again by it.
      coder: how what the cell holds is encoded where it has to be; without one it is pickled. One that takes values
        of a single plain type (``VarIntCoder``, ``StrUtf8Coder``, ...) is also what values are checked against.

    Raises:
      TypeError: if the name is no text, or the coder no coder.
      ValueError: if the name is empty.
    """

    __slots__ = ('coder', 'name')

    #: What people call such a cell.
    kind: ClassVar[str] = 'state'

    def __init__(self, name: str, coder: Coder | None = None) -> None:
        self.name = checked_name(self, name)
        self.coder = checked_coder(self, coder)

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, slot) for cls in type(self).__mro__ for slot in getattr(cls, '__slots__', ()))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, StateSpec) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(not_a_cell(self, name, 'StateParam'))

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.name!r})'


class ReadModifyWriteStateSpec(StateSpec):
    """A single value: :class:`ReadModifyWriteRuntimeState`."""

    __slots__ = ()
    kind = 'value'


class BagStateSpec(StateSpec):
    """Values, each as often as it was added: :class:`BagRuntimeState`."""

    __slots__ = ()
    kind = 'bag'


class SetStateSpec(StateSpec):
    """Hashable values, each once: :class:`SetRuntimeState`."""

    __slots__ = ()
    kind = 'set'


class OrderedListStateSpec(StateSpec):
    """Values ordered by timestamps: :class:`OrderedListRuntimeState`."""

    __slots__ = ()
    kind = 'ordered list'


class CombiningValueStateSpec(StateSpec):
    """A combination to which values are added: :class:`CombiningValueRuntimeState`.

    Args:
      name: unique in its ``DoFn``.
      coder: how accumulators are encoded. May be left out, so that the function comes second.
      combine_fn: a ``CombineFn``, or a function of an iterable such as ``sum``.

    Raises:
      TypeError: if the name is no text, or the coder no coder.
      ValueError: if there is no function.
    """

    __slots__ = ('combine_fn',)
    kind = 'combining'

    def __init__(self, name: str, coder: Any = None, combine_fn: Any = None) -> None:
        if combine_fn is None:
            if coder is None:
                raise ValueError(f'CombiningValueStateSpec({name!r}): combine_fn must be given: what values are '
                                 f'combined by')
            coder, combine_fn = None, coder
        super().__init__(name, coder)
        self.combine_fn: CombineFn = CombineFn.maybe_from_callable(combine_fn)


class MapStateSpec(StateSpec):
    """Values by hashable keys, within the state of one key: :class:`MapRuntimeState`. Beam's Python has no such.

    Args:
      name: unique in its ``DoFn``.
      key_coder: how keys of the map are encoded.
      value_coder: how its values are encoded.

    Raises:
      TypeError: if the name is no text, or a coder no coder.
    """

    __slots__ = ('key_coder',)
    kind = 'map'

    def __init__(self, name: str, key_coder: Coder | None = None, value_coder: Coder | None = None) -> None:
        super().__init__(name, value_coder)
        self.key_coder = checked_coder(self, key_coder)

    @property
    def value_coder(self) -> Coder | None:
        """How values of the map are encoded."""
        return self.coder


def checked_name(spec: Any, name: Any) -> str:
    """The name of a specification.

    Raises:
      TypeError: if it is no text.
      ValueError: if it is empty.
    """
    if not isinstance(name, str):
        raise TypeError(f'{type(spec).__name__}: the name comes first and is a string, got {name!r} '
                        f'({type(name).__name__})')
    if not name:
        raise ValueError(f'{type(spec).__name__}: the name must not be empty')
    return name


def checked_coder(spec: StateSpec, coder: Any) -> Coder | None:
    """A coder of a specification, or none.

    Raises:
      TypeError: if it is something else.
    """
    if coder is None or isinstance(coder, Coder):
        return coder
    hint = f': write {coder.__name__}()' if isinstance(coder, type) and issubclass(coder, Coder) else ''
    raise TypeError(f'{spec!r}: a coder is needed, or None, got {coder!r} ({type(coder).__name__}){hint}')


def not_a_cell(spec: Any, name: str, param: str) -> str:
    """What to say to somebody who uses a specification as what it stands for."""
    text = f'{type(spec).__name__!r} object has no attribute {name!r}'
    if name.startswith('_') or name not in _CELL_WORDS:
        return text
    return (f'{text}: it only describes. Ask for what it describes by a parameter of the method, '
            f'x=DoFn.{param}({spec.name.upper()}), and call x.{name}')


_CELL_WORDS = frozenset({
    'read', 'write', 'add', 'clear', 'read_range', 'clear_range', 'get', 'put', 'put_if_absent', 'remove', 'keys',
    'values', 'items', 'contains', 'is_empty', 'set', 'set_relative', 'prefetch'})


class RuntimeState:
    """A cell of the key and window at hand. Good for the call that it was passed to, and no longer."""

    __slots__ = ()

    def clear(self) -> None:
        """Forgets what the cell holds."""
        raise NotImplementedError

    def is_empty(self) -> bool:
        """True if the cell holds nothing."""
        raise NotImplementedError

    def prefetch(self) -> None:
        """Tells that the cell will be read soon. What is in memory needs no such hint."""


class ReadModifyWriteRuntimeState(RuntimeState):
    """A single value."""

    __slots__ = ()

    def read(self) -> Any:
        """The value; ``None`` if nothing was written, or it was cleared."""
        raise NotImplementedError

    def write(self, value: Any) -> None:
        """Replaces the value. ``None`` is the same as to clear it."""
        raise NotImplementedError


class AccumulatingRuntimeState(RuntimeState):
    """A cell to which values are added."""

    __slots__ = ()

    def read(self) -> Any:
        """What was added."""
        raise NotImplementedError

    def add(self, value: Any) -> None:
        """Adds a value."""
        raise NotImplementedError


class BagRuntimeState(AccumulatingRuntimeState):
    """Values, each as often as it was added."""

    __slots__ = ()

    def read(self) -> list[Any]:
        """The values in a list of its own."""
        raise NotImplementedError


class SetRuntimeState(AccumulatingRuntimeState):
    """Hashable values, each once."""

    __slots__ = ()

    def read(self) -> set[Any]:
        """The values in a set of its own."""
        raise NotImplementedError

    def contains(self, value: Any) -> bool:
        """True if the value is there. Costs the same however many there are."""
        raise NotImplementedError

    def remove(self, value: Any) -> None:
        """Takes the value out, if it is there."""
        raise NotImplementedError


class CombiningValueRuntimeState(AccumulatingRuntimeState):
    """A combination to which values are added."""

    __slots__ = ()

    def read(self) -> Any:
        """The combination of all values; of none, if there are none."""
        raise NotImplementedError


class OrderedListRuntimeState(AccumulatingRuntimeState):
    """Values ordered by timestamps; those with the same one as they were added."""

    __slots__ = ()

    def read(self) -> list[tuple[Timestamp, Any]]:
        """Pairs of timestamp and value, in order, in a list of its own."""
        raise NotImplementedError

    def add(self, value: tuple[TimestampTypes, Any]) -> None:
        """Adds a value.

        Args:
          value: a pair of its timestamp, in seconds or as a ``Timestamp``, and itself.
        """
        raise NotImplementedError

    def read_range(self, min_time_stamp: TimestampTypes,
                   limit_time_stamp: TimestampTypes) -> list[tuple[Timestamp, Any]]:
        """The pairs with ``min_time_stamp <= timestamp < limit_time_stamp``, in order."""
        raise NotImplementedError

    def clear_range(self, min_time_stamp: TimestampTypes, limit_time_stamp: TimestampTypes) -> None:
        """Forgets the pairs with ``min_time_stamp <= timestamp < limit_time_stamp``."""
        raise NotImplementedError


class MapRuntimeState(RuntimeState):
    """Values by keys of their own."""

    __slots__ = ()

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or the default."""
        raise NotImplementedError

    def put(self, key: Any, value: Any) -> None:
        """Sets the value of a key."""
        raise NotImplementedError

    def put_if_absent(self, key: Any, value: Any) -> Any:
        """Sets the value of a key that has none; returns the value that the key had, or ``None``."""
        raise NotImplementedError

    def remove(self, key: Any) -> None:
        """Forgets a key, if it is there."""
        raise NotImplementedError

    def contains(self, key: Any) -> bool:
        """True if the key has a value."""
        raise NotImplementedError

    def read(self) -> dict[Any, Any]:
        """All of it, in a dict of its own."""
        raise NotImplementedError

    def keys(self) -> KeysView[Any]:
        """The keys, as of now."""
        return self.read().keys()

    def values(self) -> ValuesView[Any]:
        """The values, as of now."""
        return self.read().values()

    def items(self) -> ItemsView[Any, Any]:
        """Pairs of key and value, as of now."""
        return self.read().items()
