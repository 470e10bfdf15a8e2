"""The key hash: even, the same for one key however it is asked for; key groups; keys of a dict checked."""

from __future__ import annotations

import collections
import itertools
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.keyhash import (
    KEY_GROUPS,
    check_keys,
    hash_keys,
    key_aliases,
    key_group,
    key_groups_of,
    key_hash,
    partition_of,
    partitioner,
    partitions_of,
)
from bourne.errors import KeyEncodingError
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Duration, Timestamp

PARTS = st.one_of(
    st.integers(-2, 2), st.integers(), st.booleans(), st.floats(allow_nan=False), st.sampled_from([1.0, Decimal(1)]),
    st.text('ab\ud800', max_size=2), st.binary(max_size=2), st.none(), st.builds(Timestamp, st.integers(0, 2)))
KEYS = st.recursive(PARTS, lambda parts: st.lists(parts, max_size=3).map(tuple) | st.frozensets(parts, max_size=2)
                    | st.builds(lambda part: Row(a=part), parts), max_leaves=3)
#: Lists of keys of all kinds, and of one kind, for which there are short cuts.
KEY_LISTS = st.one_of(st.lists(KEYS), *[st.lists(kind) for kind in (
    st.integers(), st.booleans(), st.text('ab\ud800', max_size=3), st.floats(), st.binary(max_size=3),
    st.tuples(PARTS, PARTS), st.tuples(st.text('ab', max_size=2), st.integers(-2, 2)), st.tuples(st.tuples(PARTS)))])


@given(KEY_LISTS)
def test_many_keys_are_hashed_as_each_by_itself(keys: list[Any]):
    hashes = hash_keys(keys)
    assert hashes == [key_hash(key) for key in keys]
    assert all(0 <= hashed < 2 ** 64 for hashed in hashes)


@given(KEY_LISTS, st.integers(1, 100))
def test_partitions_are_those_of_the_key_groups(keys: list[Any], partitions: int):
    assert partitions_of(keys, partitions) == [partition_of(key_group(key), partitions) for key in keys]
    assert partitions_of(keys * 20, partitions) == partitions_of(keys, partitions) * 20


@given(KEY_LISTS, st.integers(1, 100))
def test_the_partitioner_deals_out_every_pair_once_and_in_order(keys: list[Any], partitions: int):
    pairs = list(zip(keys, itertools.count()))
    parts = partitioner(partitions)(pairs)
    assert len(parts) == partitions
    assert sorted(itertools.chain(*parts), key=lambda pair: pair[1]) == pairs
    for number, part in enumerate(parts):
        assert all(partition_of(key_group(key), partitions) == number for key, _ in part)
        assert [position for _, position in part] == sorted(position for _, position in part)


@given(st.integers(1, KEY_GROUPS), st.integers(0, KEY_GROUPS - 1))
def test_every_key_group_has_one_owner_and_owners_have_ranges(partitions: int, group: int):
    owner = partition_of(group, partitions)
    assert 0 <= owner < partitions
    owned = key_groups_of(owner, partitions)
    assert group in owned
    assert owned.stop == (key_groups_of(owner + 1, partitions).start if owner + 1 < partitions else KEY_GROUPS)
    assert math.floor(KEY_GROUPS / partitions) <= len(owned) <= math.ceil(KEY_GROUPS / partitions)


def test_the_number_of_partitions_is_checked():
    for wrong in (0, KEY_GROUPS + 1):
        with pytest.raises(ValueError, match=f'partitions must be from 1 to {KEY_GROUPS}, got {wrong}'):
            partitioner(wrong)


@pytest.mark.parametrize('key', [[1], ('a', [1]), {'a': 1}, object(), (object(),), Row(a=[1])])
def test_bad_keys_are_named_wherever_they_are_hashed(key: Any):
    for ask in (key_hash, lambda key: hash_keys([key, key]), lambda key: partitions_of([1, key], 2),
                lambda key: partitioner(3)([('a', 1), (key, 2)]), lambda key: partitioner(1)([(key, 1)]),
                lambda key: check_keys([key])):
        with pytest.raises(KeyEncodingError, match='as a key: '):
            ask(key)


# -- the keys of a dict --


@given(st.lists(KEYS | st.floats() | st.builds(Duration, st.integers(0, 2)), max_size=4))
def test_keys_are_in_order_if_and_only_if_no_two_have_the_same_bytes(keys: list[Any]):
    grouped = dict.fromkeys(keys)
    encodings = [encode_key(key) for key in grouped]
    aliases = key_aliases(grouped)
    assert check_keys(grouped) is (len(set(encodings)) == len(encodings)) is (not aliases)
    assert len(aliases) == len(encodings) - len(set(encodings))
    for alias, first in aliases.items():
        assert encode_key(alias) == encode_key(first)
        assert first not in aliases


def test_nans_that_a_dict_keeps_apart_are_put_together():
    first, second = float('nan'), float('nan')
    for hold in (lambda nan: nan, lambda nan: (nan, 'x'), lambda nan: frozenset({nan}), lambda nan: Row(a=nan)):
        groups = {hold(first): [1], 1: [2], hold(second): [3]}
        assert not check_keys(groups)
        for alias, key in key_aliases(groups).items():
            groups[key] += groups.pop(alias)
        assert list(groups.values()) == [[1, 3], [2]]


# -- evenness --


def int_families() -> Iterator[tuple[str, Sequence[Any]]]:
    """Sets of numbers as they occur: dense, strided by units of time and powers of two, few, large, in grids."""
    yield 'dense', range(100_000)
    yield 'powers of two', [1 << exponent for exponent in range(1_000)]
    yield 'micros', [1_700_000_000_000_000 + second * 1_000_000 for second in range(20_000)]
    yield 'halves', [number / 2 for number in range(20_000)]
    for stride in (10, 1_000, 1_024, 86_400, 3_600_000_000, 1 << 32, 1 << 48, -1, -86_400):
        yield f'by {stride}', [number * stride for number in range(20_000)]
        yield f'few by {stride}', [number * stride for number in range(300)]


def text_families() -> Iterator[tuple[str, Sequence[Any]]]:
    """Texts as they occur: numbered, padded, with a common start or end, by letters, dates."""
    for pattern in ('%d', '%08d', '%x', 'user-%06d', 'a%db', 'https://example.com/item?id=%d', '%d@example.com'):
        yield pattern, [pattern % number for number in range(20_000)]
        yield f'every 7th {pattern}', [pattern % (number * 7) for number in range(20_000)]
        yield f'few {pattern}', [pattern % number for number in range(300)]
    yield 'letters', [''.join(word) for word in itertools.product('abcdefghijklmnopqrstuvwxyz', repeat=3)]
    yield 'two letters', [''.join(word) for word in itertools.product('ab', repeat=14)]
    yield 'lengths', ['a' * size for size in range(1_000)]
    yield 'bytes', [b'%06d' % number for number in range(20_000)]


def tuple_families() -> Iterator[tuple[str, Sequence[Any]]]:
    """Tuples as they occur."""
    yield 'grid', list(itertools.product(range(0, 150 * 60, 60), range(150)))
    yield 'twice', [(number, number) for number in range(20_000)]
    yield 'user and hour', [(f'user-{user}', hour * 3600) for user in range(1_000) for hour in range(20)]
    yield 'hour and user', [(hour * 3600, f'user-{user}') for user in range(1_000) for hour in range(20)]
    yield 'same text twice', [(f'user-{user}', f'user-{user}') for user in range(20_000)]
    yield 'bits', list(itertools.product((0, 1), repeat=14))
    yield 'one', [(number,) for number in range(20_000)]
    yield 'rows', [Row(a=number, b='x') for number in range(5_000)]


@pytest.mark.parametrize(('name', 'keys'), [
    pytest.param(name, keys, id=name)
    for name, keys in itertools.chain(int_families(), text_families(), tuple_families())])
def test_partitions_get_about_the_same_number_of_keys(name: str, keys: Sequence[Any]):
    """The chi-squared statistic, in standard deviations from what chance gives. Bad hashes are off by hundreds."""
    for partitions in (2, 3, 8, 64, 1_000):
        expected = len(keys) / partitions
        if expected < 4:
            continue
        counts = collections.Counter(partitions_of(list(keys), partitions))
        chi_squared = sum((counts[number] - expected) ** 2 / expected for number in range(partitions))
        assert (chi_squared - (partitions - 1)) / math.sqrt(2 * (partitions - 1)) < 8


def test_the_bits_below_those_of_the_partition_are_even_too():
    """What a partition that is too large is divided by."""
    for keys in (range(60_000), [f'user-{number}' for number in range(60_000)]):
        below = [key_hash(key) >> 41 & 255 for key in keys if key_hash(key) >> 62 == 1]
        expected = len(below) / 256
        chi_squared = sum((count - expected) ** 2 / expected for count in collections.Counter(below).values())
        assert (chi_squared - 255) / math.sqrt(2 * 255) < 8


def test_equal_numbers_and_texts_have_one_hash():
    class Text(str):
        pass

    assert len({key_hash(one) for one in (1, True, 1.0, Decimal(1), Fraction(1), 1 + 0j, Timestamp(1))}) == 1
    assert len({key_hash(half) for half in (0.5, Decimal('0.5'), Fraction(1, 2), Duration(0.5))}) == 1
    assert key_hash(Text('a')) == key_hash('a') != key_hash(b'a')
    assert len({key_hash(large) for large in (2 ** 2000, Decimal(2 ** 2000))}) == 1
