"""``Deduplicate``: elements that come again within some time are left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import Known
from bourne.sdk.model.state import ReadModifyWriteStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.model.timestamp import Duration, DurationTypes
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.pardo import Map, ParDo

T = TypeVar('T')
K = TypeVar('K')
V = TypeVar('V')


class _First(DoFn):
    """Passes a pair on if none of its key was passed on within some time.

    Args:
      real: the time in processing time, or ``None``.
      event: the time in event time, or ``None``. If both are given, the shorter one counts, whichever that turns out
        to be.
    """

    SEEN = ReadModifyWriteStateSpec('seen')
    REAL, EVENT = TimerSpec('processing_timer', TimeDomain.REAL_TIME), TimerSpec('event_timer', TimeDomain.WATERMARK)

    def __init__(self, real: Duration | None, event: Duration | None) -> None:
        self.real = real
        self.event = event

    def process(self, element: Any, time: Any = DoFn.TimestampParam, seen: Any = DoFn.StateParam(SEEN),
                real: Any = DoFn.TimerParam(REAL), event: Any = DoFn.TimerParam(EVENT)) -> Iterable[Any] | None:
        if seen.read():
            return None
        seen.write(True)
        if self.real is not None:
            real.set_relative(self.real)
        if self.event is not None:
            event.set(time + self.event)
        return [element]

    @on_timer(REAL)
    @on_timer(EVENT)
    def forget(self, seen: Any = DoFn.StateParam(SEEN), real: Any = DoFn.TimerParam(REAL),
               event: Any = DoFn.TimerParam(EVENT)) -> None:
        """Lets the next one of the key pass."""
        for handle in (seen, real, event):
            handle.clear()


@typehints.with_input_types(typehints.KV[K, V])
@typehints.with_output_types(typehints.KV[K, V])
class DeduplicatePerKey(PTransform):
    """Of the pairs of each key, per window, the first, and then again the first one that comes some time later.

    At least one of the times must be given; if both are, whichever has passed first counts. In a batch, where no
    processing time passes, that leaves one pair of each key and window. Which one comes first is not defined where the
    order of the input is not.

    Args:
      processing_time_duration: seconds of processing time for which pairs of the key are left out.
      event_time_duration: seconds of event time, counted from the timestamp of the pair that was passed on.

    Raises:
      TransformError: if no time is given, or one that is not positive.
    """

    def __init__(self, processing_time_duration: DurationTypes | None = None,
                 event_time_duration: DurationTypes | None = None) -> None:
        super().__init__()
        name = type(self).__name__
        self.processing_time_duration = _checked(name, 'processing_time_duration', processing_time_duration)
        self.event_time_duration = _checked(name, 'event_time_duration', event_time_duration)
        if processing_time_duration is None and event_time_duration is None:
            raise TransformError(f'{name} needs processing_time_duration or event_time_duration, or both: for how long '
                                 f'an element that comes again is a duplicate. For ever within a window: Distinct()')

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        first = ParDo(_First(self.processing_time_duration, self.event_time_duration))
        made = source | 'DeduplicateFn' >> first.with_output_types(source.element_type)
        assert isinstance(made, PCollection)
        return made


def _checked(name: str, what: str, duration: Any) -> Duration | None:
    if duration is None:
        return None
    try:
        found = Duration.of(duration)
    except TypeError as error:
        raise TransformError(f'{name}: {what} is in seconds, got {duration!r}: {error}') from None
    if found.micros <= 0:
        raise TransformError(f'{name}: {what} must be positive, got {duration!r}')
    return found


@typehints.with_input_types(T)
@typehints.with_output_types(T)
class Deduplicate(PTransform):
    """Of elements that are equal, per window, the first, and then again the first one that comes some time later.

    Args:
      processing_time_duration: see :class:`DeduplicatePerKey`.
      event_time_duration: likewise.

    Raises:
      TransformError: if no time is given, or one that is not positive.
    """

    def __init__(self, processing_time_duration: DurationTypes | None = None,
                 event_time_duration: DurationTypes | None = None) -> None:
        super().__init__()
        self._per_key = DeduplicatePerKey(processing_time_duration, event_time_duration)

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        pairs = Map(Known('pair_with')).with_output_types(typehints.KV[source.element_type, None])
        made = (source
                | 'Use Value as Key' >> pairs
                | 'DeduplicatePerKey' >> self._per_key
                | 'Output Value' >> Map(Known('key')).with_output_types(source.element_type))
        assert isinstance(made, PCollection)
        return made
