"""The Dask executor: a stage's tasks are Dask's, and what they make stays on the workers until others take it.

The client sends one graph for each stage, and waits for small answers: the results of tasks, in which blocks are
references. Dask decides where a task runs, moves what it takes, and runs again what a lost worker had. So a result may
come from a task that was run several times; the first answer that arrives counts, and no other is asked for.
"""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from dask.highlevelgraph import HighLevelGraph
from dask.task_spec import DataNode

from bourne.engine.blocks import Block
from bourne.engine.plan.stage import MergeCombine, Plan, PreCombine, Stage
from bourne.engine.sizing import Sizing
from bourne.engine.task import Done, Report, Run, Task, TaskResult
from bourne.runners.common.failures import unpack
from bourne.runners.common.folder import RunFolder
from bourne.runners.dask import resources
from bourne.runners.dask.blaming import Blaming
from bourne.runners.dask.code import pickled
from bourne.runners.dask.exchanges import Exchange
from bourne.runners.dask.logs import levels
from bourne.runners.dask.outputs import OutputStore, Whereabouts
from bourne.runners.dask.places import Setting
from bourne.runners.dask.shuffle import NEEDS
from bourne.runners.dask.stagegraph import Builder, StageGraph
from bourne.runners.dask.versions import lacking
from bourne.runners.dask.work import end_run, end_stage
from bourne.sdk.graph.nodes import Combine, ParDo
from bourne.sdk.model.coders import registry
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.value_provider import RuntimeValueProvider

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds between two looks at whether the run was cancelled.
INTERVAL = 0.2


class ClientStore(OutputStore):
    """What the coordinator sees of blocks: it makes some itself, and says which ones are not needed any more."""

    def __init__(self, executor: DaskExecutor) -> None:
        super().__init__(RunFolder(None))
        self._executor = executor

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        self._executor.release(block.ref.made.key for block in blocks if isinstance(block.ref, Whereabouts))


class DaskExecutor:
    """Runs tasks on a Dask cluster.

    Args:
      client: a client of the cluster, not an asynchronous one.
      sizing: by what work is cut into tasks.
      exchange: ``auto``, ``p2p`` or ``tasks``.
      retries: how often a task that failed is run again.
      uploaded: paths of modules that the workers were sent as files.

    Attributes:
      exchanges: the exchange of each stage that ran and takes what others made, by the stage's name.
      tasks: how many tasks were sent to Dask for each stage, by the stage's name.
    """

    def __init__(self, client: Client, sizing: Sizing, exchange: str, retries: int,
                 uploaded: Sequence[str] = ()) -> None:
        self.client = client
        self.sizing = sizing
        self.store = ClientStore(self)
        self.exchanges: dict[str, Exchange] = {}
        self.tasks: dict[str, int] = {}
        self._exchange = exchange
        self._retries = retries
        self._uploaded = uploaded
        self._plan: Plan | None = None
        self._run: Run | None = None
        self._setting: tuple[str, bytes] = ('', b'')
        self._blaming = Blaming(client)
        self._workers: Mapping[str, resources.Worker] = {}
        #: What stays on the workers: by key, with the number of places that are still needed and its size.
        self._held: dict[Any, Future] = {}
        self._needed: Counter[Any] = Counter()
        self._sizes: dict[Any, int] = {}
        self._running: list[Future] = []

    def open(self, plan: Plan, run: Run) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        self._plan, self._run = plan, run
        setting = Setting(plan, run, RuntimeValueProvider.current(), registry.get_custom_type_coder_tuples(),
                          levels())
        self._setting = (f'bourne plan-0{run.id}', pickled(tuple(setting), self._uploaded))
        self._workers = resources.check(plan, self.client)

    def run(self, tasks: Sequence[Task], report: Report, done: Done) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        stage = tasks[0].stage
        made = self._build(stage, tasks)
        self._blaming.watch(stage, made, tasks)
        futures = self._send(stage, made)
        by_number = {task.number: task for task in tasks}
        ended: SimpleQueue[Future] = SimpleQueue()
        for key in made.answers:
            futures[key].add_done_callback(ended.put)
        count = 0
        while count < len(made.answers):
            for key, data in self._answers(ended, report):
                count += 1
                result: TaskResult = pickle.loads(data)
                task = by_number[made.answers[key]]
                report(_elements(task, result), count / len(tasks))
                self._keep(result)
                done(task, result)
        self._running.clear()
        self._release_unneeded(made.held)
        self._end_stage(stage)

    def _build(self, stage: Stage, tasks: Sequence[Task]) -> StageGraph:
        assert self._plan is not None
        assert self._run is not None
        number = self._plan.stages.index(stage)
        made = Builder(stage, number, self._run.id, self._setting[0], self._sizes, self._memory(), self._exchange,
                       self._uploaded, lambda: lacking(self.client, NEEDS)).build(tasks)
        if made.exchange is not None:
            self.exchanges[stage.name] = made.exchange
        self.tasks[stage.name] = len(made.graph)
        return made

    def _send(self, stage: Stage, made: StageGraph) -> dict[Any, Future]:
        """Sends the tasks of a stage; returns the futures of what is to be held and answered."""
        setting, data = self._setting
        if setting not in self._held:
            made.graph[setting] = DataNode(setting, data)
        keys = list(dict.fromkeys([*made.answers, *made.held, setting]))
        # As a layer it is sent as it is; of a plain dictionary Dask would first make a hash of all that is in it.
        graph = HighLevelGraph.from_collections(keys[0][0], made.graph)
        with resources.restricted(stage, self.client, made.main, self._workers):
            sent = self.client.get(graph, keys, sync=False, retries=self._retries or None)
        futures = dict(zip(keys, sent, strict=True))
        self._held.update((key, futures[key]) for key in (*made.held, setting))
        self._running = [futures[key] for key in made.answers]
        return futures

    def _answers(self, ended: SimpleQueue[Future], report: Report) -> list[tuple[Any, bytes]]:
        """The answers of the tasks that have ended since the last time, by their keys.

        Raises:
          Exception: what made a task fail.
        """
        batch = []
        for future in self._next(ended, report):
            if future.status == 'finished':
                batch.append(future)
            elif future.status in ('lost', 'pending'):  # its worker is gone, and Dask runs it again
                future.add_done_callback(ended.put)
            else:
                raise self._blaming.failure(future)
        try:
            found = self.client.gather(batch)
        except Exception as error:
            failure = self._blaming.of_error(error)
            raise failure from failure.__cause__
        return [(future.key, data) for future, data in zip(batch, found, strict=True)]

    def _next(self, ended: SimpleQueue[Future], report: Report) -> list[Future]:
        """The tasks that have ended since the last time, at least one."""
        while True:
            try:
                batch = [ended.get(timeout=INTERVAL)]
            except Empty:
                report(0, None)
                self._blaming.check_connection()
                continue
            with suppress(Empty):
                while True:
                    batch.append(ended.get_nowait())
            return batch

    def _keep(self, result: TaskResult) -> None:
        for routes in result.outputs.values():
            for parts in routes.values():
                for blocks in parts:
                    for block in blocks:
                        self._needed[block.ref.made.key] += 1
                        self._sizes[block.ref.made.key] = self._sizes.get(block.ref.made.key, 0) + block.size

    def release(self, keys: Iterable[Any]) -> None:
        """One place of each of these outputs is not needed any more."""
        freed = Counter(keys)
        self._needed.subtract(freed)
        self._release_unneeded(freed)

    def _release_unneeded(self, keys: Iterable[Any]) -> None:
        for key in keys:
            if self._needed[key] <= 0 and key in self._held:
                self._held.pop(key).release()
                del self._needed[key]

    def _end_stage(self, stage: Stage) -> None:
        """Has user functions torn down where that means something; raises the first failure."""
        assert self._plan is not None
        assert self._run is not None
        if not any(_is_torn_down(op.payload) for op in stage.ops):
            return
        answers = self.client.run(end_stage, self._run.id, self._plan.stages.index(stage), on_error='return')
        for answer in answers.values():
            if isinstance(answer, list) and answer:
                raise unpack(answer[0])

    def _memory(self) -> int:
        """How many bytes of memory the workers may take; as if there were no limit where none is set."""
        limits = [worker['memory_limit'] for worker in self.client.scheduler_info(n_workers=-1)['workers'].values()]
        return sum(limits) if limits and all(limits) else sys.maxsize

    def memory(self) -> int:
        """How many bytes of memory the workers have taken, as the scheduler was last told; 0 if it is not known."""
        with suppress(Exception):
            workers = self.client.scheduler_info(n_workers=-1)['workers'].values()
            return sum(int(worker['metrics'].get('memory', 0)) for worker in workers)
        return 0

    def close(self) -> None:
        """See :class:`bourne.engine.executor.Executor`."""
        # What nobody wants any more is not begun, and what runs ends at its next bundle. (Client.cancel with its
        # ``force`` can break the scheduler's connection to the client: distributed 2026.8.)
        for future in (*self._running, *self._held.values()):
            with suppress(Exception):
                future.release()
        self._running.clear()
        self._held.clear()
        if self._run is not None and self.client.status == 'running':
            with suppress(Exception):
                self.client.run(end_run, self._run.id, on_error='ignore')


def _is_torn_down(payload: Any) -> bool:
    """True if an operator's function has a teardown that may do something."""
    match payload:
        case ParDo(fn=DoFn()):
            return True
        case Combine(fn=fn) | PreCombine(fn=fn) | MergeCombine(fn=fn):
            return type(fn).teardown is not CombineFn.teardown
    return False


def _elements(task: Task, result: TaskResult) -> int:
    taken = sum(block.elements for blocks in task.blocks.values() for block in blocks)
    return taken or sum(block.elements for routes in result.outputs.values() for parts in routes.values()
                        for blocks in parts for block in blocks)
