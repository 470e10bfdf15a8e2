"""Streams: what the loop takes when there is nothing to do, for an element alone, and for timers."""

from __future__ import annotations

import heapq
import select
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bourne as beam
from benchmarks import data
from benchmarks.live import TALLY, Counted, Counting, Mark, emit
from benchmarks.numbers import Answer
from benchmarks.workload import BOURNE, HAND, Goal, Workload
from benchmarks.workloads.common import pipeline
from benchmarks.workloads.streams import SECTION
from bourne.sdk.model.state import ReadModifyWriteStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.transforms.periodicsequence import PeriodicImpulse

#: What contenders measure themselves.
BUSY, EPOCH = 'busy, % of a core', 'ms an element'
PER_KEY, PER_SET, PER_FIRING = 'bytes a key', 'µs to write a value and set a timer', 'µs a firing'
#: How long an idle loop is watched, in seconds, and how often it looks at a file.
WATCHED, LOOK = 10, 0.1
#: Windows are so many microseconds long, and there is an element in each microsecond.
WINDOW = 10
#: A timer is set so many microseconds after its event: none is due before all are set.
LATER = 10_000_000_000


#: What the followed file has in it.
LINES = ('one', 'two')


def _followed() -> Path:
    path = data.fresh('followed') / 'log'
    path.write_text(''.join(f'{line}\n' for line in LINES), encoding='utf-8')
    return path


class Watch:
    """The share of a core that this process takes, from when this is made."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self._cpu = time.process_time()

    def percent(self) -> float:
        """So far."""
        return (time.process_time() - self._cpu) / (time.perf_counter() - self.begun) * 100


def _idle_by_hand(seconds: float) -> Answer:
    """A loop that knows of nothing but one file and one connection."""
    path = _followed()
    with (socket.create_server(('127.0.0.1', 0)) as server, path.open(encoding='utf-8') as file,
          socket.create_connection(server.getsockname()) as connection):
        found = file.read().split()
        size, watch = path.stat().st_size, Watch()
        while time.perf_counter() < watch.begun + seconds:
            if select.select([connection], [], [], min(LOOK, seconds))[0]:
                found += connection.recv(1 << 16).decode().split()
            if path.stat().st_size > size:
                found += file.read().split()
        return Answer(sorted(found), {BUSY: watch.percent()})


SEEN: list[str] = []


def _see(line: str) -> None:
    SEEN.append(line)


def _idle(seconds: float) -> Answer:
    SEEN.clear()
    with socket.create_server(('127.0.0.1', 0)) as server:
        p = pipeline()
        lines = (p | beam.io.TailText(str(_followed()), poll_interval=LOOK),
                 p | beam.io.ReadFromSocket(*server.getsockname()))
        lines | beam.Flatten() | 'See' >> beam.Map(_see)
        p | PeriodicImpulse(fire_interval=1.0) | 'Tick' >> beam.Map(abs)
        result = p.run()
        with server.accept()[0]:
            while len(SEEN) < len(LINES) and result.state == 'RUNNING':
                time.sleep(0.01)
            watch = Watch()
            time.sleep(seconds)
            share = watch.percent()
            result.drain()
            result.wait_until_finish()
    return Answer(sorted(SEEN), {BUSY: share})


def _single(start: int, stop: int) -> list[tuple[str, int]]:
    return [(f'user{number % 100}', number) for number in range(start, stop)]


def _epochs_by_hand(count: int) -> Answer:
    """What the stages do, an element at a time."""
    TALLY.clear()
    cpu = time.process_time()
    windows: dict[int, dict[str, int]] = defaultdict(dict)
    for number in range(count):
        [(user, value)] = _single(number, number + 1)
        sums = windows[number // WINDOW]
        sums[user] = sums.get(user, 0) + value
        if (number + 1) % WINDOW == 0:
            emit(sum(windows.pop(number // WINDOW).values()))
    for sums in windows.values():
        emit(sum(sums.values()))
    return Answer(TALLY.result(), {EPOCH: (time.process_time() - cpu) * 1000 / count})


def _epochs_run(count: int) -> float:
    TALLY.clear()
    cpu = time.process_time()
    with pipeline(streaming=True) as p:
        (p
         | beam.io.Read(Counted(count, _single, most=1))
         | beam.WindowInto(FixedWindows(WINDOW / 1e6))
         | 'By user' >> beam.CombinePerKey(sum)
         | beam.MapTuple(lambda user, total: (None, total))
         | 'Together' >> beam.CombinePerKey(sum)
         | beam.Values()
         | 'Emit' >> beam.Map(emit))
    return time.process_time() - cpu


def _epochs(count: int) -> Answer:
    """What the start of a stream takes does not count: that of a short one is taken off."""
    few = count // 10
    start = min(_epochs_run(few) for _ in range(2))
    cpu = _epochs_run(count)
    return Answer(TALLY.result(), {EPOCH: max(0, cpu - start) * 1000 / (count - few)})


def _named(start: int, stop: int) -> list[tuple[str, int]]:
    return [(f'user{number}', number) for number in range(start, stop)]


class Timeout(beam.DoFn):
    """Keeps a value for each key, and emits it when the key's timer fires."""

    VALUE = ReadModifyWriteStateSpec('value')
    TIMER = TimerSpec('timer', TimeDomain.WATERMARK)

    def process(self, element: tuple[str, int], value: Any = beam.DoFn.StateParam(VALUE),
                timer: Any = beam.DoFn.TimerParam(TIMER)) -> None:
        number = element[1]
        value.write(number)
        timer.set(Timestamp(micros=number + LATER))

    @on_timer(TIMER)
    def over(self, value: Any = beam.DoFn.StateParam(VALUE)) -> Iterator[int]:
        """Emits the value, and forgets it."""
        yield value.read()
        value.clear()


def _timers_answer(count: int) -> Answer:
    opened, full = Counting.marks
    return Answer(TALLY.result(), {PER_KEY: max(0, full.memory - opened.memory) / count,
                                   PER_SET: (full.cpu - opened.cpu) * 1e6 / count,
                                   PER_FIRING: (Mark().cpu - full.cpu) * 1e6 / count})


def _timers_by_hand(count: int) -> Answer:
    TALLY.clear()
    values: dict[str, int] = {}
    timers: list[tuple[int, str]] = []
    reader = Counted(count, _named).open(0)
    while (records := reader.poll()) is not None:
        for user, number in records.values:
            values[user] = number
            heapq.heappush(timers, (number + LATER, user))
    while timers:
        TALLY.add(values.pop(heapq.heappop(timers)[1]))
    return _timers_answer(count)


def _timers(count: int) -> Answer:
    TALLY.clear()
    with pipeline(streaming=True) as p:
        p | beam.io.Read(Counted(count, _named)) | beam.ParDo(Timeout()) | 'Emit' >> beam.Map(emit)
    return _timers_answer(count)


def _goal(what: str, name: str, bound: float, unit: str) -> Goal:
    return Goal(what, lambda taken: taken[BOURNE].numbers[name], bound, unit)


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    seconds, epochs, keys = WATCHED * scale, int(2e4 * scale), int(1e6 * scale)
    yield Workload(
        'streams-idle', f'nothing to do for {WATCHED} s: a file followed, a socket, an impulse a second', SECTION, 's',
        seconds, lambda: seconds, {HAND: _idle_by_hand, BOURNE: _idle},
        (_goal('busy while there is nothing to do', BUSY, 1, '% of a core'),), rounds=2)
    yield Workload('streams-epochs', 'three stages, one element an epoch', SECTION, 'M', epochs / 1e6, lambda: epochs,
                   {HAND: _epochs_by_hand, BOURNE: _epochs}, (_goal('an epoch', EPOCH, 0.3, 'ms'),))
    yield Workload('streams-timers', 'a million keys with a value and a timer each, which fires', SECTION, 'M',
                   keys / 1e6, lambda: keys, {HAND: _timers_by_hand, BOURNE: _timers})
