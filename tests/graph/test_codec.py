"""Values in graphs: through JSON and back they are what they were."""

from __future__ import annotations

import enum
import json
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import GraphError
from bourne.sdk.graph import codec
from bourne.sdk.model.portable import portable
from bourne.sdk.model.timestamp import Duration, Timestamp
from bourne.sdk.testing import strategies


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: Any


@portable
@attrs.frozen
class Box:
    """A portable class with fields of every sort."""

    content: Any
    count: int = 3
    name: str | None = None
    items: tuple[Any, ...] = ()
    options: dict[str, Any] = attrs.field(factory=dict)


@portable
@attrs.frozen
class Half:
    """Its constructor does more than to keep its arguments."""

    value: float = attrs.field(converter=lambda given: given / 2)


class Derived(Box):
    """Not marked itself."""


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), strategies.all_timestamps(),
    strategies.durations(), strategies.interval_windows(), strategies.windowfns(), st.just(Level.LOW),
    st.sampled_from([Ellipsis, int, len, 2j]))
HASHABLE = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.just('$type'), st.tuples(st.integers()))
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(HASHABLE, inner, max_size=3),
    st.builds(Point, st.integers(), inner), st.builds(Box, inner),
    st.builds(Box, inner, st.integers(), st.text(), st.tuples(inner), st.dictionaries(st.text(), inner, max_size=2)),
), max_leaves=12)


def there_and_back(value: Any) -> Any:
    return codec.decode(json.loads(json.dumps(codec.encode(value))))


def same(one: Any, other: Any) -> bool:
    """Equal, of equal types all the way down; NaN is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(same(*keys) and same(*values) for keys, values in zip(
            zip(one, other, strict=True), zip(one.values(), other.values(), strict=True), strict=True))
    if attrs.has(type(one)):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in attrs.fields(type(one)))
    return bool(one == other)


@given(VALUES)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert same(there_and_back(value), value)


@given(st.sets(st.integers()))
def test_sets_come_back(value: set[int]) -> None:
    assert there_and_back([value]) == [value]


@given(VALUES)
def test_what_came_back_is_written_alike(value: Any) -> None:
    form = codec.encode(value)
    assert codec.encode(codec.decode(json.loads(json.dumps(form)))) == form


@pytest.mark.parametrize(('value', 'form'), [
    (None, None), (1, 1), ('a', 'a'), (1.5, 1.5), (True, True), ([1, 'a'], [1, 'a']), ((1,), {'$tuple': [1]}),
    ({'a': 1}, {'a': 1}), ({1: 2}, {'$dict': [[1, 2]]}), ({'$a': 1}, {'$dict': [['$a', 1]]}),
    (b'\x00', {'$bytes': 'AA=='}), (float('inf'), {'$float': 'inf'}), (Timestamp(1), {'$timestamp': 1000000}),
    (Duration(1), {'$duration': 1000000}),
    (Box(1), {'$type': f'{__name__}:Box', 'content': 1}),
    (Box((), count=4), {'$type': f'{__name__}:Box', 'content': {'$tuple': []}, 'count': 4}),
])
def test_plain_data_is_readable(value: Any, form: Any) -> None:
    assert codec.encode(value) == form


def test_what_is_pickled_says_what_it_is() -> None:
    form = codec.encode(lambda x: x, 'a label')
    assert set(form) == {'$pickle', 'is'}
    assert '<lambda>' in form['is']
    assert 'test_codec.py' in form['is']


def test_long_lists_are_pickled_whole() -> None:
    for value in (list(range(1000)), tuple(range(1000))):
        assert '$pickle' in codec.encode(value)
        assert same(there_and_back(value), value)


def test_constructors_do_not_run_again() -> None:
    assert there_and_back(Half(8)).value == 4


def test_defaults_that_are_made_are_not_shared() -> None:
    one, other = there_and_back(Box(1)), there_and_back(Box(1))
    assert one.options == {}
    assert one.options is not other.options


def test_a_class_that_is_not_marked_itself_is_pickled() -> None:
    assert '$pickle' in codec.encode(Derived(1))
    assert type(there_and_back(Derived(1))) is Derived


@pytest.mark.parametrize(('form', 'words'), [
    ({'$what': 1}, "unknown form '$what'"),
    ({'$tuple': 5}, r'malformed $tuple value'),
    ({'$bytes': 'no base64!'}, 'malformed $bytes value'),
    ({'$bytes': 5}, 'malformed $bytes value'),
    ({'$dict': [[1]]}, 'malformed $dict value'),
    ({'$dict': [[[], 1]]}, 'malformed $dict value'),
    ({'$float': 'many'}, 'malformed $float value'),
    ({'$timestamp': 'noon'}, 'malformed $timestamp value'),
    ({'$duration': None}, 'malformed $duration value'),
    ({'$pickle': 'AAAA', 'is': 'x'}, 'cannot be loaded here'),
    ({'$pickle': 7}, 'malformed $pickle value'),
    ({'$type': 'nowhere.at.all:Thing'}, 'the graph names nowhere.at.all:Thing, which is not installed here'),
    ({'$type': 'math:Thing'}, 'math:Thing, which is not installed here'),
    ({'$type': 'os:system'}, 'os:system, which is not a portable class'),
    ({'$type': 'collections:OrderedDict'}, 'collections:OrderedDict, which is not a portable class'),
    ({'$type': f'{__name__}:Derived', 'content': 1}, 'Derived, which is not a portable class'),
    ({'$type': 5}, 'malformed $type value'),
    ({'$type': ''}, 'malformed $type value'),
    ({'$type': f'{__name__}:Box'}, "Box needs the field 'content', which the graph does not give"),
    ({'$type': f'{__name__}:Box', 'content': 1, 'lid': 2}, "Box has no field 'lid'"),
])
def test_forms_that_nothing_writes_are_refused(form: Any, words: str) -> None:
    with pytest.raises(GraphError) as caught:
        codec.decode(form)
    assert words in str(caught.value)
