"""Samples what a thread does, so that a profile costs next to nothing.

Two clocks look at the thread that runs stages:

* a timer of the operating system, on the processor time of the process (``SIGPROF``). Its handler runs in the thread
  itself, at the next bytecode, so it sees a computing thread wherever that is.
* a second thread, for the time in which the first one waits (for a disk, a socket, a sleep), which is when it has let
  go of the interpreter's lock. A second thread alone would not do: it gets the lock when the first one lets go of it,
  so a loop that computes and reads now and then would be seen reading, always.

Where there are no such signals (Windows, another thread than the main one, a program that uses ``SIGPROF`` itself) the
second thread does all of it, which blurs the share of what lets go of the lock.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType

from bourne.engine.plan.stage import Stage
from bourne.engine.program.program import Program
from bourne.engine.stacks import Watched, spot_of
from bourne.sdk.model.profile import Spot

#: Seconds of processor time between two samples of a computing thread.
COMPUTING = 0.01
#: Seconds between two looks at a thread that waits, and at the most between two looks at one that computes: to look,
#: one has to take the interpreter's lock from it.
WAITING = 0.02
SELDOM = 0.16
#: Seconds between two samples where there are no signals.
ALONE = 0.01
#: Who gets the interpreter's lock this late, in seconds, had to ask for it: the thread was computing.
LATE = 0.002


class Sampler:
    """Samples the thread that makes it, as long as it is entered, while that thread works on a stage."""

    def __init__(self) -> None:
        self._thread = threading.current_thread()
        self._watched: Watched | None = None
        self._computing: dict[Spot, float] = {}
        self._waiting: dict[Spot, float] = {}
        self._stop = threading.Lock()
        self._looker: threading.Thread | None = None
        self._signals = False
        self._before: object = None
        self._spent = 0.0
        self._schedule = _schedule(self._thread)
        self._idle = 0.0
        self._last: Spot | None = None

    def __enter__(self) -> Sampler:
        self._signals = self._take_signals()
        self._stop.acquire()
        self._looker = threading.Thread(target=self._look, name='bourne sampler', daemon=True)
        self._looker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._signals:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, self._before)  # type: ignore[arg-type]
        self._stop.release()
        if self._looker is not None:
            self._looker.join()

    @contextmanager
    def watching(self, number: int, stage: Stage, program: Program | None = None) -> Iterator[None]:
        """Samples belong to a stage.

        Args:
          number: its number in the plan, from 1.
          stage: the stage.
          program: its program, once there is one.
        """
        self._last, self._idle = None, self._idle_now()
        self._watched = Watched.of(number, stage, program)
        try:
            yield
        finally:
            self._watched = None
            if self._last is not None:
                self._waited(self._last, self._idle_now())

    def take(self) -> dict[Spot, float]:
        """Seconds by spot since the last call."""
        computing, self._computing = self._computing, {}
        waiting, self._waiting = self._waiting, {}
        found = dict(computing)
        for spot, seconds in dict(waiting).items():  # a copy: the other thread may be about to add to it
            found[spot] = found.get(spot, 0.0) + seconds
        return found

    # Computing: in the thread itself.

    def _take_signals(self) -> bool:
        """Starts the timer, if it is free."""
        if not hasattr(signal, 'setitimer') or self._thread is not threading.main_thread() \
                or signal.getsignal(signal.SIGPROF) is not signal.SIG_DFL or any(signal.getitimer(signal.ITIMER_PROF)):
            return False
        self._before = signal.signal(signal.SIGPROF, self._tick)
        # The user's libraries may not expect that system calls are interrupted.
        signal.siginterrupt(signal.SIGPROF, False)
        self._spent = time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, COMPUTING, COMPUTING)
        return True

    def _tick(self, number: int, frame: FrameType | None) -> None:
        spent = time.thread_time()
        if self._watched is not None:
            with suppress(Exception):  # whatever is wrong here, the user's code in which it would be raised goes on
                spot = spot_of(frame, self._watched)
                self._computing[spot] = self._computing.get(spot, 0.0) + spent - self._spent
        self._spent = spent

    # Waiting: in a thread of its own.

    def _look(self) -> None:
        queued = _schedule(threading.current_thread())
        pause, before = WAITING if self._signals else ALONE, time.monotonic()
        while True:
            due = time.monotonic() + pause - queued()[1]
            if self._stop.acquire(timeout=pause):
                return
            late, watched = time.monotonic() - queued()[1] - due, self._watched
            if watched is None:
                continue
            if self._signals and late > LATE:
                pause = min(2 * pause, SELDOM)
                continue
            now, idle = time.monotonic(), self._idle_now()
            if self._signals:
                pause = WAITING if 2 * (idle - self._idle) > now - before else min(2 * pause, SELDOM)
            before = now
            self._waited(spot_of(sys._current_frames().get(self._thread.ident or 0), watched), idle)

    def _waited(self, spot: Spot, idle: float) -> None:
        """All that was waited since the last look is taken to have been where the thread waits now."""
        if idle > self._idle:
            self._waiting[spot] = self._waiting.get(spot, 0.0) + idle - self._idle
        self._last, self._idle = spot, idle

    def _idle_now(self) -> float:
        """A clock of the seconds in which the thread neither ran nor waited for a processor that others had.

        Without signals it simply goes on.
        """
        return time.monotonic() - (sum(self._schedule()) if self._signals else 0.0)


def _schedule(thread: threading.Thread) -> Callable[[], tuple[float, float]]:
    """A clock of the seconds that a thread has run, and of those that it has waited for a processor others had."""
    path = f'/proc/self/task/{thread.native_id}/schedstat'

    def scheduled() -> tuple[float, float]:
        with open(path, 'rb', buffering=0) as file:
            ran, queued, _ = file.read().split()
        return int(ran) / 1e9, int(queued) / 1e9

    try:
        scheduled()
    except (OSError, ValueError):
        return lambda: (time.process_time(), 0.0)
    return scheduled
