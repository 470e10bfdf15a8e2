"""How the elements that a stage takes come to its tasks: which exchange, and why.

=============  =======================================================  ============================================
exchange       how                                                      tasks, for M that make and N that take
=============  =======================================================  ============================================
whole          each task gets what the others made, and takes its part  none
picked tasks   a task takes the part of one output that one task needs  M x N
P2P shuffle    workers send each other what belongs to the other        M + N + 2 at most
=============  =======================================================  ============================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bourne.engine.memory import readable
from bourne.engine.plan.stage import BY_KEY, SPREAD, MergeCombine, Plan, Stage

WHOLE = 'whole'
PICKED = 'picked tasks'
P2P = 'P2P shuffle'

#: The values of ``--exchange``.
AUTO, ONLY_P2P, ONLY_TASKS = 'auto', 'p2p', 'tasks'

#: Up to so many bytes everything goes to everybody: it costs less than the tasks that would take it apart.
WHOLE_MOST = 8 << 20
#: From so many picked tasks on the P2P shuffle is quicker (see docs/scaling.md).
PICKED_MOST = 1000
#: From this share of the workers' memory on outputs would be read from disk again for each part that is picked.
MEMORY_SHARE = 1 / 4


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


class Given(NamedTuple):
    """What the choice follows from.

    Attributes:
      size: about how many bytes the elements take.
      makers: how many tasks made them.
      takers: how many tasks the stage has.
      whole: how many bytes these makers made in all, for others as well.
      memory: how many bytes of memory all workers have.
    """

    size: int
    makers: int
    takers: int
    whole: int
    memory: int


def choose(stage: Stage, given: Given, wanted: str = AUTO, lacking: Callable[[], Sequence[str]] = list) -> Exchange:
    """Chooses the exchange of a stage whose input is there.

    Args:
      stage: the stage.
      given: what is known of the input.
      wanted: what ``--exchange`` says.
      lacking: tells which packages that the P2P shuffle needs are missing, and where. It has to ask the whole cluster,
        so it is called only where that shuffle would be chosen.
    """
    kind, why = _choice(stage, given, wanted)
    if kind == P2P and wanted == AUTO and (missing := lacking()):
        kind, why = PICKED, f'{"; ".join(missing)}, which the P2P shuffle needs; {why}'
    return Exchange(kind, why, given.size, given.makers, given.takers)


def _choice(stage: Stage, given: Given, wanted: str) -> tuple[str, str]:
    if stage.entry not in (BY_KEY, SPREAD):
        return WHOLE, 'nothing has to be dealt out'
    if wanted == ONLY_P2P and given.size:
        return P2P, '--exchange=p2p says so'
    if given.takers == 1 and given.whole <= 2 * given.size + WHOLE_MOST:
        return WHOLE, 'one task takes everything'
    if given.whole <= WHOLE_MOST:
        return WHOLE, f'it is less than {readable(WHOLE_MOST)}'
    if wanted == ONLY_TASKS:
        return PICKED, '--exchange=tasks says so'
    pairs = given.makers * given.takers
    if pairs > PICKED_MOST:
        return P2P, f'there would be {pairs:,} picked tasks'
    if given.size > MEMORY_SHARE * given.memory:
        return P2P, f'it is more than a quarter of the memory of the workers ({readable(given.memory)})'
    return PICKED, f'there are no more than {PICKED_MOST:,} of them, and the workers have memory for them'


def planned(plan: Plan, wanted: str = AUTO) -> dict[str, str]:
    """What is known of the exchange of each stage before anything runs, by the stage's name."""
    return {stage.name: _planned(stage, wanted) for stage in plan.stages if stage.entry in (BY_KEY, SPREAD)}


def _planned(stage: Stage, wanted: str) -> str:
    if wanted == ONLY_P2P:
        return f'{P2P}: --exchange=p2p says so'
    if wanted == ONLY_TASKS:
        return f'{WHOLE} up to {readable(WHOLE_MOST)}, else {PICKED}: --exchange=tasks says so'
    likely = ', as is likely of what is combined where it is made' if isinstance(
        stage.ops[0].payload, MergeCombine) else ''
    return (f'{WHOLE} up to {readable(WHOLE_MOST)}{likely}; {PICKED} up to {PICKED_MOST:,} of them and a quarter of '
            f"the workers' memory; else {P2P}")
