"""The coordinator of a stream: a pure state machine. Events go in, commands come out; it has no thread and no clock.

An epoch is one consistent step of the whole pipeline. The coordinator sends one command for it to every host; within
the epoch hosts exchange data by themselves. When all are done nothing is in flight: state, timers, watermarks and the
positions of the sources are a consistent cut.

What follows an epoch:

=====================================================  =========================================================
after an epoch                                         then
=====================================================  =========================================================
all sources have ended, all watermarks are at infinity  sinks prepare and commit; and, if somebody reads what a
                                                       commit returned, one more epoch; until all is committed
a drain was asked for                                  an epoch in which the sources end where they stand
some source had elements, or an instant has come       the next epoch
otherwise                                              wait until a source has data or an instant comes
=====================================================  =========================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class RunEpoch(NamedTuple):
    """Command: all hosts run an epoch.

    Attributes:
      number: from 0.
      drain: sources end where they stand.
    """

    number: int
    drain: bool


class Wait(NamedTuple):
    """Command: nothing to do until a source has data or an instant comes.

    Attributes:
      until: the instant, in microseconds of processing time; ``None`` if nothing is due.
    """

    until: int | None


class Prepare(NamedTuple):
    """Command: sinks that will get no more make what they have durable."""


class Commit(NamedTuple):
    """Command: what was prepared for these writing operators becomes visible."""

    labels: tuple[str, ...]


class Finish(NamedTuple):
    """Command: the stream is over."""


class HostDone(NamedTuple):
    """Event: a host has run an epoch.

    Attributes:
      host: its number.
      busy: a source gave elements, so that it may have more at once.
      ended: all of its sources have ended.
      due: when something is due in it at the latest, in microseconds of processing time; ``None`` if nothing is.
    """

    host: int
    busy: bool
    ended: bool
    due: int | None


class Prepared(NamedTuple):
    """Event: a host's sinks have prepared.

    Attributes:
      host: its number.
      labels: the writing operators that it has prepared, because they get no more.
    """

    host: int
    labels: Sequence[str]


class Committed(NamedTuple):
    """Event: a :class:`Commit` of these writing operators was performed."""

    labels: tuple[str, ...]


class Woken(NamedTuple):
    """Event: a wait is over, for whichever reason."""


class Drain(NamedTuple):
    """Event: somebody asked for the sources to stop, and for everything to be emitted."""


Command = RunEpoch | Wait | Prepare | Commit | Finish
Event = HostDone | Prepared | Committed | Woken | Drain


class Coordinator:
    """Decides what a stream does next.

    Args:
      hosts: how many there are.
      sinks: the labels of all writing operators.
      read: those of them whose commit returns what somebody reads.
    """

    def __init__(self, hosts: int, sinks: Sequence[str], read: Iterable[str] = ()) -> None:
        self._read = frozenset(read)
        self._hosts = hosts
        self._open = list(sinks)
        self._epoch = 0
        self._done: dict[int, HostDone] = {}
        self._prepared: dict[int, Sequence[str]] = {}
        self._draining = False
        self._drained = False
        self._waiting = False
        self._finished = False

    def start(self) -> list[Command]:
        """The first commands."""
        return [RunEpoch(0, False)]

    def handle(self, event: Event) -> list[Command]:
        """What to do after an event."""
        match event:
            case HostDone(host=host):
                self._done[host] = event
                return self._after_epoch() if len(self._done) == self._hosts else []
            case Prepared(host=host, labels=labels):
                self._prepared[host] = labels
                return self._after_prepare() if len(self._prepared) == self._hosts else []
            case Committed(labels=labels):
                return self._run() if self._open or self._read.intersection(labels) else self._finish()
            case Woken():
                return self._run() if self._waiting else []
            case Drain():
                self._draining = True
                return self._run() if self._waiting else []
        raise AssertionError(event)

    def validate(self) -> None:
        """Checks what must hold between two events.

        Raises:
          AssertionError: if it does not.
        """
        assert len(self._done) < self._hosts, 'an epoch is over and nothing follows'
        assert not (self._waiting and self._done), 'waiting in the middle of an epoch'
        assert not (self._finished and self._open), 'finished with sinks that are not committed'

    def _after_epoch(self) -> list[Command]:
        done, self._done = list(self._done.values()), {}
        if all(one.ended for one in done):
            return [Prepare()] if self._open else self._finish()
        if any(one.busy for one in done) or (self._draining and not self._drained):
            return self._run()
        self._waiting = True
        return [Wait(min((one.due for one in done if one.due is not None), default=None))]

    def _after_prepare(self) -> list[Command]:
        labels = tuple(label for label in self._open if all(label in found for found in self._prepared.values()))
        self._prepared = {}
        assert labels, 'no sink is complete although all sources have ended'
        self._open = [label for label in self._open if label not in labels]
        return [Commit(labels)]

    def _run(self) -> list[Command]:
        self._waiting = False
        self._epoch += 1
        self._drained = self._draining
        return [RunEpoch(self._epoch, self._draining)]

    def _finish(self) -> list[Command]:
        self._finished = True
        return [Finish()]
