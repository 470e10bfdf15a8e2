"""``Coder``, the base of all coders, and how the encodings of several values are put into one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from bourne.errors import CoderError
from bourne.sdk.model.key_scalars import size_prefix


class CoderLookup(Protocol):
    """What a coder needs of the registry to find the coders of its parts."""

    def get_coder(self, typehint: Any) -> Coder:
        """The coder of a type hint."""


class Coder:
    """Turns values into bytes and back. A custom one defines ``encode``, ``decode`` and ``is_deterministic``.

    The bytes of bourne's own coders are not those that Apache Beam's coders of the same names write: they are
    never exchanged with Beam, and a value within another is simply its bytes behind their length, so that any
    custom coder can stand inside any other. Coders are immutable, picklable, and equal if they are of one
    class and have equal attributes.
    """

    def encode(self, value: Any) -> bytes:
        """The bytes of a value.

        Raises:
          CoderError: if this coder is not for such values.
        """
        raise NotImplementedError(f'{type(self).__name__} must define encode(value)')

    def decode(self, encoded: bytes) -> Any:
        """The value whose bytes these are.

        Raises:
          CoderError: if the bytes are not what ``encode`` makes.
        """
        raise NotImplementedError(f'{type(self).__name__} must define decode(encoded)')

    def is_deterministic(self) -> bool:
        """True if equal values have equal bytes, in every process. The coder of a key must be so."""
        return False

    def as_deterministic_coder(self, step_label: str, error_message: str | None = None) -> Coder:
        """This coder, or one for the same values that is deterministic.

        Args:
          step_label: the transform that needs it, for the error.
          error_message: what to say instead if there is none.

        Raises:
          CoderError: if there is none.
        """
        if self.is_deterministic():
            return self
        raise CoderError(error_message or f'{self!r} cannot be made deterministic for {step_label!r}: '
                                          'give the keys a type whose coder is, or register such a coder')

    def estimate_size(self, value: Any) -> int:
        """The number of bytes of a value's encoding; an estimate will do."""
        return len(self.encode(value))

    def to_type_hint(self) -> Any:
        """The type of the values that this coder is for."""
        return Any

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: CoderLookup) -> Coder:
        """The coder of this class for a type hint, with the registry's coders for its parts."""
        return cls()

    def is_kv_coder(self) -> bool:
        """True if the values are pairs of a key and a value."""
        return False

    def key_coder(self) -> Coder:
        """The coder of the key of a pair.

        Raises:
          CoderError: if the values are not pairs.
        """
        raise CoderError(f'{self!r} is not a coder of key-value pairs')

    def value_coder(self) -> Coder:
        """The coder of the value of a pair, or of the elements of a list.

        Raises:
          CoderError: if the values are neither.
        """
        raise CoderError(f'{self!r} is not a coder of key-value pairs')

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return type(self).__name__


def cannot_encode(coder: Coder, value: Any, wanted: str) -> CoderError:
    """The error for a value that a coder is not for."""
    text = repr(value)
    shown = text if len(text) <= 80 else text[:77] + '...'
    return CoderError(f'{coder!r} cannot encode {shown} ({type(value).__name__}): it takes {wanted}')


def cannot_decode(coder: Coder, encoded: bytes, why: str) -> CoderError:
    """The error for bytes that a coder did not write."""
    shown = repr(encoded[:40]) + ('...' if len(encoded) > 40 else '')
    return CoderError(f'{coder!r} cannot decode {len(encoded)} bytes, {shown}: {why}')


def join_parts(parts: Iterable[bytes]) -> bytes:
    """Several encodings as one: each behind its length."""
    return b''.join([size_prefix(len(part)) + part for part in parts])


def split_parts(coder: Coder, encoded: bytes) -> list[bytes]:
    """The encodings that :func:`join_parts` joined.

    Args:
      coder: whose bytes they are, for the error.
      encoded: the joined bytes.

    Raises:
      CoderError: if they were cut off or damaged.
    """
    parts = []
    at = 0
    while at < len(encoded):
        start = at + (1 if encoded[at] < 255 else 9)
        size = encoded[at] if encoded[at] < 255 else int.from_bytes(encoded[at + 1:start], 'big')
        at = start + size
        if at > len(encoded):
            left = max(0, len(encoded) - start)
            raise cannot_decode(coder, encoded, f'it promises {size} bytes where {left} are left')
        parts.append(encoded[start:at])
    return parts
