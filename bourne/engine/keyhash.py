"""Where a key goes: a stable hash of keys, the key groups it spreads them over, and partitions of key groups.

    h = key_hash(key)            0 <= h < 2**64, the same in every process, Python version and machine
    g = h * KEY_GROUPS // 2**64        the key group: the topmost bits of the hash
    p = g * partitions // KEY_GROUPS   the partition: each one owns a contiguous range of key groups

State is kept and saved by key group, so that a checkpoint can be restored at another number of partitions by
dealing out the ranges anew. Apache Flink does the same, and its greatest parallelism is also our number of
groups, 2**15: few enough for an index of them in every checkpoint, enough for ranges of about equal size at a
thousand partitions (they differ by one group in 33).

The law is that of :mod:`bourne.sdk.model.keys`: keys with equal encodings have equal hashes, and so do keys
that are equal in a dict. The hash does not need the encoding, though, and short cuts are taken for text,
numbers and tuples of them. The constants here are part of the format of checkpoints and must not change.

Measured on CPython 3.11, per key, in :func:`hash_keys`: 0.2 us for an int by a multiplicative mix; 0.15 us
for a text of 11 characters by CRC-32 and one multiplication, where blake2b takes 0.57 us and a polynomial
modulo a 64-bit prime 0.31 us, spread worse. CRC-32 and the multiplication spread dense, strided, prefixed and
padded texts over 2 to 1000 partitions as evenly as chance does (``tests/test_keyhash.py``). The price: a
text's hash carries 32 bits, not 64, and two CRCs with two seeds would carry no more, since CRC is linear.
That is plenty for partitions and for recursion into them; but do not count distinct keys by it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import Any
from zlib import crc32

from bourne.sdk.model.key_scalars import of_bytes, of_float, of_int, of_str
from bourne.sdk.model.keys import (
    encode_key,
    encoder_of,
    equality_tells_keys,
    of_frozenset,
    of_tuple,
)

#: Into how many groups keys are divided, for good; no stage can have more partitions than that.
KEY_GROUPS = 1 << 15

_MASK = (1 << 64) - 1
_PRIME = (1 << 64) - 59
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9
_MEMO_SIZE = 1000
_SAMPLE = 1000
_ALWAYS_SETTLED = frozenset({str, int, bytes, bool, type(None)})

Pair = tuple[Any, Any]


def key_hash(key: Any) -> int:
    """The stable hash of a key.

    Args:
      key: anything that :func:`bourne.sdk.model.keys.encode_key` takes.

    Returns:
      An unsigned 64-bit number. The higher a bit, the better it is spread: take from the top.

    Raises:
      KeyEncodingError: if the key has no deterministic encoding.
    """
    return _HASHERS[type(key)](key)


def hash_keys(keys: Sequence[Any]) -> list[int]:
    """The hashes of many keys: ``[key_hash(key) for key in keys]``, but faster if all are of one type."""
    kinds = set(map(type, keys))
    hasher = _HASHERS[kinds.pop()] if len(kinds) == 1 else None
    if hasher is _hash_int:
        return [((mixed := key % _PRIME * _GOLDEN) ^ mixed >> 47) * _MIX & _MASK for key in keys]
    if hasher is _hash_str:
        try:
            return [crc32(key.encode()) * _GOLDEN & _MASK for key in keys]
        except UnicodeEncodeError:
            pass
    if hasher is _hash_tuple and len(set(map(len, keys))) == 1:
        return _hash_columns(keys)
    return [_HASHERS[type(key)](key) for key in keys]


def key_group(key: Any, groups: int = KEY_GROUPS) -> int:
    """The key group of a key, from 0 to ``groups - 1``.

    Raises:
      KeyEncodingError: if the key has no deterministic encoding.
    """
    return key_hash(key) * groups >> 64


def partition_of(group: int, partitions: int, groups: int = KEY_GROUPS) -> int:
    """The partition, from 0 to ``partitions - 1``, that owns a key group."""
    return group * partitions // groups


def key_groups_of(partition: int, partitions: int, groups: int = KEY_GROUPS) -> range:
    """The key groups that a partition owns: those whose :func:`partition_of` it is."""
    return range(-(-partition * groups // partitions), -(-(partition + 1) * groups // partitions))


def partitions_of(keys: Sequence[Any], partitions: int) -> list[int]:
    """The partition of each of many keys.

    Where keys repeat, each distinct one is hashed once; which are the same is left to a dict, as the law
    allows. A sample of the keys decides whether that pays. Measured per key: 0.07 us where each occurs a
    hundred times; where every one is another, 0.28 us (int), 0.26 us (text), 0.7 us (tuple of both).

    Raises:
      KeyEncodingError: if a key has no deterministic encoding.
    """
    distinct = _worth_hashing(keys)
    owners = [(hashed >> 49) * partitions >> 15 for hashed in hash_keys(distinct)]
    return owners if distinct is keys else list(map(dict(zip(distinct, owners)).__getitem__, keys))


def partitioner(partitions: int) -> Callable[[Sequence[Pair]], list[list[Pair]]]:
    """A function that deals out pairs to partitions by their keys, in :func:`partitions_of` and 0.07 us a pair.

    Args:
      partitions: how many there are, at most ``KEY_GROUPS``.

    Returns:
      A function from a list of pairs to a list of ``partitions`` lists of the same pairs, in the same order.
      It raises KeyEncodingError if it meets a key that has no deterministic encoding.

    Raises:
      ValueError: if there are fewer than 1 or more than ``KEY_GROUPS`` partitions.
    """
    if not 1 <= partitions <= KEY_GROUPS:
        raise ValueError(f'partitions must be from 1 to {KEY_GROUPS}, got {partitions!r}')

    def split(pairs: Sequence[Pair]) -> list[list[Pair]]:
        parts: list[list[Pair]] = [[] for _ in range(partitions)]
        appends = [part.append for part in parts]
        owners = partitions_of([pair[0] for pair in pairs], partitions)
        for pair, append in zip(pairs, map(appends.__getitem__, owners)):
            append(pair)
        return parts

    return split


def check_keys(keys: Collection[Any]) -> bool:
    """Checks the distinct keys of a dict that was grouped by ``==`` for what a cluster would make of them.

    It costs some 25 ns a key for text and numbers, 130 ns for a tuple of two, and a few microseconds for keys
    that must be encoded one by one.

    Args:
      keys: keys of which no two are equal in a dict.

    Returns:
      True if each is a key for itself. False if some of them are one key although they are not equal (NaNs,
      or what a registered coder encodes alike); :func:`key_aliases` then tells which.

    Raises:
      KeyEncodingError: if one of them has no deterministic encoding.
    """
    return is_settled(keys) or not key_aliases(keys)


def is_settled(values: Collection[Any]) -> bool:
    """True if all are keys, of types by which unequal ones are different keys, and none is a NaN."""
    kinds: set[type] = set(map(type, values))
    for kind in kinds - _ALWAYS_SETTLED:
        if kind is float:
            if [value for value in values if type(value) is float and value != value]:
                return False
        elif encoder_of(kind) in (of_tuple, of_frozenset):
            holders: Any = [value for value in values if type(value) is kind]
            if not is_settled(list(chain.from_iterable(holders))):
                return False
        elif not equality_tells_keys(kind):
            return False
    return True


def key_aliases(keys: Collection[Any]) -> dict[Any, Any]:
    """Each key that is one key with an earlier one, and that earlier one, to put their groups together.

    Raises:
      KeyEncodingError: if one of them has no deterministic encoding.
    """
    first: dict[bytes, Any] = {}
    aliases = {}
    for key in keys:
        earlier = first.setdefault(encode_key(key), key)
        if earlier is not key:
            aliases[key] = earlier
    return aliases


def _worth_hashing(keys: Sequence[Any]) -> Sequence[Any]:
    """The distinct keys; or the keys themselves, if finding these would take longer than to hash all."""
    sample = keys[:_SAMPLE]
    return keys if len(_distinct(sample)) > len(sample) * 0.9 else _distinct(keys)


def _distinct(keys: Sequence[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(keys))  # in order, which is kind to the processor's caches
    except TypeError:
        for key in keys:
            encode_key(key)  # says what is wrong with the one that cannot be hashed
        raise


# -- hashes by type --


def _hash_int(key: int) -> int:
    # Modulo a prime, not 2**64, so that large multiples of powers of two stay apart. The high half of the
    # product is folded onto the low one, so that every bit of the key reaches the top bits of the result.
    mixed = key % _PRIME * _GOLDEN
    return (mixed ^ mixed >> 47) * _MIX & _MASK


def _hash_str(key: str) -> int:
    return crc32(key.encode('utf-8', 'surrogatepass')) * _GOLDEN & _MASK


def _hash_bytes(key: bytes) -> int:
    return crc32(key, 1) * _GOLDEN & _MASK


def _hash_float(key: float) -> int:
    return _hash_int(int(key)) if key.is_integer() else crc32(of_float(key)) * _GOLDEN & _MASK


def _hash_tuple(key: tuple[Any, ...]) -> int:
    hashed = len(key)
    for value in key:
        hashed = (hashed ^ _HASHERS[type(value)](value)) * _MIX & _MASK
    return hashed


def _hash_columns(keys: Sequence[tuple[Any, ...]]) -> list[int]:
    hashes = [len(keys[0])] * len(keys)
    for column in zip(*keys):
        distinct = _worth_hashing(column)
        values: Iterable[int] = hash_keys(distinct)
        if distinct is not column:
            values = map(dict(zip(distinct, values)).__getitem__, column)
        hashes = [(hashed ^ value) * _MIX & _MASK for hashed, value in zip(hashes, values)]
    return hashes


def _hash_encoded(key: Any) -> int:
    encoded = encode_key(key)
    tag = encoded[:1]
    if tag in b'isb':
        # It equals an int, a str or some bytes, as Decimal(1) does, and needs the hash of these.
        content = encoded[2 if encoded[1] < 255 else 10:]
        if tag == b'i':
            return _hash_int(int.from_bytes(content, 'big', signed=True))
        return crc32(content, 0 if tag == b's' else 1) * _GOLDEN & _MASK
    return crc32(encoded) * _GOLDEN & _MASK


_BY_ENCODER: dict[Any, Callable[[Any], int]] = {
    of_int: _hash_int, of_str: _hash_str, of_bytes: _hash_bytes, of_float: _hash_float, of_tuple: _hash_tuple,
}


class _Hashers(dict[type, Callable[[Any], int]]):
    """The hash function of each class that was met so far. What has no encoding fails in the general one."""

    def __missing__(self, cls: type) -> Callable[[Any], int]:
        if len(self) >= _MEMO_SIZE:
            self.clear()
        hasher = self[cls] = _BY_ENCODER.get(encoder_of(cls), _hash_encoded)
        return hasher


_HASHERS = _Hashers()
