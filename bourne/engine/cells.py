"""State cells as user functions see them, over the record of a key and window.

A *record* is a list with everything that is remembered for a key and window: first the places below, then one for each
cell and timer of the function. What is not set is ``None``, so that an empty record is seen at a glance, and what
stands there is plain data that can be pickled:

===============  ============================================================
kind             what the record holds
===============  ============================================================
value            the value
bag              a list
set              a set
combining        the accumulator, in the form of ``combining.py``
ordered list     a list of pairs of microseconds and value, in order
map              a dict
===============  ============================================================

A cell object is made for each call that asks for it, and knows its record. As long as that call lasts, the record is
also the one of the *scope*, so that a cell that was kept, and is used for another key or later, is noticed.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, insort
from operator import itemgetter
from typing import Any, ClassVar, NoReturn

from bourne.engine.combining import folding, of_nothing
from bourne.errors import CoderError, ExecutionError
from bourne.sdk.model.coder import Coder
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.known import short
from bourne.sdk.model.state import (
    BagRuntimeState,
    BagStateSpec,
    CombiningValueRuntimeState,
    CombiningValueStateSpec,
    MapRuntimeState,
    MapStateSpec,
    OrderedListRuntimeState,
    OrderedListStateSpec,
    ReadModifyWriteRuntimeState,
    ReadModifyWriteStateSpec,
    RuntimeState,
    SetRuntimeState,
    SetStateSpec,
    StateSpec,
)
from bourne.sdk.model.timestamp import MIN_MICROS, Timestamp, TimestampTypes

#: Places of a record: its key, its raw window, the first watermark at which that has expired, and the timers that were
#: set with a tag, by place and tag. Cells and timers follow.
KEY, WINDOW, END, TAGGED, FIRST = range(5)
Record = list[Any]

#: How far the end of a record is, see :attr:`Scope.ending`.
NOT_ENDING, ENDING, LAST_EVENTS = range(3)

#: Types whose coders take no other one, so that a value is checked by a look at its type.
_PLAIN = frozenset({bool, int, float, str, bytes, Timestamp})
#: What is copied when it is read, so that changing the copy changes no state, nor what was emitted before.
_CONTAINERS = frozenset({list, set, dict, bytearray})
#: Stands for an accumulator that is ``None``, which in a record would mean that there is none.
_NO_ACCUMULATOR = ...

_time_of = itemgetter(0)


class Scope:
    """What is at hand while a user's function is called for a key.

    Attributes:
      label: the transform's label.
      record: the record of the key and window; ``None`` outside of calls.
      now: processing time, in microseconds.
      watermark: the input watermark, in microseconds.
      fired: while a timer's method is called, the time at which it fires; else the lowest there is.
      ending: ``ENDING`` if the window has expired, so that this is the last time that timers of the record fire, and
        ``LAST_EVENTS`` once its real-time timers have their turn.
      sparse: records that may have become empty.
      repeats: by raw window and key, how often timers were set to no later time than at which they fired.
    """

    __slots__ = ('_told', 'ending', 'fired', 'label', 'now', 'record', 'repeats', 'sparse', 'watermark')

    def __init__(self, label: str) -> None:
        self.label = label
        self.record: Record | None = None
        self.now = 0
        self.watermark = MIN_MICROS
        self.fired = MIN_MICROS
        self.ending = NOT_ENDING
        self.sparse: list[Record] = []
        self.repeats: dict[tuple[Any, Any], int] = {}
        self._told: set[int] = set()

    def told(self, slot: int) -> bool:
        """True unless this is the first time that it is asked for a place in records."""
        known = slot in self._told
        self._told.add(slot)
        return known


class Handle:
    """What cells and timers have in common: the record, and the place in it."""

    __slots__ = ('record',)
    scope: ClassVar[Scope]
    slot: ClassVar[int]
    spec: ClassVar[Any]
    record: Record

    def misplaced(self) -> NoReturn:
        """Refuses to be used for another key than the one at hand."""
        own, at_hand = self.record, self.scope.record
        if at_hand is None:
            when = 'after the call that it was passed to'
        elif own[KEY] is at_hand[KEY] or own[KEY] == at_hand[KEY]:
            when = f'while another window of that key is at hand ({short(at_hand[WINDOW])})'
        else:
            when = f'while the key {short(at_hand[KEY])} is at hand'
        raise ExecutionError(f'{self.title()} was used {when}. State and timers are good for the call that they are '
                             f'passed to: do not keep them, ask for them by parameters each time')

    def title(self) -> str:
        """What it is and whose, for messages."""
        what = f'{self.spec.kind} state' if isinstance(self.spec, StateSpec) else 'timer'
        return f'{self.scope.label}: the {what} {self.spec.name!r} of the key {short(self.record[KEY])}'


class _Cell(Handle, RuntimeState):
    __slots__ = ()
    #: The type of the values, if the coder takes only one and a value of it needs no further check.
    plain: ClassVar[type | None] = None

    def __init__(self, record: Record) -> None:
        self.record = record

    def clear(self) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        if record[self.slot] is not None:
            record[self.slot] = None
            self.scope.sparse.append(record)

    def is_empty(self) -> bool:
        if self.record is not self.scope.record:
            self.misplaced()
        return self.record[self.slot] is None

    def checked(self, value: Any, coder: Coder, what: str = 'value') -> None:
        """Refuses a value that the coder does not take."""
        try:
            coder.encode(value)
        except CoderError as error:
            raise ExecutionError(f'{self.title()} was given a {what} of the wrong type, {short(value)} '
                                 f'({type(value).__name__}): {error}') from error

    def wrong(self, value: Any, wanted: str) -> NoReturn:
        """Refuses a value that the cell cannot hold."""
        raise ExecutionError(f'{self.title()} was given {short(value)} ({type(value).__name__}); it takes {wanted}')


class _Value(_Cell, ReadModifyWriteRuntimeState):
    __slots__ = ()

    def read(self) -> Any:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        value = record[self.slot]
        return value.copy() if type(value) in _CONTAINERS else value

    def write(self, value: Any) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        if type(value) is not self.plain is not None:
            self.checked(value, self.spec.coder)
        record[self.slot] = value
        if value is None:
            self.scope.sparse.append(record)


class _Bag(_Cell, BagRuntimeState):
    __slots__ = ()

    def read(self) -> list[Any]:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        values = record[self.slot]
        return [] if values is None else values.copy()

    def add(self, value: Any) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        if type(value) is not self.plain is not None:
            self.checked(value, self.spec.coder)
        values = record[self.slot]
        if values is None:
            record[self.slot] = [value]
        else:
            values.append(value)


class _Set(_Cell, SetRuntimeState):
    __slots__ = ()

    def read(self) -> set[Any]:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        values = record[self.slot]
        return set() if values is None else values.copy()

    def add(self, value: Any) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        if type(value) is not self.plain is not None:
            self.checked(value, self.spec.coder)
        values = record[self.slot]
        try:
            if values is None:
                record[self.slot] = {value}
            else:
                values.add(value)
        except TypeError:
            self.wrong(value, 'values that can be hashed: a tuple in place of a list, a frozenset in place of a set')

    def contains(self, value: Any) -> bool:
        if self.record is not self.scope.record:
            self.misplaced()
        return value in (self.record[self.slot] or ())

    def remove(self, value: Any) -> None:
        if self.contains(value):
            self.record[self.slot].discard(value)
            if not self.record[self.slot]:
                self.clear()


class _Combining(_Cell, CombiningValueRuntimeState):
    __slots__ = ()
    fn: ClassVar[CombineFn]
    fold: ClassVar[Any]
    combine: ClassVar[Any]
    extract: ClassVar[Any]

    def read(self) -> Any:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        accumulator = record[self.slot]
        if accumulator is None:
            return of_nothing(self.fn)
        if self.extract is None:
            return accumulator
        return _detached(self.extract(None if accumulator is _NO_ACCUMULATOR else accumulator))

    def add(self, value: Any) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        accumulator = record[self.slot]
        if accumulator is None:
            accumulator = self.fold(value)
        else:
            accumulator = self.combine(None if accumulator is _NO_ACCUMULATOR else accumulator, value)
        record[self.slot] = _NO_ACCUMULATOR if accumulator is None else accumulator


def _detached(value: Any) -> Any:
    """The value without what the accumulator that it was made from may still change."""
    kind = type(value)
    if kind in _CONTAINERS:
        return value.copy()
    if kind is tuple and not _CONTAINERS.isdisjoint(map(type, value)):
        return tuple(map(_detached, value))
    return value


class _OrderedList(_Cell, OrderedListRuntimeState):
    __slots__ = ()

    def read(self) -> list[tuple[Timestamp, Any]]:
        if self.record is not self.scope.record:
            self.misplaced()
        return [(Timestamp(micros=time), value) for time, value in self.record[self.slot] or ()]

    def add(self, value: tuple[TimestampTypes, Any]) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        try:
            timestamp, held = value
            micros = Timestamp.of(timestamp).micros
        except (TypeError, ValueError):
            self.wrong(value, 'pairs of a timestamp and a value')
        if type(held) is not self.plain is not None:
            self.checked(held, self.spec.coder)
        pairs = record[self.slot]
        if pairs is None:
            record[self.slot] = [(micros, held)]
        else:
            insort(pairs, (micros, held), key=_time_of)

    def read_range(self, min_time_stamp: TimestampTypes,
                   limit_time_stamp: TimestampTypes) -> list[tuple[Timestamp, Any]]:
        found = (self.record[self.slot] or [])[self._range(min_time_stamp, limit_time_stamp)]
        return [(Timestamp(micros=time), value) for time, value in found]

    def clear_range(self, min_time_stamp: TimestampTypes, limit_time_stamp: TimestampTypes) -> None:
        part = self._range(min_time_stamp, limit_time_stamp)
        if self.record[self.slot] is not None:
            del self.record[self.slot][part]
            if not self.record[self.slot]:
                self.clear()

    def _range(self, low: TimestampTypes, limit: TimestampTypes) -> slice:
        if self.record is not self.scope.record:
            self.misplaced()
        pairs = self.record[self.slot] or ()
        start, stop = (bisect_left(pairs, Timestamp.of(bound).micros, key=_time_of) for bound in (low, limit))
        return slice(start, max(start, stop))


class _Map(_Cell, MapRuntimeState):
    __slots__ = ()
    plain_key: ClassVar[type | None] = None

    def _table(self) -> dict[Any, Any]:
        if self.record is not self.scope.record:
            self.misplaced()
        return self.record[self.slot] or {}

    def get(self, key: Any, default: Any = None) -> Any:
        return self._table().get(key, default)

    def put(self, key: Any, value: Any) -> None:
        record = self.record
        if record is not self.scope.record:
            self.misplaced()
        if type(value) is not self.plain is not None:
            self.checked(value, self.spec.coder)
        if type(key) is not self.plain_key is not None:
            self.checked(key, self.spec.key_coder, 'key')
        table = record[self.slot]
        try:
            if table is None:
                record[self.slot] = {key: value}
            else:
                table[key] = value
        except TypeError:
            self.wrong(key, 'keys that can be hashed: a tuple in place of a list, a frozenset in place of a set')

    def put_if_absent(self, key: Any, value: Any) -> Any:
        if self.contains(key):
            return self._table()[key]
        self.put(key, value)
        return None

    def remove(self, key: Any) -> None:
        table = self._table()
        if key in table:
            del table[key]
            if not table:
                self.clear()

    def contains(self, key: Any) -> bool:
        return key in self._table()

    def read(self) -> dict[Any, Any]:
        return self._table().copy()


_KINDS: dict[type[StateSpec], type[_Cell]] = {
    ReadModifyWriteStateSpec: _Value, BagStateSpec: _Bag, SetStateSpec: _Set, CombiningValueStateSpec: _Combining,
    OrderedListStateSpec: _OrderedList, MapStateSpec: _Map,
}


def cell_class(spec: StateSpec, slot: int, scope: Scope) -> type[_Cell]:
    """The class of the cells of a specification. An instance is made from a record.

    Args:
      spec: the specification.
      slot: its place in records.
      scope: the operator's scope.
    """
    names: dict[str, Any] = {'__slots__': (), 'scope': scope, 'slot': slot, 'spec': spec}
    if isinstance(spec, CombiningValueStateSpec):
        fn = copy.deepcopy(spec.combine_fn)  # it is set up, and the specification may be of a class that others use
        fold = folding(fn)
        names |= {'fn': fn, 'fold': staticmethod(fold.fold), 'combine': staticmethod(fold.add),
                  'extract': None if fold.extract is None else staticmethod(fold.extract)}
    else:
        names['plain'] = _plain_type(spec.coder)
    if isinstance(spec, MapStateSpec):
        names['plain_key'] = _plain_type(spec.key_coder)
    kind = next(cell for known, cell in _KINDS.items() if isinstance(spec, known))
    return type(kind.__name__.strip('_'), (kind,), names)


def _plain_type(coder: Coder | None) -> type | None:
    """The type that values of the coder have, if that is a plain one."""
    hint = None if coder is None else coder.to_type_hint()
    return hint if isinstance(hint, type) and hint in _PLAIN else None
