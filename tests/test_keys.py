"""Keys: their canonical encoding agrees with ``==``, and is the same in every process and Python version."""

from __future__ import annotations

import abc
import dataclasses
import enum
import math
import os
import subprocess
import sys
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, Protocol, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bourne.engine.keyhash import key_hash
from bourne.errors import KeyEncodingError
from bourne.sdk.model import keys
from bourne.sdk.model.coders import Coder, PickleCoder, registry
from bourne.sdk.model.keys import encode_key, is_key_type
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Duration, Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, IntervalWindow

ROOT = Path(__file__).parent.parent


class Point(NamedTuple):
    x: Any
    y: Any


class Name(str):
    pass


class Number(enum.IntEnum):
    ZERO = 0
    ONE = 1


class Word(enum.StrEnum):
    A = 'a'


class Color(enum.Enum):
    RED = 1
    ROSE = 1  # noqa: PIE796
    BLUE = 2


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Frozen:
    key: Any
    note: Any = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class OtherFrozen:
    key: Any


@attrs.frozen
class Sealed:
    key: Any
    text: str = attrs.field(default='', eq=str.lower)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.sampled_from([0.5, -0.0, 2.0 ** 80]),
    st.fractions(max_denominator=4), st.decimals(-5, 5, allow_nan=False, places=1),
    st.complex_numbers(max_magnitude=2), st.text('aAb', max_size=2), st.text(), st.binary(max_size=2),
    st.sampled_from([*Number, *Word, *Color, *Mode, Mode.READ | Mode.WRITE, Name('a'), GLOBAL_WINDOW]),
    st.dates(), st.datetimes(), st.times(), st.timedeltas(), st.uuids(),
    st.integers(-3, 3).map(Timestamp), st.integers(-2 ** 52, 2 ** 52).map(lambda micros: Timestamp(micros=micros)),
    st.builds(range, st.integers(-2, 2), st.integers(-2, 2), st.integers(1, 3)),
    st.builds(IntervalWindow, st.integers(0, 2), st.integers(2, 4)),
    st.text('aA/.', max_size=3).flatmap(lambda text: st.sampled_from([PurePosixPath(text), PureWindowsPath(text)])),
)


def holders(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Keys that hold keys."""
    return st.one_of(
        st.lists(parts, max_size=3).map(tuple), st.builds(Point, parts, parts), st.frozensets(parts, max_size=3),
        st.builds(Frozen, parts, parts), st.builds(OtherFrozen, parts), st.builds(Sealed, parts, st.just('A')),
        st.builds(lambda value: Row(a=value), parts), st.builds(lambda x, y: Row(a=x, b=y), parts, parts))


KEYS = st.recursive(LEAVES, holders, max_leaves=4)


@st.composite
def twin_of(draw: st.DrawFn, key: Any) -> Any:
    """A key that equals ``key``, as unlike it as can be."""
    match key:
        case bool() | int() | float() | Fraction() | Decimal():
            candidates = [Decimal, Fraction, float, complex, int, bool, Timestamp, Duration, Number]
            return draw(st.sampled_from([key, *_numbers_equal_to(key, candidates)]))
        case str():
            return Name(key)
        case datetime() if key.tzinfo is not None:
            return key.astimezone(timezone(timedelta(minutes=draw(st.integers(-600, 600)))))
        case tuple():
            parts = [draw(twin_of(part)) for part in key]
            return Point(*parts) if len(parts) == 2 else tuple(parts)
        case frozenset():
            return frozenset([draw(twin_of(part)) for part in key])
        case Frozen():
            return Frozen(draw(twin_of(key.key)), note=draw(LEAVES))
        case Sealed():
            return Sealed(draw(twin_of(key.key)), key.text.swapcase())
        case Row():
            return Row(**{name: draw(twin_of(value)) for name, value in key.as_dict().items()})
    return key


def _numbers_equal_to(key: Any, kinds: list[Any]) -> list[Any]:
    found = []
    for kind in kinds:
        try:
            made = kind(key)
            if made == key and hash(made) == hash(key):
                found.append(made)
        except (ValueError, OverflowError, TypeError):
            pass
    return found


def one_in_a_dict(left: Any, right: Any) -> bool:
    """True if a dict takes two keys for one."""
    return hash(left) == hash(right) and bool(left == right)


def has_nan(key: Any) -> bool:
    if isinstance(key, (tuple, frozenset, Row)):
        return any(has_nan(part) for part in key)
    if isinstance(key, (Frozen, OtherFrozen, Sealed)):
        return has_nan(key.key)
    return isinstance(key, (float, complex)) and key != key


# -- the law --


@given(st.data())
def test_equal_keys_have_equal_bytes_and_hashes(data: st.DataObject):
    key = data.draw(KEYS)
    twin = data.draw(twin_of(key))
    assume(one_in_a_dict(key, twin))  # all but NaNs
    assert encode_key(key) == encode_key(twin)
    assert key_hash(key) == key_hash(twin)


@given(KEYS, KEYS)
@example(1, True)
@example((0.0, 1), (-0.0, Decimal(1)))
@example(2.0 ** 80, 2 ** 80)
@example(2 ** 63, -2 ** 63)
@example('a', b'a')
@example('1', 1)
@example(Fraction(1, 3), 1 / 3)
@example(Decimal('0.1'), 0.1)
@example(Word.A, 'a')
@example(Color.RED, 1)
@example(('ab', 'c'), ('a', 'bc'))
@example(((1,), 2), (1, (2,)))
@example((), frozenset())
@example(Frozen(1, 2), Frozen(1, 3))
@example(Frozen(1), OtherFrozen(1))
@example(Sealed(1, 'a'), Sealed(1, 'A'))
@example(Row(a=1, b=2), Row(b=2, a=1))
@example(Row(a=1, b=2), (1, 2))
@example(range(0), range(3, 3, 2))
@example(range(0, 3, 2), range(0, 4, 2))
@example(date(2020, 1, 1), datetime(2020, 1, 1))
@example(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1))
@example(time(1), time(1, tzinfo=UTC))
@example(timedelta(0), 0)
@example(Timestamp(1), 1)
@example(Timestamp(0.25), 0.25)
@example(PureWindowsPath('C:/A'), PureWindowsPath('c:\\a'))
@example(PurePosixPath('A'), PurePosixPath('a'))
@example(PurePosixPath('a'), PureWindowsPath('a'))
@example('\ud800', '\ud801')
@example('x' * 254, 'x' * 255)
def test_two_keys_have_the_same_bytes_if_and_only_if_a_dict_takes_them_for_one(left: Any, right: Any):
    assume(not has_nan(left) and not has_nan(right))
    assert (encode_key(left) == encode_key(right)) is one_in_a_dict(left, right)
    if encode_key(left) == encode_key(right):
        assert key_hash(left) == key_hash(right)


@given(st.datetimes(timezones=st.timezones()), st.timezones())
def test_an_instant_is_one_key_in_every_time_zone(moment: datetime, zone: ZoneInfo):
    # A time that the clock shows twice or never is unequal to all times elsewhere (PEP 495), and yet one key.
    try:
        elsewhere = moment.replace(fold=0).astimezone(zone)
    except OverflowError:
        assume(False)
    if elsewhere.fold == 0:
        assert encode_key(moment) == encode_key(elsewhere)
    assert encode_key(moment) == encode_key(moment.replace(fold=1 - moment.fold))


@given(st.times(timezones=st.timezones() | st.builds(timezone, st.timedeltas(timedelta(-1), timedelta(1)).filter(
    lambda offset: abs(offset) < timedelta(1)))), st.integers(-720, 720))
def test_aware_times_of_day_compare_by_offset(moment: time, minutes: int):
    other = time(12, tzinfo=timezone(timedelta(minutes=minutes)))
    assert (encode_key(moment) == encode_key(other)) is one_in_a_dict(moment, other)


def test_all_nans_are_one_key():
    nans = [float('nan'), -math.nan, Decimal('NaN'), Decimal('-NaN123'), complex('nan')]
    assert len({encode_key(nan) for nan in nans}) == 1
    assert len({key_hash((nan, 1)) for nan in nans}) == 1
    assert encode_key(float('inf')) == encode_key(Decimal('Infinity')) != encode_key(-math.inf)


def test_timestamps_and_durations_are_the_numbers_that_they_equal():
    assert encode_key(Timestamp(3)) == encode_key(Duration(3)) == encode_key(3)
    far = 2 ** 61 + 1
    assert encode_key(Timestamp(micros=far)) != encode_key(Timestamp(micros=far + 1))
    assert encode_key(Timestamp(1)) != encode_key(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))


def test_huge_keys():
    assert encode_key('x' * 10_000) != encode_key('x' * 10_001)
    assert encode_key(10 ** 5_000) == encode_key(Decimal('1E5000'))
    assert encode_key(Decimal('1E-5000')) == encode_key(Fraction(1, 10 ** 5_000))
    assert encode_key(Decimal('0E-999999')) == encode_key(0)


def test_a_class_is_encoded_as_the_class_from_which_it_has_its_equality():
    class Sub(Frozen):
        pass

    class Loose(Frozen):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = Frozen.__hash__

    assert encode_key(Sub(1)) == encode_key(Sub(1, note=2)) != encode_key(Frozen(1))
    with pytest.raises(KeyEncodingError, match=r'Loose has an __eq__ of its own, from which no encoding'):
        encode_key(Loose(1))


def test_a_dataclass_that_writes_its_own_equality_is_no_key():
    @dataclasses.dataclass(frozen=True)
    class Folded:
        text: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Folded) and self.text.lower() == other.text.lower()

        def __hash__(self) -> int:
            return hash(self.text.lower())

    @attrs.frozen
    class FoldedToo:
        text: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, FoldedToo) and self.text.lower() == other.text.lower()

        def __hash__(self) -> int:
            return hash(self.text.lower())

    for key in (Folded('a'), FoldedToo('a')):
        with pytest.raises(KeyEncodingError, match='has an __eq__ of its own'):
            encode_key(key)


def test_numpy_scalars_are_the_python_values_that_they_equal():
    numpy = pytest.importorskip('numpy')
    for scalar, value in [(numpy.int8(1), 1), (numpy.uint64(2 ** 64 - 1), 2 ** 64 - 1), (numpy.float64(0.5), 0.5),
                          (numpy.float32(0.1), float(numpy.float32(0.1))), (numpy.bool_(True), 1),
                          (numpy.complex64(1 + 2j), 1 + 2j), (numpy.str_('a'), 'a'), (numpy.bytes_(b'a'), b'a')]:
        assert encode_key((scalar,)) == encode_key((value,))
        assert key_hash(scalar) == key_hash(value)
    with pytest.raises(KeyEncodingError, match=r'datetime64 is a NumPy type without an equal Python number'):
        encode_key(numpy.datetime64('2020-01-01'))


# -- the same everywhere --

EXAMPLES = """
import dataclasses, datetime as dt, enum, uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from typing import NamedTuple
import attrs
from bourne.engine.keyhash import key_group, key_hash
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.row import Row
from bourne.sdk.model.timestamp import Timestamp, Duration
from bourne.sdk.model.window import GLOBAL_WINDOW, IntervalWindow

class Color(enum.Enum): RED = 1
class Mode(enum.Flag): A = 1; B = 2
class Point(NamedTuple): x: int; y: int
@dataclasses.dataclass(frozen=True)
class Frozen: key: object
@attrs.frozen
class Sealed: key: object

for key in [
    None, True, 0, -1, 255, 2**64, 0.5, float('nan'), float('inf'), 1e300, 1 + 2j, Fraction(1, 3), Decimal('0.1'),
    '', 'text', 'ünïcödé', b'bytes', (), ('a', 1), ('a', ('b', None)), Point(1, 2), frozenset({'x', 'y', 'z', 1}),
    range(3), dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12), dt.time(1, 2, 3),
    dt.datetime(2024, 2, 29, 12, tzinfo=dt.timezone.utc), dt.time(1, tzinfo=dt.timezone.utc),
    dt.timedelta(1, 2, 3), uuid.UUID(int=7), PurePosixPath('/a/B'), PureWindowsPath('c:/a/B'),
    Timestamp(1.5), Duration(2), IntervalWindow(0, 60), GLOBAL_WINDOW, Color.RED, Mode.A | Mode.B,
    Row(a=1, b='x'), Frozen((1, 'a')), Sealed('k'),
]:
    print(type(key).__name__, encode_key(key).hex(), key_hash(key), key_group(key))
"""


def examples_in(python: str, hash_seed: str) -> str:
    """What the examples give in a new process."""
    path = os.pathsep.join([str(ROOT), str(Path(attrs.__file__).parent.parent)])
    run = subprocess.run([python, '-c', EXAMPLES], text=True, capture_output=True, check=False, timeout=120,
                         env={**os.environ, 'PYTHONPATH': path, 'PYTHONHASHSEED': hash_seed})
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize('hash_seed', ['0', '1', '123'])
def test_bytes_and_hashes_never_change(hash_seed: str, golden: Any):
    golden(ROOT / 'tests/golden/keys.txt', examples_in(sys.executable, hash_seed))


@pytest.mark.parametrize('version', ['3.11', '3.12', '3.13', '3.14'])
def test_bytes_and_hashes_are_those_of_other_python_versions(version: str, golden: Any):
    found = sorted(Path(sys.base_prefix).parent.glob(f'{version}.*/bin/python'))
    if not found:
        pytest.skip(f'no Python {version} beside this one')
    golden(ROOT / 'tests/golden/keys.txt', examples_in(str(found[-1]), 'random'))


# -- what is no key --


@dataclasses.dataclass
class Open:
    key: Any


@attrs.define
class OpenToo:
    key: Any


class Plain:
    def __repr__(self) -> str:
        return 'Plain()'


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError('no')


@pytest.mark.parametrize(('key', 'message'), [
    ([1], r'cannot use \[1\] \(list\) as a key: list is mutable and cannot be hashed; use a tuple instead'),
    ({1}, r'cannot use \{1\} \(set\) as a key: set is mutable .* use a frozenset instead'),
    ({1: 2}, r'dict is mutable .* use a frozenset of its items instead'),
    (bytearray(b'x'), r'bytearray is mutable .* use bytes instead'),
    (('a', [1]), r"cannot use \('a', \[1\]\) \(tuple\) as a key: it holds a list, which is mutable"),
    (Frozen((Open(1),)), (r'it holds a tests.test_keys.Open, which is a dataclass that is not frozen; '
                          r'declare it with @dataclass\(frozen=True\)')),
    (OpenToo(1), r'is an attrs class that is not frozen; declare it with @attrs.frozen'),
    (Plain(), (r'cannot use Plain\(\) \(Plain\) as a key: .*Plain has no __eq__, so that values which look the '
               r'same would be different keys; use a str or a tuple .* a frozen dataclass, or register a '
               r'deterministic coder for it \(coders.registry.register_coder\)')),
    (Shy(), r'cannot use <Shy whose repr raises RuntimeError>'),
    (memoryview(b'x'), r'memoryview has an __eq__ of its own'),
    (Decimal('sNaN'), r'is a signalling NaN'),
    ((Decimal('1E20000'),), r'it holds a decimal.Decimal, which is too large or too small: .* use str\(key\)'),
    (print, r'builtin_function_or_method has an __eq__ of its own'),
    (('x' * 1000, []), r"cannot use \('x{58}\.\.\.x{9}', \[\]\) \(tuple\)"),
])
def test_what_is_no_key_says_why(key: Any, message: str):
    with pytest.raises(KeyEncodingError, match=message):
        encode_key(key)


# -- registered coders --


class Player:
    def __init__(self, name: str) -> None:
        self.name = name


class PlayerCoder(Coder):
    def encode(self, value: Player) -> bytes:
        return value.name.encode()

    def decode(self, encoded: bytes) -> Player:
        return Player(encoded.decode())

    def is_deterministic(self) -> bool:
        return True


class TextCoder(PlayerCoder):
    def encode(self, value: Player) -> Any:
        return value.name


@pytest.fixture
def coder_for(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers coders until the end of the test."""
    monkeypatch.setattr(registry, '_coders', dict(registry._coders))
    monkeypatch.setattr(registry, 'custom_types', [])
    monkeypatch.setattr(keys, '_CODERS', {})
    yield registry.register_coder
    keys._ENCODERS.clear()


def test_a_registered_deterministic_coder_says_which_keys_are_one(coder_for: Any):
    with pytest.raises(KeyEncodingError, match='has no __eq__'):
        encode_key(Player('ann'))
    coder_for(Player, PlayerCoder)
    assert encode_key(Player('ann')) == encode_key(Player('ann')) != encode_key(Player('bob'))
    assert encode_key((Player('ann'), 1)) == encode_key((Player('ann'), 1.0))
    assert is_key_type(Player) is True


def test_a_coder_that_is_no_use_for_keys(coder_for: Any):
    coder_for(Player, PickleCoder)
    with pytest.raises(KeyEncodingError, match='has a registered coder, PickleCoder, that is not deterministic'):
        encode_key(Player('ann'))
    coder_for(Player, TextCoder)
    with pytest.raises(KeyEncodingError, match="TextCoder, that encoded it as 'ann', not as bytes"):
        encode_key(Player('ann'))


def test_a_coder_does_not_make_a_class_hashable(coder_for: Any):
    coder_for(Open, PlayerCoder)
    with pytest.raises(KeyEncodingError, match='has a registered coder, but cannot be hashed; define __hash__'):
        encode_key(Open(1))


def test_named_tuples_stay_equal_to_tuples_whatever_is_registered(coder_for: Any):
    coder_for(Point, PlayerCoder)
    assert encode_key(Point(1, 2)) == encode_key((1, 2))


def test_classes_made_by_the_thousand_are_forgotten():
    for number in range(keys._MEMO_SIZE + 10):
        encode_key(type(f'Text{number}', (str,), {})('a'))
    assert len(keys._ENCODERS) <= keys._MEMO_SIZE


# -- type hints --

T = TypeVar('T')
UserId = NewType('UserId', int)
Basket = NewType('Basket', list)


class Fields(TypedDict):
    a: int


class Sized(Protocol):
    def size(self) -> int: ...


class Abstract(abc.ABC):
    @abc.abstractmethod
    def size(self) -> int: ...


class Base:
    pass


class Derived(Base):
    pass


class Typed(NamedTuple):
    name: str
    at: datetime


class BadlyTyped(NamedTuple):
    name: str
    tags: list[str]


@dataclasses.dataclass(frozen=True)
class Node:
    value: int
    below: Optional[Node] = None  # noqa: UP045


@dataclasses.dataclass(frozen=True)
class Tagged:
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Box(Generic[T]):
    content: T


@pytest.mark.parametrize(('hint', 'verdict'), [
    *[(hint, True) for hint in (
        str, int, None, type(None), bytes, float, Decimal, uuid.UUID, datetime, Color, Timestamp, Path, Name,
        tuple[str, int], tuple[str, ...], frozenset[int], tuple[str, tuple[int, None]], int | str | None,
        Optional[str], Annotated[str, []], Literal['a', 1], UserId, Typed, Node, tuple[Node, Color])],  # noqa: UP045
    *[(hint, False) for hint in (
        list, list[int], dict, dict[str, int], set[str], bytearray, tuple[str, list[int]], tuple[dict, Any],
        list[int] | dict[str, str], Basket, Fields, Open, OpenToo, Plain, BadlyTyped, Tagged, Annotated[list, 1])],
    *[(hint, None) for hint in (
        Any, object, tuple, frozenset, tuple[Any, int], tuple[list, ...], frozenset[list], int | list[int], T, Row,
        Base, Sized, Abstract, Box[int], Point, 'str', type, Sealed)],
])
def test_what_type_hints_say_of_keys(hint: Any, verdict: bool | None):
    assert is_key_type(hint) is verdict
