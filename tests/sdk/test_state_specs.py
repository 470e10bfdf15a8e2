"""What is said of state and timers, and what is refused when a pipeline is built."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bourne.errors import BourneError, TransformError, TypeCheckError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.coders import BytesCoder, VarIntCoder
from bourne.sdk.model.combinefn import CallableCombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.state import (
    BagStateSpec,
    CombiningValueStateSpec,
    MapStateSpec,
    OrderedListStateSpec,
    ReadModifyWriteStateSpec,
    SetStateSpec,
)
from bourne.sdk.model.stateful import (
    check_stateful,
    get_dofn_specs,
    is_stateful_dofn,
    stateful_parts,
    validate_stateful_dofn,
)
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer, on_window_expiration
from bourne.sdk.model.window import FixedWindows, Sessions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import FlatMap, Map, ParDo
from bourne.sdk.transforms.window import WindowInto

BAG, SET = BagStateSpec('bag', VarIntCoder()), SetStateSpec('set')
EVENT, REAL = TimerSpec('event', TimeDomain.WATERMARK), TimerSpec('real', TimeDomain.REAL_TIME)


class Good(DoFn):
    def process(self, element: Any, bag: Any = DoFn.StateParam(BAG), event: Any = DoFn.TimerParam(EVENT)) -> None:
        bag.add(1)

    @on_timer(EVENT)
    def fire(self, real: Any = DoFn.TimerParam(REAL), tag: Any = DoFn.DynamicTimerTagParam) -> None:
        pass

    @on_timer(REAL)
    def tick(self, seen: Any = DoFn.StateParam(SET)) -> None:
        pass

    @on_window_expiration
    def end(self, bag: Any = DoFn.StateParam(BAG)) -> None:
        pass


class Better(Good):
    """Takes most from its base."""

    @on_timer(REAL)
    def tick(self) -> None:
        pass


class Plain(DoFn):
    def process(self, element: Any, time: Any = DoFn.TimestampParam) -> None:
        pass


def test_what_a_function_says_is_found() -> None:
    parts = stateful_parts(Good())
    assert parts is not None
    assert dict(parts.states) == {'bag': BAG, 'set': SET}
    assert dict(parts.timers) == {'event': EVENT, 'real': REAL}
    assert dict(parts.callbacks) == {'event': 'fire', 'real': 'tick'}
    assert parts.expiration == 'end'
    assert get_dofn_specs(Good()) == ({BAG, SET}, {EVENT, REAL})
    assert get_dofn_specs(Better()) == ({BAG}, {EVENT, REAL})
    assert get_dofn_specs(Plain()) == (set(), set())
    assert [is_stateful_dofn(fn) for fn in (Good(), Better(), Plain(), len)] == [True, True, False, False]
    for fn in (Good(), Better(), Plain()):
        validate_stateful_dofn(fn)


def test_a_method_of_the_instance_alone() -> None:
    fn = Plain()

    def process(element: Any, bag: Any = DoFn.StateParam(BAG)) -> None:
        bag.add(element)

    fn.process = process  # type: ignore[method-assign,assignment]
    assert get_dofn_specs(fn) == ({BAG}, set())
    assert not is_stateful_dofn(Plain())


def test_specifications_are_values() -> None:
    specs = [BAG, SET, ReadModifyWriteStateSpec('value', BytesCoder()), OrderedListStateSpec('list'),
             CombiningValueStateSpec('sum', sum), MapStateSpec('map', VarIntCoder(), BytesCoder()), EVENT, REAL]
    copies = pickle.loads(pickle.dumps(specs))
    assert copies == specs
    assert len({*specs, *copies}) == len(specs)
    assert BagStateSpec('bag') != BAG
    assert BagStateSpec('set') != SET
    assert CombiningValueStateSpec('sum', VarIntCoder(), sum).combine_fn == CallableCombineFn(sum)
    assert CombiningValueStateSpec('sum', combine_fn=sum).coder is None
    assert MapStateSpec('map', VarIntCoder(), BytesCoder()).value_coder == BytesCoder()
    assert [repr(spec) for spec in (BAG, REAL)] == ["BagStateSpec('bag')", "TimerSpec('real')"]
    assert [TimeDomain.from_string('REAL_TIME'), TimeDomain.is_event_time(REAL.time_domain)] == ['REAL_TIME', False]


@pytest.mark.parametrize(('make', 'kind', 'message'), [
    (lambda: BagStateSpec(123), TypeError, 'BagStateSpec: the name comes first and is a string, got 123 (int)'),
    (lambda: BagStateSpec(''), ValueError, 'BagStateSpec: the name must not be empty'),
    (lambda: SetStateSpec('s', VarIntCoder), TypeError, "VarIntCoder'> (type): write VarIntCoder()"),
    (lambda: SetStateSpec('s', 7), TypeError, "SetStateSpec('s'): a coder is needed, or None, got 7 (int)"),
    (lambda: MapStateSpec('s', 'x'), TypeError, "a coder is needed, or None, got 'x' (str)"),
    (lambda: CombiningValueStateSpec('c'), ValueError, "CombiningValueStateSpec('c'): combine_fn must be given"),
    (lambda: CombiningValueStateSpec('c', VarIntCoder()), TransformError, 'a CombineFn or a callable is needed'),
    (lambda: TimerSpec(5, TimeDomain.WATERMARK), TypeError, 'TimerSpec: the name comes first'),
    (lambda: TimerSpec('t', 'soon'), ValueError,
     "TimerSpec('t'): a timer goes by TimeDomain.WATERMARK or TimeDomain.REAL_TIME, got 'soon'"),
    (lambda: TimerSpec('t', TimeDomain.DEPENDENT_REAL_TIME), ValueError, "got 'DEPENDENT_REAL_TIME'"),
    (lambda: TimeDomain.from_string('soon'), ValueError, "there is no time domain 'soon'"),
    (lambda: DoFn.StateParam(EVENT), ValueError,
     "DoFn.StateParam takes a StateSpec, such as BagStateSpec('name'); got TimerSpec('event') (TimerSpec)"),
    (lambda: DoFn.StateParam('bag'), TransformError, "got 'bag' (str)"),
    (lambda: DoFn.TimerParam(BAG), ValueError,
     "DoFn.TimerParam takes a TimerSpec, such as TimerSpec('name', TimeDomain.WATERMARK); got BagStateSpec('bag')"),
    (lambda: on_timer(BAG), ValueError, "@on_timer takes a TimerSpec, got BagStateSpec('bag') (BagStateSpec)"),
    (lambda: on_timer(EVENT)(5), ValueError, "@on_timer(TimerSpec('event')) goes above a method, got 5"),
    (lambda: on_window_expiration(5), ValueError, '@on_window_expiration goes above a method, got 5'),
    (lambda: BAG.add(1), AttributeError, "'BagStateSpec' object has no attribute 'add': it only describes. Ask for"),
    (lambda: BAG.add(1), AttributeError, 'by a parameter of the method, x=DoFn.StateParam(BAG), and call x.add'),
    (lambda: EVENT.set(1), AttributeError, 'x=DoFn.TimerParam(EVENT), and call x.set'),
    (lambda: BAG.nothing, AttributeError, "'BagStateSpec' object has no attribute 'nothing'"),
])
def test_specifications_that_make_no_sense(make: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert message in str(caught.value)


OTHER_BAG, OTHER_EVENT = SetStateSpec('bag'), TimerSpec('event', TimeDomain.REAL_TIME)


class TwiceTheSame(DoFn):
    def process(self, element: Any, one: Any = DoFn.StateParam(BAG), other: Any = DoFn.StateParam(BAG)) -> None:
        pass


class TwoOfOneName(DoFn):
    def process(self, element: Any, one: Any = DoFn.StateParam(BAG),
                other: Any = DoFn.StateParam(OTHER_BAG)) -> None:
        pass


class TwoTimersOfOneName(DoFn):
    def process(self, element: Any, one: Any = DoFn.TimerParam(EVENT),
                other: Any = DoFn.TimerParam(OTHER_EVENT)) -> None:
        pass


class NoMethod(DoFn):
    def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
        pass


class Overwritten(DoFn):
    def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT), real: Any = DoFn.TimerParam(REAL)) -> None:
        pass

    @on_timer(EVENT)
    def fire(self) -> None:
        pass

    @on_timer(REAL)
    def fire(self) -> None:  # noqa: F811
        pass


class TwoMethods(DoFn):
    def process(self, element: Any, event: Any = DoFn.TimerParam(EVENT)) -> None:
        pass

    @on_timer(EVENT)
    def one(self) -> None:
        pass

    @on_timer(EVENT)
    def other(self) -> None:
        pass


class StateOfBundles(DoFn):
    def start_bundle(self, bag: Any = DoFn.StateParam(BAG)) -> None:
        pass

    def process(self, element: Any) -> None:
        pass


class TagsInProcess(DoFn):
    def process(self, element: Any, tag: Any = DoFn.DynamicTimerTagParam) -> None:
        pass


class ElementOfTimer(NoMethod):
    @on_timer(EVENT)
    def fire(self, element: Any, bag: Any = DoFn.StateParam(BAG)) -> None:
        pass


class ElementParamOfTimer(NoMethod):
    @on_timer(EVENT)
    def fire(self, element: Any = DoFn.ElementParam) -> None:
        pass


class TimerAtTheEnd(NoMethod):
    @on_timer(EVENT)
    @on_window_expiration
    def end(self, bag: Any = DoFn.StateParam(BAG), event: Any = DoFn.TimerParam(EVENT)) -> None:
        pass


class TwoEnds(DoFn):
    def process(self, element: Any, bag: Any = DoFn.StateParam(BAG)) -> None:
        pass

    @on_window_expiration
    def one(self) -> None:
        pass

    @on_window_expiration
    def other(self) -> None:
        pass


class EndOfNothing(DoFn):
    def process(self, element: Any) -> None:
        pass

    @on_window_expiration
    def end(self) -> None:
        pass


@pytest.mark.parametrize(('fn', 'message'), [
    (TwiceTheSame(), "TwiceTheSame.process has two parameters for DoFn.StateParam(BagStateSpec('bag')); one is enough"),
    (TwoOfOneName(), "two specifications of a state named 'bag': BagStateSpec('bag') and SetStateSpec('bag') differ"),
    (TwoTimersOfOneName(), "two specifications of a timer named 'event'"),
    (NoMethod(), "NoMethod has the timer 'event', but no method with @on_timer for it"),
    (Overwritten(), "Overwritten has the timer 'event', but no method with @on_timer for it: nothing would happen"),
    (Overwritten(), '(Another method of the same name may have replaced it.)'),
    (TwoMethods(), "several methods with @on_timer for the timer 'event': one, other; there must be one"),
    (StateOfBundles(), "start_bundle asks for DoFn.StateParam(BagStateSpec('bag')), but it is called for no key"),
    (TagsInProcess(), 'TagsInProcess.process asks for DoFn.DynamicTimerTagParam, which only a method with @on_timer'),
    (ElementOfTimer(), "ElementOfTimer.fire with @on_timer needs an argument for 'element', and there is no element"),
    (ElementParamOfTimer(), 'fire with @on_timer asks for DoFn.ElementParam, which exists only while an element is'),
    (TimerAtTheEnd(), 'a timer that is set when the window has expired would never fire'),
    (TwoEnds(), 'TwoEnds has several methods with @on_window_expiration: one, other; there must be one'),
    (EndOfNothing(), 'EndOfNothing.end with @on_window_expiration is called for keys that have state left'),
    (lambda x, bag=DoFn.StateParam(BAG): x,
     "a plain function asks for DoFn.StateParam(BagStateSpec('bag')), which only methods of a DoFn can have"),
], ids=lambda value: type(value).__name__ if isinstance(value, DoFn) else '')
def test_functions_that_do_not_fit_together(fn: Any, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        check_stateful(fn)
    assert message in str(caught.value)
    with pytest.raises(TransformError, match=re.escape(f'mine: {str(caught.value)[:40]}')):
        Pipeline() | Create([('a', 1)]) | 'mine' >> ParDo(fn)


def test_plain_functions_of_other_transforms() -> None:
    def with_timer(x: Any, timer: Any = DoFn.TimerParam(EVENT)) -> Iterator[Any]:
        yield x

    for transform in (Map(with_timer), FlatMap(with_timer)):
        with pytest.raises(TransformError, match='only methods of a DoFn can have; write a class'):
            Pipeline() | Create([1]) | transform


def test_windows_that_merge_are_refused() -> None:
    pairs = Pipeline() | Create([('a', 1)]) | WindowInto(Sessions(5))
    with pytest.raises(TransformError, match=r'mine has state or timers, .* windows that merge \(Sessions'):
        pairs | 'mine' >> ParDo(Good())


def test_input_without_keys_is_refused() -> None:
    with pytest.raises(TypeCheckError, match=r"The stateful ParDo 'mine' needs elements that are pairs .* <int>"):
        Pipeline() | Create([1]) | 'mine' >> ParDo(Good())


def test_keys_without_an_encoding_are_refused() -> None:
    class Own:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    def pair(x: int) -> tuple[Own, int]:
        return Own(), x

    pairs = Pipeline() | Create([1]) | Map(pair)
    with pytest.raises(BourneError, match=r'mine has state or timers, which belong to keys, and .*Own cannot be a key'):
        pairs | 'mine' >> ParDo(Good())


def test_a_stateful_function_in_a_graph() -> None:
    pipeline = Pipeline()
    pipeline | Create([('a', 1)]) | WindowInto(FixedWindows(5)) | 'mine' >> ParDo(Good())
    graph = pipeline.to_graph()
    read = Graph.from_json(graph.to_json())
    (payload,) = (transform.payload for transform in read.transforms if transform.label == 'mine')
    assert get_dofn_specs(payload.fn) == ({BAG, SET}, {EVENT, REAL})  # type: ignore[union-attr]
