"""All coders under one roof, and the registry that says which coder is for which type."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from bourne.errors import CoderError
from bourne.sdk.model.coder import Coder
from bourne.sdk.model.keys import set_key_coder
from bourne.sdk.model.nested_coders import (
    DeterministicMapCoder,
    IterableCoder,
    LengthPrefixCoder,
    ListCoder,
    MapCoder,
    NullableCoder,
    RowCoder,
    TupleCoder,
    TupleSequenceCoder,
)
from bourne.sdk.model.pickle_coders import (
    Base64PickleCoder,
    DeterministicFastPrimitivesCoder,
    FakeDeterministicFastPrimitivesCoder,
    FastPrimitivesCoder,
    PickleCoder,
)
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.value_coders import (
    BooleanCoder,
    BytesCoder,
    FloatCoder,
    GlobalWindowCoder,
    IntervalWindowCoder,
    SingletonCoder,
    StrUtf8Coder,
    TimestampCoder,
    ToBytesCoder,
    VarIntCoder,
)
from bourne.sdk.model.window import GlobalWindow, IntervalWindow

__all__ = [
    'Coder',
    'CoderRegistry',
    'registry',
    'BooleanCoder',
    'BytesCoder',
    'FloatCoder',
    'GlobalWindowCoder',
    'IntervalWindowCoder',
    'SingletonCoder',
    'StrUtf8Coder',
    'TimestampCoder',
    'ToBytesCoder',
    'VarIntCoder',
    'DeterministicMapCoder',
    'IterableCoder',
    'LengthPrefixCoder',
    'ListCoder',
    'MapCoder',
    'NullableCoder',
    'RowCoder',
    'TupleCoder',
    'TupleSequenceCoder',
    'Base64PickleCoder',
    'DeterministicFastPrimitivesCoder',
    'FakeDeterministicFastPrimitivesCoder',
    'FastPrimitivesCoder',
    'PickleCoder',
]

_STANDARD: dict[Any, type[Coder]] = {
    int: VarIntCoder, float: FloatCoder, bytes: BytesCoder, bool: BooleanCoder, str: StrUtf8Coder,
    Timestamp: TimestampCoder, IntervalWindow: IntervalWindowCoder, GlobalWindow: GlobalWindowCoder,
}
_GENERIC: dict[Any, type[Coder]] = {
    list: ListCoder, dict: MapCoder, tuple: TupleCoder,
    Iterable: IterableCoder, Collection: IterableCoder, Sequence: IterableCoder,
}


class CoderRegistry:
    """Says which coder is for which type.

    Args:
      fallback_coder: the class of the coder for types that have none; ``FastPrimitivesCoder`` if it is None.
    """

    def __init__(self, fallback_coder: type[Coder] | None = None) -> None:
        self._coders: dict[Any, type[Coder]] = dict(_STANDARD)
        self._fallbacks: list[type[Coder]] = [fallback_coder or FastPrimitivesCoder]
        self.custom_types: list[Any] = []

    def register_coder(self, typehint_type: Any, typehint_coder_class: type[Coder]) -> None:
        """Makes a coder the one for a type.

        A coder that is deterministic and registered with the shared ``registry`` also says which keys of that
        class are one key; see :func:`bourne.sdk.model.keys.set_key_coder`.

        Args:
          typehint_type: the type.
          typehint_coder_class: the coder's class; its ``from_type_hint`` makes the coder.

        Raises:
          TypeError: if the coder is not a class.
        """
        if not isinstance(typehint_coder_class, type):
            raise TypeError(f'register_coder takes the class of a coder, got {typehint_coder_class!r}')
        if typehint_type not in self.custom_types:
            self.custom_types.append(typehint_type)
        self._coders[typehint_type] = typehint_coder_class
        if self is registry and isinstance(typehint_type, type):
            set_key_coder(typehint_type, lambda: self.get_coder(typehint_type))

    def register_row(self, typehint_type: type[Any]) -> type[Any]:
        """Makes ``RowCoder`` the coder of a ``NamedTuple`` or dataclass; can be used as a decorator."""
        self.register_coder(typehint_type, RowCoder)
        return typehint_type

    def register_fallback_coder(self, fallback_coder: type[Coder]) -> None:
        """Makes a coder the first to be tried for types that have none.

        It is passed over for a type for which its ``from_type_hint`` raises.
        """
        self._fallbacks.insert(0, fallback_coder)

    def get_coder(self, typehint: Any) -> Coder:
        """The coder of a type hint.

        Raises:
          CoderError: if no fallback coder takes the type.
        """
        origin, args = typing.get_origin(typehint), typing.get_args(typehint)
        if origin is typing.Annotated:
            return self.get_coder(args[0])
        if typehint in self._coders:
            return self._coders[typehint].from_type_hint(typehint, self)
        if origin in (typing.Union, types.UnionType) and type(None) in args:
            return NullableCoder.from_type_hint(typehint, self)
        if origin is tuple and args[-1:] == (...,):
            return TupleSequenceCoder.from_type_hint(typehint, self)
        if args and origin in _GENERIC:
            return _GENERIC[origin].from_type_hint(typehint, self)
        return self._fallback(typehint)

    def _fallback(self, typehint: Any) -> Coder:
        refusals = []
        for coder in self._fallbacks:
            try:
                return coder.from_type_hint(typehint, self)
            except Exception as error:  # a fallback says by any exception that it is not for the type
                refusals.append(f'{coder!r}: {error}')
        raise CoderError(f'no coder for {typehint!r}: {"; ".join(refusals)}')

    def get_custom_type_coder_tuples(
            self, types: Collection[Any] | None = None) -> list[tuple[Any, type[Coder]]]:
        """The registered pairs of type and coder class, to take them to other processes.

        Args:
          types: the types wanted; all if it is None.
        """
        return [(typ, self._coders[typ]) for typ in self.custom_types if types is None or typ in types]

    def load_custom_type_coder_tuples(self, type_coder: Iterable[tuple[Any, type[Coder]]]) -> None:
        """Registers pairs that :meth:`get_custom_type_coder_tuples` of another process returned."""
        for typ, coder in type_coder:
            self.register_coder(typ, coder)

    def verify_deterministic(self, key_coder: Coder, op_name: str, silent: bool = True) -> Coder:
        """A coder of keys, or a deterministic one in its place.

        Args:
          key_coder: the coder.
          op_name: the transform that groups by these keys.
          silent: taken for Apache Beam's sake; nothing is logged in either case.

        Raises:
          CoderError: if there is no deterministic one.
        """
        return key_coder.as_deterministic_coder(op_name, (
            f'the coder {key_coder!r} of the keys of {op_name} is not deterministic, so that equal keys may '
            'not come together: give the input of the step a type hint whose coder is, or register one'))


#: The registry that all of bourne uses.
registry = CoderRegistry()
