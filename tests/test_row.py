"""``Row``: fields in order, equality, hashing, pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.sdk.model.row import Row


class SpecialRow(Row):
    pass


class Pair(NamedTuple):
    a: int
    b: int


FIELDS = st.dictionaries(st.text('abcxyz_', min_size=1, max_size=3), st.integers(0, 3) | st.text('ab', max_size=2),
                         max_size=4)


def test_fields_are_attributes_in_the_order_given():
    row = Row(name='x', id=1, self=2)
    assert (row.name, row.id, row.self) == ('x', 1, 2)
    assert list(row) == ['x', 1, 2]
    assert list(row.as_dict().items()) == [('name', 'x'), ('id', 1), ('self', 2)]
    assert row._asdict() == row.as_dict()
    assert repr(row) == "Row(name='x', id=1, self=2)"
    assert repr(Row()) == 'Row()'
    with pytest.raises(AttributeError, match="'Row' object has no attribute 'nmae'"):
        _ = row.nmae


def test_as_dict_is_a_copy():
    row = Row(a=1)
    row.as_dict()['a'] = 2
    assert row.a == 1


def test_the_order_of_fields_and_the_class_count():
    assert Row(a=1, b=2) != Row(b=2, a=1)
    assert Row(a=1) != Row(a=1, b=2)
    assert Row(a=1) != SpecialRow(a=1)
    assert SpecialRow(a=1) == SpecialRow(a=1)
    assert repr(SpecialRow(a=1)) == 'SpecialRow(a=1)'


def test_a_row_equals_no_tuple():
    assert Row(a=1, b=2) != (1, 2)
    assert Row(a=1, b=2) != Pair(1, 2)
    assert Row(a=1, b=2) != {'a': 1, 'b': 2}


def test_a_row_of_unhashable_values_has_no_hash():
    with pytest.raises(TypeError, match='unhashable'):
        hash(Row(a=[1]))


@given(FIELDS, FIELDS)
def test_rows_are_equal_as_their_items_are(left: dict[str, Any], right: dict[str, Any]):
    same = list(left.items()) == list(right.items())
    assert (Row(**left) == Row(**right)) is same
    if same:
        assert hash(Row(**left)) == hash(Row(**right))


@given(FIELDS)
def test_copies_are_equal(fields: dict[str, Any]):
    for kind in (Row, SpecialRow):
        row = kind(**fields)
        for twin in (pickle.loads(pickle.dumps(row, 5)), copy.copy(row), copy.deepcopy(row)):
            assert type(twin) is kind
            assert twin == row
            assert list(twin.as_dict()) == list(fields)


def test_names_are_pickled_once():
    rows = [Row(a_long_field_name=number, another_field_name=number) for number in range(100)]
    pickled = pickle.dumps(rows, 5)
    assert pickled.count(b'a_long_field_name') == 1
    assert len(pickled) < 25 * len(rows)
