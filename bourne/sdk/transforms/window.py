"""``WindowInto`` and ``WithTimestamps``: where in event time an element is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from bourne.errors import TransformError
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.timestamp import Duration, DurationTypes
from bourne.sdk.model.trigger import (
    AccumulationMode,
    AfterWatermark,
    DataLossReason,
    DefaultTrigger,
    TriggerFn,
    Windowing,
)
from bourne.sdk.model.window import TimestampCombiner, WindowFn
from bourne.sdk.options import TypeOptions
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input


class WindowInto(PTransform):
    """Assigns windows, and says when and how groupings below emit their results.

    Args:
      windowfn: the window function, or a collection's ``windowing``.
      trigger: when a pane fires; by default once, when the data of the window is complete.
      accumulation_mode: how the panes of a window relate; needed with a trigger that may fire more than once.
      timestamp_combiner: which timestamp results get; by default the end of their window.
      allowed_lateness: how long after the end of its window an element is still taken, in seconds.

    Raises:
      TransformError: if the combination makes no sense, or the trigger may lose data and
        ``--allow_unsafe_triggers`` is not given.
    """

    def __init__(self, windowfn: Any, *, trigger: TriggerFn | None = None,
                 accumulation_mode: str | None = None, timestamp_combiner: str | None = None,
                 allowed_lateness: DurationTypes = 0) -> None:
        super().__init__()
        if isinstance(windowfn, Windowing):
            self.windowing = windowfn
            return
        if not isinstance(windowfn, WindowFn):
            cls = isinstance(windowfn, type) and issubclass(windowfn, WindowFn)
            hint = f': write {windowfn.__name__}(...)' if cls else ''
            raise TransformError(f'WindowInto takes a WindowFn, got {windowfn!r}{hint}')
        self.windowing = Windowing(
            windowfn, _checked_trigger(trigger), _checked_mode(trigger, accumulation_mode),
            _checked_combiner(timestamp_combiner), _checked_lateness(allowed_lateness))

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        loss = self.windowing.trigger.may_lose_data(self.windowing)
        if loss & DataLossReason.MAY_FINISH and not source.pipeline.options.view_as(TypeOptions).allow_unsafe_triggers:
            raise TransformError(
                f'{self.full_label()}: the trigger {self.windowing.trigger!r} may finish, and everything that arrives '
                f'for the window afterwards would be lost. Wrap it in Repeatedly(...), or pass --allow_unsafe_triggers')
        return source.pipeline.add(nodes.WindowInto(self.windowing.windowfn), [source], windowing=self.windowing,
                                   element_type=source.element_type)[MAIN]


def _checked_trigger(trigger: TriggerFn | None) -> TriggerFn:
    if trigger is None:
        return DefaultTrigger()
    if not isinstance(trigger, TriggerFn):
        raise TransformError(f'WindowInto: trigger must be a trigger, got {trigger!r}')
    return trigger


def _checked_mode(trigger: TriggerFn | None, mode: str | None) -> str:
    if mode is not None and mode not in AccumulationMode.ALL:
        raise TransformError(f'WindowInto: accumulation_mode must be one of {AccumulationMode.ALL}, got {mode!r}')
    if mode is None and trigger is not None and not isinstance(trigger, (DefaultTrigger, AfterWatermark)):
        raise TransformError(f'WindowInto: accumulation_mode is needed with the trigger {trigger!r}: '
                             f'AccumulationMode.DISCARDING or AccumulationMode.ACCUMULATING')
    if mode is None and isinstance(trigger, AfterWatermark) and (trigger.early or trigger.late):
        raise TransformError(f'WindowInto: accumulation_mode is needed with the trigger {trigger!r}, which may fire '
                             f'more than once: AccumulationMode.DISCARDING or AccumulationMode.ACCUMULATING')
    return mode or AccumulationMode.DISCARDING


def _checked_combiner(combiner: str | None) -> str:
    if combiner is not None and combiner not in TimestampCombiner.ALL:
        raise TransformError(f'WindowInto: timestamp_combiner must be one of {TimestampCombiner.ALL}, '
                             f'got {combiner!r}')
    return combiner or TimestampCombiner.OUTPUT_AT_EOW


def _checked_lateness(lateness: DurationTypes) -> Duration:
    found = Duration.of(lateness)
    if found.micros < 0:
        raise TransformError(f'WindowInto: allowed_lateness must not be negative, got {lateness!r}')
    return found


def regrouped(windowing: Windowing) -> Windowing:
    """The strategy of what a grouping emits: the same windows, and a trigger that passes panes on."""
    return attrs.evolve(windowing, trigger=windowing.trigger.get_continuation_trigger())


class WithTimestamps(PTransform):
    """Gives each element the event time that a function finds in it.

    The same as mapping to ``TimestampedValue``, without making one for each element.

    Args:
      fn: takes an element and returns seconds since the epoch (int or float) or a ``Timestamp``.
      out_of_orderness: how far, in seconds, an element may come behind one that is later. In a stream the output's
        watermark is then the greatest time so far, of the source's split that is furthest behind, less this. By default
        the watermark stays what the source says. Without effect in batch.

    Raises:
      TransformError: if ``fn`` cannot be called, or ``out_of_orderness`` is negative.
    """

    def __init__(self, fn: Callable[[Any], Any], out_of_orderness: DurationTypes | None = None) -> None:
        super().__init__()
        if not callable(fn):
            raise TransformError(f'WithTimestamps takes a function from an element to its time, got {fn!r}')
        self.fn = fn
        self.out_of_orderness = None if out_of_orderness is None else Duration.of(out_of_orderness)
        if self.out_of_orderness is not None and self.out_of_orderness.micros < 0:
            raise TransformError(f'WithTimestamps: out_of_orderness must not be negative, got {out_of_orderness!r}')

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        delay = None if self.out_of_orderness is None else self.out_of_orderness.micros
        return source.pipeline.add(nodes.ParDo('timestamp', self.fn, out_of_orderness=delay), [source],
                                   element_type=source.element_type)[MAIN]


