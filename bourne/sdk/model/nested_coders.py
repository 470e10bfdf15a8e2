"""Coders of values that hold other values: each part stands behind its length, written by its own coder."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bourne.sdk.model.coder import (
    Coder,
    CoderLookup,
    cannot_decode,
    cannot_encode,
    join_parts,
    split_parts,
)


class _NestedCoder(Coder):
    """A coder with coders of its parts. It is deterministic if they all are."""

    def __init__(self, *components: Coder) -> None:
        self._components = components

    def _with(self, components: list[Coder]) -> Coder:
        return type(self)(*components)

    def is_deterministic(self) -> bool:
        return all(coder.is_deterministic() for coder in self._components)

    def as_deterministic_coder(self, step_label: str, error_message: str | None = None) -> Coder:
        if self.is_deterministic():
            return self
        parts = self._components
        return self._with([coder.as_deterministic_coder(step_label, error_message) for coder in parts])

    def _hints(self) -> list[Any]:
        return [coder.to_type_hint() for coder in self._components]

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: CoderLookup) -> Coder:
        return cls(*[registry.get_coder(arg) for arg in typing.get_args(typehint)])

    def __repr__(self) -> str:
        return f'{type(self).__name__}[{", ".join(map(repr, self._components))}]'


class LengthPrefixCoder(_NestedCoder):
    """Puts a value's length before its bytes, so that they can be told from what follows.

    Args:
      value_coder: the coder of the values.
    """

    def __init__(self, value_coder: Coder) -> None:
        super().__init__(value_coder)

    def encode(self, value: Any) -> bytes:
        return join_parts([self.value_coder().encode(value)])

    def decode(self, encoded: bytes) -> Any:
        parts = split_parts(self, encoded)
        if len(parts) != 1:
            raise cannot_decode(self, encoded, f'{len(parts)} values, not 1')
        return self.value_coder().decode(parts[0])

    def value_coder(self) -> Coder:
        return self._components[0]

    def to_type_hint(self) -> Any:
        return self._hints()[0]


class NullableCoder(_NestedCoder):
    """``None``, or a value of another coder.

    Args:
      value_coder: the coder of what is not ``None``.
    """

    def __init__(self, value_coder: Coder) -> None:
        super().__init__(value_coder)

    def encode(self, value: Any) -> bytes:
        return b'\x00' if value is None else b'\x01' + self.value_coder().encode(value)

    def decode(self, encoded: bytes) -> Any:
        if encoded == b'\x00':
            return None
        if encoded[:1] != b'\x01':
            raise cannot_decode(self, encoded, 'its first byte is 0, for None, or 1')
        return self.value_coder().decode(encoded[1:])

    def value_coder(self) -> Coder:
        return self._components[0]

    def to_type_hint(self) -> Any:
        return typing.Optional[self._hints()[0]]  # noqa: UP045  (``hint | None`` needs a hint that is a class)

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: CoderLookup) -> Coder:
        kinds = [arg for arg in typing.get_args(typehint) if arg is not type(None)]
        return cls(registry.get_coder(typing.Union[tuple(kinds)]))  # noqa: UP007  (of one it is the one)


class TupleCoder(_NestedCoder):
    """Tuples of a fixed length.

    Args:
      components: the coder of each position.
    """

    def __init__(self, components: Iterable[Coder]) -> None:
        super().__init__(*components)

    def _with(self, components: list[Coder]) -> Coder:
        return TupleCoder(components)

    def encode(self, value: tuple[Any, ...]) -> bytes:
        if not isinstance(value, tuple) or len(value) != len(self._components):
            raise cannot_encode(self, value, f'a tuple of {len(self._components)}')
        return join_parts([coder.encode(part) for coder, part in zip(self._components, value)])

    def decode(self, encoded: bytes) -> tuple[Any, ...]:
        parts = split_parts(self, encoded)
        if len(parts) != len(self._components):
            raise cannot_decode(self, encoded, f'{len(parts)} values, not {len(self._components)}')
        return tuple([coder.decode(part) for coder, part in zip(self._components, parts)])

    def coders(self) -> tuple[Coder, ...]:
        """The coders of the positions."""
        return self._components

    def is_kv_coder(self) -> bool:
        return len(self._components) == 2

    def key_coder(self) -> Coder:
        return self._components[0] if self.is_kv_coder() else super().key_coder()

    def value_coder(self) -> Coder:
        return self._components[1] if self.is_kv_coder() else super().value_coder()

    def to_type_hint(self) -> Any:
        return tuple[tuple(self._hints())]  # type: ignore[misc]

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: CoderLookup) -> Coder:
        return cls([registry.get_coder(arg) for arg in typing.get_args(typehint)])


class _SequenceCoder(_NestedCoder):
    def __init__(self, elem_coder: Coder) -> None:
        super().__init__(elem_coder)

    def encode(self, value: Any) -> bytes:
        encode = self._components[0].encode
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise cannot_encode(self, value, 'an iterable of elements')
        return join_parts([encode(element) for element in value])

    def decode(self, encoded: bytes) -> Any:
        decode = self._components[0].decode
        return [decode(part) for part in split_parts(self, encoded)]

    def value_coder(self) -> Coder:
        return self._components[0]

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: CoderLookup) -> Coder:
        return cls(registry.get_coder(typing.get_args(typehint)[0]))


class IterableCoder(_SequenceCoder):
    """Iterables of elements of one kind; they come back as a list.

    Args:
      elem_coder: the coder of the elements.
    """

    def to_type_hint(self) -> Any:
        return Iterable[self._hints()[0]]  # type: ignore[misc]


class ListCoder(_SequenceCoder):
    """Lists of elements of one kind.

    Args:
      elem_coder: the coder of the elements.
    """

    def to_type_hint(self) -> Any:
        return list[self._hints()[0]]  # type: ignore[misc]


class TupleSequenceCoder(_SequenceCoder):
    """Tuples of any length, of elements of one kind.

    Args:
      elem_coder: the coder of the elements.
    """

    def decode(self, encoded: bytes) -> tuple[Any, ...]:
        return tuple(super().decode(encoded))

    def to_type_hint(self) -> Any:
        return tuple[self._hints()[0], ...]  # type: ignore[misc]


class MapCoder(_NestedCoder):
    """Dicts, in their order; and so not deterministic, since equal dicts may differ in order.

    Args:
      key_coder: the coder of the keys.
      value_coder: the coder of the values.
    """

    def __init__(self, key_coder: Coder, value_coder: Coder) -> None:
        super().__init__(key_coder, value_coder)

    def encode(self, value: Mapping[Any, Any]) -> bytes:
        if not isinstance(value, Mapping):
            raise cannot_encode(self, value, 'a dict')
        return join_parts([part for item in self._items(value) for part in item])

    def _items(self, value: Mapping[Any, Any]) -> Iterator[tuple[bytes, bytes]]:
        keys, values = self._components
        return ((keys.encode(key), values.encode(inner)) for key, inner in value.items())

    def decode(self, encoded: bytes) -> dict[Any, Any]:
        keys, values = self._components
        parts = split_parts(self, encoded)
        if len(parts) % 2:
            raise cannot_decode(self, encoded, f'{len(parts)} keys and values, the last key without a value')
        return {keys.decode(key): values.decode(value) for key, value in zip(parts[::2], parts[1::2])}

    def is_deterministic(self) -> bool:
        return False

    def _with(self, components: list[Coder]) -> Coder:
        return DeterministicMapCoder(*components)

    def to_type_hint(self) -> Any:
        return dict[tuple(self._hints())]  # type: ignore[misc]


class DeterministicMapCoder(MapCoder):
    """Dicts, ordered by the bytes of their keys.

    Args:
      key_coder: a deterministic coder of the keys.
      value_coder: a deterministic coder of the values.
    """

    def _items(self, value: Mapping[Any, Any]) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(super()._items(value)))

    def is_deterministic(self) -> bool:
        return all(coder.is_deterministic() for coder in self._components)


class RowCoder(_NestedCoder):
    """Values with named fields: ``NamedTuple``, dataclasses, and rows whose fields are known.

    Args:
      row_type: the class of the values; it is called with the fields as keyword arguments.
      names: the fields.
      coders: their coders.
    """

    def __init__(self, row_type: Any, names: Sequence[str], coders: Sequence[Coder]) -> None:
        super().__init__(*coders)
        self._row_type = row_type
        self._names = tuple(names)

    def _with(self, components: list[Coder]) -> Coder:
        return RowCoder(self._row_type, self._names, components)

    def encode(self, value: Any) -> bytes:
        try:
            values = [getattr(value, name) for name in self._names]
        except AttributeError as error:
            raise cannot_encode(self, value, f'the fields {", ".join(self._names)}; {error}') from None
        return join_parts([coder.encode(part) for coder, part in zip(self._components, values)])

    def decode(self, encoded: bytes) -> Any:
        parts = split_parts(self, encoded)
        if len(parts) != len(self._names):
            raise cannot_decode(self, encoded, f'{len(parts)} fields, not {len(self._names)}')
        values = [coder.decode(part) for coder, part in zip(self._components, parts)]
        return self._row_type(**dict(zip(self._names, values)))

    def to_type_hint(self) -> Any:
        return self._row_type

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: CoderLookup) -> Coder:
        """The coder of a ``NamedTuple`` or dataclass, by the type hints of its fields.

        Raises:
          TypeError: if it is neither.
        """
        if hasattr(typehint, '__dataclass_fields__'):
            import dataclasses

            names = [field.name for field in dataclasses.fields(typehint) if field.init]
        elif hasattr(typehint, '_fields'):
            names = list(typehint._fields)
        else:
            raise TypeError(f'RowCoder needs a NamedTuple or a dataclass, got {typehint!r}')
        hints = typing.get_type_hints(typehint)
        return cls(typehint, names, [registry.get_coder(hints.get(name, Any)) for name in names])

    @classmethod
    def from_fields(cls, fields: Iterable[tuple[str, Any]], registry: CoderLookup, row_type: Any) -> Coder:
        """The coder of ``row_type`` (such as ``Row``) with these fields: pairs of a name and a type hint."""
        pairs = list(fields)
        return cls(row_type, [name for name, _ in pairs], [registry.get_coder(hint) for _, hint in pairs])

    def __repr__(self) -> str:
        fields = ', '.join(f'{name}={coder!r}' for name, coder in zip(self._names, self._components))
        return f'RowCoder[{getattr(self._row_type, "__name__", self._row_type)}: {fields}]'
