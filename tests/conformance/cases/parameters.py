"""What a function may ask the engine for: element, timestamp, window, pane, key, contexts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN, PaneInfo, PaneInfoTiming
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import GLOBAL_WINDOW, FixedWindows, IntervalWindow, SlidingWindows, TimestampedValue
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, MapTuple, ParDo
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check

TIMED = (TimestampedValue('a', 1), TimestampedValue('b', 12.5))


@case
def timestamp(p: TestPipeline) -> None:
    check(p | Create(TIMED) | Map(lambda x, t=DoFn.TimestampParam: (x, t)),
          [('a', Timestamp(1)), ('b', Timestamp(12.5))])


@case
def window(p: TestPipeline) -> None:
    timed = p | Create(TIMED)
    check(timed | 'global' >> Map(lambda x, w=DoFn.WindowParam: (x, w)), [('a', GLOBAL_WINDOW), ('b', GLOBAL_WINDOW)])
    check(timed | WindowInto(FixedWindows(10)) | 'fixed' >> Map(lambda x, w=DoFn.WindowParam: (x, w)),
          [('a', IntervalWindow(0, 10)), ('b', IntervalWindow(10, 20))])


@case
def an_element_in_several_windows_is_passed_for_each(p: TestPipeline) -> None:
    made = p | Create([TimestampedValue('a', 5)]) | WindowInto(SlidingWindows(10, 5))
    check(made | Map(lambda x, w=DoFn.WindowParam: w), [IntervalWindow(0, 10), IntervalWindow(5, 15)])


@case
def pane(p: TestPipeline) -> None:
    pairs = p | Create([('k', 1)])
    check(pairs | 'before' >> Map(lambda x, pane=DoFn.PaneInfoParam: pane), [PANE_INFO_UNKNOWN])
    check(pairs | GroupByKey() | 'after' >> Map(lambda x, pane=DoFn.PaneInfoParam: pane),
          [PaneInfo(True, True, PaneInfoTiming.ON_TIME, 0, 0)])


@case
def key(p: TestPipeline) -> None:
    class Keyed(DoFn):
        def process(self, element: Any, k: Any = DoFn.KeyParam) -> Iterator[Any]:
            yield k, element

    check(p | Create([('k', 1)]) | ParDo(Keyed()), [('k', ('k', 1))])


@case
def element_in_another_place(p: TestPipeline) -> None:
    check(p | Create([1]) | Map(lambda a, x=DoFn.ElementParam: (a, x), 'first'), [('first', 1)])


@case
def keyword_only_parameters(p: TestPipeline) -> None:
    check(p | Create(TIMED) | Map(lambda x, *, t=DoFn.TimestampParam, w=DoFn.WindowParam: (x, t, w)),
          [('a', Timestamp(1), GLOBAL_WINDOW), ('b', Timestamp(12.5), GLOBAL_WINDOW)])


@case
def parameters_among_arguments(p: TestPipeline) -> None:
    def put(x: str, before: int, t: Any = DoFn.TimestampParam, after: int = 0, w: Any = DoFn.WindowParam) -> Any:
        return x, before, t, after, w

    timed = p | Create(TIMED[:1])
    check(timed | 'positional' >> Map(put, 1, 2), [('a', 1, Timestamp(1), 2, GLOBAL_WINDOW)])
    check(timed | 'named' >> Map(put, before=1, after=2), [('a', 1, Timestamp(1), 2, GLOBAL_WINDOW)])


@case
def in_every_kind_of_function(p: TestPipeline) -> None:
    timed = p | Create(TIMED)
    check(timed | FlatMap(lambda x, t=DoFn.TimestampParam: [x, t]), ['a', Timestamp(1), 'b', Timestamp(12.5)])
    check(timed | Filter(lambda x, t=DoFn.TimestampParam: t > 5), ['b'])
    check(timed | Map(lambda x: (x, 1)) | MapTuple(lambda k, n, t=DoFn.TimestampParam: (k, n, t)),
          [('a', 1, Timestamp(1)), ('b', 1, Timestamp(12.5))])


@case
def all_at_once_in_a_dofn(p: TestPipeline) -> None:
    class Shows(DoFn):
        def process(self, element: Any, extra: str, timestamp: Any = DoFn.TimestampParam,
                    window: Any = DoFn.WindowParam, pane: Any = DoFn.PaneInfoParam, *,
                    key: Any = DoFn.KeyParam) -> Iterator[Any]:
            yield element, extra, timestamp, window, pane.timing, key

    made = (p | Create([TimestampedValue(('k', 1), 3)]) | WindowInto(FixedWindows(10)) | GroupByKey()
            | ParDo(Shows(), 'extra'))
    check(made, [(('k', [1]), 'extra', IntervalWindow(0, 10).max_timestamp(), IntervalWindow(0, 10),
                  PaneInfoTiming.ON_TIME, 'k')])


@case
def windowed_value(p: TestPipeline) -> None:
    def parts(x: str, whole: Any = DoFn.WindowedValueParam) -> Any:
        return whole.value, whole.timestamp, whole.windows

    made = p | Create([TimestampedValue('a', 5)]) | WindowInto(SlidingWindows(10, 5)) | Map(parts)
    check(made, [('a', Timestamp(5), (IntervalWindow(0, 10),)), ('a', Timestamp(5), (IntervalWindow(5, 15),))])


@contextmanager
def _opened(log: list[str], name: str) -> Iterator[str]:
    log.append(f'open {name}')
    yield name
    log.append(f'close {name}')


@case
def contexts_of_the_setup_and_of_the_bundle(p: TestPipeline) -> None:
    log: list[str] = []

    class InContext(DoFn):
        def process(self, element: int, once: str = DoFn.SetupContextParam(_opened, (log, 'setup')),
                    each: str = DoFn.BundleContextParam(_opened, (log,), {'name': 'bundle'})) -> Iterator[Any]:
            yield element, once, each

    check(p | Create([1, 2]) | ParDo(InContext()), [(1, 'setup', 'bundle'), (2, 'setup', 'bundle')])


@case
def bundle_finalizer(p: TestPipeline) -> None:
    class Finalizes(DoFn):
        def process(self, element: int, finalizer: Any = DoFn.BundleFinalizerParam) -> Iterator[int]:
            finalizer.register(lambda: None)
            yield element

    check(p | Create([1, 2]) | ParDo(Finalizes()), [1, 2])
