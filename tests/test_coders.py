"""Coders: round trips, determinism, damaged bytes, and which coder the registry gives."""

from __future__ import annotations

import dataclasses
import enum
import pickle
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import BourneError, CoderError, KeyEncodingError, UnsupportedError
from bourne.sdk.model import coders
from bourne.sdk.model.coders import (
    Base64PickleCoder,
    BooleanCoder,
    BytesCoder,
    Coder,
    CoderRegistry,
    DeterministicMapCoder,
    FakeDeterministicFastPrimitivesCoder,
    FastPrimitivesCoder,
    FloatCoder,
    GlobalWindowCoder,
    IntervalWindowCoder,
    IterableCoder,
    LengthPrefixCoder,
    ListCoder,
    MapCoder,
    NullableCoder,
    PickleCoder,
    RowCoder,
    SingletonCoder,
    StrUtf8Coder,
    TimestampCoder,
    ToBytesCoder,
    TupleCoder,
    TupleSequenceCoder,
    VarIntCoder,
)
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, GlobalWindow, IntervalWindow


class Person(NamedTuple):
    name: str
    age: int | None
    tags: list[str]


@dataclasses.dataclass(frozen=True)
class Place:
    name: str
    at: tuple[float, float] = (0.0, 0.0)
    known: int = dataclasses.field(default=7, init=False)


@dataclasses.dataclass
class Loose:
    name: str


class Color(enum.Enum):
    RED = 'red'
    BLUE = (0, 0, 1)


class Counted:
    def __init__(self, count: int) -> None:
        self.count = count

    def __getstate__(self) -> Any:
        return (self.count,)

    def __setstate__(self, state: Any) -> None:
        (self.count,) = state

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counted) and self.count == other.count

    __hash__ = None  # type: ignore[assignment]


class Rot(Coder):
    """A custom coder as users write them: it knows nothing of the base class."""

    def encode(self, value: str) -> bytes:
        return bytes(255 - byte for byte in value.encode())

    def decode(self, encoded: bytes) -> str:
        return bytes(255 - byte for byte in encoded).decode()


class DeterministicRot(Rot):
    def is_deterministic(self) -> bool:
        return True


TEXT = st.text(st.characters(exclude_categories=()), max_size=4)
FLOATS = st.floats(allow_nan=False)
MICROS = st.integers(MIN_MICROS, MAX_MICROS)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXT | st.binary(max_size=4)
HASHABLE = st.recursive(SCALARS, lambda part: st.lists(part, max_size=3).map(tuple) | st.frozensets(part, max_size=3),
                        max_leaves=4)
TREES = st.recursive(
    SCALARS | st.sampled_from(list(Color)),
    lambda part: st.lists(part, max_size=3) | st.lists(part, max_size=3).map(tuple) | st.sets(HASHABLE, max_size=3)
    | st.dictionaries(HASHABLE, part, max_size=3) | st.builds(Person, part, part, part) | st.builds(Place, part, part)
    | st.builds(Counted, part), max_leaves=5)

LEAF_CODERS = st.sampled_from([
    (BytesCoder(), st.binary(max_size=300)), (StrUtf8Coder(), TEXT), (BooleanCoder(), st.booleans()),
    (VarIntCoder(), st.integers()), (FloatCoder(), FLOATS), (FastPrimitivesCoder(), TREES), (PickleCoder(), TREES),
    (Base64PickleCoder(), TREES), (TimestampCoder(), MICROS.map(lambda micros: Timestamp(micros=micros))),
    (IntervalWindowCoder(), st.builds(IntervalWindow.of_micros, MICROS, MICROS)),
    (GlobalWindowCoder(), st.just(GLOBAL_WINDOW)), (SingletonCoder('x'), st.just('x')),
    (FastPrimitivesCoder().as_deterministic_coder('step'), TREES), (Rot(), st.text('ab', max_size=300)),
])


def nested(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Coders of values of coders, each with a strategy for its values."""
    return st.one_of(
        st.lists(parts, max_size=3).map(
            lambda pairs: (TupleCoder([coder for coder, _ in pairs]), st.tuples(*[values for _, values in pairs]))),
        parts.map(lambda pair: (ListCoder(pair[0]), st.lists(pair[1], max_size=3))),
        parts.map(lambda pair: (IterableCoder(pair[0]), st.lists(pair[1], max_size=3))),
        parts.map(lambda pair: (TupleSequenceCoder(pair[0]), st.lists(pair[1], max_size=3).map(tuple))),
        parts.map(lambda pair: (NullableCoder(pair[0]), st.none() | pair[1])),
        parts.map(lambda pair: (LengthPrefixCoder(pair[0]), pair[1])),
        parts.map(lambda pair: (MapCoder(StrUtf8Coder(), pair[0]), st.dictionaries(TEXT, pair[1], max_size=3))),
        parts.map(lambda pair: (RowCoder(Row, ['a', 'b'], [pair[0], VarIntCoder()]),
                                st.builds(lambda a, b: Row(a=a, b=b), pair[1], st.integers()))),
    )


CODERS = st.recursive(LEAF_CODERS, nested, max_leaves=4)


@given(st.data())
def test_what_is_encoded_comes_back(data: st.DataObject):
    coder, values = data.draw(CODERS)
    value = data.draw(values)
    encoded = coder.encode(value)
    assert isinstance(encoded, bytes)
    assert coder.estimate_size(value) == len(encoded)
    decoded = coder.decode(encoded)
    assert decoded == value
    assert type(decoded) is type(value)
    assert coder.encode(decoded) == encoded or not coder.is_deterministic()


def refusal(coder: Coder, encoded: bytes) -> str | None:
    """What a coder says of bytes that it cannot decode, shortened."""
    try:
        coder.decode(encoded)
    except CoderError as error:
        return 'cannot decode' if 'cannot decode' in str(error) else str(error)
    return None


@given(st.data())
def test_damaged_bytes_raise_a_coder_error_or_give_another_value(data: st.DataObject):
    # Not the coders of pickle, since damaged pickles can do anything, nor of users.
    coder, values = data.draw(CODERS.filter(lambda pair: 'Pickle' not in repr(pair[0]) and 'Rot' not in repr(pair[0])
                                            and 'Primitives' not in repr(pair[0])))
    encoded = coder.encode(data.draw(values))
    cut = data.draw(st.integers(0, len(encoded)))
    damaged = encoded[:cut] + data.draw(st.binary(max_size=3)) + encoded[cut + data.draw(st.integers(0, 2)):]
    assert refusal(coder, damaged) in (None, 'cannot decode')


@given(st.binary(max_size=12))
def test_noise_is_no_deterministic_encoding_or_a_value(noise: bytes):
    coder = FastPrimitivesCoder().as_deterministic_coder('step')
    assert refusal(coder, noise) in (None, 'cannot decode')


@given(st.data())
def test_coders_are_values(data: st.DataObject):
    coder, _ = data.draw(CODERS)
    twin = pickle.loads(pickle.dumps(coder))
    assert twin == coder
    assert hash(twin) == hash(coder)
    assert repr(twin) == repr(coder)


def test_coders_of_other_parts_differ():
    assert ListCoder(VarIntCoder()) == ListCoder(VarIntCoder()) != ListCoder(FloatCoder())
    assert ListCoder(VarIntCoder()) != IterableCoder(VarIntCoder())
    assert SingletonCoder(1) != SingletonCoder(2)
    assert repr(TupleCoder([VarIntCoder(), ListCoder(Rot())])) == 'TupleCoder[VarIntCoder, ListCoder[Rot]]'
    assert repr(RowCoder(Row, ['a'], [Rot()])) == 'RowCoder[Row: a=Rot]'


@pytest.mark.parametrize(('coder', 'value', 'message'), [
    (StrUtf8Coder(), 3, r'StrUtf8Coder cannot encode 3 \(int\): it takes a str'),
    (BytesCoder(), 'x' * 100, r"BytesCoder cannot encode 'x{76}\.\.\. \(str\): it takes bytes"),
    (BooleanCoder(), 1, 'it takes True or False'),
    (VarIntCoder(), 1.0, 'it takes an int'),
    (FloatCoder(), 'x', 'it takes a float'),
    (FloatCoder(), 10 ** 400, 'an int that fits into one'),
    (TimestampCoder(), 1, 'it takes a Timestamp'),
    (TimestampCoder(), Timestamp(10 ** 15), 'a Timestamp of 64-bit microseconds'),
    (IntervalWindowCoder(), GLOBAL_WINDOW, 'it takes an IntervalWindow'),
    (TupleCoder([VarIntCoder()]), (1, 2), r'TupleCoder\[VarIntCoder\] cannot encode \(1, 2\) .*a tuple of 1'),
    (ListCoder(VarIntCoder()), 3, 'an iterable of elements'),
    (ListCoder(StrUtf8Coder()), 'abc', 'an iterable of elements'),
    (MapCoder(VarIntCoder(), VarIntCoder()), [1], 'it takes a dict'),
    (RowCoder(Row, ['a', 'b'], [VarIntCoder()] * 2), Row(a=1), "the fields a, b; 'Row' object has no attribute 'b'"),
])
def test_what_a_coder_is_not_for(coder: Coder, value: Any, message: str):
    with pytest.raises(CoderError, match=message):
        coder.encode(value)


@pytest.mark.parametrize(('coder', 'encoded', 'message'), [
    (StrUtf8Coder(), b'\xff', r"StrUtf8Coder cannot decode 1 bytes, b'\\xff': not UTF-8: invalid start byte at byte 0"),
    (BooleanCoder(), b'\x02', '0 or 1'),
    (VarIntCoder(), b'', 'at least one'),
    (FloatCoder(), b'1234567', 'it writes 8 bytes'),
    (TimestampCoder(), b'', 'it writes 8 bytes'),
    (IntervalWindowCoder(), bytes(8), 'it writes 16 bytes'),
    (GlobalWindowCoder(), b'x', 'it writes none'),
    (PickleCoder(), b'x' * 50, r"cannot decode 50 bytes, b'x{40}'\.\.\.: UnpicklingError"),
    (Base64PickleCoder(), b'***', 'not base 64'),
    (Base64PickleCoder(), b'AAAA', 'PickleCoder cannot decode'),
    (FastPrimitivesCoder(), b'?x', r"the first byte, b'\?', stands for no type"),
    (NullableCoder(VarIntCoder()), b'', 'its first byte is 0, for None, or 1'),
    (TupleCoder([VarIntCoder()]), b'\x01a\x01b', '2 values, not 1'),
    (LengthPrefixCoder(VarIntCoder()), b'', '0 values, not 1'),
    (ListCoder(VarIntCoder()), b'\x05ab', 'it promises 5 bytes where 2 are left'),
    (ListCoder(VarIntCoder()), b'\xff', 'it promises 0 bytes where 0 are left'),
    (MapCoder(VarIntCoder(), VarIntCoder()), b'\x01a', 'the last key without a value'),
    (RowCoder(Row, ['a'], [VarIntCoder()]), b'', '0 fields, not 1'),
])
def test_what_a_coder_did_not_write(coder: Coder, encoded: bytes, message: str):
    with pytest.raises(CoderError, match=message):
        coder.decode(encoded)


def test_to_bytes_only_encodes():
    assert [ToBytesCoder().encode(value) for value in (b'a', 'ä', 3)] == [b'a', 'ä'.encode(), b'3']
    with pytest.raises(UnsupportedError, match='ToBytesCoder only encodes'):
        ToBytesCoder().decode(b'3')


def test_a_coder_that_defines_nothing():
    for call in (lambda: Coder().encode(1), lambda: Coder().decode(b'')):
        with pytest.raises(NotImplementedError, match='Coder must define'):
            call()


# -- determinism --


def test_nested_coders_are_deterministic_if_their_parts_are():
    for make in (ListCoder, IterableCoder, TupleSequenceCoder, NullableCoder, LengthPrefixCoder,
                 lambda part: TupleCoder([VarIntCoder(), part]), lambda part: RowCoder(Row, ['a'], [part])):
        assert make(VarIntCoder()).is_deterministic()
        assert make(VarIntCoder()).as_deterministic_coder('step') == make(VarIntCoder())
        loose = make(FastPrimitivesCoder())
        assert not loose.is_deterministic()
        made = loose.as_deterministic_coder('step')
        assert type(made) is type(loose)
        assert made.is_deterministic()
        with pytest.raises(CoderError, match="Rot cannot be made deterministic for 'step'"):
            make(Rot()).as_deterministic_coder('step')
        with pytest.raises(CoderError, match=r'^because$'):
            make(Rot()).as_deterministic_coder('step', 'because')


def test_a_deterministic_map_coder_forgets_the_order():
    coder = MapCoder(StrUtf8Coder(), VarIntCoder())
    assert not coder.is_deterministic()
    ordered = coder.as_deterministic_coder('step')
    assert isinstance(ordered, DeterministicMapCoder)
    assert ordered.is_deterministic()
    left, right = {'a': 1, 'b': 2}, {'b': 2, 'a': 1}
    assert coder.encode(left) != coder.encode(right)
    assert ordered.encode(left) == ordered.encode(right)
    assert ordered.decode(ordered.encode(right)) == left


@given(st.dictionaries(HASHABLE, SCALARS, max_size=4), st.randoms())
def test_primitives_are_encoded_whatever_their_order(items: dict[Any, Any], random: Any):
    coder = PickleCoder().as_deterministic_coder('step')
    shuffled = list(items.items())
    random.shuffle(shuffled)
    assert coder.encode(items) == coder.encode(dict(shuffled))
    assert coder.encode(set(items)) == coder.encode({key for key, _ in shuffled})


def test_the_deterministic_encoding_keeps_types_and_fields():
    coder = FastPrimitivesCoder().as_deterministic_coder('step')
    for value in (Person('ann', None, ['x']), Place('here', (1.0, 2.0)), Color.BLUE, Counted(3), {1: {2}}):
        decoded = coder.decode(coder.encode(value))
        assert decoded == value
        assert type(decoded) is type(value)
    assert len({coder.encode(one) for one in (1, 1.0, True)}) == 3


def test_what_has_no_deterministic_encoding():
    @dataclasses.dataclass(frozen=True)
    class Hidden:
        name: str

    coder = FastPrimitivesCoder().as_deterministic_coder('Group')
    for value, message in [
        (Loose('x'), r"cannot encode Loose\(name='x'\) \(Loose\) deterministically for 'Group': its dataclass is not"),
        ([object()], r"\(object\) deterministically for 'Group': make it a tuple or a frozen dataclass, or register"),
        (Hidden('x'), r'its class cannot be imported as .*Hidden; define it in a module'),
    ]:
        with pytest.raises(KeyEncodingError, match=message):
            coder.encode(value)


def test_a_class_that_is_gone_is_a_coder_error():
    coder = FastPrimitivesCoder().as_deterministic_coder('step')
    encoded = coder.encode(Color.RED).replace(b'Color', b'Colon')
    with pytest.raises(CoderError, match=r'cannot decode .* AttributeError'):
        coder.decode(encoded)


def test_fake_determinism():
    assert FakeDeterministicFastPrimitivesCoder().is_deterministic()
    assert FakeDeterministicFastPrimitivesCoder().as_deterministic_coder('x') == FakeDeterministicFastPrimitivesCoder()
    assert FastPrimitivesCoder(DeterministicRot()).is_deterministic()
    assert FastPrimitivesCoder(DeterministicRot()).encode(1) == b'i\x01'


# -- the registry --


@pytest.mark.parametrize(('hint', 'coder'), [
    (int, VarIntCoder()), (float, FloatCoder()), (bytes, BytesCoder()), (bool, BooleanCoder()), (str, StrUtf8Coder()),
    (Timestamp, TimestampCoder()), (IntervalWindow, IntervalWindowCoder()), (GlobalWindow, GlobalWindowCoder()),
    (list[int], ListCoder(VarIntCoder())), (tuple[str, int], TupleCoder([StrUtf8Coder(), VarIntCoder()])),
    (tuple[str, ...], TupleSequenceCoder(StrUtf8Coder())), (dict[str, float], MapCoder(StrUtf8Coder(), FloatCoder())),
    (Iterable[int], IterableCoder(VarIntCoder())), (Sequence[int], IterableCoder(VarIntCoder())),
    (Optional[int], NullableCoder(VarIntCoder())), (int | None, NullableCoder(VarIntCoder())),  # noqa: UP045
    (int | str | None, NullableCoder(FastPrimitivesCoder())), (Annotated[int, 'x', []], VarIntCoder()),
    *[(hint, FastPrimitivesCoder()) for hint in (None, Any, object, list, tuple, int | str, set[int], Person, Row)],
])
def test_the_coder_of_a_type_hint(hint: Any, coder: Coder):
    assert CoderRegistry().get_coder(hint) == coder


@pytest.mark.parametrize('hint', [
    int, float, bytes, bool, str, tuple[str, int], Timestamp, dict[str, int], tuple[str, ...], int | None,
    list[tuple[str, int]], Iterable[int], IntervalWindow])
def test_a_coder_tells_its_type_hint(hint: Any):
    registry = CoderRegistry()
    assert registry.get_coder(registry.get_coder(hint).to_type_hint()) == registry.get_coder(hint)


def test_custom_coders_stand_inside_others():
    registry = CoderRegistry()
    registry.register_coder(Loose, Rot)
    assert registry.get_coder(list[Loose]) == ListCoder(Rot())
    assert registry.get_coder(tuple[Loose, int]).key_coder() == Rot()
    other = CoderRegistry()
    other.load_custom_type_coder_tuples(registry.get_custom_type_coder_tuples([Loose]))
    assert other.get_coder(Loose) == Rot()
    assert other.custom_types == [Loose]
    with pytest.raises(TypeError, match='register_coder takes the class of a coder, got Rot'):
        registry.register_coder(Loose, Rot())  # type: ignore[arg-type]


def test_rows_of_named_tuples_and_dataclasses():
    registry = CoderRegistry()
    assert registry.register_row(Person) is Person
    registry.register_row(Place)
    people = registry.get_coder(Person)
    assert people == RowCoder(Person, ['name', 'age', 'tags'], [
        StrUtf8Coder(), NullableCoder(VarIntCoder()), ListCoder(StrUtf8Coder())])
    for value in (Person('ann', None, ['x', 'y']), Person('', 3, [])):
        assert people.decode(people.encode(value)) == value
    places = registry.get_coder(Place)
    assert places.decode(places.encode(Place('here', (1.5, 2.5)))) == Place('here', (1.5, 2.5))
    assert places.to_type_hint() is Place
    rows = RowCoder.from_fields([('a', int), ('b', str | None)], registry, Row)
    assert rows.decode(rows.encode(Row(a=1, b=None))) == Row(a=1, b=None)
    with pytest.raises(TypeError, match=r'RowCoder needs a NamedTuple or a dataclass, got <class .*Row'):
        RowCoder.from_type_hint(Row, registry)


def test_fallback_coders_are_tried_in_turn():
    class OnlyLoose(Rot):
        @classmethod
        def from_type_hint(cls, typehint: Any, registry: Any) -> Coder:
            if typehint is not Loose:
                raise ValueError('not Loose')
            return cls()

    registry = CoderRegistry()
    registry.register_fallback_coder(OnlyLoose)
    assert registry.get_coder(Loose) == OnlyLoose()
    assert registry.get_coder(Person) == FastPrimitivesCoder()
    with pytest.raises(CoderError, match=r'no coder for .*Person.*OnlyLoose.*: not Loose'):
        CoderRegistry(OnlyLoose).get_coder(Person)


def test_verify_deterministic():
    registry = CoderRegistry()
    assert registry.verify_deterministic(VarIntCoder(), 'Group') == VarIntCoder()
    assert registry.verify_deterministic(FastPrimitivesCoder(), 'Group').is_deterministic()
    with pytest.raises(CoderError, match='the coder Rot of the keys of Group is not deterministic'):
        registry.verify_deterministic(Rot(), 'Group')


def test_pairs():
    pair = TupleCoder([StrUtf8Coder(), VarIntCoder()])
    assert pair.is_kv_coder()
    assert (pair.key_coder(), pair.value_coder()) == (StrUtf8Coder(), VarIntCoder())
    assert ListCoder(VarIntCoder()).value_coder() == VarIntCoder()
    for coder in (VarIntCoder(), TupleCoder([VarIntCoder()])):
        assert not coder.is_kv_coder()
        for ask in (coder.key_coder, coder.value_coder):
            with pytest.raises(BourneError, match='is not a coder of key-value pairs'):
                ask()


def test_all_names_are_there():
    assert len(set(coders.__all__)) == len(coders.__all__)
    assert all(hasattr(coders, name) for name in coders.__all__)
