"""Triggers over bounded data: the watermark goes once from the beginning to the end, and elements come in any order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bourne.errors import ExecutionError
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.pane import PaneInfoTiming
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterAll,
    AfterAny,
    AfterCount,
    AfterEach,
    AfterProcessingTime,
    AfterWatermark,
    Always,
    Never,
    OrFinally,
    Repeatedly,
    TriggerFn,
)
from bourne.sdk.model.window import FixedWindows, GlobalWindows, Sessions, TimestampCombiner, TimestampedValue, WindowFn
from bourne.sdk.ptransform import PTransform
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.combiners import Count, Mean, Top
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
from bourne.sdk.transforms.pardo import Map, MapTuple
from bourne.sdk.transforms.sideinput import AsList
from bourne.sdk.transforms.window import WindowInto
from tests.conformance.case import case, check

DISCARDING, ACCUMULATING = AccumulationMode.DISCARDING, AccumulationMode.ACCUMULATING


def ones(count: int, *keys: str, at: float = 3) -> Create:
    """That many pairs ``(key, 1)`` of each key, all at one time."""
    return Create([TimestampedValue((key, 1), at) for _ in range(count) for key in keys or 'k'])


def fired(trigger: TriggerFn, mode: str = DISCARDING, windowfn: WindowFn | None = None, **options: Any) -> PTransform:
    return WindowInto(windowfn or FixedWindows(10), trigger=trigger, accumulation_mode=mode, **options)


def with_pane(element: Any, pane: Any = DoFn.PaneInfoParam) -> str:
    """The element and its pane, as text: ``k 3 EARLY 0``."""
    timing = PaneInfoTiming.to_string(pane.timing)
    number = str(pane.index) if pane.nonspeculative_index < 0 else f'{pane.index}/{pane.nonspeculative_index}'
    return f'{element[0]} {element[1]} {timing} {number}' + (' last' if pane.is_last else '')


@case
def counted(p: TestPipeline) -> None:
    made = p | ones(7, 'k', 'l') | fired(Repeatedly(AfterCount(3))) | CombinePerKey(sum) | Map(with_pane)
    check(made, [f'{key} {pane}' for key in 'kl' for pane in ('3 EARLY 0', '3 EARLY 1', '1 ON_TIME 2/0 last')])


@case
def counted_accumulating(p: TestPipeline) -> None:
    made = p | ones(7) | fired(Repeatedly(AfterCount(3)), ACCUMULATING) | CombinePerKey(sum) | Map(with_pane)
    check(made, ['k 3 EARLY 0', 'k 6 EARLY 1', 'k 7 ON_TIME 2/0 last'])


@case
def counted_in_the_global_window(p: TestPipeline) -> None:
    made = (p | ones(3) | fired(Repeatedly(AfterCount(2)), ACCUMULATING, GlobalWindows()) | GroupByKey()
            | Map(with_pane))
    check(made, ['k [1, 1] EARLY 0', 'k [1, 1, 1] ON_TIME 1/0 last'])


@case
def counted_in_each_window(p: TestPipeline) -> None:
    timed = [TimestampedValue(('k', 1), time) for time in (1, 2, 3, 11, 12)]
    made = p | Create(timed) | fired(Repeatedly(AfterCount(2))) | CombinePerKey(sum) | Map(with_pane)
    check(made, ['k 2 EARLY 0', 'k 1 ON_TIME 1/0 last', 'k 2 EARLY 0'])


@case
def every_element(p: TestPipeline) -> None:
    made = p | ones(3) | fired(Always(), ACCUMULATING) | CombinePerKey(sum) | Map(with_pane)
    check(made, ['k 1 EARLY 0', 'k 2 EARLY 1', 'k 3 EARLY 2'])


@case
def the_pane_on_time_comes_even_if_it_is_empty(p: TestPipeline) -> None:
    windowed = p | ones(4) | fired(AfterWatermark(early=AfterCount(2)))
    check(windowed | 'lists' >> GroupByKey() | 'l' >> Map(with_pane),
          ['k [1, 1] EARLY 0', 'k [1, 1] EARLY 1', 'k [] ON_TIME 2/0 last'], 'lists')
    check(windowed | 'sum' >> CombinePerKey(sum) | 's' >> Map(with_pane),
          ['k 2 EARLY 0', 'k 2 EARLY 1', 'k 0 ON_TIME 2/0 last'], 'sums')
    check(windowed | 'max' >> CombinePerKey(max) | 'm' >> Map(with_pane), ['k 1 EARLY 0', 'k 1 EARLY 1'], 'maxima')


@case
def early_and_on_time_accumulating(p: TestPipeline) -> None:
    made = (p | ones(5) | fired(AfterWatermark(early=AfterCount(2), late=AfterCount(1)), ACCUMULATING,
                                allowed_lateness=60) | CombinePerKey(sum) | Map(with_pane))
    check(made, ['k 2 EARLY 0', 'k 4 EARLY 1', 'k 5 ON_TIME 2/0 last'])


@case(one_epoch=True)
def what_does_not_go_by_elements_fires_once(p: TestPipeline) -> None:
    source = p | ones(5, 'k', 'l')
    for number, trigger in enumerate([
            AfterWatermark(early=AfterProcessingTime(0)), Repeatedly(AfterProcessingTime(60)), Never(),
            AfterWatermark(early=AfterProcessingTime(60), late=AfterCount(1)),
            Repeatedly(AfterAll(AfterCount(2), AfterProcessingTime(0))),
            AfterEach(AfterWatermark(), Repeatedly(AfterCount(1)))]):
        windowed = source | f'w{number}' >> fired(trigger, ACCUMULATING)
        wanted = [f'{key} {value} ON_TIME 0/0 last' for key in 'kl' for value in ('5',)]
        check(windowed | f's{number}' >> CombinePerKey(sum) | f'p{number}' >> Map(with_pane), wanted, f'c{number}')


@case
def composites(p: TestPipeline) -> None:
    source = p | ones(6)
    for number, (trigger, panes) in enumerate([
            (AfterEach(AfterCount(1), AfterCount(2), Repeatedly(AfterCount(3))), [1, 2, 3]),
            (Repeatedly(AfterAny(AfterCount(4), AfterProcessingTime(60))), [4, 2]),
            (Repeatedly(AfterAll(AfterCount(4), AfterCount(2))), [4, 2]),
            (Repeatedly(OrFinally(Repeatedly(AfterCount(2)), AfterCount(3))), [2, 1, 2, 1])]):
        made = source | f'w{number}' >> fired(trigger) | f's{number}' >> CombinePerKey(sum)
        check(made, [('k', pane) for pane in panes], f'c{number}')


@case(flags=['--allow_unsafe_triggers'])
def a_trigger_that_finishes_drops_the_rest(p: TestPipeline) -> None:
    made = p | ones(5) | fired(AfterCount(2)) | CombinePerKey(sum) | Map(with_pane)
    check(made, ['k 2 EARLY 0 last'])


@case
def sessions(p: TestPipeline) -> None:
    timed = [TimestampedValue(('k', 1), time) for time in (1, 1, 1, 30, 30)]
    made = (p | Create(timed) | fired(Repeatedly(AfterCount(2)), ACCUMULATING, Sessions(10)) | CombinePerKey(sum)
            | Map(with_pane))
    check(made, ['k 2 EARLY 0', 'k 3 ON_TIME 1/0 last', 'k 2 EARLY 0'])


@case
def sessions_that_merge(p: TestPipeline) -> None:
    """Whichever comes first, no two of them are a pane before the last has come."""
    timed = [TimestampedValue(('k', time), time) for time in (1, 5, 9, 13)]
    made = (p | Create(timed) | fired(Repeatedly(AfterCount(4)), windowfn=Sessions(10)) | CombinePerKey(sum)
            | Map(with_pane))
    check(made, ['k 28 EARLY 0'])


@case
def timestamps(p: TestPipeline) -> None:
    def with_time(element: Any, time: Timestamp = DoFn.TimestampParam) -> Any:
        return element[1], float(time)

    source = p | ones(3)
    for combiner, on_time in ((TimestampCombiner.OUTPUT_AT_EARLIEST, 3), (TimestampCombiner.OUTPUT_AT_LATEST, 3),
                              (TimestampCombiner.OUTPUT_AT_EOW, 9.999999)):
        windowed = source | f'w {combiner}' >> fired(AfterWatermark(early=AfterCount(3)), timestamp_combiner=combiner)
        check(windowed | f's {combiner}' >> CombinePerKey(sum) | f't {combiner}' >> Map(with_time),
              [(3, on_time), (0, 9.999999)], combiner)


@case
def combiners_of_all_kinds(p: TestPipeline) -> None:
    windowed = p | ones(3) | fired(Repeatedly(AfterCount(1)), ACCUMULATING)
    check(windowed | Mean.PerKey(), [('k', 1.0)] * 3, 'mean')
    check(windowed | Top.PerKey(2), [('k', [1]), ('k', [1, 1]), ('k', [1, 1])], 'top')
    check(windowed | Count.PerKey(), [('k', 1), ('k', 2), ('k', 3)], 'count')


class Collected(CombineFn):
    """Emits its accumulator, a list that it changes."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []

    def add_input(self, mutable_accumulator: list[Any], element: Any, *args: Any, **kwargs: Any) -> list[Any]:
        mutable_accumulator.append(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
        return [value for accumulator in accumulators for value in accumulator]

    def extract_output(self, accumulator: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        return accumulator


@case
def what_was_emitted_does_not_change(p: TestPipeline) -> None:
    for number, mode in enumerate((DISCARDING, ACCUMULATING)):
        windowed = p | f'c{number}' >> ones(2) | f'w{number}' >> fired(Repeatedly(AfterCount(1)), mode)
        wanted = [('k', [1]), ('k', [1] if mode == DISCARDING else [1, 1])]
        check(windowed | f'own{number}' >> CombinePerKey(Collected()), wanted, f'own {mode}')
        check(windowed | f'group{number}' >> GroupByKey(), wanted, f'group {mode}')


@case
def joined(p: TestPipeline) -> None:
    left = p | 'left' >> ones(2) | 'wl' >> fired(Repeatedly(AfterCount(3)), ACCUMULATING)
    right = p | 'right' >> ones(3) | 'wr' >> fired(Repeatedly(AfterCount(3)), ACCUMULATING)
    made = (left, right) | CoGroupByKey() | MapTuple(lambda key, lists: sum(map(len, lists)))
    check(made, [3, 5])


@case
def several_inputs_of_a_combination(p: TestPipeline) -> None:
    left = p | 'left' >> ones(2) | 'wl' >> fired(Repeatedly(AfterCount(4)))
    right = p | 'right' >> ones(3) | 'wr' >> fired(Repeatedly(AfterCount(4)))
    check((left, right) | Flatten() | CombinePerKey(sum), [('k', 4), ('k', 1)])


@case
def all_elements_together(p: TestPipeline) -> None:
    made = (p | ones(5) | Map(lambda pair: pair[1]) | fired(Repeatedly(AfterCount(2)))
            | CombineGlobally(sum).without_defaults())
    check(made, [2, 2, 1])


@case
def a_grouping_below_passes_every_pane_on(p: TestPipeline) -> None:
    made = (p | ones(5, 'k', 'l') | fired(Repeatedly(AfterCount(2))) | 'first' >> CombinePerKey(sum)
            | Map(lambda pair: ('both', pair[1])) | 'second' >> GroupByKey() | MapTuple(lambda key, values: values))
    check(made, [[2], [2], [2], [2], [1], [1]])


@case
def a_grouping_below_accumulates_what_it_gets(p: TestPipeline) -> None:
    """Panes of an accumulating window are results of their own, so downstream they add up."""
    made = (p | ones(2) | fired(Repeatedly(AfterCount(1)), ACCUMULATING) | 'first' >> CombinePerKey(sum)
            | 'second' >> CombinePerKey(sum))
    check(made, [('k', 1), ('k', 3)])


@case
def a_side_input_has_the_latest_pane(p: TestPipeline) -> None:
    side = (p | ones(3) | fired(Repeatedly(AfterCount(2)), windowfn=GlobalWindows()) | CombinePerKey(sum)
            | Map(lambda pair: pair[1]))
    check(p | 'main' >> Create([0]) | 'look' >> Map(lambda x, panes: len(panes), AsList(side)), [1])


@case
def windows_anew_below_a_trigger(p: TestPipeline) -> None:
    made = (p | ones(5) | fired(Repeatedly(AfterCount(2))) | 'first' >> CombinePerKey(sum)
            | 'anew' >> WindowInto(GlobalWindows()) | 'second' >> CombinePerKey(sum))
    check(made, [('k', 5)])


@case(raises=ExecutionError, match=r'grouping needs \(key, value\) pairs, got 7')
def not_a_pair(p: TestPipeline) -> None:
    p | Create([7]) | Map(lambda x: x) | fired(Repeatedly(AfterCount(1))) | GroupByKey()


@case(raises=ZeroDivisionError, match='division')
def a_function_fails(p: TestPipeline) -> None:
    p | ones(1) | fired(Repeatedly(AfterCount(1))) | CombinePerKey(lambda values: sum(values) / 0)
