"""The Dask graph of one stage: its tasks, and what brings them their input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dask.task_spec import DataNode, Task, TaskRef

from bourne.engine import task as engine
from bourne.engine.blocks import Block
from bourne.engine.exchange import WHOLE as STAY
from bourne.engine.exchange import Route
from bourne.engine.plan.stage import Stage
from bourne.runners.dask import exchanges
from bourne.runners.dask.code import all_pickled
from bourne.runners.dask.exchanges import Exchange, Given
from bourne.runners.dask.outputs import Made, Output, Place, Whereabouts
from bourne.runners.dask.shuffle import shuffled
from bourne.runners.dask.texts import sendable
from bourne.runners.dask.work import Order, collect, describe, perform, pick

#: Characters at which Dask's pages cut the name of a task short.
_CUT = str.maketrans({'-': '_', "'": '', '"': '', '(': '', ')': ''})


class StageGraph(NamedTuple):
    """What is sent to Dask for a stage.

    Attributes:
      graph: the tasks by key.
      answers: the keys whose values the client gets, each with the number of the stage's task that it is about.
      held: the keys of what stays on the workers, for other tasks.
      main: the keys of the stage's tasks, each with its number.
      exchange: how their input comes to them; ``None`` if they read a source.
    """

    graph: dict[Any, Any]
    answers: dict[Any, int]
    held: list[Any]
    main: dict[Any, int]
    exchange: Exchange | None


class Naming(NamedTuple):
    """The keys of a stage's tasks. Dask's pages show what comes before the token.

    Attributes:
      stage: the stage's name as these pages can show it.
      token: tells the stage from others, of other runs as well; the ``0`` before it ends the name.
    """

    stage: str
    token: str

    @classmethod
    def of(cls, stage: Stage, run: str, number: int) -> Naming:
        """The naming of a plan's stage."""
        return cls(sendable(stage.name).translate(_CUT), f'{run}-{number}')

    def key(self, number: Any, what: str = '') -> tuple[str, Any]:
        """The key of a task.

        Args:
          number: which one.
          what: what it does for the stage; by default it is one of the stage's own.
        """
        return (f'{self.stage}{what and f": {what}"}-0{self.token}', number)


class Builder:
    """Builds the graph of a stage.

    Args:
      stage: the stage.
      number: which one of the plan.
      run: the run's id.
      setting: the key of what all tasks of the run need.
      sizes: about how many bytes the output of each task has, by key.
      memory: how many bytes of memory all workers have.
      wanted: what ``--exchange`` says.
      uploaded: paths of modules that the workers were sent as files.
      lacking: tells which packages are missing for the P2P shuffle, and where.
    """

    def __init__(self, stage: Stage, number: int, run: str, setting: str, sizes: Mapping[Any, int], memory: int,
                 wanted: str, uploaded: Sequence[str], lacking: Callable[[], Sequence[str]]) -> None:
        self._stage = stage
        self._number = number
        self._run = run
        self._setting = TaskRef(setting)
        self._sizes = sizes
        self._memory = memory
        self._wanted = wanted
        self._uploaded = uploaded
        self._lacking = lacking
        self._naming = Naming.of(stage, run, number)
        self._graph: dict[Any, Any] = {}

    def build(self, tasks: Sequence[engine.Task]) -> StageGraph:
        """The graph of these tasks."""
        sides = tuple(tasks[0].sides)
        side_refs = [self._side(name, tasks[0].sides[name]) for name in sides]
        exchange, inputs = self._inputs(tasks)
        leaves = any(task.routes for task in tasks)
        # What a task takes is small, so it goes to whoever is free. Else Dask would have all tasks wait for the one
        # worker that has the plan, or the small output that they share.
        anywhere = exchange is None or (exchange.kind == exchanges.WHOLE and exchange.size <= exchanges.WHOLE_MOST)
        orders = all_pickled([self._order(task, taken, len(refs), sides, leaves)
                              for task, (refs, taken) in zip(tasks, inputs, strict=True)], self._uploaded)
        answers, main = {}, {}
        for task, order, (refs, _) in zip(tasks, orders, inputs, strict=True):
            key = self._naming.key(task.number)
            self._graph[key] = Task(key, perform, self._setting, order, *refs, *side_refs, _data_producer=anywhere)
            main[key] = task.number
            if leaves:
                answer = self._naming.key(task.number, 'result')
                self._graph[answer] = Task(answer, describe, TaskRef(key))
                answers[answer] = task.number
            else:
                answers[key] = task.number
        return StageGraph(self._graph, answers, list(main) if leaves else [], main, exchange)

    def _order(self, task: engine.Task, taken: _Taken, outputs: int, sides: tuple[str, ...], leaves: bool) -> Order:
        light = task._replace(stage=None, blocks={}, sides={}, routes=dict(task.routes))  # type: ignore[arg-type]
        return Order(self._run, self._number, light, taken, outputs, sides, leaves)

    def _side(self, name: str, blocks: Iterable[Block]) -> TaskRef:
        """A side input as a whole."""
        place = (name, STAY, 0)
        key = self._naming.key(name, 'side input')
        self._graph[key] = Task(key, collect, place, *self._makers({name: blocks}))
        return TaskRef(key)

    def _makers(self, blocks: Mapping[str, Iterable[Block]]) -> list[TaskRef]:
        """Who has these blocks. What the client made itself goes along."""
        keys: dict[Any, None] = {}
        own: dict[Place, list[Block]] = {}
        for name, some in blocks.items():
            for block in some:
                if isinstance(block.ref, Whereabouts):
                    keys[block.ref.made.key] = None
                else:
                    own.setdefault((name, STAY, 0), []).append(block)
        if own:
            key = self._naming.key(len(self._graph), 'committed')
            self._graph[key] = DataNode(key, Output(own))
            keys[key] = None
        return [TaskRef(key) for key in keys]

    def _inputs(self, tasks: Sequence[engine.Task]) -> tuple[Exchange | None, list[tuple[list[TaskRef], _Taken]]]:
        """The exchange, and for each task the references to its input with what it takes of that."""
        taken = [_taken(task) for task in tasks]
        if not tasks[0].blocks:
            return None, [([], {}) for _ in tasks]
        makers = {block.ref.made: None for task in tasks for blocks in task.blocks.values() for block in blocks
                  if isinstance(block.ref, Whereabouts)}
        size = sum(block.size for task in tasks for blocks in task.blocks.values() for block in blocks)
        whole = sum(self._sizes.get(made.key, 0) for made in makers)
        exchange = exchanges.choose(self._stage, Given(size, len(makers), len(tasks), whole, self._memory),
                                    self._wanted, self._lacking)
        if not all(isinstance(block.ref, Whereabouts) for task in tasks for blocks in task.blocks.values()
                   for block in blocks):
            exchange = exchange._replace(kind=exchanges.WHOLE, why='the client made some of it')
        match exchange.kind:
            case exchanges.WHOLE:
                refs = [self._makers(task.blocks) for task in tasks]
            case exchanges.PICKED:
                refs = [self._picked(task) for task in tasks]
            case _:
                refs = self._shuffled(tasks, list(makers))
        return exchange, list(zip(refs, taken, strict=True))

    def _picked(self, task: engine.Task) -> list[TaskRef]:
        """The part of each output that a task takes."""
        refs = []
        for number, (made, places) in enumerate(_places(task).items()):
            key = self._naming.key((number, task.number), 'pick')
            self._graph[key] = Task(key, pick, TaskRef(made.key), places)
            refs.append(TaskRef(key))
        return refs

    def _shuffled(self, tasks: Sequence[engine.Task], makers: Sequence[Made]) -> list[list[TaskRef]]:
        """The frame of each task."""
        takers: dict[Made, dict[Place, int]] = {made: {} for made in makers}
        for number, task in enumerate(tasks):
            for made, places in _places(task).items():
                takers[made].update(dict.fromkeys(places, number))
        graph, frames = shuffled(self._naming.stage, self._naming.token, takers, len(tasks))
        self._graph.update(graph)
        return [[TaskRef(frame)] for frame in frames]


#: For each collection that a task takes, the route and the partitions.
_Taken = dict[str, tuple[Route, tuple[int, ...]]]


def _taken(task: engine.Task) -> _Taken:
    taken: _Taken = {}
    for name, blocks in task.blocks.items():
        places = [block.ref.place for block in blocks if isinstance(block.ref, Whereabouts)]
        way = places[0][1] if places else STAY
        taken[name] = way, tuple(sorted({number for _, _, number in places})) or (0,)
    return taken


def _places(task: engine.Task) -> dict[Made, list[Place]]:
    """What a task takes of each output."""
    places: dict[Made, list[Place]] = {}
    for blocks in task.blocks.values():
        for block in blocks:
            places.setdefault(block.ref.made, []).append(block.ref.place)
    return places
