"""What a workload is, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from benchmarks.measure import Measure

#: The contender that every other one is compared with, and the one that it is all about.
HAND = 'by hand'
BOURNE = 'bourne'

Taken = Mapping[str, Measure]


@attrs.frozen
class Goal:
    """A number that is to be reached.

    Attributes:
      what: which number it is.
      number: finds it in what the contenders took.
      bound: how large it may be, or must be.
      unit: what it counts; ``''`` is a ratio.
      at_least: it must be at least, and not at most, ``bound``.
    """

    what: str
    number: Callable[[Taken], float]
    bound: float
    unit: str = ''
    at_least: bool = False

    def check(self, taken: Taken) -> dict[str, Any]:
        """The goal as it stands in the results: what, measured, bound, unit, reached."""
        measured = self.number(taken)
        reached = measured >= self.bound if self.at_least else measured <= self.bound
        sign = 'at least' if self.at_least else 'at most'
        return {'what': self.what, 'measured': f'{_short(measured)} {self.unit}'.strip(),
                'bound': f'{sign} {self.bound:g} {self.unit}'.strip(), 'reached': reached}


def _short(number: float) -> str:
    return f'{number:.0f}' if abs(number) >= 100 else f'{number:.3g}'


def cpu_ratio(bound: float) -> Goal:
    """The CPU time of the pipeline is at most so many times that of the loop."""
    return Goal('CPU time, in that by hand', lambda taken: taken[BOURNE].cpu / taken[HAND].cpu, bound)


def spent(contender: str, against: str, bound: float) -> Goal:
    """One contender's CPU time is at most so many times another's."""
    return Goal(f'CPU time of {contender}, in that of {against}',
                lambda taken: taken[contender].cpu / taken[against].cpu, bound)


def speedup(contender: str, against: str, bound: float) -> Goal:
    """One contender's wall-clock throughput is at least so many times another's."""
    return Goal(f'throughput of {contender}, in that of {against}',
                lambda taken: taken[against].wall / taken[contender].wall, bound, at_least=True)


@attrs.frozen
class Workload:
    """One thing to measure.

    Attributes:
      name: what it is called on the command line.
      title: what it is.
      section: the part of the page that it stands in.
      unit: what its throughput counts.
      amount: how many of them there are.
      prepare: makes the input, or finds it; not measured.
      contenders: by name, functions of the input that must return the same summary; the loop by hand is the first.
      goals: what is asked.
      rounds: how often each contender runs, unless the command line says otherwise.
    """

    name: str
    title: str
    section: str
    unit: str
    amount: float
    prepare: Callable[[], Any]
    contenders: Mapping[str, Callable[[Any], Any]]
    goals: tuple[Goal, ...] = ()
    rounds: int = 3
