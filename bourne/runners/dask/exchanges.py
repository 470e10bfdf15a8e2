"""How the elements that a stage takes come to its tasks: which exchange, and why.

=============  =======================================================  ============================================
exchange       how                                                      tasks, for M that make and N that take
=============  =======================================================  ============================================
whole          each task gets what the others made, and takes its part  none
picked tasks   a task takes the part of one output that one task needs  M x N
P2P shuffle    workers send each other what belongs to the other        M + N + 1
=============  =======================================================  ============================================
"""

from __future__ import annotations

from typing import NamedTuple

from bourne.engine.memory import readable
from bourne.engine.plan.stage import BY_KEY, SPREAD, MergeCombine, Plan, Stage
from bourne.runners.dask.shuffle import missing_packages

WHOLE = 'whole'
PICKED = 'picked tasks'
P2P = 'P2P shuffle'

#: The values of ``--exchange``.
AUTO, ONLY_P2P, ONLY_TASKS = 'auto', 'p2p', 'tasks'

#: Up to so many bytes everything goes to everybody: it costs less than the tasks that would take it apart.
WHOLE_MOST = 8 << 20
#: From so many bytes on the P2P shuffle is worth its start (see docs/scaling.md).
P2P_LEAST = 32 << 20
#: From so many on even where combiners have made the elements few: then there are few for each task.
P2P_LEAST_COMBINED = 256 << 20


class Exchange(NamedTuple):
    """The exchange of a stage.

    Attributes:
      kind: one of the three.
      why: the reason.
      size: about how many bytes the elements take.
      makers: how many tasks made them.
      takers: how many tasks take them.
    """

    kind: str
    why: str
    size: int
    makers: int
    takers: int

    def __str__(self) -> str:
        return (f'{self.kind}: {readable(self.size)} from {_tasks(self.makers)} to {_tasks(self.takers)}, since '
                f'{self.why}')


def _tasks(number: int) -> str:
    return '1 task' if number == 1 else f'{number:,} tasks'


def choose(stage: Stage, size: int, makers: int, takers: int, whole: int, wanted: str) -> Exchange:
    """Chooses the exchange of a stage whose input is there.

    Args:
      stage: the stage.
      size: about how many bytes it takes.
      makers: how many tasks made them.
      takers: how many tasks it has.
      whole: how many bytes these made in all.
      wanted: what ``--exchange`` says.
    """
    def is_(kind: str, why: str) -> Exchange:
        return Exchange(kind, why, size, makers, takers)

    if stage.entry not in (BY_KEY, SPREAD):
        return is_(WHOLE, 'nothing has to be dealt out')
    if wanted == ONLY_P2P and size:
        return is_(P2P, '--exchange=p2p says so')
    if takers == 1 and whole <= 2 * size + WHOLE_MOST:
        return is_(WHOLE, 'one task takes everything')
    if wanted != ONLY_TASKS and size >= _least(stage):
        missing = missing_packages()
        if not missing:
            return is_(P2P, f'it is more than {readable(_least(stage))}')
        return is_(PICKED, f'{" and ".join(missing)}, which the P2P shuffle needs, are not installed')
    if whole <= WHOLE_MOST:
        return is_(WHOLE, f'it is less than {readable(WHOLE_MOST)}')
    if wanted == ONLY_TASKS:
        return is_(PICKED, '--exchange=tasks says so')
    return is_(PICKED, f'it is less than {readable(_least(stage))}{" and combined" if is_combined(stage) else ""}')


def is_combined(stage: Stage) -> bool:
    """True if what the stage takes was combined where it was made."""
    return isinstance(stage.ops[0].payload, MergeCombine)


def _least(stage: Stage) -> int:
    return P2P_LEAST_COMBINED if is_combined(stage) else P2P_LEAST


def planned(plan: Plan, wanted: str = AUTO) -> dict[str, str]:
    """What is known of the exchange of each stage before anything runs, by the stage's name."""
    return {stage.name: _planned(stage, wanted) for stage in plan.stages if stage.entry in (BY_KEY, SPREAD)}


def _planned(stage: Stage, wanted: str) -> str:
    if wanted == ONLY_P2P:
        return f'{P2P}: --exchange=p2p says so'
    if wanted == ONLY_TASKS:
        return f'{WHOLE} up to {readable(WHOLE_MOST)}, else {PICKED}: --exchange=tasks says so'
    combined = ', since it is combined where it is made' if is_combined(stage) else ''
    return (f'{WHOLE} up to {readable(WHOLE_MOST)}, {PICKED} up to {readable(_least(stage))}{combined}, '
            f'else {P2P}')
