"""Timers: a ``DoFn`` is called again for a key and window, at a time that it set.

::

    class Timeout(DoFn):
        FLUSH = TimerSpec('flush', TimeDomain.WATERMARK)

        def process(self, element, window=DoFn.WindowParam, flush=DoFn.TimerParam(FLUSH)):
            flush.set(window.end)

        @on_timer(FLUSH)
        def expire(self, key=DoFn.KeyParam):
            yield key, 'is over'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bourne.errors import TransformError
from bourne.sdk.model.state import checked_name, not_a_cell
from bourne.sdk.model.timestamp import DurationTypes, TimestampTypes

Method = TypeVar('Method', bound=Callable[..., Any])

#: Where a method keeps the specifications of the timers that it is called for, and whether it is called at the end.
TIMERS = '__bourne_timers__'
EXPIRATION = '__bourne_expiration__'


class TimeDomain:
    """What a timer goes by."""

    #: Event time: the timer fires when the watermark has come to its time.
    WATERMARK = 'WATERMARK'
    #: Processing time: it fires when the clock has.
    REAL_TIME = 'REAL_TIME'
    #: Beam's name for a domain that no timer may have.
    DEPENDENT_REAL_TIME = 'DEPENDENT_REAL_TIME'

    @staticmethod
    def from_string(domain: str) -> str:
        """The domain of that name.

        Raises:
          ValueError: if there is none.
        """
        if domain in (TimeDomain.WATERMARK, TimeDomain.REAL_TIME, TimeDomain.DEPENDENT_REAL_TIME):
            return domain
        raise ValueError(f'there is no time domain {domain!r}; there are TimeDomain.WATERMARK and TimeDomain.REAL_TIME')

    @staticmethod
    def is_event_time(domain: str) -> bool:
        """True for ``WATERMARK``."""
        return TimeDomain.from_string(domain) == TimeDomain.WATERMARK


class TimerSpec:
    """Names a timer of a key and window, or with dynamic tags a family of them. Two that are equal are one timer.

    Args:
      name: unique among the timers of its ``DoFn``.
      time_domain: ``TimeDomain.WATERMARK`` or ``TimeDomain.REAL_TIME``.

    Raises:
      TypeError: if the name is no text.
      ValueError: if the name is empty, or a timer cannot go by that domain.
    """

    __slots__ = ('name', 'time_domain')

    def __init__(self, name: str, time_domain: str) -> None:
        self.name = checked_name(self, name)
        if time_domain not in (TimeDomain.WATERMARK, TimeDomain.REAL_TIME):
            raise ValueError(f'{self!r}: a timer goes by TimeDomain.WATERMARK or TimeDomain.REAL_TIME, '
                             f'got {time_domain!r}')
        self.time_domain = time_domain

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TimerSpec):
            return NotImplemented
        return (self.name, self.time_domain) == (other.name, other.time_domain)

    def __hash__(self) -> int:
        return hash((TimerSpec, self.name))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(not_a_cell(self, name, 'TimerParam'))

    def __repr__(self) -> str:
        return f'TimerSpec({self.name!r})'


def on_timer(timer_spec: TimerSpec) -> Callable[[Method], Method]:
    """Marks the method that is called when a timer fires.

    It may ask for state, timers, ``KeyParam``, ``WindowParam``, ``TimestampParam`` (the time that the timer was set
    to) and ``DynamicTimerTagParam``, and it returns or yields outputs as ``process`` does.

    Args:
      timer_spec: the timer.

    Raises:
      TransformError: if that is no timer, or what is marked no method.
    """
    if not isinstance(timer_spec, TimerSpec):
        raise TransformError(f'@on_timer takes a TimerSpec, got {timer_spec!r} ({type(timer_spec).__name__})')

    def mark(method: Method) -> Method:
        if not callable(method):
            raise TransformError(f'@on_timer({timer_spec!r}) goes above a method, got {method!r}')
        setattr(method, TIMERS, (*getattr(method, TIMERS, ()), timer_spec))
        return method

    return mark


def on_window_expiration(method: Method) -> Method:
    """Marks the method that is called for a key before its state is forgotten, since its window has expired.

    It may ask for state, ``KeyParam``, ``WindowParam`` and ``TimestampParam`` (the window's last instant), and it
    returns or yields outputs as ``process`` does; their timestamp is the window's last instant. It is called for keys
    that still have state, and it is the last thing to be called for them.

    Raises:
      TransformError: if what is marked is no method.
    """
    if not callable(method):
        raise TransformError(f'@on_window_expiration goes above a method, got {method!r}')
    setattr(method, EXPIRATION, True)
    return method


class BaseTimer:
    """A timer of the key and window at hand. Good for the call that it was passed to, and no longer."""

    __slots__ = ()

    def set(self, timestamp: TimestampTypes, dynamic_timer_tag: str = '', *,
            output_timestamp: TimestampTypes | None = None) -> None:
        """Sets the timer, in place of any other time that it was set to.

        It fires when the watermark (or, for ``REAL_TIME``, the clock) has come to that time; at once if it has
        already. An event-time timer fires before its window expires, even if it is set to a later time.

        Args:
          timestamp: a point in time, not a delay.
          dynamic_timer_tag: which one of a family of timers is set; each tag has a time of its own.
          output_timestamp: the event time of what the timer's method gives, up to which the watermark is held until
            then. By default that is the timer's own time, or for ``REAL_TIME`` that of the element at hand.
        """
        raise NotImplementedError

    def set_relative(self, delay: DurationTypes, dynamic_timer_tag: str = '', *,
                     output_timestamp: TimestampTypes | None = None) -> None:
        """Sets a ``REAL_TIME`` timer to so many seconds from now, by the clock that the runner goes by.

        Args:
          delay: seconds, or a ``Duration``.
          dynamic_timer_tag: as for :meth:`set`.
          output_timestamp: as for :meth:`set`.
        """
        raise NotImplementedError

    def clear(self, dynamic_timer_tag: str = '') -> None:
        """Makes the timer not fire."""
        raise NotImplementedError


class RuntimeTimer(BaseTimer):
    """What methods get for a ``TimerParam``."""

    __slots__ = ()
