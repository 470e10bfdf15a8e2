"""A user's exception keeps its type and its traceback, and gains one note that says where it came from."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bourne.errors import ExecutionError
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.source import BoundedReader, Source
from bourne.sdk.model.window import BoundedWindow, FixedWindows, NonMergingWindowFn, TimestampedValue, WindowFn
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.ptransform import PTransform
from bourne.sdk.runner import PipelineRunner
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, ParDo
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.sideinput import AsSingleton
from bourne.sdk.transforms.window import WindowInto, WithTimestamps
from tests.runners import EngineRunner


class Mine(Exception):
    """An exception of the user."""


def failing(x: Any, *more: Any) -> Any:
    raise Mine(f'cannot do {x!r}')


def failure(build: Callable[[Pipeline], Any], runner: PipelineRunner | None = None) -> Mine:
    p = TestPipeline(runner)
    build(p)
    with pytest.raises(Mine) as caught:
        p.run()
    return caught.value


def note_of(error: BaseException) -> str:
    assert len(error.__notes__) == 1, error.__notes__
    return error.__notes__[0]


def here(offset: int = 0) -> str:
    """The place of the caller's line."""
    frame = inspect.currentframe().f_back  # type: ignore[union-attr]
    return f'{__file__}:{frame.f_lineno + offset}'  # type: ignore[union-attr]


def test_the_note_tells_everything() -> None:
    p = TestPipeline()
    place = here(1)
    p | Create([('a', 1)]) | 'my step' >> Map(failing)
    with pytest.raises(Mine, match=r"cannot do \('a', 1\)") as caught:
        p.run()
    assert note_of(caught.value) == (f"in Map 'my step', applied at {place}\n"
                                     f"  stage: Create +1\n"
                                     f"  element: ('a', 1)")


@pytest.mark.parametrize(('transform', 'kind'), [
    (Map(failing), 'Map'), (FlatMap(failing), 'FlatMap'), (Filter(failing), 'Filter'),
    (WithTimestamps(failing), 'WithTimestamps'), (ParDo(failing), 'FlatMap'),
], ids=repr)
@pytest.mark.parametrize('runner', [None, EngineRunner(slots=2), EngineRunner(bundle_size=1)])
def test_every_kind_of_function(transform: Any, kind: str, runner: Any) -> None:
    note = note_of(failure(lambda p: p | Create([7]) | 'mine' >> transform, runner))
    assert note.startswith(f"in {kind} 'mine', applied at {__file__}:")
    assert note.endswith('\n  element: 7')


def test_the_full_label_in_composites() -> None:
    class Inner(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return pcoll | 'deep' >> Map(failing)

    class Outer(PTransform):
        def expand(self, pcoll: Any) -> Any:
            return pcoll | Inner()

    note = note_of(failure(lambda p: p | Create([1]) | 'outer' >> Outer()))
    assert "in Map 'outer/Inner/deep', applied at " in note


def test_the_traceback_leads_through_the_users_code_and_the_generated_line() -> None:
    error = failure(lambda p: p | Create([1]) | 'mine' >> Map(failing))
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[-1].filename == __file__
    assert frames[-1].name == 'failing'
    generated = next(frame for frame in frames if frame.filename.startswith('<bourne stage '))
    assert '# mine' in generated.line
    text = ''.join(traceback.format_exception(error))
    assert 'f1(' in text
    assert "raise Mine(f'cannot do {x!r}')" in text


def test_the_operator_that_fails_is_named_and_not_the_one_around_it() -> None:
    def generate(x: int) -> Iterator[int]:
        yield x
        yield x + 1

    def second(x: int) -> int:
        return failing(x) if x == 6 else x

    note = note_of(failure(lambda p: p | Create([5]) | 'outer' >> FlatMap(generate) | 'inner' >> Map(second)))
    assert "in Map 'inner'" in note
    assert note.endswith('element: 6')

    def fails_late(x: int) -> Iterator[int]:
        yield x
        failing(x)

    note = note_of(failure(lambda p: p | Create([5]) | 'outer' >> FlatMap(fails_late) | 'inner' >> Map(str)))
    assert "in FlatMap 'outer'" in note
    assert note.endswith('element: 5')


def test_long_elements_are_shortened() -> None:
    note = note_of(failure(lambda p: p | Create(['x' * 10_000]) | Map(failing)))
    assert len(note) < 800
    assert '(10002 characters)' in note


def test_elements_that_cannot_be_shown() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError('no')

    def refuse(x: Any) -> None:
        raise Mine

    note = note_of(failure(lambda p: p | Create([1]) | Map(lambda x: Shy()) | 'mine' >> Map(refuse)))
    assert 'element: <Shy whose repr failed: RuntimeError>' in note


@pytest.mark.parametrize('method', ['setup', 'start_bundle', 'process', 'finish_bundle', 'teardown'])
def test_every_method_of_a_dofn(method: str) -> None:
    class Fails(DoFn):
        def process(self, element: int) -> None:
            pass

    setattr(Fails, method, failing if method == 'process' else lambda self: failing('it'))
    if method == 'process':
        Fails.process = lambda self, element: failing(element)  # type: ignore[method-assign]
    note = note_of(failure(lambda p: p | Create([5]) | 'mine' >> ParDo(Fails())))
    assert note.startswith("in ParDo 'mine', applied at ")
    assert ('element: 5' in note) == (method == 'process')
    assert (f', in {method}\n' in note) == (method != 'process')


class Breaks(CombineFn):
    def __init__(self, method: str) -> None:
        setattr(self, method, failing)

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [*mutable_accumulator, element]

    def merge_accumulators(self, accumulators: Any, *args: Any, **kwargs: Any) -> Any:
        return [value for accumulator in accumulators for value in accumulator]

    def extract_output(self, accumulator: Any, *args: Any, **kwargs: Any) -> Any:
        return accumulator


@pytest.mark.parametrize('method', ['add_input', 'compact', 'extract_output', 'merge_accumulators'])
def test_every_method_of_a_combine_fn(method: str) -> None:
    def build(p: Pipeline) -> Any:
        both = (p | 'a' >> Create([('k', 1)]), p | 'b' >> Create([('k', 2)])) | Flatten()
        return both | 'mine' >> CombinePerKey(Breaks(method))

    note = note_of(failure(build))
    assert "'mine" in note
    assert f'applied at {__file__}:' in note
    assert note.endswith("element: ('k', 1)" if method == 'add_input' else "key: 'k'")


def test_a_window_function() -> None:
    class Fails(NonMergingWindowFn):
        def assign(self, assign_context: WindowFn.AssignContext) -> list[BoundedWindow]:
            return failing(assign_context.element)

    note = note_of(failure(lambda p: p | Create([5]) | 'mine' >> WindowInto(Fails()) | Map(str)))
    assert note.startswith("in WindowInto 'mine'")
    assert note.endswith('element: 5')


class Unreadable(Source[int]):
    def __init__(self, where: str) -> None:
        self.where = where

    def splits(self, desired: int = 1) -> list[int]:
        return failing('splits') if self.where == 'splits' else [0]

    def open(self, split: int, position: Any = None) -> Any:
        return failing('open') if self.where == 'open' else _Broken()


class _Broken(BoundedReader[int]):
    def __init__(self) -> None:
        super().__init__([])

    def poll(self, *args: Any, **kwargs: Any) -> Any:
        failing('poll')


@pytest.mark.parametrize('where', ['splits', 'open', 'poll'])
def test_sources(where: str) -> None:
    note = note_of(failure(lambda p: p | 'mine' >> Read(Unreadable(where)) | Map(str)))
    assert note.startswith(f"in Read 'mine', applied at {__file__}:")


@pytest.mark.parametrize('runner', [None, EngineRunner(slots=3)])
@pytest.mark.parametrize('build', [
    lambda p: p | Create([1]) | 'mine' >> Map(lambda x: 'abc') | 'mine too' >> GroupByKey(),
    lambda p: p | Create([1]) | 'mine' >> Map(lambda x, y: x, AsSingleton(p | 'none' >> Create([]))),
])
def test_errors_of_bourne_have_the_note_too(build: Any, runner: Any) -> None:
    p = TestPipeline(runner)
    build(p)
    with pytest.raises(ExecutionError) as caught:
        p.run()
    assert f'applied at {__file__}:' in note_of(caught.value)
    assert "'mine" in note_of(caught.value)


def test_where_no_element_is_to_blame() -> None:
    class Fails(DoFn):
        def process(self, element: int) -> None:
            pass

        def finish_bundle(self) -> list[str]:
            return ['no window']

    p = TestPipeline()
    p | Create([1]) | WindowInto(FixedWindows(5)) | 'mine' >> ParDo(Fails())
    with pytest.raises(ExecutionError, match='WindowedValue') as caught:
        p.run()
    assert note_of(caught.value).startswith("in ParDo 'mine'")
    assert ', in finish_bundle' in note_of(caught.value)


def test_strays_have_a_note() -> None:
    p = TestPipeline()
    p | Create([1]) | 'mine' >> Map(lambda x: TimestampedValue(TimestampedValue(x, 1), 2)) | 'after' >> Map(str)
    with pytest.raises(ExecutionError, match='inside of another one') as caught:
        p.run()
    assert note_of(caught.value).startswith("in Map 'mine'")
    assert 'element: TimestampedValue(' in note_of(caught.value)


@pytest.mark.parametrize('times', [['noon', 1, 2], [1, 2, 'noon']])
def test_timestamps_that_are_none_have_a_note(times: list[Any]) -> None:
    p = TestPipeline()
    p | Create(times) | 'mine' >> Map(lambda x: TimestampedValue(x, x)) | 'after' >> Map(str)
    with pytest.raises(TypeError) as caught:
        p.run()
    assert note_of(caught.value).startswith("in Map 'mine'")
    # Once it is known that the outputs have timestamps, these are read while the element itself is at hand.
    shown = "TimestampedValue('noon'" if times[0] == 'noon' else "'noon'"
    assert f'element: {shown}' in note_of(caught.value)


def test_a_time_that_a_source_gives_has_a_note() -> None:
    p = TestPipeline()
    p | 'mine' >> Create([TimestampedValue('then', 1e13)]) | 'after' >> Map(str)
    with pytest.raises(ExecutionError, match='outside of event time') as caught:
        p.run()
    assert note_of(caught.value).startswith("in Read 'mine")
    assert note_of(caught.value).endswith("element: 'then'")


def test_exceptions_without_a_place_for_marks() -> None:
    class Slotted(Mine):
        __slots__ = ()

    def refuse(x: Any) -> None:
        raise Slotted('no')

    assert "in Map 'mine'" in note_of(failure(lambda p: p | Create([1]) | 'mine' >> Map(refuse)))


def test_one_exception_raised_for_every_element() -> None:
    error = Mine('always the same')

    def refuse(x: Any) -> None:
        raise error

    assert "in Map 'mine'" in note_of(failure(lambda p: p | Create([1, 2]) | 'mine' >> Map(refuse)))


@pytest.mark.parametrize('flags', [[], ['--workers=2'], ['--streaming'], ['--streaming', '--workers=2']])
def test_a_function_that_ends_an_iterator_ends_the_run_and_not_the_data(flags: list[str]) -> None:
    p = TestPipeline(options=PipelineOptions(flags))
    p | Create([1, 2]) | 'mine' >> Map(lambda x: next(iter(())))
    with pytest.raises(StopIteration) as caught:
        p.run()
    assert "in Map 'mine'" in note_of(caught.value)


def test_an_interrupt_is_let_through() -> None:
    def leave(x: Any) -> None:
        raise KeyboardInterrupt

    p = TestPipeline()
    p | Create([1]) | Map(leave)
    with pytest.raises(KeyboardInterrupt):
        p.run()


@pytest.mark.parametrize('flags', [[], ['--workers=2']])
@pytest.mark.parametrize('kind', [SystemExit, GeneratorExit])
def test_what_would_end_the_program_without_a_word_is_an_error(kind: type[BaseException], flags: list[str]) -> None:
    def leave(x: Any) -> None:
        raise kind('bye')

    p = TestPipeline(options=PipelineOptions(flags))
    p | Create([1]) | 'mine' >> Map(leave)
    with pytest.raises(ExecutionError, match=rf"a function of the pipeline raised {kind.__name__}\('bye'\)") as caught:
        p.run()
    assert "in Map 'mine'" in note_of(caught.value)


def test_the_key_of_a_combination_must_be_hashable() -> None:
    p = TestPipeline()
    p | Create([([1], 2)]) | 'mine' >> CombinePerKey(sum)
    with pytest.raises(TypeError, match='unhashable') as caught:
        p.run()
    assert "in Combine 'mine'" in note_of(caught.value)
    assert 'use a tuple in place of a list' in note_of(caught.value)


def test_a_failed_run_has_no_result() -> None:
    p = Pipeline(options=PipelineOptions([]))
    p | Create([1]) | Map(failing)
    with pytest.raises(Mine):
        p.run()
    assert p.result is None
