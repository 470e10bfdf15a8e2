"""How the elements of a key and window are kept, and what is emitted for them: lists, lists by input, accumulators."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bourne.engine.combining import folding, of_nothing
from bourne.engine.plan.stage import OpPayload
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.model.combinefn import CallableCombineFn, CombineFn, known_name

First = Callable[[Any], Any]
Add = Callable[[Any, Any], Any]


class _Nothing:
    """The type of :data:`NOTHING`."""

    def __reduce__(self) -> str:
        return 'NOTHING'

    def __repr__(self) -> str:
        return 'NOTHING'


#: In the place of a content or of a result: there is none.
NOTHING = _Nothing()


class Gathering(NamedTuple):
    """How the elements of a key and window are kept. What is kept is called a *content*, and is plain data.

    Attributes:
      ways: from the number of an input to two functions: from a first value of it to a content, and from a content and
        a value of it to a content, which may be the same one.
      join: from two contents to one; may change the first.
      result: from a content, which nobody uses any more, to what is emitted; ``None`` if that is the same.
      peek: from a content, which is used further, to what is emitted and never changes.
      nothing: what is emitted for no elements; ``NOTHING`` if there is no such thing.
      size: from a content to how many values are kept in it; ``None`` if it does not grow with them.
      kind: ``'list'``, ``'count'``, ``'sum'`` where that is kept, so that there may be a loop of its own; or ``''``.
    """

    ways: Callable[[int], tuple[First, Add]]
    join: Callable[[Any, Any], Any]
    result: Callable[[Any], Any] | None
    peek: Callable[[Any], Any]
    nothing: Callable[[], Any]
    size: Callable[[Any], int] | None
    kind: str = ''


def gathering(payload: OpPayload) -> Gathering:
    """How an operator that groups by key keeps elements.

    Args:
      payload: a ``GroupByKey`` or a ``Combine``.
    """
    match payload:
        case GroupByKey(tags=None):
            return _LISTS
        case GroupByKey(tags=tags, as_dict=as_dict):
            assert tags is not None
            return _lists_by_input(tags if as_dict else range(len(tags)), as_dict)
        case Combine(fn=fn):
            return _accumulators(fn)
    raise AssertionError(payload)


def _new_list(value: Any) -> list[Any]:
    return [value]


def _append(values: list[Any], value: Any) -> list[Any]:
    values.append(value)
    return values


def _extend(values: list[Any], others: list[Any]) -> list[Any]:
    values.extend(others)
    return values


_LISTS = Gathering(lambda port: (_new_list, _append), _extend, None, list, list, len, 'list')


def _lists_by_input(names: Sequence[Any], as_dict: bool) -> Gathering:
    def lists() -> Any:
        return {name: [] for name in names} if as_dict else tuple([] for _ in names)

    def ways(port: int) -> tuple[First, Add]:
        name = names[port]

        def add(content: Any, value: Any) -> Any:
            content[name].append(value)
            return content

        return (lambda value: add(lists(), value)), add

    def join(content: Any, other: Any) -> Any:
        for name in names:
            content[name].extend(other[name])
        return content

    def peek(content: Any) -> Any:
        if as_dict:
            return {name: list(values) for name, values in content.items()}
        return tuple(list(values) for values in content)

    def size(content: Any) -> int:
        return sum(len(content[name]) for name in names)

    return Gathering(ways, join, None, peek, lists, size)


def _accumulators(fn: CombineFn) -> Gathering:
    fold = folding(fn)
    extract = fold.extract
    # Folds make a new value each time; other functions may change their accumulators, or give them away.
    peek = (lambda value: value) if extract is None else (lambda accumulator: extract(_detached(accumulator)))
    kind = known_name(fn) if extract is None else None
    return Gathering(lambda port: (fold.fold, fold.add), lambda content, other: fold.merge([content, other]),
                     extract, peek, lambda: _of_nothing(fn), None, kind or '')


def _of_nothing(fn: CombineFn) -> Any:
    """The combination of no values. A plain function need not have one: ``max`` has none."""
    if not isinstance(fn, CallableCombineFn):
        return of_nothing(fn)
    try:
        return of_nothing(fn)
    except Exception:
        return NOTHING


_ATOMS = frozenset({int, float, str, bytes, bool, type(None)})


def _detached(accumulator: Any) -> Any:
    """The same accumulator, sharing nothing that can change."""
    kind = type(accumulator)
    if kind in _ATOMS or (kind is tuple and _ATOMS.issuperset(map(type, accumulator))):
        return accumulator
    try:
        return pickle.loads(pickle.dumps(accumulator, protocol=5))
    except (pickle.PicklingError, AttributeError, TypeError):  # an instance of a local class, say
        return copy.deepcopy(accumulator)
