"""Coders of any value: by pickle, and by a deterministic encoding of the values that have one."""

from __future__ import annotations

import binascii
import enum
import importlib
import pickle
from operator import attrgetter
from typing import Any

from bourne.errors import CoderError, KeyEncodingError
from bourne.sdk.model.coder import Coder, cannot_decode, join_parts, split_parts
from bourne.sdk.model.keys import class_name
from bourne.sdk.model.value_coders import (
    BooleanCoder,
    BytesCoder,
    FloatCoder,
    SingletonCoder,
    StrUtf8Coder,
    VarIntCoder,
)

#: The same for every Python version that bourne runs on.
_PROTOCOL = 5

_SCALARS: dict[type, tuple[bytes, Coder]] = {
    type(None): (b'N', SingletonCoder(None)), bool: (b'B', BooleanCoder()), int: (b'i', VarIntCoder()),
    float: (b'f', FloatCoder()), str: (b's', StrUtf8Coder()), bytes: (b'b', BytesCoder()),
}
_SCALARS_BY_TAG = dict(_SCALARS.values())
_SEQUENCES: dict[type, bytes] = {list: b'l', tuple: b't', set: b'S', frozenset: b'Z'}
_SEQUENCES_BY_TAG = {tag: cls for cls, tag in _SEQUENCES.items()}


class PickleCoder(Coder):
    """Any value that pickle takes. Not deterministic: equal sets, or equal dicts, may differ in bytes."""

    def encode(self, value: Any) -> bytes:
        return pickle.dumps(value, _PROTOCOL)

    def decode(self, encoded: bytes) -> Any:
        try:
            return pickle.loads(encoded)
        except Exception as error:  # damaged bytes can raise anything
            raise cannot_decode(self, encoded, f'{type(error).__name__}: {error}') from error

    def as_deterministic_coder(self, step_label: str, error_message: str | None = None) -> Coder:
        return DeterministicFastPrimitivesCoder(self, step_label)


class Base64PickleCoder(Coder):
    """As :class:`PickleCoder`, in base 64: bytes that are printable ASCII, on one line."""

    def encode(self, value: Any) -> bytes:
        return binascii.b2a_base64(pickle.dumps(value, _PROTOCOL), newline=False)

    def decode(self, encoded: bytes) -> Any:
        try:
            pickled = binascii.a2b_base64(encoded, strict_mode=True)
        except binascii.Error as error:
            raise cannot_decode(self, encoded, f'not base 64: {error}') from None
        return PickleCoder().decode(pickled)


class FastPrimitivesCoder(Coder):
    """Any value: ``None``, bools, numbers, text and bytes in a few bytes, all else by another coder.

    Args:
      fallback_coder: the coder of all else; that of pickle if it is None.
    """

    def __init__(self, fallback_coder: Coder | None = None) -> None:
        self._fallback = PickleCoder() if fallback_coder is None else fallback_coder

    def encode(self, value: Any) -> bytes:
        tag, coder = _SCALARS.get(type(value), (b'P', self._fallback))
        return tag + coder.encode(value)

    def decode(self, encoded: bytes) -> Any:
        tag = encoded[:1]
        coder = self._fallback if tag == b'P' else _SCALARS_BY_TAG.get(tag)
        if coder is None:
            raise cannot_decode(self, encoded, f'the first byte, {tag!r}, stands for no type')
        return coder.decode(encoded[1:])

    def is_deterministic(self) -> bool:
        return self._fallback.is_deterministic()

    def as_deterministic_coder(self, step_label: str, error_message: str | None = None) -> Coder:
        return self if self.is_deterministic() else DeterministicFastPrimitivesCoder(self, step_label)


class FakeDeterministicFastPrimitivesCoder(FastPrimitivesCoder):
    """A :class:`FastPrimitivesCoder` that says it is deterministic, for where it is known not to matter."""

    def is_deterministic(self) -> bool:
        return True


class DeterministicFastPrimitivesCoder(Coder):
    """Values that have a deterministic encoding, from which they come back as what they were.

    These are what :class:`FastPrimitivesCoder` writes itself, and lists, tuples, dicts and sets (ordered by
    the bytes of their keys or elements), named tuples, enums, frozen dataclasses, and objects with
    ``__getstate__`` and ``__setstate__``, of all these; their classes must be importable. Unlike the encoding
    of keys in :mod:`bourne.sdk.model.keys` it tells 1 from 1.0 and from True.

    Args:
      coder: the coder that this one stands in for.
      step_label: the transform that needs it, for errors.
    """

    def __init__(self, coder: Coder, step_label: str) -> None:
        self._coder = coder
        self._step_label = step_label

    def encode(self, value: Any) -> bytes:
        """The bytes of a value.

        Raises:
          KeyEncodingError: if it has no deterministic encoding.
        """
        kind = type(value)
        if kind in _SCALARS:
            tag, coder = _SCALARS[kind]
            return tag + coder.encode(value)
        if kind is dict:
            pairs = sorted([(self.encode(key), self.encode(inner)) for key, inner in value.items()])
            return b'd' + join_parts([part for pair in pairs for part in pair])
        if kind in _SEQUENCES:
            parts = [self.encode(element) for element in value]
            return _SEQUENCES[kind] + join_parts(sorted(parts) if kind in (set, frozenset) else parts)
        return self._encode_object(value, kind)

    def _encode_object(self, value: Any, kind: type) -> bytes:
        if isinstance(value, enum.Enum):
            return self._object(b'e', value, [self.encode(value.value)])
        if isinstance(value, tuple) and hasattr(kind, '_fields'):
            return self._object(b'n', value, [self.encode(part) for part in value])
        if '__dataclass_params__' in kind.__dict__:
            if not kind.__dict__['__dataclass_params__'].frozen:
                raise self._no_encoding(value, 'its dataclass is not frozen; declare it so')
            names = [name for name, field in kind.__dict__['__dataclass_fields__'].items() if field.init]
            return self._object(b'c', value, [
                part for name in names for part in (name.encode(), self.encode(getattr(value, name)))])
        reduces_itself = getattr(kind, '__reduce__', None) is not object.__reduce__
        if hasattr(kind, '__setstate__') and not reduces_itself:
            return self._object(b'g', value, [self.encode(value.__getstate__())])
        raise self._no_encoding(value, 'make it a tuple or a frozen dataclass, or register a deterministic '
                                       'coder for its class and give the input of the step that type')

    def _object(self, tag: bytes, value: Any, parts: list[bytes]) -> bytes:
        name = class_name(type(value))
        try:
            found = _class_of(name)
        except (ImportError, AttributeError):
            found = None
        if found is not type(value):
            raise self._no_encoding(value, f'its class cannot be imported as {name}; define it in a module')
        return tag + join_parts([name.encode(), *parts])

    def _no_encoding(self, value: Any, why: str) -> KeyEncodingError:
        return KeyEncodingError(f'cannot encode {value!r:.80} ({type(value).__name__}) deterministically for '
                                f'{self._step_label!r}: {why}')

    def decode(self, encoded: bytes) -> Any:
        try:
            return self._decode(encoded[:1], encoded[1:])
        except CoderError:
            raise
        except Exception as error:  # a class that is gone, or whose constructor takes other fields now
            raise cannot_decode(self, encoded, f'{type(error).__name__}: {error}') from error

    def _decode(self, tag: bytes, content: bytes) -> Any:
        if tag in _SCALARS_BY_TAG:
            return _SCALARS_BY_TAG[tag].decode(content)
        parts = split_parts(self, content)
        if tag == b'd':
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return {self.decode(key): self.decode(value) for key, value in pairs}
        if tag in _SEQUENCES_BY_TAG:
            return _SEQUENCES_BY_TAG[tag]([self.decode(part) for part in parts])
        if tag not in (b'e', b'n', b'c', b'g'):
            raise cannot_decode(self, tag + content, f'the first byte, {tag!r}, stands for no type')
        return self._decode_object(tag, _class_of(parts[0].decode()), parts[1:])

    def _decode_object(self, tag: bytes, cls: Any, parts: list[bytes]) -> Any:
        if tag == b'c':
            fields = zip(parts[::2], parts[1::2], strict=True)
            return cls(**{name.decode(): self.decode(value) for name, value in fields})
        values = [self.decode(part) for part in parts]
        if tag == b'n':
            return cls._make(values)
        (value,) = values
        if tag == b'e':
            return cls(value)
        made = cls.__new__(cls)
        made.__setstate__(value)
        return made

    def is_deterministic(self) -> bool:
        return True


def _class_of(name: str) -> Any:
    module, _, qualname = name.partition(':')
    return attrgetter(qualname)(importlib.import_module(module))
