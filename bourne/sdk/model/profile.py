"""Where a run's time went, as data: seconds by transform, by what was done for it, and by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Spot(NamedTuple):
    """What a thread was doing when it was looked at.

    Attributes:
      stage: the stage's number in the plan, from 1, as ``bourne explain`` counts.
      step: the full label of the transform that it ran for; ``''`` if that cannot be told.
      part: what it did: ``function`` (what the user wrote, and the loop around it), ``read``, ``write``, ``combine``,
        or a part of the engine: ``group``, ``state``, ``exchange``, ``store``, ``spill``, ``side input``, ``engine``.
      line: the innermost line of the user's own code, as ``file:line function``; ``''`` if there was none.
    """

    stage: int
    step: str
    part: str
    line: str = ''


class ProfileRow(NamedTuple):
    """One part of the work of one transform.

    Attributes:
      step: the full label of the transform; ``''`` for what the engine does for the whole stage.
      stage: the number of its stage, from 1.
      part: what was done for it; see :class:`Spot`.
      seconds: how long.
      share: of all that was sampled, from 0 to 1.
      line: where most of it went, as ``file:line function``; ``''`` if no code of the user's was seen.
    """

    step: str
    stage: int
    part: str
    seconds: float
    share: float
    line: str


class Profile:
    """Samples of a run: how many seconds were spent at each spot, summed over all processes.

    Attributes:
      seconds: by spot.
      elapsed: seconds that the whole run took; 0 as long as it goes on.
      processes: how many processes ran its stages.
    """

    def __init__(self, seconds: Mapping[Spot, float] | None = None) -> None:
        self.seconds: dict[Spot, float] = dict(seconds or {})
        self.elapsed = 0.0
        self.processes = 1

    @property
    def total(self) -> float:
        """All seconds that were sampled."""
        return sum(self.seconds.values())

    def add(self, seconds: Mapping[Spot, float]) -> None:
        """Adds samples."""
        for spot, more in seconds.items():
            self.seconds[spot] = self.seconds.get(spot, 0.0) + more

    def rows(self) -> list[ProfileRow]:
        """The parts of each transform's work, what took longest first."""
        lines: dict[tuple[str, int, str], dict[str, float]] = {}
        for spot, seconds in self.seconds.items():
            found = lines.setdefault((spot.step, spot.stage, spot.part), {})
            found[spot.line] = found.get(spot.line, 0.0) + seconds
        total = self.total or 1.0
        rows = [ProfileRow(*place, sum(found.values()), sum(found.values()) / total, _hottest(found))
                for place, found in lines.items()]
        return sorted(rows, key=lambda row: (-row.seconds, row[:3]))

    def share(self, step: str, part: str | None = None) -> float:
        """How much of the time, from 0 to 1, went into a transform, or into one part of its work.

        Args:
          step: its full label.
          part: see :class:`Spot`; by default all parts.
        """
        return sum(row.share for row in self.rows() if row.step == step and part in (None, row.part))

    def __repr__(self) -> str:
        return f'<Profile of {self.total:.2f} s at {len(self.seconds)} spots>'


def _hottest(lines: Mapping[str, float]) -> str:
    named = {line: seconds for line, seconds in lines.items() if line}
    return max(named, key=lambda line: (named[line], line), default='')
