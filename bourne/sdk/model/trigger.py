"""When in processing time results are emitted: triggers as plain data, and what can be said of them beforehand.

A trigger says when a pane of a key and window fires. The classes only describe; an interpreter in the engine runs
them.
"""

from __future__ import annotations

from enum import Flag
from typing import Any

import attrs

from bourne.sdk.model.portable import portable
from bourne.sdk.model.timestamp import Duration, to_duration
from bourne.sdk.model.window import GlobalWindows, TimestampCombiner, WindowFn


class AccumulationMode:
    """How the panes of one key and window relate to each other."""

    #: A pane holds what arrived since the last one.
    DISCARDING = 'discarding'
    #: A pane holds everything that arrived so far.
    ACCUMULATING = 'accumulating'
    #: A pane holds everything and first takes back what the last one said.
    RETRACTING = 'retracting'

    ALL = (DISCARDING, ACCUMULATING, RETRACTING)


class DataLossReason(Flag):
    """Why a trigger may lose data."""

    NO_POTENTIAL_LOSS = 0
    #: The trigger may finish, and what arrives afterwards is never emitted.
    MAY_FINISH = 1
    #: A condition may never come true, and what waits for it is never emitted.
    CONDITION_NOT_GUARANTEED = 2


class TriggerFn:
    """The base of all triggers."""

    def may_lose_data(self, windowing: Windowing | None = None) -> DataLossReason:
        """Whether data may arrive, or wait, that this trigger never emits.

        Args:
          windowing: the strategy that it is part of; without one, elements may be late.
        """
        return may_lose_data(self, windowing is None or bool(windowing.allowed_lateness))

    def get_continuation_trigger(self) -> TriggerFn:
        """The trigger that a grouping downstream of one with this trigger goes by."""
        return continuation(self)


@portable
@attrs.frozen(repr=False)
class DefaultTrigger(TriggerFn):
    """Fires when the watermark passes the end of the window, and then for every late element."""


@portable
@attrs.frozen(repr=False)
class Always(TriggerFn):
    """Fires for every element."""


@portable
@attrs.frozen(repr=False)
class Never(TriggerFn):
    """Never fires by itself; the window's expiry still emits what has arrived."""


@portable
@attrs.frozen(repr=False)
class AfterWatermark(TriggerFn):
    """Fires when the watermark passes the end of the window, with optional firings before and after that.

    Args:
      early: fires speculative panes before, again and again.
      late: fires panes for data that comes after, again and again. Without it the trigger finishes at the end of the
        window.
    """

    early: TriggerFn | None = attrs.field(default=None)
    late: TriggerFn | None = attrs.field(default=None)

    @early.validator
    @late.validator
    def _check(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            _check_trigger(f'AfterWatermark({attribute.name}=...)', value)


@portable
@attrs.frozen(repr=False)
class AfterProcessingTime(TriggerFn):
    """Fires once, ``delay`` after the first element arrived.

    Args:
      delay: in seconds of processing time.
    """

    delay: Duration = attrs.field(default=Duration(), converter=to_duration)

    @delay.validator
    def _check(self, attribute: attrs.Attribute[Duration], value: Duration) -> None:
        if value.micros < 0:
            raise ValueError(f'AfterProcessingTime: delay must not be negative, got {value!r}')


@portable
@attrs.frozen(repr=False)
class AfterCount(TriggerFn):
    """Fires once, as soon as ``count`` elements have arrived.

    Args:
      count: a number of elements, at least 1.
    """

    count: int = attrs.field()

    @count.validator
    def _check(self, attribute: attrs.Attribute[int], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f'AfterCount: count must be an integer of at least 1, got {value!r}')


@portable
@attrs.frozen(repr=False)
class Repeatedly(TriggerFn):
    """Starts its trigger anew each time it has fired, for ever."""

    underlying: TriggerFn = attrs.field()

    @underlying.validator
    def _check(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        _check_trigger('Repeatedly', value)


@portable
@attrs.frozen(repr=False, init=False)
class AfterAny(TriggerFn):
    """Fires whenever any of its triggers does, until any of them has finished."""

    triggers: tuple[TriggerFn, ...]

    def __init__(self, *triggers: TriggerFn) -> None:
        self.__attrs_init__(_check_triggers('AfterAny', triggers))


@portable
@attrs.frozen(repr=False, init=False)
class AfterAll(TriggerFn):
    """Fires whenever all of its triggers are ready to, until all of them have finished."""

    triggers: tuple[TriggerFn, ...]

    def __init__(self, *triggers: TriggerFn) -> None:
        self.__attrs_init__(_check_triggers('AfterAll', triggers))


@portable
@attrs.frozen(repr=False, init=False)
class AfterEach(TriggerFn):
    """Fires as its first trigger does until that has finished, then as its second does, and so on."""

    triggers: tuple[TriggerFn, ...]

    def __init__(self, *triggers: TriggerFn) -> None:
        self.__attrs_init__(_check_triggers('AfterEach', triggers))


@portable
@attrs.frozen(repr=False)
class OrFinally(TriggerFn):
    """Fires as its first trigger does, until the second fires; then it finishes."""

    body: TriggerFn
    finally_: TriggerFn


def _check_trigger(where: str, value: Any) -> None:
    if not isinstance(value, TriggerFn):
        hint = ': write it with parentheses' if isinstance(value, type) and issubclass(value, TriggerFn) else ''
        raise TypeError(f'{where} takes triggers, got {value!r}{hint}')


def _check_triggers(where: str, triggers: tuple[TriggerFn, ...]) -> tuple[TriggerFn, ...]:
    if not triggers:
        raise ValueError(f'{where} needs at least one trigger')
    for trigger in triggers:
        _check_trigger(where, trigger)
    return triggers


def may_finish(trigger: TriggerFn, late_data: bool = True) -> bool:
    """True if the trigger may come to an end, after which it never fires again, although there may be more data.

    Args:
      trigger: the trigger.
      late_data: whether elements are taken after the end of their window.
    """
    match trigger:
        case AfterWatermark(late=late):
            return late is None and late_data
        case AfterAny(triggers=parts):
            return any(may_finish(part, late_data) for part in parts)
        case AfterAll(triggers=parts) | AfterEach(triggers=parts):
            return all(may_finish(part, late_data) for part in parts)
        case OrFinally(body=body, finally_=end):
            return may_finish(body, late_data) or _may_fire(end, late_data)
    return isinstance(trigger, (AfterCount, AfterProcessingTime))


def _may_fire(trigger: TriggerFn, late_data: bool) -> bool:
    """True if the trigger may fire although there may be more data."""
    match trigger:
        case DefaultTrigger():
            return late_data
        case AfterWatermark(early=early):
            return early is not None or late_data
        case Never():
            return False
        case Repeatedly(underlying=part) | AfterEach(triggers=(part, *_)):
            return _may_fire(part, late_data)
        case AfterAny(triggers=parts):
            return any(_may_fire(part, late_data) for part in parts)
        case AfterAll(triggers=parts):
            return all(_may_fire(part, late_data) for part in parts)
        case OrFinally(body=body, finally_=end):
            return _may_fire(body, late_data) or _may_fire(end, late_data)
    return True


def may_wait_for_ever(trigger: TriggerFn) -> bool:
    """True if elements may wait for a condition that need not come true."""
    match trigger:
        case AfterCount(count=count):
            return count > 1
        case Repeatedly(underlying=part):
            return may_wait_for_ever(part)
        case AfterAny(triggers=parts):
            return all(may_wait_for_ever(part) for part in parts)
        case AfterAll(triggers=parts) | AfterEach(triggers=parts):
            return any(may_wait_for_ever(part) for part in parts)
        case OrFinally(body=body, finally_=end):
            return may_wait_for_ever(body) and may_wait_for_ever(end)
    return False


def may_lose_data(trigger: TriggerFn, late_data: bool = True) -> DataLossReason:
    """Why the trigger may lose data, if it may.

    A window's expiry emits what still waits, so a condition that never comes true delays data but, unlike a
    trigger that has finished, does not lose it; it is reported all the same, as Beam does.

    Args:
      trigger: the trigger.
      late_data: whether elements are taken after the end of their window.
    """
    reason = DataLossReason.NO_POTENTIAL_LOSS
    if may_finish(trigger, late_data):
        reason |= DataLossReason.MAY_FINISH
    if may_wait_for_ever(trigger):
        reason |= DataLossReason.CONDITION_NOT_GUARANTEED
    return reason


def continuation(trigger: TriggerFn) -> TriggerFn:
    """The trigger for a grouping downstream: it emits what the upstream one emitted as soon as it has come."""
    match trigger:
        case AfterWatermark(early=early, late=late):
            return AfterWatermark(early and continuation(early), late and continuation(late))
        case AfterCount():
            return AfterCount(1)
        case AfterProcessingTime():
            return AfterProcessingTime(0)
        case Repeatedly(underlying=part):
            return Repeatedly(continuation(part))
        case AfterAny(triggers=parts) | AfterAll(triggers=parts) | AfterEach(triggers=parts):
            # After an AfterEach the downstream cannot know which step a pane came from: any of them may fire.
            kind = Repeatedly if isinstance(trigger, AfterEach) else None
            inner = (AfterAny if kind else type(trigger))(*map(continuation, parts))
            return Repeatedly(inner) if kind else inner
        case OrFinally(body=body, finally_=end):
            # The end is the upstream's to see: all panes before it count, and one of them must not end this.
            return Repeatedly(OrFinally(continuation(body), continuation(end)))
    return trigger


def goes_by_elements(trigger: TriggerFn) -> bool:
    """True if the trigger may fire while elements of a window come and no time passes.

    If not, each key and window has a single pane wherever the watermark goes at once from the beginning to the end, as
    it does in batch.
    """
    match trigger:
        case AfterCount() | Always():
            return True
        case AfterWatermark(early=early):
            return early is not None and goes_by_elements(early)
        case Repeatedly(underlying=part) | AfterEach(triggers=(part, *_)):
            return goes_by_elements(part)
        case AfterAny(triggers=parts):
            return any(map(goes_by_elements, parts))
        case AfterAll(triggers=parts):
            return all(map(goes_by_elements, parts))
        case OrFinally(body=body, finally_=end):
            return goes_by_elements(body) or goes_by_elements(end)
    return False


@portable
@attrs.frozen(repr=False)
class Windowing:
    """A collection's windowing strategy: where, when and how results of groupings on it are made.

    Attributes:
      windowfn: assigns (and perhaps merges) windows.
      trigger: says when a pane fires.
      accumulation_mode: one of :class:`AccumulationMode`.
      timestamp_combiner: one of :class:`~bourne.sdk.model.window.TimestampCombiner`.
      allowed_lateness: how long after the end of its window an element is still taken, in event time.
    """

    windowfn: WindowFn = attrs.field(factory=GlobalWindows)
    trigger: TriggerFn = attrs.field(factory=DefaultTrigger)
    accumulation_mode: str = AccumulationMode.DISCARDING
    timestamp_combiner: str = TimestampCombiner.OUTPUT_AT_EOW
    allowed_lateness: Duration = attrs.field(default=Duration(), converter=to_duration)

    @property
    def is_default(self) -> bool:
        """Global window, default trigger, no lateness."""
        return (type(self.windowfn) is GlobalWindows and type(self.trigger) is DefaultTrigger
                and not self.allowed_lateness)


DEFAULT_WINDOWING = Windowing()
