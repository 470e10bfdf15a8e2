"""``ShardedKey``: a key with the number of one of its shards, and its type hint."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from bourne.sdk.model.keys import encode_key, set_key_coder

K = TypeVar('K')


class ShardedKey(Generic[K]):
    """A user's key and one of the shards that its elements are spread over.

    Args:
      key: the user's key.
      shard_id: the shard, opaque bytes.
    """

    __slots__ = ('_shard_id', 'key')

    def __init__(self, key: K, shard_id: bytes) -> None:
        if not isinstance(shard_id, bytes):
            raise TypeError(f'ShardedKey: shard_id is bytes, got {shard_id!r} ({type(shard_id).__name__})')
        self.key = key
        self._shard_id = shard_id

    @property
    def shard_id(self) -> bytes:
        """The shard."""
        return self._shard_id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ShardedKey):
            return NotImplemented
        return bool(self.key == other.key) and self._shard_id == other._shard_id

    def __hash__(self) -> int:
        return hash((self.key, self._shard_id))

    def __reduce__(self) -> Any:
        return ShardedKey, (self.key, self._shard_id)

    def __repr__(self) -> str:
        return f'ShardedKey({self.key!r}, {self._shard_id!r})'


class _KeyCoder:
    """Encodes a sharded key, where it is grouped by, as the pair of its parts."""

    def is_deterministic(self) -> bool:
        return True

    def encode(self, value: ShardedKey[Any]) -> bytes:
        return encode_key((value.key, value.shard_id))


set_key_coder(ShardedKey, _KeyCoder)
#: The hint: ``ShardedKeyType[int]``.
ShardedKeyType = ShardedKey
