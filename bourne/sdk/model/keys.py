"""Which keys there are, and their canonical bytes: the same in every process, Python version and machine.

Grouping, state and partitioning across processes need to know when two keys are one. They are if, and only
if, :func:`encode_key` gives them the same bytes, and the bytes agree with Python's ``==`` and ``hash``:

    a == b and hash(a) == hash(b)   implies   encode_key(a) == encode_key(b)

so that a ``dict`` may group by key in between, and 1, 1.0, True, ``Decimal(1)`` and ``Fraction(1)`` are one
key, as are -0.0 and 0, a ``NamedTuple`` and the equal tuple, an ``IntEnum`` and its number, or one instant in
two time zones. The converse holds too, except that these unequal keys have the same bytes, and are one key:

- all NaNs, which Python holds for unequal even to themselves;
- ``Timestamp(1)`` and ``Duration(1)``, since both equal the number 1;
- an aware datetime that a clock change makes ambiguous (it is taken as the earlier of the two) or that it
  skips, and the same instant in another zone: PEP 495 makes these unequal, whatever they are;
- instances of two classes with the same module and qualified name;
- what a registered coder encodes alike.

How a class compares decides how it is encoded: an instance is encoded as the class says from which it has its
``__eq__``. A class of the user that has ``==`` from a dataclass or an attrs class is encoded by its name and
the fields that take part in ``==``. One that writes its own ``__eq__`` has no encoding, since nobody can know
what it leaves out, until a deterministic coder is registered for it.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from bourne.errors import KeyEncodingError
from bourne.sdk.model.key_scalars import (
    BY_EQUALITY,
    BY_NAME,
    NoEncodingError,
    of_bytes,
    of_date,
    of_global_window,
    of_int,
    of_interval_window,
    of_none,
    of_path,
    of_range,
    of_ratio,
    of_str,
    of_timedelta,
    of_uuid,
    size_prefix,
    tagged,
)
from bourne.sdk.model.row import Row

Encoder = Callable[[Any], bytes]

#: More classes than this are not remembered, so that classes made by the thousand can be freed.
_MEMO_SIZE = 1000

_INSTEAD: dict[type, str] = {
    list: 'a tuple', set: 'a frozenset', dict: 'a frozenset of its items', bytearray: 'bytes',
}
_ADVICE = ('use a str or a tuple made from it, make it a frozen dataclass, or register a deterministic coder '
           'for it (coders.registry.register_coder)')


class KeyCoder(Protocol):
    """What is asked of a coder that encodes keys."""

    def is_deterministic(self) -> bool:
        """True if equal keys get equal bytes in every process."""

    def encode(self, value: Any) -> bytes:
        """The bytes of a key."""


class _Encoders(dict[type, Encoder]):
    """The encoder of each class that was met so far; finds it when a class is met for the first time."""

    def __missing__(self, cls: type) -> Encoder:
        encoder = _find(cls)
        if len(self) >= _MEMO_SIZE:
            self.clear()
        self[cls] = encoder
        return encoder


_ENCODERS = _Encoders()
_CODERS: dict[type, Callable[[], KeyCoder]] = {}


def encode_key(key: Any) -> bytes:
    """The canonical bytes of a key.

    Args:
      key: numbers, ``None``, str, bytes, enums, dates and times, ``UUID``, pure paths, ranges, ``Timestamp``,
        ``Duration``, windows, NumPy scalars, values of classes with a registered deterministic coder, and
        tuples, frozensets, rows, frozen dataclasses and frozen attrs classes of all these.

    Returns:
      Bytes that are the same for two keys if and only if they are one key, as the module says.

    Raises:
      KeyEncodingError: if the key, or something in it, has no such encoding.
    """
    try:
        return _ENCODERS[type(key)](key)
    except NoEncodingError as error:
        culprit = _shown(error.cls)
        subject = culprit if error.cls is type(key) else f'it holds a {culprit}, which'
        raise KeyEncodingError(
            f'cannot use {_short(key)} ({type(key).__name__}) as a key: {subject} {error}') from None


def encoder_of(cls: type) -> Encoder | None:
    """The function that encodes the instances of a class, or None if they cannot be keys."""
    try:
        return _ENCODERS[cls]
    except NoEncodingError:
        return None


def equality_of(cls: type) -> type:
    """The class from which ``cls`` has its ``==``: the first one in its MRO that defines ``__eq__``."""
    return next(base for base in cls.__mro__ if '__eq__' in base.__dict__)


def class_name(cls: type) -> str:
    """The name by which a class is known in every process, ``module:qualified.name``."""
    # The main module of a worker process that multiprocessing spawned goes by another name.
    module = '__main__' if cls.__module__ == '__mp_main__' else cls.__module__
    return f'{module}:{cls.__qualname__}'


def set_key_coder(cls: type, coder: Callable[[], KeyCoder]) -> None:
    """Lets a coder encode the keys that are instances of a class (of the class itself, not of subclasses).

    A class that has its ``==`` from one of the builtin key types, such as a ``NamedTuple``, keeps that type's
    encoding, and so keeps equal to its values. A coder that is not deterministic is ignored.

    Args:
      cls: the class.
      coder: returns the coder; called when the first such key is met.
    """
    _CODERS[cls] = coder
    _ENCODERS.clear()


def equality_tells_keys(cls: type) -> bool:
    """True if any two instances of such classes are one key if and only if they are equal, and all are keys.

    It is so for text, whole numbers, dates, enums and their like. It is not so where NaNs, coders, or values
    within values may come in.
    """
    encoder = encoder_of(cls)
    return encoder in _EXACT or isinstance(getattr(encoder, '__self__', None), _EnumEncoder)


def _shown(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == 'builtins' else f'{cls.__module__}.{cls.__qualname__}'


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # a user's __repr__ must not hide what is wrong
        text = f'<{type(value).__name__} whose repr raises {type(error).__name__}>'
    return text if len(text) <= 80 else f'{text[:60]}...{text[-15:]}'


# -- encoders of values that hold other values --


def of_tuple(key: tuple[Any, ...]) -> bytes:
    return b't' + size_prefix(len(key)) + b''.join([_ENCODERS[type(value)](value) for value in key])


def of_frozenset(key: frozenset[Any]) -> bytes:
    return b'S' + size_prefix(len(key)) + b''.join(sorted([_ENCODERS[type(value)](value) for value in key]))


def _of_row(key: Row) -> bytes:
    fields = vars(key)
    return b'r' + of_str(class_name(type(key))) + of_tuple((*fields, *fields.values()))


class _FieldsEncoder:
    """Encodes instances of a class by its name and the fields that its ``==`` compares."""

    def __init__(self, cls: type, fields: list[tuple[str, Callable[[Any], Any] | None]]) -> None:
        self._head = b'o' + of_str(class_name(cls)) + size_prefix(len(fields))
        self._fields = fields

    def plain_fields(self) -> list[str]:
        """The fields that are compared as they are."""
        return [name if view is None else '' for name, view in self._fields]

    def encode(self, key: Any) -> bytes:
        encoded = [self._head]
        for name, view in self._fields:
            value = getattr(key, name) if view is None else view(getattr(key, name))
            encoded.append(_ENCODERS[type(value)](value))
        return b''.join(encoded)


class _EnumEncoder:
    """Encodes the members of an enum by its name and theirs; flags, which have unnamed members, by value."""

    def __init__(self, cls: type) -> None:
        self._head = b'e' + of_str(class_name(cls))

    def encode(self, key: enum.Enum) -> bytes:
        return self._head + (of_int(key.value) if isinstance(key, enum.Flag) else of_str(key.name))


class _CoderEncoder:
    """Encodes instances of a class by its registered coder."""

    def __init__(self, cls: type, coder: KeyCoder) -> None:
        self._head = b'u' + of_str(class_name(cls))
        self._coder = coder

    def encode(self, key: Any) -> bytes:
        content = self._coder.encode(key)
        if not isinstance(content, bytes):
            raise NoEncodingError(type(key), f'has a registered coder, {self._coder!r}, that encoded it '
                                             f'as {_short(content)}, not as bytes')
        return self._head + tagged(b'', content)


class _NumpyEncoder:
    """Encodes NumPy scalars as the Python number or text that they equal; NumPy is not imported."""

    @staticmethod
    def encode(key: Any) -> bytes:
        value = key.item()
        if key.dtype.kind not in 'biufcUS' or type(value) is type(key):
            raise NoEncodingError(type(key), 'is a NumPy type without an equal Python number or '
                                             'text; use key.item() if that is what the key means')
        return _ENCODERS[type(value)](value)


# -- which encoder a class gets --


def _find(cls: type) -> Encoder:
    if not _is_hashable(cls):
        raise NoEncodingError(cls, _why_unhashable(cls))
    owner = equality_of(cls)
    for rule in (_by_builtin, _by_coder, _by_enum, _by_dataclass, _by_attrs, _by_numpy, _by_number):
        encoder = rule(cls, owner)
        if encoder is not None:
            return encoder
    raise NoEncodingError(cls, _why_unknown(cls, owner))


def _is_hashable(cls: type) -> bool:
    return getattr(cls, '__hash__', None) is not None


def _by_builtin(cls: type, owner: type) -> Encoder | None:
    if cls is type(None):  # it defines no __eq__ of its own before Python 3.13
        owner = cls
    return _BY_EQUALITY.get(owner) or BY_NAME.get(f'{owner.__module__}:{owner.__qualname__}')


def _by_coder(cls: type, owner: type) -> Encoder | None:
    coder = _CODERS[cls]() if cls in _CODERS else None
    return _CoderEncoder(cls, coder).encode if coder is not None and coder.is_deterministic() else None


def _by_enum(cls: type, owner: type) -> Encoder | None:
    return _EnumEncoder(cls).encode if owner is object and issubclass(cls, enum.Enum) else None


def _by_dataclass(cls: type, owner: type) -> Encoder | None:
    # A dataclass leaves an __eq__ that the class wrote itself; the one that it makes is known by its maker.
    made = _code_of_eq(owner).co_qualname.startswith('__create_fn__.')
    if not made or '__dataclass_fields__' not in owner.__dict__:
        return None
    import dataclasses

    fields = [field for field in dataclasses.fields(owner) if field.compare]
    return _FieldsEncoder(cls, [(field.name, None) for field in fields]).encode


def _by_attrs(cls: type, owner: type) -> Encoder | None:
    fields = owner.__dict__.get('__attrs_attrs__')
    if fields is None or not _code_of_eq(owner).co_filename.startswith('<attrs generated'):
        return None
    return _FieldsEncoder(cls, [(field.name, field.eq_key) for field in fields if field.eq]).encode


def _by_numpy(cls: type, owner: type) -> Encoder | None:
    is_scalar = any(base.__module__ == 'numpy' and base.__name__ == 'generic' for base in cls.__mro__)
    return _NumpyEncoder.encode if is_scalar else None


def _by_number(cls: type, owner: type) -> Encoder | None:
    import numbers

    if issubclass(cls, numbers.Integral):
        return lambda key: of_int(int(key))
    if issubclass(cls, numbers.Rational):
        return lambda key: of_ratio(int(key.numerator), int(key.denominator))
    return None


def _code_of_eq(owner: type) -> Any:
    # The empty function stands in for an __eq__ that is not written in Python.
    return getattr(owner.__dict__['__eq__'], '__code__', (lambda: None).__code__)


def _why_unhashable(cls: type) -> str:
    for base, instead in _INSTEAD.items():
        if issubclass(cls, base):
            return f'is mutable and cannot be hashed; use {instead} instead'
    if cls in _CODERS:
        return 'has a registered coder, but cannot be hashed; define __hash__ beside __eq__'
    if hasattr(cls, '__dataclass_fields__'):
        return 'is a dataclass that is not frozen; declare it with @dataclass(frozen=True)'
    if hasattr(cls, '__attrs_attrs__'):
        return 'is an attrs class that is not frozen; declare it with @attrs.frozen'
    return f'cannot be hashed; {_ADVICE}'


def _why_unknown(cls: type, owner: type) -> str:
    if cls in _CODERS:
        return f'has a registered coder, {_CODERS[cls]()!r}, that is not deterministic'
    if owner is object:
        return f'has no __eq__, so that values which look the same would be different keys; {_ADVICE}'
    return f'has an __eq__ of its own, from which no encoding can be told; {_ADVICE}'


_BY_EQUALITY: dict[type, Encoder] = {**BY_EQUALITY, tuple: of_tuple, frozenset: of_frozenset, Row: _of_row}
_EXACT = {
    of_int, of_str, of_bytes, of_none, of_date, of_timedelta, of_range, of_uuid, of_path,
    of_interval_window, of_global_window,
}


# -- checks of type hints --


def is_key_type(tp: Any) -> bool | None:
    """Whether the values of a type hint can be keys, as far as the hint tells.

    Args:
      tp: a type hint: a class, ``None``, or what ``typing`` makes of them.

    Returns:
      True if all of them surely can; False if surely none can (such as ``list[int]``, ``tuple[str, dict]`` or
      a dataclass that is not frozen); None if that is known only at run time (``Any``, abstract classes,
      classes with subclasses, ``tuple`` without arguments).
    """
    return _judge(tp, frozenset())


def _judge(tp: Any, outer: frozenset[type]) -> bool | None:
    if tp is None:
        return True
    if tp is Any or tp is object:
        return None
    origin, args = typing.get_origin(tp), typing.get_args(tp)
    if origin is typing.Literal:
        return True
    if origin is typing.Annotated:
        return _judge(args[0], outer)
    if origin in (typing.Union, types.UnionType):
        verdicts = {_judge(arg, outer) for arg in args}
        return verdicts.pop() if len(verdicts) == 1 else None
    if origin is frozenset or (origin is tuple and args[-1:] == (...,)):
        return _all_or_unknown(args[:1], outer)
    if origin is tuple:
        return _judge_all(args, outer) if args else None
    # NewType and, from Python 3.12 on, ``type X = ...``
    alias = getattr(tp, '__supertype__', None) or (type(tp).__name__ == 'TypeAliasType' and tp.__value__)
    if alias:
        return _judge(alias, outer)
    cls = origin or tp
    return _judge_class(cls, outer) if isinstance(cls, type) else None


def _judge_all(hints: Iterable[Any], outer: frozenset[type]) -> bool | None:
    verdicts = {_judge(hint, outer) for hint in hints}
    return False if False in verdicts else None if None in verdicts else True


def _all_or_unknown(hints: tuple[Any, ...], outer: frozenset[type]) -> bool | None:
    # Even a frozenset of lists has one value: the empty one.
    return True if hints and _judge_all(hints, outer) else None


def _judge_class(cls: type, outer: frozenset[type]) -> bool | None:
    if cls in outer:  # a class that holds itself is as good as its other fields
        return True
    if getattr(cls, '__abstractmethods__', None) or getattr(cls, '_is_protocol', False):
        return None
    encoder = encoder_of(cls)
    if encoder is None:
        return None if _is_hashable(cls) and type.__subclasses__(cls) else False
    maker = getattr(encoder, '__self__', None)
    if isinstance(maker, _FieldsEncoder):
        return _judge_fields(cls, maker.plain_fields(), outer)
    if encoder is of_tuple and hasattr(cls, '_fields'):
        return _judge_fields(cls, cls._fields, outer)
    return None if encoder in (of_tuple, of_frozenset, _of_row, _NumpyEncoder.encode) else True


def _judge_fields(cls: type, names: Iterable[str], outer: frozenset[type]) -> bool | None:
    try:
        hints = typing.get_type_hints(cls)
    except Exception:  # names that cannot be resolved, or whatever evaluating an annotation raises
        return None
    return _judge_all([hints.get(name, Any) for name in names], outer | {cls})
