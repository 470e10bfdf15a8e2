"""Type hints: the normal form, how types relate, what values and callables say, and the checks' messages."""

from __future__ import annotations

# ruff: noqa: UP006, UP007, UP035, UP045  (typing's old spellings are among what is tested)
import collections
import functools
import gc
import pickle
import re
import sys
import typing
import weakref
from collections import abc
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    AnyStr,
    Dict,
    FrozenSet,
    Generic,
    Iterable,
    List,
    Literal,
    Mapping,
    NamedTuple,
    Never,
    NewType,
    Optional,
    Protocol,
    Set,
    Tuple,
    Type,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
import cloudpickle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bourne.errors import TransformError, TypeCheckError
from bourne.sdk import typehints as th
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.window import TimestampedValue, WindowedValue

if TYPE_CHECKING:
    from nowhere import Missing

K = TypeVar('K')
V = TypeVar('V')
T = TypeVar('T')
Small = TypeVar('Small', bound=int)
NONE = type(None)


class Point(NamedTuple):
    x: int
    name: str


class Names(List[str]):
    pass


class Box(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item


class IntBox(Box[int]):
    pass


class Table(Dict[str, T], Generic[T]):
    pass


class Opaque:
    pass


class Movie(TypedDict):
    title: str


class Closes(Protocol):
    def close(self) -> None: ...


def named(item: Any) -> str:
    """A test's id: the same in every process."""
    return re.sub(r' at 0x\w+', '', repr(item))[:40]


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    """The message of the TypeCheckError that a call raises."""
    with pytest.raises(TypeCheckError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# Strategies: hints as Python spells them today beside typing's old spelling, and values.

def _spelled(inner: st.SearchStrategy[tuple[Any, Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    def one(new: Any, old: Any) -> st.SearchStrategy[tuple[Any, Any]]:
        return inner.map(lambda pair: (new[pair[0]], old[pair[1]]))

    def two(new: Any, old: Any) -> st.SearchStrategy[tuple[Any, Any]]:
        return st.tuples(inner, inner).map(lambda pairs: (new[pairs[0][0], pairs[1][0]], old[pairs[0][1], pairs[1][1]]))

    def many(new: Any, old: Any, least: int) -> st.SearchStrategy[tuple[Any, Any]]:
        return st.lists(inner, min_size=least, max_size=3).map(
            lambda pairs: (new[tuple(pair[0] for pair in pairs)], old[tuple(pair[1] for pair in pairs)]))

    return st.one_of(
        one(list, List), one(set, Set), one(frozenset, FrozenSet), one(abc.Iterable, typing.Iterable),
        one(abc.Sequence, typing.Sequence), one(abc.Set, typing.AbstractSet), one(collections.Counter, typing.Counter),
        two(dict, Dict), two(abc.Mapping, typing.Mapping), many(tuple, Tuple, 0),
        many(Union, Union, 2), inner.map(lambda pair: (pair[0] | None, Optional[pair[1]])),
        inner.map(lambda pair: (tuple[pair[0], ...], Tuple[pair[1], ...])))


SCALARS = st.sampled_from([int, str, float, bool, bytes, complex, object, type(None), Any, Literal['a', 1]])
SPELLINGS = st.recursive(SCALARS.map(lambda hint: (hint, hint)), _spelled, max_leaves=6)
HINTS = SPELLINGS.map(lambda pair: pair[0])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.text('ab', max_size=3),
                  st.binary(max_size=2))
KEYS = st.recursive(PLAIN, lambda keys: st.lists(keys, max_size=3).map(tuple), max_leaves=4)
VALUES = st.recursive(PLAIN, lambda inner: st.one_of(
    st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(KEYS, inner, max_size=3),
    st.sets(KEYS, max_size=3), st.frozensets(KEYS, max_size=3)), max_leaves=8)


def with_variables(hint: Any) -> st.SearchStrategy[Any]:
    """The hint with some of its parts replaced by type variables."""
    args = typing.get_args(hint)
    if not args or typing.get_origin(hint) is Literal:
        return st.sampled_from([hint, K, V])
    parts = st.tuples(*(st.just(arg) if arg is ... else with_variables(arg) for arg in args))
    if th.union((hint, int)) is Any or typing.get_origin(hint) is Union:
        return parts.map(th.union)
    return parts.map(functools.partial(th.generic, typing.get_origin(hint)))


def fitting(value: Any) -> st.SearchStrategy[Any]:
    """Hints, most of which the value fits."""
    own: st.SearchStrategy[Any] = st.sampled_from([type(value), object, Any])
    if isinstance(value, (list, set, frozenset)):
        containers = st.sampled_from([type(value), abc.Iterable, abc.Collection])
        own = st.tuples(containers, fitting_all(value)).map(lambda pair: pair[0][pair[1]])
    elif isinstance(value, tuple):
        own = st.tuples(*map(fitting, value)).map(lambda items: tuple[items])
    elif isinstance(value, dict):
        own = st.tuples(fitting_all(value), fitting_all(value.values())).map(lambda pair: abc.Mapping[pair])
    elif value in (1, 'a'):
        own = st.sampled_from([type(value), Literal[value]])
    return st.one_of(own, own, st.tuples(own, HINTS).map(lambda pair: th.union(map(th.normalize, pair))))


def fitting_all(values: Iterable[Any]) -> st.SearchStrategy[Any]:
    """Hints, most of which each of the values fits."""
    return st.tuples(*map(fitting, values)).map(lambda hints: th.union(hints) if hints else Any)


# Laws

@given(SPELLINGS)
def test_every_spelling_has_one_normal_form(spellings: tuple[Any, Any]) -> None:
    new, old = map(th.normalize, spellings)
    assert new == old
    assert th.normalize(new) == new


@given(HINTS)
def test_a_description_is_read_back(hint: Any) -> None:
    assert th.parse(th.describe(hint)) == th.normalize(hint)


@given(HINTS, HINTS)
def test_consistency_is_reflexive_gradual_and_knows_unions(hint: Any, other: Any) -> None:
    assert th.is_consistent_with(hint, hint)
    assert th.is_consistent_with(hint, Any)
    assert th.is_consistent_with(Any, hint)
    assert th.is_consistent_with(hint, object)
    assert th.is_consistent_with(hint, Union[hint, other])
    both = th.is_consistent_with(hint, int) and th.is_consistent_with(other, int)
    assert th.is_consistent_with(th.union(map(th.normalize, (hint, other))), int) >= both


@given(VALUES, VALUES)
def test_a_value_is_of_its_inferred_type(value: Any, other: Any) -> None:
    own, common = th.infer(value), th.infer_all([value, other])
    assert th.normalize(own) == own
    assert th.check_value(value, own) is None
    assert th.check_value(value, common) is None
    assert th.is_consistent_with(own, common)


@given(st.data(), VALUES)
def test_what_passes_when_it_runs_is_not_refused_before(data: st.DataObject, value: Any) -> None:
    hint = data.draw(fitting(value))
    assume(th.check_value(value, hint) is None)
    assert th.is_consistent_with(th.infer(value), hint)


@given(st.data(), HINTS)
def test_bound_variables_make_a_hint_that_fits(data: st.DataObject, actual: Any) -> None:
    hint = data.draw(with_variables(th.normalize(actual)))
    concrete = th.substitute(hint, th.bind(hint, actual))
    assert th.is_consistent_with(actual, hint)
    assert th.is_consistent_with(actual, concrete)
    assert not getattr(concrete, '__parameters__', ()) or not typing.get_args(concrete)


@given(st.text())
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    th.parse(text)


# The normal form

@pytest.mark.parametrize(('hint', 'normal'), [
    (None, NONE), (list, list[Any]), (List, list[Any]), (Tuple, tuple[Any, ...]), (Tuple[()], tuple[()]),
    (dict, dict[Any, Any]), (abc.Iterable, abc.Iterable[Any]), (Annotated[List[int], []], list[int]),
    (typing.Generator[int, None, str], abc.Generator[int, NONE, str]),
    (th.Generator[int], abc.Generator[int, NONE, NONE]), (th.KV[str, int], tuple[str, int]),
    (th.KV, tuple[Any, Any]), (Type[int], type), (typing.Callable[[int], str], abc.Callable),
    (NewType('UserId', int), int), (Movie, dict[str, Any]), (Closes, Any), (typing.Hashable, abc.Hashable),
    ('int', Any), (typing.ForwardRef('int'), Any), (List['int'], list[Any]), (Union, Any), (5, Any),
    (..., Any), ([], Any),
    (typing.NoReturn, Never), (typing.LiteralString, str), (Union[int, List[Any], Any], Any), (typing.Final[int], int),
    (tuple[int, *tuple[str, ...]], tuple[Any, ...]), (Union[None, List[int], list[int]], Optional[list[int]]),
], ids=named)
def test_normal_form(hint: Any, normal: Any) -> None:
    assert th.normalize(hint) == normal


@pytest.mark.skipif(sys.version_info < (3, 12), reason='type statements came with Python 3.12')
def test_type_aliases_stand_for_what_they_name() -> None:
    space: dict[str, Any] = {}
    exec('type Row[T] = dict[str, T]\ntype Json = list[Json] | dict[str, Json] | str\ntype Lost = Nowhere', space)
    assert th.normalize(space['Row'][int]) == dict[str, int]
    assert th.normalize(space['Row']) == dict[str, Any]
    assert th.normalize(space['Json']) == Union[list[Any], dict[str, Any], str]
    assert th.normalize(space['Lost']) is Any


def test_forms_that_typing_lacks_count_their_arguments() -> None:
    with pytest.raises(TypeError, match=r'KV\[\.\.\.\] takes 2 types, got 1'):
        th.KV[int]
    with pytest.raises(TypeError, match=r'Generator\[\.\.\.\] takes 1 or 3 types, got 2'):
        th.Generator[int, str]


# Consistency

@pytest.mark.parametrize(('sub', 'base'), [
    (bool, int), (int, float), (int, complex), (str, Iterable[str]), (List[bool], Iterable[float]),
    (range, abc.Sequence[int]),
    (Dict[str, int], Mapping[str, float]), (Dict[str, int], Iterable[str]), (typing.Counter[str], Dict[str, int]),
    (abc.ItemsView[str, int], Iterable[Tuple[str, int]]), (abc.Generator[int, None, None], Iterable[int]),
    (Tuple[int, str], Iterable[Union[int, str]]), (Tuple[int, ...], Tuple[int, int]), (Tuple[()], Tuple[int, ...]),
    (Point, Tuple[int, str]), (Point, tuple), (Names, Iterable[str]), (IntBox, Box[int]), (Box, Box[str]),
    (Table[int], Mapping[str, int]), (None, Optional[int]), (int, T), (bool, Small), (Small, int), (bytes, AnyStr),
    (str, Literal['a']), (Literal['a'], str), (Literal['a'], Literal['a', 'b']), (Never, int), (int, typing.Hashable),
    (type(len), typing.Callable[..., Any]), (Opaque, Closes), (Type[int], type), (List[int], List),
], ids=named)
def test_consistent(sub: Any, base: Any) -> None:
    assert th.is_consistent_with(sub, base)


@pytest.mark.parametrize(('sub', 'base'), [
    (float, int), (str, int), (str, Iterable[int]), (List[int], List[str]), (List[int], Set[int]),
    (int, Iterable[int]),
    (typing.Counter[str], Mapping[str, str]), (Tuple[int, int], Tuple[int]), (Tuple[int, str], Tuple[int, ...]),
    (Point, Tuple[int, int]), (Tuple[int, str], Point), (Names, List[int]), (IntBox, Box[str]),
    (Table[int], Mapping[str, str]),
    (Optional[int], int), (Union[int, str], Union[int, bytes]), (str, Small), (int, AnyStr), (Literal['a', 1], str),
    (Literal['c'], Literal['a', 'b']), (object, int), (int, Never), (List[int], typing.Hashable), (Opaque, int),
], ids=named)
def test_inconsistent(sub: Any, base: Any) -> None:
    assert not th.is_consistent_with(sub, base)


@pytest.mark.parametrize(('hint', 'actual', 'bindings'), [
    (Tuple[K, V], Tuple[str, int], {K: str, V: int}),
    (Tuple[K, V], Tuple[int, ...], {K: int, V: int}),
    (Tuple[K, V], Point, {K: int, V: str}),
    (Tuple[K, V], Tuple[int, int, int], {}),
    (Tuple[K, K], Tuple[int, str], {K: Union[int, str]}),
    (Tuple[K, V], Union[Tuple[int, str], Tuple[str, str]], {K: Union[int, str], V: str}),
    (Iterable[Tuple[K, Iterable[V]]], List[Tuple[str, Set[int]]], {K: str, V: int}),
    (Mapping[K, V], typing.Counter[str], {K: str, V: int}),
    (Optional[T], Optional[int], {T: int}),
    (Union[T, List[T]], List[int], {T: int}),
    (Box[T], IntBox, {T: int}),
    (T, Any, {}), (Tuple[K, V], Any, {}), (int, str, {}),
], ids=named)
def test_bind(hint: Any, actual: Any, bindings: Any) -> None:
    assert th.bind(hint, actual) == bindings


def test_bind_adds_to_bindings_and_substitute_leaves_none_open() -> None:
    into = {K: str}
    assert th.bind(List[V], List[int], into) is into
    assert th.substitute(th.normalize(Dict[K, Optional[V]]), into) == dict[str, Optional[int]]
    assert th.substitute(th.normalize(Tuple[K, T]), into) == tuple[str, Any]


# Elements and pairs

@pytest.mark.parametrize(('hint', 'element'), [
    (List[int], int), (Iterable[List[int]], list[int]), (typing.Generator[int, None, None], int),
    (Tuple[int, str], Union[int, str]), (Optional[Iterable[int]], int), (None, Any), (Any, Any), (T, Any),
    (Union[List[int], Set[str]], Union[int, str]), (list, Any), (Names, str), (typing.Iterator[T], T),
    (Set[None], NONE),
], ids=named)
def test_element_of(hint: Any, element: Any) -> None:
    assert th.element_of(hint) == element


def test_element_of_says_which_function_returns_what() -> None:
    message = refused(th.element_of, int, 'count')
    assert 'the return value of count is annotated as <int>, which is not iterable' in message
    assert '<int>, which is not iterable' in refused(th.element_of, Optional[int])
    for hint, name in (str, 'str'), (bytes, 'bytes'), (Dict[str, int], 'dict[str, int]'):
        message = refused(th.element_of, hint, 'fn')
        assert f'<{name}>, which is not iterable here' in message
        assert 'Return [value]' in message


@pytest.mark.parametrize(('hint', 'pair'), [
    (Tuple[str, int], (str, int)), (Tuple[int, ...], (int, int)), (Any, (Any, Any)), (Point, (int, str)),
    (List[int], (int, int)), (Union[Tuple[str, int], Tuple[str, None]], (str, Optional[int])),
    (T, (Any, Any)), (object, (Any, Any)), (int, None), (str, None), (Tuple[int, int, int], None),
    (Tuple[int], None), (Tuple[()], None), (Dict[str, int], None), (Set[int], None),
    (None, None), (Opaque, None), (Union[Tuple[str, int], int], None),
], ids=named)
def test_key_value_types(hint: Any, pair: Any) -> None:
    assert th.key_value_types(hint) == pair


def test_group_by_key_says_what_it_got_instead_of_pairs() -> None:
    message = refused(th.key_value_types, Tuple[int, int, int], 'Group')
    assert message.startswith("GroupByKey 'Group' needs elements that are pairs (key, value), but got a "
                              'collection of <tuple[int, int, int]>')
    assert th.key_value_types(Tuple[int, str], 'Group') == (int, str)


# Values

@pytest.mark.parametrize(('value', 'hint'), [
    (1, int), (True, bool), (None, NONE), ('a', str), ((1, 'a'), tuple[int, str]), ((), tuple[()]),
    ([], list[Any]), ([1, 'a', 2], list[Union[int, str]]), ([[], [1]], list[list[int]]),
    ({'a': [1], 'b': []}, dict[str, list[int]]), ([1, 2.5, 'a', b''], list[Any]), ((0,) * 11, tuple[int, ...]),
    ({1, 2}, set[int]), (Point(1, 'a'), Point), (int, type), (Opaque, type), (range(3), range),
    ([[1], ['a']], list[Union[list[int], list[str]]]), (collections.Counter('ab'), collections.Counter[Any]),
    ([[[[[1]]]]], list[list[list[list[list[Any]]]]]),
], ids=named)
def test_infer(value: Any, hint: Any) -> None:
    assert th.infer(value) == hint


def test_inference_looks_at_little_and_takes_nothing_from_iterators() -> None:
    class Counted(list):
        seen = 0

        def __iter__(self) -> Any:
            for item in list.__iter__(self):
                Counted.seen += 1
                yield item

    assert th.infer_all(Counted([('a', number) for number in range(1000)])) == tuple[str, int]
    assert Counted.seen <= 100
    assert th.infer_all([]) is Any
    once = iter([1, 2])
    assert th.infer([once]) == list[type(once)]
    assert list(once) == [1, 2]
    endless: list[Any] = []
    endless.append(endless)
    assert th.describe(th.infer(endless)) == 'list[list[list[list[list[Any]]]]]'


@pytest.mark.parametrize(('value', 'hint', 'reason'), [
    (3, str, 'expected str, got int 3'),
    (None, int, 'expected int, got None'),
    ('x', Optional[int], "expected int or None, got str 'x'"),
    (['a', 3], List[str], 'expected str, got int 3; at [1]'),
    ((1, 2), Tuple[int, str], 'expected str, got int 2; at [1]'),
    ((1, 2, 3), Tuple[int, str], 'expected tuple[int, str], got a tuple of 3: (1, 2, 3)'),
    ([1], Tuple[int], 'expected tuple[int], got list [1]'),
    ({'a': [{'b': (1,)}]}, Dict[str, List[Dict[str, Tuple[str]]]],
     "expected str, got int 1; at ['a'][0]['b'][0]"),
    ({1: 2}, Dict[str, int], 'expected str, got int 1; at key 1'),
    ({1}, Set[str], 'expected str, got int 1; at item 1'),
    ({'a': 1}, Iterable[int], "expected int, got str 'a'; at item 'a'"),
    ([1, 'a'], Optional[List[int]], "expected int, got str 'a'; at [1]"),
    ('ab', Iterable[int], "expected Iterable[int], got str 'ab'"),
    ('c', Literal['a', 'b'], "expected Literal['a', 'b'], got str 'c'"),
    (True, Literal[1], 'expected Literal[1], got bool True'),
    (TimestampedValue(1, 2), TimestampedValue[str], 'expected str, got int 1; at .value'),
    (th.ShardedKey(1, b''), th.ShardedKeyType[str], 'expected str, got int 1; at .key'),
    ('x' * 500, int, None),
], ids=named)
def test_check_value_says_what_is_wrong_and_where(value: Any, hint: Any, reason: str | None) -> None:
    found = th.check_value(value, hint)
    assert found is not None
    assert found == reason if reason else len(found) < 120


def test_check_value_leaves_iterators_alone_and_bounds_what_is_alike() -> None:
    once = iter(['a'])
    assert th.check_value(once, Iterable[int]) is None
    assert list(once) == ['a']
    assert th.check_value(range(10**12), abc.Sequence[int]) is None
    assert th.check_value(1, float) is None
    assert th.check_value(Opaque(), Closes) is None
    message = refused(th.require_value, 'Parse', 3, str)
    assert message == "Runtime type violation in 'Parse': element: expected str, got int 3"


# Callables

def repeat(s: str, times: int = 3, *more: float, sep: str = None, **kw: bytes) -> list[str]:  # noqa: RUF013
    raise NotImplementedError


def lost(x: Missing, y: int) -> Iterable[Missing]:
    raise NotImplementedError


class Callee:
    def __call__(self, x: int) -> str:
        raise NotImplementedError

    def method(self, x: int) -> str:
        raise NotImplementedError

    @classmethod
    def of_class(cls, x: int) -> str:
        raise NotImplementedError

    @staticmethod
    def static(x: int) -> str:
        raise NotImplementedError


@functools.lru_cache
def cached(x: int) -> str:
    raise NotImplementedError


@attrs.frozen
class Record:
    x: int
    others: list[Record]


def hints_of(fn: Any) -> tuple[Any, Any]:
    found = th.IOTypeHints.from_callable(fn)
    return (found.input_types, found.simple_output_type()) if found else (None, None)


@pytest.mark.parametrize(('fn', 'inputs', 'output'), [
    (repeat, ((str, int, float), {'sep': Optional[str], 'kw': bytes}), list[str]),
    (functools.partial(repeat, 'a'), ((int, float), {'sep': Optional[str], 'kw': bytes}), list[str]),
    (functools.partial(int, base=16), None, int),
    (Callee(), ((int,), {}), str), (Callee().method, ((int,), {}), str), (Callee.of_class, ((int,), {}), str),
    (Callee.static, ((int,), {}), str), (cached, ((int,), {}), str),
    (Point, ((int, str), {}), Point), (Record, ((int, list[Record]), {}), Record), (int, None, int),
    (Opaque, None, Opaque),
    (str.upper, ((str,), {}), str), (str.split, ((str,), {}), list[str]), (', '.join, None, str), (len, None, int),
    (print, None, None), (max, None, None), (lambda x: x, None, None),
    (functools.partial(lambda x: x), None, None),
], ids=named)
def test_callables_say_what_they_take_and_return(fn: Any, inputs: Any, output: Any) -> None:
    assert hints_of(fn) == (inputs, output)


def test_names_that_do_not_exist_are_any_and_the_rest_is_known() -> None:
    assert hints_of(lost) == (((Any, int), {}), abc.Iterable[Any])


def test_names_of_an_enclosing_function_are_found() -> None:
    class Local:
        pass

    def fn(x: Local, y: list[Local]) -> Local:
        return Local()

    assert hints_of(fn) == (((Local, list[Local]), {}), Local)


def test_functions_are_remembered_but_not_kept_alive() -> None:
    def make() -> Any:
        def fn(x: int) -> str:
            return ''

        return fn

    fn = make()
    assert th.IOTypeHints.from_callable(fn) == th.IOTypeHints.from_callable(fn)
    gone = weakref.ref(fn)
    del fn
    gc.collect()
    assert gone() is None


def test_getcallargs_binds_types_as_a_call_would() -> None:
    bound = th.getcallargs_forhints(repeat, str, int, float, int, a=bytes)
    assert bound == {'s': str, 'times': int, 'more': tuple[Union[float, int], ...], 'sep': Any,
                     'kw': dict[str, bytes]}
    message = refused(th.getcallargs_forhints, repeat, times=int)
    assert message.startswith('repeat(times=int) does not fit the signature repeat(')
    assert "missing a required argument: 's'" in message


# Declared hints

class Stepped(th.WithTypeHints):
    def default_type_hints(self) -> th.IOTypeHints | None:
        return th.IOTypeHints.from_callable(cached)


@th.with_input_types(bytes)
@th.with_output_types(bool, bad=List[int])
class Decorated(Stepped):
    pass


def test_what_an_instance_declares_wins_over_its_class_and_that_over_defaults() -> None:
    assert Stepped().get_type_hints().input_types == ((int,), {})
    assert Decorated().get_type_hints().input_types == ((bytes,), {})
    made = Decorated()
    assert made.with_output_types(Optional[int]) is made
    hints = made.get_type_hints()
    assert hints.input_types == ((bytes,), {})
    assert hints.output_types == ((Optional[int],), {})
    assert Decorated().get_type_hints().tagged_output_types() == {'bad': list[int]}
    assert not th.IOTypeHints.empty()
    assert th.WithTypeHints().get_type_hints() == th.IOTypeHints.empty()


def test_declared_hints_travel_with_pickles() -> None:
    @th.with_input_types(Tuple[K, int])
    def fn(x: Any) -> K:
        raise NotImplementedError

    back = cloudpickle.loads(cloudpickle.dumps(fn))
    assert th.get_type_hints(back).input_types[0][0].__args__[1] is int
    hints = Decorated().get_type_hints()
    again = pickle.loads(pickle.dumps(hints))
    assert again == hints
    assert hash(again) == hash(hints)
    assert repr(again) == 'IOTypeHints[inputs=(bytes), outputs=(bool, bad=list[int])]'


def test_hints_that_are_no_types_are_refused() -> None:
    assert 'with_input_types: a type hint is a class, a typing object' in refused(th.with_input_types, 5)
    assert "got [<class 'int'>] (list)" in refused(th.with_output_types, [int])
    assert 'with_output_types, bad: ' in refused(th.with_output_types, int, bad=0)
    assert 'type hints cannot be attached to <built-in function len>' in refused(th.with_input_types(str), len)
    with pytest.raises(TransformError, match=r'with_output_types takes one type, .*got 2'):
        th.with_output_types(int, str)
    with pytest.raises(TransformError, match='with_input_types takes the type of the element'):
        th.WithTypeHints().with_input_types()


# Functions of transforms

class Emits(DoFn):
    def process(
            self, element: int, at: Any = DoFn.TimestampParam, side: str = '', *, window: Any = DoFn.WindowParam,
    ) -> Iterable[Union[TimestampedValue[int], TaggedOutput[Literal['bad', 'odd'], WindowedValue[str]]]]:
        raise NotImplementedError


class Late(DoFn):
    def process(self, at: Any = DoFn.TimestampParam, element: int = DoFn.ElementParam) -> None:
        raise NotImplementedError


class NotIterable(DoFn):
    def process(self, element: int) -> str:
        raise NotImplementedError


def test_hints_of_dofns() -> None:
    hints = th.function_hints(Emits(), 'dofn')
    assert hints.input_types == ((int, str), {})
    assert hints.output_types == ((int,), {'bad': str, 'odd': str})
    assert th.function_hints(Late(), 'dofn').input_types == ((int,), {})
    message = refused(th.function_hints, NotIterable(), 'dofn')
    assert 'the return value of NotIterable.process is annotated as <str>, which is not iterable' in message
    declared = th.with_output_types(bytes)(type('Declared', (NotIterable,), {}))()
    assert th.function_hints(declared, 'dofn').simple_output_type() is bytes


def test_hints_of_functions_depend_on_how_they_are_called() -> None:
    def fn(k: str, v: int) -> Optional[List[bool]]:
        raise NotImplementedError

    assert th.function_hints(fn, 'map').simple_output_type() == Optional[list[bool]]
    assert th.function_hints(fn, 'flat_map').simple_output_type() is bool
    assert th.function_hints(fn, 'filter') == th.IOTypeHints(((str, int), {}))
    assert th.function_hints(fn, 'map', star=True).input_types == ((tuple[str, int],), {})
    assert th.function_hints(fn, 'map', star=True, extra=True).input_types is None
    assert th.function_hints(repeat, 'map', star=True).input_types is None
    assert th.function_hints(lambda x: x, 'map') == th.IOTypeHints.empty()
    assert th.unwrap_output(th.normalize(Union[int, TaggedOutput])) == (int, {})
    assert th.unwrap_output(th.normalize(TaggedOutput[Literal['a'], int])) == (Any, {'a': int})


class Averages(CombineFn):
    def extract_output(self, accumulator: Any, *args: Any, **kwargs: Any) -> float:
        raise NotImplementedError


def test_types_of_combining_functions() -> None:
    def longest(words: Iterable[T]) -> List[T]:
        raise NotImplementedError

    def wrong(words: int) -> int:
        raise NotImplementedError

    assert th.combined_type(sum, bool) is int
    assert th.combined_type(CombineFn.from_callable(max), str) is str
    assert th.combined_type(longest, str) == list[str]
    assert th.combined_type(lambda values: 1, str) is Any
    assert th.combined_type(Averages(), int) is float
    counted = th.with_input_types(str)(th.with_output_types(int)(Averages))()
    assert th.combined_type(counted, bytes) is int
    assert "'Sum': requires <str> but got <bytes> for value" in refused(th.combined_type, counted, bytes, 'Sum')
    assert 'wrong cannot combine values' in refused(th.combined_type, wrong, int)


# Checks of inputs

def test_an_input_that_does_not_fit_names_label_types_and_function() -> None:
    hints = th.function_hints(cached.__wrapped__, 'map')
    message = refused(th.check_input, 'Read/Parse', hints, str)
    first, second = message.splitlines()
    assert first == "Type hint violation for 'Read/Parse': requires <int> but got <str> for element"
    assert second.strip().startswith('hinted by cached(x: int) -> str (')
    assert 'test_typehints.py:' in second
    assert th.check_input('l', hints, Any) == {}
    assert th.check_input('l', th.IOTypeHints.empty(), str) == {}


def test_two_classes_of_one_name_are_told_apart() -> None:
    other = type('Opaque', (), {'__module__': 'elsewhere'})
    message = refused(th.check_input, 'l', th.IOTypeHints(((other,), {})), Opaque)
    assert f'requires <elsewhere.Opaque> but got <{__name__}.Opaque>' in message


def test_outputs_follow_from_inputs() -> None:
    hints = th.IOTypeHints.empty().with_input_types(Tuple[K, V]).with_output_types(Tuple[V, K], bad=K)
    bindings = th.check_input('Swap', hints, Tuple[str, int])
    assert th.resolve_output(hints, bindings) == tuple[int, str]
    assert th.resolve_output(hints, bindings, 'bad') is str
    assert th.resolve_output(hints, bindings, 'other') is Any
    th.check_output('Swap', hints, bindings, Tuple[int, str])
    message = refused(th.check_output, 'Swap', hints, bindings, int)
    assert 'requires <tuple[int, str]> but got <int> for output' in message


@pytest.mark.parametrize(('args', 'kwargs', 'message'), [
    ((str, int), {}, None), ((str, int, float, int), {'sep': str, 'a': bytes}, None), ((Any, Any), {}, None),
    ((int,), {}, 'requires <str> but got <int> for element'),
    ((str, str), {}, 'requires <int> but got <str> for times'),
    ((str,), {'times': str}, 'requires <int> but got <str> for times'),
    ((str, int, str), {}, 'requires <tuple[float, ...]> but got <tuple[str, ...]> for more'),
    ((str,), {'a': int}, 'requires <dict[str, bytes]> but got <dict[str, int]> for kw'),
    ((), {}, "missing a required argument: 's'"),
], ids=named)
def test_further_arguments_are_checked_by_parameter(args: Any, kwargs: Any, message: str | None) -> None:
    hints = th.function_hints(repeat, 'map')
    if message is None:
        th.check_call('Repeat', repeat, hints, args, kwargs)
    else:
        found = refused(th.check_call, 'Repeat', repeat, hints, args, kwargs)
        assert found.startswith("Type hint violation for 'Repeat': ")
        assert message in found


def test_variadic_hints_are_of_each_argument_or_as_in_beam_of_all() -> None:
    def fn(x: int, *args: Any, **kwargs: Dict[str, str]) -> None:
        raise NotImplementedError

    hints = th.function_hints(fn, 'map')
    th.check_call('l', fn, hints, [int], {'a': str})
    th.check_call('l', fn, hints, [int], {'a': Dict[str, str]})
    assert '<dict[str, int]> for kwargs' in refused(th.check_call, 'l', fn, hints, [int], {'a': int})
    th.check_call('l', fn, th.IOTypeHints.empty().with_input_types(int), [int, str], {})


# Transforms and collections, known by their attributes

@attrs.define
class Pcoll:
    element_type: Any = Any

    @property
    def pipeline(self) -> Any:
        return self

    def set_type(self, collection: Pcoll, element_type: Any) -> None:
        collection.element_type = element_type


@attrs.define
class View:
    view: str
    element_type: Any

    def side_view(self) -> None: ...


@attrs.define(slots=False)
class Step(th.WithTypeHints):
    fn: Any = None
    style: Any = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = attrs.field(factory=dict)
    star: bool = False

    def default_type_hints(self) -> th.IOTypeHints | None:
        if self.fn is None:
            return None
        return th.function_hints(self.fn, self.style, self.star, bool(self.args or self.kwargs))


def test_types_of_side_inputs_are_those_of_what_is_passed() -> None:
    pair = Tuple[str, int]
    assert th.argument_type(View('iter', int)) == abc.Iterable[int]
    assert th.argument_type(View('list', Any)) == list[Any]
    assert th.argument_type(View('singleton', int)) is int
    assert th.argument_type(View('dict', pair)) == dict[str, int]
    assert th.argument_type(View('multimap', pair)) == dict[str, list[int]]
    assert th.argument_type([1]) == list[int]


def test_check_inputs_looks_at_the_element_and_the_arguments() -> None:
    def fn(x: str, words: List[int], n: int = 0) -> int:
        raise NotImplementedError

    step = Step(fn, 'map', (View('list', int),))
    th.check_inputs(step, 'S', [Pcoll(str)])
    assert 'requires <str> but got <int> for element' in refused(th.check_inputs, step, 'S', [Pcoll(int)])
    step = Step(fn, 'map', (View('list', str),), {'n': 1})
    message = refused(th.check_inputs, step, 'S', [Pcoll(str)])
    assert 'requires <list[int]> but got <list[str]> for words' in message
    step = Step(fn, 'map', ([1],), {'n': 'x'})
    assert 'requires <int> but got <str> for n' in refused(th.check_inputs, step, 'S', [Pcoll()])
    spread = Step(lambda a, b: a, 'map', star=True).with_input_types(Tuple[int, int])
    message = refused(th.check_inputs, spread, 'S', [Pcoll(Tuple[int, str])])
    assert 'requires <tuple[int, int]>' in message
    assert 'hinted by with_input_types(...)' in message


def test_check_inputs_of_composites() -> None:
    step = Step().with_input_types(str, int)
    th.check_inputs(step, 'S', [Pcoll(str), Pcoll(int)])
    message = refused(th.check_inputs, step, 'S', [Pcoll(str), Pcoll(str)])
    assert 'requires <int> but got <str> for input 1' in message
    step = Step().with_input_types(int)
    assert 'for element' in refused(th.check_inputs, step, 'S', [Pcoll(int), Pcoll(str)])
    th.check_inputs(step, 'S', [object()])


def test_output_types() -> None:
    assert th.output_type(Step(lambda x: x, 'map'), int) is Any
    assert th.output_type(Step(lambda x: x, 'filter'), int) is int
    assert th.output_type(Step(str.split, 'flat_map'), str) is str
    assert th.output_type(Step(str.split, 'map').with_output_types(T).with_input_types(T), str) is str
    assert th.runtime_types(Step(cached.__wrapped__, 'map'), Any) == (int, str)
    assert th.runtime_types(Step(lambda x: x, 'map'), int) == (None, None)


def test_declared_outputs_fill_in_what_is_not_known() -> None:
    step = Step().with_input_types(T).with_output_types(List[T])
    unknown, known, given = Pcoll(), Pcoll(Tuple[int, int]), Pcoll(int)
    th.set_output_types(step, [given], unknown)
    th.set_output_types(step, [given], known)
    assert (unknown.element_type, known.element_type) == (list[int], Tuple[int, int])
    assert "'S': requires <list[int]> but got <tuple[int, int]> for output" in refused(
        th.set_output_types, step, [given], known, 'S')


class Coll(Generic[T]):
    pass


def test_annotations_of_expand_are_about_elements() -> None:
    def expand(pcoll: Coll[int]) -> Coll[List[str]]:
        raise NotImplementedError

    def other(pcolls: Tuple[Coll[int], Coll[str]]) -> Coll[Any]:
        raise NotImplementedError

    hints = th.IOTypeHints.from_callable(expand)
    assert hints is not None
    stripped = hints.strip_pcoll(Coll)
    assert (stripped.input_types, stripped.output_types) == (((int,), {}), ((list[str],), {}))
    hints = th.IOTypeHints.from_callable(other)
    assert hints is not None
    assert not hints.strip_pcoll(Coll)


def test_generator_wrapper_shows_each_value_and_keeps_attributes() -> None:
    seen: list[int] = []
    wrapped = th.GeneratorWrapper((number for number in (1, 2)), seen.append)
    assert next(wrapped) == 1
    assert wrapped.gi_running is False
    assert list(wrapped) == [2]
    assert seen == [1, 2]


def test_sharded_keys() -> None:
    key = th.ShardedKey('a', b'1')
    assert key == pickle.loads(pickle.dumps(key)) != th.ShardedKey('a', b'2')
    assert len({key, th.ShardedKey('a', b'1')}) == 1
    assert th.bind(th.ShardedKeyType[K], th.ShardedKeyType[int]) == {K: int}
    with pytest.raises(TypeError, match=r'shard_id is bytes, got 1 \(int\)'):
        th.ShardedKey('a', 1)
