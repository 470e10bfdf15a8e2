"""Functions that cannot be serialised are named: the transform, the way to the culprit, and what to do."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bourne.errors import GraphError, PickleError, PipelineError
from bourne.sdk.graph import pickling
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, ParDo
from bourne.sdk.transforms.sideinput import AsSingleton

LOCK = threading.Lock()


class Holder:
    """Has a lock in an attribute."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def method(self, x: Any) -> Any:
        return x


class Slotted:
    """Has it in a slot."""

    __slots__ = ('guard',)

    def __init__(self) -> None:
        self.guard = threading.Lock()

    def __call__(self, x: Any) -> Any:
        return x


class Locked(DoFn):
    def __init__(self) -> None:
        self.settings = {'deep': [1, Holder()]}

    def process(self, element: Any) -> list[Any]:
        return [element]


class LockedFn(CombineFn):
    def __init__(self) -> None:
        self.lock = threading.Lock()


def closure() -> Callable[[Any], Any]:
    lock = threading.Lock()
    return lambda x: lock


def nested_closure() -> Callable[[Any], Any]:
    inner = closure()
    return lambda x: inner(x)


def by_default() -> Callable[..., Any]:
    return lambda x, lock=LOCK: x


# A function by value, as of a script: pickled with the globals that it names.
GLOBAL: dict[str, Any] = {'LOCK': LOCK, '__name__': '__main__'}
exec('def uses_global(x):\n    return LOCK', GLOBAL)


@pytest.mark.parametrize(('value', 'way'), [
    (closure(), "the captured variable 'lock' is a _thread.lock"),
    (nested_closure(), "the captured variable 'lock' of the captured variable 'inner' is a _thread.lock"),
    (by_default(), 'the default of its parameter 1 is a _thread.lock'),
    (GLOBAL['uses_global'], "the global variable 'LOCK' is a _thread.lock"),
    (Holder().method, "the attribute 'lock' of the instance of Holder whose method it is is a _thread.lock"),
    (Slotted(), "the attribute 'guard' is a _thread.lock"),
    (Locked(), "the attribute 'lock' of the element 1 of the entry 'deep' of the attribute 'settings' is a _thread.l"),
    (functools.partial(print, threading.Lock()), 'the argument 1 of the partial is a _thread.lock'),
    (functools.partial(closure()), "the captured variable 'lock' of the function of the partial is a _thread.lock"),
    (functools.partial(print, end=threading.Lock()), "the argument 'end' of the partial is a _thread.lock"),
    ([1, {'k': threading.Lock()}], "the entry 'k' of the element 1 is a _thread.lock"),
])
def test_the_way_to_the_culprit(value: Any, way: str) -> None:
    with pytest.raises(PickleError) as caught:
        pickling.dumps(value, 'my/label')
    text = str(caught.value)
    assert text.startswith('my/label: cannot serialise ')
    assert way in text
    assert 'Create it where it is used: in DoFn.setup, or in the function itself.' in text


def applied(transform: Any) -> Callable[[Any], Any]:
    return lambda p: p | Create([('k', 1)]) | 'Outer' >> transform


@pytest.mark.parametrize(('build', 'words'), [
    (applied(Map(closure())), "captured variable 'lock'"),
    (applied(FlatMap(closure())), "captured variable 'lock'"),
    (applied(Filter(closure())), "captured variable 'lock'"),
    (applied(ParDo(Locked())), "attribute 'settings'"),
    (applied(Map(lambda x, lock: x, threading.Lock())), '_thread.lock'),
    (applied(Map(lambda x, lock: x, lock=threading.Lock())), '_thread.lock'),
    (applied(CombinePerKey(LockedFn())), "attribute 'lock'"),
    (lambda p: p | Create([1]) | 'Outer' >> Map(
        lambda x, y: x, AsSingleton(p | 'side' >> Create([2]), threading.Lock())), '_thread.lock'),
])
@pytest.mark.parametrize('pipeline', [Pipeline, TestPipeline])
def test_the_transform_is_named_with_the_users_line(build: Any, words: str, pipeline: Any) -> None:
    """On every runner, not only where the graph is written down."""
    p = pipeline()
    build(p)
    with pytest.raises(PickleError) as caught:
        p.run()
    text = str(caught.value)
    assert text.startswith('Outer (')
    assert 'test_pickling.py:' in text.partition(')')[0]
    assert words in text
    assert isinstance(caught.value, TypeError)


def test_elements_that_cannot_be_serialised_are_named_where_the_graph_is_written() -> None:
    p = TestPipeline()
    p | 'Things' >> Create([1, threading.Lock()])
    with pytest.raises(PickleError, match=r'^Things \(.*test_pickling.py:\d+\): .*_thread.lock'):
        p.run()


def test_objects_with_cycles() -> None:
    class Node:
        def __init__(self) -> None:
            self.me = self
            self.lock = threading.Lock()

    with pytest.raises(PickleError, match="the attribute 'lock'"):
        pickling.dumps(Node())


def test_objects_that_refuse_themselves() -> None:
    class Refuses:
        def __reduce__(self) -> Any:
            raise RuntimeError('not me')

    with pytest.raises(PickleError, match=r'cannot serialise .*Refuses: RuntimeError: not me'):
        pickling.dumps(Refuses())


def test_a_captured_pipeline_or_collection_says_what_to_do() -> None:
    p = Pipeline()
    numbers = p | Create([1])
    p | 'a' >> Create([1]) | Map(lambda x: numbers)
    with pytest.raises(PickleError, match=r'pass it as a side input: AsIter\(pcoll\)'):
        p.run()
    other = Pipeline()
    other | Create([1]) | Map(lambda x: other)
    with pytest.raises(PickleError, match='the pipeline itself was captured'):
        other.run()
    with pytest.raises(PipelineError):
        pickling.cloudpickle.dumps(numbers)


def test_what_cannot_be_loaded_is_told() -> None:
    with pytest.raises(GraphError, match=r'a user function of the graph cannot be loaded here: '):
        pickling.loads(b'\x80\x05cnowhere_at_all\nThing\n.')


def test_names() -> None:
    assert pickling.name_of(closure()).startswith('closure.<locals>.<lambda> (')
    assert pickling.name_of(Slotted()) == 'Slotted'
    assert pickling.name_of(len) == 'len'
